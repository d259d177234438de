"""Rigid alignment of a stack of shapes, a few at a time."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from inface._validate import FloatArray
from inface.geometry.rotations import nearest_rotations
from inface.transforms import procrustes

TOGETHER = 16  # shapes aligned at once
ROUNDS, TOLERANCE = 10, 1e-3  # it stops when the mean moves by less, mm


@dataclass(frozen=True, eq=False)
class Sums:
    """Sum `(V, 3)` of aligned shapes over the known vertices, and how many shapes know each `(V, 1)`."""

    total: FloatArray
    known: FloatArray

    @classmethod
    def of(cls, blocks: Iterable[FloatArray]) -> "Sums":
        """Of blocks of shapes `(n, V, 3)`."""
        total: FloatArray = np.zeros(())
        known: FloatArray = np.zeros(())
        for block in blocks:
            finite = np.isfinite(block).all(2, keepdims=True)
            total = total + np.where(finite, block, 0).sum(0)
            known = known + finite.sum(0)
        return cls(total, known)


def align_in_place(
    shapes: FloatArray, start: FloatArray, *, rounds: int = ROUNDS, tolerance: float = TOLERANCE
) -> None:
    """Rigid generalised Procrustes of shapes `(N, V, 3)`, a few at a time, so that a stack on disk may be larger than
    memory; size is kept, the pose is that of `start (V, 3)`, unknown (NaN) vertices are left out.

    Stops when the mean moves by less than `tolerance` mm.
    """
    mean: FloatArray = np.asarray(start, np.float64)

    def aligned() -> Iterable[FloatArray]:
        for lo in range(0, len(shapes), TOGETHER):
            block = posed(shapes[lo : lo + TOGETHER], mean)
            shapes[lo : lo + TOGETHER] = block
            yield block

    for _ in range(rounds):
        mean, moved = next_mean(Sums.of(aligned()), mean)
        if moved < tolerance:
            return


def next_mean(sums: Sums, mean: FloatArray) -> tuple[FloatArray, float]:
    """The mean of aligned shapes in the pose of the mean before, and the farthest that a coordinate moved, mm."""
    new = np.where(sums.known > 0, sums.total / np.maximum(sums.known, 1), np.nan)
    seen = np.isfinite(new).all(1) & np.isfinite(mean).all(1)
    new = procrustes(new[seen], mean[seen]).apply(new)
    return new, float(np.abs(new[seen] - mean[seen]).max())


def posed(shapes: FloatArray, target: FloatArray) -> FloatArray:
    """Each of some shapes `(n, V, 3)` turned and shifted onto `target (V, 3)`, by the vertices that both know."""
    block: FloatArray = np.array(shapes, np.float64)
    if np.isfinite(block).all() and np.isfinite(target).all():
        center = target.mean(0)
        around = block - block.mean(1, keepdims=True)
        return around @ nearest_rotations((target - center).T @ around).transpose(0, 2, 1) + center
    for i, shape in enumerate(block):
        seen = np.isfinite(shape).all(1) & np.isfinite(target).all(1)
        block[i] = procrustes(shape[seen], target[seen]).apply(shape)
    return block
