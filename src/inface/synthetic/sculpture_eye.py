"""The eye of the sculpture: the fissure between the lids, the visible eyeball, the lids around it (left side)."""

import numpy as np

from inface._validate import FloatArray
from inface.synthetic.primitives import F, bump, ellipsoid, rotation, union

# Canthi in the front view (x, y), mm: en-en 27 and ex-ex 72 at six months [facts E.6], lateral corner a little higher.
MEDIAL, LATERAL = (13.5, 10.6), (36.0, 12.3)
# The visible eyeball: a globe stretched sideways so that both canthi rest on it.
EYE_CENTRE, EYE_RADII = (23.4, 12.3, 55.5), (13.4, 10.8, 10.6)
EYE_FRAME = rotation("y", 7.0)  # turned outwards with the face
IRIS_CENTRE, IRIS_RADIUS, PUPIL_RADIUS, CORNEA_HEIGHT = (23.3, 13.0), 5.35, 2.2, 0.7
LID_THICKNESS = 0.7


def fissure(u: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Upper and lower lid margin in the front view at `u` in [0, 1] from medial to lateral: x, upper y, lower y."""
    u = np.clip(u, 0, 1)
    x = MEDIAL[0] + (LATERAL[0] - MEDIAL[0]) * u
    base = MEDIAL[1] + (LATERAL[1] - MEDIAL[1]) * u
    upper = base + 17.9 * u**0.78 * (1 - u) ** 0.86
    lower = base - 13.2 * u**1.06 * (1 - u) ** 0.78
    return x, upper, lower


def along_fissure(x: FloatArray) -> FloatArray:
    """The parameter `u` of `fissure` at a front-view x; outside [0, 1] beyond the canthi."""
    return (x - MEDIAL[0]) / (LATERAL[0] - MEDIAL[0])


def eyeball_depth(x: FloatArray, y: FloatArray) -> FloatArray:
    """z of the visible eyeball, with the cornea's bulge, at front-view places within its outline."""
    sine, cosine = EYE_FRAME[0, 2], EYE_FRAME[0, 0]
    a, b, c = EYE_RADII
    dx, dy = x - EYE_CENTRE[0], y - EYE_CENTRE[1]
    # the ellipsoid's equation along the line of sight: p z^2 + 2 q z + r = 0
    p = sine**2 / a**2 + cosine**2 / c**2
    q = dx * sine * cosine * (1 / c**2 - 1 / a**2)
    r = dx**2 * (cosine**2 / a**2 + sine**2 / c**2) + dy**2 / b**2 - 1
    z = EYE_CENTRE[2] + (np.sqrt(np.maximum(q * q - p * r, 1e-4)) - q) / p
    from_pupil = np.hypot(x - IRIS_CENTRE[0], y - IRIS_CENTRE[1]) / (IRIS_RADIUS + 0.9)
    return z + CORNEA_HEIGHT * np.maximum(1 - from_pupil**2, 0) ** 1.5


def add_lids(points: FloatArray, distance: FloatArray) -> FloatArray:
    """Weld closed, puffy lids over the eyeball onto the face; the fissure is cut out of them when the mesh is made."""
    x, y, z = points.T
    radii = [r + LID_THICKNESS for r in EYE_RADII]
    d = union(distance, ellipsoid(points, EYE_CENTRE, radii, EYE_FRAME), 7.5)
    d = union(d, ellipsoid(points, (25.0, 21.0, 55.0), (11, 4.5, 7), EYE_FRAME), 11)  # puffy fold under the brow
    d = union(d, ellipsoid(points, (32, 12, 48.5), (12, 8, 9), rotation("y", 25)), 11)  # outer corner
    d = union(d, ellipsoid(points, (22.5, 3.8, 55.8), (9, 3.0, 6), EYE_FRAME), 9)  # lower lid, a little swollen
    u = along_fissure(x)
    _, upper, lower = fissure(u)
    inside = np.clip((u + 0.06) / 1.12, 0, 1)
    arch = np.maximum(np.sin(np.pi * inside), 0)
    weight = arch * (z > 50)
    d = d + F(0.7) * weight * bump(y - (upper + 2.0 + 1.5 * arch), 1.5)
    return d + F(0.15) * weight * bump(y - (lower - 3.6), 1.7)
