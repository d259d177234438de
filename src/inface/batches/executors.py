"""Executors that are always there: this process, and processes of our own that are replaced when they die."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context, parent_process
from typing import Any

from inface.errors import InfaceError

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class WorkersCannotStart(InfaceError, RuntimeError):
    """Worker processes end before they begin; usually the script lacks its `if __name__ == "__main__":`."""

    def __init__(self) -> None:
        super().__init__(
            "the worker processes ended before they could begin. A script that asks for workers is read once more by "
            'each of them: put what it does under\n\n    if __name__ == "__main__":\n\nor use workers=1'
        )


def refuse_unguarded_script() -> None:
    """End this process at once, silently, when it is a worker that is still reading the script that started it.

    Such a script lacks `if __name__ == "__main__":`, and going on would do all its work again in each worker. The
    process that started the workers raises `WorkersCannotStart`. Called first by whatever takes a lock or writes.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        os._exit(1)


class Serial(Executor):
    """Does the work where it is submitted; a submitted task is over when `submit` returns."""

    width = 1
    one_by_one = True

    def submit(self, fn: Callable, /, *args: Any, **kwargs: Any) -> Future:
        """Run the task now."""
        future: Future = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class _Slot:
    """One worker process, in a pool of its own, so that its death is the death of one task alone."""

    def __init__(self) -> None:
        before = set(multiprocessing.active_children())
        self.pool = ProcessPoolExecutor(1, get_context("spawn"), _start_worker)
        self.began = self.pool.submit(os.getpid)
        self.processes = set(multiprocessing.active_children()) - before
        self.idle = True

    def has_begun(self) -> bool:
        return self.began.done() and not self.began.cancelled() and self.began.exception() is None


class Processes(Executor):
    """`workers` processes on this machine, each with one BLAS thread; one that dies is replaced.

    A death fails the one task that the process had (`BrokenProcessPool`) and no other. Workers end when this process
    ends, however it ends, and leave Ctrl-C to it. Use as a context manager; leaving it by an exception ends the
    workers at once.
    """

    def __init__(self, workers: int) -> None:
        refuse_unguarded_script()
        if not (isinstance(workers, int) and workers >= 1):
            raise ValueError(f"workers: expected a whole number of 1 or more, got {workers!r}")
        self.width = workers
        self._slots: list[_Slot] = []
        self._queue: deque[tuple[Future, Callable, tuple, dict]] = deque()
        self._lock = threading.RLock()
        self._closed = False
        self._ever_begun = False
        self._before = {name: os.environ.get(name) for name in _THREADS}
        os.environ.update(dict.fromkeys(_THREADS, "1"))  # the children inherit it before they import numpy

    def submit(self, fn: Callable, /, *args: Any, **kwargs: Any) -> Future:
        """Hand a task to the next idle process; the function and its arguments must pickle."""
        future: Future = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("the executor was shut down")
            self._queue.append((future, fn, args, kwargs))
            self._dispatch()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes when their tasks are over."""
        with self._lock:
            self._closed = True
            waiting = list(self._queue) if cancel_futures else []
            for task in waiting:
                self._queue.remove(task)
            slots = list(self._slots)
        for task in waiting:
            task[0].cancel()
        for slot in slots:
            slot.pool.shutdown(wait=wait, cancel_futures=cancel_futures)
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

    def stop(self) -> None:
        """End the processes at once, whatever they are doing."""
        with self._lock:
            self._closed = True
            self._queue.clear()
            processes = [process for slot in self._slots for process in slot.processes]
        for process in processes:
            process.kill()
        self.shutdown(wait=False, cancel_futures=True)

    def __exit__(self, kind: Any, value: Any, trace: Any) -> None:
        if kind is not None:
            self.stop()
        else:
            self.shutdown()

    def _dispatch(self) -> None:
        while self._queue:
            slot = next((s for s in self._slots if s.idle), None)
            if slot is None and len(self._slots) < self.width:
                slot = _Slot()
                self._slots.append(slot)
            if slot is None:
                return
            future, fn, args, kwargs = self._queue.popleft()
            if not future.set_running_or_notify_cancel():
                continue
            slot.idle = False
            try:
                inner = slot.pool.submit(fn, *args, **kwargs)
            except BrokenProcessPool as error:  # it died while idle
                self._slots.remove(slot)
                if not slot.has_begun() and not self._ever_begun:
                    future.set_exception(WorkersCannotStart())
                else:
                    future.set_exception(error)
                continue
            inner.add_done_callback(partial(self._over, slot, future))

    def _over(self, slot: _Slot, future: Future, inner: Future) -> None:
        error: BaseException | None = None
        result = None
        if inner.cancelled():
            error = BrokenProcessPool("the executor was stopped")
        elif (error := inner.exception()) is None:
            result = inner.result()
        with self._lock:
            begun = slot.has_begun()
            self._ever_begun |= begun
            if isinstance(error, BrokenProcessPool):
                self._slots = [s for s in self._slots if s is not slot]
                slot.pool.shutdown(wait=False)
                if not begun and not self._ever_begun:
                    error = WorkersCannotStart()
            slot.idle = True
            if not self._closed:
                self._dispatch()
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


def _start_worker() -> None:
    """In a new worker: end with the process that started it, and leave Ctrl-C to that one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:

        def follow() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=follow, daemon=True).start()
