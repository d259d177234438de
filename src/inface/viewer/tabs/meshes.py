"""The tab of opened meshes: open, encode, close, and complete a missing part."""

from dataclasses import replace
from typing import Any

from inface.viewer.bindings import Bindings, offer, put
from inface.viewer.busy import Busy
from inface.viewer.editor import MODEL
from inface.viewer.scene import Scene
from inface.viewer.session import Session
from inface.viewer.tabs.scan import ScanTools
from inface.viewer.uploads import open_file

_NOTHING = "(none)"


def add_upload(panel: Bindings, busy: Busy) -> None:
    """The button that opens a file; what is dropped on the page goes to it too."""
    hint = "Or drop the file anywhere: PLY, OBJ, STL, OFF, GLB, JSON, or a saved scene"
    upload = panel.gui.add_upload_button("Open a mesh, scan or scene", hint=hint)
    upload.on_upload(
        lambda event: panel.guarded(
            lambda: _open(panel.session, busy, event.target.value.name, event.target.value.content)
        )
    )


def _open(session: Session, busy: Busy, name: str, content: bytes) -> None:
    busy.run(f"Opening {name}", lambda _: None, lambda _: open_file(session, name, content))


def build(panel: Bindings, busy: Busy) -> "Brush":
    """Add the tab's inputs to the open container; the brush answers strokes on the surface."""
    gui, editor, session = panel.gui, panel.editor, panel.session
    chosen = gui.add_dropdown("Opened", (_NOTHING,))
    panel.follow(lambda s: offer(chosen, tuple(o.name for o in s.opened) or (_NOTHING,)))
    if editor.model is None:
        panel.button("Close", panel.act(lambda s: editor.close(s, chosen.value)))
        return Brush(panel, None, None)
    ScanTools(panel, busy, chosen)
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
    return _completion(panel, busy)


def _completion(panel: Bindings, busy: Busy) -> "Brush":
    gui, editor, session = panel.gui, panel.editor, panel.session

    def done(made: Scene) -> None:
        known = made.shape is not None and made.shape.std is not None
        if session.act(lambda s: replace(s, shape=made.shape)):
            session.act(lambda s: s.with_look(colours="uncertainty" if known else s.look.colours))
            session.tell("Completed." + (" Colours show how uncertain each place is." if known else ""))

    def complete() -> None:
        editor.require_marked(session.scene)
        busy.run("Completing", lambda _: editor.complete(session.scene), done)

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
        self._last: Any = None

    def stroke(self, origin: Any, direction: Any, first: bool) -> None:
        """The surface was touched along a ray; `first` at the beginning of a stroke, which is one step of undo."""
        if self._kind is None or self._kind.value == "Off":
            return
        session, editor = self._panel.session, self._panel.editor
        hit = session.touched(origin, direction, MODEL)
        if hit is None:
            self._last = None
            return
        before = hit.point if first or self._last is None else self._last
        self._last, radius = hit.point, float(self._radius.value)
        unknown = self._kind.value == "Mark unknown"
        near = editor.near_way(session.scene, before, hit.point, radius)
        session.act(lambda s: editor.mark(s, near, unknown), key=None if first else "brush")
