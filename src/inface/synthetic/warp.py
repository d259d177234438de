"""A warp of space that carries control points to their targets: a thin-plate spline, linear in the targets.

Once the source points are fixed, `warp(x) = x + basis(x) @ (targets - sources)`: one matrix product moves any number of
heads, and the same matrix gives the image of any point of space (an opened lip, a closed lid).
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lu_factor, lu_solve

from inface._validate import FloatArray


def _kernel(a: FloatArray, b: FloatArray) -> FloatArray:
    """`r^2 log r` between points `(A, 3)` and `(B, 3)` [duchon1977]."""
    square = ((a * a).sum(1)[:, None] + (b * b).sum(1)[None] - 2 * a @ b.T).clip(0)
    return 0.5 * square * np.log(np.maximum(square, 1e-12))


@dataclass(frozen=True, eq=False)
class PointWarp:
    """Thin-plate spline over fixed sources `(L, 3)`, exact at the sources, with a free affine part."""

    sources: FloatArray
    weights: FloatArray

    @classmethod
    def over(cls, sources: FloatArray) -> "PointWarp":
        """Factor the spline once; raises `numpy.linalg.LinAlgError` when two sources coincide."""
        count = len(sources)
        scale = float(np.abs(sources).max())
        scaled = sources / scale
        system = np.zeros((count + 4, count + 4))
        system[:count, :count] = _kernel(scaled, scaled)
        system[:count, count:] = np.column_stack([np.ones(count), scaled])
        system[count:, :count] = system[:count, count:].T
        if np.linalg.cond(system) > 1e13:
            raise np.linalg.LinAlgError("two control points of the warp coincide")
        return cls(sources, lu_solve(lu_factor(system), np.eye(count + 4, count)))

    def basis(self, points: FloatArray) -> FloatArray:
        """`(P, L)`: the displacement of `points (P, 3)` is this times the displacements `(L, 3)` of the sources."""
        scale = float(np.abs(self.sources).max())
        scaled = points / scale
        rows = np.column_stack([_kernel(scaled, self.sources / scale), np.ones(len(points)), scaled])
        return rows @ self.weights


_TOGETHER = 16  # children a product; a fixed number, so that a child's sums do not depend on how many there are


def carried(matrix: FloatArray, moves: FloatArray) -> FloatArray:
    """`matrix (V, L) @ moves (N, L, 3)` as `(N, V, 3)`, for a child the same whatever the others are.

    Every product that the processor's library sees has one shape: the children go in sixteens, the last filled up. In
    which of the sixteen places a child stands may count in the last of float64's digits, not in float32's.
    """
    out = np.empty((len(moves), len(matrix), 3), matrix.dtype)
    columns = np.zeros((matrix.shape[1], _TOGETHER, 3), matrix.dtype)
    for start in range(0, len(moves), _TOGETHER):
        some = moves[start : start + _TOGETHER]
        columns[:, : len(some)] = some.transpose(1, 0, 2)
        flat = (matrix @ columns.reshape(len(columns), -1)).reshape(len(matrix), _TOGETHER, 3)
        out[start : start + len(some)] = flat[:, : len(some)].transpose(1, 0, 2)
    return out


def each_product(rows: FloatArray, matrix: FloatArray) -> FloatArray:
    """`rows (N, A) @ matrix (A, B)`, row by row: the same bytes for a row whatever the others are."""
    product: FloatArray = (rows[:, None] @ matrix)[:, 0]
    return product
