"""Binary glTF 2.0 (GLB): positions, triangles, vertex colours, morph targets [gltf2].

glTF is in metres, y up, z to the front, which is this package's frame but for the unit. Positions are written in
millimetres as float32 under a node scaled by 0.001, so that viewers see metres and the numbers stay exact to float32;
a reader here applies the nodes and multiplies by 1000, whoever wrote the file. Colours are linear light in glTF: they
are converted from and to the sRGB values of meshes. Landmarks, and the unit, are kept in the mesh's `extras`.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from inface._validate import FloatArray, IntArray, finite, floats
from inface.codecs.files import atomic_write
from inface.codecs.mesh_data import MeshData, MeshLike, fans
from inface.errors import FormatError

_COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
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
    primitive: dict[str, Any] = {"attributes": {"POSITION": blob.add(data.vertices, bounds=True)}, "mode": 0}
    if data.colors is not None:
        primitive["attributes"]["COLOR_0"] = blob.add(_linear(data.colors))
    if len(data.triangles):
        primitive |= {"mode": 4, "indices": blob.add(data.triangles), "material": 0}
    extras: dict[str, Any] = {"unit": "mm"}
    if data.landmarks:
        extras["landmarks"] = {
            name: [None if np.isnan(c) else float(c) for c in point] for name, point in data.landmarks.items()
        }
    mesh: dict[str, Any] = {"primitives": [primitive], "extras": extras}
    if len(targets):
        primitive["targets"] = [{"POSITION": blob.add(target, bounds=True)} for target in targets]
        mesh["weights"] = [0.0] * len(targets) if weights is None else [float(w) for w in weights]
        extras["targetNames"] = list(names)
    document = {
        "asset": {"version": "2.0", "generator": "inface"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "mesh", "scale": [1 / _MILLIMETRES] * 3}],
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


def parse(content: bytes) -> MeshData:
    """Read every triangle of the file's scene, in the order of nodes and primitives, in millimetres."""
    document, binary = _chunks(content)
    if document.get("extensionsRequired"):
        needed = ", ".join(document["extensionsRequired"])
        raise FormatError(f"the GLB file needs the extension {needed}, which is not supported; export it without")
    vertices: list[FloatArray] = []
    triangles: list[IntArray] = []
    colors: list[FloatArray | None] = []
    landmarks: dict[str, FloatArray] = {}
    placed: dict[tuple, int] = {}  # (node, POSITION accessor) -> first vertex: primitives may share their vertices
    total = 0
    for node, matrix in _placed_nodes(document):
        mesh = document["meshes"][document["nodes"][node]["mesh"]]
        turn = -1 if np.linalg.det(matrix[:3, :3]) < 0 else 1
        for name, point in _landmarks(mesh).items():
            landmarks[name] = _moved(point, matrix)
        for primitive in mesh["primitives"]:
            key = (node, primitive["attributes"]["POSITION"])
            if key not in placed:
                points = _accessor(document, binary, key[1]).astype(np.float64)
                placed[key] = total
                total += len(points)
                vertices.append(_moved(points, matrix))
                colors.append(_colors(document, binary, primitive))
            count = len(_accessor(document, binary, key[1]))
            triangles.append(_primitive_triangles(document, binary, primitive, count)[:, ::turn] + placed[key])
    if not vertices:
        raise FormatError("the GLB file holds no mesh")
    filled = [c for c in colors if c is not None]
    return MeshData(
        np.concatenate(vertices),
        np.concatenate(triangles),
        np.concatenate(filled) if len(filled) == len(colors) else None,
        landmarks or None,
        format="GLB",
    )


def _chunks(content: bytes) -> tuple[dict, bytes]:
    if len(content) < 20 or content[:4] != b"glTF":
        raise FormatError("expected a GLB file; a .gltf with separate files must be exported as one .glb")
    version, total, length, kind = (int(n) for n in np.frombuffer(content, "<u4", 4, 4))
    if version != 2:
        raise FormatError(f"expected glTF version 2, got version {version}; export it anew")
    if len(content) < total or 20 + length > total or kind != _JSON:
        raise FormatError(f"the GLB file is damaged or cut short: {total} bytes announced, {len(content)} there")
    document = json.loads(content[20 : 20 + length])
    binary = b""
    if 28 + length <= total:
        size, kind = (int(n) for n in np.frombuffer(content, "<u4", 2, 20 + length))
        binary = content[28 + length : 28 + length + size] if kind == _BIN else b""
    return document, binary


