"""A soak: 2,000 small scans and all that can go wrong; every item accounted for, the bytes of an undisturbed run."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from inface.mesh import Mesh

pytestmark = pytest.mark.slow

SCANS, BROKEN, POISONED = 2000, 100, 3
ROOT = Path(__file__).parent.parent


def make_scans(home):
    """Small scans in two folders, many names in both; every twentieth is broken, three are poisoned."""
    random = np.random.default_rng(0)
    triangles = np.array([[i, i + 1, i + 2] for i in range(58)])
    for number in range(SCANS):
        folder = home / ("a" if number % 2 else "b")
        folder.mkdir(parents=True, exist_ok=True)
        name = f"scan{number // 2:04d}"  # twice each
        if number in (333, 777, 1500):
            name = f"poison{number}"
        path = folder / f"{name}.ply"
        if number % 20 == 5:
            path.write_bytes(b"ply\nformat binary_little_endian 1.0\nelement vertex 9\nend_header\n")
        else:
            Mesh(random.normal(size=(60, 3)) * 70, triangles).export(path)


def results(out):
    return {p.name: p.read_bytes() for p in out.glob("[!.]*.obj")}


def begin(scans, out, workers, **streams):
    words = [sys.executable, str(ROOT / "batch_work.py"), str(scans), str(out), str(workers)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *(p for p in sys.path if p)])}
    return subprocess.Popen(words, text=True, env=environment, stderr=subprocess.PIPE, **streams)


def wait_for(out, count, run):
    until = time.monotonic() + 300
    while len(list(out.glob("[!.]*.obj"))) < count:
        assert time.monotonic() < until and run.poll() is None
        time.sleep(0.02)


def workers_of(run):
    return [p for p in psutil.Process(run.pid).children() if "spawn_main" in " ".join(p.cmdline())]


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of its own that can be filled, where that can be had; else a plain folder."""
    out = tmp_path / "out"
    out.mkdir()
    mounted = os.name != "nt" and os.geteuid() == 0
    mounted = (
        mounted and not subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", out], check=False).returncode
    )
    yield out, mounted
    if mounted:
        subprocess.run(["umount", "-l", out], check=False)


@pytest.mark.skipif(os.name == "nt", reason="kills by POSIX signals")
def test_a_soak_ends_with_every_item_accounted_for(tmp_path, small_disk):
    out, can_fill = small_disk
    make_scans(tmp_path / "in")
    plain = tmp_path / "plain"
    plain.mkdir()
    undisturbed = begin(tmp_path / "in", plain, 3, stdout=subprocess.DEVNULL)
    undisturbed.communicate(timeout=600)

    run = begin(tmp_path / "in", out, 2, stdout=subprocess.DEVNULL)
    for count in (200, 400):
        wait_for(out, count, run)
        workers_of(run)[0].send_signal(signal.SIGKILL)
    if can_fill:
        wait_for(out, 600, run)
        ballast = out / ".ballast"
        with open(ballast, "wb", buffering=0) as file:
            try:
                while file.write(bytes(1 << 16)):
                    pass
            except OSError:
                pass
        time.sleep(0.5)
        ballast.unlink()
    wait_for(out, 900, run)
    children = workers_of(run)
    run.kill()
    run.communicate()
    assert not psutil.wait_procs(children, timeout=5)[1]  # no child is left after 5 s
    (out / ".tmp-12345678-x.obj").touch()

    stood = len(results(out))
    again = begin(tmp_path / "in", out, 2, stdout=subprocess.PIPE)
    text, err = again.communicate(timeout=600)
    records = json.loads(text)
    assert again.returncode == 1 and len(records) == SCANS and len({r["input"] for r in records}) == SCANS
    errors = {r["input"]: r["error"] for r in records if "error" in r}
    lost = [name for name, why in errors.items() if "died" in why]
    assert len(lost) == POISONED and all("poison" in name for name in lost)
    assert len(errors) == BROKEN + POISONED and not any("disk is full" in why for why in errors.values())
    kept = int(err.split(" of 2000 stood already")[0].rsplit(" ", 1)[1])
    assert kept >= stood - 64 * 8  # at most a window is made again
    assert results(out) == results(plain) and len(results(out)) == SCANS - BROKEN - POISONED
    assert not list(out.glob(".tmp-*")) and not list((out / ".run").glob(".tmp-*"))
