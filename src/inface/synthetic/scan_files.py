"""Simulated scans on disk: the scan as a mesh file, its truth beside it."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inface.batches import Run, refuse_unguarded_script, run_in_folder, written
from inface.codecs import atomic_write
from inface.errors import FileAccessError, InfaceError
from inface.synthetic.cohort import CohortPlan, checked_workers, draw_factors, shapes_for
from inface.synthetic.scanner import simulate_scan
from inface.synthetic.template import template


def write_scans(
    out: str | Path,
    number: int = 10,
    seed: int = 0,
    *,
    suffix: str = ".ply",
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
    run: Run | None = None,
) -> list[Path]:
    """Write `number` scans of different children of all ages and expressions; returns their files.

    Beside `scan_0000.ply` stands `scan_0000.truth.npz`: `truth (V, 3)` in the scan's frame and unit, `seen (V,)`, the
    `pose` `(4, 4)` from the head's frame, `unit`, and as JSON what was `drawn`. Scans that stand already with their
    truth are kept, so that a stopped run goes on where it was. One seed gives one set, whatever `workers`. `run`:
    where it is done and how much of it (other machines, parts of an array job); overrules `workers`.

    Raises:
        ValueError: fewer than one scan, a negative seed.
        FileAccessError: the folder can't be written.
        InfaceError: some scans could not be made; the others stand. Another run is at work in the folder.
    """
    refuse_unguarded_script()
    factors = draw_factors(CohortPlan(subjects=number, scans_per_subject=1, seed=seed))
    run = run or Run(checked_workers(workers))
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileAccessError(f"cannot make the folder '{folder}': {error.strerror or error}") from error
    columns = (factors.identity, factors.age, factors.sex, factors.expression_weights, factors.deformity)
    scans = [
        ScanToWrite(f"scan_{i:04d}", seed, i, tuple(c[i : i + 1] for c in columns), str(factors.expression[i]))
        for i in range(number)
    ]
    missing = [scan for scan in scans if run.again or not all(p.exists() for p in scan.paths(folder, suffix))]
    if run.join and missing:
        raise InfaceError(f"{len(missing)} of {number} scans are missing in '{folder}', the first is {missing[0].key}")
    done, failed = number - len(missing), []
    work = WriteScan(str(folder.absolute()), suffix)
    for outcome in run_in_folder(work, missing, folder, {"seed": seed, "suffix": suffix}, run):
        done += outcome.ok
        failed += [] if outcome.ok else [outcome.reason]
        if progress is not None:
            progress(done, number)
    if failed:
        raise InfaceError(f"{number - done} of {number} scans could not be made ({failed[0]}); go on later")
    if run.part is None:
        shutil.rmtree(folder / ".run", ignore_errors=True)  # all is there
    return [scan.paths(folder, suffix)[0] for scan in scans]


@dataclass(frozen=True, eq=False)
class ScanToWrite:
    """One scan to be simulated: its name, the set's seed, its number, its factors and the expression's name."""

    key: str
    seed: int
    number: int
    factors: tuple[np.ndarray, ...]
    expression: str

    def paths(self, folder: Path, suffix: str) -> tuple[Path, Path]:
        """The scan's file and that of its truth."""
        return folder / f"{self.key}{suffix}", folder / f"{self.key}.truth.npz"


@dataclass(frozen=True)
class WriteScan:
    """Simulates a scan and writes it with its truth; what a worker is given."""

    folder: str
    suffix: str

    def __call__(self, plan: ScanToWrite) -> dict[str, Any]:
        """The files that were written."""
        path, beside = plan.paths(Path(self.folder), self.suffix)
        shape = shapes_for(*plan.factors)[0]
        seed = int(np.random.SeedSequence([plan.seed, plan.number]).generate_state(1)[0])
        scan = simulate_scan(template().mesh.with_vertices(shape), seed=seed)
        scan.mesh.export(path)
        drawn = {"age_months": float(plan.factors[1][0]), "expression": plan.expression, **scan.drawn}
        with atomic_write(beside) as temporary, open(temporary, "wb") as stream:
            np.savez_compressed(
                stream,
                truth=scan.truth,
                seen=scan.seen,
                pose=scan.pose.matrix,
                unit=scan.unit,
                drawn=json.dumps(drawn, default=lambda value: np.asarray(value).tolist()),
            )
        return {"files": written(path, beside)}
