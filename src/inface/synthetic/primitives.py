"""Signed distances of simple solids and the soft unions that weld them; arrays of points in, distances out.

All distances are in millimetres, negative inside. Points are `(N, 3)` float32: the grid has some 600,000 of them.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy.interpolate import CubicSpline

from inface._validate import FloatArray
from inface.geometry.rotations import about

F = np.float32
Triple = Sequence[float]


def union(a: FloatArray, b: FloatArray, blend: float) -> FloatArray:
    """Smooth minimum: the union of two solids with a fillet about `blend` millimetres wide (quadratic polynomial)."""
    overlap = np.maximum(F(blend) - np.abs(a - b), 0) / F(blend)
    return np.minimum(a, b) - overlap * overlap * F(blend * 0.25)


def carve(a: FloatArray, b: FloatArray, blend: float) -> FloatArray:
    """Smooth difference: solid `a` without solid `b`."""
    return -union(-a, b, blend)


def ellipsoid(points: FloatArray, centre: Triple, radii: Triple, frame: FloatArray | None = None) -> FloatArray:
    """First-order distance to an ellipsoid; `frame` `(3, 3)` holds its axes as columns. Exact on its surface only."""
    q = points - np.asarray(centre, F)
    if frame is not None:
        q = q @ frame
    r = np.asarray(radii, F)
    k0 = np.sqrt(((q / r) ** 2).sum(1))
    k1 = np.sqrt(((q / (r * r)) ** 2).sum(1))
    return k0 * (k0 - 1) / np.maximum(k1, F(1e-6))


def capsule(points: FloatArray, a: Triple, b: Triple, radius_a: float, radius_b: float | None = None) -> FloatArray:
    """Distance to a rod from `a` to `b` with round ends; the radius runs linearly from one end to the other."""
    start, end = np.asarray(a, F), np.asarray(b, F)
    along = end - start
    q = points - start
    t = np.clip(q @ along / (along @ along), 0, 1)
    radius = F(radius_a) + t * F((radius_a if radius_b is None else radius_b) - radius_a)
    return np.sqrt(((q - t[:, None] * along) ** 2).sum(1)) - radius


def tube(points: FloatArray, stations: FloatArray) -> FloatArray:
    """Distance to a chain of tapered rods through `stations` `(S, 4)`: x, y, z, radius."""
    distance = np.full(len(points), np.inf, F)
    for a, b in pairwise(stations):
        distance = np.minimum(distance, capsule(points, a[:3], b[:3], a[3], b[3]))
    return distance


def spline(stations: Sequence[Triple], count: int, *, across: bool = False) -> FloatArray:
    """A smooth curve `(count, D)` through the stations `(S, D)` (cubic, parametrised by the root of the chords).

    `across=True`: the first station lies on the midline x = 0, which the curve crosses squarely; its left half.
    """
    rows = np.asarray(stations, float)
    if across:
        sign = np.where(np.arange(rows.shape[1]) == 0, -1.0, 1.0)
        whole = spline(np.r_[rows[:0:-1] * sign, rows], 2 * count - 1)
        return whole[count - 1 :]
    t = np.r_[0, np.cumsum(np.linalg.norm(np.diff(rows[:, :3], axis=0), axis=1) ** 0.5)]
    return CubicSpline(t, rows)(np.linspace(0, t[-1], count))


def rotation(axis: str, degrees: float) -> FloatArray:
    """Rotation matrix `(3, 3)` about "x", "y" or "z" in the precision of the solids."""
    return about(axis, degrees).astype(F)


def bump(distance: FloatArray, width: float) -> FloatArray:
    """A Gaussian of height 1: `exp(-(distance / width)^2)`."""
    return np.exp(-((distance / F(width)) ** 2))
