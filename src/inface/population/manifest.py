"""The table beside a folder of meshes: `manifest.csv`, one row a scan."""

import csv
import io
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inface._validate import FloatArray, one_form
from inface.ages import months_of
from inface.codecs import MESH_SUFFIXES, atomic_write
from inface.errors import FormatError

COLUMNS = ("file", "subject", "age_months", "sex", "expression", "neutral", "weight", "split")
_NUMBERS = {"age_months": np.nan, "weight": 1.0}  # what an empty cell stands for
_UNKNOWN = {"", "na", "n/a", "nan", "null"}
_YES = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False, "": False}
_SEXES = {"": "", "m": "male", "male": "male", "boy": "male", "f": "female", "female": "female", "girl": "female"}
_SPLITS = {"": "", "train": "train", "test": "test"}
_WORDS: dict[str, dict[str, Any]] = {"sex": _SEXES, "neutral": _YES, "split": _SPLITS}


@dataclass(frozen=True, eq=False)
class Manifest:
    """Files and what is known of each: the columns that the table has, by name (see `Population` for the types).

    `unlisted` are the names of meshes that lie in the folder and stand in no row of the table.
    """

    files: list[Path]
    columns: Mapping[str, NDArray] = field(default_factory=dict)
    unlisted: tuple[str, ...] = ()


def read_manifest(folder: Path) -> Manifest:
    """`manifest.csv` of a folder; without one, all meshes in it, in the order of their names.

    Columns: file, subject, age_months (or with its unit: 183d, 26w, 1y), sex (male/female), expression,
    neutral (yes/no), weight, split (train/test);
    all but `file` may be missing, others are passed over. Cells are separated by commas, semicolons (then numbers may
    have a decimal comma) or tabs; an empty cell, NA and NaN mean unknown; capitals and spaces in the names of columns
    do not matter. The text is UTF-8, or UTF-16 with its mark.

    Raises:
        FormatError: no such folder, no meshes; a column "file" that is missing; files that are missing or named twice;
            ages in other units; words where numbers are wanted; a subject in both splits.
    """
    if not folder.is_dir():
        raise FormatError(f"'{folder}': expected a folder of registered meshes, there is no such folder")
    there = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    tables = [p for p in there if p.stem.lower() == "manifest" and p.is_file()]
    table = next((p for p in tables if p.suffix.lower() == ".csv"), None)
    if table is None:
        if tables:
            raise FormatError(f"'{tables[0]}': only manifest.csv is read; save the table as CSV (UTF-8)")
        files = [p for p in there if _is_mesh(p)]
        if not files:
            raise FormatError(f"'{folder}': expected registered meshes or a manifest.csv, found neither")
        return Manifest(files)
    names, read = read_table(table)
    files = _files(folder, table, names)
    twice = [path for path, count in Counter(files).items() if count > 1]
    if twice:
        raise FormatError(f"'{table}': '{min(twice).name}' stands more than once; give each scan one row")
    listed = set(files)
    return Manifest(files, read, tuple(p.name for p in there if _is_mesh(p) and p not in listed))


def read_table(table: Path) -> tuple[list[str], dict[str, NDArray]]:
    """Names in the column "file", and the other columns, of a table as `read_manifest` describes it."""
    columns, lines, comma = _table(table)
    read: dict[str, NDArray] = {}
    for name in columns:
        cells = _Cells(table, name, columns[name], lines)
        if name in ("subject", "expression"):
            read[name] = one_form(np.array(columns[name], dtype=np.str_))
        elif name in _WORDS:
            read[name] = _named(cells, _WORDS[name])
        elif name in _NUMBERS:
            read[name] = _numbers(cells, _NUMBERS[name], comma)
    _check_subjects(table, read)
    return columns["file"], read


def write_manifest(path: Path, files: Sequence[str], columns: Mapping[str, NDArray]) -> None:
    """Write a table that `read_manifest` reads: `files (N,)` and the known columns `(N,)` of a `Population`."""
    names = [name for name in COLUMNS[1:] if name in columns]
    with atomic_write(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("file", *names))
        cells = [[_cell(value) for value in np.asarray(columns[name]).tolist()] for name in names]
        writer.writerows(zip(files, *cells, strict=True))


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if isinstance(value, float) and np.isnan(value) else str(value)


def _is_mesh(path: Path) -> bool:
    """Whether the suffix is that of a mesh; JSON files count only where a table names them."""
    return path.suffix.lower() in MESH_SUFFIXES and path.suffix.lower() != ".json"


def _text(table: Path) -> str:
    content = table.read_bytes()
    try:
        return content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        raise FormatError(f"'{table}': the text is not UTF-8; save the table as CSV (UTF-8)") from None


