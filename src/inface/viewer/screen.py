"""A screen on one viser client: of a drawing, only what changed is sent."""

import html
from typing import Any

import numpy as np

from inface._validate import FloatArray, IntArray
from inface.viewer.drawing import Body, Drawing
from inface.viewer.glb import SurfaceGlb
from inface.viewer.points_layer import PointsLayer, Touch, follow


class ViserScreen:
    """A `Screen` on one viser client: only what changed is sent."""

    def __init__(self, client: Any, touch: Touch, legend: Any) -> None:
        self._client = client
        self._touch = touch
        self._legend = legend
        self._nodes: dict[str, tuple[Any, Body]] = {}
        self._made = 0
        self._writers: dict[str, tuple[IntArray, SurfaceGlb]] = {}
        self._points = PointsLayer(client, touch)
        self._line: tuple[Any, Any] | None = None
        # clicks on the scene, not on its nodes: those would be outlined under the pointer
        client.scene.on_click()(lambda e: touch.click(e.ray_origin, e.ray_direction))
        client.scene.on_click(modifier="shift")(lambda e: touch.stroke(e.ray_origin, e.ray_direction, first=True))

    def draw(self, drawing: Drawing) -> bool:
        """Show a drawing; True when colours per vertex were sent."""
        heavy = False
        wanted = {body.name for body in drawing.bodies}
        for name in [name for name in self._nodes if name not in wanted]:
            self._nodes.pop(name)[0].remove()
            self._writers.pop(name, None)
        for body in drawing.bodies:
            heavy |= self._draw_body(body)
        self._points.draw(drawing)
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

        follow(handle.on_drag("left", modifier="shift"), self._touch.stroke)
        return handle

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
