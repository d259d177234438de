"""Products of basis, misfit field and mesh that a joint fit is made of, each computed once; see `joint`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from inface._validate import BoolArray, FloatArray
from inface.fitting.basis import CoordinateBasis
from inface.fitting.misfit import MisfitArrays
from inface.fitting.quadratic import Minimum, Quadratic
from inface.transforms import Similarity

VERTICES = 1024  # read at a time


class Model(Protocol):
    """What a fitter of one kind of model offers."""

    basis: CoordinateBasis
    offset: FloatArray
    latent_mean: FloatArray
    latent_std: FloatArray
    settled: float  # change of the pose in one round, in sizes of the known part, below which it is found

    def minimise(self, quadratic: Quadratic, weight: float, starts: Sequence[FloatArray] = ()) -> Minimum: ...


@dataclass(frozen=True, eq=False)
class Scales:
    """By how much the spread of the latents, the fine misfit and each smooth component `(g,)` are exceeded."""

    latent: float
    fine: float
    smooth: FloatArray

    def change(self, other: "Scales") -> float:
        """Largest difference of the logarithms."""
        pairs = [(self.latent, other.latent), (self.fine, other.fine), *zip(self.smooth, other.smooth, strict=True)]
        return max(abs(float(np.log(a / b))) for a, b in pairs)


class KnownProducts:
    """Products of basis and field over the known vertices of one mask."""

    def __init__(self, model: Model, misfit: MisfitArrays, known: BoolArray) -> None:
        self.known, self.ids = known, np.flatnonzero(known)
        basis = model.basis
        size = float(basis.squares().max()) * float(np.max(model.latent_std, initial=0.0)) ** 2
        self.double = not basis.single or misfit.noise**2 < 1e-6 * size
        self.count = len(self.ids)
        self.inner = misfit.field[known]
        q, k = misfit.field.shape[1], basis.basis.shape[1]
        self.sums, self.cross = np.zeros((3, k)), np.zeros((3, q, k))
        for start in range(0, self.count, VERTICES):
            ids = self.ids[start : start + VERTICES]
            inner = misfit.field[ids].T.astype(basis.basis.dtype)
            for d in range(3):
                rows = basis.rows(3 * ids + d)
                self.sums[d] += rows.sum(0, dtype=np.float64)
                self.cross[d] += inner @ rows
        self.field_sums = self.inner.sum(0)
        self.field_gram = self.inner.T @ self.inner
        self.gram = basis.gram(known, double=self.double)


class ReducedProducts:
    """The smooth misfit integrated out, for one size of each of its components."""

    def __init__(self, kept: KnownProducts, misfit: MisfitArrays, scales: Scales) -> None:
        self.kept, self.misfit, self.scales = kept, misfit, scales
        # squared noise of one known coordinate as the fit takes it: neighbours that are alike count as one
        self.noise = max((scales.fine * misfit.noise) ** 2 * misfit.cluster, np.finfo(float).tiny)
        self.weight = self.noise / scales.latent**2
        q = misfit.field.shape[1]
        self.prior = scales.smooth[misfit.groups] ** 2 if q else np.zeros(0)  # variance of each column's coefficient
        normal = kept.field_gram + np.diag(self.noise / self.prior)
        self.inverse = np.linalg.inv(normal) if q else normal
        self.freedom = 3 * (q - float((np.diagonal(self.inverse) * self.noise / self.prior).sum()))
        self.solved = np.einsum("pq,dqk->dpk", self.inverse, kept.cross, optimize=True)  # X F^T B
        k = len(kept.gram)
        flat, crossed = self.solved.reshape(3 * q, k), kept.cross.reshape(3 * q, k)
        self.gram = kept.gram - crossed.T @ flat


class MeshProducts:
    """Products of one mesh with basis and field, from which those in any pose near the start follow."""

    def __init__(self, model: Model, kept: KnownProducts, vertices: FloatArray, start: Similarity, moves: bool) -> None:
        known, self.moves = kept.known, moves
        points: FloatArray = np.asarray(vertices[known], np.float64)
        points = start.apply(points) if moves else points
        self.centre = points.mean(0)
        arms, self.offset = points - self.centre, points - model.offset[known]
        self.size = float(np.sqrt((arms**2).sum(1).mean())) or 1.0
        rows = np.zeros((10 if moves else 1, len(known), 3))
        rows[0, known] = self.offset
        for a in range(3 if moves else 0):
            rows[1 + 3 * a : 4 + 3 * a, known, a] = arms.T
        products = model.basis.project(rows.reshape(len(rows), -1), double=kept.double)
        k = products.shape[1]
        self.basis_offset = products[0]
        self.basis_arms = products[1:].reshape(3, 3, k) if moves else np.zeros((3, 3, k))  # [a, b]: coordinate, arm
        self.field_offset, self.field_arms = kept.inner.T @ self.offset, kept.inner.T @ arms
        self.sum_offset, self.square = self.offset.sum(0), float((self.offset**2).sum())
        self.arms_offset, self.arms_arms = arms.T @ self.offset, arms.T @ arms
