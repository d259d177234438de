"""A cohort on disk: one PLY a scan, `manifest.csv` as training reads it, and every factor in `factors.json`."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inface.batches import Run, refuse_unguarded_script, run_in_folder, written
from inface.codecs import atomic_write, write_mesh
from inface.errors import FileAccessError, InfaceError
from inface.mesh import Mesh
from inface.population.manifest import write_manifest
from inface.synthetic.cohort import (
    BATCH,
    Batch,
    CohortPlan,
    Factors,
    MakeShapes,
    batches_of,
    checked_workers,
    draw_factors,
    plan_of,
    plan_record,
)
from inface.synthetic.deformity import DEFORMITIES
from inface.synthetic.expression import UNITS
from inface.synthetic.head import head_maker
from inface.synthetic.identity import Variation


def write_cohort(
    out: str | Path,
    subjects: int = 200,
    scans_per_subject: int = 3,
    seed: int = 0,
    *,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
    run: Run | None = None,
    **options,
) -> Path:
    """Write the cohort that `cohort` with the same arguments would make into the folder `out`; returns the manifest.

    Files that stand already are kept, so that a run that was stopped goes on where it was; the manifest is written
    last. `progress(done, total)` is called after every few scans. `manifest.csv` has the columns that `load_population`
    reads; `factors.json` holds the names of the units and deformities, each child's identity and each scan's weights.

    Raises:
        ValueError: impossible options, or the folder holds a cohort of other options.
        FileAccessError: the folder can't be made or written.
    """
    refuse_unguarded_script()
    plan = plan_of(subjects, scans_per_subject, seed, options)
    run = run or Run(checked_workers(workers))
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileAccessError(f"cannot make the folder '{folder}': {error.strerror or error}") from error
    record = {"plan": plan_record(plan), "template": head_maker().template.hash}
    _claim(folder / "cohort.json", json.dumps(record, indent=1))
    factors = draw_factors(plan)
    names = [f"{name}.ply" for name in factors.name]
    _write_scans(folder, names, factors, plan, run, progress)
    if run.part is not None:
        return folder / "manifest.csv"
    _write_text(folder / "factors.json", _factors_text(factors, names))
    write_manifest(folder / "manifest.csv", names, factors.columns | {"weight": np.ones(len(names), int)})
    shutil.rmtree(folder / ".run", ignore_errors=True)  # the manifest says that all is there
    return folder / "manifest.csv"


def _write_scans(
    folder: Path,
    names: list[str],
    factors: Factors,
    plan: CohortPlan,
    run: Run,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Make and write the scans whose files are not there, in their batches."""
    missing = np.array([run.again or not (folder / name).exists() for name in names])
    starts = [start for start in range(0, len(names), BATCH) if missing[start : start + BATCH].any()]
    if run.join and starts:
        raise InfaceError(
            f"{int(missing.sum())} of {len(names)} scans are missing in '{folder}' (the first is "
            f"'{names[int(np.argmax(missing))]}'); run their parts, or the whole without --part and --join"
        )
    columns = (factors.identity, factors.age, factors.sex, factors.expression_weights, factors.deformity)
    batches = batches_of(columns, starts)
    wanted = {
        batch.start: tuple(
            (offset, names[batch.start + offset])
            for offset in range(len(batch.columns[0]))
            if missing[batch.start + offset]
        )
        for batch in batches
    }
    work = WriteShapes(MakeShapes(Variation.of(plan.variation)), str(folder.absolute()))
    items = [Wanted(batch, wanted[batch.start]) for batch in batches]
    done = int((~missing).sum())
    failed = []
    for outcome in run_in_folder(work, items, folder, {"plan": plan_record(plan)}, run, chunk=1):
        failed += [] if outcome.ok else [outcome.reason]
        done += len(wanted[int(outcome.key)]) if outcome.ok else 0
        if progress is not None:
            progress(done, len(names))
    if failed:
        raise InfaceError(f"{len(names) - done} of {len(names)} scans could not be made ({failed[0]}); go on later")


@dataclass(frozen=True, eq=False)
class Wanted:
    """A batch, and which of its scans go into which file."""

    batch: Batch
    files: tuple[tuple[int, str], ...]

    @property
    def key(self) -> str:
        """Name of the batch in a run."""
        return self.batch.key

    @property
    def stamp(self) -> str:
        """Which files are wanted."""
        return " ".join(name for _, name in self.files)


@dataclass(frozen=True)
class WriteShapes:
    """Makes a batch and writes the scans that are wanted; what a worker is given."""

    make: MakeShapes
    folder: str

    def __call__(self, wanted: Wanted) -> dict[str, Any]:
        """The files that were written."""
        shapes, mesh = self.make(wanted.batch), head_maker().template.mesh
        paths = []
        for offset, name in wanted.files:
            paths.append(Path(self.folder) / name)
            write_mesh(paths[-1], Mesh(shapes[offset], mesh.triangles, mesh.colors))
        return {"files": written(*paths)}


def _claim(path: Path, text: str) -> None:
    """Write the plan, or make sure that the one there is the same."""
    if not path.exists():
        _write_text(path, text)
    elif path.read_text(encoding="utf-8") != text:
        raise ValueError(
            f"'{path.parent}' holds a cohort made with other options or another template; "
            "give another folder, or the options in its cohort.json"
        )


def _write_text(path: Path, text: str) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _factors_text(factors: Factors, names: list[str]) -> str:
    children = {s: z.tolist() for s, z in zip(factors.subject.tolist(), factors.identity, strict=True)}
    scans = {
        name: {"subject": str(s), "expression_weights": w.tolist(), "deformity": d.tolist()}
        for name, s, w, d in zip(names, factors.subject, factors.expression_weights, factors.deformity, strict=True)
    }
    record = {"units": list(UNITS), "deformities": list(DEFORMITIES), "identity": children, "scans": scans}
    return json.dumps(record)
