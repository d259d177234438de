"""A scene as things to draw: bodies, labels, a line, a legend. Still no window in sight."""

import io
import json
import struct
from dataclasses import dataclass, field

import numpy as np

from inface._validate import FloatArray, IntArray
from inface.mesh import Mesh
from inface.viewer.colors import Legend
from inface.viewer.scene import Scene
from inface.viewer.surfaces import drawable, known_vertices, vertex_normals
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
    return {name: point for name, point in mesh.landmarks.items() if np.isfinite(point).all()}


def _apart(bodies: list[Body]) -> list[Body]:
    """The bodies in a row from left to right, the first one where it is."""
    step = 1.1 * max((float(np.ptp(body.vertices[:, 0])) for body in bodies), default=0.0)
    return [
        Body(b.name, b.vertices, b.triangles, b.colors, b.tint, 1.0, b.wireframe, (i * step, 0.0, 0.0))
        for i, b in enumerate(bodies)
    ]


def coloured_glb(body: Body) -> bytes:
    """A binary glTF of one surface with colours per vertex and smooth normals, made for speed."""
    vertices = np.ascontiguousarray(body.vertices, "<f4")
    normals = vertex_normals(body.vertices, body.triangles).astype("<f4")
    colors = np.ones((len(vertices), 4), "<u2")
    assert body.colors is not None
    colors[:, :3] = np.round(65535 * np.asarray(body.colors) ** 2.2)
    colors[:, 3] = 65535
    triangles = np.ascontiguousarray(body.triangles, "<u4")
    parts = [vertices.tobytes(), normals.tobytes(), colors.tobytes(), triangles.tobytes()]
    offsets = np.cumsum([0, *(len(p) for p in parts)])
    kinds = [(5126, "VEC3", len(vertices)), (5126, "VEC3", len(vertices)), (5123, "VEC4", len(vertices))]
    accessors: list[dict] = [
        {"bufferView": i, "componentType": c, "type": t, "count": n} for i, (c, t, n) in enumerate(kinds)
    ]
    accessors[0] |= {"min": vertices.min(0).tolist(), "max": vertices.max(0).tolist()}
    accessors[2]["normalized"] = True
    accessors.append({"bufferView": 3, "componentType": 5125, "type": "SCALAR", "count": triangles.size})
    material: dict = {"pbrMetallicRoughness": {"metallicFactor": 0, "roughnessFactor": 0.75}, "doubleSided": True}
    if body.opacity < 1:
        material["alphaMode"] = "BLEND"
        material["pbrMetallicRoughness"]["baseColorFactor"] = [1, 1, 1, body.opacity]
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
            {"buffer": 0, "byteOffset": int(offsets[i]), "byteLength": len(p), "target": 34963 if i == 3 else 34962}
            for i, p in enumerate(parts)
        ],
        "buffers": [{"byteLength": int(offsets[-1])}],
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    out = io.BytesIO()
    out.write(b"glTF" + struct.pack("<II", 2, 12 + 8 + len(text) + 8 + int(offsets[-1])))
    out.write(struct.pack("<I4s", len(text), b"JSON") + text)
    out.write(struct.pack("<I4s", int(offsets[-1]), b"BIN\0"))
    for part in parts:
        out.write(part)
    return out.getvalue()
