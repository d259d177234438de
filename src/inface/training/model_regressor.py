"""Regressors between two models learnt on pairs: the same children's meshes in both topologies.

Ridge regression with intercept on raw latents; the strength is that of `ALPHAS` whose mean plus standard deviation of
the vertex distance, between the mesh decoded from the predicted latent and that from the mesh's own latent, is least
over five unshuffled folds; then all pairs are taken [schnabel2025].
"""

from dataclasses import dataclass

import numpy as np

from inface._validate import FloatArray
from inface.models import LinearRegressor, MorphableModel
from inface.training.attributes import Ridge, folds_of
from inface.units import mm_per_unit

ALPHAS = (0.0, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 1e2, 1e3, 1e4, 1e5, 1e6)
FEWEST = 10


@dataclass(frozen=True, eq=False)
class FittedRegressor:
    """A regressor and how well it does on folds it was not learnt on.

    Attributes:
        regressor: from the first model's latents to the second's.
        alpha: strength chosen.
        distance, spread: mean and standard deviation of the vertex distance over the pairs, mm.
    """

    regressor: LinearRegressor
    alpha: float
    distance: float
    spread: float


def fit_regressor(
    source: MorphableModel, target: MorphableModel, pairs: tuple[FloatArray, FloatArray]
) -> FittedRegressor:
    """Learn `target latent = matrix @ source latent + intercept`.

    Args:
        pairs: vertices `(N, V, 3)` of the source's topology and `(N, V', 3)` of the target's, pair by pair, each in its
            model's unit and frame.

    Raises:
        ValueError: fewer than 10 pairs, or two numbers of shapes.
        CorrespondenceError: shapes of another topology or pose.
    """
    count = len(pairs[0])
    if count != len(pairs[1]) or count < FEWEST:
        raise ValueError(f"pairs: expected {FEWEST} or more of each, pair by pair, got {count} and {len(pairs[1])}")
    x = np.asarray(source.encode(pairs[0]), np.float64)
    y = np.asarray(target.encode(pairs[1]), np.float64)
    own = np.asarray(target.decode(y.astype(target.dtype)), np.float64)
    folds = [(fold, rest, Ridge.of(x[rest] - x[rest].mean(0))) for fold, rest in folds_of(count)]
    best: tuple[float, float, FloatArray] | None = None
    for alpha in ALPHAS:
        distance = np.empty(count)
        for fold, rest, solver in folds:
            matrix, intercept = _fit(solver, x[rest].mean(0), y[rest], alpha)
            shapes = np.asarray(target.decode((x[fold] @ matrix.T + intercept).astype(target.dtype)), np.float64)
            distance[fold] = np.linalg.norm(shapes - own[fold], axis=2).mean(1)
        distance *= mm_per_unit(target.template.unit)
        cost = float(distance.mean() + distance.std())
        if best is None or cost < best[0]:
            best = (cost, alpha, distance)
    assert best is not None
    matrix, intercept = _fit(Ridge.of(x - x.mean(0)), x.mean(0), y, best[1])
    return FittedRegressor(LinearRegressor(matrix, intercept), best[1], float(best[2].mean()), float(best[2].std()))


def _fit(solver: Ridge, centre: FloatArray, y: FloatArray, alpha: float) -> tuple[FloatArray, FloatArray]:
    goal = y.mean(0)
    matrix = solver.solve(y - goal, alpha).T
    return matrix, goal - matrix @ centre
