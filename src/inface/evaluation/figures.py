"""Figures with confidence intervals: mean over scans, interval by drawing whole subjects again."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inface._validate import FloatArray


@dataclass(frozen=True)
class Figure:
    """One number of an evaluation.

    Attributes:
        group, name: where it stands in the table.
        value: the number; `low`, `high`: 95 % interval by subject bootstrap, or None.
        unit: "mm", "R2", "share" or "rate".
        note: what it is held against, in words.
    """

    group: str
    name: str
    value: float
    unit: str
    low: float | None = None
    high: float | None = None
    note: str = ""


def mean_figure(
    group: str,
    name: str,
    values: FloatArray,
    subject: NDArray | None,
    *,
    unit: str = "mm",
    note: str = "",
    draws: int = 500,
    seed: int = 0,
) -> Figure:
    """Mean of `values (n,)`, one a scan, with the interval over `draws` cohorts of subjects drawn with return."""
    names = np.arange(len(values)) if subject is None else subject
    _, which = np.unique(names, return_inverse=True)
    sums, counts = np.bincount(which, values), np.bincount(which)
    picks = np.random.default_rng(seed).integers(0, len(sums), (draws, len(sums)))
    means = sums[picks].sum(1) / counts[picks].sum(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Figure(group, name, float(values.mean()), unit, float(low), float(high), note)
