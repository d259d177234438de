"""Binary glTF 2.0 (GLB), read: positions, triangles, vertex colours, textures, default morph weights [gltf2].

A reader applies the nodes and multiplies by 1000, whoever wrote the file, since glTF is in metres. Colours are linear
light in glTF: they become the sRGB values of meshes. Extensions that leave the shape alone are passed over.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from inface._validate import FloatArray, IntArray
from inface.codecs.mesh_formats.data import MeshData, fans
from inface.codecs.mesh_formats.glb_colors import primitive_colors
from inface.codecs.mesh_formats.glb_file import Glb, open_glb
from inface.errors import FormatError

_MILLIMETRES = 1000.0  # in a metre
# required extensions that change no position; the others are refused by name
_HARMLESS = re.compile(
    r"KHR_materials_\w+|KHR_texture_\w+|KHR_lights_\w+|EXT_lights_\w+|KHR_mesh_quantization|KHR_xmp\w*|"
    r"EXT_texture_\w+|MSFT_texture_dds|KHR_node_visibility|KHR_node_selectability|KHR_animation_pointer|"
    r"EXT_mesh_features|EXT_structural_metadata|KHR_techniques_webgl|MSFT_packing_\w+|KHR_accessor_float64"
)
_DECODERS = {"KHR_draco_mesh_compression": "Draco", "EXT_meshopt_compression": "meshopt"}


def is_own(content: bytes) -> bool:
    """Whether the contents begin as a GLB file does."""
    return content[:4] == b"glTF"


def parse(content: bytes, folder: Path | None = None) -> MeshData:
    """Read every triangle of the file's scene, in the order of nodes and primitives, in millimetres."""
    glb = open_glb(content)
    document = glb.document
    refused = [e for e in document.get("extensionsRequired", []) if not _HARMLESS.fullmatch(str(e))]
    if refused:
        needed = ", ".join(f"{e} ({_DECODERS[e]} compression)" if e in _DECODERS else str(e) for e in refused)
        raise FormatError(f"the GLB file needs the extension {needed}, which is not supported; export it without")
    vertices: list[FloatArray] = []
    triangles: list[IntArray] = []
    colors: list[FloatArray | None] = []
    landmarks: dict[str, FloatArray] = {}
    notes: dict[str, None] = {}
    placed: dict[tuple, int] = {}  # (node, POSITION accessor) -> first vertex: primitives may share their vertices
    total = 0
    for index, matrix in _placed_nodes(document):
        node = document["nodes"][index]
        mesh = document["meshes"][node["mesh"]]
        turn = -1 if np.linalg.det(matrix[:3, :3]) < 0 else 1
        if "skin" in node:
            notes["it is posed by a skeleton, which is not applied: the shape is that of its rest"] = None
        for name, point in _landmarks(mesh).items():
            landmarks[name] = _moved(point, matrix)
        for primitive in mesh["primitives"]:
            key = (index, primitive["attributes"]["POSITION"])
            points = glb.accessor(key[1]).astype(np.float64)
            if key not in placed:
                placed[key] = total
                total += len(points)
                shape = _morphed(glb, primitive, node.get("weights", mesh.get("weights")), points)
                vertices.append(_moved(shape, matrix))
                found, lost = primitive_colors(glb, primitive, len(points))
                colors.append(found)
                notes.update(dict.fromkeys(lost))
            triangles.append(_primitive_triangles(glb, primitive, len(points))[:, ::turn] + placed[key])
    if not vertices:
        raise FormatError("the GLB file holds no mesh")
    return MeshData(
        np.concatenate(vertices),
        np.concatenate(triangles),
        _joined(colors, [len(v) for v in vertices]),
        landmarks or None,
        format="GLB",
        notes=tuple(notes),
    )


def _joined(colors: list[FloatArray | None], counts: list[int]) -> FloatArray | None:
    """Colours of all pieces, NaN for a piece without; None when no piece has any."""
    if all(c is None for c in colors):
        return None
    return np.concatenate([np.full((n, 3), np.nan) if c is None else c for c, n in zip(colors, counts, strict=True)])


def _morphed(glb: Glb, primitive: Mapping, weights: object, points: FloatArray) -> FloatArray:
    """The shape that a viewer shows first: the base, and its morph targets by their default weights."""
    targets = primitive.get("targets")
    if not targets or not weights:
        return points
    if not isinstance(weights, list) or len(weights) != len(targets):
        raise FormatError("the GLB file's default weights do not fit its morph targets")
    for target, weight in zip(targets, np.array(weights, np.float64), strict=True):
        if weight and "POSITION" in target:
            offsets = glb.accessor(target["POSITION"]).astype(np.float64)
            if offsets.shape != points.shape:
                raise FormatError("a morph target of the GLB file has another number of vertices than its mesh")
            points = points + weight * offsets
    return points


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
    if np.array_equal(matrix, np.eye(4)):
        return points
    scale = np.diagonal(matrix)[:3]
    if np.array_equal(matrix[:3, :3], np.diag(scale)):  # a coordinate that is not known leaves the others alone
        return points * scale + matrix[:3, 3]
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def _primitive_triangles(glb: Glb, primitive: Mapping, count: int) -> IntArray:
    corners = np.arange(count)
    if "indices" in primitive:
        corners = glb.accessor(primitive["indices"])[:, 0].astype(np.int64)
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
