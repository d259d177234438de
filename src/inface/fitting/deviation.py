"""The spread of a whole shape about a fit: by latent, pose, smooth misfit and fine misfit."""

from dataclasses import dataclass

import numpy as np

from inface._validate import FloatArray
from inface.fitting.basis import CoordinateBasis

VERTICES = 1024  # looked at at a time


@dataclass(frozen=True, eq=False)
class Deviation:
    """Factors of the covariance of `B h + J w + F c + fine`, J the motions of the shape that was found.

    Attributes:
        hidden: `(H, r)`, motion: `(m, r)`, field: `(3, q, r)`: what r independent standard normal numbers do.
        generators: `(m - 3, 3, 3)` of the motions that turn (and scale); the shifts are the motions 3 to 5.
        centre: `(3,)` about which it turns.
        own_field: `(q, q)` what q further numbers do to the field of each coordinate.
        fine: `(V,)` standard deviation of the rest.
        columns: `(V, q)` F.
        latent: `(K, K)` factor of the covariance of the standardised latent.
    """

    hidden: FloatArray
    motion: FloatArray
    generators: FloatArray
    centre: FloatArray
    field: FloatArray
    own_field: FloatArray
    fine: FloatArray
    columns: FloatArray
    latent: FloatArray

    def std(self, basis: CoordinateBasis, shape: FloatArray, turn: FloatArray | None = None) -> FloatArray:
        """Standard deviation `(V, 3)` of each coordinate, for the model's shape `(V, 3)` that was found.

        `turn (3, 3)`: seen in a frame turned so (`turn @ x`).
        """
        out = np.empty(shape.shape)
        for start in range(0, len(shape), VERTICES):
            ids = np.arange(start, min(start + VERTICES, len(shape)))
            part = self._rows(basis, shape[ids], ids)
            if turn is not None:
                part = np.einsum("ab,nbr->nar", turn, part, optimize=True)
            square = np.einsum("nar,nar->na", part, part, dtype=np.float64)
            square += ((self.columns[ids] @ self.own_field) ** 2).sum(1)[:, None]
            out[ids] = np.sqrt(square + self.fine[ids, None] ** 2)
        return out

    def factor(self, basis: CoordinateBasis, shape: FloatArray) -> FloatArray:
        """`(3V, R)` whose product with its transpose is the covariance of all but the fine part."""
        own = self.columns @ self.own_field
        r, q = self.hidden.shape[1], own.shape[1]
        out = np.zeros((len(shape), 3, r + 3 * q), basis.basis.dtype)
        for start in range(0, len(shape), VERTICES):
            ids = np.arange(start, min(start + VERTICES, len(shape)))
            out[ids, :, :r] = self._rows(basis, shape[ids], ids)
        for d in range(3):
            out[:, d, r + d * q : r + (d + 1) * q] = own
        return out.reshape(3 * len(shape), -1)

    def _rows(self, basis: CoordinateBasis, points: FloatArray, ids: np.ndarray) -> FloatArray:
        """`(n, 3, r)` what the r numbers do to some vertices, which lie at `points (n, 3)`."""
        dtype = basis.basis.dtype
        rows = basis.basis[3 * ids[0] : 3 * ids[-1] + 3]
        part = (rows @ self.hidden.astype(dtype)).reshape(len(ids), 3, -1)
        if len(self.motion):
            arms = points - self.centre
            turning = np.concatenate([self.motion[:3], self.motion[6:]])
            moved = np.einsum("gab,nb,gr->nar", self.generators, arms, turning, optimize=True)
            part = part - (moved + self.motion[3:6][None]).astype(dtype)
        if self.field.shape[1]:
            part = part + np.einsum("nq,dqr->ndr", self.columns[ids], self.field, optimize=True).astype(dtype)
        return part
