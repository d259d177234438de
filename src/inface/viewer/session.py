"""One browser's own state: its history, and a screen that is brought up to date with it."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import numpy as np

from inface._validate import FloatArray
from inface.errors import InfaceError
from inface.viewer.drawing import Drawing, draw_scene
from inface.viewer.editor import SceneEditor
from inface.viewer.jobs import Job
from inface.viewer.marks_drawing import with_marks
from inface.viewer.picking import Hit, pick
from inface.viewer.scene import History, Scene

# seconds between two pushes of a body with colours per vertex, which the browser has to unpack
_COLOURED_PAUSE = 0.025


class Screen(Protocol):
    """What a session draws on."""

    def draw(self, drawing: Drawing) -> bool:
        """Show a drawing; True when it was heavy for the browser."""

    def tell(self, text: str, *, wrong: bool = False) -> None:
        """Show a sentence."""


class Session:
    """State of one browser. Acts may come from any thread; drawing is coalesced, so that of many acts that arrive
    while one is drawn only the last is drawn next."""

    def __init__(self, editor: SceneEditor, scene: Scene) -> None:
        self.editor, self.first = editor, scene
        self.history = History(scene)
        self.screen: Screen | None = None
        self.on_change: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        self._dirty = False
        self._drawing = False
        self._playing: threading.Event | None = None
        self._saved = scene
        self._waiting: list[tuple[str, bool]] = []
        self.on_step: Callable[[], None] = lambda: None
        self.job: Job | None = None
        self.drawing: Drawing | None = None

    @property
    def scene(self) -> Scene:
        """What is shown."""
        return self.history.present

    def act(self, change: Callable[[Scene], Scene], key: str | None = None) -> bool:
        """Change the scene; acts with the same `key` in a row are one step of undo until `settle`. A refusal is told
        in the page."""
        try:
            with self._lock:
                self.history = self.history.to(change(self.history.present), key)
        except (InfaceError, ValueError, ArithmeticError) as error:
            self.tell(str(error), wrong=True)
            return False
        self.on_step()
        self.refresh()
        return True

    def start_at(self, scene: Scene) -> None:
        """Begin at a scene that was kept, without a way back to before it."""
        with self._lock:
            self.history = History(self.editor.restore(scene))
            self._saved = self.history.present

    def begin_anew(self) -> None:
        """Everything as it was at the very start; nothing of before is kept."""
        self.pause()
        with self._lock:
            self.history = History(self.first)
            self._saved = self.history.present
        self.refresh()

    def saved(self, scene: Scene) -> None:
        """A scene has been written to a file."""
        self._saved = scene
        self.on_change()

    @property
    def unsaved(self) -> bool:
        """Whether there is work that is in no file."""
        now, then = self.scene, self._saved
        return not (now.shape is then.shape and now.opened is then.opened and now.marks is then.marks)

    def later(self, text: str, *, wrong: bool = False) -> None:
        """A sentence to show as soon as there is a screen."""
        self._waiting.append((text, wrong))

    def attach(self, screen: Screen, on_change: Callable[[], None]) -> None:
        """Show the session on a screen; one that showed it before is let go."""
        with self._lock:
            self.screen, self.on_change, self.drawing = screen, on_change, None
        waiting, self._waiting = self._waiting, []
        for text, wrong in waiting:
            self.tell(text, wrong=wrong)
        self.refresh()

    def detach(self, screen: Screen) -> None:
        """The screen has gone; the state stays. Nothing happens when another screen took its place."""
        with self._lock:
            if self.screen is not screen:
                return
            self.screen = None
            self.on_change = lambda: None
            self.drawing = None
        self.pause()

    def settle(self) -> None:
        """End of a drag: the next act is a step of its own."""
        with self._lock:
            self.history = replace(self.history, key=None)

    def undo(self) -> None:
        """One step back."""
        self._go(History.undo)

    def redo(self) -> None:
        """One step forward."""
        self._go(History.redo)

    def _go(self, step: Callable[[History], History]) -> None:
        with self._lock:
            self.history = step(self.history)
        self.on_step()
        self.refresh()

    def tell(self, text: str, *, wrong: bool = False) -> None:
        """Show a sentence in the page."""
        if self.screen is not None:
            self.screen.tell(text, wrong=wrong)

    def refresh(self) -> None:
        """Bring screen and controls up to date; returns at once when another thread is at it already."""
        with self._lock:
            self._dirty = True
            if self._drawing or self.screen is None:
                return
            self._drawing = True
        try:
            while True:
                with self._lock:
                    if not self._dirty or self.screen is None:
                        self._drawing = False
                        return
                    self._dirty = False
                    scene, screen = self.history.present, self.screen
                self.drawing = with_marks(draw_scene(self.editor, scene), scene)
                heavy = screen.draw(self.drawing)
                self.on_change()
                if heavy:
                    time.sleep(_COLOURED_PAUSE)
        except BaseException:
            with self._lock:
                self._drawing = False
            raise

    # --- work that takes a while

    def take_job(self, job: Job) -> Job | None:
        """Make this the session's job; the one that is running, where there is one, stays and is returned."""
        with self._lock:
            if self.job is None:
                self.job = job
                return None
            return self.job

    def end_job(self, job: Job) -> None:
        """The job is over."""
        with self._lock:
            if self.job is job:
                self.job = None

    # --- playing a mode

    @property
    def playing(self) -> bool:
        """Whether a mode is moving."""
        return self._playing is not None

    def play(self, index: int, seconds: float = 4.0) -> None:
        """Swing one latent entry between -3 and +3 standard deviations until `pause`."""
        self.pause()
        stop = threading.Event()
        self._playing = stop
        start = self.editor.deviation(self.scene, index)

        def swing() -> None:
            began = time.monotonic()
            phase = float(np.arcsin(np.clip(start / 3, -1, 1)))
            while not stop.wait(0.04):
                value = 3 * float(np.sin(phase + 2 * np.pi * (time.monotonic() - began) / seconds))
                if not self.act(lambda s, v=value: self.editor.set_deviation(s, index, v), key="play"):  # type: ignore[misc]
                    return

        threading.Thread(target=swing, daemon=True, name="inface-play").start()

    def pause(self) -> None:
        """Stop playing."""
        if self._playing is not None:
            self._playing.set()
            self._playing = None
            self.settle()

    def close(self) -> None:
        """The browser is gone: nothing is drawn any more and the state is let go."""
        self.pause()
        if self.job is not None:
            self.job.cancel()
        with self._lock:
            self.screen = None
            self.on_change = lambda: None
            self.drawing = None
            self.history = History(Scene(None))

    # --- pointing

    def touched(self, origin: FloatArray, direction: FloatArray, only: str = "") -> Hit | None:
        """What a ray touches of what is drawn, or of one body of it; None when it misses."""
        drawing = self.drawing
        return None if drawing is None else pick(drawing.bodies, np.asarray(origin), np.asarray(direction), only)
