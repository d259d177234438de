"""Exact closest points on a triangle mesh with numpy and scipy: KD-trees on centroids, then the triangle itself.

A triangle's closest point lies at most its radius (centroid to farthest corner) from its centroid. So once some
triangle is found at distance d, only triangles whose centroid is nearer than d + radius can be nearer still.
Triangles are grouped by size (factors of two), one KD-tree a group, so that a few large ones widen nobody's search.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from inface._validate import BoolArray, FloatArray, IntArray, finite, floats

AT_ONCE = 2_000_000  # distances held at once in a search


@dataclass(frozen=True, eq=False)
class Closest:
    """Closest points on a surface to n query points.

    Attributes:
        points: `(n, 3)` on the surface.
        distance: `(n,)`; infinite where nothing lies within the asked bound.
        triangle: `(n,)` index of the triangle hit; -1 where nothing lies within the bound.
        weights: `(n, 3)` barycentric weights inside that triangle.
    """

    points: FloatArray
    distance: FloatArray
    triangle: IntArray
    weights: FloatArray


def closest_on_triangles(points: FloatArray, corners: FloatArray) -> FloatArray:
    """Barycentric weights `(n, 3)` of the point of triangle i, `corners[i] (3, 3)`, that is nearest to `points[i]`.

    Zero-area triangles are allowed: the nearest point of the segment or vertex they shrank to comes back [ericson2005].
    """
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    ab, ac = b - a, c - a
    to = points - a
    d00, d01, d11 = _dot(ab, ab), _dot(ab, ac), _dot(ac, ac)
    d20, d21 = _dot(to, ab), _dot(to, ac)
    area = d00 * d11 - d01 * d01
    flat = area <= 1e-14 * d00 * d11
    safe = np.where(flat, 1.0, area)
    v = (d11 * d20 - d01 * d21) / safe
    w = (d00 * d21 - d01 * d20) / safe
    weights = np.stack([1 - v - w, v, w], 1)
    outside = flat | (weights < 0).any(1)
    if outside.any():
        weights[outside] = _closest_on_edges(points[outside], corners[outside])
    return weights


def _closest_on_edges(points: FloatArray, corners: FloatArray) -> FloatArray:
    best = np.full(len(points), np.inf)
    weights = np.zeros((len(points), 3))
    rows = np.arange(len(points))
    for i, j in ((0, 1), (1, 2), (2, 0)):
        start, edge = corners[:, i], corners[:, j] - corners[:, i]
        length = _dot(edge, edge)
        t = np.clip(_dot(points - start, edge) / np.where(length > 0, length, 1.0), 0.0, 1.0)
        away = points - start - t[:, None] * edge
        distance = _dot(away, away)
        better = distance < best
        best = np.where(better, distance, best)
        candidate = np.zeros_like(weights)
        candidate[rows, i] = 1 - t
        candidate[rows, j] += t
        weights[better] = candidate[better]
    return weights


def _dot(a: FloatArray, b: FloatArray) -> FloatArray:
    return np.einsum("ij,ij->i", a, b)


class SurfaceIndex:
    """A triangle mesh made ready for exact closest-point queries.

    Args:
        vertices: `(V, 3)`, finite where a triangle uses them.
        triangles: `(T, 3)`, at least one; zero-area triangles are allowed.

    Raises:
        ValueError: no triangle, or a corner that is not finite.
    """

    def __init__(self, vertices: FloatArray, triangles: IntArray) -> None:
        if len(triangles) == 0:
            raise ValueError("triangles: expected at least one, got none; use a KD-tree on the points instead")
        self._corners = finite("corners of the triangles", np.asarray(vertices, np.float64)[np.asarray(triangles)])
        centroid = self._corners.mean(1)
        radius = np.sqrt(((self._corners - centroid[:, None]) ** 2).sum(2).max(1))
        scale = max(float(np.median(radius)), 1e-300)
        group = np.maximum(np.ceil(np.log2(np.maximum(radius / scale, 0.25))), -1).astype(int)
        self._groups = []
        for g in np.unique(group):
            members = np.flatnonzero(group == g)
            tree = cKDTree(centroid[members], compact_nodes=False, balanced_tree=False)
            self._groups.append((members, tree, float(radius[members].max())))
        self._groups.sort(key=lambda entry: -len(entry[0]))

    def closest(self, points: FloatArray, max_distance: float = np.inf) -> Closest:
        """The exact closest point of the surface to each of `points (n, 3)`; none beyond `max_distance`.

        Raises `ValueError` for query points that are not finite.
        """
        points = finite("points", floats("points", points, (None, 3)))
        n = len(points)
        best = np.full(n, float(max_distance))
        triangle = np.full(n, -1, np.int64)
        weights = np.zeros((n, 3))
        found = _Found(points, best, triangle, weights)
        for group in self._groups:
            self._search(found, group, np.arange(n))
        hit = triangle >= 0
        out = points.copy()
        out[hit] = np.einsum("nk,nkd->nd", weights[hit], self._corners[triangle[hit]])
        return Closest(out, np.where(hit, best, np.inf), triangle, weights)

    def _search(self, found: "_Found", group: tuple, open_: IntArray, k: int = 4, done: int = 0) -> None:
        """Better what is found with the triangles of one size group, for the points `open_`.

        The `done` nearest centroids were looked at before; now the `k` nearest are.
        """
        members, tree, radius = group
        while len(open_):
            k = min(k, len(members))
            if len(open_) * k > AT_ONCE and len(open_) > 1:  # in two halves, or the table would not fit in memory
                for half in np.array_split(open_, 2):
                    self._search(found, group, half, k, done)
                return
            distance, near = tree.query(found.points[open_], k=k)
            distance, near = distance.reshape(len(open_), k), near.reshape(len(open_), k)
            rows, cols = np.nonzero(distance[:, done:] < found.best[open_][:, None] + radius)
            if len(rows):
                ids = members[near[rows, cols + done]]
                query = found.points[open_[rows]]
                bary = closest_on_triangles(query, self._corners[ids])
                offset = np.einsum("nk,nkd->nd", bary, self._corners[ids]) - query
                length = np.sqrt(_dot(offset, offset))
                order = np.lexsort((ids, length, rows))
                first = order[np.unique(rows[order], return_index=True)[1]]
                target = open_[rows[first]]
                better = length[first] < found.best[target]
                target, first = target[better], first[better]
                found.best[target], found.triangle[target] = length[first], ids[first]
                found.weights[target] = bary[first]
            if k == len(members):
                break
            unfinished = distance[:, -1] < found.best[open_] + radius
            open_ = open_[unfinished]
            done, k = k, k * 4


@dataclass(frozen=True)
class _Found:
    """Query points `(n, 3)` and the nearest triangle of each so far; the arrays are written to in place."""

    points: FloatArray
    best: FloatArray
    triangle: IntArray
    weights: FloatArray


def nearest(
    tree: cKDTree, points: FloatArray, reach: float = np.inf, slack: float = 0.0
) -> tuple[FloatArray, IntArray, BoolArray]:
    """Distance `(n,)`, index `(n,)` of the nearest point of a KD-tree, and whether there is one within `reach` `(n,)`.

    Where there is none the distance is infinite and the index 0. With `slack` the point found may be farther than the
    nearest by this share, which is faster for points far away.
    """
    distance, index = tree.query(points, eps=slack, distance_upper_bound=reach)
    distance, index = np.asarray(distance), np.asarray(index)
    hit = np.isfinite(distance)
    return distance, np.where(hit, index, 0), hit


def surface_distance(points: FloatArray, vertices: FloatArray, triangles: IntArray) -> FloatArray:
    """Distance `(n,)` of points `(n, 3)` to the nearest point of the surface."""
    return SurfaceIndex(vertices, triangles).closest(points).distance
