"""The two-factor linear model: a child's own shape that grows with it, and what differs between its scans.

`shape = mu(u) + h(u) * identity + expression`, u the standardised log age: the mean growth curve mu is cubic in u
(an axis linear in months costs more than 2 mm at birth), identity scales with the size h of the mean head. Everything
here is in the span of the data: coefficients `(N, K)` of principal components, millimetres. The model is the linear
baseline, the start of the networks, and the source of the virtual twins they learn from.
"""

from dataclasses import dataclass

import numpy as np

from inface._validate import FloatArray
from inface.errors import CorrespondenceError
from inface.training.pca import PrincipalComponents


@dataclass(frozen=True, eq=False)
class Growth:
    """The mean head along age, in the span of the data.

    Attributes:
        center, scale: mean and spread of log(months + 2); u = (log(months + 2) - center) / scale.
        curve: `(4, K)` coefficients of mu(u) = [1, u, u^2, u^3] @ curve.
        size: `(4,)` the same for h(u), the size of the mean head relative to its mean.
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
        return _powers(code) @ self.curve

    def head_size(self, code: FloatArray) -> FloatArray:
        """`h(u)`, `(...)`."""
        return _powers(code) @ self.size


@dataclass(frozen=True, eq=False)
class TwoFactor:
    """See the module. Rows of `identity` and `expression` are orthogonal directions of one standard deviation.

    Attributes:
        growth: None when ages are not known: then mu = 0 (the mean shape) and h = 1.
        identity, expression: `(i, K)` and `(e, K)`.
        rest: `(K, K)` covariance of what the blocks leave out.
        between, within: `(K, K)` covariances of identities at size 1, and of scans about their child.
    """

    growth: Growth | None
    identity: FloatArray
    expression: FloatArray
    rest: FloatArray
    between: FloatArray
    within: FloatArray

    def mean(self, code: FloatArray) -> FloatArray:
        """`mu(u) (..., K)`."""
        if self.growth is None:
            return np.zeros((*np.shape(code), self.rest.shape[0]))
        return self.growth.mean(code)

    def head_size(self, code: FloatArray) -> FloatArray:
        """`h(u) (...)`."""
        return np.ones(np.shape(code)) if self.growth is None else self.growth.head_size(code)

    def subject_means(self, coefficients: FloatArray, which: FloatArray, months: FloatArray | None) -> FloatArray:
        """Posterior means `(S, K)` of the identities, at size 1, of children 0 to S - 1.

        `coefficients (N, K)` are their scans, `which (N,)` the child of each; few scans shrink a mean towards zero.
        """
        means, weight = _raw_means(self.growth, coefficients, which, months)[:2]
        shrunk = np.empty_like(means)
        for scans in np.unique(np.round(weight)):  # children with as many scans share one matrix
            chosen = np.round(weight) == scans
            shrink = np.linalg.solve(self.between + self.within / weight[chosen].mean(), self.between)
            shrunk[chosen] = means[chosen] @ shrink
        return shrunk


def fit_growth(coefficients: FloatArray, months: FloatArray, span: PrincipalComponents) -> Growth:
    """Cubic regression of the coefficients `(N, K)` on log age; the size of the mean head read off its shapes."""
    logs = np.log(months + 2.0)
    center, scale = float(logs.mean()), float(logs.std())
    code = (logs - center) / scale
    curve = np.linalg.lstsq(_powers(code), coefficients, rcond=None)[0]
    at = np.linspace(code.min(), code.max(), 25)
    heads = span.expand(_powers(at) @ curve).reshape(len(at), -1, 3).astype(np.float64)
    size = np.sqrt(((heads - heads.mean(1, keepdims=True)) ** 2).sum(2).mean(1))
    size /= np.interp(0.0, at, size)
    return Growth(center, scale, curve, np.linalg.lstsq(_powers(at), size, rcond=None)[0])


def fit_two_factor(
    coefficients: FloatArray,
    subject: FloatArray,
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
            f"{int((counts > 1).sum())} among {len(names)} subjects; name the subjects in manifest.csv, or fit a PCA model"
        )
    growth = None if months is None else fit_growth(coefficients, months, span)
    means, weight, left = _raw_means(growth, coefficients, which, months)
    within = left.T @ left / (len(left) - len(names))
    between = _positive(np.cov(means.T) - within * (1 / weight).mean())
    identity_rows, identity_left = _principal(between, identity)
    expression_rows, expression_left = _principal(within, expression)
    return TwoFactor(growth, identity_rows, expression_rows, identity_left + expression_left, between, within)


def _raw_means(
    growth: Growth | None, coefficients: FloatArray, which: FloatArray, months: FloatArray | None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Each child's mean at size 1 `(S, K)`, the sum of its squared sizes `(S,)`, what is left of each scan `(N, K)`."""
    if growth is None or months is None:
        size, residual = np.ones(len(coefficients)), coefficients
    else:
        code = growth.code(months)
        size, residual = growth.head_size(code), coefficients - growth.mean(code)
    weight = np.bincount(which, size**2)
    means = np.zeros((len(weight), coefficients.shape[1]))
    np.add.at(means, which, size[:, None] * residual)
    means /= weight[:, None]
    return means, weight, residual - size[:, None] * means[which]


def solve_codes(directions: FloatArray, rest: FloatArray) -> FloatArray:
    """The matrix `(k, K)` that takes a coefficient vector to the posterior mean of its codes.

    Codes are standard normal, directions `(k, K)` their rows, `rest (K, K)` the covariance of all else:
    `D (D' D + rest)^-1` [bishop2006, eq. 12.42].
    """
    total = directions.T @ directions + rest
    total += 1e-9 * np.trace(total) / len(total) * np.eye(len(total))
    return np.linalg.solve(total, directions.T).T


def _powers(code: FloatArray) -> FloatArray:
    code = np.asarray(code, np.float64)
    return np.stack([np.ones_like(code), code, code**2, code**3], -1)


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
