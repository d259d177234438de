"""What registration needs of a model: its mean, its modes (one standard deviation each), what may match a scan."""

import copy
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from inface._validate import BoolArray, FloatArray, IntArray
from inface.geometry.adjacency import adjacency, border_edges, triangle_areas, vertex_normals
from inface.template import INSIDE


class ShapePrior:
    """A morphable model as a Gaussian over shapes: `x = mean + basis @ b`, `b ~ N(0, I)`.

    A PCA model or a linear network is used as it is. A non-linear network is replaced by its tangent (finite
    differences of the decoder) at a latent of choice, see `at`.

    Attributes:
        mean: `(V, 3)` shape at the latent mean, mm.
        basis: `(V, 3, K)` float32, displacement of one standard deviation of each latent entry.
        triangles: `(T, 3)`.
        linear: False when `basis` holds near `origin` only.
        origin: `(K,)` standardised latent at which `mean` and `basis` were taken; zeros for linear models.
        usable: `(V,)` vertices that may match a scan (not inside the mouth, in some triangle).
        border: `(V,)` vertices within one edge of the mesh's open border.
        face: `(V,)` the template's face region; all usable vertices when the template names none.
        landmarks: name -> vertex id.
        patch: True for a face mask, False for a head (most of a ball).
    """

    def __init__(self, model: Any, origin: FloatArray | None = None) -> None:
        self.model = model
        self.triangles: IntArray = np.asarray(model.triangles)
        self._latent_mean = np.asarray(model.latent_mean, float)
        self._latent_std = np.asarray(model.latent_std, float)
        count = len(self._latent_mean)
        self.origin = np.zeros(count) if origin is None else np.asarray(origin, float)
        centre = self._latent_mean + self._latent_std * self.origin
        self.mean: FloatArray = np.asarray(model.decode(centre), np.float64)
        if hasattr(model, "components"):
            modes = np.asarray(model.components).reshape(count, -1, 3) * self._latent_std[:, None, None]
            self.linear = True
        else:
            step = 0.25
            ahead = np.asarray(model.decode(centre + step * np.diag(self._latent_std)), np.float64)
            modes = (ahead - self.mean) / step
            back = np.asarray(model.decode(centre - step * self._latent_std), np.float64)
            forth = np.asarray(model.decode(centre + step * self._latent_std), np.float64)
            bend = np.abs(forth + back - 2 * self.mean).max()
            self.linear = bool(bend < 1e-3 * max(np.abs(forth - back).max(), 1e-12))
        self.basis: FloatArray = np.ascontiguousarray(np.moveaxis(modes, 0, -1), dtype=np.float32)

    def at(self, b: FloatArray) -> "ShapePrior":
        """The tangent at standardised latent `b (K,)`; the prior itself for linear models."""
        return self if self.linear else ShapePrior(self.model, b)

    def truncated(self, modes: int) -> "ShapePrior":
        """The same prior with its first `modes` modes only (linear models)."""
        if not self.linear or modes >= self.basis.shape[2]:
            return self
        few = copy.copy(self)
        few.__dict__.pop("gape", None)
        few.basis = np.ascontiguousarray(self.basis[:, :, :modes])
        return few

    def shape(self, b: FloatArray) -> FloatArray:
        """Vertices `(V, 3)` of the standardised latent `b (k,)`, `k <= K` (the rest 0)."""
        k = len(b)
        step = np.asarray(b - self.origin[:k], np.float32)
        return self.mean + self.basis[:, :, :k] @ step

    def latent(self, b: FloatArray) -> FloatArray:
        """The model's own latent `(K,)` of standardised entries `b (k,)`."""
        full = self.origin.copy()
        full[: len(b)] = b
        return self._latent_mean + self._latent_std * full

    def latent_covariance(self, covariance: FloatArray) -> FloatArray:
        """`(K, K)` in the model's own units, of `covariance (k, k)` of standardised entries; the rest as before."""
        k = len(covariance)
        full = np.eye(len(self.origin))
        full[:k, :k] = covariance
        return full * np.outer(self._latent_std, self._latent_std)

    @property
    def regions(self) -> Mapping[str, IntArray]:
        """The template's regions."""
        return self.model.template.regions

    @cached_property
    def landmarks(self) -> dict[str, int]:
        """Name -> vertex id of the template's landmarks."""
        return dict(self.model.template.landmarks)

    @cached_property
    def usable(self) -> BoolArray:
        mask = np.zeros(len(self.mean), bool)
        mask[self.triangles] = True
        for name in INSIDE:
            mask[self.regions.get(name, [])] = False
        return mask

    @cached_property
    def border(self) -> BoolArray:
        mask = np.zeros(len(self.mean), bool)
        mask[border_edges(self.triangles)] = True
        return mask | (self._neighbours @ mask.astype(float) > 0)

    @cached_property
    def _neighbours(self):
        return adjacency(self.triangles, len(self.mean))

    @cached_property
    def face(self) -> BoolArray:
        mask = np.zeros(len(self.mean), bool)
        mask[self.regions.get("face", np.flatnonzero(self.usable))] = True
        return mask & self.usable

    @cached_property
    def face_front(self) -> IntArray:
        """Ids of the front of the face: no ears, no neck."""
        mask = self.face.copy()
        mask[self.region("ears", "neck")] = False
        return np.flatnonzero(mask)

    def region(self, *names: str) -> IntArray:
        """Ids of the vertices of these regions of the template; none where it has none of them."""
        found = [np.asarray(self.regions[name], np.int64) for name in names if name in self.regions]
        return np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)

    def bare(self) -> "ShapePrior":
        """The same prior for a head without cap, hair or collar."""
        other = copy.copy(self)
        other.__dict__["clothed"] = np.zeros(len(self.mean), bool)
        return other

    @cached_property
    def gape(self) -> FloatArray | None:
        """`(K,)` step of the latent that opens the mouth by one standard deviation; None for a template without lips.

        Found from the modes themselves, without labels of expressions: of all steps that leave the head away from the
        mouth where it is (within 3 mm), the one that moves the lips most, the lower lip away from the upper one.
        """
        regions = self.regions
        if self.patch or not {"upper_lip", "lower_lip"} <= set(regions):
            return None
        lips = np.concatenate([regions["upper_lip"], regions["lower_lip"]])
        count = self.basis.shape[2]
        away = cKDTree(self.mean[lips]).query(self.mean)[0]
        rest = np.flatnonzero(self.usable & (np.asarray(away) > 0.15 * self.size))
        rest = rest[:: max(1, len(rest) // 600)]
        held = self.basis[rest].reshape(-1, count).astype(float) / 3.0
        free = np.linalg.cholesky(np.linalg.inv(np.eye(count) + held.T @ held))
        moved = self.basis[lips].reshape(-1, count).astype(float) @ free
        step = free @ np.linalg.svd(moved, full_matrices=False)[2][0]
        apart = self.mean[regions["lower_lip"]].mean(0) - self.mean[regions["upper_lip"]].mean(0)
        opening = (self.basis[regions["lower_lip"]].mean(0) - self.basis[regions["upper_lip"]].mean(0)) @ step
        return step if apart @ opening > 0 else -step

    @cached_property
    def clothed(self) -> BoolArray:
        """`(V,)` where a cap, hair or a collar may lie: all but the face below the forehead; nowhere on a patch."""
        mask = np.zeros(len(self.mean), bool)
        if not self.patch:
            mask |= ~self.face
            mask[self.regions.get("forehead", [])] = True
        return mask

    @cached_property
    def area(self) -> FloatArray:
        """`(V,)` share of the surface each vertex stands for, mm^2."""
        areas = triangle_areas(self.mean, self.triangles)
        return np.bincount(self.triangles.ravel(), np.repeat(areas / 3, 3), len(self.mean)).astype(float)

    @cached_property
    def radius(self) -> float:
        """Root mean square distance of the surface from its centroid, mm."""
        return rms_radius(self.mean[self.usable], self.area[self.usable])

    @cached_property
    def size(self) -> float:
        """Diagonal of the bounding box, mm."""
        return float(np.linalg.norm(np.ptp(self.mean[self.usable], axis=0)))

    @cached_property
    def patch(self) -> bool:
        """Normals of a closed head cancel; those of a face mask point one way."""
        weight = self.area * self.usable
        normals = vertex_normals(self.mean, self.triangles)
        return bool(np.linalg.norm(weight @ normals) > 0.35 * weight.sum())


@lru_cache(maxsize=4)
def prior_of(model: Any) -> ShapePrior:
    """The prior of a model; those of the last four models are kept."""
    return model if isinstance(model, ShapePrior) else ShapePrior(model)


def rms_radius(points: FloatArray, weights: FloatArray | None = None) -> float:
    """Root mean square distance from the centroid: a size that no rotation changes."""
    w = np.full(len(points), 1 / len(points)) if weights is None else weights / weights.sum()
    return float(np.sqrt(w @ ((points - w @ points) ** 2).sum(1)))
