"""Masks of unknown vertices: `.npy`, or text with whole numbers or true/false words split by commas or newlines."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inface.codecs.files import atomic_write
from inface.codecs.text_files import read_npy, read_text, write_text
from inface.errors import FormatError

_WORDS = {"true": True, "false": False}


def read_mask(path: str | Path) -> NDArray:
    """The array as it stands in the file: booleans, or whole numbers (0/1, or vertex indices; 1.0 counts as 1).

    `inface._validate.vertex_mask` makes a mask of it once the number of vertices is known.

    Raises:
        FormatError: other contents, a damaged file, or an object array (never loaded).
    """
    if Path(path).suffix.lower() == ".npy":
        array = read_npy(path)
        if array.dtype.kind == "f" and np.array_equal(array, np.round(array)) and (np.abs(array) < 2**53).all():
            array = array.astype(np.int64)
        if array.dtype.kind not in "biu":
            raise FormatError(f"'{path}': a mask holds booleans or whole numbers, got {array.dtype}")
        if array.ndim != 1 and not (array.ndim == 2 and 1 in array.shape):
            raise FormatError(f"'{path}': expected one mask (one axis), got an array of shape {array.shape}")
        return array.reshape(-1)
    words = read_text(path).replace(",", " ").split()
    lowered = [word.lower() for word in words]
    if words and all(word in _WORDS for word in lowered):
        return np.array([_WORDS[word] for word in lowered])
    numbers = []
    for word in words:
        try:
            number = float(word)  # numpy.savetxt writes 1 as 1.000000000000000000e+00
        except ValueError:
            number = np.nan
        if not abs(number) < 2**53 or number != int(number):
            raise FormatError(
                f"'{path}': expected whole numbers or true/false words split by commas or newlines, got '{word[:40]}'"
            )
        numbers.append(int(number))
    return np.array(numbers, np.int64)


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
