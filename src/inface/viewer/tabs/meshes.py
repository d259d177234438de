"""The tab of opened meshes: open, encode, close, and complete a missing part."""

from typing import Any

from inface.viewer.bindings import Bindings, offer, put
from inface.viewer.uploads import open_file

_NOTHING = "(none)"


def build(panel: Bindings) -> "Brush":
    """Add the tab's inputs to the open container; the brush answers strokes on the surface."""
    gui, editor, session = panel.gui, panel.editor, panel.session
    upload = gui.add_upload_button("Open a mesh or scene", hint="PLY, OBJ, STL, OFF, GLB, JSON, or a saved scene")
    upload.on_upload(
        lambda event: panel.guarded(lambda: open_file(session, event.target.value.name, event.target.value.content))
    )
    chosen = gui.add_dropdown("Opened", (_NOTHING,))
    panel.follow(lambda s: offer(chosen, tuple(o.name for o in s.opened) or (_NOTHING,)))
    if editor.model is None:
        panel.button("Close", panel.act(lambda s: editor.close(s, chosen.value)))
        return Brush(panel, None, None)
    panel.buttons(
        "Shape from it",
        {
            "Encode": panel.act(lambda s: editor.start_from(s, chosen.value)),
            "Its expression": panel.act(lambda s: editor.transfer(s, chosen.value)),
            "Close": panel.act(lambda s: editor.close(s, chosen.value)),
        },
    )
    if editor.presets:
        panel.button("Neutralise the expression", panel.act(editor.neutralise))
    detail = gui.add_checkbox(
        "Keep own detail", False, hint="Add back what the model cannot express of the opened child"
    )
    panel.by_hand(detail, lambda value: session.act(lambda s: s.with_shape(keep_detail=bool(value))))
    panel.follow(lambda s: put(detail, bool(s.shape and s.shape.keep_detail)))
    return _completion(panel)


def _completion(panel: Bindings) -> "Brush":
    gui, editor, session = panel.gui, panel.editor, panel.session

    def complete() -> None:
        if session.act(editor.complete):
            shape = session.scene.shape
            known = shape is not None and shape.std is not None
            session.act(lambda s: s.with_look(colours="uncertainty" if known else s.look.colours))
            session.tell("Completed." + (" Colours show how uncertain each place is." if known else ""))

    with gui.add_folder("Complete a missing part"):
        if editor.regions:
            region = gui.add_dropdown("Region", tuple(editor.regions))
            panel.buttons(
                "Mark",
                {
                    "Unknown": panel.act(lambda s: editor.mark_region(s, region.value)),
                    "Known": panel.act(lambda s: editor.mark_region(s, region.value, False)),
                    "Clear": panel.act(lambda s: s.with_shape(unknown=None, std=None)),
                },
            )
        kind = gui.add_dropdown(
            "Brush", ("Off", "Mark unknown", "Mark known"), hint="Shift-click or Shift-drag on the surface"
        )
        radius = gui.add_slider("Brush radius, mm", 2.0, 40.0, 1.0, 10.0)
        panel.button("Complete", complete, "Fill in the marked part from all the rest")
    return Brush(panel, kind, radius)


class Brush:
    """Marks the vertices about the place that was touched, as its inputs say."""

    def __init__(self, panel: Bindings, kind: Any, radius: Any) -> None:
        self._panel, self._kind, self._radius = panel, kind, radius

    def stroke(self, origin: Any, direction: Any) -> None:
        """The surface was touched along a ray."""
        if self._kind is None or self._kind.value == "Off":
            return
        session, editor = self._panel.session, self._panel.editor
        point = session.touched(origin, direction)
        if point is not None:
            near = editor.near(session.scene, point, float(self._radius.value))
            unknown = self._kind.value == "Mark unknown"
            session.act(lambda s: editor.mark(s, near, unknown), key="brush")
