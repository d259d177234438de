"""A cohort on disk: one PLY a scan, `manifest.csv` as training reads it, and every factor in `factors.json`."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from inface.codecs import atomic_write, write_mesh
from inface.errors import FileAccessError
from inface.mesh import Mesh
from inface.population.manifest import write_manifest
from inface.synthetic.cohort import BATCH, Factors, batches_of, draw_factors, each_batch, plan_of, plan_record
from inface.synthetic.deformity import DEFORMITIES
from inface.synthetic.expression import UNITS
from inface.synthetic.head import head_maker


def write_cohort(
    out: str | Path,
    subjects: int = 200,
    scans_per_subject: int = 3,
    seed: int = 0,
    *,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
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
    plan = plan_of(subjects, scans_per_subject, seed, options)
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileAccessError(f"cannot make the folder '{folder}': {error.strerror or error}") from error
    template = head_maker().template
    record = {"plan": plan_record(plan), "template": template.hash}
    _claim(folder / "cohort.json", json.dumps(record, indent=1))
    factors = draw_factors(plan)
    names = [f"{name}.ply" for name in factors.name]
    missing = np.array([not (folder / name).exists() for name in names])
    starts = [start for start in range(0, len(names), BATCH) if missing[start : start + BATCH].any()]
    done = int((~missing).sum())
    batches = batches_of(factors, starts)
    for start, shapes in zip(starts, each_batch(batches, workers, plan.variation), strict=True):
        for offset, shape in enumerate(shapes):
            if missing[start + offset]:
                write_mesh(folder / names[start + offset], Mesh(shape, template.mesh.triangles, template.mesh.colors))
                done += 1
        if progress is not None:
            progress(done, len(names))
    _write_text(folder / "factors.json", _factors_text(factors, names))
    write_manifest(folder / "manifest.csv", names, factors.columns | {"weight": np.ones(len(names), int)})
    return folder / "manifest.csv"


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
