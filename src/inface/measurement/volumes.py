"""Volumes of the quadrants of the vault, without caps.

All three planes run through one point O, so the faces that a quadrant has on them are seen from O edge-on: the signed
tetrahedra (O, triangle) of the skin clipped by the planes sum to the quadrant's volume. The skin must be closed above
the zero plane; the neck may be open.
"""

from functools import lru_cache

import numpy as np

from inface._validate import FloatArray
from inface.measurement.head import Head, Unmeasurable

RIM = 1.0  # mm above the zero plane from which an open border means an open vault


def octants(corners: FloatArray, axes: FloatArray) -> dict[tuple[bool, bool, bool], float]:
    """Signed volumes, in mm^3, of a surface's share of each octant about the origin.

    `corners (T, 3, 3)` the triangles' corners from O; `axes (3, 3)` rows, the normals of the planes. The key says on
    which side of each plane (True: where its normal points). For a closed surface they sum to its volume.
    """
    pieces = corners
    for axis in axes:
        pieces = _split(pieces, axis)
    volume = np.einsum("ti,ti->t", pieces[:, 0], np.cross(pieces[:, 1], pieces[:, 2])) / 6
    side = pieces.mean(1) @ axes.T > 0
    code = side @ [4, 2, 1]
    sums = np.bincount(code, volume, 8)
    return {(bool(k & 4), bool(k & 2), bool(k & 1)): float(sums[k]) for k in range(8)}


def _split(triangles: FloatArray, normal: FloatArray) -> FloatArray:
    """Triangles cut along the plane through the origin: none lies on both sides afterwards."""
    height = triangles @ normal
    above = height > 0
    count = above.sum(1)
    across = (count > 0) & (count < 3)
    whole, cut, h = triangles[~across], triangles[across], height[across]
    if not len(cut):
        return whole
    # turn each so that its first corner is the one alone on its side
    alone = np.where(count[across] == 1, np.argmax(above[across], 1), np.argmin(above[across], 1))
    turn = (alone[:, None] + np.arange(3)) % 3
    cut = np.take_along_axis(cut, turn[:, :, None], 1)
    h = np.take_along_axis(h, turn, 1)
    a, b, c = cut[:, 0], cut[:, 1], cut[:, 2]
    ab = a + (h[:, 0] / (h[:, 0] - h[:, 1]))[:, None] * (b - a)
    ac = a + (h[:, 0] / (h[:, 0] - h[:, 2]))[:, None] * (c - a)
    return np.concatenate([whole, np.stack([a, ab, ac], 1), np.stack([ab, b, c], 1), np.stack([ab, c, ac], 1)])


@lru_cache(maxsize=4)
def quadrants(head: Head) -> dict[str, float]:
    """Volumes above the zero plane, ml: "fl", "fr", "bl", "br" (front or back, left or right)."""
    rim = head.anatomy.rim
    if len(rim) and (head.height_of(head.smooth[rim]) > RIM).any():
        raise Unmeasurable("the vault is open: the mesh has a border above the plane of nasion and tragia")
    corners = head.smooth[head.anatomy.triangles] - head.origin
    high = (corners @ head.up > 0).any(1)
    found = octants(corners[high], np.stack([head.up, head.forward, head.lateral]))
    out = {f + s: found[True, f == "f", s == "l"] / 1000 for f in "fb" for s in "lr"}
    if min(out.values()) <= 0:
        raise Unmeasurable("the skin above the plane of nasion and tragia encloses no volume: is the mesh inside out?")
    return out
