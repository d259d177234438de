"""What one block tells of another's factor: R2 by ridge and by a small network, and retrieval of children."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from inface._validate import FloatArray


def r2(predicted: FloatArray, wanted: FloatArray) -> float:
    """Coefficient of determination, mean over the columns of `(n, m)` that vary."""
    wanted, predicted = wanted.reshape(len(wanted), -1), predicted.reshape(len(wanted), -1)
    spread = ((wanted - wanted.mean(0)) ** 2).sum(0)
    kept = spread > 1e-12 * max(float(spread.max()), 1e-300)
    return float((1 - ((predicted - wanted) ** 2).sum(0)[kept] / spread[kept]).mean())


def ridge_r2(train: FloatArray, known: FloatArray, test: FloatArray, wanted: FloatArray) -> float:
    """R2 of `ridge` on held-out codes `test (m, k)` for `wanted (m,)` or `(m, j)`."""
    return r2(ridge(train, known, test), wanted)


def ridge(train: FloatArray, known: FloatArray, test: FloatArray) -> FloatArray:
    """Predictions `(m, j)` for codes `test (m, k)` of ridge regression learnt on `train (n, k)` -> `known (n, j)`.

    The penalty is that of the least generalised cross-validation error [golub1979].
    """
    mean, std = train.mean(0), train.std(0) + 1e-9
    y = known.reshape(len(known), -1)
    center = y.mean(0)
    u, s, vt = np.linalg.svd((train - mean) / std, full_matrices=False)
    along = u.T @ (y - center)
    best: tuple[float, FloatArray] = (np.inf, along)
    for penalty in 10.0 ** np.arange(-1, 7):
        shrink = s**2 / (s**2 + penalty)
        error = ((y - center - u @ (shrink[:, None] * along)) ** 2).sum() / (1 - (shrink.sum() + 1) / len(y)) ** 2
        if error < best[0]:
            best = (float(error), vt.T @ ((s / (s**2 + penalty))[:, None] * along))
    return (test - mean) / std @ best[1] + center


def network_r2(
    train: FloatArray, known: FloatArray, test: FloatArray, wanted: FloatArray, *, hidden: int = 24, seed: int = 0
) -> float:
    """R2 of `network` on held-out codes `test (m, k)` for `wanted (m,)` or `(m, j)`."""
    return r2(network(train, known, test, hidden=hidden, seed=seed), wanted)


def network(train: FloatArray, known: FloatArray, test: FloatArray, *, hidden: int = 24, seed: int = 0) -> FloatArray:
    """Predictions like `ridge` of a network with one hidden layer (tanh), trained with L-BFGS; it finds
    what ridge does not.

    A tenth of the training rows stops it early.
    """
    mean, std = train.mean(0), train.std(0) + 1e-9
    x, y = (train - mean) / std, known.reshape(len(known), -1)
    center, scale = y.mean(0), y.std(0) + 1e-9
    y = (y - center) / scale
    if len(x) < 20:
        raise ValueError(f"expected at least 20 scans to train a network on, got {len(x)}")
    random = np.random.default_rng(seed)
    aside = random.permutation(len(x)) < len(x) // 10
    width, columns = x.shape[1], y.shape[1]
    sizes = [(hidden, width), (hidden,), (columns, hidden), (columns,)]
    ends = np.cumsum([0] + [int(np.prod(s)) for s in sizes])
    start = random.standard_normal(ends[-1]) * 0.5 / np.sqrt(max(width, hidden))

    def parts(flat: FloatArray) -> list[FloatArray]:
        return [flat[a:b].reshape(s) for a, b, s in zip(ends[:-1], ends[1:], sizes, strict=True)]

    def predict(flat: FloatArray, rows: FloatArray) -> FloatArray:
        w, b, v, c = parts(flat)
        return np.tanh(rows @ w.T + b) @ v.T + c

    def loss(flat: FloatArray) -> tuple[float, FloatArray]:
        w, b, v, c = parts(flat)
        h = np.tanh(x[~aside] @ w.T + b)
        error = h @ v.T + c - y[~aside]
        back = (error @ v) * (1 - h * h)
        grads = [back.T @ x[~aside], back.sum(0), error.T @ h, error.sum(0)]
        gradient = np.concatenate([g.ravel() for g in grads]) / len(h) + 1e-4 * flat
        return 0.5 * float((error**2).sum()) / len(h) + 0.5e-4 * float(flat @ flat), gradient

    best, best_loss = start, np.inf

    def look(flat: FloatArray) -> None:
        nonlocal best, best_loss
        value = float(((predict(flat, x[aside]) - y[aside]) ** 2).mean())
        if value < best_loss:
            best, best_loss = flat.copy(), value

    minimize(loss, start, jac=True, method="L-BFGS-B", callback=look, options={"maxiter": 120})  # type: ignore[call-overload]
    return predict(best, (test - mean) / std) * scale + center


def retrieval(codes: FloatArray, subject: NDArray, *, draws: int = 5, seed: int = 0) -> float:
    """Rank-1 rate: the mean of `hits`."""
    return float(hits(codes, subject, draws=draws, seed=seed)[1].mean())


def hits(codes: FloatArray, subject: NDArray, *, draws: int = 5, seed: int = 0) -> tuple[NDArray, FloatArray]:
    """Names of the children with two scans or more, and how often each is found: one scan of each child in a gallery,
    another one as the probe, mean over draws.

    Distances are Euclidean between codes `(n, k)` standardised over all scans. Children with one scan stand in the
    gallery only.
    """
    codes = (codes - codes.mean(0)) / (codes.std(0) + 1e-9)
    random = np.random.default_rng(seed)
    names, which = np.unique(subject, return_inverse=True)
    own = np.split(np.argsort(which, kind="stable"), np.cumsum(np.bincount(which))[:-1])
    answers = np.flatnonzero(np.bincount(which) > 1)
    if not len(answers):
        raise ValueError("retrieval needs children with two scans, there are none")
    found = np.zeros(len(answers))
    for _ in range(draws):
        scans = [random.permutation(rows) for rows in own]
        a, b = codes[[scans[i][1] for i in answers]], codes[[rows[0] for rows in scans]]
        distance = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
        found += distance.argmin(1) == answers
    return names[answers], found / draws
