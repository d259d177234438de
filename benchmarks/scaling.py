"""Batches: what a death, Ctrl-C, many items and dask cost, all ratios in one run.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/scaling.py                  # own processes
    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/scaling.py --dask           # and dask beside them

Wall seconds on two processes; quote the ratios. Results: `scaling.json` beside this file.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from inface.batches import open_executor, run_batch

HERE = Path(__file__).parent


def sleep(item):
    """Work of a length; with a file that is not there yet, it makes the file and ends its process: a death, once."""
    seconds, file = item
    time.sleep(seconds)
    if file and not Path(file).exists():
        Path(file).touch()
        os.kill(os.getpid(), signal.SIGKILL)


def nothing(item):
    """Empty work."""
    return item


def timed(work, items, **how):
    """Wall seconds and states of a run, workers started before."""
    begin = time.perf_counter()
    states = [one.state for one in run_batch(work, items, **how)]
    return time.perf_counter() - begin, states


def warm(cluster):
    """An executor of two whose workers have all begun."""
    stack = open_executor(cluster, workers=2)
    executor = stack.__enter__()
    list(run_batch(sleep, [(0.2, "")] * 8, executor=executor, chunk=1))
    return stack, executor


def death(count=60, seconds=0.25):
    """Goal 1: one worker killed at a quarter, beside the undisturbed run."""
    took = {}
    with tempfile.TemporaryDirectory() as folder:
        for what, file in (("", ""), ("kill", str(Path(folder) / "died"))):
            items = [(seconds, file if k == count // 4 else "") for k in range(count)]
            stack, executor = warm("")
            took[what], states = timed(sleep, items, executor=executor, chunk=1)
            stack.__exit__(None, None, None)
            assert states.count("done") == count
    return {"undisturbed_s": took[""], "one_killed_s": took["kill"], "ratio": took["kill"] / took[""], "goal": 1.3}


def throughput(cluster, count):
    """Empty items one a task and in chunks, and tasks of 50 ms."""
    stack, executor = warm(cluster)
    try:
        single = timed(nothing, range(count), executor=executor, chunk=1)[0]
        chunks = timed(nothing, range(count), executor=executor, chunk=25)[0]
        rounds = [timed(sleep, [(0.05, "")] * 80, executor=executor, chunk=1)[0] for _ in range(3)]
        auto = statistics.median(timed(sleep, [(0.05, "")] * 80, executor=executor)[0] for _ in range(3))
    finally:
        stack.__exit__(None, None, None)
    return {
        "empty_ms_a_task": 1000 * single / count,
        "empty_ms_in_chunks_of_25": 1000 * chunks / count,
        "80_tasks_of_50ms_s": statistics.median(rounds),
        "80_tasks_of_50ms_chunk_auto_s": auto,
    }


def memory(count):
    """Goal 6: largest memory of the client over `count` items, MB; a process of its own."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); import scaling, resource\n"
        "if __name__ == '__main__':\n"
        "    from inface.batches import run_batch\n"
        "    n = sum(1 for _ in run_batch(scaling.nothing, range(int(sys.argv[1])), workers=2))\n"
        "    print(n, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)\n"
    )
    file = Path(os.environ.get("TMPDIR", "/tmp")) / f"inface-scaling-{os.getpid()}.py"
    file.write_text(code)
    try:
        words = [sys.executable, str(file), str(count), str(HERE)]
        done = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    finally:
        file.unlink()
    assert int(done[0]) == count
    return float(done[1])


def main():
    """Measure and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--dask", action="store_true")
    parser.add_argument("--quick", action="store_true", help="small numbers: shows that it runs")
    chosen = parser.parse_args()
    told = {"death": death(20 if chosen.quick else 60, 0.05 if chosen.quick else 0.25)}
    told["own processes"] = throughput("", 50 if chosen.quick else 300)
    few, many = (100, 1000) if chosen.quick else (1000, 100_000)
    told["client_memory_mb"] = {str(few): memory(few), str(many): memory(many)}
    if chosen.dask:
        told["dask local:2"] = throughput("local:2", 50 if chosen.quick else 300)
        own, far = told["own processes"], told["dask local:2"]
        told["dask / own, 50 ms tasks"] = far["80_tasks_of_50ms_s"] / own["80_tasks_of_50ms_s"]
    told["load"] = os.getloadavg()[0]
    print(json.dumps(told, indent=1))
    if not chosen.quick:
        (HERE / "scaling.json").write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
