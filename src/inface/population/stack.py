"""Stacks of shapes `(N, V, 3)` that may be larger than memory."""

import os
import tempfile
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from inface._validate import FloatArray
from inface.codecs.shape_store import MappedShapes
from inface.errors import FileAccessError

MEMORY_LIMIT = 4 * 2**30


def empty_stack(shape: tuple[int, ...], dtype: DTypeLike = np.float32, limit: int | None = None) -> NDArray[Any]:
    """An array, or, where it would be larger than `limit` bytes (`MEMORY_LIMIT`), one in a temporary file that goes
    with it.

    Raises:
        FileAccessError: the temporary folder has no room for it (a write beyond the room would end the process).
    """
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    if size <= (MEMORY_LIMIT if limit is None else limit):
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile(prefix="inface-") as stream:
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(stream.fileno(), 0, size)
        except OSError as error:
            raise FileAccessError(
                f"the shapes need {size / 2**20:,.0f} MB in the temporary folder '{tempfile.gettempdir()}', which has "
                "not so much room; set TMPDIR to a folder that has"
            ) from error
        return np.memmap(stream, dtype, "r+" if hasattr(os, "posix_fallocate") else "w+", shape=shape)


def flat_rows(shapes: Any) -> Any:
    """Shapes `(N, V, 3)` as rows `(N, 3V)`; those of a store are flattened where they are read."""
    if isinstance(shapes, MappedShapes):
        return FlatRows(shapes)
    return shapes.reshape(len(shapes), int(np.prod(shapes.shape[1:])))


class FlatRows:
    """Shapes of a store as rows `(N, 3V)`, in memory only where they are indexed, row by row."""

    def __init__(self, shapes: MappedShapes) -> None:
        self.shapes, self.dtype = shapes, shapes.dtype
        self.shape = (len(shapes), shapes.shape[1] * shapes.shape[2])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> FloatArray:
        found = self.shapes[key]
        return found.reshape(*found.shape[:-2], self.shape[1])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> FloatArray:
        return self[:] if dtype is None else self[:].astype(dtype)

    @property
    def nbytes(self) -> int:
        """Bytes of all rows."""
        return self.shapes.nbytes


def chosen(shapes: Any, index: Any) -> Any:
    """The shapes at `index`, as `Population.subset` takes them: of a store all stay on disk, of a memory map many."""
    if isinstance(shapes, MappedShapes):
        return shapes.select(index)
    if not isinstance(shapes, np.memmap) or isinstance(index, slice):
        return shapes[index]
    rows = np.arange(len(shapes))[index]
    out = empty_stack((len(rows), *shapes.shape[1:]), shapes.dtype)
    for i, row in enumerate(rows):
        out[i] = shapes[row]
    return out
