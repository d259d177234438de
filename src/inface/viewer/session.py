"""One browser's own state: its history, and a screen that is brought up to date with it."""

import html
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from inface._validate import FloatArray, IntArray
from inface.errors import InfaceError
from inface.viewer.drawing import Body, Drawing, SurfaceGlb, draw_scene
from inface.viewer.scene import History, Scene
from inface.viewer.workbench import Workbench

# seconds between two pushes of a body with colours per vertex, which the browser has to unpack
_COLOURED_PAUSE = 0.025


class Screen(Protocol):
    """What a session draws on."""

    def draw(self, drawing: Drawing) -> bool:
        """Show a drawing; True when it was heavy for the browser."""

    def tell(self, text: str, *, wrong: bool = False) -> None:
        """Show a sentence."""


class Session:
    """State of one browser. Acts may come from any thread; drawing is coalesced, so that of many acts that arrive
    while one is drawn only the last is drawn next."""

    def __init__(self, bench: Workbench, scene: Scene) -> None:
        self.bench = bench
        self.history = History(scene)
        self.screen: Screen | None = None
        self.on_change: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        self._dirty = False
        self._drawing = False
        self._playing: threading.Event | None = None
        self.drawing: Drawing | None = None

    @property
    def scene(self) -> Scene:
        """What is shown."""
        return self.history.present

    def act(self, change: Callable[[Scene], Scene], key: str | None = None) -> bool:
        """Change the scene; acts with the same `key` in a row are one step of undo. A refusal is told in the page."""
        try:
            with self._lock:
                self.history = self.history.to(change(self.history.present), key)
        except (InfaceError, ValueError, ArithmeticError) as error:
            self.tell(str(error), wrong=True)
            return False
        self.refresh()
        return True

    def settle(self) -> None:
        """End of a drag: the next act is a step of its own."""
        with self._lock:
            self.history = History(self.history.present, self.history.past, self.history.future)

    def undo(self) -> None:
        """One step back."""
        self._go(History.undo)

    def redo(self) -> None:
        """One step forward."""
        self._go(History.redo)

    def _go(self, step: Callable[[History], History]) -> None:
        with self._lock:
            self.history = step(self.history)
        self.refresh()

    def tell(self, text: str, *, wrong: bool = False) -> None:
        """Show a sentence in the page."""
        if self.screen is not None:
            self.screen.tell(text, wrong=wrong)

    def refresh(self) -> None:
        """Bring screen and controls up to date; returns at once when another thread is at it already."""
        with self._lock:
            self._dirty = True
            if self._drawing or self.screen is None:
                return
            self._drawing = True
        try:
            while True:
                with self._lock:
                    if not self._dirty or self.screen is None:
                        self._drawing = False
                        return
                    self._dirty = False
                    scene, screen = self.history.present, self.screen
                self.drawing = draw_scene(self.bench, scene)
                heavy = screen.draw(self.drawing)
                self.on_change()
                if heavy:
                    time.sleep(_COLOURED_PAUSE)
        except BaseException:
            with self._lock:
                self._drawing = False
            raise

    # --- playing a mode

    @property
    def playing(self) -> bool:
        """Whether a mode is moving."""
        return self._playing is not None

    def play(self, index: int, seconds: float = 4.0) -> None:
        """Swing one latent entry between -3 and +3 standard deviations until `pause`."""
        self.pause()
        stop = threading.Event()
        self._playing = stop
        start = self.bench.deviation(self.scene, index)

        def swing() -> None:
            began = time.monotonic()
            phase = float(np.arcsin(np.clip(start / 3, -1, 1)))
            while not stop.wait(0.04):
                value = 3 * float(np.sin(phase + 2 * np.pi * (time.monotonic() - began) / seconds))
                if not self.act(lambda s, v=value: self.bench.set_deviation(s, index, v), key="play"):  # type: ignore[misc]
                    return

        threading.Thread(target=swing, daemon=True, name="inface-play").start()

    def pause(self) -> None:
        """Stop playing."""
        if self._playing is not None:
            self._playing.set()
            self._playing = None
            self.settle()

    def close(self) -> None:
        """The browser is gone: nothing is drawn any more and the state is let go."""
        self.pause()
        with self._lock:
            self.screen = None
            self.on_change = lambda: None
            self.drawing = None
            self.history = History(Scene(None))

    # --- pointing

    def touched(self, origin: FloatArray, direction: FloatArray) -> FloatArray | None:
        """The first vertex of the model's shape near a ray, or None when the ray misses it."""
        if self.scene.shape is None:
            return None
        return first_near_ray(self.bench.vertices(self.scene), np.asarray(origin), np.asarray(direction))


