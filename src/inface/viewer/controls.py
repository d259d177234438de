"""The panel of one browser: its tabs, keys and theme around a `Session`."""

import html
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from inface.viewer.batch_list import Entry
from inface.viewer.bindings import Bindings
from inface.viewer.busy import Busy
from inface.viewer.camera import Framing
from inface.viewer.scene import Scene
from inface.viewer.screen import ViserScreen
from inface.viewer.session import Session
from inface.viewer.tabs import measures, meshes, save, shape, view
from inface.viewer.tabs.folder import FolderList
from inface.viewer.tabs.points import Points

_KEYS = (
    "| key | what it does |\n|---|---|\n"
    "| Ctrl Z, Ctrl Shift Z | undo, redo |\n| F | front |\n| L, R | the subject's left, right |\n"
    "| T | three-quarter |\n"
    "| W | wireframe |\n| Tab, arrows | go to a slider, move it |\n"
    "| arrows | go through the folder |\n| Shift drag | paint with the brush |\n"
)


@dataclass(frozen=True)
class About:
    """What a window is about: its model's name, and the folder gone through, if any."""

    model_name: str = ""
    entries: tuple[Entry, ...] = ()


class Controls:
    """Builds the panel for a viser client and keeps it in step with the session."""

    def __init__(self, client: Any, session: Session, about: About, forget: Callable[[], None]) -> None:
        self.client, self.session = client, session
        self.screen: ViserScreen | None = None
        self._bindings = Bindings(client, session)
        self._framing = Framing(client)
        self._dark: bool | None = None
        gui = client.gui
        self._state = gui.add_html("")
        self.legend = gui.add_html("", visible=False)
        self.busy = Busy(gui, session)
        meshes.add_upload(self._bindings, self.busy)
        self._folder = FolderList(self._bindings, self.busy, about.entries) if about.entries else None
        tabs = gui.add_tab_group()
        if session.editor.model is not None:
            with tabs.add_tab("Shape"):
                shape.build(self._bindings)
        with tabs.add_tab("Meshes"):
            self.brush = meshes.build(self._bindings, self.busy)
        with tabs.add_tab("Points"):
            self.touch = Points(self._bindings, self.brush.stroke)
        if session.editor.model is not None:
            with tabs.add_tab("Measures"):
                measures.build(self._bindings)
        with tabs.add_tab("View"):
            view.build(self._bindings, self._framing)
            with gui.add_folder("Keys", expand_by_default=False):
                gui.add_markdown(_KEYS)
        with tabs.add_tab("Save"):
            save.build(self._bindings, self.busy, about.model_name, forget)
        self._bindings.follow(self._theme)
        self._commands()

    def sync(self) -> None:
        """Set every input to what the scene says."""
        self._bindings.sync()
        self._framing.follow(self.session.drawing)
        self._tell_page()

    def look_from(self, yaw: float, pitch: float) -> None:
        """Put the camera before what is shown."""
        self._framing.look_from(self.session.drawing, yaw, pitch)

    def _theme(self, scene: Scene) -> None:
        if scene.look.dark != self._dark:
            self._dark = scene.look.dark
            self.client.gui.configure_theme(
                dark_mode=self._dark, show_logo=False, show_share_button=False, brand_color=(32, 99, 155)
            )

    def _tell_page(self) -> None:
        """What the page's own script needs to know."""
        session = self.session
        state = {"pressed": shape.pressed(session), "unsaved": session.unsaved, "title": "inface viewer"}
        text = f'<div data-inface="state" data-json="{html.escape(json.dumps(state))}"></div>'
        if self._state.content != text:
            self._state.content = text

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
            self._command(label, key, modifier, action)
        if (folder := self._folder) is not None:
            self._command("Next of the folder", "arrowright", None, lambda: folder.step(1))
            self._command("Previous of the folder", "arrowleft", None, lambda: folder.step(-1))

    def _command(self, label: str, key: str, modifier: str | None, action: Callable[[], Any]) -> None:
        command = self.client.gui.add_command(label, hotkey=key, modifier=modifier)
        command.on_trigger(lambda _: self._bindings.guarded(action))
