"""A cohort packed as it is made: heads go straight into the parts of a store, and no mesh file is written."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inface.batches import Counts, Run, open_executor, open_journal, run_batch, written
from inface.codecs.shape_store import PART_ROWS, part_file, write_part
from inface.errors import InfaceError
from inface.population.packed import write_covering
from inface.synthetic.cohort import BATCH, Batch, CohortPlan, batches_of, draw_factors, plan_record
from inface.synthetic.head import head_maker


def pack_cohort(
    plan: CohortPlan,
    out: str | Path,
    *,
    run: Run | None = None,
    progress: Callable[[Counts], None] | None = None,
) -> Path:
    """Write the cohort of a plan as a packed population, the heads that `cohort` would make; returns the folder.

    A run that was stopped goes on where it was; the bytes do not depend on `run`.

    Raises:
        InfaceError: a part could not be made (its reason), or another run is at work in the folder.
        FileAccessError: the folder can't be made or written.

    Examples:
        >>> import tempfile
        >>> from inface.population import load_population
        >>> from inface.synthetic import CohortPlan
        >>> from inface.synthetic.cohort_packed import pack_cohort
        >>> with tempfile.TemporaryDirectory() as there:
        ...     heads = load_population(pack_cohort(CohortPlan(2, 2, seed=1), there + "/heads.shapes"))
        ...     heads.shapes.shape
        (4, 12839, 3)
    """
    folder, factors = Path(out), draw_factors(plan)
    count = len(factors.age)
    starts = range(0, count, PART_ROWS)
    assert PART_ROWS % BATCH == 0, "parts are made of whole batches"
    columns = (factors.identity, factors.age, factors.sex, factors.expression_weights, factors.deformity)
    ends = [min(start + PART_ROWS, count) for start in starts]
    items = [
        _Heads(number, tuple(batches_of(columns, range(start, end, BATCH))))
        for number, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]
    work = _MakePart(plan, str(folder))
    made: dict[str, Any] = {}
    run = run or Run()
    settings = {"cohort": plan_record(plan), "template": head_maker().template.hash}
    with (
        open_journal(folder / "parts", settings) as journal,
        open_executor(run.cluster, workers=run.workers, folder=folder) as executor,
    ):
        outcomes = run_batch(work, items, executor=executor, chunk=1, journal=journal, progress=progress)
        for outcome in outcomes:
            if not outcome.ok:
                raise InfaceError(f"'{out}', {outcome.key}: {outcome.reason}")
            made[outcome.key] = outcome.value["part"]
    names = [f"{name}.ply" for name in factors.name]
    truth = {"identity": factors.identity, "expression_weights": factors.expression_weights}
    truth["deformity"] = factors.deformity
    write_covering(folder, head_maker().template, [made[key] for key in sorted(made)], names, factors.columns, truth)
    shutil.rmtree(folder / "parts" / ".run", ignore_errors=True)
    return folder


@dataclass(frozen=True, eq=False)
class _Heads:
    """The factors of one part, in batches."""

    number: int
    batches: tuple[Batch, ...]

    @property
    def key(self) -> str:
        """Its name in the run."""
        return f"part {self.number:05d}"


@dataclass(frozen=True)
class _MakePart:
    """On the worker: the heads of a part, written."""

    plan: CohortPlan
    folder: str

    def __call__(self, item: _Heads) -> dict[str, Any]:
        maker = head_maker(self.plan.variation)
        shapes = np.concatenate([maker.shapes(*batch.columns) for batch in item.batches])
        part = write_part(self.folder, item.number, shapes)
        return {"part": part, "files": written(part_file(self.folder, item.number))}
