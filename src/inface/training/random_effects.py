"""Fit the two-factor model (see `twofactor`) to repeated scans of children: random effects by EM [laird1982].

Neutral scans, where they are marked, show the child without an expression: they are a sort of scans of their own, with
a much smaller spread about their child, and tell identity from expression far better than the mean of a few faces.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from inface._validate import BoolArray, FloatArray, IntArray
from inface.errors import CorrespondenceError
from inface.training.components import PrincipalComponents
from inface.training.twofactor import Growth, Scans, TwoFactor, fit_growth, posterior, powers, reaching, turned, turning

ROUNDS = 6
TURN_RANK = 150
TURN_RIDGES = (0.02, 0.1, 0.5, 2.5, 12.5, np.inf)
CHILDREN_A_TURN = 15  # children there must be for each direction of identity whose change with age is fitted
FEWEST_OF_A_SORT = 30


def fit_two_factor(
    coefficients: FloatArray,
    subject: NDArray,
    months: FloatArray | None,
    span: PrincipalComponents,
    *,
    neutral: BoolArray | None = None,
    identity: int = 32,
    expression: int = 64,
) -> TwoFactor:
    """The two-factor model of repeated scans of children.

    Args:
        coefficients: `(N, K)` in the span.
        subject: `(N,)` names; at least two subjects with at least two scans each.
        months: `(N,)` ages, or None when they are not known (adults).
        span: what the coefficients are coefficients of.
        neutral: `(N,)` marks neutral faces; None, or fewer than 30 of either sort: all scans are of one sort.
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
    sort = _sorts(neutral, len(which))
    size = np.ones(len(which)) if growth is None else growth.head_size(code)
    width = coefficients.shape[1]
    rank = 0 if growth is None else min(TURN_RANK, len(names) // CHILDREN_A_TURN, width)
    child: FloatArray = np.zeros((len(names), width))
    turn: FloatArray | None = None
    reach = np.array([1.0, 0.0, 0.0]) if growth is None else _smooth(code, size)
    growth, offsets = _means(growth, coefficients, code, sort, reach)
    left = coefficients - _fixed(growth, offsets, reach, code, sort)
    total = np.cov(left.T)
    between, within = _shrunk(0.8 * total, len(names)), [_shrunk(0.2 * total, len(left)) for _ in offsets]
    calm = sort == 0
    weights, halves = _weights(which, sort, code, size)
    for _ in range(ROUNDS):
        now = left - turned(turn, child[which], code)
        child, spread = posterior(now, size, which, sort, between, within, weights)
        own = size[:, None] * child[which]
        if rank:
            vectors = np.linalg.eigh(between)[1][:, ::-1][:, :rank]
            values = np.linalg.eigvalsh(between)[::-1][:rank]
            sums = _moments((left - own)[calm], child @ vectors, which[calm], code[calm], spread[halves:], vectors)
            turn = _fit_turn(sums, values, vectors)
            own += turned(turn, child[which], code)
        rest = left - own
        between = _shrunk((child.T @ child + spread[0]) / len(names), len(names))
        for k in range(len(offsets)):
            these = rest[sort == k]
            within[k] = _shrunk((these.T @ these + spread[1 + k]) / len(these), len(these))
        if growth is not None:
            faces = (rest + reaching(reach, code)[:, None] * offsets[sort])[sort == len(offsets) - 1]
            reach = _smooth(code[sort == len(offsets) - 1], np.linalg.norm(faces, axis=1))
        growth, offsets = _means(growth, coefficients - own, code, sort, reach)
        left = coefficients - _fixed(growth, offsets, reach, code, sort)
    identity_rows, identity_left = _principal(between, identity)
    shares = np.bincount(sort) / len(sort)
    pooled = sum(s * (w + np.outer(o, o)) for s, w, o in zip(shares, within, offsets, strict=True))
    expression_rows, expression_left = _principal(np.asarray(pooled), expression)
    sorts = tuple(Scans(o, w) for o, w in zip(offsets, within, strict=True))
    rest = identity_left + expression_left
    return TwoFactor(growth, identity_rows, expression_rows, rest, between, sorts, reach, turn)


def _sorts(neutral: BoolArray | None, count: int) -> IntArray:
    """0 for neutral scans and 1 for others, or 0 for all where too few are marked to learn from."""
    marks = np.zeros(count, bool) if neutral is None else np.asarray(neutral, bool)
    if min(marks.sum(), (~marks).sum()) < FEWEST_OF_A_SORT:
        return np.zeros(count, np.int64)
    return np.where(marks, 0, 1)


def _means(
    growth: Growth | None, shapes: FloatArray, code: FloatArray, sort: IntArray, reach: FloatArray
) -> tuple[Growth | None, FloatArray]:
    """The mean curve of all scans, and the mean expression of each sort about it `(sorts, K)`."""
    count = sort.max() + 1
    if growth is None:
        return None, np.stack([shapes[sort == k].mean(0) for k in range(count)])
    columns = powers(code, max(len(growth.curve), len(reach)))
    if count == 1:
        return replace(growth, curve=np.linalg.lstsq(columns, shapes, rcond=None)[0]), np.zeros((1, shapes.shape[1]))
    moved = (reaching(reach, code) * (sort == 1))[:, None]
    found = np.linalg.lstsq(np.concatenate([columns, moved], 1), shapes, rcond=None)[0]
    curve, face, share = found[:-1], found[-1], float((sort == 1).mean())
    curve[: len(reach)] += share * reach[:, None] * face
    return replace(growth, curve=curve), np.stack([-share * face, (1 - share) * face])


def _fixed(growth: Growth | None, offsets: FloatArray, reach: FloatArray, code: FloatArray, sort: IntArray):
    """What no child and no single expression changes: mean growth, and the mean expression of each sort `(N, K)`."""
    out = reaching(reach, code)[:, None] * offsets[sort]
    return out if growth is None else out + growth.mean(code)


def _smooth(code: FloatArray, values: FloatArray) -> FloatArray:
    """Quadratic through values `(N,)` along u, scaled to 1 at u = 0."""
    found = np.linalg.lstsq(powers(code, 3), values, rcond=None)[0]
    return found / found[0] if found[0] > 0 else np.array([1.0, 0.0, 0.0])


def _weights(which: IntArray, sort: IntArray, code: FloatArray, size: FloatArray) -> tuple[FloatArray, int]:
    """Weights `(S, q)` of the children's posterior covariances in the sums of EM, and where those of the turn begin.

    One for `between`; the squared sizes of the scans of each sort for `within`; then for each half of the children
    sums over scans of the first sort: turning times size, and the products of the turnings.
    """
    children = which.max() + 1
    columns = [np.ones(children)]
    columns += [np.bincount(which[sort == k], size[sort == k] ** 2, children) for k in range(sort.max() + 1)]
    start, (p, q) = len(columns), turning(code)
    for half in range(2):
        for value in (p * size, q * size, p * p, p * q, q * q):
            columns.append(np.bincount(which, value * ((sort == 0) & (which % 2 == half)), children))
    return np.stack(columns, 1), start


def _moments(
    left: FloatArray, codes: FloatArray, which: IntArray, code: FloatArray, spread: FloatArray, vectors: FloatArray
) -> list[tuple[FloatArray, FloatArray, int]]:
    """For each half of the children the expected normal equations of the turn: what their scans have left on their
    identity codes `(S, r)` times the turnings. The codes are known but for `spread`, see `_weights`.
    """
    out: list[tuple[FloatArray, FloatArray, int]] = []
    for half in range(2):
        part = which % 2 == half
        features = np.concatenate([t[part, None] * codes[which[part]] for t in turning(code)], 1)
        spread_p, spread_q, pp, pq, qq = spread[5 * half : 5 * half + 5]
        pp, pq, qq = (vectors.T @ one @ vectors for one in (pp, pq, qq))
        gram = features.T @ features + np.block([[pp, pq], [pq, qq]])
        moment = features.T @ left[part] - np.concatenate([vectors.T @ spread_p, vectors.T @ spread_q])
        out.append((gram, moment, int(part.sum())))
    return out


def _fit_turn(sums: list[tuple[FloatArray, FloatArray, int]], values: FloatArray, vectors: FloatArray) -> FloatArray:
    """The turn `(2, K, K)` by ridge regression from the `_moments` of both halves of the children.

    The ridge is that which foretells the other half best, for each of the K outputs its own.
    """
    penalty = np.concatenate([values, values])

    def solved(gram: FloatArray, moment: FloatArray, count: int, ridge: float) -> FloatArray:
        if ridge == np.inf:
            return np.zeros_like(moment)
        found: FloatArray = np.linalg.solve(gram + np.diag(ridge * count * penalty), moment)
        return found

    errors = []
    for ridge in TURN_RIDGES:
        error = 0.0
        for learnt, (gram, moment, _) in zip(sums, sums[::-1], strict=True):
            found = solved(*learnt, ridge)
            error = error + (found * (gram @ found - 2 * moment)).sum(0)
        errors.append(error)
    best = np.argmin(errors, axis=0)
    gram, moment, count = (a + b for a, b in zip(*sums, strict=True))
    found = np.zeros_like(moment)
    for k in np.unique(best):
        found[:, best == k] = solved(gram, moment[:, best == k], count, TURN_RIDGES[k])
    rank = len(values)
    return np.stack([vectors @ found[:rank], vectors @ found[rank:]])


def _shrunk(covariance: FloatArray, count: int) -> FloatArray:
    """A covariance of `count` rows drawn towards its diagonal, so that few rows leave it invertible."""
    share = len(covariance) / (len(covariance) + 4 * count)
    diagonal = np.diag(covariance) * share + 1e-6 * np.trace(covariance) / len(covariance)
    return (1 - share) * (covariance + covariance.T) / 2 + np.diag(diagonal)


def _principal(covariance: FloatArray, count: int) -> tuple[FloatArray, FloatArray]:
    """The first `count` directions `(count, K)`, scaled to one standard deviation, and the covariance left over."""
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = values[::-1].clip(0), vectors[:, ::-1]
    rows = (vectors[:, :count] * np.sqrt(values[:count])).T
    largest = np.abs(rows).argmax(1)
    rows = rows * np.where(rows[np.arange(len(rows)), largest] < 0, -1, 1)[:, None]
    return rows, (vectors[:, count:] * values[count:]) @ vectors[:, count:].T
