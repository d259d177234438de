"""The tab that shapes the model: history, random children, age, expressions, sliders by block."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from inface.models.modes import RANGE, Slider
from inface.viewer.bindings import Bindings, put
from inface.viewer.scene import Blend, Scene
from inface.viewer.session import Session


def build(panel: Bindings) -> None:
    """Add the tab's inputs to the open container."""
    editor, session = panel.editor, panel.session
    panel.buttons(
        "History",
        {"Undo": session.undo, "Redo": session.redo, "Reset all": panel.act(editor.reset)},
        "Ctrl-Z, Ctrl-Shift-Z",
    )
    _random_child(panel)
    months = editor.months_range
    if months is not None:
        with panel.gui.add_folder("Age"):
            panel.slider("Age, months", (*months, 0.1), editor.months, editor.set_months, "Plus means older")
    if len(editor.presets) > 1:
        with panel.gui.add_folder("Expression presets"):
            _presets(panel)
    _sliders(panel)
    _play(panel)


def _random_child(panel: Bindings) -> None:
    seed = panel.gui.add_number("Seed", 1, min=0, max=2**31 - 1, step=1, hint="The same seed gives the same child")

    def draw_child() -> None:
        number = int(seed.value)
        if panel.session.act(lambda s: panel.editor.random_child(s, number)):
            panel.session.tell(f"Random child, seed {number}.")
            seed.value = number + 1

    panel.button("Random child", draw_child, "Another identity; age and expression stay")


def _sliders(panel: Bindings) -> None:
    editor, session = panel.editor, panel.session
    groups: dict[str, list[Slider]] = {}
    for row in editor.sliders:
        groups.setdefault(row.group, []).append(row)
    most = max(2, max(len(rows) for rows in groups.values()))
    count = session.scene.look.sliders
    shown = panel.gui.add_slider(
        "Sliders a group", 1, most, 1, min(count, most), hint="How many sliders each group shows, the strongest first"
    )
    made: dict[str, list[Any]] = {}
    for group, rows in groups.items():
        block = editor.groups[group]
        if group == "age" and editor.months_range is not None and block.stop - block.start == 1:
            continue
        with panel.gui.add_folder(f"{group.capitalize()} (in standard deviations)"):
            made[group] = [_entry(panel, row) for row in rows]
            panel.button(f"Reset {group}", panel.act(partial(editor.reset, group=group)))

    def show(scene: Scene) -> None:
        for rows in made.values():
            for i, handle in enumerate(rows):
                if handle.visible != (i < scene.look.sliders):
                    handle.visible = i < scene.look.sliders
        put(shown, min(scene.look.sliders, most))

    panel.by_hand(shown, lambda value: session.act(lambda s: s.with_look(sliders=int(value))))
    panel.follow(show)
    show(session.scene)


def _entry(panel: Bindings, row: Slider) -> Any:
    editor = panel.editor
    return panel.slider(
        row.label,
        (-RANGE, RANGE, 0.05),
        lambda s: editor.deviation(s, row.index),
        lambda s, value: editor.set_deviation(s, row.index, value),
        f"One standard deviation moves the surface {row.movement:.2f} mm on average",
    )


def _presets(panel: Bindings) -> None:
    editor, session, names = panel.editor, panel.session, tuple(panel.editor.presets)

    def blend(scene: Scene, **changes: Any) -> Scene:
        return editor.set_blend(scene, replace(_blend(scene), **({"strength": 1.0} | changes)))

    panel.buttons("Preset", {name: panel.act(partial(blend, end=name)) for name in names})
    start = panel.gui.add_dropdown("Blend from", names, hint="Where the strength slider starts")

    def begin_at(name: str) -> None:
        session.act(lambda s: blend(s, start=name, strength=_blend(s).strength))

    panel.by_hand(start, begin_at)
    panel.follow(lambda s: put(start, _blend(s).start))
    panel.slider(
        "Strength",
        (0.0, 1.5, 0.05),
        lambda s: _blend(s).strength,
        lambda s, value: blend(s, strength=value),
        "0 is where the blend starts, 1 the expression itself, above 1 exaggerated",
    )


def _play(panel: Bindings) -> None:
    session = panel.session
    labels = {row.label: row.index for row in panel.editor.sliders}
    with panel.gui.add_folder("Play a mode", expand_by_default=False):
        which = panel.gui.add_dropdown("Mode", tuple(labels))
        panel.buttons("Motion", {"Play": lambda: session.play(labels[which.value]), "Pause": session.pause})


def _blend(scene: Scene) -> Blend:
    return scene.shape.blend if scene.shape is not None else Blend()


def pressed(session: Session) -> list[str]:
    """The presets that the shape has now, to be shown as chosen."""
    editor, shape = session.editor, session.scene.shape
    if shape is None or not editor.presets:
        return []
    wanted = editor.set_blend(session.scene, shape.blend).shape
    same = wanted is not None and np.allclose(wanted.latent, shape.latent, atol=1e-6)
    return [shape.blend.end] if same else []
