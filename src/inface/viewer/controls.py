"""The panel of one browser: its tabs, keys and theme around a `Session`."""

from typing import Any

from inface.viewer.bindings import Bindings
from inface.viewer.camera import look_from
from inface.viewer.session import Session
from inface.viewer.tabs import meshes, save, shape, view


class Controls:
    """Builds the panel for a viser client and keeps it in step with the session."""

    def __init__(self, client: Any, session: Session, model_name: str = "") -> None:
        self.client, self.session = client, session
        self._bindings = Bindings(client, session)
        gui = client.gui
        self.legend = gui.add_html("", visible=False)
        tabs = gui.add_tab_group()
        if session.editor.model is not None:
            with tabs.add_tab("Shape"):
                shape.build(self._bindings)
        with tabs.add_tab("Meshes"):
            self.brush = meshes.build(self._bindings)
        with tabs.add_tab("View"):
            view.build(self._bindings, self.theme)
        with tabs.add_tab("Save"):
            save.build(self._bindings, model_name)
        self._commands()

    def sync(self) -> None:
        """Set every input to what the scene says."""
        self._bindings.sync()

    def theme(self, dark: bool) -> None:
        """Light or dark."""
        self.client.gui.configure_theme(
            dark_mode=dark, show_logo=False, show_share_button=False, brand_color=(32, 99, 155)
        )

    def look_from(self, yaw: float, pitch: float) -> None:
        """Put the camera before what is shown."""
        look_from(self.client, self.session.drawing, yaw, pitch)

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
            command.on_trigger(lambda _, act=action: self._bindings.guarded(act))
