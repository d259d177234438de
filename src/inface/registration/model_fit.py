"""Stage 3: the model's shape and the pose together, as the posterior given what the scan shows.

Gauss-Newton over six pose and k shape parameters; each step is one dense solve. Rows are point-to-plane distances both
ways (model vertex to scan, scan point to model), robust against clothes, hair and what the camera did not see.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial import cKDTree

from inface._validate import BoolArray, FloatArray, IntArray
from inface.errors import ConvergenceError
from inface.geometry.adjacency import vertex_normals
from inface.geometry.proximity import nearest
from inface.registration.pose import Pose, rotation_of
from inface.registration.prior import ShapePrior

OUTSIDE = 1.8  # Tukey's constant for scan points outside the model; 4.685 inside
# (share of modes or number, reach in mm, steps)
SCHEDULE = ((10, 30.0, 3), (40, 15.0, 3), (None, 10.0, 4), (None, 5.0, 4))


@dataclass(frozen=True, eq=False)
class Target:
    """The scan's cloud in mm, with its KD-tree, made once for all fits of one scan.

    `samples`: indices of points spread evenly over the surface, drawn once. `density`: measured vertices per mm^2 of
    surface; a coarse mesh says less than the points taken from its triangles are many.
    """

    points: FloatArray
    normals: FloatArray
    border: BoolArray
    weights: FloatArray
    tree: cKDTree
    samples: IntArray
    density: float = np.inf

    @classmethod
    def of(
        cls, points, normals, border, weights, samples: int = 2500, seed: int = 0, density: float = np.inf
    ) -> "Target":
        """Build the tree and draw the samples, the same ones for any order of the points."""
        order = np.lexsort(points.T)
        total = np.cumsum(weights[order])
        rng = np.random.default_rng(seed)
        marks = (np.arange(samples) + rng.random(samples)) / samples * total[-1]
        pick = np.unique(np.minimum(np.searchsorted(total, marks), len(points) - 1))
        return cls(points, normals, border, weights, cKDTree(points), order[pick], density)

    def inside_out(self) -> "Target":
        """The same points with their normals turned round."""
        return Target(self.points, -self.normals, self.border, self.weights, self.tree, self.samples, self.density)


@dataclass(frozen=True, eq=False)
class ModelFit:
    """A pose and a standardised latent, with what the fit says of its own certainty.

    Attributes:
        pose: rigid, model to working frame (mm).
        b: `(k,)` standardised latent.
        shape: `(V, 3)` in the model's frame.
        covariance: `(k, k)` of `b` given the scan, pose included.
        sigma: robust spread of the plane distances, mm.
        prior: the (tangent) prior at which it was solved.
    """

    pose: Pose
    b: FloatArray
    shape: FloatArray
    covariance: FloatArray
    sigma: float
    prior: ShapePrior

    @property
    def vertices(self) -> FloatArray:
        """`(V, 3)` in the working frame."""
        return self.pose.apply(self.shape)

    def vertex_std(self) -> FloatArray:
        """`(V,)` mm: root of the summed variances of the three coordinates of each vertex under the posterior."""
        k = len(self.b)
        half = np.linalg.cholesky(self.covariance + 1e-12 * np.eye(k)).astype(np.float32)
        spread = self.prior.basis[:, :, :k] @ half
        return np.sqrt(np.einsum("vcr,vcr->v", spread, spread).astype(np.float64))


def fit_model(
    prior: ShapePrior,
    target: Target,
    start: Pose,
    *,
    b: FloatArray | None = None,
    landmarks: Mapping[int, FloatArray] | None = None,
    ignore: BoolArray | None = None,
    schedule=SCHEDULE,
    noise: float = 0.4,
    correlation: float = 2.5,
    landmark_noise: float = 2.0,
    model_points: int = 10000,
) -> ModelFit:
    """Fit a model to a scan from a start pose.

    Args:
        start: model to working frame; its scale is turned into a first shape (size is one of the model's modes).
        b: first standardised latent, when a scale alone will not do.
        landmarks: vertex id -> its place in the working frame; soft and robust.
        ignore: `(V,)` vertices that match nothing (under a cap).
        schedule: rows of (number of modes or None for all, reach in mm, Gauss-Newton steps).
        noise: least standard deviation of a plane distance, mm.
        correlation: neighbouring distances are alike; each counts as one of `correlation`.
        landmark_noise: standard deviation of a landmark, mm.

    Raises:
        ConvergenceError: a step that is not finite.
    """
    rotation, translation = start.rotation, start.translation
    b = _scale_as_shape(prior, start.scale) if b is None else np.asarray(b, float)
    if start.scale != 1:
        translation = start.apply(prior.mean.mean(0)) - rotation @ prior.shape(b).mean(0)
    allowed = prior.usable & ~prior.border if ignore is None else prior.usable & ~prior.border & ~ignore
    matchable = np.flatnonzero(prior.usable if ignore is None else prior.usable & ~ignore)
    rows = _spread(np.flatnonzero(allowed), prior.area, model_points)
    count = prior.basis.shape[2]
    # where the model's vertices are denser than the scan's, several of them look at one measured point
    crowd = max(1.0, len(rows) / (float(prior.area[allowed].sum()) * target.density))
    sigma = noise
    matrix = np.eye(6 + len(b))
    for modes, reach, steps in schedule:
        k = count if modes is None else min(modes, count)
        b = np.concatenate([b, prior.origin[len(b) : k]]) if len(b) < k else b[:k]
        for _ in range(steps):
            prior = prior.at(np.concatenate([b, np.zeros(count - len(b))])) if not prior.linear else prior
            shape = prior.shape(b)
            ids, normals, residual, weight, sigma = _matches(
                prior, target, shape, rotation, translation, rows, matchable, reach, noise
            )
            weight = weight / (correlation * crowd * sigma**2)
            if landmarks:
                extra = _landmark_rows(landmarks, shape, rotation, translation, landmark_noise)
                ids, normals, residual, weight = (
                    np.concatenate(pair) for pair in zip((ids, normals, residual, weight), extra, strict=True)
                )
            jacobian = np.empty((len(ids), 6 + k))
            turned = shape[ids] @ rotation.T
            jacobian[:, :3] = np.cross(turned, normals)
            jacobian[:, 3:6] = normals
            local = normals @ rotation
            jacobian[:, 6:] = np.einsum("nc,nck->nk", local.astype(np.float32), prior.basis[ids, :, :k])
            matrix = jacobian.T @ (jacobian * weight[:, None])
            right = jacobian.T @ (weight * residual)
            matrix[np.arange(6, 6 + k), np.arange(6, 6 + k)] += 1
            right[6:] -= b
            matrix[:3, :3] += 1e-6 * np.eye(3) * max(matrix[0, 0], 1)
            matrix[3:6, 3:6] += 1e-9 * np.eye(3) * max(matrix[3, 3], 1)
            step = cho_solve(cho_factor(matrix), right)
            if not np.isfinite(step).all():
                raise ConvergenceError("the model fit took a step that is not finite")
            b = b + step[6:]
            turn = rotation_of(step[:3] * min(1.0, 0.5 / max(float(np.linalg.norm(step[:3])), 1e-12)))
            # the rotation is about the origin of the model's frame, so the translation only shifts
            rotation = turn @ rotation
            translation = translation + step[3:6]
    u, _, vt = np.linalg.svd(rotation)
    covariance = np.linalg.inv(matrix)[6:, 6:]
    return ModelFit(Pose(u @ vt, translation), b, prior.shape(b), covariance, float(sigma), prior)


def _scale_as_shape(prior: ShapePrior, scale: float) -> FloatArray:
    """The latent whose shape is nearest to the mean enlarged by `scale`, kept near the mean by the prior."""
    k = min(10, prior.basis.shape[2])
    if scale == 1:
        return prior.origin[:k].copy()
    basis = prior.basis[prior.usable][:, :, :k].reshape(-1, k).astype(float)
    centred = prior.mean[prior.usable] - prior.mean[prior.usable].mean(0)
    wanted = ((scale - 1) * centred).ravel()
    shift = basis.reshape(-1, 3, k).mean(0)
    basis = (basis.reshape(-1, 3, k) - shift).reshape(-1, k)
    noise = (0.02 * prior.size) ** 2 * prior.usable.sum() / 50
    return np.linalg.solve(basis.T @ basis + noise * np.eye(k), basis.T @ wanted)


def _spread(ids: IntArray, area: FloatArray, count: int) -> IntArray:
    """At most `count` of `ids`, every vertex alike, so that the face, which has more vertices, counts more."""
    if len(ids) <= count:
        return ids
    return ids[np.sort(np.random.default_rng(1).choice(len(ids), count, replace=False))]


def _matches(prior, target, shape, rotation, translation, rows, matchable, reach, noise):
    """Point-to-plane rows both ways: vertex ids, plane normals, residuals (scan minus model), robust weights, sigma."""
    placed = shape @ rotation.T + translation
    model_normals = vertex_normals(shape, prior.triangles) @ rotation.T
    distance, near, hit = nearest(target.tree, placed[rows], 1.5 * reach)
    n = target.normals[near]
    cos = np.einsum("ij,ij->i", n, model_normals[rows])
    ok = hit & (cos > 0.5) & ~target.border[near]
    ids_a, n_a, q_a, d_a = rows[ok], n[ok], target.points[near[ok]], distance[ok]
    w_a = np.ones(len(ids_a))

    tree = cKDTree(placed[matchable], balanced_tree=False, compact_nodes=False)
    samples = target.samples
    distance, near, hit = nearest(tree, target.points[samples], 1.5 * reach)
    vertex = matchable[near]
    n = model_normals[vertex]
    cos = np.einsum("ij,ij->i", n, target.normals[samples])
    ok = hit & (cos > 0.5) & ~prior.border[vertex]
    ids = np.concatenate([ids_a, vertex[ok]])
    n = np.concatenate([n_a, n[ok]])
    q = np.concatenate([q_a, target.points[samples[ok]]])
    d = np.concatenate([d_a, distance[ok]])
    w = np.concatenate([w_a, np.full(int(ok.sum()), 0.7)])
    residual = np.einsum("ij,ij->i", n, q - placed[ids])
    sigma = noise
    if len(residual):
        sigma = max(noise, 1.4826 * float(np.median(np.abs(residual))))
    # cloth and hair lie outside the skin, so what is outside is believed less than what is inside
    width = np.where((residual > 0) & prior.clothed[ids], OUTSIDE, 4.685) * sigma
    w = w * _tukey(d / (1.5 * reach)) * _tukey(residual / width)
    return ids, n, residual, w, sigma


def _tukey(x: FloatArray) -> FloatArray:
    return np.clip(1 - x * x, 0, None) ** 2


def _landmark_rows(landmarks, shape, rotation, translation, noise):
    """Three rows a landmark, along the axes, weighted down (Cauchy) when far off."""
    ids = np.fromiter(landmarks, int)
    wanted = np.array([landmarks[i] for i in ids])
    off = wanted - (shape[ids] @ rotation.T + translation)
    weight = 1 / (noise**2 * (1 + (off**2).sum(1) / (3 * noise) ** 2))
    return np.repeat(ids, 3), np.tile(np.eye(3), (len(ids), 1)), off.ravel(), np.repeat(weight, 3)
