"""The server of the page: on the first free port, quiet, and never in touch with another host."""

import contextlib
import io
import secrets
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol

from inface._optional import require
from inface.errors import InfaceError
from inface.viewer import front
from inface.viewer.guard import Guard, page_of, settled_page

_LIGHTS = (
    ((-500.0, 600.0, 800.0), 1.9, (255, 247, 238)),
    ((800.0, 100.0, 500.0), 0.7, (225, 235, 255)),
    ((0.0, 300.0, -900.0), 0.8, (255, 255, 255)),
)
_PATCHING = threading.Lock()
_PORTS = 100  # ports tried after the wanted one


class Pages(Protocol):
    """The sessions of pages, as far as requests are about them."""

    def newest(self) -> str:
        """The key of a page to take up again, or ""."""

    def settle(self, key: str) -> None:
        """A drag in a page has ended."""


class Answers:
    """Answers requests: the guard's refusals, a key for a page that has none, the page itself, the end of a drag."""

    def __init__(self, guard: Guard, build: Path, pages: Pages) -> None:
        self._guard, self._build, self._pages = guard, build, pages

    def answer(self, connection: Any, request: Any) -> Any:
        """A response, or None where the request goes on to the browser library's own server."""
        path, headers = request.path, request.headers
        refused = self._guard.check(path, headers)
        if refused is not None:
            return connection.respond(refused.status, refused.text + "\n")
        if headers.get("Upgrade", "").lower() == "websocket":
            return None
        if path.partition("?")[0] in ("", "/"):
            answer = connection.respond(HTTPStatus.SEE_OTHER, "")
            answer.headers["Location"] = f"/s/{self._pages.newest() or secrets.token_hex(16)}/"
            if cookie := self._guard.cookie(path):
                answer.headers["Set-Cookie"] = cookie
            return answer
        if key := settled_page(path):
            self._pages.settle(key)
            return connection.respond(HTTPStatus.NO_CONTENT, "")
        return self._page(connection, headers) if page_of(path) else None

    def _page(self, connection: Any, headers: Any) -> Any:
        packed = "gzip" in headers.get("Accept-Encoding", "")
        answer = connection.respond(HTTPStatus.OK, "")
        for name, value in front.HEADERS.items():
            if name in answer.headers:
                del answer.headers[name]
            answer.headers[name] = value
        answer.body = (front.packed_page if packed else front.page)(self._build)
        del answer.headers["Content-Length"]
        answer.headers["Content-Length"] = str(len(answer.body))
        if packed:
            answer.headers["Content-Encoding"] = "gzip"
        return answer


def start_server(host: str, port: int, token: str, pages: Pages) -> Any:
    """A quiet viser server on the first free port from `port` on, which never talks to another host.

    Args:
        host: address to listen on.
        port: the next free one is taken, and said, when it is in use.
        token: secret that requests have to bring; "" for none.
        pages: the sessions that pages have.
    """
    viser = require("viser", "the viewer")
    build = Path(str(viser.__file__)).resolve().parent / "client" / "build"

    class LocalServer(viser.ViserServer):  # type: ignore[name-defined, misc]
        """A server that refuses to be tunnelled through a public relay, whoever asks."""

        def request_share_url(self, verbose: bool = True) -> None:
            return None

    free = _free_port(host, port)
    if free != port:
        print(f"port {port} is in use; taking {free} instead", file=sys.stderr)
    answers = Answers(Guard(host, token), build, pages)
    with contextlib.redirect_stdout(io.StringIO()), _answering(answers):
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


def page_key(server: Any, client: Any) -> str:
    """The key of the page a client belongs to; "" for a client that is no page."""
    connection = server._websock_server._live_connections.get(client.client_id)
    return "" if connection is None else page_of(connection.request.path)


def limit_uploads(client: Any, tell: Callable[..., None]) -> None:
    """Refuse uploads of a client that say or turn out to be too big, before they are kept in memory."""
    from viser import _messages as messages

    connection, gui = client._websock_connection, client.gui

    def start(client_id: Any, message: Any) -> None:
        if message.size_bytes > front.MAX_UPLOAD or message.part_count > 4096:
            most = front.MAX_UPLOAD // 1_000_000
            tell(
                f"{message.filename}: {message.size_bytes / 1e6:.0f} MB is more than the {most} MB allowed", wrong=True
            )
            return
        gui._handle_file_transfer_start(client_id, message)

    def part(client_id: Any, message: Any) -> None:
        state = gui._current_file_upload_states.get(message.transfer_uuid)
        if state is not None and state["transferred_bytes"] + len(message.content) > state["total_bytes"]:
            gui._current_file_upload_states.pop(message.transfer_uuid, None)
            return
        gui._handle_file_transfer_part(client_id, message)

    for kind, old, new in (
        (messages.FileTransferStartUpload, gui._handle_file_transfer_start, start),
        (messages.FileTransferPart, gui._handle_file_transfer_part, part),
    ):
        connection.unregister_handler(kind, old)
        connection.register_handler(kind, new)


@contextlib.contextmanager
def _answering(answers: Answers) -> Iterator[None]:
    """While a server starts here, its requests are answered by us first: the browser library has no hook for that."""
    sockets: Any = require("websockets.asyncio.server", "the viewer")

    original = sockets.serve

    def serve(*arguments: Any, process_request: Any = None, **options: Any) -> Any:
        def first(connection: Any, request: Any) -> Any:
            answer = answers.answer(connection, request)
            return process_request(connection, request) if answer is None and process_request else answer

        return original(*arguments, process_request=first, **options)

    with _PATCHING:
        sockets.serve = serve  # type: ignore[assignment, misc]
        try:
            yield
        finally:
            sockets.serve = original  # type: ignore[misc]


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
