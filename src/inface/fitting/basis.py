"""Products of a wide linear basis restricted to the known vertices, at the cost of reading it once."""

from threading import Lock

import numpy as np

from inface._validate import BoolArray, FloatArray

# Coordinates a block. Float32 products are summed inside a block only; the blocks are summed in float64, so that the
# error of a long sum does not grow with the number of vertices.
BLOCK = 4096


class CoordinateBasis:
    """A basis `B (3V, k)` of vertex coordinates (a view of the model's weights; nothing is copied or up-cast whole).

    Args:
        basis: `(3V, k)`, C-ordered (last layer of a network) or the transposed view of C-ordered components.
    """

    def __init__(self, basis: FloatArray) -> None:
        self.basis = basis
        self.single = basis.dtype == np.float32
        self._full: dict[bool, FloatArray] = {}
        self._squares: FloatArray | None = None
        self._lock = Lock()

    def gram(self, known: BoolArray, *, double: bool = True) -> FloatArray:
        """`B_known^T B_known (k, k)` in float64, for a mask of known vertices `(V,)`.

        Only the smaller of the known and the unknown rows is read: the other side is the difference from the Gram
        matrix of all rows, which is computed once. With `double=False` the products of float32 weights are taken in
        float32 inside blocks of 4096 coordinates (relative error about 1e-7 of the diagonal), otherwise in float64.
        """
        double = double or not self.single
        if 2 * np.count_nonzero(known) <= len(known):
            return self._rows_gram(known, double)
        if known.all():
            return self._full_gram(double).copy()
        return self._full_gram(double) - self._rows_gram(~known, double)

    def _full_gram(self, double: bool) -> FloatArray:
        with self._lock:
            if double not in self._full:
                total = np.zeros((self.basis.shape[1],) * 2)
                for start in range(0, len(self.basis), BLOCK):
                    total += _square(self.basis[start : start + BLOCK], double)
                self._full[double] = total
            return self._full[double]

    def squares(self) -> FloatArray:
        """Sum of squares `(k,)` of each column over all rows, in float64."""
        with self._lock:
            if self._full:
                return np.diagonal(next(iter(self._full.values()))).copy()
            if self._squares is None:
                blocks = range(0, len(self.basis), BLOCK)
                parts = [np.square(self.basis[start : start + BLOCK]).sum(0, dtype=np.float64) for start in blocks]
                self._squares = np.sum(parts, axis=0)
            return self._squares

    def _rows_gram(self, vertices: BoolArray, double: bool) -> FloatArray:
        rows = np.flatnonzero(np.repeat(vertices, 3))
        total = np.zeros((self.basis.shape[1],) * 2)
        for start in range(0, len(rows), BLOCK):
            total += _square(self.rows(rows[start : start + BLOCK]), double)
        return total

    def rows(self, rows) -> FloatArray:
        """Rows `(n, k)` of the basis, gathered along its memory order."""
        if self.basis.flags.c_contiguous:
            return self.basis[rows]
        return self.basis.T.take(rows, axis=1).T

    def project(self, residual: FloatArray, *, double: bool = True) -> FloatArray:
        """`residual @ B (N, k)` in float64, for `residual (N, 3V)` that is zero where the vertices are unknown.

        With `double=False` the products of float32 weights stay in float32 inside each block. Blocks without any
        known coordinate are not read.
        """
        double = double or not self.single
        residual = np.ascontiguousarray(residual, np.float64 if double else self.basis.dtype)
        out = np.zeros((len(residual), self.basis.shape[1]))
        for start in range(0, len(self.basis), BLOCK):
            part = residual[:, start : start + BLOCK]
            if not part.any():
                continue
            block = self.basis[start : start + BLOCK]
            if double:
                block = block.astype(np.float64, copy=False)
            if len(part) == 1:
                out[0] += part[0] @ block
            else:
                out += part @ block
        return out

    def spread(self, factor: FloatArray) -> FloatArray:
        """Standard deviation `(3V,)` of `B u` for latents `u` of covariance `factor factor^T`, `factor (k, r)`."""
        factor = np.asarray(factor, self.basis.dtype)
        out = np.empty(len(self.basis))
        for start in range(0, len(self.basis), BLOCK):
            part = self.basis[start : start + BLOCK] @ factor
            out[start : start + BLOCK] = np.sqrt(np.einsum("nk,nk->n", part, part, dtype=np.float64))
        return out


def _square(block: FloatArray, double: bool) -> FloatArray:
    if double:
        block = block.astype(np.float64, copy=False)
    return block.T @ block
