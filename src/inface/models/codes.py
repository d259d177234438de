"""Edits of latent codes and vertices on plain arrays: put a block, weaken an expression, keep the detail."""

import numpy as np

from inface._validate import FloatArray, finite, floats


def put(latent: FloatArray, block: slice, code: FloatArray) -> FloatArray:
    """A copy of `latent (..., K)` with `code (..., w)` in the block; the other entries are untouched."""
    out = np.array(latent)
    out[..., block] = code
    return out


def block_code(name: str, code, block: slice, length: int) -> FloatArray:
    """The block's part of a code given block-long `(..., w)` or full-long `(..., K)`.

    Raises `ValueError` for any other length, and for NaN or infinite entries.
    """
    array = finite(name, floats(name, np.atleast_1d(code), (None,), dtype=None))
    width = block.stop - block.start
    if array.shape[-1] == width:
        return array
    if array.shape[-1] == length:
        return array[..., block]
    raise ValueError(
        f"{name}: expected {width} numbers (the block) or {length} (the whole latent), got {array.shape[-1]}"
    )


def strengthened(code: FloatArray, neutral: FloatArray, strength: float) -> FloatArray:
    """`neutral + strength * (code - neutral)`: 0 is neutral, 1 the code itself, more exaggerates."""
    return code if strength == 1 else neutral + strength * (code - neutral)


def with_detail(scan: FloatArray, own: FloatArray, edited: FloatArray) -> FloatArray:
    """`scan + edited - own`, all `(V, 3)`: the edit's change put on the scan, so that what the model cannot
    express (`scan - own`) stays."""
    return scan + (edited.astype(np.float64) - own)
