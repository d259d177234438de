"""Work that takes a while: out of the way of the page, seen, and stopped when somebody asks."""

import multiprocessing
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
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

    Raises:
        Cancelled: the job was stopped.
        InfaceError: the work failed or its process died.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(there, work, arguments), daemon=True)
    process.start()
    there.close()
    try:
        while not here.poll(0.05):
            job.wait(0.05)
            if not process.is_alive() and not here.poll(0):
                raise InfaceError(f"the work ended without a result (exit status {process.exitcode})")
        fine, made = here.recv()
    except EOFError:
        raise InfaceError("the work ended without a result") from None
    finally:
        if process.is_alive():
            process.terminate()
        process.join(timeout=5)
        here.close()
    if not fine:
        raise InfaceError(made)
    return made


def _send(pipe: Connection, work: Callable, arguments: tuple) -> None:
    try:
        pipe.send((True, work(*arguments)))
    except Exception as error:  # whatever it is, the page has to be told
        pipe.send((False, str(error) or type(error).__name__))
    finally:
        pipe.close()


def register_scan(scan: Any, model: Any, landmarks: Any) -> Any:
    """A registration for `in_process`."""
    from inface.registration import register

    return register(scan, model, landmarks)
