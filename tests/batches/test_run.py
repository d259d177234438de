"""The loop over every executor: every item accounted for, a death the death of one, the feed not drained."""

import multiprocessing
import os
import time
from collections import Counter

import pytest
from batch_work import Item, Task, begun

from inface.batches import BatchStopped, Processes, Serial, run_batch


def states(outcomes):
    return {one.key: one.state for one in outcomes}


def test_every_item_comes_back_once_and_an_exception_is_data(executor, tmp_path):
    does = {3: "raise", 5: "memory", 7: "exit", 9: "unpicklable"}
    items = [Item(f"i{k:02d}", does.get(k, "")) for k in range(30)]
    if isinstance(executor, Serial):
        items[9] = Item("i09")  # nothing is pickled there
    outcomes = list(run_batch(Task(str(tmp_path)), items, executor=executor))
    assert Counter(one.key for one in outcomes) == Counter(item.key for item in items)
    reasons = {one.key: one.reason for one in outcomes if one.state == "failed"}
    assert reasons["i03"] == "no good: i03" and "out of memory" in reasons["i05"] and "SystemExit" in reasons["i07"]
    assert len(reasons) == (4 if isinstance(executor, Processes) else 3)  # dask sends even a lambda
    assert all((tmp_path / f"{one.key}.txt").exists() for one in outcomes if one.state == "done")


def test_the_feed_is_drawn_on_only_as_workers_get_free(executor, tmp_path):
    drawn = []

    def feed():
        for k in range(1000):
            drawn.append(k)
            yield Item(str(k))

    run = run_batch(Task(str(tmp_path), 0.001), feed(), executor=executor, chunk=2, window=3)
    for settled, _ in enumerate(run, 1):
        assert len(drawn) <= settled + 2 * 4  # what is out, and the chunk under way
        if settled == 40:
            break


def test_nothing_to_do_is_nothing(executor):
    assert list(run_batch(len, [], executor=executor)) == []


@pytest.mark.parametrize("does", ["kill", "segfault"])
def test_a_death_is_the_death_of_one_item(tmp_path, does):
    items = [Item(str(k), does if k == 20 else "") for k in range(60)]
    outcomes = list(run_batch(Task(str(tmp_path), 0.005), items, workers=2))
    assert Counter(one.state for one in outcomes) == {"done": 59, "lost": 1}
    lost = next(one for one in outcomes if one.state == "lost")
    assert lost.key == "20" and lost.attempts == 2 and "died" in lost.reason and "tried 2 times" in lost.reason
    twice = {key for key, count in Counter(begun(tmp_path)).items() if count > 1}
    assert "20" in twice and len(twice) <= 64


def test_after_a_death_the_rest_goes_on_at_full_width(tmp_path):
    pairs = [Item(f"{name}{k}", "meet") for k in range(6) for name in "ab"]
    items = [Item("k", "kill"), *pairs]
    outcomes = list(run_batch(Task(str(tmp_path)), items, workers=2, chunk=1))
    assert states(outcomes) == {"k": "lost"} | {one.key: "done" for one in pairs}
    assert sorted(begun(tmp_path)) == sorted(["k", *(one.key for one in items)])  # no innocent twice


@pytest.mark.slow
def test_a_death_costs_at_most_a_third_of_the_time(tmp_path):
    took = {}
    for does in ("", "kill"):
        out = tmp_path / (does or "plain")
        out.mkdir()
        items = [Item(str(k), does if k == 25 else "") for k in range(100)]
        begin = time.perf_counter()
        list(run_batch(Task(str(out), 0.2), items, workers=2, chunk=1))
        took[does] = time.perf_counter() - begin
    assert took["kill"] <= 1.3 * took[""]


@pytest.mark.slow
def test_on_dask_a_segfault_is_lost_by_name_and_no_innocent_is_blamed(dask_processes, tmp_path):
    from inface.batches import open_executor

    items = [Item(str(k), {7: "segfault", 11: "raise"}.get(k, "")) for k in range(30)]
    with open_executor("file:" + str(dask_processes.file), folder=tmp_path) as executor:
        outcomes = list(run_batch(Task(str(tmp_path), 0.01), items, executor=executor))
    found = states(outcomes)
    assert found["7"] == "lost" and found["11"] == "failed"
    assert Counter(found.values()) == {"done": 28, "failed": 1, "lost": 1}


def test_leaving_the_iteration_ends_the_workers(tmp_path):
    before = set(multiprocessing.active_children())
    for outcome in run_batch(Task(str(tmp_path), 0.2), [Item(str(k)) for k in range(500)], workers=2):
        assert outcome.state == "done"
        assert len(set(multiprocessing.active_children()) - before) == 2
        break
    until = time.monotonic() + 5
    while set(multiprocessing.active_children()) - before:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert len(begun(tmp_path)) < 20


def test_a_worker_that_is_not_fit_ends_a_run_on_this_machine(tmp_path):
    with pytest.raises(BatchStopped, match="it is not fit"):
        list(run_batch(Task(str(tmp_path)), [Item("a", "unfit")], workers=2))


def test_one_blas_thread_in_the_workers_and_the_old_number_here_afterwards(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    with Processes(1) as pool:
        assert pool.submit(os.getenv, "OMP_NUM_THREADS").result() == "1"
    assert os.environ["OMP_NUM_THREADS"] == "7"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"workers": 0}, "workers: expected a whole number of 1 or more"),
        ({"chunk": 0}, "chunk"),
        ({"window": 1.5}, "window"),
        ({"attempts": -1}, "attempts"),
    ],
)
def test_impossible_numbers_are_refused_at_the_call(options, words):
    with pytest.raises(ValueError, match=words):
        run_batch(len, ["a"], **options)


def test_counts_and_time_left(tmp_path):
    seen = []
    items = [Item(str(k), "raise" if k == 1 else "") for k in range(4)]
    list(run_batch(Task(str(tmp_path)), items, progress=seen.append))
    assert [c.settled for c in seen] == [1, 2, 3, 4] and seen[-1].failed == 1 and seen[-1].total == 4
    assert seen[0].seconds_left is not None and seen[-1].seconds_left == 0


def test_a_million_items_cost_no_memory():
    import tracemalloc

    tracemalloc.start()
    settled = sum(1 for _ in run_batch(abs, iter(range(20_000))))
    small = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert settled == 20_000 and small < 2e6
