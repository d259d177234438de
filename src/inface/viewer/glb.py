"""A surface whose vertices and colours change, as binary glTF for the viewer's page."""

import json
import struct

import numpy as np
from scipy import sparse

from inface._validate import FloatArray, IntArray


class SurfaceGlb:
    """Binary glTF files of one surface whose vertices and colours change: all that stays is made once.

    Lengths are the scene's own (mm), so the file is for the viewer's eyes only; `Mesh.export` writes metres.
    """

    def __init__(self, triangles: IntArray, vertex_count: int) -> None:
        self._triangles = triangles
        flat = np.asarray(triangles, "<u2" if vertex_count <= 65535 else "<u4").ravel()
        self._kind = 5123 if flat.itemsize == 2 else 5125
        self._corners = flat.tobytes() + b"\0" * (-flat.nbytes % 4)
        self._sides = np.ascontiguousarray(np.asarray(triangles, np.intp).T)
        rows = np.asarray(triangles, np.int64).ravel()
        columns = np.repeat(np.arange(len(triangles)), 3)
        shape = (vertex_count, len(triangles))
        self._meeting = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)
        self._colors: tuple[FloatArray | None, bytes] = (None, b"")

    def write(self, vertices: FloatArray, colors: FloatArray, opacity: float = 1.0) -> bytes:
        """The file for vertices `(V, 3)` and colours `(V, 3)` in [0, 1], with smooth normals."""
        points = np.ascontiguousarray(vertices, "<f4")
        x, y, z = np.ascontiguousarray(points.T)  # axis by axis, which is twice as fast as vertex by vertex
        i, j, k = self._sides
        ux, uy, uz = x[j] - x[i], y[j] - y[i], z[j] - z[i]
        vx, vy, vz = x[k] - x[i], y[k] - y[i], z[k] - z[i]
        nx, ny, nz = (self._meeting @ area for area in (uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx))
        size = np.maximum(np.sqrt(nx * nx + ny * ny + nz * nz), 1e-20)
        normals = np.stack([nx / size, ny / size, nz / size], 1)
        low, high = np.array([[x.min(), y.min(), z.min()], [x.max(), y.max(), z.max()]])
        parts = [points.tobytes(), normals.astype("<f4", copy=False).tobytes(), self._linear(colors), self._corners]
        corners = (self._kind, "SCALAR", self._triangles.size)
        return _glb(parts, len(points), corners, low, high, opacity)

    def _linear(self, colors: FloatArray) -> bytes:
        """Colours as glTF wants them: linear, four 16-bit numbers a vertex; kept while the array is the same."""
        if self._colors[0] is not colors:
            words = np.full((len(colors), 4), 65535, "<u2")
            words[:, :3] = np.round(65535 * np.asarray(colors) ** 2.2)
            self._colors = (colors, words.tobytes())
        return self._colors[1]


def _glb(
    parts: list[bytes], count: int, corners: tuple[int, str, int], low: FloatArray, high: FloatArray, opacity: float
) -> bytes:
    """A GLB file around positions, normals, colours and corners."""
    offsets = np.cumsum([0, *(len(part) for part in parts)]).tolist()
    kinds = [(5126, "VEC3", count), (5126, "VEC3", count), (5123, "VEC4", count), corners]
    accessors: list[dict] = [
        {"bufferView": i, "componentType": kind, "type": shape, "count": n} for i, (kind, shape, n) in enumerate(kinds)
    ]
    accessors[0] |= {"min": low.tolist(), "max": high.tolist()}
    accessors[2]["normalized"] = True
    surface: dict = {"metallicFactor": 0, "roughnessFactor": 0.75, "baseColorFactor": [1, 1, 1, opacity]}
    material = {"pbrMetallicRoughness": surface, "doubleSided": True, "alphaMode": "BLEND" if opacity < 1 else "OPAQUE"}
    attributes = {"POSITION": 0, "NORMAL": 1, "COLOR_0": 2}
    document = {
        "asset": {"version": "2.0", "generator": "inface"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": attributes, "indices": 3, "material": 0}]}],
        "materials": [material],
        "accessors": accessors,
        "bufferViews": [
            {"buffer": 0, "byteOffset": offsets[i], "byteLength": len(part), "target": 34963 if i == 3 else 34962}
            for i, part in enumerate(parts)
        ],
        "buffers": [{"byteLength": offsets[-1]}],
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    head = b"glTF" + struct.pack("<II", 2, 12 + 8 + len(text) + 8 + offsets[-1])
    return b"".join(
        [head, struct.pack("<I4s", len(text), b"JSON"), text, struct.pack("<I4s", offsets[-1], b"BIN\0"), *parts]
    )
