"""How far this child lies beside the model, and how far out in it: told by the photographs themselves.

The evidence of the landmarks, linearised at a fit, over a small grid of the misfit's standard deviation and of the
prior's width [mackay1992]; what is used are the mean variances over the grid.
"""

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from inface._validate import FloatArray
from inface.photos.problem import Problem, State
from inface.photos.solve import Normal

MISFITS = np.array([0.4, 0.8, 1.5, 2.8, 5.0])  # mm
WIDTHS = np.array([1.0, 1.7, 3.0])
USUAL_MISFIT, MISFIT_SPREAD = 1.2, 0.8  # of real heads, beside a model of others; spread of its logarithm
WIDTH_SPREAD = 0.6


def likely_spreads(problem: Problem, state: State, normal: Normal) -> tuple[float, float]:
    """Misfit's standard deviation in mm, and the factor by which the prior's deviations are widened."""
    scores = np.array([[_evidence(problem, state, normal, m, w) for w in WIDTHS] for m in MISFITS])
    scores -= 0.5 * (np.log(MISFITS / USUAL_MISFIT) / MISFIT_SPREAD)[:, None] ** 2
    scores -= 0.5 * (np.log(WIDTHS) / WIDTH_SPREAD) ** 2
    likely = np.exp(scores - scores.max())
    likely /= likely.sum()
    return float(np.sqrt(likely.sum(1) @ MISFITS**2)), float(np.sqrt(likely.sum(0) @ WIDTHS**2))


def _evidence(problem: Problem, state: State, normal: Normal, misfit: float, width: float) -> float:
    """Logarithm of the evidence but for a constant; the normal equations hold the fit's own prior, which is taken out.

    The misfit's unknowns are turned into mm, so that only the prior differs from one point of the grid to the next.
    """
    z, count = problem.latents, problem.shapes
    unit = np.ones(len(normal.side))
    unit[z:count] = 1 / state.misfit
    precision = problem.prior.precision
    own, wanted = np.zeros_like(normal.matrix), np.zeros_like(normal.matrix)
    own[:z, :z], wanted[:z, :z] = precision, widened(problem, misfit, width)
    beside = np.arange(z, count)
    own[beside, beside], wanted[beside, beside] = 1 / state.misfit**2, 1 / misfit**2
    off = np.zeros(len(unit))
    off[:z] = state.unknowns[:z] - problem.prior.mean
    off[z:count] = state.unknowns[z:] * state.misfit
    data = normal.matrix * np.outer(unit, unit) - own
    side = normal.side * unit + own @ off - wanted @ off
    matrix = data + wanted
    factor = cho_factor(matrix)
    gain = side @ cho_solve(factor, side) - off @ (wanted @ off)
    stretches = len(problem.stretched)
    logs = -2 * (z - stretches) * np.log(width) - 2 * (count - z + stretches) * np.log(misfit)
    return float(0.5 * (gain + logs) - np.log(np.diag(factor[0])).sum())


def widened(problem: Problem, misfit: float, width: float) -> FloatArray:
    """The prior's precision `(Z, Z)` with a misfit in mm, and its own deviations `width` times as wide."""
    out = problem.prior.precision / width**2
    out[problem.stretched, problem.stretched] = 1 / misfit**2
    return out
