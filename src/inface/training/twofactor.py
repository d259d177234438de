"""The two-factor linear model: a child's own shape that grows with it, and what differs between its scans.

`shape = mu(u) + h(u) * identity + identity @ turn(u) + expression`, u the standardised log age: the mean growth curve
mu is a polynomial in u (an axis linear in months costs more than 2 mm at birth), identity scales with the size h of the
mean head, and what is left of its change with age (a chin that shows late) is a matrix quadratic in u. Everything here
is in the span of the data: coefficients `(N, K)` of principal components, millimetres. The model is the linear
baseline, the start of the networks, and the source of the virtual twins they learn from.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inface._validate import FloatArray, IntArray
from inface.errors import CorrespondenceError
from inface.training.pca import PrincipalComponents

TURN_RANK, TURN_ROUNDS, TURN_RIDGE = 32, 4, 0.02


@dataclass(frozen=True, eq=False)
class Growth:
    """The mean head along age, in the span of the data.

    Attributes:
        center, scale: mean and spread of log(months + 2); u = (log(months + 2) - center) / scale.
        curve: `(degree + 1, K)` coefficients of mu(u) = [1, u, u^2, ...] @ curve.
        size: `(degree + 1,)` the same for h(u), the size of the mean head relative to that at u = 0.
    """

    center: float
    scale: float
    curve: FloatArray
    size: FloatArray

    def code(self, months: FloatArray) -> FloatArray:
        """Standardised log age u."""
        return (np.log(np.asarray(months, np.float64) + 2.0) - self.center) / self.scale

    def months(self, code: FloatArray) -> FloatArray:
        """The inverse of `code`."""
        return np.exp(np.asarray(code, np.float64) * self.scale + self.center) - 2.0

    def mean(self, code: FloatArray) -> FloatArray:
        """`mu(u)`, `(..., K)`."""
        return _powers(code, len(self.curve)) @ self.curve

    def head_size(self, code: FloatArray) -> FloatArray:
        """`h(u)`, `(...)`."""
        return _powers(code, len(self.size)) @ self.size


@dataclass(frozen=True, eq=False)
class TwoFactor:
    """See the module. Rows of `identity` and `expression` are orthogonal directions of one standard deviation.

    Attributes:
        growth: None when ages are not known: then mu = 0 (the mean shape) and h = 1.
        identity, expression: `(i, K)` and `(e, K)`.
        rest: `(K, K)` covariance of what the blocks leave out.
        between, within: `(K, K)` covariances of identities at size 1, and of scans about their child.
        turn: `(2, K, K)`, how identities change with age beyond their size; see `identity_at`.
    """

    growth: Growth | None
    identity: FloatArray
    expression: FloatArray
    rest: FloatArray
    between: FloatArray
    within: FloatArray
    turn: FloatArray | None = None

    def mean(self, code: FloatArray) -> FloatArray:
        """`mu(u) (..., K)`."""
        if self.growth is None:
            return np.zeros((*np.shape(code), self.rest.shape[0]))
        return self.growth.mean(code)

    def head_size(self, code: FloatArray) -> FloatArray:
        """`h(u) (...)`."""
        return np.ones(np.shape(code)) if self.growth is None else self.growth.head_size(code)

    def identity_at(self, means: FloatArray, code: FloatArray) -> FloatArray:
        """What identities `(..., K)` of size 1 add to the mean head at ages `code (...)`."""
        return self.head_size(code)[..., None] * means + _turned(self.turn, means, code)

    def subject_means(self, coefficients: FloatArray, which: IntArray, months: FloatArray | None) -> FloatArray:
        """Posterior means `(S, K)` of the identities, at size 1, of children 0 to S - 1.

        `coefficients (N, K)` are their scans, `which (N,)` the child of each; few scans shrink a mean towards zero.
        """
        code = np.zeros(len(which)) if months is None or self.growth is None else self.growth.code(months)
        size, residual = self.head_size(code), coefficients - self.mean(code)
        found = np.zeros((which.max() + 1, coefficients.shape[1]))
        for _ in range(1 if self.turn is None else 3):
            means, weight, _ = _raw_means(residual - _turned(self.turn, found[which], code), size, which)
            found = _shrunk(means, weight, self.between, self.within)
        return found


def fit_growth(coefficients: FloatArray, months: FloatArray, span: PrincipalComponents) -> Growth:
    """Polynomial regression of the coefficients `(N, K)` on log age; the size of the mean head read off its shapes.

    The degree, 1 to 6, is that of the least generalised cross-validation error [golub1979].
    """
    logs = np.log(months + 2.0)
    center, scale = float(logs.mean()), float(logs.std())
    code = (logs - center) / scale
    best: tuple[float, FloatArray] = (np.inf, np.zeros((0, 0)))
    for count in range(2, min(7, len(np.unique(code)) - 1) + 1):
        powers = _powers(code, count)
        curve = np.linalg.lstsq(powers, coefficients, rcond=None)[0]
        error = ((coefficients - powers @ curve) ** 2).sum() / (1 - count / len(code)) ** 2
        if error < best[0]:
            best = (float(error), curve)
    curve = best[1]
    at = np.linspace(code.min(), code.max(), 25)
    heads = span.expand(_powers(at, len(curve)) @ curve).reshape(len(at), -1, 3).astype(np.float64)
    size = np.sqrt(((heads - heads.mean(1, keepdims=True)) ** 2).sum(2).mean(1))
    size /= np.interp(0.0, at, size)
    return Growth(center, scale, curve, np.linalg.lstsq(_powers(at, len(curve)), size, rcond=None)[0])


def fit_two_factor(
    coefficients: FloatArray,
    subject: NDArray,
    months: FloatArray | None,
    span: PrincipalComponents,
    *,
    identity: int = 32,
    expression: int = 64,
) -> TwoFactor:
    """Moments of the two-factor model from repeated scans of children.

    Args:
        coefficients: `(N, K)` in the span.
        subject: `(N,)` names; at least two subjects with at least two scans each.
        months: `(N,)` ages, or None when they are not known (adults).
        span: what the coefficients are coefficients of.
        identity, expression: widths of the blocks.

    Raises:
        CorrespondenceError: no subject with two scans, so that identity and expression cannot be told apart.
    """
    names, which, counts = np.unique(subject, return_inverse=True, return_counts=True)
    if (counts > 1).sum() < 2:
        raise CorrespondenceError(
            f"expected at least two subjects with two scans each, to tell identity from expression; got "
            f"{int((counts > 1).sum())} of {len(names)} subjects; name the subjects in manifest.csv, or fit a PCA model"
        )
    growth = None if months is None else fit_growth(coefficients, months, span)
    code = np.zeros(len(which)) if growth is None or months is None else growth.code(months)
    size = np.ones(len(which)) if growth is None else growth.head_size(code)
    residual = coefficients - (0 if growth is None else growth.mean(code))
    rank = 0 if growth is None else min(TURN_RANK, len(names) // 10, coefficients.shape[1])
    turn: FloatArray | None = None
    found: FloatArray = np.zeros((len(names), coefficients.shape[1]))
    for _ in range(TURN_ROUNDS if rank else 1):
        means, weight, left = _raw_means(residual - _turned(turn, found[which], code), size, which)
        within = left.T @ left / (len(left) - len(names))
        between = _positive(np.cov(means.T) - within * (1 / weight).mean())
        found = _shrunk(means, weight, between, within)
        if rank:
            turn = _fit_turn(residual - size[:, None] * found[which], found[which], code, between, rank)
    identity_rows, identity_left = _principal(between, identity)
    expression_rows, expression_left = _principal(within, expression)
    rest = identity_left + expression_left
    return TwoFactor(growth, identity_rows, expression_rows, rest, between, within, turn)


def _raw_means(residual: FloatArray, size: FloatArray, which: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Each child's mean at size 1 `(S, K)`, the sum of its squared sizes `(S,)`, what is left of each scan `(N, K)`."""
    weight: FloatArray = np.bincount(which, size**2).astype(np.float64)
    means: FloatArray = np.zeros((len(weight), residual.shape[1]))
    np.add.at(means, which, size[:, None] * residual)
    means /= weight[:, None]
    return means, weight, residual - size[:, None] * means[which]


