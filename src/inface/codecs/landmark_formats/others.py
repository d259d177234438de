"""Landmarks of MeshLab (`.pp`), Scalismo (JSON), iBUG (`.pts`), IDAV Landmark (`.pts`, `.dta`) and TPS (`.tps`)."""

import json
import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import numpy as np

from inface._validate import FloatArray
from inface.codecs.landmark_formats.data import IBUG, LandmarkData, Points, defined, lines_of, named, point_of
from inface.codecs.text_files import safe_xml
from inface.errors import FormatError

_MISSING = 9999.0  # IDAV Landmark's mark of a point that is not set
_NTSYS = re.compile(r"1\s+(\d+)(L?)\s+(\d+)(L?)\s+[01]\s*(\S*)\s*DIM\s*=\s*(\d)", re.IGNORECASE)


def parse_meshlab(text: str) -> LandmarkData:
    """MeshLab's picked points."""
    try:
        root = safe_xml(re.sub(r"<!DOCTYPE\s+\w+\s*>", "", text, count=1).lstrip().encode("utf-8"))
    except FormatError as error:
        raise FormatError(f"no MeshLab picked points ({error})") from None
    if root.tag != "PickedPoints":
        raise FormatError(f"expected <PickedPoints>, got <{root.tag}>")
    pairs = []
    for number, point in enumerate(root.iter("point")):
        place = point_of([point.get(axis, "x") for axis in "xyz"])
        active = point.get("active", "1") not in ("0", "false")
        pairs.append((point.get("name", str(number)), place if active else place * np.nan))
    return LandmarkData(named(pairs))


def dump_meshlab(landmarks: Mapping[str, FloatArray]) -> str:
    """MeshLab's picked points; an undefined point is not active."""
    root = ElementTree.Element("PickedPoints")
    for name, point in landmarks.items():
        active = np.isfinite(point).all()
        place = {axis: repr(float(c) if active else 0.0) for axis, c in zip("xyz", point, strict=True)}
        ElementTree.SubElement(root, "point", {**place, "name": name, "active": "1" if active else "0"})
    ElementTree.indent(root)
    return "<!DOCTYPE PickedPoints>\n" + ElementTree.tostring(root, encoding="unicode") + "\n"


def parse_scalismo(content: Any) -> LandmarkData:
    """Scalismo's list of landmarks."""
    if not isinstance(content, list):
        raise FormatError("expected a list of landmarks (Scalismo) or Slicer markups")
    pairs = []
    for entry in content:
        if not isinstance(entry, dict) or "id" not in entry or "coordinates" not in entry:
            raise FormatError("expected entries with 'id' and 'coordinates'")
        pairs.append((str(entry["id"]), point_of(entry["coordinates"])))
    return LandmarkData(named(pairs))


def dump_scalismo(landmarks: Mapping[str, FloatArray]) -> str:
    """Scalismo's list of landmarks; undefined points are left out."""
    entries = [{"id": n, "coordinates": [float(c) for c in p]} for n, p in defined(landmarks).items()]
    return json.dumps(entries, indent=1) + "\n"


def parse_pts(text: str) -> LandmarkData:
    """IDAV Landmark's list of named points, or 68 rows in iBUG order with or without their header."""
    lines = [line.strip() for line in lines_of(text) if line.strip()]
    if lines and re.fullmatch(r"version\s+[\d.]+", lines[0], re.IGNORECASE):
        return LandmarkData(_idav(lines[1:]))
    rows = [point_of(line.replace(",", " ").split()) for line in lines if ":" not in line and line not in "{}"]
    if len(rows) != 68:
        raise FormatError(f"expected 68 points in iBUG order, or a file of IDAV Landmark; got {len(rows)} rows")
    return LandmarkData(dict(zip(IBUG, rows, strict=True)))


def dump_pts(landmarks: Mapping[str, FloatArray]) -> str:
    """iBUG's 68 points where the names are those, else a list of IDAV Landmark."""
    if set(IBUG) <= set(landmarks):
        rows = [" ".join(repr(float(c)) for c in landmarks[name]) for name in IBUG]
        return "version: 1\nn_points: 68\n{\n" + "\n".join(rows) + "\n}\n"
    blank = [name for name in landmarks if not name or re.search(r"\s", name)]
    if blank:
        raise FormatError(f"a .pts file can't hold the name '{blank[0]}', which has blanks; rename it, or write CSV")
    rows = [
        " ".join([name, *(repr(float(c)) for c in np.where(np.isfinite(point).all(), point, _MISSING))])
        for name, point in landmarks.items()
    ]
    return f"Version 1.0\n{len(rows)}\n" + "".join(row + "\n" for row in rows)


