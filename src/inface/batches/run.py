"""The loop: items out in chunks, outcomes back as they come, a death in the way of none but its own item."""

import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from dataclasses import dataclass
from typing import Any, Literal

from inface.batches.executors import Processes, Serial, WorkersCannotStart
from inface.batches.journal import Journal
from inface.batches.outcome import Counts, Outcome, Report, WorkerUnfit, key_of, run_chunk, words_of
from inface.errors import InfaceError

CHUNK_SECONDS = 1.0  # what a task of "auto" chunks aims at
CHUNK_LIMIT = 64  # items in such a task, at most
_DEATHS = ("KilledWorker",)  # dask's, by name, since dask need not be there
_LOOK = 1.0  # seconds between two looks at an executor that says nothing


class BatchStopped(InfaceError):
    """A run could not go on: no worker is fit, or the scheduler is gone. What was done is kept."""


# options: each is used alone by callers, and the name of the call is public
def run_batch(
    work: Callable[[Any], Any],
    items: Iterable[Any],
    *,
    executor: Executor | None = None,
    workers: int = 1,
    chunk: int | Literal["auto"] = "auto",
    window: int | None = None,
    attempts: int = 2,
    journal: Journal | None = None,
    progress: Callable[[Counts], None] | None = None,
) -> Iterator[Outcome]:
    """Do `work` on every item; yields one `Outcome` an item, in the order in which they are settled.

    An exception fails its item alone. A worker that dies puts what it had under way on a list that is tried again,
    item by item, when the others are through; an item that its worker dies of `attempts` times is "lost". Nothing
    is ever silently left out: as many outcomes as items. Ctrl-C (and leaving the iteration early) stops the feed and
    ends the workers of `workers`; an executor that was given stays open, its pending tasks are cancelled.

    Args:
        work: called with an item; a module-level function, a `functools.partial` of one, or a frozen dataclass with
            `__call__`: it must pickle, its result too. Big results are written where they are made, and the same
            item must give the same bytes twice. `WorkerUnfit` raised by it sends the item back to other workers.
        items: anything that pickles, from a list or a generator, which is drawn on only as workers get free. An
            item's name is its `key`, or its text; what else its result depends on is its `stamp`.
        executor: where the work is done: any `concurrent.futures.Executor`, such as `open_executor` opens; None:
            this process, or `workers` of our own.
        workers: processes on this machine, where no executor is given.
        chunk: items in a task; "auto" aims at a second a task.
        window: tasks out at once; None: four a worker.
        attempts: how often an item is begun before it is given up as lost.
        journal: outcomes are written to it, and items that it holds from an earlier run come back as "kept".
        progress: called with `Counts` after each outcome.

    Raises:
        ValueError: impossible numbers.
        WorkersCannotStart: a script without `if __name__ == "__main__":` asked for workers.
        BatchStopped: no worker is fit, or the scheduler is gone.

    >>> [one.value for one in run_batch(str.upper, ["anna", "ben"])]
    ['ANNA', 'BEN']
    >>> [(one.key, one.state, one.reason) for one in run_batch(int, ["3", "x"])][1]
    ('x', 'failed', "invalid literal for int() with base 10: 'x'")
    """
    for name, value in (("workers", workers), ("attempts", attempts), ("window", window), ("chunk", chunk)):
        if value not in (None, "auto") and not (isinstance(value, int) and value >= 1):
            raise ValueError(f"{name}: expected a whole number of 1 or more, got {value!r}")
    own = executor is None
    where = executor or (Serial() if workers == 1 else Processes(workers))
    return _Loop(work, items, where, own, _Plan(chunk, window, attempts), journal, progress).outcomes()


def values_in_order(
    work: Callable[[Any], Any], items: Iterable[Any], executor: Executor | None = None
) -> Iterator[Any]:
    """What the work makes of each item, in their order, for callers that need all of them.

    Only what came too early waits in memory. Raises `InfaceError` with the reason of an item that failed.

    >>> list(values_in_order(len, ["ab", "c"]))
    [2, 1]
    """
    early: dict[int, Any] = {}
    following = 0
    numbered = (_Numbered(number, item) for number, item in enumerate(items))
    for outcome in run_batch(_OfNumbered(work), numbered, executor=executor, chunk=1):
        if not outcome.ok:
            raise InfaceError(outcome.reason)
        early[int(outcome.key)] = outcome.value
        while following in early:
            yield early.pop(following)
            following += 1


@dataclass(frozen=True, eq=False)
class _Numbered:
    key: int
    item: Any


@dataclass(frozen=True)
class _OfNumbered:
    work: Callable[[Any], Any]

    def __call__(self, one: _Numbered) -> Any:
        return self.work(one.item)


@dataclass(frozen=True)
class _Plan:
    chunk: int | Literal["auto"]
    window: int | None
    attempts: int


@dataclass(frozen=True)
class _Task:
    items: tuple[Any, ...]
    attempts: int  # how often its items were begun before