def first_near_ray(vertices: FloatArray, origin: FloatArray, direction: FloatArray, width: float = 3.0):
    """The vertex nearest to the eye among those within `width` mm of a ray; None when there is none."""
    direction = direction / np.linalg.norm(direction)
    away = vertices - origin
    depth = away @ direction
    aside = np.linalg.norm(away - depth[:, None] * direction, axis=1)
    hit = np.flatnonzero((aside < width) & (depth > 0))
    return None if not len(hit) else vertices[hit[np.argmin(depth[hit])]]


class ViserScreen:
    """A `Screen` on one viser client: only what changed is sent."""

    def __init__(self, client: Any, on_stroke: Callable[[FloatArray, FloatArray], None], legend: Any) -> None:
        self._client = client
        self._on_stroke = on_stroke
        self._legend = legend
        self._nodes: dict[str, tuple[Any, Body]] = {}
        self._made = 0
        self._writers: dict[str, tuple[IntArray, SurfaceGlb]] = {}
        self._labels: dict[str, Any] = {}
        self._dots: Any = None
        self._line: tuple[Any, Any] | None = None

    def draw(self, drawing: Drawing) -> bool:
        """Show a drawing; True when colours per vertex were sent."""
        heavy = False
        wanted = {body.name for body in drawing.bodies}
        for name in [name for name in self._nodes if name not in wanted]:
            self._nodes.pop(name)[0].remove()
            self._writers.pop(name, None)
        for body in drawing.bodies:
            heavy |= self._draw_body(body)
        self._draw_labels(drawing)
        self._draw_measure(drawing)
        self._draw_legend(drawing)
        self._client.flush()
        return heavy

    def tell(self, text: str, *, wrong: bool = False) -> None:
        """A notification that leaves by itself."""
        self._client.add_notification(
            "Not done" if wrong else "inface",
            text,
            color="red" if wrong else "teal",
            auto_close_seconds=12 if wrong else 6,
        )

    def _draw_body(self, body: Body) -> bool:
        handle, old = self._nodes.get(body.name, (None, None))
        coloured = body.colors is not None and not body.wireframe and len(body.triangles) > 0
        if handle is not None and old is not None and _same_kind(old, body):
            if not coloured:
                if body.vertices is not old.vertices:
                    handle.vertices = np.asarray(body.vertices, np.float32)
            elif not (_equal(body.vertices, old.vertices) and _equal(body.colors, old.colors)):
                handle.glb_data = self._glb(body)
            else:
                coloured = False
            if body.offset != old.offset:
                handle.position = body.offset
            self._nodes[body.name] = (handle, body)
            return coloured
        if handle is not None:
            handle.remove()
        self._nodes[body.name] = (self._add(body, coloured), body)
        return coloured

    def _glb(self, body: Body) -> bytes:
        """The body as a file with colours; what its triangles need is made once."""
        kept = self._writers.get(body.name)
        if kept is None or kept[0] is not body.triangles:
            kept = self._writers[body.name] = (body.triangles, SurfaceGlb(body.triangles, len(body.vertices)))
        assert body.colors is not None
        return kept[1].write(body.vertices, body.colors, body.opacity)

    def _add(self, body: Body, coloured: bool) -> Any:
        self._made += 1  # a name of its own each time: a browser keeps the place of the last node of that name
        scene, path = self._client.scene, f"/body_{self._made}"
        if not len(body.triangles):
            color = body.colors if body.colors is not None else body.tint
            return scene.add_point_cloud(
                path, np.asarray(body.vertices, np.float32), color, point_size=0.8, position=body.offset
            )
        if coloured:
            handle = scene.add_glb(path, self._glb(body), position=body.offset, cast_shadow=False)
        else:
            handle = scene.add_mesh_simple(
                path,
                np.asarray(body.vertices, np.float32),
                body.triangles,
                color=(112, 122, 138) if body.wireframe else body.tint,
                wireframe=body.wireframe,
                opacity=body.opacity if body.opacity < 1 else None,
                side="double",
                position=body.offset,
                cast_shadow=False,
                receive_shadow=False,
            )

        def stroke(event: Any) -> None:
            eye = np.asarray(event.client.camera.position)
            self._on_stroke(eye, np.asarray(event.end_position) - eye)

        def click(event: Any) -> None:
            self._on_stroke(np.asarray(event.ray_origin), np.asarray(event.ray_direction))

        handle.on_drag("left", modifier="shift")(stroke)
        handle.on_click(modifier="shift")(click)
        return handle

    def _draw_labels(self, drawing: Drawing) -> None:
        wanted = dict(drawing.labels)
        points = np.array(list(wanted.values()), np.float32)
        if self._dots is not None and (not len(points) or len(self._dots.points) != len(points)):
            self._dots.remove()
            self._dots = None
        if self._dots is not None:
            self._dots.points = points
        elif len(points):
            self._dots = self._client.scene.add_point_cloud(
                "/landmark_dots", points, (194, 65, 12), point_size=1.6, point_shape="circle", precision="float32"
            )
        for name in [name for name in self._labels if name not in wanted]:
            self._labels.pop(name).remove()
        for name, point in wanted.items():
            if name in self._labels:
                self._labels[name].position = tuple(point)
            else:
                self._labels[name] = self._client.scene.add_label(
                    f"/landmarks/{name}", name, position=tuple(point), font_screen_scale=0.7, anchor="center-left"
                )

    def _draw_measure(self, drawing: Drawing) -> None:
        if self._line is not None:
            for handle in self._line:
                handle.remove()
            self._line = None
        if drawing.measured is None:
            return
        a, b, distance = drawing.measured
        line = self._client.scene.add_line_segments(
            "/measure/line", np.array([[a, b]], np.float32), (194, 65, 12), thickness=3.0, thickness_units="screen"
        )
        label = self._client.scene.add_label("/measure/label", f"{distance:.1f} mm", position=tuple((a + b) / 2))
        self._line = (line, label)

    def _draw_legend(self, drawing: Drawing) -> None:
        key = drawing.legend
        self._legend.visible = key is not None
        if key is None:
            return
        ramp = ", ".join(key.steps)
        ticks = "".join(f"<span>{tick}</span>" for tick in reversed(key.ticks))
        self._legend.content = (
            f'<div style="margin:4px 12px"><div style="font-size:13px">{html.escape(key.label)}</div>'
            f'<div style="height:12px;border-radius:3px;background:linear-gradient(to right, {ramp})"></div>'
            f'<div style="display:flex;justify-content:space-between;font-size:12px">{ticks}</div></div>'
        )


def _same_kind(old: Body, new: Body) -> bool:
    """Whether the node on the screen can take the new body's numbers."""
    return (
        old.triangles is new.triangles
        and len(old.triangles) > 0
        and old.vertices.shape == new.vertices.shape
        and (old.colors is None) == (new.colors is None)
        and (old.tint, old.opacity, old.wireframe) == (new.tint, new.opacity, new.wireframe)
    )


def _equal(a: FloatArray | None, b: FloatArray | None) -> bool:
    return a is b or (a is not None and b is not None and np.array_equal(a, b))
