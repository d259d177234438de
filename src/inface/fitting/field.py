"""Smooth random fields over a surface, as few columns: Gaussian processes carried by spread-out supports.

The covariance of a scalar field between points a and b is a sum of Gaussian kernels of two lengths; the columns are its
Nystroem approximation [rasmussen2006, ch. 8]: `columns @ columns.T` is the covariance of what the supports explain.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array, diags_array, eye_array

from inface._validate import FloatArray, IntArray

SUPPORTS = 100
LENGTHS = (1.1, 2.8)  # of the two kernels, in spacings of the supports
NEGLIGIBLE = 1e-3  # part of the largest eigenvalue below which a direction of the kernel is left out


@dataclass(frozen=True, eq=False)
class SmoothFields:
    """The fields over points `(V, 3)` (a template's vertices); lengths follow from how far the supports lie apart."""

    points: FloatArray

    @cached_property
    def supports(self) -> IntArray:
        """Ids of up to `SUPPORTS` points far from each other, each next one the farthest from those taken
        [gonzalez1985]."""
        points = np.asarray(self.points, np.float64)
        nearest = ((points - points.mean(0)) ** 2).sum(1)
        taken = [int(nearest.argmax())]
        nearest = np.full(len(points), np.inf)
        for _ in range(min(SUPPORTS, len(points)) - 1):
            nearest = np.minimum(nearest, ((points - points[taken[-1]]) ** 2).sum(1))
            if not nearest.max() > 0:
                break
            taken.append(int(nearest.argmax()))
        return np.array(taken)

    @cached_property
    def spacing(self) -> float:
        """Median distance of a support to its nearest neighbour."""
        square = _squares(self.points[self.supports], self.points[self.supports])
        np.fill_diagonal(square, np.inf)
        return float(np.sqrt(np.median(square.min(1)))) if len(square) > 1 else 1.0

    def kernels(self, a: FloatArray, b: FloatArray) -> FloatArray:
        """`(2, A, B)` the two kernels of unit variance, the short one first."""
        square = _squares(a, b)
        return np.stack([np.exp(-square / (2 * (length * self.spacing) ** 2)) for length in LENGTHS])

    @cached_property
    def columns(self) -> tuple[FloatArray, FloatArray]:
        """`(V, q)` for each of the kernels, the short one first; the squares of a row sum to 1, or a little less."""
        points = np.asarray(self.points, np.float64)
        supports = points[self.supports]
        inner, outer = self.kernels(supports, supports), self.kernels(points, supports)
        short, long = (_nystroem(a, b) for a, b in zip(inner, outer, strict=True))
        return short, long


def _nystroem(inner: FloatArray, outer: FloatArray) -> FloatArray:
    """Columns `(V, r)` of a kernel between supports `(q, q)` and to all points `(V, q)`; r the rank that counts."""
    values, vectors = np.linalg.eigh(inner)
    keep = values > NEGLIGIBLE * values[-1]
    return outer @ (vectors[:, keep] / np.sqrt(values[keep]))


def _squares(a: FloatArray, b: FloatArray) -> FloatArray:
    """Squared distances `(A, B)`."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return ((a * a).sum(1)[:, None] + (b * b).sum(1) - 2 * a @ b.T).clip(0)


def smoothing(count: int, triangles: IntArray) -> Callable[[FloatArray], FloatArray]:
    """What makes white noise `(V, 3)` alike among neighbours, its deviation kept."""
    rows = triangles[:, [0, 1, 2, 1, 2, 0]].reshape(-1)
    columns = triangles[:, [1, 2, 0, 0, 1, 2]].reshape(-1)
    near = csr_array((np.ones(len(rows)), (rows, columns)), (count, count))
    near.data[:] = 1.0
    mean = diags_array(1 / (1 + near.sum(1))) @ (near + eye_array(count))
    twice = (mean @ mean).tocsr()
    scale = 1 / np.sqrt((twice**2).sum(1))[:, None]
    return lambda noise: scale * (twice @ noise)
