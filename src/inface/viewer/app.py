"""The browser viewer: one server, and for each browser a session of its own."""

import contextlib
import io
import sys
import time
import webbrowser
from pathlib import Path
from typing import Any

from inface._optional import require
from inface.models import MorphableModel
from inface.pictures.surfaces import Meshes, named
from inface.viewer import scene_file
from inface.viewer.controls import Controls
from inface.viewer.editor import Partner, SceneEditor
from inface.viewer.scene import Scene
from inface.viewer.screen import ViserScreen
from inface.viewer.server import start_server
from inface.viewer.session import Session


class Window:
    """A running viewer.

    Attributes:
        port, url: where it listens.
        sessions: client number -> that browser's state; gone when the browser is.
    """

    def __init__(self, editor: SceneEditor, start: Scene, host: str, port: int, model_name: str = "") -> None:
        self.editor, self._start, self._model_name = editor, start, model_name
        self.sessions: dict[int, Session] = {}
        self._controls: dict[int, Controls] = {}
        self._server = start_server(host, port)
        self.port: int = self._server.get_port()
        self.url = f"http://{'localhost' if host in ('127.0.0.1', '0.0.0.0', '') else host}:{self.port}"
        self._server.on_client_disconnect(self._leave)
        self._server.on_client_connect(self._enter)

    def _enter(self, client: Any) -> None:
        session = Session(self.editor, self._start)
        controls = Controls(client, session, self._model_name)
        session.screen = ViserScreen(client, controls.brush.stroke, controls.legend)
        session.on_change = controls.sync
        self.sessions[client.client_id] = session
        self._controls[client.client_id] = controls
        controls.theme(False)
        session.refresh()
        controls.look_from(24, 5)

    def _leave(self, client: Any) -> None:
        self._controls.pop(client.client_id, None)
        session = self.sessions.pop(client.client_id, None)
        if session is not None:
            session.close()

    def controls(self, session: Session) -> Controls:
        """The panel of a session."""
        return next(c for number, c in self._controls.items() if self.sessions.get(number) is session)

    def stop(self) -> None:
        """Stop serving; the port is free afterwards."""
        for session in list(self.sessions.values()):
            session.close()
        self.sessions.clear()
        with contextlib.redirect_stdout(io.StringIO()):
            self._server.stop()

    def wait(self) -> None:
        """Serve until Ctrl-C, then stop."""
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            print("viewer stopped", file=sys.stderr)
        finally:
            self.stop()


def view(
    model: MorphableModel | None = None,
    meshes: Meshes = (),
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    open_browser: bool = True,
    block: bool | None = None,
    partner: Partner | None = None,
    scene: str | Path | None = None,
    model_name: str = "",
) -> Window:
    """Open the browser viewer on a model, with sliders, and on meshes (extra `viewer`).

    Args:
        model: the model to shape; None to show meshes only.
        meshes: one mesh, several, or name -> mesh; those that correspond to the model are encoded.
        host: address to listen on; this machine only by default.
        port: the next free one is taken, and said, when it is in use.
        open_browser: open a browser window on the page.
        block: serve until Ctrl-C; by default in scripts but not in an interactive session.
        partner: a second model that follows the first one.
        scene: a scene file to start from.

    Raises:
        MissingDependencyError: the extra is not installed; the message says how to.
        FormatError, InfaceError: the scene file is damaged, or of another model.
    """
    require("viser", "the viewer")
    editor = SceneEditor(model, partner)
    start = editor.start()
    if scene is not None:
        start = editor.restore(scene_file.from_json(Path(scene).read_bytes())[0])
    for name, mesh in named(meshes).items():
        start, sentence = editor.open(start, name, mesh)
        print(sentence, file=sys.stderr)
    window = Window(editor, start, host, port, model_name)
    print(f"viewer at {window.url} (Ctrl-C stops it)", file=sys.stderr)
    if open_browser:
        webbrowser.open(window.url)
    if block if block is not None else not hasattr(sys, "ps1"):
        window.wait()
    return window


def show(meshes: Meshes, **options: Any) -> Window:
    """Show meshes in the browser; for the options see `view`."""
    return view(None, meshes, **options)
