"""Progress bars on stderr, and the sentence of a run that was stopped."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from inface.batches import Counts


def columns() -> tuple:
    """What every bar of the package shows."""
    return (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())


@contextmanager
def bar(label: str) -> Iterator[Callable[..., None]]:
    """Yield a `progress(done, total, note="")` callback that draws a bar where stderr is a terminal."""
    console = Console(stderr=True)
    with Progress(*columns(), console=console, transient=True, disable=not console.is_terminal) as drawn:
        task = drawn.add_task(label, total=None)

        def progress(done: int, total: int, note: str = "") -> None:
            drawn.update(task, completed=done, total=total, description=f"{label} {note}".strip())

        yield progress


class BatchBar:
    """A bar with the counts of ok, partial, failed and kept items and the time left. `batch_bar` makes it.

    Attributes:
        done: items with a result, of this run or an earlier one.
    """

    def __init__(self, drawn: Progress, task: TaskID, total: int | None) -> None:
        self._drawn, self._task, self._total = drawn, task, total
        self._verdicts: Counter[str] = Counter()
        self.done = 0

    def __call__(self, counts: Counts) -> None:
        """Take up the counts of `run_batch`; a result's "verdict" (ok, partial, failed) is counted as such."""
        latest = counts.latest
        self.done = counts.done + counts.kept
        if latest is not None and latest.ok:
            value = latest.value if isinstance(latest.value, dict) else {}
            self._verdicts[str(value.get("verdict") or "ok")] += 1
        told = Counter(self._verdicts) + Counter(failed=counts.failed + counts.lost)
        words = [f"{told[name]} {name}" for name in ("ok", "partial", "failed") if told[name] or name == "ok"]
        if counts.kept:
            words.append(f"{counts.kept} of them kept")
        total = counts.total if counts.total is not None else self._total
        self.update(counts.settled, total, ", ".join(words), counts.seconds_left)

    def update(self, settled: int, total: int | None, note: str, seconds_left: float | None = None) -> None:
        """Draw."""
        left = "" if seconds_left is None else f"{duration(seconds_left)} left"
        self._drawn.update(self._task, completed=settled, total=total, note=note, left=left)


@contextmanager
def batch_bar(label: str, total: int | None = None, *, resumes: bool = True) -> Iterator[BatchBar]:
    """Draw the bar of a batch from its first second; Ctrl-C ends the run with a sentence and exit code 130."""
    console = Console(stderr=True)
    shown = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TextColumn("{task.fields[left]}"),
    )
    with Progress(*shown, console=console, transient=True, disable=not console.is_terminal) as drawn:
        made = BatchBar(drawn, drawn.add_task(label, total=total, note="", left=""), total)
        try:
            yield made
        except KeyboardInterrupt:
            drawn.stop()
            of = f" of {total}" if total is not None else ""
            goes_on = "; the same command goes on where this one stopped" if resumes else ""
            print(f"inface: stopped, {made.done}{of} done{goes_on}", file=sys.stderr)
            raise typer.Exit(130) from None


def duration(seconds: float) -> str:
    """`1:02:03`, `2:03`."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes}:{left:02d}"


@contextmanager
def done_bar(label: str, total: int) -> Iterator[Callable[[int, int], None]]:
    """The same for functions that report `progress(done, total)`."""
    first: list[tuple[float, int]] = []
    with batch_bar(label, total) as drawn:

        def progress(done: int, all: int) -> None:
            drawn.done = done
            if not first:
                first.append((time.monotonic(), done))
            begin, before = first[0]
            left = (time.monotonic() - begin) / (done - before) * (all - done) if done > before else None
            drawn.update(done, all, f"{done} done", left)

        yield progress


@contextmanager
def verdict_bar(label: str, total: int) -> Iterator[Callable[[int, int, Mapping[str, Any]], None]]:
    """The same for functions that report `progress(done, total, row)` with a verdict in each row."""
    counts: Counter[str] = Counter()
    begin, before = time.monotonic(), 0  # since the first that was not kept from an earlier run
    with batch_bar(label, total) as drawn:
        drawn.update(0, total, "")

        def progress(done: int, all: int, row: Mapping[str, Any]) -> None:
            nonlocal begin, before
            counts[str(row.get("verdict", "ok"))] += 1
            if time.monotonic() - begin < 0.05 * (done - before):
                begin, before = time.monotonic(), done
            drawn.done = done - counts["failed"]
            words = [f"{counts[name]} {name}" for name in ("ok", "partial", "failed") if counts[name] or name == "ok"]
            left = (time.monotonic() - begin) / (done - before) * (all - done) if done > before else None
            drawn.update(done, all, ", ".join(words), left)

        yield progress
