"""The face of the sculpture: orbit, cheeks, nose, lips and chin, welded onto the mass of the head."""

import numpy as np

from inface._validate import FloatArray
from inface.synthetic.primitives import F, capsule, carve, ellipsoid, rotation, spline, tube, union
from inface.synthetic.sculpture_eye import add_lids

MOUTH_CORNER = 16.4  # |x|, mm: ch-ch 33 at six months [facts E.6]
UPPER_LIP = spline(
    [(0, -23.2, 72.5, 3.3), (3.6, -22.3, 72.3, 3.3), (8, -23.1, 70.5, 2.8), (12.5, -24.8, 67.0, 1.9)]
    + [(16.2, -26.2, 62.4, 0.6)],
    41,
    across=True,
)
LOWER_LIP = spline(
    [(0, -29.7, 70.8, 3.6), (4, -29.4, 70.5, 3.5), (8.5, -28.6, 68.9, 2.9), (12.5, -27.4, 66, 1.9)]
    + [(16.2, -26.4, 62.2, 0.6)],
    41,
    across=True,
)
NOSTRIL = ((4.2, -8.3, 75.2), (3.6, -3.8, 70.5), 1.6, 1.6)  # the ends and radii of a capsule
GROOVE = np.array([(0, -26.6, 76.5, 0.5), (6, -26.1, 75, 0.5), (11, -26.2, 71.5, 0.5), (16.7, -26.4, 66.5, 0.4)])


def mouth_line(x: FloatArray) -> FloatArray:
    """y of the line where the lips meet, in the front view: a tubercle in the middle, corners level with it."""
    x = np.abs(x)
    tubercle = -0.35 * np.maximum(1 - (x / 5.0) ** 2, 0) + 0.35 * np.exp(-(((x - 7) / 4.0) ** 2))
    return -26.45 + tubercle + 0.15 * (x / 16.0) ** 4


def vermilion(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """y of the upper and lower border of the red of the lips, in the front view."""
    u = np.clip(np.abs(x) / MOUTH_CORNER, 0, 1)
    bow = 5.6 - 1.0 * np.exp(-((x / 2.0) ** 2))
    return -26.2 + (bow - 0.5) * (1 - u**2.2), -26.4 - 7.7 * (1 - u**2.0)


def _within(points: FloatArray, low, high):
    return np.flatnonzero(np.all((points > np.asarray(low, F)) & (points < np.asarray(high, F)), axis=1))


def add_nose(points: FloatArray, d: FloatArray) -> FloatArray:
    """Low broad bridge, short round tip, small alae that run out into the cheek, columella, nostrils, philtrum."""
    d = union(d, capsule(points, (0, 14.5, 60.3), (0, -2, 68.4), 4.9, 6.2), 10)
    nose = ellipsoid(points, (0, -3.0, 73.2), (6.9, 6.0, 6.6))
    ala = ellipsoid(points, (7.8, -5.7, 68.8), (4.2, 4.4, 7.0), rotation("y", 24))
    nose = union(nose, ala, 5.5)
    nose = union(nose, capsule(points, (0, -6.8, 75.6), (0, -9.2, 70.6), 2.5), 3)
    d = union(d, nose, 4.2)
    d = carve(d, capsule(points, *NOSTRIL), 1.4)  # nostril
    return carve(d, capsule(points, (0, -15.2, 77.7), (0, -19.4, 80.0), 2.0, 2.6), 3)


def add_lips(points: FloatArray, d: FloatArray) -> FloatArray:
    """Two soft rolls and the groove between them."""
    i = _within(points, (-1, -46, 50), (27, -9, 95))
    q, near = points[i], d[i]
    near = union(near, union(tube(q, UPPER_LIP), tube(q, LOWER_LIP), 0.5), 3.4)
    d[i] = carve(near, tube(q, GROOVE), 1.5)
    return d


def add_face(points: FloatArray, distance: FloatArray) -> FloatArray:
    """Everything finer than the mass of the head, in front of z = 20."""
    d = carve(distance, ellipsoid(points, (21.0, 12.5, 81.5), (14, 8.5, 13)), 12)  # hardly any orbit
    d = carve(d, ellipsoid(points, (12.6, 10.5, 73), (4.4, 6, 8.6)), 8)  # beside the bridge
    d = union(d, ellipsoid(points, (24, -2, 50), (17, 10, 12)), 10)  # below the orbit
    d = union(d, ellipsoid(points, (18.5, -6, 55), (12.5, 11, 11.5)), 10)  # beside the nose
    d = union(d, ellipsoid(points, (0, -22.5, 52), (20, 16, 22)), 9)  # muzzle
    d = add_nose(points, d)
    d = carve(d, capsule(points, (0, -37.6, 76), (11, -36.4, 72), 4.0, 3.0), 6)  # fold above the chin
    d = add_lips(points, d)
    i = _within(points, (3, -12, 28), (60, 38, 84))
    d[i] = add_lids(points[i], d[i])
    return d
