"""Principal components of a stack larger than memory: a tree of the components of blocks, then polishing passes.

Each stretch of rows is summed up by its leading components (exact for every block of it, merged one after another);
the summaries are merged in the order of the stretches, so that the result does not depend on who did what [chan1982,
ross2008]. A pass applies the covariance to the basis found so far and gives two estimates of each eigenvalue: the
Rayleigh quotient of the basis, and that of the basis half a power step on, the Nystrom values [halko2011, sec. 5]. How
far they lie apart tells how far an eigenvalue still is from settled, and every kept one is looked at.
"""

import tempfile
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inface._validate import FloatArray
from inface.batches import run_batch
from inface.errors import ConvergenceError, InfaceError
from inface.training.components import (
    PrincipalComponents,
    freedom,
    gram,
    kept_number,
    orthonormal,
    signed,
    top,
    work_dtype,
)

BLOCK_ROWS, BLOCK_BYTES = 1024, 160 * 2**20  # rows of which components are found at once
STRETCH = 4  # blocks in a task
SETTLED = 1e-6  # of itself: what an eigenvalue may still move by
MOST = 256  # modes kept where a share of the variance is asked for
PASSES = 24


@dataclass(frozen=True)
class Where:
    """Where blocks are done: `workers` processes here, or an `executor` whose workers see the folder `scratch`."""

    workers: int = 1
    executor: Executor | None = None
    scratch: str | Path | None = None


@dataclass(frozen=True, eq=False)
class Summary:
    """What is kept of many rows: weight, mean `(D,)`, components `(r, D)` scaled so that their outer products sum to
    the scatter about the mean, and the whole scatter (also what the components leave out)."""

    weight: float
    mean: FloatArray
    components: FloatArray
    scatter: float

    def merged(self, other: "Summary", rank: int) -> "Summary":
        """Of both together."""
        weight = self.weight + other.weight
        if weight == 0:
            return self
        apart = np.sqrt(self.weight * other.weight / weight) * (self.mean - other.mean)
        mean = (self.weight * self.mean + other.weight * other.mean) / weight
        stacked = np.concatenate([self.components, other.components, apart[None].astype(self.components.dtype)])
        return Summary(weight, mean, _leading(stacked, rank), self.scatter + other.scatter + float(apart @ apart))


@dataclass(frozen=True)
class Stretch:
    """Rows of one task."""

    number: int
    start: int
    stop: int

    @property
    def key(self) -> str:
        """Its name in the run."""
        return f"rows {self.start} to {self.stop}"


