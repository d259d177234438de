"""The landmarks of the midline, by rule on the profile of the sculpture's fine mesh, before it is remeshed.

They become fixed vertices of the remesher: where a landmark lies does not hang on where its triangles happen to fall.
"""

import numpy as np

from inface._validate import BoolArray, FloatArray
from inface.synthetic.sculpture_face import vermilion


def profile_landmarks(vertices: FloatArray, midline: BoolArray) -> dict[str, int]:
    """Ids of v, g, n, prn, sn, ls, li, sl, pg, gn, op among the midline vertices of a head `(N, 3)`."""
    _, y, z = vertices.T

    def most(score: FloatArray, low: float, high: float, front: bool = True) -> int:
        ids = np.flatnonzero(midline & (y > low) & (y < high) & ((z > 30) | (not front)))
        return int(ids[score[ids].argmax()])

    top, bottom = (float(border[0]) for border in vermilion(np.zeros(1)))
    found = {
        "v": most(y, 80, 200, front=False),
        "g": most(-np.abs(y - 27), 20, 34),  # on the level of the brows: an infant's glabella does not stand out
        "n": most(-z, 12, 24),  # the deepest point of the root of the nose
        "prn": most(z, -12, 6),
        "sn": most(0.6 * y - 0.8 * z, -17, -9),  # the corner between columella and philtrum
        "ls": most(-np.abs(y - top), -26, -18),
        "li": most(-np.abs(y - bottom), -38, -28),
        "pg": most(0.97 * z - 0.25 * y, -50, -41),
        "gn": most(0.68 * z - 0.73 * y, -60, -44),
    }
    upper, lower = vertices[found["li"]], vertices[found["pg"]]
    along = (lower - upper) / np.linalg.norm(lower - upper)
    behind = -((vertices - upper) @ np.array([0, along[2], -along[1]]))
    found["sl"] = most(behind, lower[1], upper[1])  # the deepest point between lower lip and chin
    found["op"] = most(np.linalg.norm(vertices - vertices[found["g"]], axis=1), 15, 90, front=False)
    return found
