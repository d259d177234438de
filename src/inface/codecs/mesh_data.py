"""What a mesh file holds, as plain arrays, and the pieces that several formats share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from inface._validate import FloatArray, IntArray


class MeshLike(Protocol):
    """What can be written: a `MeshData` or an `inface.Mesh`."""

    @property
    def vertices(self) -> FloatArray: ...
    @property
    def triangles(self) -> IntArray: ...
    @property
    def colors(self) -> FloatArray | None: ...
    @property
    def landmarks(self) -> Mapping[str, FloatArray] | None: ...


@dataclass(frozen=True, eq=False)
class MeshData:
    """The contents of a mesh file.

    Attributes:
        vertices: `(V, 3)` float64 in the order of the file; NaN marks an unknown vertex.
        triangles: `(T, 3)` int32; polygons of the file are cut into fans.
        colors: `(V, 3)` float64 in [0, 1], or None.
        landmarks: name -> `(3,)` point, or None.
        correspondence: False when the format stores no vertex identity (STL): order and count mean nothing.
        format: name of the format, e.g. "PLY".
    """

    vertices: FloatArray
    triangles: IntArray
    colors: FloatArray | None = None
    landmarks: Mapping[str, FloatArray] | None = None
    correspondence: bool = True
    format: str = ""


def fans(counts: IntArray, corners: IntArray) -> IntArray:
    """Cut polygons into triangle fans, order kept: `(T, 3)`.

    Polygon i has `counts[i]` of the flat `corners`; polygons with fewer than three corners vanish.
    """
    counts = np.asarray(counts, np.int64)
    if len(counts) and (counts == 3).all():
        return np.asarray(corners).reshape(-1, 3)
    pieces = np.maximum(counts - 2, 0)
    start = np.repeat(np.cumsum(counts) - counts, pieces)
    step = np.arange(int(pieces.sum())) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    return np.asarray(corners)[np.stack([start, start + step + 1, start + step + 2], 1)]


def eight_bits(colors: FloatArray) -> NDArray[np.uint8]:
    """Colours in [0, 1] as 0..255."""
    return np.rint(np.asarray(colors) * 255).astype(np.uint8)


def unit_colors(values: NDArray) -> FloatArray:
    """Colours in [0, 1] from integers (by the range of their type) or floats (0..1, or 0..255 if any exceeds 1)."""
    if values.dtype.kind in "iu":
        return values / (255.0 if values.dtype.itemsize != 2 else 65535.0)
    values = values.astype(np.float64)
    return values / 255.0 if values.size and values.max() > 1 else values
