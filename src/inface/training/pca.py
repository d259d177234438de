"""Principal components of a population: exact by the Gram matrix, randomised out of core, EM for missing vertices."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import blas, eigh

from inface._validate import BoolArray, FloatArray
from inface.errors import ConvergenceError
from inface.models.pca import PCAMorphableModel
from inface.population import Population, empty_stack, training_part

SLAB_BYTES = 32 * 2**20
EXACT_LIMIT = 8192


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


def fit_pca(
    population: Population,
    components: int | float = 0.98,
    noise: float | str = "auto",
    *,
    method: str = "auto",
    seed: int = 0,
) -> PCAMorphableModel:
    """Fit a PCA model to shapes in correspondence.

    `components` is a number of modes, or the fraction of the variance that the fewest possible modes shall reach.
    `noise` is the model's `noise_std` in mm; "auto" stores the discarded variance, spread over the coordinates
    [tipping1999]. `method` "exact" uses the Gram matrix of the shapes (or the covariance of the coordinates where that
    is smaller): float32 products of blocks for float32 shapes, summed in float64. "randomised" reads a stack row by row
    in a few passes and needs memory independent of N [halko2011]; "auto" takes it above 8,192 shapes. Shapes may be a
    memory map. Vertices that are NaN are estimated by expectation maximisation; `population.weight` weighs the shapes.
    Mean colours are those of the template, or the mean of the factor "colors" where the population has it. Shapes
    whose `split` is "test" are left out.

    Raises:
        ValueError: fewer than two shapes, all shapes equal, too many components, a vertex no shape knows.
    """
    population = training_part(population)
    rows = population.shapes.reshape(len(population), -1)
    fit = principal_components(rows, components, population.weight, method=method, seed=seed)
    noise_std = fit.noise_std if noise == "auto" else float(noise)
    if not noise_std >= 0:
        raise ValueError(f"noise: expected 'auto' or millimetres, zero or more, got {noise!r}")
    template = population.template
    colors = template.mesh.colors
    if "colors" in population.factors:
        weight = np.ones(len(population)) if population.weight is None else population.weight
        colors = np.einsum("n,nvc->vc", weight / weight.sum(), population.factors["colors"])
    subjects = len(population) if population.subject is None else len(np.unique(population.subject))
    kept = fit.eigenvalues.sum() / fit.total_variance
    return PCAMorphableModel(
        components=fit.components,
        eigenvalues=fit.eigenvalues,
        mean_vertices=fit.mean.reshape(-1, 3),
        triangles=template.mesh.triangles,
        template=template,
        colors=colors,
        noise_std=noise_std,
        card={
            "training": f"{len(population)} shapes of {subjects} subjects",
            "method": f"PCA, {len(fit.eigenvalues)} modes, {100 * kept:.2f} % of the variance",
        },
    )


def principal_components(
    rows: FloatArray,
    components: int | float,
    weights: FloatArray | None = None,
    *,
    method: str = "auto",
    seed: int = 0,
) -> PrincipalComponents:
    """Modes of flattened shapes `(N, D)`; see `fit_pca`."""
    count, dimension = rows.shape
    if count < 2:
        raise ValueError(f"expected at least 2 shapes to fit a PCA model, got {count}")
    if method not in ("auto", "exact", "randomised"):
        raise ValueError(f"method: expected 'auto', 'exact' or 'randomised', got {method!r}")
    wanted = _wanted(components, min(count - 1, dimension))
    weights = _normalised(weights, count)
    if method == "auto":
        method = "exact" if min(count, dimension) <= EXACT_LIMIT else "randomised"

    def solve(full: FloatArray) -> PrincipalComponents:
        return _randomised(full, wanted, weights, seed) if method == "randomised" else _exact(full, wanted, weights)

    return _expectation_maximisation(rows, weights, solve) if _has_nan(rows) else solve(rows)


def _wanted(components: int | float, most: int) -> int | float:
    if isinstance(components, (int, np.integer)) and not isinstance(components, bool):
        if not 1 <= components <= most:
            raise ValueError(f"components: expected 1 to {most} (shapes less one, or coordinates), got {components}")
        return int(components)
    if not 0 < components <= 1:
        raise ValueError(f"components: expected a whole number of modes or a fraction in (0, 1], got {components}")
    return float(components)


def _normalised(weights: FloatArray | None, count: int) -> FloatArray:
    """Weights that sum to 1."""
    if weights is None:
        return np.full(count, 1.0 / count)
    weights = np.asarray(weights, np.float64)
    if not (np.isfinite(weights).all() and (weights >= 0).all() and (weights > 0).sum() >= 2):
        raise ValueError("weight: expected non-negative numbers, at least two of them above zero")
    return weights / weights.sum()


def _blocks(rows: FloatArray) -> list[slice]:
    """Slices of whole rows, about `SLAB_BYTES` each."""
    step = max(1, SLAB_BYTES // rows[:1].nbytes)
    return [slice(i, min(i + step, len(rows))) for i in range(0, len(rows), step)]


def _has_nan(rows: FloatArray) -> bool:
    return any(np.isnan(rows[block]).any() for block in _blocks(rows))


def _work_dtype(rows: FloatArray) -> Any:
    return np.float32 if rows.dtype == np.float32 else np.float64


def _freedom(weights: FloatArray) -> float:
    """Divisor that makes the weighted covariance unbiased: (n - 1) / n for equal weights."""
    return float(1.0 - (weights**2).sum())


def _keep(values: FloatArray, total: float, wanted: int | float, rank: int, mean: FloatArray, dtype: type) -> int:
    """How many of the descending eigenvalues to keep; those at the level of rounding never."""
    real = min(rank, int((values > 1e-10 * max(values[0], 0)).sum()))
    rounding = 4 * np.finfo(dtype).eps * np.abs(mean).max()
    if real == 0 or not total > len(mean) * rounding**2:
        raise ValueError("all shapes are equal, so there is no variation to model; give shapes that differ")
    if isinstance(wanted, int):
        return min(wanted, real)
    reached = np.cumsum(values[:real])
    return min(int(np.searchsorted(reached, wanted * total * (1 - 1e-12))) + 1, real)


def _signed(components: FloatArray) -> FloatArray:
    """Each row with its largest entry positive, so that a refit gives the same signs; in place."""
    for row in components:
        row *= np.sign(row[np.abs(row).argmax()])
    return components


def _orthonormal(components: FloatArray) -> FloatArray:
    """The nearest orthonormal rows: removes what rounding left, in place of a second decomposition."""
    gram = np.zeros((len(components),) * 2)
    for lo in range(0, components.shape[1], 8192):
        block = components[:, lo : lo + 8192].astype(np.float64)
        gram += block @ block.T
    values, vectors = np.linalg.eigh(gram)
    root = (vectors / np.sqrt(values)) @ vectors.T
    return root.astype(components.dtype) @ components


def _exact(rows: FloatArray, wanted: int | float, weights: FloatArray) -> PrincipalComponents:
    """Eigenvectors of the smaller of the Gram matrix (N, N) and the covariance (D, D)."""
    count, dimension = rows.shape
    if dimension < count:
        return _exact_covariance(rows, wanted, weights)
    dtype = _work_dtype(rows)
    mean = np.empty(dimension)
    root = np.sqrt(weights).astype(dtype)[:, None]
    width = max(1, min(dimension, SLAB_BYTES // 4 // (count * np.dtype(dtype).itemsize)))
    slabs = [slice(i, min(i + width, dimension)) for i in range(0, dimension, width)]

    def centred(slab: slice) -> FloatArray:
        block = np.array(rows[:, slab], dtype=dtype, order="C")
        mean[slab] = weights @ block
        block -= mean[slab].astype(dtype)
        block *= root
        return block

    gram = np.zeros((count, count))
    product = blas.ssyrk if dtype is np.float32 else blas.dsyrk
    for slab in slabs:  # the transpose of a C-ordered block is what Fortran wants: block @ block.T
        gram += product(1.0, centred(slab).T, trans=1)
    gram /= _freedom(weights)
    total = float(np.trace(gram))
    values, vectors = _top(gram, wanted)
    keep = _keep(values, total, wanted, count - 1, mean, dtype)
    values, vectors = values[:keep], vectors[:, :keep]
    components = np.empty((keep, dimension), dtype)
    scaled = (vectors / np.sqrt(values * _freedom(weights))).T.astype(dtype)
    for slab in slabs:
        components[:, slab] = scaled @ centred(slab)
    return PrincipalComponents(mean, _signed(_orthonormal(components)), values, total, count)


def _exact_covariance(rows: FloatArray, wanted: int | float, weights: FloatArray) -> PrincipalComponents:
    count, dimension = rows.shape
    mean = np.zeros(dimension)
    covariance = np.zeros((dimension, dimension))
    step = max(1, SLAB_BYTES // (8 * dimension))
    for lo in range(0, count, step):
        mean += weights[lo : lo + step] @ rows[lo : lo + step]
    for lo in range(0, count, step):
        block = (rows[lo : lo + step] - mean) * np.sqrt(weights[lo : lo + step])[:, None]
        covariance += block.T @ block
    covariance /= _freedom(weights)
    total = float(np.trace(covariance))
    values, vectors = _top(covariance, wanted)
    keep = _keep(values, total, wanted, dimension, mean, _work_dtype(rows))
    components = np.ascontiguousarray(vectors[:, :keep].T.astype(_work_dtype(rows)))
    return PrincipalComponents(mean, _signed(components), values[:keep], total, count)


def _top(matrix: FloatArray, wanted: int | float) -> tuple[FloatArray, FloatArray]:
    """Eigenvalues, descending, and eigenvectors of a symmetric matrix of which the upper triangle is filled."""
    size = len(matrix)
    subset = (size - wanted, size - 1) if isinstance(wanted, int) and wanted < size else None
    # the transpose of a C-ordered matrix is what Fortran wants: no copy is made
    values, vectors = eigh(matrix.T, lower=True, subset_by_index=subset, overwrite_a=True, check_finite=False)
    return values[::-1], vectors[:, ::-1]


def _randomised(
    rows: FloatArray, wanted: int | float, weights: FloatArray, seed: int, *, largest: int = 512, passes: int = 24
) -> PrincipalComponents:
    """Subspace iteration that reads the rows a block at a time, started from randomly chosen shapes [halko2011].

    One pass for mean and total variance, then passes that each apply the covariance once, until the kept eigenvalues
    are settled to 1e-8 of the largest (5e-7 for float32 shapes). Memory is a few `(D, width)` arrays, whatever N is.
    """
    count, dimension = rows.shape
    dtype = _work_dtype(rows)
    width = min(dimension, count, (wanted + max(20, wanted // 4)) if isinstance(wanted, int) else largest)
    blocks = _blocks(rows)
    origin = np.asarray(rows[0], np.float64)
    shift, square = np.zeros(dimension), 0.0
    for block in blocks:
        part = np.subtract(rows[block], origin.astype(dtype), dtype=dtype)
        shift += weights[block] @ part
        square += float(weights[block] @ np.einsum("nd,nd->n", part, part, dtype=np.float64))
    mean = origin + shift
    total = (square - float(shift @ shift)) / _freedom(weights)
    chosen = np.sort(np.random.default_rng(seed).choice(count, width, replace=False))
    basis = np.linalg.qr((rows[chosen] - mean).T.astype(dtype))[0]
    before = np.zeros(width)
    settled = max(1e-8, 4 * np.finfo(dtype).eps)  # float32 products never settle further
    center, root = mean.astype(dtype), np.sqrt(weights / _freedom(weights)).astype(dtype)
    for _ in range(passes):
        image = np.zeros((dimension, width))
        for block in blocks:
            part = np.subtract(rows[block], center, dtype=dtype)
            part *= root[block, None]
            image += part.T @ (part @ basis)
        values, rotation = _top(basis.T @ image, width)
        keep = _keep(values, total, wanted, count - 1, mean, dtype)
        if np.abs(values - before)[:keep].max() <= settled * values[0]:
            if isinstance(wanted, float) and values[:keep].sum() < wanted * total * (1 - 1e-6) and keep == width:
                raise ValueError(
                    f"components: {width} modes reach {values.sum() / total:.3f} of the variance, less than {wanted}; "
                    "ask for a smaller fraction or for a number of modes"
                )
            found = (basis @ rotation[:, :keep].astype(dtype)).T
            return PrincipalComponents(mean, _signed(_orthonormal(found)), values[:keep], total, count)
        before = values
        basis = np.linalg.qr(image.astype(dtype))[0]
    raise ConvergenceError(
        f"the randomised PCA did not settle in {passes} passes; ask for fewer modes, or use method='exact'"
    )


def _expectation_maximisation(
    rows: FloatArray,
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
    blocks = _blocks(rows)
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
    filled = empty_stack(rows.shape, _work_dtype(rows))
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
