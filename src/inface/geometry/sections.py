"""Plane sections of a mesh and the measures of a flat outline: tape length, widest chord."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull

from inface._validate import FloatArray, IntArray


def section_points(vertices: FloatArray, edges: IntArray, origin: FloatArray, normal: FloatArray) -> FloatArray:
    """Where the edges `(E, 2)` of one mesh `(V, 3)` cross the plane through `origin` with `normal`: `(P, 3)`."""
    height = (vertices - origin) @ normal
    low, high = height[edges[:, 0]], height[edges[:, 1]]
    crossing = (low < 0) != (high < 0)
    a, b = edges[crossing].T
    t = (low[crossing] / (low[crossing] - high[crossing]))[:, None]
    return vertices[a] * (1 - t) + vertices[b] * t


@dataclass(frozen=True, eq=False)
class Outline:
    """The convex outline of a flat section, as a tape laid round it: corners `(n, 2)`, counter-clockwise."""

    corners: FloatArray

    @classmethod
    def around(cls, points: FloatArray) -> "Outline":
        """The outline of flat points `(P, 2)`; raises `ValueError` when they do not span an area."""
        if len(points) < 3 or np.linalg.matrix_rank(points - points.mean(0), tol=1e-9) < 2:
            raise ValueError(f"a section needs at least 3 points that are not on one line, got {len(points)}")
        return cls(points[ConvexHull(points).vertices])

    @property
    def perimeter(self) -> float:
        """Length of the tape."""
        return float(np.linalg.norm(np.roll(self.corners, -1, 0) - self.corners, axis=1).sum())

    def longest_chord(self, direction: FloatArray) -> float:
        """Length of the longest chord parallel to a flat `direction (2,)`; exact for the polygon.

        Between corners the chord's length is linear in its offset, so the longest passes through a corner.
        """
        _, _, one, other = self._chords(direction)
        return float(np.abs(one - other).max())

    def chord_ends(self, direction: FloatArray) -> FloatArray:
        """Both ends `(2, 2)` of that chord, the second farther along the direction."""
        axes, offsets, one, other = self._chords(direction)
        best = int(np.abs(one - other).argmax())
        low, high = sorted((one[best], other[best]))
        return np.array([[low, offsets[best]], [high, offsets[best]]]) @ axes

    def _chords(self, direction: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Axes along and across a direction; at each corner's offset across it, where the outline begins and ends."""
        along = np.asarray(direction, float) / np.linalg.norm(direction)
        across = np.array([-along[1], along[0]])
        s, h = self.corners @ across, self.corners @ along
        start, stop = int(s.argmin()), int(s.argmax())
        count = len(s)
        rising = np.arange(start, start + (stop - start) % count + 1) % count
        falling = np.arange(stop, stop + (start - stop) % count + 1) % count
        one = np.interp(s, s[rising], h[rising])
        other = np.interp(s, s[falling][::-1], h[falling][::-1])
        return np.stack([along, across]), s, one, other