def _placed_nodes(document: dict) -> list[tuple[int, FloatArray]]:
    """Nodes with a mesh and their transform to millimetres `(4, 4)`, depth first."""
    scenes = document.get("scenes") or [{"nodes": list(range(len(document.get("nodes", []))))}]
    millimetres = np.diag([_MILLIMETRES] * 3 + [1.0])
    waiting = [(node, millimetres) for node in reversed(scenes[document.get("scene", 0)].get("nodes", []))]
    found, seen = [], 0
    while waiting:
        index, parent = waiting.pop()
        seen += 1
        if seen > len(document["nodes"]):
            raise FormatError("the nodes of the GLB file form a loop")
        node = document["nodes"][index]
        matrix = parent @ _local(node)
        # 1000 * 0.001 is 1: without this, round-off would touch every coordinate
        near = np.rint(matrix)
        matrix = np.where(np.abs(matrix - near) < 1e-12, near, matrix)
        if "mesh" in node:
            found.append((index, matrix))
        waiting += [(child, matrix) for child in reversed(node.get("children", []))]
    return found


def _local(node: Mapping) -> FloatArray:
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    x, y, z, w = node.get("rotation", (0, 0, 0, 1))
    rotation = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    out = np.eye(4)
    out[:3, :3] = rotation * np.array(node.get("scale", (1, 1, 1)), np.float64)
    out[:3, 3] = node.get("translation", (0, 0, 0))
    return out


def _moved(points: FloatArray, matrix: FloatArray) -> FloatArray:
    return points if np.array_equal(matrix, np.eye(4)) else points @ matrix[:3, :3].T + matrix[:3, 3]


def _accessor(document: dict, binary: bytes, index: int) -> np.ndarray:
    accessor = document["accessors"][index]
    if "sparse" in accessor or "bufferView" not in accessor:
        raise FormatError("the GLB file has sparse accessors, which are not supported; export it without")
    view = document["bufferViews"][accessor["bufferView"]]
    if "uri" in document["buffers"][view["buffer"]]:
        raise FormatError("the GLB file keeps its data in another file; export it as one .glb")
    kind, width, count = np.dtype(_COMPONENTS[accessor["componentType"]]), _WIDTHS[accessor["type"]], accessor["count"]
    start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
    stride = view.get("byteStride", kind.itemsize * width)
    size = kind.itemsize * width
    if min(start, count) < 0 or stride < size or start + stride * (count - 1) + size > len(binary):
        raise FormatError("the GLB file is cut short: its arrays reach beyond its data")
    values = np.ndarray((count, width), kind, binary, start, (stride, kind.itemsize))
    if accessor.get("normalized") and kind.kind in "iu":
        values = np.maximum(values / float(np.iinfo(kind).max), -1)
    return values


def _colors(document: dict, binary: bytes, primitive: Mapping) -> FloatArray | None:
    if "COLOR_0" not in primitive["attributes"]:
        return None
    linear = _accessor(document, binary, primitive["attributes"]["COLOR_0"])[:, :3].astype(np.float64)
    return _display(np.clip(linear, 0, 1))


def _primitive_triangles(document: dict, binary: bytes, primitive: Mapping, count: int) -> IntArray:
    corners = np.arange(count)
    if "indices" in primitive:
        corners = _accessor(document, binary, primitive["indices"])[:, 0].astype(np.int64)
        if corners.size and corners.max() >= count:
            raise FormatError(f"triangles: index {corners.max()} outside [0, {count})")
    mode = primitive.get("mode", 4)
    if mode == 4:
        return corners.reshape(-1, 3)
    if mode == 5:
        triangles = np.stack([corners[:-2], corners[1:-1], corners[2:]], 1)
        triangles[1::2] = triangles[1::2, [1, 0, 2]]
        return triangles
    if mode == 6:
        return fans(np.array([len(corners)]), corners)
    return np.zeros((0, 3), np.int64)  # points and lines


def _landmarks(mesh: Mapping) -> dict[str, FloatArray]:
    extras = mesh.get("extras")
    points = extras.get("landmarks") if isinstance(extras, dict) else None
    return {n: np.array(p, np.float64) for n, p in points.items()} if isinstance(points, dict) else {}


def _linear(colors: FloatArray) -> FloatArray:
    """sRGB to linear light [iec61966]."""
    return np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)


def _display(linear: FloatArray) -> FloatArray:
    """Linear light to sRGB [iec61966]."""
    return np.clip(np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055), 0, 1)


def _words(*numbers: int) -> bytes:
    return np.array(numbers, "<u4").tobytes()
