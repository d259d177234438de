"""Executors to try, a dask cluster of real processes among them."""

import contextlib
import json
import os
import subprocess
import sys
import time

import pytest

from inface.batches import Processes, Serial, open_executor

HERE = os.path.dirname(os.path.dirname(__file__))


def dask_environment():
    """The environment of scheduler and workers: our source and the module with the tests' work."""
    paths = [HERE, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in paths if p)}


class DaskProcesses:
    """A scheduler on 127.0.0.1 and workers, each a process; ended by their process ids."""

    def __init__(self, home, before=(), host="127.0.0.1"):
        self.home = home
        self.file = home / "scheduler.json"
        self.processes = []
        words = ("scheduler", "--host", host, "--port", "0", "--no-dashboard", "--scheduler-file", self.file)
        self.start(*words, before=before)
        self.wait_for(self.file.exists, 120)
        self.address = json.loads(self.file.read_text())["address"]

    def start(self, *words, environment=None, before=()):
        """A dask process, which ends with the tests; `before`: the command that runs it elsewhere."""
        return self.command([*before, sys.executable, "-m", "dask", *map(str, words)], environment)

    def command(self, words, environment=None):
        """Any process, which ends with the tests."""
        with open(self.home / f"log-{len(self.processes)}", "w") as log:
            process = subprocess.Popen(
                words,
                stdout=log, stderr=log, env=environment or dask_environment(), start_new_session=True, cwd=self.home,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def worker(self, *words, environment=None, before=()):
        """A worker with a nanny, one thread."""
        return self.start(
            "worker", self.address, "--nthreads", "1", "--no-dashboard", "--local-directory", self.home, *words,
            environment=environment, before=before,
        )  # fmt: skip

    @staticmethod
    def wait_for(true, seconds):
        """Wait until `true()`."""
        until = time.monotonic() + seconds
        while not true():
            if time.monotonic() > until:
                raise AssertionError(f"waited {seconds} s in vain")
            time.sleep(0.05)

    def wait_for_workers(self, count, seconds=120):
        """Wait until so many are there."""
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=seconds)

    def end(self):
        """End all, with their children."""
        import psutil

        for process in self.processes:
            try:
                family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
            except psutil.NoSuchProcess:
                continue
            for one in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
        for process in self.processes:
            process.wait(20)


@pytest.fixture
def dask_cluster():
    """What starts further schedulers."""
    pytest.importorskip("distributed", reason="needs the extra `distributed`")
    return DaskProcesses


@pytest.fixture(scope="session")
def dask_processes(tmp_path_factory):
    """A scheduler with two workers over TCP."""
    pytest.importorskip("distributed", reason="needs the extra `distributed`")
    made = DaskProcesses(tmp_path_factory.mktemp("dask"))
    try:
        made.worker()
        made.worker()
        made.wait_for_workers(2)
        yield made
    finally:
        made.end()


@pytest.fixture(params=["serial", "processes", pytest.param("dask", marks=pytest.mark.slow)])
def executor(request, tmp_path):
    """Each kind of executor in turn."""
    if request.param == "serial":
        with Serial() as made:
            yield made
    elif request.param == "processes":
        with Processes(2) as made:
            yield made
    else:
        cluster = request.getfixturevalue("dask_processes")
        with open_executor(cluster.address, folder=tmp_path) as made:
            yield made
