"""Many machines: dask.distributed as an executor, with a check at the door of every worker.

As tried: a task whose worker dies is given to another by dask itself, three times; then it is `KilledWorker`, final.
`pure=False` always, since else a repeated item gets its old answer.
"""

import json
import secrets
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inface._optional import require
from inface.batches.outcome import WorkerUnfit
from inface.codecs.text_files import write_text
from inface.errors import InfaceError

PATIENCE = 20.0  # seconds to wait for a scheduler


class ClusterError(InfaceError, OSError):
    """A scheduler does not answer, or none of its workers can do this run's work."""


@dataclass(frozen=True)
class Door:
    """What a worker must have: our version, and the folder of the results with the token that we have put there."""

    version: str
    token_file: str
    token: str

    def check(self) -> None:
        """On the worker; raises `WorkerUnfit`."""
        from inface import __version__

        if __version__ != self.version:
            raise WorkerUnfit(
                f"it has inface {__version__} where this run has {self.version}; install the same version everywhere"
            )
        if self.token_file:
            try:
                seen = Path(self.token_file).read_text(encoding="utf-8")
            except OSError:
                seen = ""
            if seen != self.token:
                folder = Path(self.token_file).parent.parent
                raise WorkerUnfit(
                    f"it does not see the folder '{folder}'; results go to a folder that all machines share under "
                    "one path"
                )


_passed: set[str] = set()


def at_the_door(door: Door, fn: Callable, *args: Any) -> Any:
    """On the worker: the check before a process's first task, then the task; what is unfit is named by its address."""
    from distributed import get_worker

    try:
        if door.token not in _passed:
            door.check()
            _passed.add(door.token)
        return fn(*args)
    except WorkerUnfit as unfit:
        raise WorkerUnfit(unfit.reason, get_worker().address) from None


class Cluster(Executor):
    """The workers of a dask scheduler, also those that come later."""

    def __init__(self, client: Any, door: Door) -> None:
        self._client, self._door = client, door
        self._inner = client.get_executor(pure=False)
        self._gone: set[str] = set()
        self._address = client.scheduler.address

    @property
    def width(self) -> int:
        """Threads of all workers there are at this moment."""
        known = self._client.scheduler_info(n_workers=-1)["workers"]
        return sum(worker["nthreads"] for address, worker in known.items() if address not in self._gone)

    def submit(self, fn: Callable, /, *args: Any, **kwargs: Any) -> Future:
        """Hand a task to the scheduler."""
        return self._inner.submit(at_the_door, self._door, fn, *args, **kwargs)

    def retire(self, worker: str) -> int:
        """Send a worker away; returns how many are left."""
        if worker not in self._gone:
            self._gone.add(worker)
            with suppress(Exception):  # it may be gone by itself
                self._client.retire_workers([worker], close_workers=True)
        return self.width

    def trouble(self) -> str | None:
        """Why the run can't go on; None while it can."""
        comm = self._client.scheduler_comm
        if self._client.status == "running" and comm is not None and not comm.comm.closed():
            return None
        return f"the scheduler at {self._address} is gone; start it again: the same command goes on where this stopped"


@contextmanager
def connect(name: str, folder: Path | None) -> Iterator[Cluster]:
    """The cluster of that name, checked, with a token in the folder of the results; see `open_executor`."""
    from inface import __version__

    distributed = require("distributed", f"--cluster {name}")
    token, token_file = secrets.token_hex(8), None
    if folder is not None:
        (folder / ".run").mkdir(parents=True, exist_ok=True)
        token_file = (folder / ".run" / f"token-{token}").resolve()
        write_text(token_file, token)
    try:
        with _client(distributed, name) as client:
            door = Door(__version__, "" if token_file is None else str(token_file), token)
            cluster = Cluster(client, door)
            _send_away_unfit(cluster, client, door)
            yield cluster
    finally:
        if token_file is not None:
            with suppress(OSError):
                token_file.unlink()


@contextmanager
def _client(distributed: Any, name: str) -> Iterator[Any]:
    with _made_here(distributed, name) as target:
        try:
            client = distributed.Client(target, timeout=PATIENCE, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise ClusterError(
                f"no dask scheduler answers at '{name}' ({error}); start one with: dask scheduler"
            ) from None
        try:
            yield client
        finally:
            with suppress(Exception):  # the scheduler may be gone
                client.close(timeout=5)


@contextmanager
def _made_here(distributed: Any, name: str) -> Iterator[Any]:
    """The address of a scheduler that is there, or a cluster that is made and ended by us."""
    if name.startswith("file:"):
        yield _address(Path(name.removeprefix("file:")))
    elif name.startswith("local:"):
        number = int(name.removeprefix("local:"))
        with _deaf_to_ctrl_c():
            made = distributed.LocalCluster(
                n_workers=number,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False},
                silence_logs=50,
            )
        yield from _closed_at_the_end(made)
    elif name.startswith("slurm"):
        jobs = require("dask_jobqueue", "--cluster slurm")
        made = jobs.SLURMCluster()  # reads ~/.config/dask/jobqueue.yaml
        made.adapt(maximum_jobs=int(name.partition(":")[2] or 1))  # lost jobs are replaced
        yield from _closed_at_the_end(made)
    else:
        yield name


def _closed_at_the_end(made: Any) -> Iterator[Any]:
    """Yield a cluster of our own and close it; slow workers at its end take nothing from what was done."""
    try:
        yield made
    finally:
        with suppress(Exception):
            made.close(timeout=PATIENCE)


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes that are started in the block leave Ctrl-C to this one; they inherit that it is ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _address(path: Path) -> str:
    try:
        address = json.loads(path.read_text(encoding="utf-8"))["address"]
    except FileNotFoundError:
        raise ClusterError(
            f"there is no scheduler file '{path}'; write one with: dask scheduler --scheduler-file {path}"
        ) from None
    except (OSError, ValueError, KeyError, TypeError):
        raise ClusterError(
            f"'{path}' is no scheduler file: expected what 'dask scheduler --scheduler-file' writes"
        ) from None
    return str(address)


def _send_away_unfit(cluster: Cluster, client: Any, door: Door) -> None:
    """Ask all workers that are there; those that can't even answer are told apart from those that are not fit."""
    answers = client.run(_answer, door, on_error="return")
    for worker, answer in answers.items():
        reason = answer
        if isinstance(answer, BaseException):
            reason = f"it cannot load inface ({answer}); install the same version everywhere"
        if reason:
            warnings.warn(f"the worker {worker} is sent away: {reason}", stacklevel=2)
            left = cluster.retire(worker)
            if not left:
                raise ClusterError(f"no worker of the cluster is fit for this run: {reason}")


def _answer(door: Door) -> str:
    """On a worker: why it is not fit, or ""."""
    try:
        door.check()
    except WorkerUnfit as unfit:
        return unfit.reason
    return ""