def _shrunk(means: FloatArray, weight: FloatArray, between: FloatArray, within: FloatArray) -> FloatArray:
    """Posterior means of identities, whose raw means have the covariance `between + within / weight`."""
    out = np.empty_like(means)
    group = np.round(weight, 1)  # children with as many scans share one matrix
    for value in np.unique(group):
        chosen = group == value
        out[chosen] = means[chosen] @ np.linalg.solve(between + within / weight[chosen].mean(), between)
    return out


def _turned(turn: FloatArray | None, means: FloatArray, code: FloatArray) -> FloatArray:
    if turn is None:
        return np.zeros_like(means)
    code = np.asarray(code)[..., None]
    return code * (means @ turn[0]) + (code**2 - 1) * (means @ turn[1])


def _fit_turn(left: FloatArray, means: FloatArray, code: FloatArray, between: FloatArray, rank: int) -> FloatArray:
    """Ridge regression of what scans have left on their child's first identity codes times u and u^2 - 1."""
    values, vectors = np.linalg.eigh(between)
    values, vectors = values[::-1][:rank], vectors[:, ::-1][:, :rank]
    codes = means @ vectors
    features = np.concatenate([code[:, None] * codes, (code**2 - 1)[:, None] * codes], 1)
    penalty = TURN_RIDGE * len(left) * np.concatenate([values, values])
    found = np.linalg.solve(features.T @ features + np.diag(penalty), features.T @ left)
    return np.stack([vectors @ found[:rank], vectors @ found[rank:]])


def solve_codes(directions: FloatArray, rest: FloatArray) -> FloatArray:
    """The matrix `(k, K)` that takes a coefficient vector to the posterior mean of its codes.

    Codes are standard normal, directions `(k, K)` their rows, `rest (K, K)` the covariance of all else:
    `D (D' D + rest)^-1` [bishop2006, eq. 12.42].
    """
    total = directions.T @ directions + rest
    total += 1e-9 * np.trace(total) / len(total) * np.eye(len(total))
    return np.linalg.solve(total, directions.T).T


def _powers(code: FloatArray, count: int) -> FloatArray:
    """`1, u, ..., u^(count - 1)` along a last axis."""
    return np.asarray(code, np.float64)[..., None] ** np.arange(count)


def _positive(matrix: FloatArray) -> FloatArray:
    """The matrix without its negative eigenvalues."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return (vectors * values.clip(0)) @ vectors.T


def _principal(covariance: FloatArray, count: int) -> tuple[FloatArray, FloatArray]:
    """The first `count` directions `(count, K)`, scaled to one standard deviation, and the covariance left over."""
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = values[::-1].clip(0), vectors[:, ::-1]
    rows = (vectors[:, :count] * np.sqrt(values[:count])).T
    largest = np.abs(rows).argmax(1)
    rows = rows * np.where(rows[np.arange(len(rows)), largest] < 0, -1, 1)[:, None]
    return rows, (vectors[:, count:] * values[count:]) @ vectors[:, count:].T
