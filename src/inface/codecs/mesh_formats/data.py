"""What a mesh file holds, as plain arrays, what a format is, and the pieces that several formats share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from inface._validate import FloatArray, IntArray

GREY = 0.7  # of vertices without a colour among others that have one


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
        notes: what the file holds and this is not, one sentence each; `read_mesh` warns of them.
    """

    vertices: FloatArray
    triangles: IntArray
    colors: FloatArray | None = None
    landmarks: Mapping[str, FloatArray] | None = None
    correspondence: bool = True
    format: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class MeshFormat:
    """One format, which knows its own files.

    Attributes:
        name: such as "PLY".
        suffix: in lower case, with its dot.
        is_own: whether the contents of a file are this format's for sure, whatever the file is called.
        parse: contents and the folder that textures lie in (None: there is none) to data.
        dump: writes data to an open file.
        keeps_order: False when the format stores no vertex identity.
    """

    name: str
    suffix: str
    is_own: Callable[[bytes], bool]
    parse: Callable[[bytes, Path | None], MeshData]
    dump: Callable[[BinaryIO, MeshLike], None]
    keeps_order: bool = True


def fans(counts: IntArray, corners: IntArray) -> IntArray:
    """Cut polygons into triangle fans, order kept: `(T, 3)`.

    Polygon i has `counts[i]` of the flat `corners`; polygons with fewer than three corners vanish.
    """
    return np.asarray(corners)[fan_corners(counts)]


def fan_corners(counts: IntArray) -> IntArray:
    """Of polygons cut into fans, `(T, 3)`: where each triangle's corners stand in the flat list of corners."""
    counts = np.asarray(counts, np.int64)
    if len(counts) and (counts == 3).all():
        return np.arange(3 * len(counts)).reshape(-1, 3)
    pieces = np.maximum(counts - 2, 0)
    start = np.repeat(np.cumsum(counts) - counts, pieces)
    step = np.arange(int(pieces.sum())) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    return np.stack([start, start + step + 1, start + step + 2], 1)


def strip_triangles(lengths: IntArray, corners: IntArray) -> IntArray:
    """Triangles `(T, 3)` of strips, in which -1 starts a new one and every second triangle is turned."""
    pieces = []
    for strip in np.split(corners, np.cumsum(lengths)[:-1]):
        for run in np.split(strip, np.flatnonzero(strip < 0)):
            run = run[run >= 0]
            triangles = np.stack([run[:-2], run[1:-1], run[2:]], 1) if len(run) > 2 else np.zeros((0, 3), np.int32)
            triangles[1::2] = triangles[1::2, [1, 0, 2]]
            pieces.append(triangles)
    return np.concatenate(pieces) if pieces else np.zeros((0, 3), np.int32)


def eight_bits(colors: FloatArray) -> NDArray[np.uint8]:
    """Colours in [0, 1] as 0..255."""
    return np.rint(np.asarray(colors) * 255).astype(np.uint8)


def unit_colors(values: NDArray) -> FloatArray:
    """Colours in [0, 1] from whole numbers or floats; the scale is that of most values, and odd ones are clipped.

    One byte is 0..255. Wider whole numbers are 0..255 or 0..65535, by what they hold. Floats are 0..1 where most of
    those that are not 0 or 1 lie between, or where none exceeds 1 by more than half; else 0..255. NaN stays NaN.
    """
    if values.dtype.kind in "iu" and values.dtype.itemsize == 1:
        return values / 255.0
    values = values.astype(np.float64)
    known = values[np.isfinite(values)]
    scale = 1.0
    if known.size and known.max() > 1:
        whole = bool((known == np.rint(known)).all())
        over = known[known > 1]
        if whole or (known.max() > 1.5 and ((known > 0) & (known < 1)).sum() < len(over)):
            scale = 255.0 if np.median(over) < 256 else 65535.0
    return np.clip(values / scale, 0, 1)


def filled_colors(colors: FloatArray) -> tuple[FloatArray | None, tuple[str, ...]]:
    """Colours of which some are unknown (NaN): those made grey, and a note that says so; None when all are unknown."""
    lost = ~np.asarray(np.isfinite(colors).all(1))
    if not lost.any():
        return colors, ()
    if lost.all():
        return None, ()
    note = f"{int(lost.sum())} of {len(colors)} vertices have no colour in the file and are shown grey"
    return np.where(lost[:, None], GREY, colors), (note,)


def float32_error(vertices: FloatArray) -> float:
    """How far (mm) float32 would move the known vertices by their distance from the origin; 0 where that is small.

    Small is under 0.01 mm, or under a millionth of the extent: what float32 does to any mesh about the origin.
    """
    known = vertices[np.asarray(np.isfinite(vertices).all(1))]
    if not len(known):
        return 0.0
    with np.errstate(over="ignore"):
        error = float(np.abs(known - known.astype(np.float32)).max())
    return error if error > max(0.01, 1e-6 * float(np.ptp(known, axis=0).max())) else 0.0
