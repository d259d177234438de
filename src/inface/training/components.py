"""The record of principal components, and the pieces that every way to them shares."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import blas, eigh

from inface._validate import BoolArray, FloatArray

SLAB_BYTES = 32 * 2**20


@dataclass(frozen=True, eq=False)
class PrincipalComponents:
    """Modes of variation of flattened shapes `(N, D)`, D = 3V, in the unit of the shapes.

    Attributes:
        mean: `(D,)` float64.
        components: `(k, D)` orthonormal rows, in the dtype of the shapes; the largest entry of each is positive.
        eigenvalues: `(k,)` float64 variances, descending.
        total_variance: sum of ALL eigenvalues, the discarded ones too.
        count: number of shapes.
    """

    mean: FloatArray
    components: FloatArray
    eigenvalues: FloatArray
    total_variance: float
    count: int

    @property
    def noise_std(self) -> float:
        """Spread per coordinate of what the modes leave out, mm [tipping1999, eq. 8]."""
        left = self.total_variance - self.eigenvalues.sum()
        freedom = len(self.mean) - len(self.eigenvalues)
        return float(np.sqrt(max(left, 0.0) / max(freedom, 1)))

    def project(self, rows: FloatArray) -> FloatArray:
        """Coefficients `(..., k)` float64 of flattened shapes `(..., D)`."""
        return np.asarray((rows - self.mean).astype(self.components.dtype) @ self.components.T, np.float64)

    def conditional(self, row: FloatArray, known: BoolArray) -> FloatArray:
        """The most probable coefficients `(k,)` of a shape `(D,)` of which only the coordinates `known (D,)` are
        known, what the modes leave out being noise of `noise_std` [tipping1999]."""
        root = np.sqrt(self.eigenvalues)
        part = self.components[:, known].astype(np.float64) * root[:, None]
        noise = max(self.noise_std**2, 1e-9 * self.total_variance / len(self.mean))
        system = part @ part.T + noise * np.eye(len(part))
        return root * np.linalg.solve(system, part @ (row[known] - self.mean[known]))

    def expand(self, coefficients: FloatArray) -> FloatArray:
        """Flattened shapes `(..., D)` of coefficients `(..., k)`."""
        return coefficients.astype(self.components.dtype) @ self.components + self.mean


def checked_number(components: int | float, most: int) -> int | float:
    if isinstance(components, (int, np.integer)) and not isinstance(components, bool):
        if not 1 <= components <= most:
            raise ValueError(f"components: expected 1 to {most} (shapes less one, or coordinates), got {components}")
        return int(components)
    if not 0 < components <= 1:
        raise ValueError(f"components: expected a whole number of modes or a fraction in (0, 1], got {components}")
    return float(components)


def normalised(weights: FloatArray | None, count: int) -> FloatArray:
    """Weights that sum to 1."""
    if weights is None:
        return np.full(count, 1.0 / count)
    weights = np.asarray(weights, np.float64)
    if not (np.isfinite(weights).all() and (weights >= 0).all() and (weights > 0).sum() >= 2):
        raise ValueError("weight: expected non-negative numbers, at least two of them above zero")
    return weights / weights.sum()


def slabs(rows: FloatArray) -> list[slice]:
    """Slices of whole rows, about `SLAB_BYTES` each."""
    step = max(1, SLAB_BYTES // rows[:1].nbytes)
    return [slice(i, min(i + step, len(rows))) for i in range(0, len(rows), step)]


def has_nan(rows: FloatArray) -> bool:
    return any(np.isnan(rows[block]).any() for block in slabs(rows))


def work_dtype(rows: FloatArray) -> Any:
    return np.float32 if rows.dtype == np.float32 else np.float64


def freedom(weights: FloatArray) -> float:
    """Divisor that makes the weighted covariance unbiased: (n - 1) / n for equal weights."""
    return float(1.0 - (weights**2).sum())


def kept_number(values: FloatArray, total: float, wanted: int | float, rank: int, mean: FloatArray, dtype: type) -> int:
    """How many of the descending eigenvalues to keep; those at the level of rounding never."""
    real = min(rank, int((values > 1e-10 * max(values[0], 0)).sum()))
    rounding = 4 * np.finfo(dtype).eps * np.abs(mean).max()
    if real == 0 or not total > len(mean) * rounding**2:
        raise ValueError("all shapes are equal, so there is no variation to model; give shapes that differ")
    if isinstance(wanted, int):
        return min(wanted, real)
    reached = np.cumsum(values[:real])
    return min(int(np.searchsorted(reached, wanted * total * (1 - 1e-12))) + 1, real)


def signed(components: FloatArray) -> FloatArray:
    """Each row with its largest entry positive, so that a refit gives the same signs; in place."""
    for row in components:
        row *= np.sign(row[np.abs(row).argmax()])
    return components


def orthonormal(components: FloatArray) -> FloatArray:
    """The nearest orthonormal rows: removes what rounding left, in place of a second decomposition."""
    gram = np.zeros((len(components),) * 2)
    for lo in range(0, components.shape[1], 8192):
        block = components[:, lo : lo + 8192].astype(np.float64)
        gram += block @ block.T
    values, vectors = np.linalg.eigh(gram)
    root = (vectors / np.sqrt(values)) @ vectors.T
    return root.astype(components.dtype) @ components


def top(matrix: FloatArray, wanted: int | float) -> tuple[FloatArray, FloatArray]:
    """Eigenvalues, descending, and eigenvectors of a symmetric matrix of which the upper triangle is filled."""
    size = len(matrix)
    subset = (size - wanted, size - 1) if isinstance(wanted, int) and wanted < size else None
    # the transpose of a C-ordered matrix is what Fortran wants: no copy is made
    values, vectors = eigh(matrix.T, lower=True, subset_by_index=subset, overwrite_a=True, check_finite=False)
    return values[::-1], vectors[:, ::-1]


def gram(rows: FloatArray) -> FloatArray:
    """`rows @ rows.T` of rows `(n, D)`, its upper triangle alone, summed in float64 over slabs of columns."""
    out = np.zeros((len(rows),) * 2)
    product = blas.ssyrk if rows.dtype == np.float32 else blas.dsyrk
    for start in range(0, rows.shape[1], 8192):  # the transpose of a C-ordered block is what Fortran wants
        out += product(1.0, np.ascontiguousarray(rows[:, start : start + 8192]).T, trans=1)
    return out
