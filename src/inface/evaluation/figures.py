"""Figures with confidence intervals: mean over scans, interval by drawing whole subjects again."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inface._validate import FloatArray


def distances(got: FloatArray, wanted: FloatArray) -> FloatArray:
    """`(n, V)` distances of vertices of shapes `(n, V, 3)`; several times quicker than `numpy.linalg.norm`."""
    away = got - wanted
    return np.sqrt(np.einsum("nvc,nvc->nv", away, away))


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


def r2_figure(
    group: str, name: str, predicted: FloatArray, wanted: FloatArray, subject: NDArray, *, draws: int = 500
) -> Figure:
    """R2 of predictions `(n, j)` of what varies in `wanted (n, j)`, with the interval over subjects drawn with return.

    The predictor stays as it is: the interval is that of the judged children, not of the learning.
    """
    wanted, predicted = wanted.reshape(len(wanted), -1), predicted.reshape(len(wanted), -1)
    around = wanted - wanted.mean(0)
    spread = (around**2).sum(0)
    kept = spread > 1e-12 * max(float(spread.max()), 1e-300)
    which = np.unique(subject, return_inverse=True)[1]
    member = np.zeros((which.max() + 1, len(which)))
    member[which, np.arange(len(which))] = 1
    error, first, second = (member @ x[:, kept] for x in ((predicted - wanted) ** 2, around, around**2))
    picks = np.random.default_rng(0).multinomial(len(member), np.full(len(member), 1 / len(member)), draws)
    drawn = picks @ second - (picks @ first) ** 2 / (picks @ member.sum(1))[:, None]
    usable = (drawn > 1e-12 * spread[kept]).all(1)
    values = (1 - (picks @ error)[usable] / drawn[usable]).mean(1)
    ends = [float(end) for end in np.quantile(values, [0.025, 0.975])] if len(values) else [None, None]
    return Figure(group, name, float((1 - error.sum(0) / spread[kept]).mean()), "R2", *ends)
