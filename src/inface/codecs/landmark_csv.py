"""Landmarks as CSV: one row a point, `x,y,z` or `x,y,z,name` or `name,x,y,z`, an optional header; NaN = undefined."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from inface._validate import FloatArray
from inface.codecs.text_files import read_text, write_text
from inface.errors import FormatError


def read_landmarks(path: str | Path) -> dict[str, FloatArray]:
    """Name -> point `(3,)`; points without a name are called "0", "1", ... by their row.

    Raises:
        FormatError: a row of another kind, an infinite coordinate, or a name that stands twice.
    """
    points: dict[str, FloatArray] = {}
    try:
        rows = [row for row in csv.reader(io.StringIO(read_text(path))) if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise FormatError(f"'{path}': no CSV of landmarks ({error})") from None
    if rows and _point(rows[0]) is None and {"x", "y", "z"} <= {cell.strip().lower() for cell in rows[0]}:
        rows = rows[1:]
    for number, row in enumerate(rows):
        found = _point(row)
        if found is None:
            raise FormatError(f"'{path}': expected x,y,z and perhaps a name in each row, got '{','.join(row)[:60]}'")
        name, point = found
        name = name or str(number)
        if name in points:
            raise FormatError(f"'{path}': the landmark '{name}' stands more than once")
        points[name] = point
    return points


def write_landmarks(path: str | Path, landmarks: Mapping[str, FloatArray]) -> None:
    """Write `x,y,z,name` rows under a header; coordinates come back bit for bit."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["x", "y", "z", "name"])
    for name, point in landmarks.items():
        writer.writerow([*(repr(float(c)) for c in point), name])
    write_text(path, stream.getvalue())


def _point(row: list[str]) -> tuple[str, FloatArray] | None:
    """Name ("" if none) and point of a row, None if it is of another kind."""
    for name, cells in ((row[3:], row[:3]), (row[:1], row[1:])):
        if len(cells) == 3 and len(name) <= 1:
            try:
                point = np.array([float(cell) if cell.strip() else np.nan for cell in cells])
            except ValueError:
                continue
            return (name[0].strip() if name else "", point) if not np.isinf(point).any() else None
    return None
