"""A transform as text: 16 comma-separated numbers, a 4 x 4 matrix row by row."""

from pathlib import Path

import numpy as np

from inface._validate import FloatArray, finite, floats
from inface.codecs.text_files import read_text, write_text
from inface.errors import FormatError


def read_transform(path: str | Path) -> FloatArray:
    """The homogeneous matrix `(4, 4)`, its last row 0 0 0 1."""
    words = read_text(path).replace(",", " ").split()
    try:
        matrix = finite("transform", floats("transform", words, (16,))).reshape(4, 4)
    except ValueError as error:
        raise FormatError(f"'{path}': expected 16 comma-separated numbers ({error})") from None
    if not np.allclose(matrix[3], [0, 0, 0, 1], atol=1e-9):
        raise FormatError(f"'{path}': the last row of the matrix should be 0, 0, 0, 1, got {matrix[3].tolist()}")
    return matrix


def write_transform(path: str | Path, matrix: FloatArray) -> None:
    """Write `(4, 4)` as 16 comma-separated numbers that come back bit for bit."""
    matrix = finite("transform", floats("transform", matrix, (4, 4)))
    write_text(path, ",".join(repr(float(entry)) for entry in matrix.reshape(-1)) + "\n")
