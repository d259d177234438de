"""Binary glTF 2.0 (GLB), written: positions, triangles, vertex colours, morph targets [gltf2].

glTF is in metres, y up, z to the front, which is this package's frame but for the unit. Positions are written in
millimetres as float32 under a node scaled by 0.001, so that viewers see metres and the numbers stay exact to float32;
a mesh far from the origin is written about its centre, under a node that moves it back. Colours are linear light in
glTF: they are converted from sRGB. Landmarks, and the unit, are kept in the mesh's `extras`.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from inface._validate import FloatArray, IntArray, finite, floats
from inface.codecs.files import atomic_write
from inface.codecs.mesh_formats.data import MeshLike, float32_error
from inface.errors import FormatError

_JSON, _BIN = 0x4E4F534A, 0x004E4942
_MILLIMETRES = 1000.0  # in a metre


def dump(stream: BinaryIO, data: MeshLike) -> None:
    """Write one mesh without morph targets."""
    _write(stream, data, np.zeros((0, *data.vertices.shape)), ())


def write_glb_morphs(
    path: str | Path, base: MeshLike, targets: FloatArray, names: Sequence[str], weights: Sequence[float] | None = None
) -> None:
    """Write a mesh with morph targets ("shape keys" in Blender), atomically.

    Args:
        path: of the `.glb` file.
        base: the shape at weight 0, in millimetres.
        targets: `(n, V, 3)` displacements at weight 1, in millimetres.
        names: of the targets, kept in the mesh's `extras.targetNames`, where Blender and three.js look.
        weights: the weights a viewer starts with; 0 when None.

    Raises:
        FormatError: NaN or infinite positions, which glTF can't hold.
        ValueError: sizes that do not fit.
    """
    targets = floats("targets", targets, (len(names), len(base.vertices), 3))
    if len(set(names)) != len(names):
        raise ValueError("names: two morph targets have one name")
    if weights is not None and len(weights) != len(names):
        raise ValueError(f"weights: expected {len(names)}, one a target, got {len(weights)}")
    with atomic_write(path) as temporary, open(temporary, "wb") as stream:
        _write(stream, base, targets, names, weights)


def _write(
    stream: BinaryIO, data: MeshLike, targets: FloatArray, names: Sequence[str], weights: Sequence[float] | None = None
) -> None:
    for what, array in (("vertices", data.vertices), ("targets", targets)):
        try:
            finite(what, array)
        except ValueError:
            raise FormatError(f"GLB can't hold unknown (NaN) {what}; fill them first, or write PLY") from None
    if not len(data.vertices):
        raise FormatError("GLB can't hold a mesh without vertices; write PLY")
    blob = _Blob()
    far = float32_error(data.vertices) > 0
    centre = np.rint((data.vertices.max(0) + data.vertices.min(0)) / 2) if far else np.zeros(3)
    primitive: dict[str, Any] = {"attributes": {"POSITION": blob.add(data.vertices - centre, bounds=True)}, "mode": 0}
    if data.colors is not None:
        primitive["attributes"]["COLOR_0"] = blob.add(_linear(data.colors))
    if len(data.triangles):
        primitive |= {"mode": 4, "indices": blob.add(data.triangles), "material": 0}
    extras: dict[str, Any] = {"unit": "mm"}
    if data.landmarks:
        extras["landmarks"] = {
            name: [None if np.isnan(c) else float(c) for c in point - centre] for name, point in data.landmarks.items()
        }
    mesh: dict[str, Any] = {"primitives": [primitive], "extras": extras}
    if len(targets):
        primitive["targets"] = [{"POSITION": blob.add(target, bounds=True)} for target in targets]
        mesh["weights"] = [0.0] * len(targets) if weights is None else [float(w) for w in weights]
        extras["targetNames"] = list(names)
    node: dict[str, Any] = {"mesh": 0, "name": "mesh", "scale": [1 / _MILLIMETRES] * 3}
    if far:
        node["translation"] = (centre / _MILLIMETRES).tolist()
    document = {
        "asset": {"version": "2.0", "generator": "inface"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [node],
        "meshes": [mesh],
        "materials": [{"doubleSided": True, "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 0.8}}],
        "accessors": blob.accessors,
        "bufferViews": blob.views,
        "buffers": [{"byteLength": blob.size}],
    }
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode("ascii")
    text += b" " * (-len(text) % 4)
    total = 12 + 8 + len(text) + 8 + blob.size
    stream.write(b"glTF" + _words(2, total, len(text), _JSON) + text + _words(blob.size, _BIN))
    for piece in blob.pieces:
        stream.write(piece)


class _Blob:
    """The binary chunk: float32 and uint32 only, so that every piece is aligned to four bytes."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.views: list[dict] = []
        self.accessors: list[dict] = []
        self.size = 0

    def add(self, array: FloatArray | IntArray, *, bounds: bool = False) -> int:
        """Append points `(n, 3)` or triangles `(T, 3)`; returns the number of its accessor."""
        is_index = array.dtype.kind in "iu"
        values = array.astype("<u4").reshape(-1) if is_index else array.astype("<f4")
        piece = values.tobytes()
        self.views.append(
            {"buffer": 0, "byteOffset": self.size, "byteLength": len(piece), "target": 34963 if is_index else 34962}
        )
        accessor: dict[str, Any] = {
            "bufferView": len(self.views) - 1,
            "componentType": 5125 if is_index else 5126,
            "count": len(values),
            "type": "SCALAR" if is_index else "VEC3",
        }
        if bounds:
            accessor |= {"min": values.min(0).tolist(), "max": values.max(0).tolist()}
        self.accessors.append(accessor)
        self.pieces.append(piece)
        self.size += len(piece)
        return len(self.accessors) - 1


def _linear(colors: FloatArray) -> FloatArray:
    """sRGB to linear light [iec61966]."""
    return np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)


def _words(*numbers: int) -> bytes:
    return np.array(numbers, "<u4").tobytes()
