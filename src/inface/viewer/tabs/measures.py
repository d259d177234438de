"""The tab of measures: they follow the shape, are drawn on the head, and attributes have sliders and an optimum."""

import html
import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from inface._validate import FloatArray
from inface.ages import days_of
from inface.embedded import EMBEDDED, load_default_attributes, load_default_model
from inface.errors import InfaceError
from inface.measurement import Measurements
from inface.models import AttributeRegressor, MorphableModel
from inface.models.full_correction import OPTIMA, held_fixed, optimum_targets
from inface.reports.measure import measure
from inface.reports.measure_page import write_measures
from inface.viewer.bindings import Bindings
from inface.viewer.editor import MODEL, shape_of
from inface.viewer.scene import Scene

SHOWN = (
    "circ.ml", "length.ml", "width.ml", "height", "ci.ml", "ci.go", "cvai.30.short", "cva.30", "psr.zero", "v.tot",
    "ear.shift", "n-gn", "en-en", "al-al", "ch-ch",
)  # fmt: skip
SLIDERS = ("CI", "CVAI_signed", "FI", "VR_back_left_right", "v_tot", "age")
PAUSE = 0.25  # seconds after the last move before the head is measured
_COLOURS = {
    "circumference": (40, 40, 40), "diagonal.l": (43, 108, 150), "diagonal.r": (180, 83, 9), "length": (119, 119, 119),
    "width": (119, 119, 119),
}  # fmt: skip


def build(panel: Bindings) -> None:
    """Add the tab's inputs to the open container; the panel's editor has a model."""
    Measures(panel)
    attributes = attributes_for(panel.editor.known_model)
    if attributes is not None:
        with panel.gui.add_folder("Attributes", expand_by_default=False):
            _sliders(panel, attributes)


class Measures:
    """Measures what is shown a moment after it stops moving, and keeps table and lines in step."""

    def __init__(self, panel: Bindings) -> None:
        self._panel = panel
        gui = panel.gui
        self._age = gui.add_text("Age", "", hint="183d, 26w, 6m, 1y; a bare number is months. For the WHO score.")
        self._sex = gui.add_dropdown("Sex", ("not given", "female", "male"))
        self._lines = gui.add_checkbox("Lines on the head", False, hint="The tape and both diagonals")
        self._table = gui.add_html("")
        panel.button("Save page", self._save, "The measures as one page that prints well")
        self._nodes: list[Any] = []
        self._timer: threading.Timer | None = None
        self._measured: tuple[Any, ...] | None = None
        for handle in (self._age, self._sex, self._lines):
            panel.by_hand(handle, lambda _: self._soon(panel.session.scene))
        panel.follow(self._soon)

    def _soon(self, scene: Scene) -> None:
        if scene.shape is None or self._state(scene) == self._measured:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(PAUSE, lambda: self._panel.guarded(self._now))
        self._timer.daemon = True
        self._timer.start()

    def _state(self, scene: Scene) -> tuple[Any, ...]:
        shape = shape_of(scene)
        look = (scene.look.arrangement, scene.look.hidden)
        return (id(shape.latent), shape.keep_detail, self._age.value, self._sex.value, self._lines.value, look)

    def _now(self) -> None:
        scene = self._panel.session.scene
        self._measured = self._state(scene)
        try:
            found = self._measure(scene)
        except (InfaceError, ValueError) as reason:
            self._table.content = f"<p>{html.escape(str(reason))}</p>"
            return
        self._table.content = table(found)
        self._draw(found)

    def _measure(self, scene: Scene) -> Measurements:
        editor = self._panel.editor
        age = str(self._age.value).strip()
        days = days_of(age) if age else None
        sex = None if self._sex.value == "not given" else str(self._sex.value)
        return measure(editor.mesh(scene), model=editor.known_model, age_days=days, sex=sex, label="viewer")

    def _draw(self, found: Measurements) -> None:
        for node in self._nodes:
            node.remove()
        self._nodes = []
        drawing = self._panel.session.drawing
        body = next((b for b in drawing.bodies if b.name == MODEL), None) if drawing is not None else None
        if not self._lines.value or body is None:
            return
        for name, line in found.lines.items():
            pieces = np.stack([line[:-1], line[1:]], 1) + np.asarray(body.offset)
            self._nodes.append(
                self._panel.client.scene.add_line_segments(
                    f"/measures/{name}", pieces.astype(np.float32), _COLOURS.get(name, (80, 80, 80)), line_width=3.0
                )
            )

    def _save(self) -> None:
        found = self._measure(self._panel.session.scene)
        with TemporaryDirectory() as folder:
            page = Path(folder) / "measures.html"
            write_measures(page, found)
            self._panel.client.send_file_download("measures.html", page.read_bytes(), save_immediately=True)


