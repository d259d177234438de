"""Shortest ways along a triangle surface.

Dijkstra's algorithm on the vertices and on points along the edges (Lanthier, Maheshwari, Sack 1997): with four points
an edge the length is at most about one per cent too long, never too short by more than the facets cut.
"""

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from inface._validate import FloatArray, IntArray
from inface.geometry.adjacency import edges as edges_of

_ON_EDGE = 4  # points on each edge beside its ends


def surface_path(
    vertices: FloatArray, triangles: IntArray, start: tuple[int, FloatArray], end: tuple[int, FloatArray]
) -> FloatArray | None:
    """The shortest way between two points of a surface, `(n, 3)`; None when no way leads there.

    Args:
        vertices: `(V, 3)`; triangles `(T, 3)`.
        start, end: number of the triangle and the point on it `(3,)`.

    >>> square = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    >>> path = surface_path(square, np.array([[0, 1, 2], [0, 2, 3]]), (0, square[1]), (1, square[3]))
    >>> float(path_length(path))
    1.414...
    """
    (t, a), (u, b) = start, end
    if t == u:
        return np.array([a, b])
    straight = float(np.linalg.norm(b - a))
    for stretch in (1.7, 4.0, np.inf):  # look near first
        reach = stretch * straight + 10.0
        way = np.linalg.norm(vertices - a, axis=1) + np.linalg.norm(vertices - b, axis=1)
        near = np.isfinite(way) & (way <= reach)
        kept = near[triangles].all(1) if np.isfinite(reach) else np.isfinite(way)[triangles].all(1)
        kept[[t, u]] = True
        found = _search(vertices, triangles[kept], int(kept[:t].sum()), a, int(kept[:u].sum()), b)
        if found is not None and path_length(found) <= reach:
            return found
    return found


def path_length(path: FloatArray) -> float:
    """Length of a line through points `(n, 3)`."""
    return float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())


def _search(
    vertices: FloatArray, triangles: IntArray, t: int, a: FloatArray, u: int, b: FloatArray
) -> FloatArray | None:
    used, corners = np.unique(triangles, return_inverse=True)
    corners = corners.reshape(-1, 3)
    sides = edges_of(corners)
    part = (np.arange(_ON_EDGE) + 1) / (_ON_EDGE + 1)
    p, q = vertices[used][sides[:, 0]], vertices[used][sides[:, 1]]
    between = (p[:, None] * (1 - part[:, None]) + q[:, None] * part[:, None]).reshape(-1, 3)
    points = np.concatenate([vertices[used], between, [a, b]])
    on_triangle = _nodes(corners, sides, len(used))  # (T, 3 + 3 * _ON_EDGE)
    first, second = np.triu_indices(on_triangle.shape[1], 1)
    rows, columns = on_triangle[:, first].ravel(), on_triangle[:, second].ravel()
    for triangle, node in ((t, len(points) - 2), (u, len(points) - 1)):
        rows = np.concatenate([rows, np.full(on_triangle.shape[1], node)])
        columns = np.concatenate([columns, on_triangle[triangle]])
    pairs = np.unique(np.stack([np.minimum(rows, columns), np.maximum(rows, columns)], 1), axis=0)
    length = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    shape = (len(points), len(points))
    graph = sparse.csr_array((np.maximum(length, 1e-12), (pairs[:, 0], pairs[:, 1])), shape=shape)
    far, before = csgraph.dijkstra(graph, directed=False, indices=len(points) - 2, return_predecessors=True)
    node = len(points) - 1
    if not np.isfinite(far[node]):
        return None
    way = [node]
    while node != len(points) - 2:
        node = int(before[node])
        way.append(node)
    return points[way[::-1]]


def _nodes(corners: IntArray, sides: IntArray, count: int) -> IntArray:
    """The nodes on each triangle: its corners and the points on its sides."""
    key = sides.min(1).astype(np.int64) * count + sides.max(1)
    order = np.argsort(key)
    found = [corners]
    for i, j in ((0, 1), (1, 2), (2, 0)):
        pair = np.minimum(corners[:, i], corners[:, j]).astype(np.int64) * count + np.maximum(
            corners[:, i], corners[:, j]
        )
        side = order[np.searchsorted(key[order], pair)]
        found.append(count + side[:, None] * _ON_EDGE + np.arange(_ON_EDGE))
    return np.concatenate(found, 1)
