"""The frozen triangle mesh: vertices, triangles, colours, landmarks."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from inface import _validate
from inface._validate import FloatArray, IntArray
from inface.landmarks import LandmarkSet


@dataclass(frozen=True, eq=False)
class Mesh:
    """A triangle mesh, or a bare point cloud (no triangles); every operation returns a new one.

    Attributes:
        vertices: `(V, 3)` float64; NaN marks an unknown vertex.
        triangles: `(T, 3)` int32, counter-clockwise seen from outside; repeated indices are allowed (scans).
        colors: `(V, 3)` float64 in [0, 1], or None.
        landmarks: named points in the mesh's frame, or None. A `(L, 3)` array is named "0", "1", ...

    Raises:
        ValueError: wrong shapes, or a triangle index outside the vertices.
    """

    vertices: FloatArray
    triangles: IntArray
    colors: FloatArray | None = None
    landmarks: LandmarkSet | None = None

    def __init__(
        self, vertices: ArrayLike, triangles: ArrayLike, colors: ArrayLike | None = None, landmarks=None
    ) -> None:
        points = _validate.floats("vertices", np.zeros((0, 3)) if np.size(vertices) == 0 else vertices, (None, 3))
        if points.ndim != 2:
            raise ValueError(f"vertices: expected shape (V, 3), got {points.shape}")
        if np.isinf(points).any():
            raise ValueError("vertices: expected finite numbers or NaN (unknown), got infinite values")
        if colors is not None:
            colors = _validate.finite("colors", _validate.floats("colors", colors, (len(points), 3)))
            if colors.size and (colors.min() < 0 or colors.max() > 1):
                raise ValueError(f"colors: expected numbers in [0, 1], got {colors.min():g} to {colors.max():g}")
        if landmarks is not None and not isinstance(landmarks, LandmarkSet):
            if hasattr(landmarks, "items"):
                landmarks = LandmarkSet.of(landmarks)
            else:
                rows = np.asarray(landmarks, float).reshape(-1, 3)
                landmarks = LandmarkSet(tuple(str(i) for i in range(len(rows))), rows)
        object.__setattr__(self, "vertices", points)
        object.__setattr__(self, "triangles", _validate.triangles("triangles", triangles, len(points)))
        object.__setattr__(self, "colors", colors)
        object.__setattr__(self, "landmarks", landmarks)

    def with_vertices(self, vertices: ArrayLike) -> "Mesh":
        """The same mesh with its vertices moved to `(V, 3)`; landmarks stay where they are."""
        return Mesh(vertices, self.triangles, self.colors, self.landmarks)

    def with_colors(self, colors: ArrayLike | None) -> "Mesh":
        """The same mesh in other colours."""
        return Mesh(self.vertices, self.triangles, colors, self.landmarks)

    def with_landmarks(self, landmarks) -> "Mesh":
        """The same mesh with other landmarks."""
        return Mesh(self.vertices, self.triangles, self.colors, landmarks)

    @classmethod
    def load(cls, path: str | Path) -> "Mesh":
        """Read a mesh file; vertex order and count are kept. See `inface.codecs` for the formats."""
        raise NotImplementedError

    def export(self, path: str | Path) -> None:
        """Write the mesh; the suffix names the format. The write is atomic."""
        raise NotImplementedError