def parse_tps(text: str) -> LandmarkData:
    """One specimen of a TPS file with three-dimensional landmarks (`LM3=`), times its `SCALE` where it has one."""
    points: list[FloatArray] = []
    names: list[str] | None = None
    scale, wanted, left = 1.0, 0, 0
    for line in filter(None, (line.strip() for line in lines_of(text))):
        if left:
            points.append(point_of(line.replace(",", " ").split()))
            left -= 1
            continue
        key, _, value = line.partition("=")
        key = key.strip().upper()
        if key in ("LM", "LM3"):
            if wanted:
                raise FormatError("the TPS file holds several specimens; keep one of them in a file of its own")
            if not value.strip().isdecimal():
                raise FormatError(f"expected a number of landmarks after {key}=, got '{value[:20]}'")
            wanted = left = int(value)
        elif key == "SCALE":
            scale = float(point_of([value, 0, 0])[0])
        elif key == "COMMENT" and value.startswith("landmarks "):
            names = [str(name) for name in json.loads(value.removeprefix("landmarks "))]
        elif not value and re.match(r"[-+\d.]", line):
            raise FormatError(f"the TPS file holds more rows than the {wanted} landmarks it names: '{line[:40]}'")
    if len(points) != wanted or not wanted:
        raise FormatError(f"the TPS file is cut short: {wanted} landmarks were announced, {len(points)} are there")
    if names is None or len(names) != wanted:
        names = [str(i) for i in range(wanted)]
    return LandmarkData(named(zip(names, (p * scale for p in points), strict=True)))


def dump_tps(landmarks: Mapping[str, FloatArray]) -> str:
    """A TPS file of one specimen; names stand in a comment, undefined points are NA."""
    rows = [" ".join("NA" if np.isnan(c) else repr(float(c)) for c in point) for point in landmarks.values()]
    comment = "COMMENT=landmarks " + json.dumps(list(landmarks))
    return f"LM3={len(rows)}\n" + "".join(row + "\n" for row in rows) + f"ID=inface\n{comment}\n"


def parse_dta(text: str) -> LandmarkData:
    """One specimen of an NTsys file (`.dta`, `.nts`), as IDAV Landmark and Checkpoint export it."""
    lines = [line.strip() for line in lines_of(text)]
    lines = [line for line in lines if line and line[0] not in "'\""]
    header = _NTSYS.match(lines[0]) if lines else None
    if not header:
        raise FormatError("expected an NTsys header such as '1 1L 30 1 9999 DIM=3'")
    if header[6] != "3" or header[1] != "1":
        raise FormatError(f"expected one specimen in 3 dimensions, got {header[1]} in {header[6]}; keep one in a file")
    words = " ".join(lines[1:]).split()
    count = int(header[3])
    if header[2]:
        words = words[1:]  # the specimen's name
    names = words[:count] if header[4] else []
    words = words[len(names) :]
    if count % 3 or len(words) != count:
        raise FormatError(f"the NTsys file is cut short: {count} numbers were announced, {len(words)} are there")
    rows = [point_of(words[i : i + 3]) for i in range(0, count, 3)]
    missing = float(header[5]) if re.fullmatch(r"[-+]?[\d.]+", header[5]) else None
    return LandmarkData({str(i): np.full(3, np.nan) if (row == missing).all() else row for i, row in enumerate(rows)})


def dump_dta(landmarks: Mapping[str, FloatArray]) -> str:
    """An NTsys file of one specimen; names are lost, undefined points are 9999."""
    rows = [point if np.isfinite(point).all() else np.full(3, _MISSING) for point in landmarks.values()]
    body = "".join(" ".join(repr(float(c)) for c in row) + "\n" for row in rows)
    return f"1 1L {3 * len(rows)} 1 9999 DIM=3\ninface\n{body}"


def _idav(lines: list[str]) -> Points:
    if not lines or not lines[0].isdecimal():
        raise FormatError("expected the number of points on the second line of a file of IDAV Landmark")
    rows = [line.split() for line in lines[1:]]
    if len(rows) != int(lines[0]):
        raise FormatError(f"the file is cut short: {lines[0]} points were announced, {len(rows)} are there")
    pairs = []
    for row in rows:
        if len(row) < 4:
            raise FormatError(f"expected a name and 3 coordinates, got '{' '.join(row)[:60]}'")
        point = point_of(row[-3:])
        pairs.append((" ".join(row[:-3]), np.full(3, np.nan) if (point == _MISSING).all() else point))
    return named(pairs)
