"""Principal components of shapes with missing vertices, by expectation maximisation."""

from collections.abc import Callable
from typing import Any

import numpy as np

from inface._validate import FloatArray
from inface.errors import ConvergenceError
from inface.population import empty_stack
from inface.training.components import PrincipalComponents, slabs, work_dtype


def fit_with_missing(
    rows: Any,
    weights: FloatArray,
    solve: Callable[[FloatArray], PrincipalComponents],
    *,
    rounds: int = 200,
    tolerance: float = 1e-3,
) -> PrincipalComponents:
    """Fill missing coordinates with their expectation given the known ones, refit, repeat [josse2012].

    The expectation is the posterior mean under the modes and the discarded variance as noise. It settles when no filled
    coordinate moves by more than `tolerance` mm (root mean square). The filled copy of a large stack lies on disk.
    """
    blocks = slabs(rows)
    total, weight = np.zeros(rows.shape[1]), np.zeros(rows.shape[1])
    incomplete: list[int] = []
    holes = 0
    for block in blocks:
        known = np.isfinite(rows[block])
        total += weights[block] @ np.where(known, rows[block], 0)
        weight += weights[block] @ known
        incomplete += (block.start + np.flatnonzero(~known.all(1))).tolist()
        holes += int((~known).sum())
    if not (weight > 0).all():
        missing = int((weight == 0).reshape(-1, 3).any(1).sum())
        raise ValueError(f"{missing} vertices are missing in every shape, so they cannot be modelled; cut them away")
    filled = empty_stack(rows.shape, work_dtype(rows))
    for block in blocks:
        filled[block] = np.where(np.isfinite(rows[block]), rows[block], total / weight)
    for _ in range(rounds):
        fit = solve(filled)
        moved = 0.0
        for i in incomplete:
            known = np.isfinite(rows[i])
            new = fit.mean[~known] + fit.conditional(filled[i], known) @ fit.components[:, ~known]
            moved += float(((new - filled[i, ~known]) ** 2).sum())
            filled[i, ~known] = new
        if moved <= tolerance**2 * holes:
            return solve(filled)
    raise ConvergenceError(f"the missing vertices did not settle in {rounds} rounds; ask for fewer modes")
