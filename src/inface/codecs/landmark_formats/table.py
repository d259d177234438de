"""Landmarks as a table (`.csv`, `.tsv`, `.txt`): columns by the header, in any order and with others beside them.

Commas, semicolons, tabs or blanks between the cells; decimal commas where the cells allow them. A header names the
coordinates x, y, z (the mesh's own frame), or r, a, s (patient RAS, turned to LPS), or l, p, s, perhaps with a unit
(`x [cm]`); a name; and perhaps `confidence` (0 or less: undefined) or `defined`. Without a header: x, y, z, or with a
name before or after that is no number. Four bare numbers a row have names only where one column counts 0, 1, 2 ...
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence

import numpy as np

from inface._validate import FloatArray
from inface.codecs.landmark_formats.data import IBUG, LandmarkData, Points, lines_of, lps_signs, named, point_of
from inface.codecs.numbers import UNITS_MM, millimetres
from inface.errors import FormatError

_NAMES = ("name", "label", "landmark", "landmarkname", "pointname", "landmarklabel", "code", "abbreviation")
_IDS = ("id", "landmarkid", "pointid", "index", "idx", "number", "nr", "no", "num", "point", "")
_FILLERS = {"pos", "position", "coord", "coords", "coordinate", "coordinates", "points", "center", "centre", "loc"}
_AXES = {"xyz": "", "ras": "RAS", "lps": "LPS"}
_LONG = {"right": "r", "anterior": "a", "superior": "s", "left": "l", "posterior": "p"}


def parse(text: str) -> LandmarkData:
    """Read a table; 68 points without names are taken as iBUG order."""
    data = _parse(text)
    if list(data.points) == [str(i) for i in range(68)]:
        return LandmarkData(dict(zip(IBUG, data.points.values(), strict=True)), data.frame, data.unit)
    return data


def dump(landmarks: Mapping[str, FloatArray]) -> str:
    """`x,y,z,name` rows under a header; coordinates come back bit for bit."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["x", "y", "z", "name"])
    for name, point in landmarks.items():
        writer.writerow([*(repr(float(c)) for c in point), name])
    return stream.getvalue()


class _Header:
    """Which column is what."""

    def __init__(self, cells: Sequence[str]) -> None:
        words = [_words(cell) for cell in cells]
        sets = {}
        for axes, frame in _AXES.items():
            at = [[i for i, (word, _) in enumerate(words) if word == axis] for axis in axes]
            if all(at):
                sets[frame] = at
        self.found = bool(sets)
        if not sets:
            return
        # x, y, z beside r, a, s: two answers
        if len(sets) > 1 or any(len(places) > 1 for places in next(iter(sets.values()))):
            raise FormatError(f"the header '{','.join(cells)[:80]}' names more than one set of coordinates; keep one")
        self.frame, places = next(iter(sets.items()))
        self.at = [place[0] for place in places]
        units = {words[i][1] for i in self.at} - {""}
        if len(units) > 1:
            raise FormatError(f"the header states the units {' and '.join(sorted(units))}; expected one")
        self.unit = units.pop() if units else ""
        plain = [re.sub(r"[^a-z]", "", cell.lower()) for cell in cells]
        rest = [i for i in range(len(cells)) if i not in self.at]
        self.name = next((i for key in (*_NAMES, *_IDS) for i in rest if plain[i] == key), None)
        self.confidence = next((i for i in rest if plain[i] in ("confidence", "defined")), None)

    def point(self, row: Sequence[str]) -> FloatArray:
        """The coordinates of a row, NaN where it says that they are not set."""
        if len(row) <= max(self.at):
            raise FormatError(f"the row '{','.join(row)[:60]}' has {len(row)} cells, fewer than the header")
        point = point_of([_number(row[i]) for i in self.at])
        if self.confidence is not None and len(row) > self.confidence:
            trust = row[self.confidence].strip().lower()
            if trust in ("false", "no") or (trust and trust not in ("true", "yes") and not _value(trust) > 0):
                return np.full(3, np.nan)
        return point


def _parse(text: str) -> LandmarkData:
    lines = [line for line in lines_of(text) if line.strip()]
    comments = [line.lstrip("# \t") for line in lines if line.lstrip().startswith("#")]
    body = [line for line in lines if not line.lstrip().startswith("#")]
    if not body:
        return LandmarkData({})
    rows = [row for row in _records(body) if any(cell.strip() for cell in row)]
    if not rows:
        return LandmarkData({})
    header = _Header(rows[0])
    if header.found:
        rows = rows[1:]
    else:
        stated = [h for c in comments if (h := _Header(_cells(c))).found]
        if not stated:
            return LandmarkData(_bare(rows))
        header = stated[0]
    names = [row[header.name] if header.name is not None and len(row) > header.name else "" for row in rows]
    sign = lps_signs(header.frame) if header.frame else np.ones(3)
    factor = millimetres(header.unit) if header.unit else 1.0
    points = named((name, sign * header.point(row) * factor) for name, row in zip(names, rows, strict=True))
    return LandmarkData(points, "LPS" if header.frame else "", "mm" if header.unit else "")