class _Loop:
    """One run. The feed is drawn on only to fill the window; tasks that died wait in `again` until it is empty."""

    def __init__(self, work, items, executor, own, plan: _Plan, journal, progress) -> None:
        self.work, self.executor, self.own = work, executor, own
        self.feed = iter(items)
        self.total = len(items) if isinstance(items, Sized) else None
        self.plan = plan
        self.journal, self.progress = journal, progress
        self.again: deque[_Task] = deque()
        self.back: deque[_Task] = deque()  # sent back by a worker that is not fit
        self.flying: dict[Future, _Task] = {}
        self.exhausted = False
        self.counts = Counts(total=self.total)
        self.mean_seconds: float | None = None
        self.begin = time.monotonic()

    def outcomes(self) -> Iterator[Outcome]:
        """The outcomes; see `run_batch`."""
        whole = False
        try:
            while True:
                yield from self._fill()
                if not self.flying:
                    break
                for future in wait(self.flying, timeout=_LOOK, return_when=FIRST_COMPLETED).done:
                    yield from self._settle(self.flying.pop(future), future)
                if (trouble := getattr(self.executor, "trouble", lambda: None)()) is not None:
                    raise BatchStopped(trouble)
            whole = True
        finally:
            for future in self.flying:
                future.cancel()
            if self.own and not whole and isinstance(self.executor, Processes):
                self.executor.stop()
            elif self.own:
                self.executor.shutdown()

    def _width(self) -> int:
        return max(1, int(getattr(self.executor, "width", None) or getattr(self.executor, "_max_workers", None) or 1))

    def _fill(self) -> Iterator[Outcome]:
        """Submit until the window is full; yields what an earlier run has done already."""
        alone = getattr(self.executor, "one_by_one", False)
        while len(self.flying) < (1 if alone else self.plan.window or 4 * self._width()):
            task, kept = self._next_task(1 if alone else self._chunk_size())
            yield from kept
            if task is None:
                if not kept:
                    return
                continue
            future = self.executor.submit(run_chunk, self.work, task.items)
            self.flying[future] = task

    def _next_task(self, size: int) -> tuple[_Task | None, list[Outcome]]:
        """The next task to submit and what was kept on the way to it; both empty at the end of all."""
        if self.back:
            return self.back.popleft(), []
        items: list[Any] = []
        kept: list[Outcome] = []
        while not self.exhausted and len(items) < size and len(kept) < CHUNK_LIMIT:
            try:
                item = next(self.feed)
            except StopIteration:
                self.exhausted = True
                break
            before = None if self.journal is None else self.journal.kept(item)
            if before is None:
                items.append(item)
            else:
                kept.append(self._count(before))
        if items:
            return _Task(tuple(items), 0), kept
        if self.exhausted and not kept and self.again:
            return self.again.popleft(), []
        return None, kept

    def _chunk_size(self) -> int:
        if self.plan.chunk != "auto":
            return int(self.plan.chunk)
        if self.mean_seconds is None:
            return 1
        size = max(1, min(CHUNK_LIMIT, int(CHUNK_SECONDS / max(self.mean_seconds, 1e-6))))
        if self.total is not None:  # near the end all workers get a share
            left = self.total - self.counts.settled - sum(len(task.items) for task in self.flying.values())
            size = max(1, min(size, left // (2 * self._width())))
        return size

    def _settle(self, task: _Task, future: Future) -> Iterator[Outcome]:
        try:
            worker, reports = future.result()
        except WorkerUnfit as unfit:
            self._retire(unfit)
            self.back.append(task)
        except WorkersCannotStart:
            raise
        except (BrokenExecutor, CancelledError) as error:
            yield from self._death(task, error, final=False)
        except Exception as error:
            if type(error).__name__ in _DEATHS:
                yield from self._death(task, error, final=True)  # dask has tried it on several workers
            elif len(task.items) > 1 or task.attempts + 1 < self.plan.attempts:
                self._split(task)  # it could not be sent or brought back: which of the items is it?
            else:
                yield self._note(task.items[0], Report(None, words_of(error), 0.0), task, "")
        else:
            for item, report in zip(task.items, reports, strict=True):
                yield self._note(item, report, task, worker)

    def _split(self, task: _Task) -> None:
        self.again.extend(_Task((item,), task.attempts + 1) for item in task.items)

    def _death(self, task: _Task, error: Exception, final: bool) -> Iterator[Outcome]:
        if len(task.items) > 1 or (not final and task.attempts + 1 < self.plan.attempts):
            self._split(task)
            return
        tried = task.attempts + 1
        reason = "the process that worked on it died (out of memory, or a crash in a library?)"
        if isinstance(error, CancelledError):
            reason = "it was cancelled on the cluster, or its worker was lost"
        outcome = Outcome(key_of(task.items[0]), "lost", None, f"{reason}; tried {tried} times", tried)
        if self.journal is not None:
            self.journal.write(task.items[0], outcome)
        yield self._count(outcome)

    def _retire(self, unfit: WorkerUnfit) -> None:
        retire = getattr(self.executor, "retire", None)
        if retire is None:
            raise BatchStopped(unfit.reason)
        warnings.warn(f"the worker {unfit.worker} is sent away: {unfit.reason}", stacklevel=2)
        if not retire(unfit.worker):
            raise BatchStopped(f"no worker is left that is fit for this run: {unfit.reason}")

    def _note(self, item: Any, report: Report, task: _Task, worker: str) -> Outcome:
        known = report.reason is None
        outcome = Outcome(
            key_of(item), "done" if known else "failed", report.value, report.reason or "", task.attempts + 1,
            report.seconds, worker,
        )  # fmt: skip
        mean = self.mean_seconds
        self.mean_seconds = report.seconds if mean is None else 0.8 * mean + 0.2 * report.seconds
        if self.journal is not None:
            self.journal.write(item, outcome)
        return self._count(outcome)

    def _count(self, outcome: Outcome) -> Outcome:
        before = self.counts
        now = {name: getattr(before, name) for name in ("done", "kept", "failed", "lost")}
        now[outcome.state] += 1
        made = now["done"] + now["failed"] + now["lost"]
        left = None
        if self.total is not None and made:
            left = (time.monotonic() - self.begin) / made * (self.total - made - now["kept"])
        self.counts = Counts(**now, total=self.total, seconds_left=left, latest=outcome)
        if self.progress is not None:
            self.progress(self.counts)
        return outcome
