"""What a click on a surface does: set a landmark, measure, pull the model; each act returns a new scene."""

from dataclasses import replace

import numpy as np

from inface._validate import FloatArray
from inface.errors import InfaceError
from inface.geometry.paths import path_length, surface_path
from inface.landmarks import LandmarkSet
from inface.viewer.conditioning import posterior_mean
from inface.viewer.drawing import Body
from inface.viewer.editor import MODEL, SceneEditor
from inface.viewer.picking import Hit, place_of
from inface.viewer.scene import Mark, Measurement, Scene, SurfacePoint

LANDMARK, STRAIGHT, SURFACE, ANGLE, PULL = "landmark", "straight", "surface", "angle", "pull"
TOOLS = {
    "": "Nothing",
    LANDMARK: "Set the landmark chosen below",
    STRAIGHT: "Measure straight from click to click",
    SURFACE: "Measure along the surface from click to click",
    ANGLE: "Measure the angle at the second of three clicks",
    PULL: "Pull the model: click a place, then drag its dot",
}
_FOLLOW = 0.3  # mm: standard deviation with which the model follows a pulled vertex


def set_landmark(scene: Scene, name: str, place: SurfacePoint | None, body: str, std: float | None = None) -> Scene:
    """A landmark at a place on a body, in place of one of that name; None: skipped."""
    if not name.strip():
        raise InfaceError("choose or write the landmark's name first")
    kept = [m for m in scene.marks.landmarks if (m.name, m.body) != (name, body)]
    return scene.with_marks(landmarks=(*kept, Mark(name, body, place, std)))


def remove_landmark(scene: Scene, name: str, body: str) -> Scene:
    """Without that landmark."""
    return scene.with_marks(landmarks=tuple(m for m in scene.marks.landmarks if (m.name, m.body) != (name, body)))


def next_name(scene: Scene, names: tuple[str, ...], body: str, after: str) -> str:
    """The next name of a list that is neither set nor skipped on a body; the same when none is left."""
    done = {m.name for m in scene.marks.landmarks if m.body == body}
    start = names.index(after) + 1 if after in names else 0
    return next((n for n in (*names[start:], *names[:start]) if n not in done), after)


def click_measurement(scene: Scene, kind: str, place: SurfacePoint) -> Scene:
    """One more point of the measurement that is being made, or the first of a new one."""
    made = list(scene.marks.measurements)
    last = made[-1] if made else None
    if last is not None and last.kind == kind and not last.complete and last.points[0].body == place.body:
        made[-1] = replace(last, points=(*last.points, place))
    else:
        made = [m for m in made if m.complete]
        made.append(Measurement(kind, (place,)))
    return scene.with_marks(measurements=tuple(made))


def way(body: Body, measurement: Measurement) -> FloatArray:
    """The line of a measurement on its body, `(n, 3)`."""
    points = np.array([place_of(body, place) for place in measurement.points])
    if measurement.kind != SURFACE or not measurement.complete or not len(body.triangles):
        return points
    offset = np.asarray(body.offset)
    ends = [(_triangle(body, place), place_of(body, place) - offset) for place in measurement.points]
    found = surface_path(np.asarray(body.vertices, float), body.triangles, ends[0], ends[1])
    return points if found is None else found + offset


def value(measurement: Measurement, line: FloatArray) -> tuple[float, str]:
    """The number of a complete measurement and its unit."""
    if measurement.kind == ANGLE:
        a, b = line[0] - line[1], line[2] - line[1]
        cosine = a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12)
        return float(np.degrees(np.arccos(np.clip(cosine, -1, 1)))), "°"
    return path_length(line), "mm"


def start_pull(editor: SceneEditor, scene: Scene, hit: Hit) -> Scene:
    """A dot at a vertex of the model, to drag it by; the vertex stays where it is until then."""
    if hit.place.body != MODEL or scene.shape is None:
        raise InfaceError("only the model's own surface can be pulled; click on it")
    vertex = hit.vertex
    base = scene.marks.pull_base
    if base is None:
        base = tuple(float(x) for x in scene.shape.latent)
    x, y, z = (float(c) for c in editor.vertices(scene)[vertex])
    kept = tuple(p for p in scene.marks.pulls if p[0] != vertex)
    return scene.with_marks(pulls=(*kept, (vertex, (x, y, z))), pull_base=base)


def pull(editor: SceneEditor, scene: Scene, vertex: int, target: FloatArray) -> Scene:
    """The most likely shape with a vertex at a place and the other pulled ones at theirs.

    The model's Gaussian about the shape at the first pull, given noisy places of the vertices: the posterior mean of
    Albrecht et al. 2013, linear in the code for a PCA model, one Gauss-Newton step from the present code for a network.
    """
    x, y, z = (float(c) for c in target)
    pulls = tuple((v, (x, y, z)) if v == vertex else (v, p) for v, p in scene.marks.pulls)
    if vertex not in dict(pulls) or scene.marks.pull_base is None or scene.shape is None:
        raise InfaceError("this dot is no longer there; click on the model again")
    base, here = np.array(scene.marks.pull_base), np.array(scene.shape.latent)
    latent = posterior_mean(editor.known_model, base, here, dict(pulls), noise=_FOLLOW)
    return scene.with_marks(pulls=pulls).with_shape(latent=latent, seed=None)


def clear_pulls(scene: Scene) -> Scene:
    """Without dots; the shape stays."""
    return scene.with_marks(pulls=(), pull_base=None)


def landmark_points(scene: Scene, bodies: dict[str, Body], body: str) -> LandmarkSet:
    """The landmarks set on a body, in its file's frame and unit; skipped ones are left out."""
    opened = {one.name: one for one in scene.opened}.get(body)
    found = {}
    for mark in scene.marks.landmarks:
        if mark.body == body and mark.place is not None and body in bodies:
            point = place_of(bodies[body], mark.place) - np.asarray(bodies[body].offset)
            home = None if opened is None else opened.to_file
            found[mark.name] = point if home is None else home.apply(point)
    if not found:
        raise InfaceError(f"no landmark is set on '{body}' yet; choose one and click where it belongs")
    return LandmarkSet.of(found)


def _triangle(body: Body, place: SurfacePoint) -> int:
    """The number of the triangle a place lies on."""
    same = (body.triangles == np.array(place.corners)).all(1)
    if not same.any():
        same = np.isin(body.triangles, place.corners).sum(1) >= len(set(place.corners))
    return int(np.argmax(same))


def move_point(scene: Scene, number: int, point: int, place: SurfacePoint) -> Scene:
    """A measurement with one of its points at another place."""
    made = list(scene.marks.measurements)
    if not (0 <= number < len(made) and 0 <= point < len(made[number].points)):
        raise InfaceError("this measurement is no longer there")
    points = list(made[number].points)
    points[point] = place
    made[number] = replace(made[number], points=tuple(points))
    return scene.with_marks(measurements=tuple(made))