def _bare(rows: list[list[str]]) -> Points:
    """Rows without a header; an empty last column is a comma too many."""
    while len({len(row) for row in rows}) == 1 and len(rows[0]) > 3 and not any(row[-1].strip() for row in rows):
        rows = [row[:-1] for row in rows]
    width = {len(row) for row in rows}
    numbers = [[_is_number(cell) for cell in row] for row in rows]
    if width == {4} and all(all(flags) for flags in numbers):
        first, last = _counting([row[0] for row in rows]), _counting([row[3] for row in rows])
        if first == last:
            raise FormatError(
                f"each row holds four numbers, such as '{','.join(rows[0])[:60]}', and no header says which are x, y "
                "and z; add a header line such as name,x,y,z"
            )
        place = (0, slice(1, 4)) if first else (3, slice(0, 3))
        return named((row[place[0]], point_of([_number(c) for c in row[place[1]]])) for row in rows)
    pairs = []
    for number, (row, flags) in enumerate(zip(rows, numbers, strict=True)):
        for name, cells, good in ((row[3:], row[:3], flags[:3]), (row[:1], row[1:], flags[1:])):
            if len(cells) == 3 and len(name) <= 1 and all(good):
                word = name[0].strip() if name else ""
                pairs.append((word or str(number), point_of([_number(cell) for cell in cells])))
                break
        else:
            raise FormatError(
                "expected x,y,z and perhaps a name in each row, or a header that names them; got "
                f"'{','.join(row)[:60]}'"
            )
    return named(pairs)


def _counting(cells: Sequence[str]) -> bool:
    """Whether cells are consecutive whole numbers, at least two of them."""
    values = [_value(cell) for cell in cells]
    return len(values) > 1 and all(v == values[0] + i and v == int(v) and v >= 0 for i, v in enumerate(values))


def _words(cell: str) -> tuple[str, str]:
    """A header cell without fillers and unit, in lower case; and the unit."""
    parts = re.findall(r"[a-zµμ]+|\d+", cell.lower())
    unit = next((p for p in parts if p in UNITS_MM and len(parts) > 1), "")
    left = [p for p in parts if p != unit and p not in _FILLERS]
    if "points" in parts and left in (["0"], ["1"], ["2"]):  # ParaView
        left = ["xyz"[int(left[0])]]
    return (_LONG.get(left[0], left[0]) if len(left) == 1 else "".join(left)), unit


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"[,;\t]|\s+" if not re.search(r"[,;\t]", line) else r"[,;\t]", line)]


def _records(lines: list[str]) -> list[list[str]]:
    split = _splitter(lines)
    if lines[0].lower().startswith("sep="):  # Excel's word for it
        split, lines = lines[0][4:5], lines[1:]
    if split == " ":
        return [line.split() for line in lines]
    try:
        return list(csv.reader(io.StringIO("\n".join(lines)), delimiter=split, skipinitialspace=True))
    except (csv.Error, TypeError) as error:
        raise FormatError(f"no table of landmarks ({error})") from None


def _splitter(lines: list[str]) -> str:
    """What stands between the cells: a semicolon or a tab where all lines have it, else commas, else blanks."""
    for mark in (";", "\t"):
        if all(mark in line for line in lines):
            return mark
    commas = any("," in line for line in lines)
    # blanks between numbers with decimal commas
    decimal = all(sum(_is_number(word) for word in line.split()) >= 3 for line in lines[1:] or lines)
    return "," if commas and not decimal else " "


def _number(cell: str) -> str:
    """A cell with a decimal point where it has a decimal comma."""
    cell = cell.strip()
    return cell.replace(",", ".") if re.fullmatch(r"[-+]?\d*,\d+(?:[eE][-+]?\d+)?", cell) else cell


def _value(cell: str) -> float:
    try:
        return float(_number(cell))
    except ValueError:
        return np.nan


def _is_number(cell: str) -> bool:
    """Whether a cell is a coordinate: a number, or nothing for an undefined one."""
    cell = _number(cell)
    if not cell or cell.lower() in ("nan", "na"):
        return True
    try:
        return bool(np.isfinite(float(cell))) and "_" not in cell
    except ValueError:
        return False
