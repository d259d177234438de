"""Many machines: a real scheduler and workers as processes over TCP, driven through the public verb."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
from batch_work import Item, Task

from inface.batches import BatchStopped, open_executor, run_batch
from inface.batches.cluster import ClusterError
from inface.mesh import Mesh
from inface.synthetic import write_cohort

pytestmark = pytest.mark.slow


def inface(*words, timeout=280):
    """A command line as a user runs it."""
    return subprocess.run(
        [sys.executable, "-m", "inface", *map(str, words)], capture_output=True, text=True, timeout=timeout
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A cohort as `synth cohort` writes it, its JSON files beside the meshes."""
    out = tmp_path_factory.mktemp("cohort") / "cohort"
    write_cohort(out, 10, 1, seed=3)
    return out


def results(folder):
    return {p.name: p.read_bytes() for p in sorted(folder.glob("[!.]*"))}


def test_a_cohort_is_encoded_on_the_cluster_with_the_bytes_of_one_process(dask_processes, folder, tmp_path):
    done = inface("encode", "pca", folder, "--out", tmp_path / "far", "--cluster", f"file:{dask_processes.file}")
    assert done.returncode == 0, done.stderr
    assert inface("encode", "pca", folder, "--out", tmp_path / "here").returncode == 0
    assert len(results(tmp_path / "far")) == 10 and results(tmp_path / "far") == results(tmp_path / "here")
    journal = (tmp_path / "far" / ".run" / "journal.jsonl").read_text().splitlines()
    workers = {json.loads(line)["worker"] for line in journal}
    assert len(workers) == 2


def test_a_model_file_travels_by_the_shared_folder(dask_processes, folder, tmp_path):
    import inface as package

    private = tmp_path / "private"
    private.mkdir()
    package.load_default_model("pca").save(private / "mine.h5")
    code = ("encode", private / "mine.h5", folder, "--out", tmp_path / "out")
    done = inface(*code, "--cluster", dask_processes.address)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out" / ".run").glob("model-*.h5"))) == 1


def test_a_cohort_is_made_on_the_cluster_with_the_same_bytes(dask_processes, folder, tmp_path):
    words = ("synth", "cohort", "--subjects", 10, "--scans", 1, "--seed", 3, "--out", tmp_path / "far")
    done = inface(*words, "--cluster", f"file:{dask_processes.file}")
    assert done.returncode == 0, done.stderr
    assert results(tmp_path / "far") == results(folder)


def test_a_killed_worker_and_a_late_one(dask_processes, tmp_path):
    items = [Item(str(k), {30: "raise"}.get(k, "")) for k in range(60)]
    victim = dask_processes.worker("--name", "victim", "--no-nanny")
    dask_processes.wait_for_workers(3)
    late = None
    workers, outcomes = set(), []
    with open_executor(dask_processes.address, folder=tmp_path) as executor:
        for outcome in run_batch(Task(str(tmp_path), 0.25), items, executor=executor, chunk=1):
            outcomes.append(outcome)
            workers.add(outcome.worker)
            if len(outcomes) == 12:
                os.killpg(victim.pid, signal.SIGKILL)
                late = dask_processes.worker("--name", "late", "--no-nanny")
    assert Counter(o.state for o in outcomes) == {"done": 59, "failed": 1}
    assert Counter(o.key for o in outcomes) == Counter(item.key for item in items)
    assert any(f":{victim.pid}" in w for w in workers)
    os.killpg(late.pid, signal.SIGKILL)


