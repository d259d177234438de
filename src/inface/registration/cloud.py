"""Points, normals and border to match with, taken from a clean surface or from a bare point cloud."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph
from scipy.spatial import cKDTree

from inface._validate import BoolArray, FloatArray, IntArray
from inface.geometry.adjacency import adjacency, border_edges, border_loops, triangle_areas, vertex_normals

CLOUD = 60000  # points kept for matching
SPARSE = 8000  # meshes with fewer vertices get points on their triangles too
PINHOLE = 12  # edges round a hole of a vertex or two, which is no end of the surface


@dataclass(frozen=True, eq=False)
class Cloud:
    """What is matched.

    Attributes:
        points, normals: `(m, 3)`, unit normals outward.
        border: `(m,)` True near an open border.
        weights: `(m,)` share of the surface a point stands for.
    """

    points: FloatArray
    normals: FloatArray
    border: BoolArray
    weights: FloatArray


def open_border(triangles: IntArray, count: int) -> tuple[BoolArray, int]:
    """`(count,)` True at vertices of the surface's open ends, and how many pinholes were not taken for one."""
    rim = np.zeros(count, bool)
    rim[border_edges(triangles)] = True
    small = [loop for loop in border_loops(triangles) if len(loop) <= PINHOLE]
    for loop in small:
        rim[loop] = False
    return rim, len(small)


def surface_cloud(vertices: FloatArray, triangles: IntArray, rim: BoolArray, smooth_normals: int) -> Cloud:
    """The vertices of a surface, or points on its triangles where it is coarse; `rim (n,)`: open ends."""
    normals = vertex_normals(vertices, triangles)
    near = adjacency(triangles, len(vertices))
    for _ in range(smooth_normals):
        normals = normals + near @ normals
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    wide = rim.astype(float)
    for _ in range(2):
        wide = ((wide + near @ wide) > 0).astype(float)
    area = triangle_areas(vertices, triangles)
    weights = np.bincount(triangles.ravel(), np.repeat(area / 3, 3), len(vertices)).astype(float)
    border = wide > 0
    if len(vertices) < SPARSE:
        return _more_points(vertices, triangles, normals, border)
    if len(vertices) > CLOUD:
        keep = _even_subset(vertices, weights, CLOUD)
        return Cloud(vertices[keep], normals[keep], border[keep], np.full(len(keep), weights.sum() / len(keep)))
    return Cloud(vertices, normals, border, weights)


def _more_points(vertices: FloatArray, triangles: IntArray, normals: FloatArray, border: BoolArray) -> Cloud:
    """Points on the triangles of a coarse mesh, so that matching finds the surface and not its corners."""
    rng = np.random.default_rng(0)
    area = triangle_areas(vertices, triangles)
    pick = np.sort(rng.choice(len(triangles), 3 * SPARSE, p=area / area.sum()))
    u, v = rng.random((2, len(pick), 1))
    over = u + v > 1
    u, v = np.where(over, 1 - u, u), np.where(over, 1 - v, v)
    a, b, c = (triangles[pick, k] for k in range(3))
    points = vertices[a] * (1 - u - v) + vertices[b] * u + vertices[c] * v
    smooth = normals[a] * (1 - u - v) + normals[b] * u + normals[c] * v
    smooth /= np.maximum(np.linalg.norm(smooth, axis=1, keepdims=True), 1e-12)
    near_rim = (border[a] & border[b]) | (border[b] & border[c]) | (border[c] & border[a])
    return Cloud(points, smooth, near_rim, np.full(len(points), area.sum() / len(points)))


def _even_subset(points: FloatArray, weights, count: int) -> IntArray:
    """About `count` points with chance by area, the same ones for any order of the input."""
    order = np.lexsort(points.T)
    key = np.empty(len(points))
    key[order] = np.random.default_rng(0).exponential(size=len(points))
    return np.sort(np.argsort(key / np.maximum(weights, 1e-300))[:count])


def point_cloud(points: FloatArray) -> Cloud:
    """Normals of a bare cloud by local planes; sides made to agree along a spanning tree [hoppe1992], then outward."""
    if len(points) > CLOUD // 2:
        points = points[_even_subset(points, np.ones(len(points)), CLOUD // 2)]
    k = min(16, len(points) - 1)
    distance, near = (np.asarray(part) for part in cKDTree(points).query(points, k=k + 1))
    spread = points[near] - points[near].mean(1, keepdims=True)
    normals = np.linalg.eigh(np.einsum("nki,nkj->nij", spread, spread))[1][:, :, 0]
    rows = np.repeat(np.arange(len(points)), k)
    cols = near[:, 1:].ravel()
    agree = np.einsum("ij,ij->i", normals[rows], normals[cols])
    tree = csgraph.minimum_spanning_tree(
        sparse.coo_matrix((1.0001 - np.abs(agree), (rows, cols)), (len(points), len(points)))
    )
    pieces, label = csgraph.connected_components(tree, directed=False)
    centre = points.mean(0)
    for piece in range(pieces):
        members = np.flatnonzero(label == piece)
        order, parent = csgraph.breadth_first_order(tree, members[0], directed=False)
        for i in order[1:]:
            if normals[i] @ normals[parent[i]] < 0:
                normals[i] = -normals[i]
        if np.einsum("ij,ij->", normals[members], points[members] - centre) < 0:
            normals[members] *= -1
    # at an open border the neighbours lie to one side
    one_sided = np.linalg.norm(points[near[:, 1:]].mean(1) - points, axis=1) > 0.45 * distance[:, 1:].mean(1)
    return Cloud(points, normals, one_sided, distance[:, 1:].mean(1) ** 2)
