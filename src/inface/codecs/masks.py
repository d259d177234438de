"""Masks of unknown vertices: `.npy`, or text with whole numbers or true/false words split by commas or newlines."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inface.codecs.files import atomic_write
from inface.codecs.text_files import read_npy, read_text, write_text
from inface.errors import FormatError

_WORDS = {"true": True, "false": False}


def read_mask(path: str | Path) -> NDArray:
    """The array as it stands in the file: booleans, or whole numbers (0/1, or vertex indices).

    `inface._validate.vertex_mask` makes a mask of it once the number of vertices is known.

    Raises:
        FormatError: other contents, a damaged file, or an object array (never loaded).
    """
    if Path(path).suffix.lower() == ".npy":
        array = read_npy(path)
        if array.dtype.kind not in "biu":
            raise FormatError(f"'{path}': a mask holds booleans or whole numbers, got {array.dtype}")
        return array.reshape(-1)
    words = read_text(path).replace(",", " ").split()
    lowered = [word.lower() for word in words]
    if words and all(word in _WORDS for word in lowered):
        return np.array([_WORDS[word] for word in lowered])
    try:
        return np.array([int(word) for word in words], np.int64)
    except (ValueError, OverflowError):
        bad = next(w for w in words if not w.lstrip("+-").isdigit() or abs(int(w)) >= 2**63)
        raise FormatError(
            f"'{path}': expected whole numbers or true/false words split by commas or newlines, got '{bad[:40]}'"
        ) from None


def write_mask(path: str | Path, mask: NDArray) -> None:
    """Write a mask `(V,)` or indices as `.npy`, or as text, one entry a line."""
    mask = np.asarray(mask)
    if mask.dtype.kind not in "biu" or mask.ndim != 1:
        raise ValueError(f"mask: expected one axis of booleans or whole numbers, got {mask.dtype} {mask.shape}")
    if Path(path).suffix.lower() == ".npy":
        with atomic_write(path) as temporary, open(temporary, "wb") as stream:
            np.save(stream, mask, allow_pickle=False)
    else:
        write_text(path, "".join(f"{str(entry).lower()}\n" for entry in mask.tolist()))
