"""A progress bar on stderr for functions that report `progress(done, total)`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


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
