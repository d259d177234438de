"""Attributes learnt: measures (and age) of a cohort as linear functions of a model's standardised latents.

Ridge regression without intercept on standardised latents and centred labels; the strength is that of `ALPHAS` whose
mean plus standard deviation of |error| over five folds is least; then all shapes are taken [schnabel2025]. Volumes are
mapped by their cube root, the circumference by its square root, age and clefts by a rising curve found in turn with the
ridge. Names and units are the reference's (volumes in mm^3, SA in radians), so that the files work there too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from inface._validate import FloatArray, IntArray
from inface.codecs.regression_json import AttributeData, LabelMap
from inface.measurement import CATALOGUE, REFERENCE_NAMES
from inface.measurement.anatomy import anatomy_of
from inface.measurement.head import Head
from inface.measurement.measuring import values_of
from inface.models import AttributeRegressor, MorphableModel
from inface.models.label_maps import to_label, to_score
from inface.population import Population
from inface.units import mm_per_unit

ALPHAS = (0.0, 0.01, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4)
FOLDS = 5
FEWEST = 20  # labelled shapes
UNSIGNED = ("CVA", "CVAI")  # folded at zero: no linear function of the shape
SLOPE, SETTLED, ROUNDS, KNOTS = 1e-5, 1e-5, 30, 40


@dataclass(frozen=True)
class Learnt:
    """How well an attribute was learnt: strength of the ridge, mean and SD of |error| over the folds, in its unit."""

    alpha: float
    error: float
    spread: float


def labels_of(population: Population, *, progress: Callable[[int, int], None] | None = None) -> dict[str, FloatArray]:
    """The reference's name -> label `(N,)` of every shape, NaN where it has none; "age" in months where ages are known.

    Names that no shape has are left out.
    """
    anatomy = anatomy_of(population.template)
    factor = mm_per_unit(population.template.unit)
    names = [name for name in REFERENCE_NAMES if name not in UNSIGNED]
    out = {name: np.full(len(population), np.nan) for name in names}
    for i in range(len(population)):
        head = Head(anatomy, np.asarray(population.shapes[i], np.float64) * factor)
        found = values_of(head, {REFERENCE_NAMES[name] for name in names})
        for name in names:
            if REFERENCE_NAMES[name] in found:
                out[name][i] = found[REFERENCE_NAMES[name]] * _unit_factor(name)
        if progress is not None:
            progress(i + 1, len(population))
    if population.age_months is not None:
        out["age"] = np.asarray(population.age_months, np.float64)
    return {name: values for name, values in out.items() if np.isfinite(values).any()}


def fit_attributes(
    model: MorphableModel,
    population: Population,
    labels: Mapping[str, FloatArray] | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[AttributeRegressor, dict[str, Learnt]]:
    """Attributes of a model learnt on shapes in correspondence with it, and how well each was.

    Args:
        labels: name -> `(N,)`, NaN where unknown; None: the measures of every shape, see `labels_of`.

    Raises:
        ValueError: fewer than 20 labelled shapes for every attribute, or labels of another length.
        CorrespondenceError: the population is of another topology.
    """
    labels = labels_of(population, progress=progress) if labels is None else labels
    latent = np.asarray(model.encode(np.asarray(population.shapes)), np.float64)
    z = model.latent.standardise(latent)
    out: dict[str, AttributeData] = {}
    learnt: dict[str, Learnt] = {}
    for name, values in labels.items():
        label = np.asarray(values, np.float64)
        if label.shape != (len(z),):
            raise ValueError(f"label '{name}': expected {len(z)} numbers, one a shape, got shape {label.shape}")
        known = np.isfinite(label)
        if known.sum() < FEWEST or np.ptp(label[known]) == 0:
            continue
        out[name], learnt[name] = _fit_one(name, z[known], label[known])
    if not out:
        raise ValueError(f"attributes: expected at least {FEWEST} labelled shapes that differ, for any attribute")
    return AttributeRegressor(out), learnt


def _fit_one(name: str, z: FloatArray, label: FloatArray) -> tuple[AttributeData, Learnt]:
    weight = np.ones(len(label))
    if "cleft" in name:  # few have one: they count as much as all that have none
        ill = label > 0
        if 0 < ill.sum() < len(label):
            weight[ill] = (~ill).sum() / ill.sum()
    mapping = _mapping_for(name, z, label, weight)
    score = to_score(mapping, label)
    mean, std = float(np.average(score, weights=weight)), float(score.std())
    alpha, errors = _choose(z, score - mean, weight, lambda s: to_label(mapping, s + mean), label)
    weights = Ridge.of(z, weight).solve(score - mean, alpha)
    description = _description(name)
    return AttributeData(weights, mean, std, description, mapping), Learnt(
        alpha, float(errors.mean()), float(errors.std())
    )


@dataclass(frozen=True, eq=False)
class Ridge:
    """Ridge regressions on one matrix `x (N, d)` with weights `(N,)` of its rows: factored once, solved often."""

    root: FloatArray
    left: FloatArray
    sizes: FloatArray
    right: FloatArray

    @classmethod
    def of(cls, x: FloatArray, weight: FloatArray | None = None) -> "Ridge":
        root = np.sqrt(np.ones(len(x)) if weight is None else weight)[:, None]
        left, sizes, right = np.linalg.svd(x * root, full_matrices=False)
        return cls(root, left, sizes, right)

    def solve(self, y: FloatArray, alpha: float) -> FloatArray:
        """`(d, ...)` that minimise `sum weight |y - x w|^2 + alpha |w|^2`; of least norm where alpha is 0."""
        values = (y if y.ndim > 1 else y[:, None]) * self.root
        keep = self.sizes > 1e-10 * max(self.sizes[0], 1e-300)
        gain = np.divide(self.sizes, self.sizes**2 + alpha, out=np.zeros_like(self.sizes), where=keep)
        out = self.right.T @ (gain[:, None] * (self.left.T @ values))
        return out if y.ndim > 1 else out[:, 0]


def folds_of(count: int) -> list[tuple[IntArray, IntArray]]:
    """The rows held out and the rest, of each of the unshuffled folds."""
    every = np.arange(count)
    return [(fold, np.setdiff1d(every, fold)) for fold in np.array_split(every, FOLDS)]


def _choose(z, centred, weight, back, label) -> tuple[float, FloatArray]:
    """The strength of the least mean plus standard deviation of |error| over the folds, and these errors."""
    folds = [(fold, Ridge.of(z[rest], weight[rest]), centred[rest]) for fold, rest in folds_of(len(z))]
    best: tuple[float, float, FloatArray] | None = None
    for alpha in ALPHAS:
        errors = np.empty(len(z))
        for fold, solver, goal in folds:
            errors[fold] = np.abs(back(z[fold] @ solver.solve(goal, alpha)) - label[fold])
        cost = float(errors.mean() + errors.std())
        if best is None or cost < best[0]:
            best = (cost, alpha, errors)
    assert best is not None
    return best[1], best[2]


def _mapping_for(name: str, z: FloatArray, label: FloatArray, weight: FloatArray) -> LabelMap | None:
    mean, std = float(label.mean()), float(label.std())
    if name.startswith("v_"):
        return LabelMap("power", mean, std, 1 / 3)
    if name == "circumference":
        return LabelMap("power", mean, std, 0.5)
    if name == "age" or "cleft" in name:
        labels, scores = rising_curve(z, label, weight)
        return LabelMap("knots", mean, std, labels=labels, scores=scores)
    return None


def rising_curve(z: FloatArray, label: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Knots of the rising curve from labels to scores that are most nearly linear in `z`: ridge and isotonic regression
    in turn, until the scores change by less than 1e-5 of their spread."""
    from scipy.optimize import isotonic_regression

    order = np.argsort(label, kind="stable")
    score = (label - label.mean()) / label.std()
    solver = Ridge.of(z, weight)
    for _ in range(ROUNDS):
        guess = z @ solver.solve(score - np.average(score, weights=weight), 10.0)
        steps = isotonic_regression(guess[order], weights=weight[order]).x
        new = np.empty_like(score)
        new[order] = steps + SLOPE * (label[order] - label[order[0]])
        new = (new - new.mean()) / max(float(new.std()), 1e-12)
        change, score = float(np.sqrt(((new - score) ** 2).mean())), new
        if change < SETTLED:
            break
    knots, first = np.unique(label[order], return_index=True)
    curve = np.array([part.mean() for part in np.split(score[order], first[1:])])
    pick = np.unique(np.linspace(0, len(knots) - 1, min(KNOTS, len(knots))).round().astype(int))
    rising = np.maximum.accumulate(curve[pick]) + SLOPE * np.arange(len(pick))
    return knots[pick], rising


def _unit_factor(name: str) -> float:
    """From our unit to the reference's."""
    return 1000.0 if name.startswith("v_") else float(np.pi / 180) if name == "SA" else 1.0


def _description(name: str) -> str:
    if name == "age":
        return "age in months"
    own = REFERENCE_NAMES.get(name)
    if own is None:
        return name
    unit = "mm^3" if name.startswith("v_") else "rad" if name == "SA" else CATALOGUE[own].unit or "ratio"
    return f"{CATALOGUE[own].words} ({own}), {unit}"


def describe(learnt: Mapping[str, Learnt], names: Sequence[str] | None = None) -> str:
    """One line an attribute: strength and error over the folds."""
    return "\n".join(
        f"{name:24s} alpha {one.alpha:<8g} |error| {one.error:.4g} ± {one.spread:.4g}"
        for name, one in learnt.items()
        if names is None or name in names
    )
