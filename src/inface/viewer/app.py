"""The browser viewer: one server, and for each browser a session of its own."""

import contextlib
import io
import os
import secrets
import sys
import threading
import time
import webbrowser
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inface._optional import require
from inface.errors import InfaceError
from inface.models import MorphableModel
from inface.pictures.surfaces import Meshes, named
from inface.viewer import scene_file
from inface.viewer.batch_list import read_folder
from inface.viewer.controls import About, Controls
from inface.viewer.editor import Partner, SceneEditor
from inface.viewer.guard import is_local
from inface.viewer.scene import Scene
from inface.viewer.screen import ViserScreen
from inface.viewer.server import limit_uploads, page_key, start_server
from inface.viewer.session import Session
from inface.viewer.store import SessionStore

NO_WINDOW, WAIT = "INFACE_NO_WINDOW", "INFACE_WAIT"
GRACE = 4.0  # seconds after the last page has gone in which a page that is loaded again comes back


@dataclass(frozen=True)
class Listening:
    """Where a window listens, and the folder of its state files (None: nothing is kept in files)."""

    host: str = "127.0.0.1"
    port: int = 8080
    state: Path | None = None


class Window:
    """A running viewer.

    Attributes:
        port, url: where it listens.
        sessions: client number -> that browser's state; gone when the browser is.
    """

    def __init__(self, editor: SceneEditor, start: Scene, plan: "Listening", about: About) -> None:
        self.editor, self._about = editor, about
        self.sessions: dict[int, Session] = {}
        self._keys: dict[int, str] = {}
        self._controls: dict[int, Controls] = {}
        self._pages = threading.Condition()
        self._visits, self._last_left = 0, 0.0
        model_hash = editor.model.hash if editor.model is not None else ""
        self.store = SessionStore(lambda: Session(editor, start), plan.state, (about.model_name, model_hash))
        token = "" if is_local(plan.host) else secrets.token_urlsafe(18)
        self._server = start_server(plan.host, plan.port, token, self.store)
        self.port: int = self._server.get_port()
        name = "localhost" if plan.host in ("127.0.0.1", "0.0.0.0", "") else plan.host
        self.url = f"http://{f'[{name}]' if ':' in name else name}:{self.port}" + (f"/?token={token}" if token else "")
        self._server.on_client_disconnect(self._leave)
        self._server.on_client_connect(self._enter)

    def _enter(self, client: Any) -> None:
        key = page_key(self._server, client)
        session = self.store.take(key)
        limit_uploads(client, session.tell)
        controls = Controls(client, session, self._about, lambda: self._forget(key, session))
        screen = ViserScreen(client, controls.touch, controls.legend)
        with self._pages:
            self.sessions[client.client_id] = session
            self._keys[client.client_id] = key
            self._controls[client.client_id] = controls
            self._visits += 1
            self._pages.notify_all()
        controls.screen = screen
        session.attach(screen, controls.sync)
        controls.look_from(24, 5)

    def _leave(self, client: Any) -> None:
        controls = self._controls.pop(client.client_id, None)
        with self._pages:
            session = self.sessions.pop(client.client_id, None)
            self._last_left = time.monotonic()
            self._pages.notify_all()
        if session is not None and controls is not None:
            controls.busy.leave()
            if controls.screen is not None:
                session.detach(controls.screen)
            key = self._keys.pop(client.client_id, "")
            if key:
                self.store.release(key)
            else:
                session.close()

    def _forget(self, key: str, session: Session) -> None:
        session.begin_anew()
        self.store.forget(key)

    def controls(self, session: Session) -> Controls:
        """The panel of a session."""
        return next(c for number, c in self._controls.items() if self.sessions.get(number) is session)

    def stop(self) -> None:
        """Stop serving; the port is free afterwards."""
        self.store.close()
        for session in list(self.sessions.values()):
            session.close()
        self.sessions.clear()
        with contextlib.redirect_stdout(io.StringIO()):
            self._server.stop()

    def wait(self) -> None:
        """Serve until Ctrl-C, then stop."""
        with self._until_interrupted():
            while True:
                time.sleep(3600)

    def wait_for_pages(self, patience: float | None = None) -> None:
        """Serve until the last page was closed, or Ctrl-C; then stop and say so.

        Args:
            patience: seconds to wait for a first page; None: for ever.
        """
        with self._until_interrupted():
            with self._pages:
                came = self._pages.wait_for(lambda: self._visits > 0, patience)
                while came and not self._gone():
                    self._pages.wait(1.0)  # not for ever, so that Ctrl-C is heard
            if came:
                print("the last page was closed; going on", file=sys.stderr)
            else:
                print(f"no page was opened within {patience:g} s ({WAIT} sets this); going on", file=sys.stderr)

    def _gone(self) -> bool:
        """Whether no page is open, and none has come back for a while, as one does that is loaded again."""
        return not self.sessions and time.monotonic() - self._last_left > GRACE

    @contextlib.contextmanager
    def _until_interrupted(self) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            print("viewer stopped", file=sys.stderr)
        finally:
            self.stop()


