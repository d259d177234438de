"""Who is next to whom on a triangle mesh: edges, neighbours, components, border loops, normals; all vectorised.

Triangles may be degenerate (repeated indices, zero area): they add no edge from a vertex to itself and no normal.
"""

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from inface._validate import BoolArray, FloatArray, IntArray


def edges(triangles: IntArray) -> IntArray:
    """The unique undirected edges `(E, 2)`, lower index first, in ascending order."""
    return _unique_edges(triangles)[0]


def adjacency(triangles: IntArray, vertex_count: int) -> sparse.csr_array:
    """Symmetric `(V, V)` matrix, float64, with 1 where two vertices share an edge and nothing on the diagonal."""
    pairs = edges(triangles)
    rows, columns = np.concatenate([pairs, pairs[:, ::-1]]).T
    return sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(vertex_count, vertex_count))


def neighbours(triangles: IntArray, vertex_count: int) -> list[IntArray]:
    """For each vertex the ascending ids of its neighbours."""
    matrix = adjacency(triangles, vertex_count)
    matrix.sort_indices()
    return np.split(matrix.indices, matrix.indptr[1:-1])


def components(triangles: IntArray, vertex_count: int) -> tuple[int, IntArray]:
    """Number of connected components and the label `(V,)` of each vertex; a vertex of no triangle is one by itself."""
    return csgraph.connected_components(adjacency(triangles, vertex_count), directed=False)


def referenced(triangles: IntArray, vertex_count: int) -> BoolArray:
    """`(V,)` True where a triangle uses the vertex."""
    used = np.zeros(vertex_count, bool)
    used[np.asarray(triangles).reshape(-1)] = True
    return used


def border_edges(triangles: IntArray) -> IntArray:
    """Directed edges `(B, 2)` that one triangle alone uses, in that triangle's direction."""
    _, inverse, counts, directed = _unique_edges(triangles)
    return directed[counts[inverse] == 1]


def border_loops(triangles: IntArray) -> list[IntArray]:
    """The border as closed loops of vertex ids, longest first, each in the direction of its triangles.

    Where a vertex touches the border twice (a bow tie), the loops through it are told apart at will, but every border
    edge is in exactly one loop. Chains that do not close (triangles wound against each other) are left out.
    """
    rim = border_edges(triangles)
    following: dict[int, list[int]] = {}
    for start, end in rim.tolist():
        following.setdefault(start, []).append(end)
    loops = []
    for start in following:
        while following[start]:
            chain, place = [start], {start: 0}
            while following.get(chain[-1]):
                end = following[chain[-1]].pop()
                if end in place:  # a loop closes; what led to it goes on
                    loops.append(np.array(chain[place[end] :]))
                    for vertex in chain[place[end] + 1 :]:
                        del place[vertex]
                    del chain[place[end] + 1 :]
                else:
                    place[end] = len(chain)
                    chain.append(end)
    return sorted(loops, key=len, reverse=True)


def triangle_normals(vertices: FloatArray, triangles: IntArray) -> FloatArray:
    """Normals `(..., T, 3)` with the length of twice the area; zero for degenerate triangles, NaN beside NaN."""
    a, b, c = (vertices[..., triangles[:, k], :] for k in range(3))
    return np.cross(b - a, c - a)


def triangle_areas(vertices: FloatArray, triangles: IntArray) -> FloatArray:
    """Areas `(..., T)`."""
    return np.linalg.norm(triangle_normals(vertices, triangles), axis=-1) / 2


def vertex_normals(vertices: FloatArray, triangles: IntArray) -> FloatArray:
    """Unit normals `(V, 3)`, weighted by area; zero where no proper triangle is (unreferenced, NaN, degenerate)."""
    weighted = np.nan_to_num(triangle_normals(vertices, triangles), nan=0.0)
    total = np.stack(
        [
            np.bincount(triangles.reshape(-1), np.repeat(weighted[:, axis], 3), minlength=len(vertices))
            for axis in range(3)
        ],
        1,
    )
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return np.divide(total, length, out=np.zeros_like(total), where=length > 0)


def _unique_edges(triangles: IntArray) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Unique edges, the index of each directed edge among them, their counts, and the directed edges `(3T, 2)`."""
    corners = np.asarray(triangles, np.int64).reshape(-1, 3)
    directed = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
    directed = directed[directed[:, 0] != directed[:, 1]]
    base = int(directed.max()) + 1 if len(directed) else 1
    keys, inverse, counts = np.unique(directed.min(1) * base + directed.max(1), return_inverse=True, return_counts=True)
    return np.stack([keys // base, keys % base], 1), inverse, counts, directed