def table(found: Measurements) -> str:
    """The measures as HTML: name, value, norm; refusals with their reason."""
    rows = []
    for id in SHOWN:
        m = found.measures.get(id)
        if m is None:
            continue
        norm = f"z {m.z:+.2f}" if m.z is not None else ""
        if id == "cvai.30.short" and m.value is not None:
            norm = "flat back " + ("left" if m.value > 0 else "right") if abs(m.value) >= 3.5 else ""
        value = m.text() if m.value is not None else m.flags[0]
        cells = "".join(f"<td style='padding:0 .5em 0 0'>{html.escape(c)}</td>" for c in (m.words, value, norm))
        rows.append(f"<tr title='{html.escape(m.definition, quote=True)}'>{cells}</tr>")
    small = "<small>No diagnosis. Left and right are the subject's.</small>"
    return f"<div data-inface='measures'><table style='font-size:.85em'>{''.join(rows)}</table>{small}</div>"


def attributes_for(model: MorphableModel) -> AttributeRegressor | None:
    """The attributes that ship for this very model, or None."""
    for name in EMBEDDED:
        try:
            found = load_default_attributes(name)
        except ValueError:
            continue
        width = len(next(iter(found.attributes.values())).weights)
        # the model itself is opened only where it may be the one
        if width == len(model.latent) and load_default_model(name).hash == model.hash:
            return found
    return None


def _sliders(panel: Bindings, attributes: AttributeRegressor) -> None:
    model = panel.editor.known_model
    for name in SLIDERS:
        if name in attributes.attributes:
            one = attributes.attributes[name]
            middle = attributes.default_target(name)
            spread = one.std if one.mapping is None else one.mapping.original_std
            low, high = middle - 3 * spread, middle + 3 * spread
            if one.mapping is not None and one.mapping.labels is not None:
                low, high = float(one.mapping.labels[0]), float(one.mapping.labels[-1])
            step = float(10 ** np.floor(np.log10(max(high - low, 1e-9) / 100)))
            hint = f"{one.description}; others follow as little as they can, age and volume are held"
            panel.slider(
                name, (low, high, step), _reader(model, attributes, name), _writer(model, attributes, name), hint
            )

    def optimum() -> None:
        targets = optimum_targets(attributes)
        held = held_fixed(attributes, targets)
        panel.session.act(lambda s: _moved(s, attributes.correct(model, shape_of(s).latent, targets, held)))
        panel.session.tell(
            "Attributes at their optimum: " + ", ".join(f"{k} {v:g}" for k, v in OPTIMA.items() if k in targets)
        )

    panel.button("Set to optimum", optimum, "Cephalic index 80, asymmetry 0, ratios 1; age and volume held")


def _reader(model: MorphableModel, attributes: AttributeRegressor, name: str) -> Callable[[Scene], float]:
    return lambda scene: float(attributes.estimate(model, shape_of(scene).latent, [name])[name])


def _writer(model: MorphableModel, attributes: AttributeRegressor, name: str) -> Callable[[Scene, float], Scene]:
    held = held_fixed(attributes, {name: None})

    def write(scene: Scene, value: float) -> Scene:
        return _moved(scene, attributes.correct(model, shape_of(scene).latent, {name: value}, held))

    return write


def _moved(scene: Scene, latent: FloatArray) -> Scene:
    if not np.isfinite(latent).all():
        raise ValueError("no shape has these attributes")
    return scene.with_shape(latent=latent)
