"""What became of an item, and how many items became what."""

import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from inface.errors import InfaceError

State = Literal["done", "kept", "failed", "lost"]


class WorkerUnfit(InfaceError):
    """A worker cannot do this run's work at all: another version, another model, a folder it does not see.

    Raised by the work, on the worker. The item goes back to the others and the worker is retired.
    """

    def __init__(self, reason: str, worker: str = "") -> None:
        super().__init__(reason, worker)
        self.reason = reason
        self.worker = worker

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True)
class Outcome:
    """What became of one item.

    Attributes:
        key: name of the item.
        state: "done" now; "kept" from an earlier run; "failed", the work raised; "lost", its worker died of it.
        value: what the work returned (None when failed or lost).
        reason: why it failed or was lost, in one sentence.
        attempts: how often it was begun.
        seconds: the work's own time.
        worker: host and process that did it.
    """

    key: str
    state: State
    value: Any = None
    reason: str = ""
    attempts: int = 1
    seconds: float = 0.0
    worker: str = ""

    @property
    def ok(self) -> bool:
        """Whether there is a result, of now or of an earlier run."""
        return self.state in ("done", "kept")


@dataclass(frozen=True)
class Counts:
    """How far a run is; `total` and `seconds_left` are None while they are not known."""

    done: int = 0
    kept: int = 0
    failed: int = 0
    lost: int = 0
    total: int | None = None
    seconds_left: float | None = None
    latest: Outcome | None = None

    @property
    def settled(self) -> int:
        """Items of which it is known what became of them."""
        return self.done + self.kept + self.failed + self.lost


@dataclass(frozen=True)
class Report:
    """What a worker says of one item of a chunk."""

    value: Any
    reason: str | None
    seconds: float


def key_of(item: Any) -> str:
    """The name of an item: its `key`, or its text."""
    return str(getattr(item, "key", item))


def stamp_of(item: Any) -> str:
    """What an item's result depends on besides the settings (its file's size and time, say): its `stamp`, or ""."""
    return str(getattr(item, "stamp", ""))


def words_of(error: BaseException) -> str:
    """An exception as a reason: our own and the plain ones by their words, others with their kind in front."""
    if isinstance(error, MemoryError):
        return "out of memory; use fewer workers on this machine, or a smaller input"
    text = str(error) or type(error).__name__
    return text if isinstance(error, InfaceError | ValueError | OSError) else f"{type(error).__name__}: {text}"


def here() -> str:
    """Host and process, as outcomes name a worker."""
    return f"{socket.gethostname()}:{os.getpid()}"


def written(*paths: str | Path) -> list[list[Any]]:
    """`[[name, size], ...]` of files that the work has just written, for `value["files"]`.

    A restart keeps a result only where every one of its files is still there with that size.
    """
    return [[Path(path).name, Path(path).stat().st_size] for path in paths]


def run_chunk(work: Callable[[Any], Any], items: Sequence[Any]) -> tuple[str, list[Report]]:
    """On the worker: the work on each item; an exception is a report like any other, so that no item takes others
    with it. Only `WorkerUnfit` and an interruption pass."""
    reports = []
    for item in items:
        begin = time.perf_counter()
        value, reason = None, None
        try:
            value = work(item)
        except WorkerUnfit as unfit:
            raise WorkerUnfit(unfit.reason, unfit.worker or here()) from None
        except (Exception, SystemExit) as error:
            reason = words_of(error)
        reports.append(Report(value, reason, time.perf_counter() - begin))
    return here(), reports
