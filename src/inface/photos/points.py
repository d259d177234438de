"""Landmarks of photographs from files: name -> pixel `(u, v)`, NaN where a point is hidden.

Read are iBUG `.pts` (68 rows of two numbers, counted from 1), `.txt` and `.csv` (rows of two numbers in a known order,
or `name,u,v` / `u,v,name`, perhaps under a header) and `.json` (`{"name": [u, v]}`, lists of pairs or of records with a
name and x, y). An unnamed list of 68 is in iBUG order, of 98 in that of WFLW [wu2018], of 468 or 478 in mediapipe's.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from inface._validate import FloatArray
from inface.codecs.text_files import read_text
from inface.errors import FormatError

Points = dict[str, FloatArray]
SUFFIXES = (".pts", ".txt", ".csv", ".json")
IBUG = tuple(f"ibug_{i:02d}" for i in range(68))
MEDIAPIPE = tuple(f"mp_{i:03d}" for i in range(478))
# row of WFLW's 98 for each of the 68: every second point of its jaw, the upper edge of its brows, the rest as it is
WFLW = (*range(0, 33, 2), *range(33, 38), *range(42, 47), *range(51, 60),
        60, 61, 63, 64, 65, 67, 68, 69, 71, 72, 73, 75, *range(76, 96))  # fmt: skip


def read_points(path: str | Path, size: tuple[int, int] | None = None) -> Points:
    """Landmarks of one photograph.

    `size` is the photograph's, in pixels: with it, points that all lie between 0 and 1 are taken as shares of it
    (mediapipe's own form).

    Raises:
        FormatError: another kind of file, a row that is no point, a name that stands twice, or an unnamed list of
            another number than 68, 98, 468 or 478.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise FormatError(f"'{path}': expected landmarks with one of the suffixes {', '.join(SUFFIXES)}")
    if suffix == ".json":
        points = _from_json(path)
    else:
        points = _from_rows(path, read_text(path), first=1 if suffix == ".pts" else 0)
    if not points:
        raise FormatError(f"'{path}': expected landmarks, found none")
    places = np.array(list(points.values()))
    known = np.isfinite(places).all(1)
    shares = known.sum() >= 6 and bool((np.abs(places[known]) <= 1.5).all()) and suffix != ".pts"
    if shares and size is None:
        raise FormatError(f"'{path}': the points lie between 0 and 1; the photograph's size is needed to read them")
    if shares and size is not None:
        points = {name: place * np.array(size) - 0.5 for name, place in points.items()}
    return points


def find_points(photo: str | Path) -> Path | None:
    """The landmark file that belongs to a photograph: exactly its stem, beside it; None if there is none.

    Raises `FormatError` when two files fit.
    """
    photo = Path(photo)
    fits = [p for s in SUFFIXES if (p := photo.with_suffix(s)) != photo and p.is_file()]
    if len(fits) > 1:
        raise FormatError(f"'{photo}': two landmark files fit, {fits[0].name} and {fits[1].name}; name one of them")
    return fits[0] if fits else None


def named(rows: Sequence[FloatArray], where: str = "landmarks") -> Points:
    """Points of an unnamed list `(n, 2)`, by its length; raises `FormatError` for an unknown one."""
    count = len(rows)
    if count == 68:
        return dict(zip(IBUG, rows, strict=True))
    if count == 98:
        return {name: rows[row] for name, row in zip(IBUG, WFLW, strict=True)}
    if count in (468, 478):
        return dict(zip(MEDIAPIPE[:count], rows, strict=True))
    raise FormatError(
        f"{where}: expected 68 (iBUG), 98 (WFLW), 468 or 478 (mediapipe) points in order, or names; got {count} points"
    )


def _from_rows(path: Path, text: str, first: int) -> Points:
    """Rows of two numbers, with or without a name; `first` is what the first pixel is called."""
    out: Points = {}
    rows: list[FloatArray] = []
    for number, line in enumerate(text.splitlines(), 1):
        cells = _cells(line)
        if not cells or line.lstrip().startswith("#") or set(line.strip()) <= set("{}"):
            continue
        if first and ":" in line:  # version and n_points of the original files
            continue
        name, place = _row(cells)
        if place is None:
            if not rows and not out and all(_number(cell) is None for cell in cells):
                continue  # a header
            raise FormatError(
                f"'{path}': row {number}: expected u and v, perhaps with a name, got '{line.strip()[:60]}'"
            )
        if name:
            _add(path, out, name, place - first)
        else:
            rows.append(place - first)
    if rows and out:
        raise FormatError(f"'{path}': some rows have names and some have none; give all of them names, or none")
    return out or (named(rows, f"'{path}'") if rows else {})


def _cells(line: str) -> list[str]:
    """Cells of a row: at semicolons (then a decimal comma is one), else at tabs, commas, else at blanks."""
    line = line.strip()
    if ";" in line:
        return [cell.strip().replace(",", ".") for cell in line.split(";")]
    for mark in ("\t", ","):
        if mark in line:
            return [cell.strip() for cell in line.split(mark)]
    return re.split(r"\s+", line) if line else []


def _row(cells: list[str]) -> tuple[str, FloatArray | None]:
    """Name ("" if none) and point of a row; no point where it is of another kind. Empty cells are hidden points."""
    if len(cells) == 2:
        return "", _place(cells)
    if len(cells) == 3:
        at_end, at_start = _place(cells[:2]), _place(cells[1:])
        if at_start is not None and _number(cells[0]) is None:
            return cells[0], at_start
        if at_end is not None and cells[2] and _number(cells[2]) is None:
            return cells[2], at_end
    return "", None


def _number(cell: Any) -> float | None:
    if cell is None or (isinstance(cell, str) and cell.lower() in ("", "nan", "null", "none", "na")):
        return float("nan")
    try:
        return float(cell)
    except (TypeError, ValueError):
        return None


def _place(cells: Sequence[Any]) -> FloatArray | None:
    numbers = [_number(cell) for cell in cells]
    if len(numbers) != 2 or any(n is None or np.isinf(n) for n in numbers):
        return None
    return np.array(numbers, float)


def _from_json(path: Path) -> Points:
    try:
        content = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise FormatError(f"'{path}': no JSON ({error})") from None
    if isinstance(content, Mapping) and isinstance(content.get("landmarks"), Mapping | list):
        content = content["landmarks"]
    out: Points = {}
    if isinstance(content, Mapping):
        for name, value in content.items():
            _add(path, out, str(name), _json_place(path, name, value))
        return out
    if not isinstance(content, list):
        raise FormatError(f"'{path}': expected names with pixels [u, v], or a list of points")
    rows: list[FloatArray] = []
    for number, entry in enumerate(content):
        name = entry.get("name", entry.get("id", entry.get("label"))) if isinstance(entry, Mapping) else None
        place = _json_place(path, number, entry)
        if name is None:
            rows.append(place)
        else:
            _add(path, out, str(name), place)
    if rows and out:
        raise FormatError(f"'{path}': some points have names and some have none; give all of them names, or none")
    return out or named(rows, f"'{path}'")


def _json_place(path: Path, name: Any, value: Any) -> FloatArray:
    if value is None:
        return np.full(2, np.nan)
    if isinstance(value, Mapping):
        keys = next((k for k in (("u", "v"), ("x", "y")) if set(k) <= set(value)), None)
        value = [value[k] for k in keys] if keys else value.get("coordinates", value.get("position"))
    if isinstance(value, list) and len(value) == 3:  # mediapipe gives a depth beside
        value = value[:2]
    place = _place(value) if isinstance(value, list) else None
    if place is None:
        raise FormatError(f"'{path}': point '{name}': expected a pixel [u, v], got {str(value)[:40]}")
    return place


def _add(path: Path, out: Points, name: str, place: FloatArray) -> None:
    if name in out:
        raise FormatError(f"'{path}': the landmark '{name}' stands more than once")
    out[name] = place
