"""What would a normal head of this child look like: the correction to optimum, its numbers and its map in mm."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from inface._validate import FloatArray
from inface.codecs.text_files import write_json
from inface.errors import CorrespondenceError
from inface.geometry.adjacency import vertex_normals
from inface.measurement.results import Measurements
from inface.mesh import Mesh
from inface.models import AttributeRegressor, MorphableModel
from inface.models.full_correction import held_fixed, optimum_targets
from inface.models.regression import Correction
from inface.pictures.colours import Legend
from inface.reports.measure import measure

SPAN = 5.0  # mm at both ends of the colours, as the reference has them
MEASURED = ("circ.ml", "ci.go", "ci.ml", "cvai.30.short", "psr.zero", "v.tot", "tr", "frontal.ft")


@dataclass(frozen=True, eq=False)
class CorrectedHead:
    """A head and the normal head nearest to it.

    Attributes:
        correction: mesh, latent, estimates before and after.
        targets: attribute -> its target; held: those held fixed.
        change: `(V,)` mm along the skin's normal, plus = the corrected head stands out.
        coloured: the corrected mesh, coloured by `change` over +-5 mm.
        before, after: measures of both meshes; None on a topology that cannot be measured.
    """

    correction: Correction
    targets: Mapping[str, float]
    held: tuple[str, ...]
    change: FloatArray
    coloured: Mesh
    before: Measurements | None = None
    after: Measurements | None = None

    def numbers(self) -> dict[str, Any]:
        """Estimates and measures before and after, as plain values."""
        estimated = {
            name: {"before": self.correction.before[name], "after": self.correction.after[name], "target": target}
            for name, target in self.targets.items()
        }
        held = {name: {k: getattr(self.correction, k)[name] for k in ("before", "after")} for name in self.held}
        out: dict[str, Any] = {"corrected": estimated, "held": held}
        if self.before is not None and self.after is not None:
            out["measured"] = {id: {"before": self.before[id].value, "after": self.after[id].value} for id in MEASURED}
        size = np.abs(self.change)
        out["difference_mm"] = {"mean": float(size.mean()), "largest": float(size.max())}
        return out


def correct_to_optimum(
    model: MorphableModel,
    mesh: Mesh,
    attributes: AttributeRegressor,
    *,
    kinds: Sequence[str] | None = None,
    targets: Mapping[str, float | None] | None = None,
    fixed: Sequence[str] = (),
    keywords: Mapping[str, Any] | None = None,
) -> CorrectedHead:
    """The mesh with its attributes at their optima (cephalic index 80, asymmetry 0, ratios 1, others the mean), changed
    the least, age and total volume held.

    Args:
        kinds: attributes to correct; None: those of the reference's full correction that the file has.
        targets: own targets, which go before the optima; None as a value: the population's mean.
        fixed: further attributes to hold.
        keywords: of every edit (`keep_detail`, `align`, `check`).

    Raises:
        ValueError: an unknown attribute, or targets that contradict one another.
        CorrespondenceError: the mesh is not the model's.

    Examples:
        >>> import inface
        >>> model = inface.load_default_model("pca")
        >>> child = model.sample_meshes(1, seed=4)[0]
        >>> found = correct_to_optimum(model, child, inface.load_default_attributes("pca"))
        >>> round(found.correction.after["CI"], 3), round(found.correction.after["CVAI_signed"], 3)
        (80.0, 0.0)
    """
    wanted = optimum_targets(attributes, kinds) | dict(targets or {})
    held = list(dict.fromkeys([*held_fixed(attributes, wanted), *fixed]))
    options = dict(keywords or {})
    result = attributes.correct_mesh(model, mesh, wanted, held, **options)
    whole = attributes.correct_mesh(model, mesh, wanted, held, **(options | {"keep_detail": True})).mesh
    normals = vertex_normals(mesh.vertices, model.triangles)
    change = np.einsum("ij,ij->i", whole.vertices - mesh.vertices, normals)
    colours = Legend("mm", -SPAN, SPAN, True).colors(change)
    shown = {name: attributes.default_target(name) if v is None else float(v) for name, v in wanted.items()}
    out = CorrectedHead(result, shown, tuple(held), change, result.mesh.with_colors(colours))
    try:
        return replace(out, before=measure(mesh, model=model), after=measure(whole, model=model))
    except (CorrespondenceError, ValueError):
        return out


def write_correction(found: CorrectedHead, stem: Any) -> dict[str, str]:
    """Beside a corrected mesh `STEM.ply`: `STEM_difference.ply`, coloured, and `STEM_numbers.json`."""
    coloured, numbers = stem.with_name(stem.name + "_difference.ply"), stem.with_name(stem.name + "_numbers.json")
    found.coloured.export(coloured)
    write_json(numbers, found.numbers())
    return {"difference": str(coloured), "numbers": str(numbers)}
