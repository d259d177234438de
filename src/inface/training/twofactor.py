"""The two-factor linear model: a child's own shape that grows with it, and what differs between its scans.

`shape = mu(u) + h(u) * identity + identity @ turn(u) + g(u) * expression`, u the standardised log age: the mean growth
curve mu is a polynomial in u (an axis linear in months costs more than 2 mm at birth), identity scales with the size h
of the mean head, what is left of its change with age (a chin that shows late) is a matrix quadratic in u, and
expressions scale with their own size g (the face grows more than the head). Everything here is in the span of the data:
coefficients `(N, K)` of principal components, millimetres. The model is the linear baseline, the start of the networks,
and the source of the virtual twins they learn from; `random_effects` fits it.
"""

from dataclasses import dataclass

import numpy as np

from inface._validate import BoolArray, FloatArray, IntArray
from inface.training.components import PrincipalComponents
from inface.units import clock_months, growth_clock


@dataclass(frozen=True, eq=False)
class Growth:
    """The mean head along age, in the span of the data.

    Attributes:
        center, scale: mean and spread of the `growth_clock`; u = (growth_clock(months) - center) / scale.
        curve: `(degree + 1, K)` coefficients of mu(u) = [1, u, u^2, ...] @ curve.
        size: `(degree + 1,)` the same for h(u), the size of the mean head relative to that at u = 0.
    """

    center: float
    scale: float
    curve: FloatArray
    size: FloatArray

    def code(self, months: FloatArray) -> FloatArray:
        """Standardised log age u."""
        return (growth_clock(months) - self.center) / self.scale

    def months(self, code: FloatArray) -> FloatArray:
        """The inverse of `code`."""
        return clock_months(np.asarray(code, np.float64) * self.scale + self.center)

    def mean(self, code: FloatArray) -> FloatArray:
        """`mu(u)`, `(..., K)`."""
        return powers(code, len(self.curve)) @ self.curve

    def head_size(self, code: FloatArray) -> FloatArray:
        """`h(u)`, `(...)`."""
        return powers(code, len(self.size)) @ self.size


@dataclass(frozen=True, eq=False)
class Scans:
    """One sort of scans: the neutral ones, the others, or all of them where nobody marked the neutral ones.

    Attributes:
        offset: `(K,)` mean of their expressions about the mean of all, at g = 1.
        within: `(K, K)` covariance of what is neither mean growth, nor the child, nor `offset`.
    """

    offset: FloatArray
    within: FloatArray


@dataclass(frozen=True, eq=False)
class TwoFactor:
    """See the module. Rows of `identity` and `expression` are orthogonal directions of one standard deviation.

    Attributes:
        growth: None when ages are not known: then mu = 0 (the mean shape) and h = g = 1.
        identity, expression: `(i, K)` and `(e, K)`.
        rest: `(K, K)` covariance of what the blocks leave out.
        between: `(K, K)` covariance of identities at size 1.
        sorts: neutral scans and others, or one sort.
        reach: `(3,)` polynomial of g(u).
        turn: `(2, K, K)`, how identities change with age beyond their size; see `identity_at`.
    """

    growth: Growth | None
    identity: FloatArray
    expression: FloatArray
    rest: FloatArray
    between: FloatArray
    sorts: tuple[Scans, ...]
    reach: FloatArray
    turn: FloatArray | None = None

    def code(self, months: FloatArray | None, count: int) -> FloatArray:
        """Standardised log ages `(count,)`; zeros where ages are not known."""
        return np.zeros(count) if months is None or self.growth is None else self.growth.code(months)

    def mean(self, code: FloatArray) -> FloatArray:
        """`mu(u) (..., K)`."""
        if self.growth is None:
            return np.zeros((*np.shape(code), self.rest.shape[0]))
        return self.growth.mean(code)

    def head_size(self, code: FloatArray) -> FloatArray:
        """`h(u) (...)`."""
        return np.ones(np.shape(code)) if self.growth is None else self.growth.head_size(code)

    def expression_size(self, code: FloatArray) -> FloatArray:
        """`g(u) (...)`, 1 at u = 0."""
        return reaching(self.reach, code)

    def identity_at(self, means: FloatArray, code: FloatArray) -> FloatArray:
        """What identities `(..., K)` of size 1 add to the mean head at ages `code (...)`."""
        return self.head_size(code)[..., None] * means + turned(self.turn, means, code)

    def subject_means(
        self, coefficients: FloatArray, which: IntArray, months: FloatArray | None, neutral: BoolArray | None
    ) -> FloatArray:
        """Posterior means `(S, K)` of the identities, at size 1, of children 0 to S - 1.

        `coefficients (N, K)` are their scans, `which (N,)` the child of each; few scans shrink a mean towards zero.
        Scans marked neutral count for more, where the model knows how they differ from others.
        """
        code, sort = self.code(months, len(which)), self.sort_of(neutral, len(which))
        size, left = self.head_size(code), coefficients - self.mean(code)
        left -= self.expression_size(code)[:, None] * np.stack([one.offset for one in self.sorts])[sort]
        within = [one.within for one in self.sorts]
        found: FloatArray = np.zeros((which.max() + 1, coefficients.shape[1]))
        for _ in range(1 if self.turn is None else 3):
            now = left - turned(self.turn, found[which], code)
            found = posterior(now, size, which, sort, self.between, within)[0]
        return found

    def sort_of(self, neutral: BoolArray | None, count: int) -> IntArray:
        """Which of `sorts` each scan is of, `(count,)`; scans nobody marked count as not neutral."""
        if len(self.sorts) == 1 or neutral is None:
            return np.full(count, len(self.sorts) - 1)
        return np.where(np.asarray(neutral, bool), 0, 1)


