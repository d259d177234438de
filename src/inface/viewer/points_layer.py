"""Dots, names and lines on one viser client; names that would cover each other or lie behind the head are left out."""

import threading
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from inface._validate import FloatArray
from inface.viewer.drawing import Dot, Drawing

_INK, _DOUBT, _PULL = (194, 65, 12), (32, 99, 155), (20, 120, 60)
_SIZE = 1.5  # mm
_GAP = "\u00a0\u00a0\u00a0"  # between a dot and its name


class Touch(Protocol):
    """What is told of clicks and drags."""

    def click(self, origin: FloatArray, direction: FloatArray) -> None:
        """The picture was clicked along a ray."""

    def stroke(self, origin: FloatArray, direction: FloatArray, *, first: bool = False) -> None:
        """The brush was drawn over the surface along a ray; `first` at its beginning."""

    def drag(self, key: tuple, origin: FloatArray, direction: FloatArray) -> None:
        """A dot was dragged to where a ray touches the surface."""


def follow(register: Callable[[Callable[..., Any]], Any], act: Callable[..., None]) -> None:
    """Answer a drag's events in their order, leaving out those that are overtaken; the last one is never left out."""
    latest: list[tuple[FloatArray, FloatArray, bool]] = []
    busy = threading.Lock()

    def work() -> None:
        while latest:
            with busy:
                if not latest:
                    return
                origin, direction, first = latest[-1]
                latest.clear()
                act(origin, direction, first=first)

    async def dragged(event: Any) -> None:
        eye = np.asarray(event.client.camera.position)
        latest.append((eye, np.asarray(event.end_position) - eye, event.phase == "start"))
        if not busy.locked():
            threading.Thread(target=work, daemon=True, name="inface-drag").start()

    register(dragged)