# options: each says what a window opens, or where and how
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
    state: str | Path | None = None,
    folder: str | Path | None = None,
) -> Window | None:
    """Open the browser viewer on a model, with sliders, and on meshes (extra `viewer`).

    Args:
        model: the model to shape; None to show meshes only.
        meshes: one mesh, several, or name -> mesh; those that correspond to the model are encoded.
        host: address to listen on; this machine only by default.
        port: the next free one is taken, and said, when it is in use.
        open_browser: open a browser window on the page.
        block: True serves until Ctrl-C, False goes on at once. By default a script waits until the last page was
            closed, and an interactive session goes on at once.
        partner: a second model that follows the first one.
        scene: a scene file to start from.
        folder: of meshes, or of registrations with their `report.csv`, to go through one by one.
        state: a folder in which each page's session is kept, so that it survives a restart; None: while this runs.

    Returns:
        the running window (a stopped one when it was waited for); None where `INFACE_NO_WINDOW` is set, which makes
        scripts go on at once without a window. Without a screen the address is printed, and a script waits
        30 seconds (`INFACE_WAIT`) for a first page.

    Raises:
        MissingDependencyError: the extra is not installed; the message says how to.
        FormatError, InfaceError: the scene file is damaged, or of another model.
    """
    if block is None and _set(NO_WINDOW):
        print(f"no window is opened, because {NO_WINDOW} is set", file=sys.stderr)
        return None
    require("viser", "the viewer")
    editor = SceneEditor(model, partner)
    start = editor.start()
    if scene is not None:
        start = editor.restore(scene_file.from_json(Path(scene).read_bytes())[0])
    for name, mesh in named(meshes).items():
        start, sentence = editor.open(start, name, mesh)
        print(sentence, file=sys.stderr)
    entries = () if folder is None else read_folder(folder)
    window = Window(
        editor, start, Listening(host, port, None if state is None else Path(state)), About(model_name, entries)
    )
    print(f"viewer at {window.url} (Ctrl-C stops it)", file=sys.stderr)
    screen = has_screen()
    if open_browser and screen and not _set(NO_WINDOW):
        webbrowser.open(window.url)
    if block:
        window.wait()
    elif block is None and not hasattr(sys, "ps1"):
        window.wait_for_pages(patience(screen))
    return window


def has_screen() -> bool:
    """Whether a browser window can be seen on this machine."""
    if sys.platform != "linux":
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))


def patience(screen: bool) -> float | None:
    """Seconds that a script waits for a first page: what `INFACE_WAIT` says, else 30 without a screen, else no end."""
    text = os.environ.get(WAIT, "")
    if not text:
        return None if screen else 30.0
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise InfaceError(f"{WAIT}: expected seconds, zero or more, got '{text}'")
    return seconds


def _set(name: str) -> bool:
    return os.environ.get(name, "") not in ("", "0")


def show(meshes: Meshes, **options: Any) -> Window | None:
    """Show meshes in the browser; for the options see `view`."""
    return view(None, meshes, **options)
