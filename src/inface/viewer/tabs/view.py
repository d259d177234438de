"""The tab of how things are drawn: colours, arrangement, what is shown, measuring, camera, theme."""

from functools import partial
from typing import Any

from inface.viewer.bindings import Bindings, offer, put
from inface.viewer.camera import VIEWS, Framing
from inface.viewer.editor import MODEL
from inface.viewer.scene import ARRANGEMENTS, Scene

_COLOURS = {
    "Own colours": "colour",
    "Clay": "clay",
    "Distance to the opened mesh": "distance",
    "Distance to the scan": "fit",
    "Uncertainty of the completion": "uncertainty",
    "Change from the mean": "change",
}
_NOTHING = "(none)"


def build(panel: Bindings, framing: Framing) -> None:
    """Add the tab's inputs to the open container."""
    gui, look = panel.gui, panel.session.scene.look
    colours = gui.add_dropdown("Colours", tuple(_COLOURS))
    panel.look(colours, "colours", _COLOURS.__getitem__)
    names = {value: text for text, value in _COLOURS.items()}
    panel.follow(lambda s: put(colours, names[s.look.colours]))
    limit = gui.add_number("Legend up to, mm", 0.0, min=0.0, max=1000.0, step=0.1, hint="0: what fits")
    panel.look(limit, "limit", lambda v: float(v) or None)
    arrange = gui.add_dropdown("Arrange", ARRANGEMENTS, initial_value=look.arrangement)
    panel.look(arrange, "arrangement")
    panel.follow(lambda s: put(arrange, s.look.arrangement))
    panel.checkbox("Wireframe", "wireframe")
    panel.checkbox("Landmarks with names", "landmarks")
    opacity = panel.look(gui.add_slider("Opacity of the others", 0.1, 1.0, 0.05, look.opacity), "opacity", float)
    panel.follow(lambda s: put(opacity, s.look.opacity))
    if panel.editor.model is not None:
        own = gui.add_slider("Opacity of the model", 0.1, 1.0, 0.05, look.model_opacity)
        panel.look(own, "model_opacity", float)
        panel.follow(lambda s: put(own, s.look.model_opacity))
    _visibility(panel)
    with gui.add_folder("Measure", expand_by_default=False):
        _measure(panel)
    panel.buttons("Camera", {name: partial(_look, panel, framing, *angles) for name, angles in VIEWS.items()})
    panel.checkbox("Dark", "dark")


def _look(panel: Bindings, framing: Framing, yaw: float, pitch: float) -> None:
    framing.look_from(panel.session.drawing, yaw, pitch)


def _visibility(panel: Bindings) -> None:
    boxes: dict[str, Any] = {}
    folder = panel.gui.add_folder("Show")

    def sync(scene: Scene) -> None:
        names = [MODEL] if scene.shape is not None else []
        if panel.editor.partner is not None:
            names.append(panel.editor.partner.name)
        names += [one.name for one in scene.opened]
        for name in [name for name in boxes if name not in names]:
            boxes.pop(name).remove()
        for name in names:
            if name not in boxes:
                with folder:
                    boxes[name] = _visibility_box(panel, name)
            put(boxes[name], name not in scene.look.hidden)

    panel.follow(sync)


def _visibility_box(panel: Bindings, name: str) -> Any:
    def show(value: bool) -> None:
        panel.session.act(lambda s: s.with_look(hidden=s.look.hidden - {name} if value else s.look.hidden | {name}))

    box = panel.gui.add_checkbox(name, name not in panel.session.scene.look.hidden)
    panel.by_hand(box, show)
    return box


def _measure(panel: Bindings) -> None:
    gui, editor, session = panel.gui, panel.editor, panel.session
    found = editor.model.template.landmarks if editor.model else ()
    names = (_NOTHING, *(name for name in found if not name.startswith("ibug_")))
    ends = [gui.add_dropdown(text, names) for text in ("From", "To")]
    result = gui.add_markdown("")

    def measure(_: Any) -> None:
        picked = tuple("" if e.value == _NOTHING else e.value for e in ends)
        session.act(lambda s: s.with_look(measure=picked))

    def sync(scene: Scene) -> None:
        if editor.model is None:
            known = [n for one in scene.opened[:1] if one.mesh.landmarks for n in one.mesh.landmarks]
            for end in ends:
                offer(end, (_NOTHING, *known))
        drawing = session.drawing
        measured = drawing.measured if drawing else None
        text = "" if measured is None else f"**{measured[2]:.1f} mm** in a straight line"
        if result.content != text:
            result.content = text

    for end in ends:
        panel.by_hand(end, measure)
    panel.follow(sync)