class Eye:
    """A camera as numbers: where points are on its picture, and which lie behind others."""

    def __init__(self, position: Any, target: Any, up: Any, height: float, fov: float) -> None:
        self._position = np.asarray(position, float)
        forward = np.asarray(target, float) - self._position
        self._forward = forward / max(float(np.linalg.norm(forward)), 1e-9)
        right = np.cross(self._forward, np.asarray(up, float))
        self._right = right / max(float(np.linalg.norm(right)), 1e-9)
        self._scale = float(height) / (2 * np.tan(float(fov) / 2))

    def see(self, points: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Pixels to the right of and below the middle of the picture, and depth in mm, of points `(n, 3)`."""
        away = points - self._position
        depth = np.maximum(away @ self._forward, 1e-6)
        scale = self._scale / depth
        return (away @ self._right) * scale, -(away @ np.cross(self._right, self._forward)) * scale, depth

    def covered(self, x: FloatArray, y: FloatArray, depth: FloatArray, bodies: list[FloatArray]) -> FloatArray:
        """Which points lie more than 8 mm behind some vertex that is seen within a few pixels of them, `(n,)` bool."""
        out = np.zeros(len(x), bool)
        for vertices in bodies:
            u, v, far = self.see(vertices)
            for i in np.flatnonzero(~out):
                near = (np.abs(u - x[i]) < 9) & (np.abs(v - y[i]) < 9)
                out[i] = bool(near.any() and far[near].min() < depth[i] - 8)
        return out


class PointsLayer:
    """Keeps the dots, labels and lines of a drawing on a client."""

    def __init__(self, client: Any, touch: Touch) -> None:
        self._client, self._touch = client, touch
        self._labels: dict[str, Any] = {}
        self._dots: dict[tuple, Any] = {}
        self._cloud: Any = None
        self._lines: list[tuple[Any, Any]] = []
        self._lines_of: tuple = ()
        self._wanted: dict[str, FloatArray] = {}
        self._solid: list[FloatArray] = []
        self._lock = threading.Lock()
        client.camera.on_update(lambda _: self.arrange())

    def draw(self, drawing: Drawing) -> None:
        """Show what a drawing has of them."""
        self._draw_cloud(drawing)
        self._draw_dots(drawing.dots)
        self._draw_lines(drawing)
        wanted = {f"landmarks/{name}": (name, point) for name, point in drawing.labels}
        wanted |= {"dots/" + "/".join(map(str, d.key)): (d.label, d.point) for d in drawing.dots if d.label}
        with self._lock:
            for path in [path for path in self._labels if path not in wanted]:
                self._labels.pop(path).remove()
            for path, (text, point) in wanted.items():
                place = tuple(float(x) for x in point)
                if path in self._labels and self._labels[path].text == _GAP + text:
                    self._labels[path].position = place
                else:
                    if path in self._labels:
                        self._labels[path].remove()
                    self._labels[path] = self._client.scene.add_label(
                        "/" + _safe(path), _GAP + text, position=place, font_screen_scale=0.75, anchor="center-left"
                    )
            self._solid = [b.vertices + np.asarray(b.offset) for b in drawing.bodies if b.opacity >= 1]
            self._wanted = {path: np.asarray(point, float) for path, (_, point) in wanted.items()}
        self.arrange()

    def arrange(self) -> None:
        """Show the labels that have room and do not lie behind a body, the nearest to the eye first."""
        if not self._wanted:
            return
        try:
            camera = self._client.camera
            eye = Eye(camera.position, camera.look_at, camera.up_direction, camera.image_height, camera.fov)
        except AssertionError:  # nothing has come from the browser yet
            return
        with self._lock:
            paths = list(self._wanted)
            x, y, depth = eye.see(np.array([self._wanted[p] for p in paths]))
            hidden = eye.covered(x, y, depth, self._solid)
            boxes: list[tuple[float, float, float, float]] = []
            for i in np.argsort(depth):
                handle = self._labels.get(paths[i])
                if handle is None:
                    continue
                box = (float(x[i]), float(y[i]) - 8, float(x[i]) + 7.5 * len(handle.text) + 8, float(y[i]) + 8)
                free = not hidden[i] and all(
                    box[2] < b[0] or b[2] < box[0] or box[3] < b[1] or b[3] < box[1] for b in boxes
                )
                if free:
                    boxes.append(box)
                if handle.visible != free:
                    handle.visible = free

    def _draw_cloud(self, drawing: Drawing) -> None:
        points = np.array([point for _, point in drawing.labels], np.float32)
        if self._cloud is not None and (not len(points) or len(self._cloud.points) != len(points)):
            self._cloud.remove()
            self._cloud = None
        if self._cloud is not None:
            self._cloud.points = points
        elif len(points):
            self._cloud = self._client.scene.add_point_cloud(
                "/landmark_dots", points, _INK, point_size=1.6, point_shape="circle", precision="float32"
            )

    def _draw_dots(self, dots: tuple[Dot, ...]) -> None:
        wanted = {dot.key for dot in dots}
        for key in [key for key in self._dots if key not in wanted]:
            self._dots.pop(key).remove()
        for dot in dots:
            place = tuple(float(x) for x in dot.point)
            if dot.key in self._dots:
                if tuple(self._dots[dot.key].position) != place:
                    self._dots[dot.key].position = place
                continue
            color = _PULL if dot.key[0] == "pull" else _DOUBT if dot.doubtful else _INK
            handle = self._client.scene.add_icosphere(
                "/dot_" + _safe("_".join(map(str, dot.key))), _SIZE, color, subdivisions=2, position=place,
                cast_shadow=False, receive_shadow=False,
            )  # fmt: skip
            key = dot.key
            follow(handle.on_drag("left"), lambda o, d, *, first=False, key=key: self._touch.drag(key, o, d))
            self._dots[dot.key] = handle

    def _draw_lines(self, drawing: Drawing) -> None:
        if tuple(map(id, drawing.lines)) == self._lines_of:
            return
        for pair in self._lines:
            for handle in pair:
                handle.remove()
        self._lines = []
        self._lines_of = tuple(map(id, drawing.lines))
        for i, line in enumerate(drawing.lines):
            pieces = np.stack([line.points[:-1], line.points[1:]], 1).astype(np.float32)
            drawn = self._client.scene.add_line_segments(
                f"/measure_{i}/line", pieces, _INK, thickness=3.0, thickness_units="screen"
            )
            middle = tuple(float(x) for x in line.points[len(line.points) // 2])
            text = self._client.scene.add_label(f"/measure_{i}/label", line.label, position=middle)
            self._lines.append((drawn, text))


def _safe(path: str) -> str:
    """A node's name without signs that the browser library gives a meaning."""
    return "".join(c if c.isalnum() or c in "_/.-" else f"-{ord(c):x}-" for c in path)
