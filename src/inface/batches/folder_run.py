"""A batch whose results go to a folder: lock, journal, executor and part in one call."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from inface.batches.journal import open_journal, settled_by_parts
from inface.batches.open import open_executor
from inface.batches.outcome import Counts, Outcome
from inface.batches.parts import Part
from inface.batches.run import run_batch
from inface.errors import InfaceError


@dataclass(frozen=True)
class Run:
    """Where a batch is done and how much of it.

    Attributes:
        workers: processes on this machine.
        cluster: other machines, as `open_executor` names them.
        part: only this part of the items, for array jobs.
        join: do nothing; take up what the parts have done, and name what none has.
        again: do all again, also what stands.
    """

    workers: int = 1
    cluster: str | None = None
    part: Part | None = None
    join: bool = False
    again: bool = False

    def __post_init__(self) -> None:
        if self.part is not None and self.join:
            raise InfaceError("--join puts together what all parts have made; give it without --part")

    def of(self, items: Sequence[Any]) -> list[Any]:
        """The items of this run's part."""
        return list(items) if self.part is None else self.part.of(items)


def run_in_folder(
    work: Callable[[Any], Any],
    items: Sequence[Any],
    folder: str | Path,
    settings: Mapping[str, Any],
    run: Run,
    *,
    progress: Callable[[Counts], None] | None = None,
    chunk: int | Literal["auto"] = "auto",
) -> Iterator[Outcome]:
    """`run_batch` on this run's part of the items, kept in `folder`: what stands is "kept", what failed is tried again.

    Args:
        folder: where the work writes its results; made if missing. No other run may be at work in it.
        settings: plain values that the results depend on; with others, all is made again.
        run: where and how much.

    Raises:
        InfaceError: another run is at work in the folder.
        ClusterError, BatchStopped, WorkersCannotStart: see `open_executor` and `run_batch`.
    """
    mine = run.of(items)
    with open_journal(folder, settings, run.part) as journal:
        if run.join:
            yield from settled_by_parts(journal, mine)
            return
        if run.again:
            journal.forget(mine)
        workers = min(run.workers, max(1, len(mine)))
        with open_executor(run.cluster, workers=workers, folder=folder) as executor:
            yield from run_batch(work, mine, executor=executor, chunk=chunk, journal=journal, progress=progress)
