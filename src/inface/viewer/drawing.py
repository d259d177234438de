"""A scene as things to draw: bodies, labels, a line, a legend. Still no window in sight."""

import json
import struct
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from inface._validate import FloatArray, IntArray
from inface.mesh import Mesh
from inface.viewer.colors import Legend
from inface.viewer.scene import Scene
from inface.viewer.surfaces import drawable, known_vertices
from inface.viewer.workbench import MODEL, Workbench

CLAY = (214, 205, 196)
_TINTS = ((120, 160, 205), (205, 150, 110), (135, 180, 140), (175, 140, 190), (190, 180, 110))
_MARKED = np.array([0.86, 0.35, 0.25])


@dataclass(frozen=True, eq=False)
class Body:
    """One surface to draw.

    Attributes:
        name: unique in the drawing.
        vertices: `(V, 3)` finite.
        triangles: `(T, 3)`; none for a point cloud.
        colors: `(V, 3)` in [0, 1], or None for `tint`.
        tint: red, green, blue, 0 to 255.
        offset: where its origin stands, mm.
    """

    name: str
    vertices: FloatArray
    triangles: IntArray
    colors: FloatArray | None = None
    tint: tuple[int, int, int] = CLAY
    opacity: float = 1.0
    wireframe: bool = False
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True, eq=False)
class Drawing:
    """All there is to draw."""

    bodies: tuple[Body, ...]
    legend: Legend | None = None
    labels: tuple[tuple[str, FloatArray], ...] = ()
    measured: tuple[FloatArray, FloatArray, float] | None = None
    names: tuple[str, ...] = field(default=())


def draw_scene(bench: Workbench, scene: Scene) -> Drawing:
    """What a scene looks like; decodes the model's shape once."""
    look = scene.look
    bodies: list[Body] = []
    legend = None
    front: Mesh | None = None
    names = []
    if scene.shape is not None and bench.model is not None:
        names.append(MODEL)
        vertices = bench.vertices(scene)
        heat = bench.heat(scene, vertices)
        colors = bench.model.colors if look.colours == "colour" else None
        if heat is not None:
            legend = bench.legend(scene, *heat)
            colors = legend.colors(heat[0])
        marked = scene.shape.unknown
        if marked is not None and scene.shape.std is None:
            colors = np.tile(np.array(CLAY) / 255, (len(vertices), 1)) if colors is None else np.array(colors)
            colors[marked] = 0.35 * colors[marked] + 0.65 * _MARKED
        bodies.append(Body(MODEL, vertices, bench.model.triangles, colors, wireframe=look.wireframe))
        if look.landmarks or any(look.measure):
            front = bench.mesh(scene)
        follower = bench.partner_vertices(scene)
        if follower is not None and bench.partner is not None:
            names.append(bench.partner.name)
            second = bench.partner.model
            tint = _TINTS[0]
            own = second.colors if look.colours == "colour" and look.opacity >= 1 else None
            bodies.append(Body(bench.partner.name, follower, second.triangles, own, tint, look.opacity, look.wireframe))
    for i, one in enumerate(scene.opened):
        names.append(one.name)
        vertices, triangles = drawable(one.mesh, one.name)
        if not len(triangles):
            vertices = vertices[known_vertices(one.mesh)]
        first = not bodies
        own = one.mesh.colors if look.colours == "colour" and (first or look.opacity >= 1) else None
        if own is not None and len(own) != len(vertices):
            own = None
        tint = CLAY if first else _TINTS[i % len(_TINTS)]
        bodies.append(Body(one.name, vertices, triangles, own, tint, 1.0 if first else look.opacity, look.wireframe))
        front = one.mesh if front is None and scene.shape is None else front
    seen = [body for body in bodies if body.name not in look.hidden]
    if legend is not None and look.arrangement == "overlaid":
        seen = [body for body in seen if body.name == MODEL]  # an overlay would tint the colours that are to be read
    if look.arrangement == "side by side":
        seen = _apart(seen)
    points = _landmarks(front)
    labels = tuple(points.items()) if look.landmarks else ()
    a, b = look.measure
    measured = None
    if a in points and b in points:
        measured = (points[a], points[b], float(np.linalg.norm(points[a] - points[b])))
    return Drawing(tuple(seen), legend, labels, measured, tuple(names))


def _landmarks(mesh: Mesh | None) -> dict[str, FloatArray]:
    if mesh is None or mesh.landmarks is None:
        return {}
    return {
        name: point
        for name, point in mesh.landmarks.items()
        if np.isfinite(point).all() and not name.startswith("ibug_")
    }


def _apart(bodies: list[Body]) -> list[Body]:
    """The bodies in a row from left to right, the first one where it is."""
    step = 1.1 * max((float(np.ptp(body.vertices[:, 0])) for body in bodies), default=0.0)
    return [
        Body(b.name, b.vertices, b.triangles, b.colors, b.tint, 1.0, b.wireframe, (i * step, 0.0, 0.0))
        for i, b in enumerate(bodies)
    ]


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
