"""Partial fits of a linear model: least squares on the known coordinates, and the Gaussian posterior.

A linear model is `x = mean + z C` with components `C (k, 3V)` (rows need not be orthonormal) and latents
`z ~ N(m, diag(s^2))`. Only k x k systems are solved: `G = C_known C_known^T` comes from blocked products, its Cholesky
factor is kept for the masks used last, and ill-conditioned masks are told by the factor's condition and solved by an
orthogonal decomposition instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.linalg import cho_factor, cho_solve, lapack

from inface._cache import Recent
from inface._validate import BoolArray, FloatArray
from inface.fitting.basis import CoordinateBasis
from inface.fitting.quadratic import Minimum, Quadratic
from inface.fitting.result import Fit

# Limits on the condition of the (diagonally scaled) normal matrix: up to the first, float32 products are exact enough;
# beyond the second, normal equations are not used.
SINGLE_LIMIT = 1e3
NORMAL_LIMIT = 1e8
# Least share of a column's squares that must lie in the known rows (noise counted in) for normal equations: the Gram
# matrix may be a difference, whose rounding error is relative to the whole column. The first is for float32 products.
SINGLE_SHARE = 1e-3
NORMAL_SHARE = 1e-9
MASKS_KEPT = 16


@dataclass(frozen=True, eq=False)
class _Factor:
    """Cholesky factor of the scaled normal matrix `M / (d d^T)` of one mask and noise level."""

    cholesky: FloatArray | None  # lower; None when the mask is ill-conditioned
    scale: FloatArray
    condition: float
    double: bool
    gram: FloatArray


class LinearFitter:
    """Fits one linear model to meshes of which only some vertices are known.

    Args:
        components: `(k, 3V)`, float32 or float64; only read.
        mean: `(V, 3)`, mm.
        latent_mean, latent_std: `(k,)`, the prior of the latents; used when a noise level is given.
    """

    settled = 1e-11  # see `products.Model`

    def __init__(
        self, components: FloatArray, mean: FloatArray, latent_mean: FloatArray, latent_std: FloatArray
    ) -> None:
        self.basis = CoordinateBasis(components.T)
        self.mean = self.offset = mean
        self.latent_mean: FloatArray = np.asarray(latent_mean, np.float64)
        self.latent_std: FloatArray = np.asarray(latent_std, np.float64)
        self._factors = Recent(MASKS_KEPT)

    def fit(self, vertices: FloatArray, known: BoolArray, noise_std: float = 0.0) -> Fit:
        """Latents of `vertices (..., V, 3)` from the vertices in the mask `known (V,)`; the others are not looked at.

        With `noise_std` 0: least squares `min |C_known^T z - (x - mean)_known|`. With `noise_std` > 0 (mm): the
        posterior mean in whitened latents `u = (z - m) / s`, `M = A^T A + sigma^2 I`, `u = M^-1 A^T b`
        [albrecht2013, eq. 7], where A holds the known rows of the whitened basis.
        """
        batch = vertices.shape[:-2]
        residual = known_residual(vertices, self.mean, known)
        factor = self._factor(known, float(noise_std))
        if factor.cholesky is None:
            latent, rank = self._orthogonal(residual, known, noise_std)
        else:
            right = self.basis.project(residual, double=factor.double)
            if noise_std > 0:
                right = (right - self.latent_mean @ factor.gram) * self.latent_std
            solution = cho_solve((factor.cholesky, True), (right / factor.scale).T).T / factor.scale
            latent = self.latent_mean + solution * self.latent_std if noise_std > 0 else solution
            rank = len(self.latent_mean)
        covariance = self._covariance_factor(factor, known, noise_std) if noise_std > 0 else None
        return Fit(
            latent.reshape(batch + latent.shape[-1:]),
            rank,
            np.ones(batch, bool),
            np.zeros(batch, int),
            condition=factor.condition,
            covariance_factor=covariance,
        )

    def minimise(self, quadratic: Quadratic, weight: float, starts: Sequence[FloatArray] = ()) -> Minimum:
        """The latent of least `quadratic + weight |u|^2`, u the standardised latent; at once, from anywhere."""
        std = self.latent_std
        matrix = quadratic.gram * np.outer(std, std)
        matrix[np.diag_indices_from(matrix)] += weight
        right = std * (quadratic.right - quadratic.gram @ self.latent_mean)
        u = cho_solve(cho_factor(matrix, lower=True), right)
        latent = self.latent_mean + std * u
        return Minimum(latent, latent, np.diag(std), u)

    def _factor(self, known: BoolArray, noise_std: float) -> _Factor:
        key = (np.packbits(known).tobytes(), noise_std)
        return self._factors.get(key, partial(self._make_factor, known, noise_std))

    def _make_factor(self, known: BoolArray, noise_std: float) -> _Factor:
        factor = self._factorise(known, noise_std, double=not self.basis.single)
        if not factor.double and factor.condition > SINGLE_LIMIT:
            factor = self._factorise(known, noise_std, double=True)
        return factor

    def _factorise(self, known: BoolArray, noise_std: float, *, double: bool) -> _Factor:
        gram = self.basis.gram(known, double=double)
        matrix, whole = gram, self.basis.squares()
        if noise_std > 0:
            matrix = gram * np.outer(self.latent_std, self.latent_std)
            matrix[np.diag_indices_from(matrix)] += noise_std**2
            whole = whole * self.latent_std**2 + noise_std**2
        diagonal = np.diagonal(matrix)
        if not (diagonal > (NORMAL_SHARE if double else SINGLE_SHARE) * whole).all():
            return _Factor(None, np.ones(len(matrix)), np.inf, double, gram)
        scale = np.sqrt(diagonal)
        scaled = matrix / np.outer(scale, scale)
        try:
            cholesky, _ = cho_factor(scaled, lower=True)
        except np.linalg.LinAlgError:
            return _Factor(None, scale, np.inf, double, gram)
        inverse_condition, _ = lapack.dpocon(cholesky, np.abs(scaled).sum(0).max(), uplo="L")
        condition = 1 / inverse_condition if inverse_condition > 0 else np.inf
        if condition > NORMAL_LIMIT:
            return _Factor(None, scale, condition, double, gram)
        return _Factor(np.tril(cholesky), scale, condition, double, gram)

    def _whitened_rows(self, known: BoolArray, noise_std: float) -> FloatArray:
        rows = self.basis.rows(np.flatnonzero(np.repeat(known, 3))).astype(np.float64)
        if noise_std > 0:
            return np.vstack([rows * self.latent_std, noise_std * np.eye(len(self.latent_std))])
        return rows

    def _orthogonal(self, residual: FloatArray, known: BoolArray, noise_std: float) -> tuple[FloatArray, int]:
        """The same answer by a singular value decomposition of the known rows: slow, for ill-conditioned masks."""
        rows = self._whitened_rows(known, noise_std)
        right = residual[:, np.repeat(known, 3)].astype(np.float64).T
        if noise_std > 0:
            shift = self.basis.rows(np.flatnonzero(np.repeat(known, 3))).astype(np.float64) @ self.latent_mean
            right = np.vstack([right - shift[:, None], np.zeros((len(self.latent_std), right.shape[1]))])
        solution, _, rank, _ = np.linalg.lstsq(rows, right)
        latent = solution.T
        return (self.latent_mean + latent * self.latent_std if noise_std > 0 else latent), int(rank)

    def _covariance_factor(self, factor: _Factor, known: BoolArray, noise_std: float) -> FloatArray:
        """F `(k, k)` with `F F^T = sigma^2 S M^-1 S`, the latent covariance of the posterior."""
        if factor.cholesky is None:
            upper = np.linalg.qr(self._whitened_rows(known, noise_std), mode="r")
            inverse, _ = lapack.dtrtri(upper, lower=0)
            return noise_std * self.latent_std[:, None] * inverse
        inverse, _ = lapack.dtrtri(factor.cholesky, lower=1)
        return noise_std * (self.latent_std / factor.scale)[:, None] * inverse.T


def known_residual(vertices: FloatArray, mean: FloatArray, known: BoolArray) -> FloatArray:
    """`vertices - mean` flattened to `(N, 3V)`, and zero at the unknown vertices whatever stands there."""
    flat = vertices.reshape(-1, *mean.shape)
    residual = np.zeros(flat.shape, np.result_type(flat, mean))
    np.subtract(flat, mean, out=residual, where=known[:, None])
    return residual.reshape(len(flat), mean.size)
