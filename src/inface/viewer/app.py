"""The browser viewer: one server, and for each browser a session of its own."""

import contextlib
import io
import socket
import sys
import time
import webbrowser
from pathlib import Path
from typing import Any

from inface._optional import require
from inface.errors import InfaceError
from inface.models import MorphableModel
from inface.viewer import scene as scenes
from inface.viewer.controls import Controls
from inface.viewer.scene import Scene
from inface.viewer.screen import ViserScreen
from inface.viewer.session import Session
from inface.viewer.surfaces import Meshes, named
from inface.viewer.workbench import Partner, Workbench

_LIGHTS = (
    ((-500.0, 600.0, 800.0), 1.9, (255, 247, 238)),
    ((800.0, 100.0, 500.0), 0.7, (225, 235, 255)),
    ((0.0, 300.0, -900.0), 0.8, (255, 255, 255)),
)
_PORTS = 100  # ports tried after the wanted one


class Window:
    """A running viewer.

    Attributes:
        port, url: where it listens.
        sessions: client number -> that browser's state; gone when the browser is.
    """

    def __init__(self, bench: Workbench, start: Scene, host: str, port: int, model_name: str = "") -> None:
        self.bench, self._start, self._model_name = bench, start, model_name
        self.sessions: dict[int, Session] = {}
        self._controls: dict[int, Controls] = {}
        self._server = _server(host, port)
        self.port: int = self._server.get_port()
        self.url = f"http://{'localhost' if host in ('127.0.0.1', '0.0.0.0', '') else host}:{self.port}"
        self._server.on_client_disconnect(self._leave)
        self._server.on_client_connect(self._enter)

    def _enter(self, client: Any) -> None:
        session = Session(self.bench, self._start)
        controls = Controls(client, session, self._model_name)
        session.screen = ViserScreen(client, controls.stroke, controls.legend)
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
    bench = Workbench(model, partner)
    start = bench.start()
    if scene is not None:
        start = bench.restore(scenes.from_json(Path(scene).read_bytes())[0])
    for name, mesh in named(meshes).items():
        start, sentence = bench.open(start, name, mesh)
        print(sentence, file=sys.stderr)
    window = Window(bench, start, host, port, model_name)
    print(f"viewer at {window.url} (Ctrl-C stops it)", file=sys.stderr)
    if open_browser:
        webbrowser.open(window.url)
    if block if block is not None else not hasattr(sys, "ps1"):
        window.wait()
    return window


def show(meshes: Meshes, **options: Any) -> Window:
    """Show meshes in the browser; for the options see `view`."""
    return view(None, meshes, **options)


def _server(host: str, port: int):
    """A quiet viser server on the first free port from `port` on, which never talks to another host."""
    viser = require("viser", "the viewer")

    class LocalServer(viser.ViserServer):  # type: ignore[name-defined]
        """A server that refuses to be tunnelled through a public relay, whoever asks."""

        def request_share_url(self, verbose: bool = True) -> None:
            return None

    free = _free_port(host, port)
    if free != port:
        print(f"port {port} is in use; taking {free} instead", file=sys.stderr)
    with contextlib.redirect_stdout(io.StringIO()):
        server = LocalServer(host=host, port=free, label="inface", verbose=False)
    server.scene.set_up_direction("+y")
    server.gui.configure_theme(show_logo=False, show_share_button=False)
    server.scene.configure_default_lights(enabled=False)
    server.scene.configure_environment_map(None)
    for i, (place, intensity, color) in enumerate(_LIGHTS):
        server.scene.add_light_directional(
            f"/light_{i}", color=color, intensity=intensity, position=place, cast_shadow=False
        )
    server.scene.add_light_hemisphere("/sky", sky_color=(236, 240, 247), ground_color=(190, 175, 165), intensity=1.35)
    return server


def _free_port(host: str, port: int) -> int:
    """The first port from `port` on that nobody listens on."""
    if not 0 <= port <= 65535:
        raise ValueError(f"port: expected 0 to 65535, got {port}")
    if port == 0:
        return 0
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    reason: OSError | None = None
    for candidate in range(port, min(port + _PORTS, 65536)):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, candidate))
            except OSError as error:
                reason = error
                continue
            return candidate
    raise InfaceError(f"cannot listen on {host}, ports {port} to {min(port + _PORTS, 65536) - 1}: {reason}")
