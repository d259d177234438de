"""Linear regressors: from one model's latents to another's, and from latents to attributes (cephalic index, ...)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from inface._validate import FloatArray, finite, floats
from inface.codecs.regression_json import (
    AttributeData,
    LabelMap,
    attributes_of,
    read_attributes,
    read_linear_regressor,
    write_attributes,
    write_linear_regressor,
)
from inface.compat import RegressorNames
from inface.mesh import Mesh
from inface.models.label_maps import to_label, to_score
from inface.models.latent import LatentSpace

if TYPE_CHECKING:
    from inface.models.base import MorphableModel


class LinearRegressor(RegressorNames):
    """`y = matrix @ x + intercept`, e.g. from the latents of a head model to those of a skull model.

    Attributes:
        matrix: `(out, in)`.
        intercept: `(out,)`.

    Examples:
        >>> import inface
        >>> head_to_skull = inface.LinearRegressor([[2.0, 0.0], [0.0, 1.0]], [0.0, 1.0])
        >>> head_to_skull([1.0, 1.0]).tolist()
        [2.0, 2.0]
    """

    def __init__(self, matrix: ArrayLike | str | Path, intercept: ArrayLike | None = None) -> None:
        """From the two arrays, or from the path of a JSON file as in the reference."""
        if isinstance(matrix, str | Path):
            self.matrix, self.intercept = read_linear_regressor(matrix)
            return
        self.matrix = finite("matrix", floats("matrix", matrix, (None, None)))
        if self.matrix.ndim != 2 or intercept is None or np.shape(intercept) != self.matrix.shape[:1]:
            raise ValueError(
                f"regressor: expected a matrix (out, in) and an intercept (out,), got {self.matrix.shape} and "
                f"{None if intercept is None else np.shape(intercept)}"
            )
        self.intercept = finite("intercept", floats("intercept", intercept, (None,)))

    @classmethod
    def load(cls, path: str | Path) -> "LinearRegressor":
        """Read `{"matrix": [[...]], "intercept": [...]}`; `FormatError` when the file is anything else."""
        return cls(*read_linear_regressor(path))

    def save(self, path: str | Path) -> None:
        """Write the JSON file, atomically."""
        write_linear_regressor(path, self.matrix, self.intercept)

    def __call__(self, latent: ArrayLike) -> FloatArray:
        """Latents `(..., out)` of latents `(..., in)`."""
        codes = finite("latent", floats("latent", latent, (self.matrix.shape[1],)))
        return codes @ self.matrix.T + self.intercept


@dataclass(frozen=True, eq=False)
class Correction:
    """A mesh brought to attribute targets.

    Attributes:
        mesh: in the frame of the mesh that came.
        latent: `(K,)` its code.
        before, after: name -> estimate of every attribute.
    """

    mesh: Mesh
    latent: FloatArray
    before: Mapping[str, float]
    after: Mapping[str, float]


class AttributeRegressor:
    """Attributes as linear functions of standardised latents: `weights @ (z - mean) / std + attribute's mean`.

    Where an attribute has a mapping, this is its score, and the estimate is the score's label; see `models.label_maps`.

    Attributes:
        attributes: name -> weights `(d,)` on the first d latent entries, mean, std, description.
    """

    def __init__(self, attributes: Mapping[str, AttributeData]) -> None:
        if not attributes:
            raise ValueError("attributes: expected at least one")
        self.attributes = dict(attributes)

    @classmethod
    def load(cls, path: str | Path) -> "AttributeRegressor":
        """Read `{name: [weights, mean, std, description]}`; `FormatError` when the file is anything else."""
        return cls(read_attributes(path))

    def save(self, path: str | Path) -> None:
        """Write the JSON file, atomically."""
        write_attributes(path, self.attributes)

    def estimate(
        self, model: "MorphableModel | LatentSpace", latent: ArrayLike, names: Sequence[str] | None = None
    ) -> dict[str, FloatArray]:
        """Name -> estimate `(...,)` of latents `(..., K)` of a model (or of its latent space)."""
        space = _space(model)
        chosen = list(self.attributes if names is None else names)
        weights, means = self._rows(space, chosen)
        values = space.standardise(_codes(space, latent)) @ weights.T + means
        return {name: to_label(self.attributes[name].mapping, values[..., i]) for i, name in enumerate(chosen)}

    def default_target(self, name: str) -> float:
        """The attribute's mean in the population it was learnt on."""
        if name not in self.attributes:
            raise ValueError(f"no attribute '{name}'; there are: {', '.join(self.attributes)}")
        one = self.attributes[name]
        return one.mean if one.mapping is None else one.mapping.original_mean

    def correct(
        self,
        model: "MorphableModel | LatentSpace",
        latent: ArrayLike,
        targets: Mapping[str, float | None],
        fixed: Sequence[str] = (),
    ) -> FloatArray:
        """Latents `(..., K)` moved the least (in standard deviations) so that the attributes meet their targets.

        Args:
            targets: name -> value; None stands for the attribute's mean in the population.
            fixed: attributes held as they are, such as "age" and "v_tot".

        The shift is the minimum-norm one, `dz = W^T (W W^T)^-1 (target - estimate)`. Raises `ValueError` for an
        unknown name, a name both targeted and fixed, or targets that contradict one another.
        """
        space = _space(model)
        both = sorted(set(targets) & set(fixed))
        if both:
            raise ValueError(f"attribute '{both[0]}': it is both a target and fixed; choose one")
        names = [*targets, *dict.fromkeys(fixed)]
        weights, means = self._rows(space, names)
        codes = _codes(space, latent)
        change = -space.standardise(codes) @ weights.T  # target - estimate, less the means on both sides
        for i, (name, value) in enumerate(targets.items()):
            mapping = self.attributes[name].mapping
            if value is not None or mapping is not None:
                wanted = self.default_target(name) if value is None else value
                label = float(finite(f"target '{name}'", floats("target", wanted, ())))
                _within(name, label, mapping)
                change[..., i] += float(to_score(mapping, label)) - means[i]
        change[..., len(targets) :] = 0
        shift = change @ np.linalg.pinv(weights, rcond=1e-9).T
        missed = np.abs(shift @ weights.T - change)
        scale = np.maximum([self.attributes[n].std for n in names], 1e-12)
        if missed.size and (missed > 1e-6 * scale + 1e-9 * np.abs(change)).any():
            worst = names[int(np.argmax((missed / scale).reshape(-1, len(names)).max(0)))]
            raise ValueError(
                f"attribute '{worst}': no latent meets all targets at once; its weights depend on those of the others "
                f"({', '.join(names)}), so leave one out"
            )
        return codes + shift * space.std

    def correct_mesh(
        self,
        model: "MorphableModel",
        mesh: Mesh,
        targets: Mapping[str, float | None],
        fixed: Sequence[str] = (),
        *,
        keep_detail: bool = False,
        align: bool = False,
        check: bool = True,
    ) -> "Correction":
        """A mesh changed the least so that its attributes meet their targets; see `correct`.

        The keywords are those of every edit, see `models.edits.BlockEdits`: the result stands in the mesh's own frame
        with its colours and landmarks.
        """
        arrival = model.check(mesh, align=align, check=check)
        own = model.encode_checked(arrival.vertices)
        corrected = self.correct(model, own, targets, fixed)
        before, after = (
            {name: float(value) for name, value in self.estimate(model, code).items()} for code in (own, corrected)
        )
        return Correction(model.mesh_of(arrival, corrected, own if keep_detail else None), corrected, before, after)

    def _rows(self, space: LatentSpace, names: Sequence[str]) -> tuple[FloatArray, FloatArray]:
        """Weights `(n, K)`, zero where the latent has no spread, and means `(n,)`."""
        weights = np.zeros((len(names), len(space)))
        for row, name in zip(weights, names, strict=True):
            if name not in self.attributes:
                raise ValueError(f"no attribute '{name}'; there are: {', '.join(self.attributes)}")
            own = self.attributes[name].weights
            if len(own) > len(space):
                raise ValueError(
                    f"attribute '{name}': {len(own)} weights for a latent of {len(space)}; another model's?"
                )
            row[: len(own)] = own
        weights[:, space.std == 0] = 0
        return weights, np.array([self.attributes[name].mean for name in names])


