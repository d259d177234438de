"""Rigid alignment of a stack of shapes, a few at a time."""

import numpy as np

from inface._validate import FloatArray
from inface.geometry.rotations import nearest_rotations
from inface.transforms import procrustes

TOGETHER = 16  # shapes aligned at once


def align_in_place(shapes: FloatArray, start: FloatArray, *, rounds: int = 10, tolerance: float = 1e-3) -> None:
    """Rigid generalised Procrustes of shapes `(N, V, 3)`, a few at a time, so that a stack on disk may be larger than
    memory; size is kept, the pose is that of `start (V, 3)`, unknown (NaN) vertices are left out.

    Stops when the mean moves by less than `tolerance` mm.
    """
    mean: FloatArray = np.asarray(start, np.float64)
    for _ in range(rounds):
        total, known = np.zeros_like(mean), np.zeros((len(mean), 1))
        for lo in range(0, len(shapes), TOGETHER):
            block: FloatArray = np.asarray(shapes[lo : lo + TOGETHER], np.float64)
            finite = np.isfinite(block).all(2, keepdims=True)
            if np.all(finite) and np.isfinite(mean).all():
                block = _posed(block, mean)
                total += block.sum(0)
                known += len(block)
            else:
                for i, shape in enumerate(block):
                    seen = np.isfinite(shape).all(1) & np.isfinite(mean).all(1)
                    block[i] = procrustes(shape[seen], mean[seen]).apply(shape)
                total += np.where(finite, block, 0).sum(0)
                known += np.sum(finite, axis=0)
            shapes[lo : lo + TOGETHER] = block
        new = np.where(known > 0, total / np.maximum(known, 1), np.nan)
        seen = np.isfinite(new).all(1) & np.isfinite(mean).all(1)
        new = procrustes(new[seen], mean[seen]).apply(new)
        moved, mean = float(np.abs(new[seen] - mean[seen]).max()), new
        if moved < tolerance:
            return


def _posed(shapes: FloatArray, target: FloatArray) -> FloatArray:
    """`procrustes(shape, target).apply(shape)` of many complete shapes `(n, V, 3)` at once."""
    center = target.mean(0)
    around = shapes - shapes.mean(1, keepdims=True)
    return around @ nearest_rotations((target - center).T @ around).transpose(0, 2, 1) + center