@dataclass(frozen=True, eq=False)
class Stack:
    """The rows, their weights (None: all the same) and how they are cut into blocks; it travels to the workers."""

    rows: Any
    weights: FloatArray | None
    block: int

    @classmethod
    def of(cls, rows: Any, weights: FloatArray, rank: int) -> "Stack":
        """Blocks of about `BLOCK_BYTES`, and of no fewer rows than components are kept."""
        block = max(rank, min(BLOCK_ROWS, BLOCK_BYTES // (rows.shape[1] * work_dtype(rows)().itemsize)), 1)
        return cls(rows, None if np.ptp(weights) == 0 else weights, block)

    def stretches(self) -> list[Stretch]:
        """All of it in tasks, the same ones whoever does them."""
        step, count = self.block * STRETCH, len(self.rows)
        return [Stretch(k, s, min(s + step, count)) for k, s in enumerate(range(0, count, step))]

    def blocks(self, stretch: Stretch, center: FloatArray | None) -> Iterator[tuple[FloatArray, FloatArray, float]]:
        """For each block of a stretch: rows less their weighted mean (or less `center`), scaled by the roots of their
        weights; that mean; the sum of the weights."""
        dtype = work_dtype(self.rows)
        for start in range(stretch.start, stretch.stop, self.block):
            raw = self.rows[start : min(start + self.block, stretch.stop)]
            share = np.full(len(raw), 1 / len(self.rows)) if self.weights is None else self.weights[start:][: len(raw)]
            weight = float(share.sum())
            mean = center if center is not None else _mean(raw, share)
            part = np.subtract(raw, mean.astype(dtype), dtype=dtype)
            part *= np.sqrt(share).astype(dtype)[:, None]
            yield part, mean, weight


def block_components(rows: Any, wanted: int | float, weights: FloatArray, where: Where) -> PrincipalComponents:
    """Modes of rows `(N, D)`: `wanted` of them, or as many (at most `MOST`) as reach that share of the variance."""
    count, dimension = rows.shape
    keep = wanted if isinstance(wanted, int) else MOST
    rank = min(2 * keep + 10, count, dimension)
    stack = Stack.of(rows, weights, rank)
    if isinstance(rows, np.ndarray):
        where = Where()  # rows in memory do not travel
    with tempfile.TemporaryDirectory(prefix="inface-pca-", dir=where.scratch) as scratch:
        whole = _summary(stack, rank, where, scratch)
        total = whole.scatter / freedom(weights)
        basis = _unit_rows(whole.components).T
        for _ in range(PASSES):
            low, high, basis = _passed(stack, whole.mean, basis, where, scratch)
            low, high = low / freedom(weights), high / freedom(weights)
            kept = kept_number(high, total, wanted, count - 1, whole.mean, work_dtype(rows))
            if _settled(low, high, kept, full=len(high) >= min(count - 1, dimension)):
                _check_share(high, kept, total, wanted)
                found = basis[:, :kept].T
                return PrincipalComponents(whole.mean, signed(orthonormal(found)), high[:kept], total, count)
    raise ConvergenceError(f"the components did not settle in {PASSES} passes; ask for fewer modes, or method='exact'")


def _settled(low: FloatArray, high: FloatArray, kept: int, *, full: bool) -> bool:
    """Whether each kept eigenvalue has less than `SETTLED` of itself to go.

    Half a power step takes what an eigenvalue lacks down by the ratio of the first one left out of the basis to it; so
    `high - low` is what half a step gained, and that times `ratio / (1 - ratio)` is what is left.
    """
    if full:
        return True
    ratio = np.minimum(high[-1] / high[:kept], 1 - 1e-9)
    gained = np.maximum(1 - low[:kept] / high[:kept], 0)
    return bool((gained * ratio / (1 - ratio)).max() <= SETTLED)


def _check_share(values: FloatArray, kept: int, total: float, wanted: int | float) -> None:
    if isinstance(wanted, float) and kept >= MOST and values[:MOST].sum() < wanted * total * (1 - 1e-6):
        reached = values[:MOST].sum() / total
        raise ValueError(
            f"components: {MOST} modes reach {reached:.3f} of the variance, less than {wanted}; ask for a smaller "
            "fraction or for a number of modes"
        )


def _summary(stack: Stack, rank: int, where: Where, scratch: str) -> Summary:
    """Of all rows: one of each stretch, merged two by two in their order."""
    level = _each(_SumUp(stack, rank, scratch), stack.stretches(), where)
    while len(level) > 1:
        pairs = [tuple(level[i : i + 2]) for i in range(0, len(level), 2)]
        merged = [_loaded(pair[0]).merged(_loaded(pair[1]), rank) if len(pair) == 2 else None for pair in pairs]
        for pair, one in zip(pairs, merged, strict=True):
            if one is not None:
                Path(pair[1]).unlink()
                _save(pair[0], one)
        level = [pair[0] for pair in pairs]
    return _loaded(level[0])


def _passed(
    stack: Stack, mean: FloatArray, basis: FloatArray, where: Where, scratch: str
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """One pass with a basis `(D, w)`: both estimates of the eigenvalues `(w,)`, descending, and the next basis."""
    held = Path(scratch) / "basis.npz"
    np.savez(held, basis=basis, mean=mean)
    image: FloatArray = np.zeros(basis.shape)
    inner: FloatArray = np.zeros((basis.shape[1],) * 2)
    for file in _each(_Image(stack, str(held), scratch), stack.stretches(), where):
        with np.load(file) as part:
            image += part["image"]
            inner += part["inner"]
        Path(file).unlink()
    low, turn = np.linalg.eigh(inner)
    real = low > 1e-12 * low[-1]
    low, white = low[real][::-1], (turn[:, real] / np.sqrt(low[real]))[:, ::-1]
    outer = sum(part.T @ part for part in np.array_split(image, max(1, len(image) // 8192)))
    high, rotation = np.linalg.eigh(white.T @ outer @ white)
    high, rotation = high[::-1], rotation[:, ::-1]
    found = image @ (white @ rotation / np.sqrt(high))
    return low, high, found.astype(basis.dtype)


@dataclass(frozen=True, eq=False)
class _SumUp:
    """On a worker: the summary of a stretch, in a file of `scratch`."""

    stack: Stack
    rank: int
    scratch: str

    def __call__(self, item: Stretch) -> str:
        whole: Summary | None = None
        for part, mean, weight in self.stack.blocks(item, None):
            scatter = float(np.einsum("nd,nd->", part, part, dtype=np.float64))
            one = Summary(weight, mean, _leading(part, self.rank), scatter)
            whole = one if whole is None else whole.merged(one, self.rank)
        assert whole is not None
        file = str(Path(self.scratch) / f"summary-{item.number:05d}.npz")
        _save(file, whole)
        return file


@dataclass(frozen=True, eq=False)
class _Image:
    """On a worker: the covariance of a stretch applied to the basis, and between its columns, in a file."""

    stack: Stack
    basis: str
    scratch: str

    def __call__(self, item: Stretch) -> str:
        with np.load(self.basis) as held:
            basis, mean = held["basis"], held["mean"]
        image: FloatArray = np.zeros(basis.shape)
        inner: FloatArray = np.zeros((basis.shape[1],) * 2)
        for part, _, _ in self.stack.blocks(item, mean):
            codes = part @ basis
            image += part.T @ codes
            inner += codes.astype(np.float64).T @ codes
        file = str(Path(self.scratch) / f"image-{item.number:05d}.npz")
        np.savez(file, image=image, inner=inner)
        return file


def _each(work: Any, stretches: list[Stretch], where: Where) -> list[str]:
    """The files that the work on each stretch made, in their order."""
    outcomes = run_batch(work, stretches, executor=where.executor, workers=where.workers, chunk=1)
    made: dict[str, str] = {}
    for outcome in outcomes:
        if not outcome.ok:
            raise InfaceError(f"{outcome.key}: {outcome.reason}")
        made[outcome.key] = outcome.value
    return [made[one.key] for one in stretches]


def _leading(rows: FloatArray, rank: int) -> FloatArray:
    """The leading `rank` components of scaled rows `(n, D)`, scaled: their outer products sum to nearly the rows'."""
    if len(rows) <= rank:
        return np.array(rows)
    vectors = top(gram(rows), rank)[1]
    return vectors.T.astype(rows.dtype) @ rows


def _unit_rows(components: FloatArray) -> FloatArray:
    """Orthonormal rows that span nearly the rows given, those of no length left out."""
    values, vectors = top(gram(components), len(components))
    real = values > 1e-12 * max(values[0], 1e-300)
    turned = (vectors[:, real] / np.sqrt(values[real])).T
    return turned.astype(components.dtype) @ components


def _mean(rows: FloatArray, share: FloatArray) -> FloatArray:
    """Weighted mean `(D,)` in float64; plain where the weights are all zero."""
    origin = np.asarray(rows[0], np.float64)
    if share.sum() == 0:
        return origin
    away = np.subtract(rows, origin.astype(rows.dtype))
    return origin.astype(rows.dtype).astype(np.float64) + (share / share.sum()) @ away


def _save(file: str, one: Summary) -> None:
    np.savez(file, mean=one.mean, components=one.components, numbers=[one.weight, one.scatter])


def _loaded(file: str) -> Summary:
    with np.load(file) as held:
        weight, scatter = held["numbers"].tolist()
        return Summary(weight, held["mean"], held["components"], scatter)
