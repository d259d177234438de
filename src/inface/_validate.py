"""The only checks of arrays: each returns the array in the wanted form or raises one clear sentence."""

import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.floating]
IntArray = NDArray[np.integer]
BoolArray = NDArray[np.bool_]


def floats(name: str, value: ArrayLike, shape: Sequence[int | None], dtype=np.float64) -> FloatArray:
    """Array of floats whose trailing axes match `shape` (None: any length). `dtype=None` keeps a float dtype.

    A leading `...` in meaning: pass the wanted trailing axes only and use `array.ndim` for batches.
    """
    try:
        array = np.asarray(value) if dtype is None else np.asarray(value, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: expected numbers, got {type(value).__name__} ({error})") from None
    if array.dtype.kind in "iub":
        array = array.astype(np.float64)
    if array.dtype.kind != "f":
        raise ValueError(f"{name}: expected real numbers, got dtype {array.dtype}")
    trailing = array.shape[max(array.ndim - len(shape), 0) :]
    if len(trailing) != len(shape) or any(w not in (None, g) for w, g in zip(shape, trailing, strict=True)):
        wanted = ", ".join("any" if w is None else str(w) for w in shape)
        raise ValueError(f"{name}: expected shape (..., {wanted}), got {array.shape}")
    return array


def finite(name: str, array: FloatArray) -> FloatArray:
    """The array itself; raises when it holds NaN or infinity, which show in the sum, quicker than in a look at each."""
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(array.sum()):
            return array
    bad = ~np.isfinite(array)
    if bad.any():
        raise ValueError(f"{name}: expected finite numbers, got {int(bad.sum())} NaN or infinite values")
    return array


def frozen(array: np.ndarray, source: object) -> np.ndarray:
    """The array made read-only; copied first where it is, or may be, the memory of the caller's own `source`."""
    if not array.flags.owndata or (array is source and array.flags.writeable):
        array = array.copy()
    array.flags.writeable = False
    return array


def triangles(name: str, value: ArrayLike, vertex_count: int) -> IntArray:
    """`(T, 3)` int32 indices inside `[0, vertex_count)`; repeated indices are allowed here."""
    array = np.asarray(value)
    if array.size == 0:
        array = np.zeros((0, 3), np.int32)
    if array.dtype.kind not in "iu" and not (array.dtype.kind == "f" and np.array_equal(array, np.round(array))):
        raise ValueError(f"{name}: expected whole numbers, got dtype {array.dtype}")
    if array.ndim != 2 or array.shape[1] != 3:
        raise ValueError(f"{name}: expected shape (T, 3), got {array.shape}")
    if array.size:
        low, high = int(array.min()), int(array.max())
        if low < 0 or high >= vertex_count:
            wrong = low if low < 0 else high
            raise ValueError(f"{name}: index {wrong} outside [0, {vertex_count})")
    return array.astype(np.int32, copy=False)


def _like_mask(array: np.ndarray) -> bool:
    """Whether whole numbers are a mask and no indices: only 0 and 1, or 0 and one other number again and again."""
    if not array.size:
        return False
    high = int(array.max())
    two = bool(((array == 0) | (array == high)).all()) and int(array.min()) >= 0
    return two and (high <= 1 or len(array) > 2)


def vertex_mask(name: str, value: ArrayLike, vertex_count: int, *, invert: bool = False) -> BoolArray:
    """A boolean mask `(V,)` from a boolean array, 0/1 integers of length V, or a list of vertex indices.

    Integers of length V that are all 0 or 1 are a mask, never two indices (the reference's mistake 1).
    """
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"{name}: expected one axis, got rows of different lengths") from None
    if array.ndim != 1:
        array = array.reshape(-1) if array.ndim == 2 and 1 in array.shape else array
    if array.ndim != 1:
        raise ValueError(f"{name}: expected one axis, got shape {array.shape}")
    if array.dtype.kind == "f" and array.size and np.array_equal(array, np.round(array)):
        array = array.astype(np.int64)
    if array.size == 0:
        array = array.astype(np.int64)
    if array.dtype.kind == "b":
        if len(array) != vertex_count:
            raise ValueError(f"{name}: expected {vertex_count} booleans, one a vertex, got {len(array)}")
        mask = array.copy()
    elif array.dtype.kind in "iu":
        if len(array) != vertex_count and _like_mask(array):
            raise ValueError(
                f"{name}: {len(array)} numbers, each 0 or {max(int(array.max()), 1)}, are a mask for another mesh: "
                f"this one has {vertex_count} vertices; for a list of vertex indices, give each index once"
            )
        if len(array) == vertex_count and ((array == 0) | (array == 1)).all():
            mask = array.astype(bool)
        elif len(array) == vertex_count > 2 and ((array == 0) | (array == array.max())).all():
            raise ValueError(
                f"{name}: {vertex_count} numbers, each 0 or {array.max()}, are neither a mask of 0 and 1 nor a list of "
                "vertex indices; for a mask, give booleans (mask > 0)"
            )
        else:
            low, high = (int(array.min()), int(array.max())) if array.size else (0, -1)
            if low < 0 or high >= vertex_count:
                wrong = low if low < 0 else high
                raise ValueError(
                    f"{name}: vertex index {wrong} outside [0, {vertex_count}); expected a boolean or 0/1 mask "
                    f"of length {vertex_count}, or a list of vertex indices"
                )
            mask = np.zeros(vertex_count, bool)
            mask[array] = True
    else:
        raise ValueError(f"{name}: expected booleans or whole numbers, got dtype {array.dtype}")
    return ~mask if invert else mask


def one_form(words: ArrayLike) -> NDArray[np.str_]:
    """Words in one normal form of Unicode (NFC), so that `Zoë` as macOS and as Windows writes it are one name."""
    texts = np.asarray(words, np.str_)
    if all(text.isascii() for text in texts.flat):
        return texts
    return np.array([unicodedata.normalize("NFC", text) for text in texts.flat], np.str_).reshape(texts.shape)