def _table(table: Path) -> tuple[dict[str, list[str]], list[int], bool]:
    """Known columns by name, the line of each row, and whether numbers may have a decimal comma."""
    text = _text(table)
    header = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    names: list[str] = []
    rows, lines = [], []
    try:
        for row in reader:
            cells = ["" if cell.strip().lower() in _UNKNOWN else cell.strip() for cell in row]
            if not any(cells):
                continue
            if not names:
                names = ["_".join(cell.lower().split()) for cell in cells]
                continue
            if any(cells[len(names) :]):
                raise FormatError(
                    f"'{table}': line {reader.line_num} has {len(cells)} cells, the header {len(names)}; put cells "
                    f"that hold the separator '{separator}' between quotation marks"
                )
            rows.append(cells[: len(names)] + [""] * (len(names) - len(cells)))
            lines.append(reader.line_num)
    except csv.Error as error:
        raise FormatError(f"'{table}': line {reader.line_num} cannot be read as CSV: {error}") from None
    known = f"known columns: {', '.join(COLUMNS)}"
    if "file" not in names or not rows:
        found = f"found {', '.join(name or '(no name)' for name in names)}" if names else "it is empty"
        raise FormatError(f"'{table}': expected a column 'file' and at least one row, {found}; {known}")
    double = [name for name in COLUMNS if names.count(name) > 1]
    if double:
        raise FormatError(f"'{table}': the column '{double[0]}' stands more than once; keep one")
    for other in ("age", "age_days", "age_years", "age_weeks"):
        if other in names and "age_months" not in names:
            raise FormatError(
                f"'{table}': the column '{other}' is not read; give 'age_months' (days / 30.44, years * 12)"
            )
    places = {name: names.index(name) for name in COLUMNS if name in names}
    return {name: [row[i] for row in rows] for name, i in places.items()}, lines, separator == ";"


def _files(folder: Path, table: Path, names: list[str]) -> list[Path]:
    if "" in names:
        raise FormatError(f"'{table}': {names.count('')} rows name no file; fill the column 'file', or delete the rows")
    files = [folder / name for name in names]
    missing = [i for i, path in enumerate(files) if not path.is_file()]
    for i in missing:
        if "\\" in names[i]:
            files[i] = folder / names[i].replace("\\", "/")
    missing = [i for i in missing if not files[i].is_file()]
    if not missing:
        return files
    there: dict[Path, dict[str, Path]] = {}  # names in one normal form of Unicode
    for i in missing:
        parent = files[i].parent
        if parent not in there:
            inside = parent.iterdir() if parent.is_dir() else ()
            there[parent] = {unicodedata.normalize("NFC", p.name): p for p in inside}
        files[i] = there[parent].get(unicodedata.normalize("NFC", files[i].name), files[i])
    missing = [i for i in missing if not files[i].is_file()]
    if not missing:
        return files
    first = files[missing[0]]
    near = [p for p in first.parent.iterdir() if _is_mesh(p)] if first.parent.is_dir() else []
    like = [p.name for p in near if first.name.lower() in (p.name.lower(), p.stem.lower())]
    hint = f"; the folder has '{min(like)}'" if like else ""
    raise FormatError(
        f"'{table}': {len(missing)} of {len(files)} files are not there, the first is '{names[missing[0]]}'{hint}"
    )


def _check_subjects(table: Path, found: Mapping[str, NDArray]) -> None:
    if "subject" not in found:
        return
    subject = found["subject"]
    nameless = int((subject == "").sum())
    if nameless:
        raise FormatError(f"'{table}': {nameless} scans have no subject; name all of them, or drop the column")
    if "split" in found:
        both = np.intersect1d(subject[found["split"] == "train"], subject[found["split"] == "test"])
        if len(both):
            raise FormatError(f"'{table}': subject '{both[0]}' is in both splits; split by subject, not by scan")


@dataclass(frozen=True)
class _Cells:
    """One column of a table, for the sentences about it: its cells and the line each stands in."""

    table: Path
    name: str
    cells: list[str]
    lines: list[int]

    def refused(self, i: int, expected: str) -> FormatError:
        """What to raise for cell `i`."""
        return FormatError(f"'{self.table}': line {self.lines[i]}, {self.name}: expected {expected}")


def _numbers(column: _Cells, empty: float, comma: bool) -> FloatArray:
    out: FloatArray = np.empty(len(column.cells))
    for i, word in enumerate(column.cells):
        try:
            out[i] = float(word.replace(",", ".") if comma else word) if word else empty
        except ValueError:
            out[i] = _age(word) if column.name == "age_months" else np.inf
        if np.isinf(out[i]):
            raise column.refused(i, f"a number, or nothing; got '{word}'")
    if column.name == "weight" and (out < 0).any():
        i = int(np.argmax(out < 0))
        raise column.refused(i, f"zero or more, got {out[i]:g}")
    return out


def _age(word: str) -> float:
    """Months of an age with its unit, such as `183d`; infinity for anything else."""
    try:
        return months_of(word)
    except ValueError:
        return np.inf


def _named(column: _Cells, known: Mapping[str, Any]) -> NDArray:
    for i, word in enumerate(column.cells):
        if word.lower() not in known:
            wanted = ", ".join(key for key in known if key)
            raise column.refused(i, f"one of {wanted}, or nothing; got '{word}'")
    return np.array([known[word.lower()] for word in column.cells])
