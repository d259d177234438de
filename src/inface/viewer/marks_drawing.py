"""Landmarks, measurements and pulled vertices of a scene as dots and lines on its bodies."""

from functools import lru_cache

from inface._validate import FloatArray
from inface.viewer import tools
from inface.viewer.drawing import Body, Dot, Drawing, Line
from inface.viewer.editor import MODEL
from inface.viewer.picking import place_of
from inface.viewer.scene import Measurement, Scene


def with_marks(drawing: Drawing, scene: Scene) -> Drawing:
    """The drawing with what was set by clicking on the bodies that are seen."""
    marks = scene.marks
    if not (marks.landmarks or marks.measurements or marks.pulls):
        return drawing
    bodies = {body.name: body for body in drawing.bodies}
    dots, lines = [], []
    for mark in marks.landmarks:
        if mark.place is not None and mark.body in bodies:
            label = mark.name if mark.std is None else f"{mark.name} ± {mark.std:.1f} mm"
            point = place_of(bodies[mark.body], mark.place)
            dots.append(Dot(("landmark", mark.body, mark.name), point, label, mark.std is not None))
    for number, measurement in enumerate(marks.measurements):
        body = bodies.get(measurement.points[0].body)
        if body is None:
            continue
        for k, place in enumerate(measurement.points):
            dots.append(Dot(("measure", number, k), place_of(body, place)))
        if measurement.complete:
            line = _way(_Held(body), measurement)
            found, unit = tools.value(measurement, line)
            lines.append(Line(line, f"{found:.1f} {unit}"))
    if MODEL in bodies:
        for vertex, _ in marks.pulls:
            dots.append(Dot(("pull", vertex), bodies[MODEL].vertices[vertex] + bodies[MODEL].offset))
    return Drawing(
        drawing.bodies, drawing.legend, drawing.labels, drawing.measured, drawing.names, tuple(dots), tuple(lines)
    )


class _Held:
    """A body told apart from others by its vertices and place, so that a way is looked for once."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self._key = (id(body.vertices), id(body.triangles), body.offset)

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and self._key == other._key


@lru_cache(maxsize=64)
def _way(held: _Held, measurement: Measurement) -> FloatArray:
    return tools.way(held.body, measurement)
