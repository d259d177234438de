"""The panel of one browser: sliders, buttons and files around a `Session`."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from inface.errors import InfaceError
from inface.mesh import Mesh
from inface.viewer import scene as scenes
from inface.viewer.saving import SAVE_FORMATS, Saving
from inface.viewer.scene import Blend, Scene
from inface.viewer.session import Session
from inface.viewer.workbench import MODEL, RANGE

MAX_UPLOAD = 200_000_000  # bytes of an uploaded file
_COLOURS = {
    "Own colours": "colour",
    "Clay": "clay",
    "Distance to the opened mesh": "distance",
    "Uncertainty of the completion": "uncertainty",
    "Change from the mean": "change",
}
_VIEWS = {"Front": (0, 0), "Left": (90, 0), "Right": (-90, 0), "3/4": (24, 5)}
_NOTHING = "(none)"


class Controls:
    """Builds the panel for a client and keeps it in step with the session. `server_gui` is the viser client."""

    def __init__(self, client: Any, session: Session, model_name: str = "") -> None:
        self.client, self.session, self.bench = client, session, session.bench
        self.model_name = model_name
        self._readers: list[Callable[[Scene], None]] = []
        self._rows: dict[str, list[Any]] = {}
        gui = client.gui
        self.legend = gui.add_html("", visible=False)
        tabs = gui.add_tab_group()
        if self.bench.model is not None:
            with tabs.add_tab("Shape"):
                self._shape_tab()
        with tabs.add_tab("Meshes"):
            self._mesh_tab()
        with tabs.add_tab("View"):
            self._view_tab()
        with tabs.add_tab("Save"):
            self._save_tab()
        self._commands()

    def sync(self) -> None:
        """Set every control to what the scene says."""
        for read in list(self._readers):
            read(self.session.scene)

    # --- pieces

    def _button(self, label: str, action: Callable[[], Any], hint: str | None = None, **options: Any) -> Any:
        button = self.client.gui.add_button(label, hint=hint, **options)
        button.on_click(lambda _: self._guarded(action))
        return button

    def _buttons(self, label: str, actions: dict[str, Callable[[], Any]], hint: str | None = None) -> Any:
        group = self.client.gui.add_button_group(label, tuple(actions), hint=hint)
        group.on_click(lambda event: self._guarded(actions[event.target.value]))
        return group

    def _guarded(self, action: Callable[[], Any]) -> None:
        """Run an action; what it refuses is told in the page, and the server lives."""
        try:
            action()
        except (InfaceError, ValueError, ArithmeticError, OSError) as error:
            self.session.tell(str(error), wrong=True)

    def _slider(
        self,
        label: str,
        bounds: tuple[float, float, float],
        read: Callable[[Scene], float],
        write: Callable[[Scene, float], Scene],
        hint: str,
    ) -> Any:
        """A slider over the scene; it widens when the scene holds a number outside it."""
        low, high, step = bounds
        start = float(np.clip(read(self.session.scene), low, high))
        handle = self.client.gui.add_slider(label, low, high, step, start, hint=hint)
        handle.on_update(
            lambda event: (
                event.client_id is None or self.session.act(lambda s: write(s, float(event.target.value)), key=label)
            )
        )

        def sync(scene: Scene) -> None:
            value = read(scene)
            if value > handle.max + 1e-6:
                handle.max = float(np.ceil(value))
            if value < handle.min - 1e-6:
                handle.min = float(np.floor(value))
            rounded = round(round(value / step) * step, 6)
            if abs(rounded - handle.value) > 1e-9:
                handle.value = float(np.clip(rounded, handle.min, handle.max))

        self._readers.append(sync)
        return handle

    @staticmethod
    def _by_hand(handle: Any, action: Callable[[Any], Any]) -> None:
        """Run `action(value)` when the user changes an input, not when the program does."""

        def changed(event: Any) -> None:
            if event.client_id is not None:
                action(event.target.value)

        handle.on_update(changed)

    def _look(self, handle: Any, name: str, convert: Callable[[Any], Any] = lambda v: v) -> Any:
        """Tie an input to one entry of the look."""
        handle.on_update(
            lambda event: (
                event.client_id is None
                or self.session.act(lambda s: s.with_look(**{name: convert(event.target.value)}))
            )
        )
        return handle

    # --- Shape

    def _shape_tab(self) -> None:
        gui, bench, session = self.client.gui, self.bench, self.session
        self._buttons(
            "History",
            {"Undo": session.undo, "Redo": session.redo, "Reset all": lambda: session.act(bench.reset)},
            "Ctrl-Z, Ctrl-Shift-Z",
        )
        seed = gui.add_number("Seed", 1, min=0, max=2**31 - 1, step=1, hint="The same seed gives the same child")

        def draw_child() -> None:
            number = int(seed.value)
            if session.act(lambda s: bench.random_child(s, number)):
                session.tell(f"Random child, seed {number}.")
                seed.value = number + 1

        self._button("Random child", draw_child, "Another identity; age and expression stay")
        months = bench.months_range
        if months is not None:
            with gui.add_folder("Age"):
                self._slider("Age, months", (*months, 0.1), bench.months, bench.set_months, "Plus means older")
        if len(bench.presets) > 1:
            with gui.add_folder("Expression presets"):
                self._presets()
        shown = gui.add_slider(
            "Sliders a group", 1, max(2, max(len(r) for r in self._by_group().values())), 1, session.scene.look.sliders,
            hint="How many sliders each group shows, the strongest first",
        )  # fmt: skip
        self._by_hand(shown, lambda value: self._show_sliders(int(value)))
        for group, rows in self._by_group().items():
            block = bench.groups[group]
            if group == "age" and months is not None and block.stop - block.start == 1:
                continue
            with gui.add_folder(f"{group.capitalize()} (in standard deviations)"):
                self._rows[group] = [self._entry(row) for row in rows]
                self._button(f"Reset {group}", partial(session.act, partial(bench.reset, group=group)))
        self._play()
        self._show_sliders(session.scene.look.sliders)

    def _by_group(self) -> dict[str, list]:
        out: dict[str, list] = {}
        for row in self.bench.sliders:
            out.setdefault(row.group, []).append(row)
        return out

    def _entry(self, row: Any) -> Any:
        return self._slider(
            row.label,
            (-RANGE, RANGE, 0.05),
            lambda s: self.bench.deviation(s, row.index),
            lambda s, value: self.bench.set_deviation(s, row.index, value),
            f"One standard deviation moves the surface {row.movement:.2f} mm on average",
        )

    def _show_sliders(self, count: int) -> None:
        for rows in self._rows.values():
            for i, handle in enumerate(rows):
                handle.visible = i < count
        self.session.act(lambda s: s.with_look(sliders=count))

    def _presets(self) -> None:
        bench, session, names = self.bench, self.session, tuple(self.bench.presets)

        def blend(scene: Scene, **changes: Any) -> Scene:
            return bench.set_blend(scene, replace(_blend(scene), **({"strength": 1.0} | changes)))

        self._buttons(
            "Preset",
            {name: lambda n=name: session.act(lambda s: blend(s, end=n)) for name in names},  # type: ignore[misc]
        )
        start = self.client.gui.add_dropdown("Blend from", names, hint="Where the strength slider starts")

        def begin_at(name: str) -> None:
            session.act(lambda s: blend(s, start=name, strength=_blend(s).strength))

        self._by_hand(start, begin_at)
        self._readers.append(lambda s: _put(start, _blend(s).start))
        self._slider(
            "Strength",
            (0.0, 1.5, 0.05),
            lambda s: _blend(s).strength,
            lambda s, value: blend(s, strength=value),
            "0 is where the blend starts, 1 the expression itself, above 1 exaggerated",
        )

    def _play(self) -> None:
        gui, session = self.client.gui, self.session
        labels = {row.label: row.index for row in self.bench.sliders}
        with gui.add_folder("Play a mode", expand_by_default=False):
            which = gui.add_dropdown("Mode", tuple(labels))
            self._buttons("Motion", {"Play": lambda: session.play(labels[which.value]), "Pause": session.pause})

    # --- Meshes

    def _mesh_tab(self) -> None:
        gui, bench, session = self.client.gui, self.bench, self.session
        upload = gui.add_upload_button("Open a mesh or scene", hint="PLY, OBJ, STL, OFF, GLB, JSON, or a saved scene")
        upload.on_upload(
            lambda event: self._guarded(lambda: self.open_file(event.target.value.name, event.target.value.content))
        )
        chosen = gui.add_dropdown("Opened", (_NOTHING,))
        self._readers.append(lambda s: _options(chosen, tuple(o.name for o in s.opened) or (_NOTHING,)))
        if bench.model is not None:
            self._buttons(
                "Shape from it",
                {
                    "Encode": lambda: session.act(lambda s: bench.start_from(s, chosen.value)),
                    "Its expression": lambda: session.act(lambda s: bench.transfer(s, chosen.value)),
                    "Close": lambda: session.act(lambda s: bench.close(s, chosen.value)),
                },
            )
            if bench.presets:
                self._button("Neutralise the expression", lambda: session.act(bench.neutralise))
            detail = gui.add_checkbox(
                "Keep own detail", False, hint="Add back what the model cannot express of the opened child"
            )
            self._by_hand(detail, lambda value: session.act(lambda s: s.with_shape(keep_detail=bool(value))))
            self._readers.append(lambda s: _put(detail, bool(s.shape and s.shape.keep_detail)))
            self._completion()
        else:
            self._button("Close", lambda: session.act(lambda s: bench.close(s, chosen.value)))

    def _completion(self) -> None:
        gui, bench, session = self.client.gui, self.bench, self.session
        with gui.add_folder("Complete a missing part"):
            if bench.regions:
                region = gui.add_dropdown("Region", tuple(bench.regions))
                self._buttons(
                    "Mark",
                    {
                        "Unknown": lambda: session.act(lambda s: bench.mark_region(s, region.value)),
                        "Known": lambda: session.act(lambda s: bench.mark_region(s, region.value, False)),
                        "Clear": lambda: session.act(lambda s: s.with_shape(unknown=None, std=None)),
                    },
                )
            self.brush = gui.add_dropdown(
                "Brush", ("Off", "Mark unknown", "Mark known"), hint="Shift-click or Shift-drag on the surface"
            )
            self.radius = gui.add_slider("Brush radius, mm", 2.0, 40.0, 1.0, 10.0)
            self._button("Complete", self._complete, "Fill in the marked part from all the rest")

    def _complete(self) -> None:
        if self.session.act(self.bench.complete):
            shape = self.session.scene.shape
            known = shape is not None and shape.std is not None
            self.session.act(lambda s: s.with_look(colours="uncertainty" if known else s.look.colours))
            self.session.tell("Completed." + (" Colours show how uncertain each place is." if known else ""))

    def stroke(self, origin: Any, direction: Any) -> None:
        """The brush touched the surface along a ray."""
        if self.bench.model is None or self.brush.value == "Off":
            return
        point = self.session.touched(origin, direction)
        if point is not None:
            near = self.bench.near(self.session.scene, point, float(self.radius.value))
            unknown = self.brush.value == "Mark unknown"
            self.session.act(lambda s: self.bench.mark(s, near, unknown), key="brush")

    def _uploaded(self, file: Any) -> None:
        self._guarded(lambda: self.open_file(file.name, file.content))

    def open_file(self, name: str, content: bytes) -> None:
        """Open what was uploaded: a mesh of any known format, or a scene."""
        if len(content) > MAX_UPLOAD:
            raise InfaceError(
                f"{name}: {len(content) / 1e6:.0f} MB is more than the {MAX_UPLOAD // 1_000_000} MB allowed"
            )
        if scenes.is_scene(content):
            scene, _, model_hash = scenes.from_json(content)
            if self.bench.model is not None and model_hash and model_hash != self.bench.model.hash:
                raise InfaceError(f"{name}: the scene was made with another model ({model_hash})")
            self.session.act(lambda _: self.bench.restore(scene))
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"upload{Path(name).suffix.lower()}"
            path.write_bytes(content)
            try:
                mesh = Mesh.load(path)
            except (InfaceError, ValueError) as error:
                raise InfaceError(f"{name}: {str(error).replace(str(path), name)}") from None
        said: list[str] = []

        def opened(scene: Scene) -> Scene:
            after, sentence = self.bench.open(scene, Path(name).stem or "mesh", mesh)
            said.append(sentence)
            return after

        if self.session.act(opened):
            self.session.tell(said[-1], wrong="not encoded" in said[-1])

    # --- View

    def _view_tab(self) -> None:
        gui, look = self.client.gui, self.session.scene.look
        colours = gui.add_dropdown("Colours", tuple(_COLOURS))
        self._look(colours, "colours", _COLOURS.__getitem__)
        names = {value: text for text, value in _COLOURS.items()}
        self._readers.append(lambda s: _put(colours, names[s.look.colours]))
        limit = gui.add_number("Legend up to, mm", 0.0, min=0.0, max=1000.0, step=0.1, hint="0: what fits")
        self._look(limit, "limit", lambda v: float(v) or None)
        arrange = gui.add_dropdown("Arrange", scenes.ARRANGEMENTS, initial_value=look.arrangement)
        self._look(arrange, "arrangement")
        self._readers.append(lambda s: _put(arrange, s.look.arrangement))
        for name, text in (("wireframe", "Wireframe"), ("landmarks", "Landmarks with names")):
            box = self._look(gui.add_checkbox(text, getattr(look, name)), name)
            self._readers.append(partial(_follow, box, name))
        opacity = self._look(gui.add_slider("Opacity of the others", 0.1, 1.0, 0.05, look.opacity), "opacity", float)
        self._readers.append(lambda s: _put(opacity, s.look.opacity))
        self._visibility()
        with gui.add_folder("Measure", expand_by_default=False):
            self._measure()
        self._buttons("Camera", {name: partial(self.look_from, *angles) for name, angles in _VIEWS.items()})
        dark = gui.add_checkbox("Dark", False)
        self._by_hand(dark, lambda value: self.theme(bool(value)))

    def theme(self, dark: bool) -> None:
        """Light or dark."""
        self.client.gui.configure_theme(
            dark_mode=dark, show_logo=False, show_share_button=False, brand_color=(32, 99, 155)
        )

    def _visibility(self) -> None:
        boxes: dict[str, Any] = {}
        folder = self.client.gui.add_folder("Show")

        def sync(scene: Scene) -> None:
            names = [MODEL] if scene.shape is not None else []
            if self.bench.partner is not None:
                names.append(self.bench.partner.name)
            names += [one.name for one in scene.opened]
            for name in [name for name in boxes if name not in names]:
                boxes.pop(name).remove()
            for name in names:
                if name not in boxes:
                    with folder:
                        boxes[name] = self._visibility_box(name)
                _put(boxes[name], name not in scene.look.hidden)

        self._readers.append(sync)

    def _visibility_box(self, name: str) -> Any:
        box = self.client.gui.add_checkbox(name, name not in self.session.scene.look.hidden)
        box.on_update(
            lambda e: (
                e.client_id is None
                or self.session.act(
                    lambda s: s.with_look(hidden=s.look.hidden - {name} if e.target.value else s.look.hidden | {name})
                )
            )
        )
        return box

    def _measure(self) -> None:
        gui, bench = self.client.gui, self.bench
        found = bench.model.template.landmarks if bench.model else ()
        names = (_NOTHING, *(name for name in found if not name.startswith("ibug_")))
        ends = [gui.add_dropdown(text, names) for text in ("From", "To")]
        result = gui.add_markdown("")

        def measure(_: Any) -> None:
            picked = tuple("" if e.value == _NOTHING else e.value for e in ends)
            self.session.act(lambda s: s.with_look(measure=picked))

        def sync(scene: Scene) -> None:
            if bench.model is None:
                found = [n for one in scene.opened[:1] if one.mesh.landmarks for n in one.mesh.landmarks]
                for end in ends:
                    _options(end, (_NOTHING, *found))
            drawing = self.session.drawing
            measured = drawing.measured if drawing else None
            text = "" if measured is None else f"**{measured[2]:.1f} mm** in a straight line"
            if result.content != text:
                result.content = text

        for end in ends:
            self._by_hand(end, measure)
        self._readers.append(sync)

    def look_from(self, yaw: float, pitch: float) -> None:
        """Put the camera before what is shown."""
        drawing = self.session.drawing
        if drawing is None or not drawing.bodies:
            return
        low = np.min([b.vertices.min(0) + b.offset for b in drawing.bodies], 0)
        high = np.max([b.vertices.max(0) + b.offset for b in drawing.bodies], 0)
        centre, size = (low + high) / 2, float(np.linalg.norm(high - low))
        y, p = np.radians((yaw, pitch))
        towards = np.array([np.sin(y) * np.cos(p), np.sin(p), np.cos(y) * np.cos(p)])
        camera = self.client.camera
        with self.client.atomic():
            camera.fov = float(np.radians(26))
            camera.up_direction = (0.0, 1.0, 0.0)
            camera.position = centre + 2.2 * size * towards  # moves what it looks at along, so that comes after
            camera.look_at = centre
            camera.near, camera.far = 0.02 * size, 20 * size

    # --- Save

    def _save_tab(self) -> None:
        gui = self.client.gui
        save = Saving(self.client, self.session, self.model_name)
        if self.bench.model is not None:
            suffix = gui.add_dropdown("Format", SAVE_FORMATS)
            self._button("Save mesh", lambda: save.save_mesh(suffix.value), "The shape as it is shown")
        self._button("Save picture", save.save_picture, "What the view shows, as PNG")
        if self.bench.model is not None:
            self._button("Save latent", save.save_latent, "The numbers behind the shape, as JSON")
        self._button("Save scene", save.save_scene, "A file that `inface view` opens again")

    def _commands(self) -> None:
        session = self.session
        for label, key, modifier, action in (
            ("Undo", "Z", "cmd/ctrl", session.undo),
            ("Redo", "Z", "cmd/ctrl+shift", session.redo),
            ("Front view", "F", None, lambda: self.look_from(0, 0)),
            ("Left side", "L", None, lambda: self.look_from(90, 0)),
            ("Right side", "R", None, lambda: self.look_from(-90, 0)),
            ("Three-quarter view", "T", None, lambda: self.look_from(24, 5)),
            ("Wireframe", "W", None, lambda: session.act(lambda s: s.with_look(wireframe=not s.look.wireframe))),
        ):
            command = self.client.gui.add_command(label, hotkey=key, modifier=modifier)
            command.on_trigger(lambda _, act=action: self._guarded(act))


def _blend(scene: Scene) -> Blend:
    return scene.shape.blend if scene.shape is not None else Blend()


def _put(handle: Any, value: Any) -> None:
    if handle.value != value:
        handle.value = value


def _follow(handle: Any, name: str, scene: Scene) -> None:
    _put(handle, getattr(scene.look, name))


def _options(dropdown: Any, options: tuple[str, ...]) -> None:
    if tuple(dropdown.options) != options:
        dropdown.options = options
