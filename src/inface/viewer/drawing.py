"""A scene as things to draw: bodies, labels, a line, a legend. Still no window in sight."""

from dataclasses import dataclass, field, replace

import numpy as np

from inface._validate import FloatArray, IntArray
from inface.mesh import Mesh
from inface.pictures.colours import Legend
from inface.pictures.surfaces import drawable, known_vertices
from inface.viewer.editor import MODEL, SceneEditor
from inface.viewer.heat import heat, legend_of
from inface.viewer.scene import Look, Opened, Scene

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
class Dot:
    """A place that was clicked and can be dragged.

    Attributes:
        key: what it stands for: ("landmark", body, name), ("measure", number, point) or ("pull", vertex).
        point: `(3,)` where it is drawn.
        label: words beside it, or "".
        doubtful: set by a registration, not by hand.
    """

    key: tuple
    point: FloatArray
    label: str = ""
    doubtful: bool = False


@dataclass(frozen=True, eq=False)
class Line:
    """A measurement: its way `(n, 3)` and its number with the unit."""

    points: FloatArray
    label: str


@dataclass(frozen=True, eq=False)
class Drawing:
    """All there is to draw."""

    bodies: tuple[Body, ...]
    legend: Legend | None = None
    labels: tuple[tuple[str, FloatArray], ...] = ()
    measured: tuple[FloatArray, FloatArray, float] | None = None
    names: tuple[str, ...] = field(default=())
    dots: tuple[Dot, ...] = ()
    lines: tuple[Line, ...] = ()


def draw_scene(editor: SceneEditor, scene: Scene) -> Drawing:
    """What a scene looks like; decodes the model's shape once."""
    look = scene.look
    bodies, legend = _model_bodies(editor, scene)
    for i, one in enumerate(scene.opened):
        bodies.append(_opened_body(one, i, look, first=not bodies))
    names = tuple(body.name for body in bodies)
    front = editor.mesh(scene) if scene.shape is not None and (look.landmarks or any(look.measure)) else None
    if scene.shape is None and scene.opened:
        front = scene.opened[0].mesh
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
    return Drawing(tuple(seen), legend, labels, measured, names)


def _model_bodies(editor: SceneEditor, scene: Scene) -> tuple[list[Body], Legend | None]:
    """The model's shape and the second model's that follows it, and the legend of its heat map."""
    look = scene.look
    if scene.shape is None or editor.model is None:
        return [], None
    vertices, legend = editor.vertices(scene), None
    values = heat(editor, scene, vertices)
    colors = editor.model.colors if look.colours == "colour" else None
    if values is not None:
        legend = legend_of(scene, *values)
        colors = legend.colors(values[0])
    marked = scene.shape.unknown
    if marked is not None and scene.shape.std is None:
        colors = np.tile(np.array(CLAY) / 255, (len(vertices), 1)) if colors is None else np.array(colors)
        colors[marked] = 0.35 * colors[marked] + 0.65 * _MARKED
    triangles, seen = editor.model.triangles, look.model_opacity
    bodies = [Body(MODEL, vertices, triangles, colors, opacity=seen, wireframe=look.wireframe)]
    follower = editor.partner_vertices(scene)
    if follower is not None and editor.partner is not None:
        name, second = editor.partner.name, editor.partner.model
        own = second.colors if look.colours == "colour" and look.opacity >= 1 else None
        bodies.append(Body(name, follower, second.triangles, own, _TINTS[0], look.opacity, look.wireframe))
    return bodies, legend


def _opened_body(one: Opened, number: int, look: Look, *, first: bool) -> Body:
    """An opened mesh; the first body is solid, the others are as see-through as the look says."""
    vertices, triangles = drawable(one.mesh, one.name)
    if not len(triangles):
        vertices = vertices[known_vertices(one.mesh)]
    own = one.mesh.colors if look.colours == "colour" and (first or look.opacity >= 1) else None
    if own is not None and len(own) != len(vertices):
        own = None
    tint = CLAY if first else _TINTS[number % len(_TINTS)]
    return Body(one.name, vertices, triangles, own, tint, 1.0 if first else look.opacity, look.wireframe)


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
        replace(b, opacity=b.opacity if b.name == MODEL else 1.0, offset=(i * step, 0.0, 0.0))
        for i, b in enumerate(bodies)
    ]
