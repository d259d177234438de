"""An executor by its name on the command line."""

import re
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path

from inface.batches.executors import Processes, Serial


@contextmanager
def open_executor(
    cluster: str | None = None, *, workers: int = 1, folder: str | Path | None = None
) -> Iterator[Executor]:
    """Open where work is done, for the length of a `with`.

    Args:
        cluster: None or "": this machine, `workers` processes of our own. With the extra `distributed`:
            "tcp://HOST:PORT" or "tls://HOST:PORT", a dask scheduler; "file:PATH", the file that
            `dask scheduler --scheduler-file PATH` writes; "local:8", a dask cluster of 8 processes on this machine;
            "slurm" or "slurm:40", 40 jobs by dask-jobqueue and its configuration (extra `slurm`).
        workers: processes, where no cluster is named.
        folder: the folder of the results. Workers that do not see it, or that have another version of inface, are
            sent away before their first item.

    Raises:
        ValueError: a name that means nothing.
        ClusterError: no scheduler answers there, or no worker of it is fit.
        MissingDependencyError: dask is named and not installed.

    >>> from inface.batches import run_batch
    >>> with open_executor(workers=1) as executor:
    ...     [one.value for one in run_batch(len, ["ab", "c"], executor=executor)]
    [2, 1]
    """
    if not cluster:
        with Serial() if workers == 1 else Processes(workers) as own:
            yield own
        return
    found = re.fullmatch(r"(tcp|tls)://\S+|file:.+|local:(\d+)|slurm(:\d+)?", cluster)
    if not found or found[2] == "0":
        raise ValueError(
            f"cluster: expected tcp://HOST:PORT, tls://HOST:PORT, file:SCHEDULER.json, local:N, slurm or slurm:N, "
            f"got '{cluster}'"
        )
    from inface.batches.cluster import connect  # dask only when it is asked for

    with connect(cluster, None if folder is None else Path(folder)) as there:
        yield there
