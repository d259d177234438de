"""The infant head as one signed distance: cranium, face mass and neck; the face and the ears are welded on.

Frame: millimetres, x to the subject's left, y up, z forward; the origin lies on the midline near the level of the
tragia. The solid is exactly symmetric: everything is evaluated at |x|. No scan went into it: every number here was
chosen by hand, against published measures (docs/infant_template.md) and by looking.
"""

import numpy as np

from inface._validate import FloatArray
from inface.synthetic.primitives import F, capsule, ellipsoid, union
from inface.synthetic.sculpture_ear import add_ear
from inface.synthetic.sculpture_face import add_face

NECK_CUT = (-55.8, -0.17)  # the neck ends in the plane y = first + second * z: lower under the chin than at the nape


def above_neck_cut(points: FloatArray) -> FloatArray:
    """Height `(N,)` of points over the plane in which the neck ends, along y."""
    return points[:, 1] - NECK_CUT[0] - NECK_CUT[1] * points[:, 2]


def _cranium(p: FloatArray, paired: FloatArray) -> FloatArray:
    d = ellipsoid(p, (0, 45, -7), (56.0, 58.5, 57.8))
    d = union(d, ellipsoid(p, (0, 47, 14), (46, 51, 55.5)), 28)
    d = union(d, ellipsoid(paired, (19, 54, -19), (34.0, 38, 37.8)), 26)  # parietal
    d = union(d, ellipsoid(paired, (19, 33, -10), (31.5, 28, 43)), 22)  # temporal
    d = union(d, ellipsoid(paired, (15, 51, 31), (29, 30, 33)), 28)  # frontal bossing
    return union(d, ellipsoid(p, (0, 38, -30), (43.5, 40, 36.8)), 24)  # occiput


def _face_mass(p: FloatArray, paired: FloatArray) -> FloatArray:
    d = ellipsoid(p, (0, 2, 26), (46, 38, 40))
    d = union(d, ellipsoid(p, (0, -20, 38), (30, 26, 28)), 14)
    d = union(d, ellipsoid(p, (29.8, 2, 33.5), (12.6, 14, 17.5)), 14)  # cheek bone
    d = union(d, ellipsoid(paired, (17, 21, 45), (20, 11.5, 19.5)), 12)  # brow
    d = union(d, ellipsoid(p, (28.4, -16.5, 38), (18.5, 18, 23.4)), 12)  # cheek
    d = union(d, ellipsoid(p, (21, -29.5, 35), (18.3, 14.5, 21.5)), 12)  # fat pad
    d = union(d, capsule(p, (26, -15, 7), (6, -40, 46), 10.5, 9), 14)  # jaw
    d = union(d, ellipsoid(p, (0, -43.5, 55.6), (9.5, 9.0, 9)), 7)  # chin
    return union(d, ellipsoid(p, (0, -45, 30), (23, 14, 24)), 14)  # fat under the chin


def signed_distance(points: FloatArray, *, ears: bool = True, face: bool = True) -> FloatArray:
    """Signed distance `(N,)` float32 of points `(N, 3)`, mm, negative inside; exact on the surface only.

    `ears=False` leaves the ears out, `face=False` the fine face: what a part adds tells which vertices are its own.
    """
    p = np.array(points, F)
    p[:, 0] = np.abs(p[:, 0])
    x, y, z = p.T
    paired = p.copy()
    paired[:, 0] = np.sqrt(x * x + F(144))  # paired solids that reach the midline would leave a crease on it
    d = union(_cranium(p, paired), _face_mass(p, paired), 14)
    d = union(d, capsule(p, (0, -12, -12), (0, -110, -15), 32, 36), 24)
    if face:
        near = np.flatnonzero((np.abs(d) < 26) & (z > 20) & (y < 45) & (y > -70))
        d[near] = add_face(p[near], d[near])
    if not ears:
        return d
    near = np.flatnonzero((np.abs(d) < 32) & (y < 48) & (y > -40) & (z < 34) & (z > -46) & (x > 34))
    d[near] = add_ear(p[near], d[near])
    return d
