"""Small tables that people make in a spreadsheet: comma, semicolon or tab, decimal point or comma."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from inface.codecs.text_files import read_text
from inface.errors import FormatError


def read_table(path: str | Path, key: str, known: Sequence[str] = ()) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells (column in lower case -> text) of each row whose `key` is not empty.

    Raises:
        FormatError: no column `key`, a column that is not `known` (any is, where none is named),
        or a row with more cells
            than the header.
    """
    text = read_text(path)
    first = text.split("\n", 1)[0]
    mark = max(";\t,", key=first.count)
    reader = csv.reader(io.StringIO(text), delimiter=mark)
    names = [n.strip() if not known else n.strip().lower() for n in next(reader, [])]
    if key not in names:
        expected = f"'{key}'" + (f" and any of {', '.join(n for n in known if n != key)}" if known else "")
        raise FormatError(f"'{path}': expected a header with {expected}, got '{first.strip()}'")
    unknown = [n for n in names if known and n and n not in known]
    if unknown:
        raise FormatError(f"'{path}': unknown column '{unknown[0]}'; expected {', '.join(known)}")
    for row in reader:
        if len(row) > len(names):
            raise FormatError(
                f"'{path}', line {reader.line_num}: {len(row)} cells under {len(names)} headings; with decimal commas, "
                "part the cells by semicolons"
            )
        cells = {name: cell.strip() for name, cell in zip(names, row, strict=False) if name}
        if cells.get(key):
            yield reader.line_num, cells
