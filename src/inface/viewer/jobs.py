"""Work that takes a while: out of the way of the page, seen, and stopped when somebody asks."""

import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from inface.errors import InfaceError

Result = TypeVar("Result")
SHOWN_AFTER = 0.3  # seconds after which a job is shown


class Cancelled(Exception):
    """The job was stopped because somebody asked for it."""


class Job:
    """One piece of work on a thread of its own.

    Attributes:
        label: what is done, in words.
        began: when, by the monotonic clock.
    """

    def __init__(self, label: str, work: Callable[["Job"], Any], done: Callable[[Any], None], ended: Callable) -> None:
        self.label, self.began = label, time.monotonic()
        self._stop = threading.Event()
        self._work, self._done, self._ended = work, done, ended
        self._thread = threading.Thread(target=self._run, daemon=True, name="inface-job")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def cancel(self) -> None:
        """Stop as soon as may be; what comes of it is thrown away."""
        self._stop.set()

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked to stop."""
        return self._stop.is_set()

    def wait(self, seconds: float) -> None:
        """Sleep, and wake early with `Cancelled` when the job is stopped."""
        if self._stop.wait(seconds):
            raise Cancelled

    def _run(self) -> None:
        said = ""
        try:
            made = self._work(self)
            if self.cancelled:
                raise Cancelled
            self._done(made)
        except Cancelled:
            said = f"{self.label}: stopped; nothing was changed."
        except (InfaceError, ValueError, ArithmeticError, OSError) as error:
            said = f"{self.label}: {error}"
        finally:
            self._ended(self, said)


def in_process(job: Job, work: Callable[..., Result], *arguments: Any) -> Result:
    """What `work(*arguments)` gives in a process of its own, which a stopped job takes down with it.

    The process is a fresh interpreter that never runs the user's script again. `work` has to be a function of a module.

    Raises:
        Cancelled: the job was stopped.
        InfaceError: the work failed or its process died.
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    command = [sys.executable, "-c", f"from {__name__} import answer; answer()"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    answers: list[bytes] = []
    asked = pickle.dumps((work, arguments))
    reader = threading.Thread(target=lambda: answers.append(process.communicate(asked)[0]), daemon=True)
    reader.start()
    try:
        while reader.is_alive():
            job.wait(0.05)
    finally:
        if process.poll() is None:
            process.kill()
        reader.join(timeout=5)
    if not answers or not answers[0]:
        raise InfaceError(f"the work ended without a result (exit status {process.returncode})")
    fine, made = pickle.loads(answers[0])
    if not fine:
        raise InfaceError(made)
    return made


def answer() -> None:
    """What the process of `in_process` does: read the work, do it, write what came of it."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what the work prints must not get between
    try:
        work, arguments = pickle.load(sys.stdin.buffer)
        made = pickle.dumps((True, work(*arguments)))
    except Exception as error:  # whatever it is, the page has to be told
        made = pickle.dumps((False, str(error) or type(error).__name__))
    out.write(made)
    out.flush()


def register_scan(scan: Any, model: Any, landmarks: Any) -> Any:
    """A registration for `in_process`."""
    from inface.registration import register

    return register(scan, model, landmarks)
