"""Who is next to whom on a triangle mesh: edges, neighbours, components, border loops, normals; all vectorised.

Triangles may be degenerate (repeated indices, zero area): they add no edge from a vertex to itself and no normal.
"""

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from inface._validate import BoolArray, FloatArray, IntArray


def edges(triangles: IntArray) -> IntArray:
    """The unique undirected edges `(E, 2)`, lower index first, in ascending order."""
    return _pairs(edge_counts(triangles))


def adjacency(triangles: IntArray, vertex_count: int) -> sparse.csr_array:
    """Symmetric `(V, V)` matrix, float64, with 1 where two vertices share an edge and nothing on the diagonal.

    The column indices of each row are ascending.
    """
    counts = edge_counts(triangles, vertex_count)
    return sparse.csr_array((np.ones(counts.nnz), counts.indices, counts.indptr), shape=counts.shape)


def edge_counts(triangles: IntArray, vertex_count: int | None = None) -> sparse.csr_array:
    """Symmetric `(V, V)` int32 matrix: how many triangles use the edge between two vertices."""
    start, end = _directed_edges(triangles)
    size = vertex_count if vertex_count is not None else int(max(start.max(initial=-1), end.max(initial=-1))) + 1
    ends = np.minimum(start, end), np.maximum(start, end)
    upper = sparse.coo_array((np.ones(len(start), np.int32), ends), shape=(size, size)).tocsr()
    return sparse.csr_array(upper + upper.T.tocsr())


def neighbours(triangles: IntArray, vertex_count: int) -> list[IntArray]:
    """For each vertex the ascending ids of its neighbours."""
    matrix = adjacency(triangles, vertex_count)
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
    counts = edge_counts(triangles)
    rim = _pairs(counts, counts.data == 1)
    start, end = _directed_edges(triangles)
    size = np.int64(counts.shape[0])
    on_rim = np.isin(np.minimum(start, end) * size + np.maximum(start, end), rim[:, 0] * size + rim[:, 1])
    return np.stack([start[on_rim], end[on_rim]], 1)


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
    if not len(triangles):
        return np.zeros((len(vertices), 3))
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


def _directed_edges(triangles: IntArray) -> tuple[IntArray, IntArray]:
    """Start and end of the three edges of every triangle, those from a vertex to itself left out."""
    corners = np.asarray(triangles).reshape(-1, 3)
    start, end = corners.T.reshape(-1), corners[:, [1, 2, 0]].T.reshape(-1)
    proper = start != end
    return (start, end) if proper.all() else (start[proper], end[proper])


def _pairs(matrix: sparse.csr_array, keep: BoolArray | None = None) -> IntArray:
    """Rows and columns `(E, 2)` of the stored entries above the diagonal, of those in `keep` if given."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    above = rows < matrix.indices
    if keep is not None:
        above &= keep
    return np.stack([rows[above], matrix.indices[above]], 1)
