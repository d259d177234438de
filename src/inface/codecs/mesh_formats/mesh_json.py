"""Mesh JSON of the INFACE reference: `{"vertices": [...], "triangles": [...]}`, optional `colors` and `landmarks`.

Unknown coordinates are written as `null`, since JSON has no NaN; `NaN` is understood all the same.
"""

import json
from pathlib import Path
from typing import BinaryIO

import numpy as np

from inface._validate import FloatArray
from inface.codecs.mesh_formats.data import MeshData, MeshLike, unit_colors
from inface.codecs.numbers import millimetres
from inface.errors import FormatError


def is_own(content: bytes) -> bool:
    """Whether the contents begin as a JSON object does; a list is never a mesh."""
    return content[:512].lstrip()[:1] == b"{"


def parse(content: bytes, folder: Path | None = None) -> MeshData:
    """Read mesh JSON; numbers come back bit for bit."""
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"the JSON is damaged or cut short ({error})") from None
    if not isinstance(data, dict) or not {"vertices", "triangles"} <= set(data):
        found = ", ".join(list(data)[:8]) if isinstance(data, dict) else type(data).__name__
        raise FormatError(f"expected a JSON object with 'vertices' and 'triangles', got {found or 'an empty one'}")
    landmarks = data.get("landmarks")
    if isinstance(landmarks, list):  # points without names
        landmarks = {str(i): point for i, point in enumerate(landmarks)}
    colors = data.get("colors")
    triangles = np.array(data["triangles"]) if len(data["triangles"]) else np.zeros((0, 3), np.int32)
    factor = millimetres(data["unit"]) if isinstance(data.get("unit"), str) else 1.0
    return MeshData(
        _points(data["vertices"]) * factor,
        triangles,
        None if colors is None else unit_colors(_points(colors)),
        None if landmarks is None else {name: _points([point])[0] * factor for name, point in landmarks.items()},
        format="JSON",
    )


def is_mesh_json(path: str | Path) -> bool:
    """Whether a JSON file is a mesh, or might be one (it is cut short); False for a record of another kind."""
    content = Path(path).read_bytes()
    if b'"vertices"' in content:
        return True
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return True  # damaged: reading it says so, passing over it would lose it
    return False


def dump(stream: BinaryIO, data: MeshLike) -> None:
    """Write mesh JSON."""
    contents: dict[str, object] = {"vertices": _nulls(data.vertices), "triangles": data.triangles.tolist()}
    if data.colors is not None:
        contents["colors"] = data.colors.tolist()
    if data.landmarks is not None:
        contents["landmarks"] = {name: _nulls(np.asarray(point, float)) for name, point in data.landmarks.items()}
    stream.write(json.dumps(contents, allow_nan=False).encode("ascii"))


def _points(rows: list) -> FloatArray:
    known = [[None] * 3 if row is None else row for row in rows]
    return np.array(known, np.float64).reshape(len(rows), 3)  # None becomes NaN


def _nulls(values: FloatArray) -> list:
    if np.isnan(values).any():
        return np.where(np.isnan(values), None, values).tolist()  # type: ignore[call-overload]
    return values.tolist()
