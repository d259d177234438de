"""The server of the page: on the first free port, quiet, and never in touch with another host."""

import contextlib
import io
import socket
import sys

from inface._optional import require
from inface.errors import InfaceError

_LIGHTS = (
    ((-500.0, 600.0, 800.0), 1.9, (255, 247, 238)),
    ((800.0, 100.0, 500.0), 0.7, (225, 235, 255)),
    ((0.0, 300.0, -900.0), 0.8, (255, 255, 255)),
)
_PORTS = 100  # ports tried after the wanted one


def start_server(host: str, port: int):
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
