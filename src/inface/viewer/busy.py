"""The row of the panel that shows what is being done, how long, and stops it."""

import threading
import time
from collections.abc import Callable
from typing import Any

from inface.errors import InfaceError
from inface.viewer.jobs import SHOWN_AFTER, Job
from inface.viewer.markdown import plain
from inface.viewer.session import Session


class Busy:
    """Runs one job at a time for a session and shows it; a page that is loaded again shows the job that goes on."""

    def __init__(self, gui: Any, session: Session) -> None:
        self._session = session
        self._gone = False
        self._words = gui.add_markdown("", visible=False)
        self._bar = gui.add_progress_bar(100.0, visible=False, animated=True)
        self._stop = gui.add_button("Cancel", color="gray", visible=False)
        self._stop.on_click(lambda _: self.cancel())
        if session.job is not None:
            self._start_watching(session.job)

    def run(self, label: str, work: Callable[[Job], Any], done: Callable[[Any], None]) -> None:
        """Start a job; `done(result)` is called when it ends well.

        Raises:
            InfaceError: another one is running.
        """
        job = Job(label, work, done, self._ended)
        running = self._session.take_job(job)
        if running is not None:
            raise InfaceError(f"'{running.label}' is still being done; wait for it or cancel it")
        self._start_watching(job)
        job.start()

    def cancel(self) -> None:
        """Stop the job that is running."""
        if self._session.job is not None:
            self._session.job.cancel()

    def leave(self) -> None:
        """The page has gone: nothing is shown any more, the job goes on."""
        self._gone = True

    def _start_watching(self, job: Job) -> None:
        threading.Thread(target=self._watch, args=(job,), daemon=True, name="inface-busy").start()

    def _watch(self, job: Job) -> None:
        """Show the job once it has taken a while, with its seconds, until it ends."""
        time.sleep(max(0.0, SHOWN_AFTER - (time.monotonic() - job.began)))
        while self._session.job is job and not self._gone:
            self._words.content = f"**{plain(job.label)}** … {time.monotonic() - job.began:.0f} s"
            self._show(True)
            for _ in range(5):
                if self._session.job is job:
                    time.sleep(0.1)
        if not self._gone:
            self._show(False)

    def _ended(self, job: Job, said: str) -> None:
        self._session.end_job(job)
        if said:
            self._session.tell(said, wrong=not job.cancelled)

    def _show(self, visible: bool) -> None:
        for handle in (self._words, self._bar, self._stop):
            if handle.visible != visible:
                handle.visible = visible
