"""The loop from raw scans to a model of their own: register, build a PCA model, register again with it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inface._validate import FloatArray
from inface.codecs.text_files import read_json
from inface.errors import ConvergenceError
from inface.mesh import Mesh
from inface.models.pca import PCAMorphableModel
from inface.population import Population
from inface.registration.batch import register_folder
from inface.registration.settings import Settings
from inface.template import Template
from inface.training.pca import fit_pca
from inface.transforms import generalised_procrustes

FEWEST = 3  # registered scans; fewer show no variation


@dataclass(frozen=True, eq=False)
class TemplateRun:
    """What the loop came to.

    Attributes:
        model: PCA model of the scans; its mean is their template.
        used: names of the scans in it.
        left_out: name -> why, of the others, in the last round.
        rounds: for each round the number of scans used and the mean distance of their vertices from the scans, mm.
    """

    model: PCAMorphableModel
    used: tuple[str, ...]
    left_out: Mapping[str, str]
    rounds: tuple[tuple[int, float], ...]


def template_from(
    scans: Sequence[str | Path],
    out: str | Path,
    start: Any = "pca",
    *,
    rounds: int = 2,
    components: int | float = 0.98,
    settings: Settings | None = None,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> TemplateRun:
    """Build a model of raw scans, beginning with the model `start` of the same kind of subject.

    Each round registers all scans (results in `out/round_1`, `out/round_2`, ...; a stopped run goes on where it was),
    takes those with verdict "ok", and fits a PCA model to them; the next round starts from it. What a scan does not
    show is the starting model's guess, so a model of few or partial scans leans on the model it began with. A dozen
    scans make a model that knows less than a good one to begin with: then one round is better (`docs/registration.md`).

    Raises:
        ConvergenceError: fewer than three scans were registered "ok"; the report in `out` says why.
        ValueError: no scan, or fewer than one round.
    """
    if rounds < 1:
        raise ValueError(f"rounds: expected 1 or more, got {rounds}")
    if isinstance(start, str):
        from inface.embedded import load_default_model

        start = load_default_model(start)
    model, kept, record = start, [], []
    left_out: dict[str, str] = {}
    total = rounds * len(scans)
    for number in range(1, rounds + 1):
        folder = Path(out) / f"round_{number}"
        before = (number - 1) * len(scans)
        rows = register_folder(
            scans, folder, model, settings=settings, workers=workers,
            progress=_shifted(progress, before, total),
        )  # fmt: skip
        kept = sorted((row for row in rows if row["verdict"] == "ok"), key=lambda row: row["name"])
        left_out = {row["name"]: f"{row['verdict']}: {row['reasons']}" for row in rows if row["verdict"] != "ok"}
        if len(kept) < FEWEST:
            raise ConvergenceError(
                f"{len(kept)} of {len(rows)} scans were registered well, {FEWEST} are needed; "
                f"see {folder / 'report.csv'}"
            )
        shapes = generalised_procrustes(np.stack([_shape(folder, row) for row in kept]))
        base = model.template
        mesh = base.mesh.with_landmarks(None).with_vertices(shapes.mean(0))
        template = Template(mesh, base.landmarks, base.regions, base.mirror, "mm")
        names = np.array([row["name"] for row in kept])
        model = fit_pca(Population(template, shapes, name=names), components)
        record.append((len(kept), float(np.mean([row["mean_distance"] for row in kept]))))
    return TemplateRun(model, tuple(row["name"] for row in kept), left_out, tuple(record))


def _shifted(progress: Callable[[int, int], None] | None, before: int, total: int):
    """The batch's progress as that of all rounds."""
    return None if progress is None else lambda done, _all, _row: progress(before + done, total)


def _shape(folder: Path, row: dict[str, Any]) -> FloatArray:
    """A registered scan in millimetres and the model's pose."""
    matrix = np.array(read_json(folder / f"{row['name']}.json")["transform"])
    back = np.linalg.inv(matrix)
    return Mesh.load(folder / row["mesh"]).vertices @ back[:3, :3].T + back[:3, 3]