def test_workers_that_are_not_fit_are_sent_away_by_name(dask_processes, tmp_path):
    shim = tmp_path / "shim"
    shim.mkdir()
    (shim / "sitecustomize.py").write_text("import inface\ninface.__version__ = '0.0.1'\n")
    path = os.pathsep.join([str(shim), *(p for p in sys.path if p)])
    old = dask_processes.worker("--name", "old", "--no-nanny", environment={**os.environ, "PYTHONPATH": path})
    dask_processes.wait_for_workers(3)
    out = tmp_path / "out"
    out.mkdir()
    with (
        pytest.warns(UserWarning, match=r"sent away: it has inface 0\.0\.1 where this run has"),
        open_executor(dask_processes.address, folder=out) as executor,
    ):
        outcomes = list(run_batch(Task(str(out)), [Item(str(k)) for k in range(20)], executor=executor))
    assert all(o.state == "done" and not o.worker.endswith(f":{old.pid}") for o in outcomes)
    assert not list((out / ".run").glob("token-*"))


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="needs the right to mount")
def test_a_worker_that_does_not_see_the_folder_is_sent_away_also_when_it_comes_late(dask_processes, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    if subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("no mount namespaces here")
    blind = f"mount -t tmpfs none {out} && exec {sys.executable} -m dask worker {dask_processes.address}"
    blind += f" --nthreads 1 --no-dashboard --no-nanny --name blind --local-directory {dask_processes.home}"
    started = None
    outcomes = []
    with (
        pytest.warns(UserWarning, match=f"sent away: it does not see the folder '{out}'"),
        open_executor(dask_processes.address, folder=out) as executor,
    ):
        for outcome in run_batch(Task(str(out), 0.2), [Item(str(k)) for k in range(150)], executor=executor, chunk=1):
            outcomes.append(outcome)
            if started is None:
                started = dask_processes.command(["unshare", "-m", "sh", "-c", blind])
                dask_processes.wait_for_workers(3)
    assert {o.state for o in outcomes} == {"done"} and len(outcomes) == 150
    assert len(list(out.glob("*.txt"))) == 150


def test_no_worker_is_left(tmp_path, dask_processes):
    with pytest.warns(UserWarning, match="sent away"), open_executor(dask_processes.address) as executor:
        executor.retire = lambda worker: 0  # as if it had been the last; the cluster is the other tests' too
        with pytest.raises(BatchStopped, match="no worker is left that is fit for this run: it is not fit"):
            list(run_batch(Task(str(tmp_path)), [Item("a", "unfit")], executor=executor))


def test_the_scheduler_goes_away(tmp_path, dask_cluster):
    made = dask_cluster(tmp_path)
    try:
        made.worker()
        made.wait_for_workers(1)
        with open_executor(made.address, folder=tmp_path) as executor:
            outcomes = []
            with pytest.raises(BatchStopped, match=r"the scheduler at .* is gone"):
                items = [Item(str(k)) for k in range(400)]
                for outcome in run_batch(Task(str(tmp_path), 0.2), items, executor=executor, chunk=1):
                    outcomes.append(outcome)
                    if len(outcomes) == 3:
                        os.killpg(made.processes[0].pid, signal.SIGKILL)
        assert 3 <= len(outcomes) < 400
    finally:
        made.end()


def test_a_scheduler_that_is_not_there_is_a_sentence(tmp_path, folder, monkeypatch):
    monkeypatch.setattr("inface.batches.cluster.PATIENCE", 2.0)
    (tmp_path / "wrong.json").write_text("{}")
    for name, words in (
        ("tcp://127.0.0.1:9", "no dask scheduler answers at 'tcp://127.0.0.1:9'"),
        (f"file:{tmp_path / 'none.json'}", "there is no scheduler file"),
        (f"file:{tmp_path / 'wrong.json'}", "is no scheduler file"),
    ):
        with pytest.raises(ClusterError, match=words), open_executor(name):
            pass
    done = inface("encode", "pca", folder, "--out", tmp_path / "out", "--cluster", "file:none.json")
    assert done.returncode == 1 and done.stderr.startswith("inface: there is no scheduler file 'none.json'")


def test_a_cluster_on_this_machine_and_ctrl_c(tmp_path, folder):
    many = tmp_path / "in"
    many.mkdir()
    meshes = sorted(folder.glob("*.ply"))
    for k in range(300):
        os.link(meshes[k % len(meshes)], many / f"{k:03d}.ply")
    words = [sys.executable, "-m", "inface", "reconstruct", "pca", str(many), "--out", str(tmp_path / "out")]
    words += ["--cluster", "local:2"]
    run = subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
    until = time.monotonic() + 120
    while len(list((tmp_path / "out").glob("*.ply"))) < 3 and time.monotonic() < until:
        time.sleep(0.1)
    os.killpg(run.pid, signal.SIGINT)
    begin = time.monotonic()
    _, err = run.communicate(timeout=60)
    assert time.monotonic() - begin < 15 and run.returncode == 130
    assert err.startswith("inface: stopped, ") and "the same command goes on" in err and len(err.splitlines()) == 1
    assert 3 <= len(list((tmp_path / "out").glob("*.ply"))) < 300
    assert not list((tmp_path / "out").glob(".tmp-*"))


def ip(*words):
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=False)


@pytest.fixture
def hosts(tmp_path):
    """Two further hosts on this machine: network namespaces joined by a cable, each with an address of its own."""
    if os.name == "nt" or os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("needs root and iproute2 for network namespaces")
    names = [f"inface{os.getpid()}{end}" for end in "ab"]
    made = []
    try:
        for name in names:
            if ip("netns", "add", name).returncode:
                pytest.skip("no network namespaces here")
            made.append(name)
        ip("link", "add", "inf-a", "netns", names[0], "type", "veth", "peer", "name", "inf-b", "netns", names[1])
        for name, link, address in zip(names, ("inf-a", "inf-b"), ("10.199.7.1/24", "10.199.7.2/24"), strict=True):
            ip("-n", name, "addr", "add", address, "dev", link)
            ip("-n", name, "link", "set", link, "up")
            ip("-n", name, "link", "set", "lo", "up")
        if ip("netns", "exec", names[0], "true").returncode:
            pytest.skip("no network namespaces here")
        yield names
    finally:
        for name in made:
            ip("netns", "del", name)


def test_across_network_namespaces(hosts, folder, tmp_path, dask_cluster):
    made = dask_cluster(tmp_path, ["ip", "netns", "exec", hosts[0]], "10.199.7.1")
    try:
        made.worker(before=["ip", "netns", "exec", hosts[1]])
        made.worker(before=["ip", "netns", "exec", hosts[0]])
        words = [sys.executable, "-m", "inface", "encode", "pca", str(folder), "--out", str(tmp_path / "out")]
        words += ["--cluster", f"file:{made.file}"]
        done = subprocess.run(
            ["ip", "netns", "exec", hosts[0], *words], capture_output=True, text=True, timeout=280, check=False
        )
        assert done.returncode == 0, done.stderr
        outside = subprocess.run(words, capture_output=True, text=True, timeout=280, check=False)
        assert outside.returncode == 1 and "no dask scheduler answers at" in outside.stderr
        assert len(list((tmp_path / "out").glob("*.json"))) == 10
        assert Mesh.load(folder / "child-00000_0.ply").vertices.shape == (12839, 3)
    finally:
        made.end()
