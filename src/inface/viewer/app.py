"""The browser viewer: a thin application of viser around the pure scene."""

import contextlib
import io
import sys
import time
import webbrowser

from inface._optional import require
from inface.viewer.surfaces import Meshes, drawable, named

CLAY = (214, 205, 196)


class Window:
    """A running viewer: its address, and how to stop it."""

    def __init__(self, server) -> None:
        self._server = server
        self.port: int = server.get_port()
        self.url = f"http://localhost:{self.port}"

    def stop(self) -> None:
        """Stop serving; the port is free afterwards."""
        with contextlib.redirect_stdout(io.StringIO()):
            self._server.stop()

    def wait(self) -> None:
        """Serve until Ctrl-C, then stop."""
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            pass
        finally:
            self.stop()


def start_server(host: str, port: int):
    """A quiet viser server on the first free port from `port` on."""
    viser = require("viser", "the viewer")
    with contextlib.redirect_stdout(io.StringIO()):
        server = viser.ViserServer(host=host, port=port, label="inface", verbose=False)
    if server.get_port() != port:
        print(f"port {port} is in use; serving on {server.get_port()} instead", file=sys.stderr)
    server.scene.set_up_direction("+y")
    server.gui.configure_theme(show_logo=False, show_share_button=False)
    return server


def show(
    meshes: Meshes,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    open_browser: bool = True,
    block: bool | None = None,
) -> Window:
    """Show meshes in the browser (extra `viewer`).

    Args:
        meshes: one mesh, several, or name -> mesh.
        host: address to listen on; this machine only by default.
        port: the next free one is taken, and said, when it is in use.
        open_browser: open a browser window on the page.
        block: serve until Ctrl-C; by default in scripts but not in an interactive session.

    Raises:
        MissingDependencyError: the extra is not installed; the message says how to.
    """
    server = start_server(host, port)
    for name, mesh in named(meshes).items():
        server.scene.add_mesh_simple(f"/{name}", *drawable(mesh, name), color=CLAY, side="double")
    window = Window(server)
    print(f"viewer at {window.url} (Ctrl-C stops it)", file=sys.stderr)
    if open_browser:
        webbrowser.open(window.url)
    if block if block is not None else not hasattr(sys, "ps1"):
        window.wait()
    return window
