"""Sessions that outlive their page: kept while the server runs, and in state files where a folder was named."""

import os
import re
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from inface.errors import FileAccessError, InfaceError
from inface.viewer import scene_file
from inface.viewer.scene import Scene
from inface.viewer.session import Session

_KEY = re.compile(r"^[0-9a-f]{32}$")
_KEPT = 8  # sessions without a page that are kept in memory
_PAUSE = 0.7  # seconds after a change before it is written
_PREFIX, _SUFFIX = "inface-session-", ".json"


class SessionStore:
    """The sessions of all pages, by the key in the page's address.

    Attributes:
        folder: where state files are written, mode 0600; None: nothing is written.
    """

    def __init__(self, make: Callable[[], Session], folder: Path | None, model: tuple[str, str]) -> None:
        self._make, self.folder, self._model = make, folder, model
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._live: dict[str, int] = {}
        self._lock = threading.Lock()
        self._dirty: dict[str, float] = {}
        self._stop = threading.Event()
        if folder is not None:
            if not folder.is_dir():
                raise FileAccessError(f"the folder '{folder}' for the session does not exist; make it first")
            self._writer = threading.Thread(target=self._write_on, daemon=True, name="inface-state")
            self._writer.start()

    def take(self, key: str) -> Session:
        """The session of a page: the one kept, the one in its state file, or a new one."""
        with self._lock:
            session = self._sessions.pop(key, None) if key else None
            if session is None:
                session = self._make()
                saved = self._read(key)
                if isinstance(saved, Scene):
                    session.start_at(saved)
                elif saved:
                    session.later(saved, wrong=True)
            if key:
                self._sessions[key] = session
                self._live[key] = self._live.get(key, 0) + 1
                session.on_step = lambda: self._touch(key)
        return session

    def release(self, key: str) -> None:
        """The page has gone; its session is kept for its return, the oldest ones are let go."""
        with self._lock:
            self._live[key] = self._live.get(key, 1) - 1
            if self._live[key] <= 0:
                self._live.pop(key)
            idle = [k for k in self._sessions if k not in self._live]
            for old in idle[: max(0, len(idle) - _KEPT)]:
                self._sessions.pop(old).close()

    def forget(self, key: str) -> None:
        """Remove a session's state file; its page starts anew."""
        with self._lock:
            self._dirty.pop(key, None)
            if (path := self._path(key)) is not None:
                path.unlink(missing_ok=True)

    def newest(self) -> str:
        """The key of the latest state file that no page uses; "" for none."""
        if self.folder is None:
            return ""
        found = sorted(self.folder.glob(f"{_PREFIX}*{_SUFFIX}"), key=lambda p: p.stat().st_mtime, reverse=True)
        keys = [p.name.removeprefix(_PREFIX).removesuffix(_SUFFIX) for p in found]
        return next((k for k in keys if _KEY.match(k) and k not in self._live), "")

    def settle(self, key: str) -> None:
        """A drag in a page has ended: the next move is another step of undo."""
        session = self._sessions.get(key)
        if session is not None:
            session.settle()

    def close(self) -> None:
        """Write what is not written yet, and let everything go."""
        self._stop.set()
        if self.folder is not None:
            self._writer.join(timeout=10)
            self._write_due(float("inf"))
        for session in self._sessions.values():
            session.close()
        self._sessions.clear()

    def _path(self, key: str) -> Path | None:
        return self.folder / f"{_PREFIX}{key}{_SUFFIX}" if self.folder is not None and _KEY.match(key) else None

    def _read(self, key: str) -> Scene | str:
        """The scene of a state file; a sentence where it cannot be used, "" where there is none."""
        path = self._path(key)
        if path is None or not path.is_file():
            return ""
        try:
            scene, _, model_hash = scene_file.from_json(path.read_bytes())
        except (InfaceError, OSError) as error:
            return f"The last session could not be restored: {error}. Its file is '{path}'."
        if model_hash != self._model[1]:
            return f"The last session was made with another model, so a new one begins; its file is '{path}'."
        return scene

    def _touch(self, key: str) -> None:
        if self.folder is not None:
            self._dirty[key] = time.monotonic()

    def _write_on(self) -> None:
        while not self._stop.wait(0.2):
            self._write_due(time.monotonic() - _PAUSE)

    def _write_due(self, before: float) -> None:
        for key, since in list(self._dirty.items()):
            session = self._sessions.get(key)
            if since > before or session is None:
                continue
            self._dirty.pop(key, None)
            scene = session.scene
            try:
                self._write(key, scene)
                session.saved(scene)
            except OSError as error:
                session.tell(f"The session cannot be written to '{self.folder}': {error.strerror}", wrong=True)

    def _write(self, key: str, scene: Scene) -> None:
        path = self._path(key)
        if path is None:
            return
        text = scene_file.to_json(scene, *self._model)
        handle, temporary = tempfile.mkstemp(prefix=".tmp-", dir=path.parent)  # readable by nobody else
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            with self._lock:
                os.replace(temporary, path)
        finally:
            with suppress(OSError):
                os.unlink(temporary)
