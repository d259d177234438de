"""Simulated scans on disk: the scan as a mesh file, its truth beside it."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from inface.codecs import atomic_write
from inface.synthetic.cohort import CohortPlan, draw_factors, shapes_for
from inface.synthetic.scanner import simulate_scan
from inface.synthetic.template import template


def write_scans(
    out: str | Path,
    number: int = 10,
    seed: int = 0,
    *,
    suffix: str = ".ply",
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Write `number` scans of different children of all ages and expressions; returns their files.

    Beside `scan_0000.ply` stands `scan_0000.truth.npz`: `truth (V, 3)` in the scan's frame and unit, `seen (V,)`, the
    `pose` `(4, 4)` from the head's frame, `unit`, and as JSON what was `drawn`. Scans that stand already with their
    truth are kept, so that a stopped run goes on where it was. One seed gives one set.

    Raises:
        ValueError: fewer than one scan, a negative seed.
        FileAccessError: the folder can't be written.
    """
    factors = draw_factors(CohortPlan(subjects=number, scans_per_subject=1, seed=seed))
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    base = template().mesh
    files = []
    for i in range(number):
        path = folder / f"scan_{i:04d}{suffix}"
        beside = folder / f"scan_{i:04d}.truth.npz"
        files.append(path)
        if not (path.exists() and beside.exists()):
            shape = shapes_for(
                factors.identity[i : i + 1],
                factors.age[i : i + 1],
                factors.sex[i : i + 1],
                factors.expression_weights[i : i + 1],
                factors.deformity[i : i + 1],
            )[0]
            scan = simulate_scan(
                base.with_vertices(shape), seed=int(np.random.SeedSequence([seed, i]).generate_state(1)[0])
            )
            scan.mesh.export(path)
            drawn = {"age_months": float(factors.age[i]), "expression": str(factors.expression[i]), **scan.drawn}
            with atomic_write(beside) as temporary, open(temporary, "wb") as stream:
                np.savez_compressed(
                    stream,
                    truth=scan.truth,
                    seen=scan.seen,
                    pose=scan.pose.matrix,
                    unit=scan.unit,
                    drawn=json.dumps(drawn, default=lambda value: np.asarray(value).tolist()),
                )
        if progress is not None:
            progress(i + 1, number)
    return files