def posterior(
    left: FloatArray,
    size: FloatArray,
    which: IntArray,
    sort: IntArray,
    between: FloatArray,
    within: list[FloatArray],
    weights: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Posterior means of random effects `(S, K)`, and sums of their covariances, as EM needs them [laird1982].

    Scans `left (N, K)` are `size (N,)` times the effect of child `which (N,)`, plus noise of the covariance of their
    `sort`. The sums `(q, K, K)` are over the children with weights `(S, q)`; without weights there are none.
    """
    children, width = which.max() + 1, left.shape[1]
    shown = np.stack([np.bincount(which[sort == k], size[sort == k] ** 2, children) for k in range(len(within))], 1)
    pull: FloatArray = np.zeros((children, width))
    precisions = [np.linalg.inv(one) for one in within]
    for k, precision in enumerate(precisions):
        sums = np.zeros((children, width))
        np.add.at(sums, which[sort == k], size[sort == k, None] * left[sort == k])
        pull += sums @ precision
    prior = np.linalg.inv(between)
    groups, of = np.unique(np.round(5 * shown) / 5, axis=0, return_inverse=True)  # children alike share one matrix
    means: FloatArray = np.empty((children, width))
    weights = np.zeros((children, 0)) if weights is None else weights
    total: FloatArray = np.zeros((weights.shape[1], width, width))
    for g, group in enumerate(groups):
        covariance = np.linalg.inv(prior + sum(a * p for a, p in zip(group, precisions, strict=True)))
        chosen = of.reshape(-1) == g
        means[chosen] = pull[chosen] @ covariance
        for k, weight in enumerate(weights[chosen].sum(0)):
            total[k] += weight * covariance
    return means, total


def fit_growth(coefficients: FloatArray, months: FloatArray, span: PrincipalComponents) -> Growth:
    """Polynomial regression of the coefficients `(N, K)` on log age; the size of the mean head read off its shapes.

    The degree, 1 to 6, is that of the least generalised cross-validation error [golub1979].
    """
    logs = growth_clock(months)
    center, scale = float(logs.mean()), float(logs.std())
    code = (logs - center) / scale
    best: tuple[float, FloatArray] = (np.inf, np.zeros((0, 0)))
    for count in range(2, min(7, len(np.unique(code)) - 1) + 1):
        columns = powers(code, count)
        curve = np.linalg.lstsq(columns, coefficients, rcond=None)[0]
        error = ((coefficients - columns @ curve) ** 2).sum() / (1 - count / len(code)) ** 2
        if error < best[0]:
            best = (float(error), curve)
    curve = best[1]
    at = np.linspace(code.min(), code.max(), 25)
    heads = span.expand(powers(at, len(curve)) @ curve).reshape(len(at), -1, 3).astype(np.float64)
    size = np.sqrt(((heads - heads.mean(1, keepdims=True)) ** 2).sum(2).mean(1))
    size /= np.interp(0.0, at, size)
    return Growth(center, scale, curve, np.linalg.lstsq(powers(at, len(curve)), size, rcond=None)[0])


def turned(turn: FloatArray | None, means: FloatArray, code: FloatArray) -> FloatArray:
    """What identities `(..., K)` change with age `code (...)` beyond their size."""
    if turn is None:
        return np.zeros_like(means)
    first, second = turning(np.asarray(code)[..., None])
    return first * (means @ turn[0]) + second * (means @ turn[1])


def turning(code: FloatArray) -> FloatArray:
    """The two functions of age along which identities turn, `(2, ...)`."""
    return np.stack([code, code**2 - 1])


def reaching(reach: FloatArray, code: FloatArray) -> FloatArray:
    """The size g(u) of expressions from its polynomial `reach`, never below 0.2."""
    return (powers(code, len(reach)) @ reach).clip(0.2)


def solve_codes(directions: FloatArray, rest: FloatArray) -> FloatArray:
    """The matrix `(k, K)` that takes a coefficient vector to the posterior mean of its codes.

    Codes are standard normal, directions `(k, K)` their rows, `rest (K, K)` the covariance of all else:
    `D (D' D + rest)^-1` [bishop2006, eq. 12.42].
    """
    total = directions.T @ directions + rest
    total += 1e-9 * np.trace(total) / len(total) * np.eye(len(total))
    return np.linalg.solve(total, directions.T).T


def powers(code: FloatArray, count: int) -> FloatArray:
    """`1, u, ..., u^(count - 1)` along a last axis."""
    return np.asarray(code, np.float64)[..., None] ** np.arange(count)
