"""The row of the panel that shows what is being done, how long, and stops it."""

import threading
import time
from collections.abc import Callable
from typing import Any

from inface.errors import InfaceError
from inface.viewer.jobs import SHOWN_AFTER, Job
from inface.viewer.session import Session


class Busy:
    """Runs one job at a time for a browser and shows it."""

    def __init__(self, gui: Any, session: Session) -> None:
        self._session = session
        self._job: Job | None = None
        self._lock = threading.Lock()
        self._words = gui.add_markdown("", visible=False)
        self._bar = gui.add_progress_bar(100.0, visible=False, animated=True)
        self._stop = gui.add_button("Cancel", color="gray", visible=False)
        self._stop.on_click(lambda _: self.cancel())

    @property
    def job(self) -> Job | None:
        """The job that is running; None for none."""
        return self._job

    def run(self, label: str, work: Callable[[Job], Any], done: Callable[[Any], None]) -> None:
        """Start a job; `done(result)` is called when it ends well.

        Raises:
            InfaceError: another one is running.
        """
        with self._lock:
            if self._job is not None:
                raise InfaceError(f"'{self._job.label}' is still being done; wait for it or cancel it")
            self._job = job = Job(label, work, done, self._ended)
        threading.Thread(target=self._watch, args=(job,), daemon=True, name="inface-busy").start()
        job.start()

    def cancel(self) -> None:
        """Stop the job that is running."""
        if self._job is not None:
            self._job.cancel()

    def _watch(self, job: Job) -> None:
        """Show the job once it has taken a while, with its seconds."""
        time.sleep(SHOWN_AFTER)
        while self._job is job:
            with self._lock:
                if self._job is not job:
                    return
                self._words.content = f"**{job.label}** … {time.monotonic() - job.began:.0f} s"
                self._show(True)
            time.sleep(0.5)

    def _ended(self, job: Job, said: str) -> None:
        with self._lock:
            self._job = None
            self._show(False)
        if said:
            self._session.tell(said, wrong=not job.cancelled)

    def _show(self, visible: bool) -> None:
        for handle in (self._words, self._bar, self._stop):
            if handle.visible != visible:
                handle.visible = visible
