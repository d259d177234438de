"""A look at the shape that no distance shows: how the surface bends at each place, on the fit and on the scan.

A face that slid, is turned round or is none at all lies on the scan as near as a right one; but its bumps and pits do
not lie on the scan's. For a place the bend is the mean height of the surface within a radius over the tangent plane, in
radii: below 0 on bumps, above in pits. The likeness is the correlation of the bends of the fit with those of the scan
at the nearest points.
"""

from dataclasses import dataclass
from itertools import chain

import numpy as np
from scipy.spatial import cKDTree

from inface._validate import BoolArray, FloatArray, IntArray
from inface.geometry.adjacency import vertex_normals
from inface.geometry.proximity import nearest
from inface.registration.prior import ShapePrior
from inface.registration.target import Target

FACE = ("cheeks", "nose", "lips", "chin", "lids", "brows")
FACE_RADIUS = 18.0  # mm on a head of usual size
USUAL = 330.0  # mm, diagonal of a usual head's box
FEWEST = 30  # places to compare; fewer say nothing
THIN = 15000  # points of the scan that are looked at


@dataclass(frozen=True)
class Likeness:
    """How alike two surfaces bend.

    Attributes:
        value: correlation of the bends, -1 to 1; NaN where too little can be compared.
        shown: share of the places at which there is a scan to compare.
        relief: strength of the scan's bends over the fit's; near 0 where the scan is a blur.
    """

    value: float
    shown: float
    relief: float = np.nan


class Looks:
    """Looks at one target with one prior; what is asked often is made once."""

    def __init__(self, prior: ShapePrior, target: Target) -> None:
        self.prior, self.target = prior, target
        chosen = np.arange(len(target.points))
        if len(chosen) > THIN:
            chosen = np.sort(np.random.default_rng(3).choice(len(chosen), THIN, replace=False))
        self._points, self._normals = target.points[chosen], target.normals[chosen]
        self._weights = target.weights[chosen]
        self._tree = cKDTree(self._points)
        self._edge = cKDTree(target.points[target.border]) if target.border.any() else None

    def face(self, vertices: FloatArray) -> Likeness:
        """Likeness of the front of the face; of the model's whole surface where its template names no features."""
        named = "nose" in self.prior.regions
        ids = self.prior.region(*FACE) if named else np.flatnonzero(self.prior.face)
        return self.at(vertices, ids, FACE_RADIUS)

    def slip(self, vertices: FloatArray, up: FloatArray) -> float:
        """How many mm too high the face of the fit seems to sit (below 0: too low); 0 where nothing tells.

        The bends of the fit are held against those of the scan 10 to 30 mm further up and down; `up (3,)` is the
        head's y axis in the working frame.
        """
        here = self.face(vertices).value
        ids = self.prior.region(*FACE)
        if np.isnan(here) or not len(ids):
            return 0.0
        shifts = [float(mm) for mm in (-30, -20, -10, 10, 20, 30)]
        found = [self.at(vertices, ids, FACE_RADIUS, shift=mm * up).value for mm in shifts]
        best = int(np.nanargmax([-1.0, *found])) - 1
        return -shifts[best] if best >= 0 and found[best] > max(here + 0.15, 0.5) else 0.0

    def at(self, vertices: FloatArray, ids: IntArray, radius: float, count: int = 700, shift=0.0) -> Likeness:
        """Likeness of the surface `vertices (V, 3)` (working frame) with the scan at the vertices `ids`.

        `shift (3,)`: look at the scan this far away from each vertex.
        """
        prior, target = self.prior, self.target
        ids = ids[(prior.usable & ~prior.border)[ids]]
        if len(ids) < FEWEST:
            return Likeness(np.nan, 0.0)
        if len(ids) > count:
            ids = ids[np.sort(np.random.default_rng(3).choice(len(ids), count, replace=False))]
        normals = vertex_normals(vertices, prior.triangles)
        _, near, hit = nearest(target.tree, vertices[ids] + shift, 0.05 * prior.size)
        ok = hit & (np.einsum("ij,ij->i", target.normals[near], normals[ids]) > 0.3)
        if self._edge is not None:
            ok &= nearest(self._edge, target.points[near])[0] > 0.4 * radius * prior.size / USUAL
        shown = float(ok.mean())
        if ok.sum() < FEWEST:
            return Likeness(np.nan, shown)
        ids, near = ids[ok], near[ok]
        mm = radius * prior.size / USUAL
        mine = self.model_bends(vertices, ids, normals, mm)
        theirs = self.bends(target.points[near], target.normals[near], mm)
        return _compare(mine, theirs, prior.area[ids], shown)

    def bends(self, places: FloatArray, normals: FloatArray, radius: float) -> FloatArray:
        """Bends of the scan at places of it `(n, 3)` with unit normals; `radius` in mm of the working frame."""
        return bends(self._tree, self._normals, self._weights, places, normals, radius)

    def model_bends(self, vertices: FloatArray, ids: IntArray, normals: FloatArray, radius: float) -> FloatArray:
        """Bends of the surface `vertices (V, 3)` at `ids`; `radius` in mm of the working frame."""
        prior = self.prior
        close = np.zeros(len(vertices), bool)  # what may lie within the radius
        low, high = vertices[ids].min(0) - radius, vertices[ids].max(0) + radius
        usable = prior.usable
        close[usable] = ((vertices[usable] >= low) & (vertices[usable] <= high)).all(1)
        tree = cKDTree(vertices[close])
        return bends(tree, normals[close], prior.area[close], vertices[ids], normals[ids], radius)


def bends(tree: cKDTree, normals, weights, places: FloatArray, place_normals: FloatArray, radius: float) -> FloatArray:
    """`(n,)` bends of the surface of points in `tree` at `places (n, 3)`; NaN where too few points lie about."""
    near = tree.query_ball_point(places, radius)
    count = np.fromiter(map(len, near), int, len(near))
    row = np.repeat(np.arange(len(places)), count)
    ids = np.fromiter(chain.from_iterable(near), int, int(count.sum()))
    facing = np.einsum("ij,ij->i", normals[ids], place_normals[row]) > 0
    row, ids = row[facing], ids[facing]
    height = np.einsum("ij,ij->i", tree.data[ids] - places[row], place_normals[row])
    total = np.bincount(row, weights[ids], len(places))
    left = np.bincount(row, minlength=len(places))
    lifted = np.bincount(row, weights[ids] * height, len(places))
    return np.where(left > 6, lifted / np.maximum(total, 1e-300) / radius, np.nan)


def _compare(mine: FloatArray, theirs: FloatArray, area: FloatArray, shown: float) -> Likeness:
    good: BoolArray = np.isfinite(mine) & np.isfinite(theirs)
    if good.sum() < FEWEST:
        return Likeness(np.nan, shown)
    a, b, w = mine[good], theirs[good], area[good] / area[good].sum()
    a, b = a - w @ a, b - w @ b
    spread_a, spread_b = np.sqrt(w @ a**2), np.sqrt(w @ b**2)
    together = w @ (a * b)
    return Likeness(float(together / max(spread_a * spread_b, 1e-30)), shown, float(spread_b / max(spread_a, 1e-30)))
