"""Landmarks of 3D Slicer: `.fcsv` of all its versions, and markups JSON (`.mrk.json`).

Points come out in LPS, the frame of the meshes that Slicer writes, and in millimetres. A `.fcsv` that states no frame
is of an old version, which wrote RAS, and is taken so as Slicer itself takes it; markups JSON without one is LPS.
"""

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from inface._validate import FloatArray
from inface.codecs.landmark_formats.data import LandmarkData, defined, lines_of, lps_signs, named, point_of
from inface.codecs.numbers import millimetres
from inface.errors import FormatError

_COLUMNS = ["id", "x", "y", "z", "ow", "ox", "oy", "oz", "vis", "sel", "lock", "label", "desc", "associatedNodeID"]
_OLD_COLUMNS = ["label", "x", "y", "z", "sel", "vis"]  # Slicer 3


def parse_fcsv(text: str) -> LandmarkData:
    """Read a `.fcsv` file."""
    sign = lps_signs("RAS")
    columns: list[str] | None = None
    body = []
    for line in lines_of(text):
        if not line.startswith("#"):
            body.append(line)
            continue
        key, _, value = line[1:].partition("=")
        if key.strip().lower() == "coordinatesystem":
            sign = lps_signs(value)
        elif key.strip().lower() == "columns":
            columns = [c.strip() for c in value.split(",")]
    rows = [row for row in csv.reader(io.StringIO("\n".join(body))) if any(cell.strip() for cell in row)]
    if columns is None:
        columns = _OLD_COLUMNS if rows and len(rows[0]) < 12 else _COLUMNS
    if not {"x", "y", "z"} <= set(columns):
        raise FormatError("the columns lack x, y or z")
    at = [columns.index(axis) for axis in "xyz"]
    label = columns.index("label") if "label" in columns else None
    pairs = []
    for number, row in enumerate(rows):
        if len(row) <= max(at):
            raise FormatError(f"row {number + 1} has {len(row)} columns, expected {len(columns)}")
        name = row[label].strip() if label is not None and len(row) > label else ""
        pairs.append((name or str(number), sign * point_of([row[i] for i in at])))
    return LandmarkData(named(pairs), "LPS", "mm")


def parse_markups(content: Any) -> LandmarkData:
    """Read the object of a markups JSON file."""
    if not isinstance(content, dict) or not isinstance(content.get("markups"), list):
        raise FormatError("expected Slicer markups (a key 'markups')")
    pairs = []
    for markup in content["markups"]:
        if not isinstance(markup, dict):
            raise FormatError("expected Slicer markups, got a list of something else")
        sign = lps_signs(str(markup.get("coordinateSystem", "LPS")))
        factor = _factor(markup.get("coordinateUnits", "mm"))
        for number, point in enumerate(markup.get("controlPoints") or []):
            if not isinstance(point, dict):
                raise FormatError("a control point of the Slicer markups is no object")
            known = point.get("positionStatus", "defined") == "defined"
            place = point_of(point.get("position", [])) if known else np.full(3, np.nan)
            name = str(point.get("label") or point.get("id") or number)
            pairs.append((name, sign * place * factor))
    return LandmarkData(named(pairs), "LPS", "mm")


def dump_fcsv(landmarks: Mapping[str, FloatArray]) -> str:
    """A `.fcsv` of version 4.11, in LPS; undefined points are left out."""
    stream = io.StringIO()
    stream.write("# Markups fiducial file version = 4.11\n# CoordinateSystem = LPS\n")
    stream.write(f"# columns = {','.join(_COLUMNS)}\n")
    writer = csv.writer(stream, lineterminator="\n")
    for number, (name, point) in enumerate(defined(landmarks).items(), 1):
        writer.writerow([number, *(repr(float(c)) for c in point), 0, 0, 0, 1, 1, 1, 0, name, "", ""])
    return stream.getvalue()


def dump_markups(landmarks: Mapping[str, FloatArray]) -> str:
    """Markups JSON, in LPS and millimetres, as it states."""
    points = []
    for number, (name, point) in enumerate(landmarks.items(), 1):
        known = bool(np.isfinite(point).all())
        entry: dict = {"id": str(number), "label": name, "positionStatus": "defined" if known else "undefined"}
        if known:
            entry["position"] = [float(c) for c in point]
        points.append(entry)
    markup = {"type": "Fiducial", "coordinateSystem": "LPS", "coordinateUnits": "mm", "controlPoints": points}
    return json.dumps({"markups": [markup]}, indent=1) + "\n"


def _factor(unit: Any) -> float:
    """Millimetres in the unit that a markup states: a word, or a coded entry."""
    if isinstance(unit, dict):
        unit = unit.get("codeValue") or unit.get("CodeValue") or unit.get("code") or ""
    if isinstance(unit, list) and unit:
        if any(entry != unit[0] for entry in unit):
            raise FormatError(f"the markups state different units for their axes: {unit}")
        unit = unit[0]
    return millimetres(str(unit))