def get_measurement_corrected_meshes(
    registered_meshes: Sequence[Mesh],
    model: "MorphableModel",
    shape_factor_function: Mapping[str, Sequence],
    measurement_kinds: Sequence[str],
    measurement_optima: Sequence[float | None] | float | None = None,
    fix_age: bool = False,
    fix_total_volume: bool = False,
) -> tuple[list[Mesh], FloatArray, FloatArray]:
    """The reference's function of this name, so that its scripts run: corrected meshes, estimates and targets.

    Args:
        shape_factor_function: the attribute file as `json.load` gives it.
        measurement_optima: one target a measurement, None for the population's mean.

    Returns:
        meshes, estimates `(measurements, meshes)`, targets `(measurements,)`, or `(measurements, meshes)` where
        something is held fixed.
    """
    regressor = AttributeRegressor(attributes_of(shape_factor_function))
    kinds = list(measurement_kinds)
    optima = list(np.atleast_1d(np.asarray(measurement_optima, object)))
    if len(optima) == 1:
        optima *= len(kinds)
    if len(optima) != len(kinds):
        raise ValueError(f"measurement_optima: expected {len(kinds)} targets, one a measurement, got {len(optima)}")
    targets = dict(zip(kinds, optima, strict=True))
    fixed = ["age"] * fix_age + ["v_tot"] * fix_total_volume
    latent = np.stack([model.encode(mesh) for mesh in registered_meshes])
    estimates = regressor.estimate(model, latent, kinds)
    shapes = model.decode(regressor.correct(model, latent, targets, fixed))
    meshes = [mesh.with_vertices(shape) for mesh, shape in zip(registered_meshes, shapes, strict=True)]
    wanted = np.array([regressor.default_target(k) if v is None else float(v) for k, v in targets.items()])
    return (
        meshes,
        np.stack([estimates[k] for k in kinds]),
        np.repeat(wanted[:, None], len(meshes), 1) if fixed else wanted,
    )


def _within(name: str, label: float, mapping: LabelMap | None) -> None:
    """Refuse a target that lies outside what the attribute was learnt on, where its map is held at the ends."""
    if mapping is not None and mapping.labels is not None and not mapping.labels[0] <= label <= mapping.labels[-1]:
        low, high = float(mapping.labels[0]), float(mapping.labels[-1])
        raise ValueError(f"target '{name}': {label:g} lies outside what was learnt ({low:g} to {high:g})")


def _space(model: "MorphableModel | LatentSpace") -> LatentSpace:
    return model if isinstance(model, LatentSpace) else model.latent


def _codes(space: LatentSpace, latent: ArrayLike) -> FloatArray:
    return finite("latent", floats("latent", latent, (len(space),)))
