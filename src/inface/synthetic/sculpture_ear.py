"""The ear of the sculpture (left side), in a frame of its own: u backwards, v up, w outwards."""

import numpy as np

from inface._validate import FloatArray
from inface.synthetic.primitives import F, carve, ellipsoid, rotation, spline, tube, union

ORIGIN = (53.0, 2.2, 0.8)
FRAME = rotation("z", -8) @ rotation("x", -12) @ rotation("y", -8)  # columns: outwards, up, forwards
SCALE = 1.03

HELIX = spline(
    [(-1, 4, 1.2, 1.4), (-5, 9, 1.6, 1.9), (-6.3, 16, 2.4, 2.2), (-1, 23, 3.4, 2.3), (8, 24.5, 4.2, 2.4)]
    + [(15.2, 18.5, 4.6, 2.4), (17, 9, 4.6, 2.3), (14, -1, 4, 2.1), (8.8, -8.5, 2.8, 2.1), (3.5, -13, 1.6, 2.3)],
    36,
)
ANTIHELIX = spline(
    [(3, 18, 2.0, 1.2), (8.5, 14, 3.2, 2), (10.5, 6, 3.8, 2.2), (8.5, -2, 3.4, 2), (4.5, -7.5, 2.6, 2)], 14
)


def ear_frame(points: FloatArray) -> FloatArray:
    """Points `(N, 3)` in the ear's own coordinates u, v, w."""
    outward, up, forward = ((points - np.asarray(ORIGIN, F)) @ FRAME / F(SCALE)).T
    return np.stack([-forward, up, outward], 1)


def add_ear(points: FloatArray, distance: FloatArray) -> FloatArray:
    """Weld the ear onto the head: plate, folds, lobe grown onto the cheek, tragus, bowl and canal."""
    q = ear_frame(points)
    e = ellipsoid(q, (6, 6, 0.5), (13.3, 20.5, 2.6))
    e = union(e, tube(q, ANTIHELIX), 3)
    e = union(e, tube(q, HELIX), 2.4)
    e = union(e, ellipsoid(q, (-0.6, -12.0, 0.2), (4.6, 4.8, 2.2)), 4.5)  # lobe
    e = union(e, ellipsoid(q, (4, 3, -4.5), (11.5, 15, 6)), 6)  # fills the cleft behind
    e = carve(e, ellipsoid(q, (2.5, 0.8, 3.2), (6.0, 7.3, 5.0)), 2)  # bowl
    e = carve(e, ellipsoid(q, (2, 9.6, 4.2), (6, 3, 3.3)), 1.5)  # hollow under the helix
    d = union(distance, e * F(SCALE), 5)
    d = union(d, ellipsoid(q, (-4.6, -1.2, 0.6), (2.4, 3.4, 2.0)) * F(SCALE), 3.5)  # tragus
    d = union(d, ellipsoid(q, (3, -8.4, 1.9), (2.4, 2.1, 1.9)) * F(SCALE), 2.5)  # antitragus
    return carve(d, ellipsoid(q, (-0.4, 0, 0.6), (2.4, 3.4, 4.6)) * F(SCALE), 1.5)  # canal
