"""Stage 3: the model's shape and the pose together, as the posterior given what the scan shows.

Gauss-Newton over six pose and k shape parameters (seven where the size is free); each step is one dense solve. Rows are
point-to-plane distances both ways (model vertex to scan, scan point to model), robust against clothes, hair and what
the camera did not see.

No model has all faces. What it lacks lies on the scan as a smooth field of distances that are alike over centimetres,
so many rows tell little. How little is found from the scan: as long as the shape that explains the distances is less
likely than shapes of the model are, the variance of the distances is raised (`ModelFit.inflation`).
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
from inface.geometry.rotations import from_vectors
from inface.registration.pose import Pose
from inface.registration.prior import ShapePrior
from inface.registration.target import Target

OUTSIDE = 1.8  # Tukey's constant for scan points outside the model; 4.685 inside
# rows of (number of modes or None for all, reach in mm, Gauss-Newton steps)
Schedule = tuple[tuple[int | None, float, int], ...]
SCHEDULE: Schedule = ((10, 30.0, 3), (40, 15.0, 3), (None, 10.0, 4), (None, 5.0, 4))
WIDEST = 0.3  # the largest spread of the distances that is believed, of the reach
BOUND = 2.5  # standard deviations beyond which a mode costs `STEEP` times as much more
STEEP = 10.0
MOST = 100.0  # the largest inflation
SIZE_SPREAD = 0.05  # standard deviation of the logarithm of a free size
FIELD = 12.0  # mm, correlation length at which the misfit is told


@dataclass(frozen=True)
class Weighing:
    """How far distances and landmarks are believed.

    Attributes:
        noise: least standard deviation of a plane distance, mm.
        correlation: neighbouring distances are alike; each counts as one of `correlation`.
        landmark_noise: standard deviation of a landmark, mm.
        landmark_doubt: mm off at which a landmark is believed half; None: three times its noise.
        plausible: by how many of its standard deviations the mean square of the latent may exceed 1 before the
            variance of the distances is raised; None: it never is, and no mode is bounded.
        free_size: the size is fitted beside the model's modes, for faces of another age than the model's.
    """

    noise: float = 0.4
    correlation: float = 2.5
    landmark_noise: float = 2.0
    landmark_doubt: float | None = None
    plausible: float | None = 2.5
    free_size: bool = False


@dataclass(frozen=True, eq=False)
class Start:
    """Where a fit begins: `pose` (its scale becomes a first shape when `b` is None), latent `b (k,)`, inflation."""

    pose: Pose
    b: FloatArray | None = None
    inflation: float = 1.0


@dataclass(frozen=True, eq=False)
class ModelFit:
    """A pose and a standardised latent, with what the fit says of its own certainty.

    Attributes:
        pose: model to working frame (mm); its scale is 1 unless the size was free.
        b: `(k,)` standardised latent.
        shape: `(V, 3)` in the model's frame.
        covariance: `(k, k)` of `b` given the scan, pose included.
        pose_covariance: `(6, 6)` of rotation vector (radians) and translation (mm), working frame, shape included.
        sigma: robust spread of the plane distances, mm.
        inflation: how many times the variance of the distances had to be raised for the shape to be plausible.
        misfit: the same told as a field: standard deviation in mm of what the model lacks, were it alike over 12 mm.
        prior: the (tangent) prior at which it was solved.
    """

    pose: Pose
    b: FloatArray
    shape: FloatArray
    covariance: FloatArray
    pose_covariance: FloatArray
    sigma: float
    inflation: float
    misfit: float
    prior: ShapePrior

    @property
    def vertices(self) -> FloatArray:
        """`(V, 3)` in the working frame."""
        return self.pose.apply(self.shape)

    @property
    def mean_square(self) -> float:
        """Mean square of the latent; about 1 for a shape of the model."""
        return float(self.b @ self.b / max(len(self.b), 1))

    def start(self) -> Start:
        """Where the next fit goes on."""
        return Start(self.pose, self.b, self.inflation)

    def vertex_std(self) -> FloatArray:
        """`(V,)` mm: root of the summed variances of the three coordinates of each vertex under the posterior."""
        k = len(self.b)
        half = np.linalg.cholesky(self.covariance + 1e-12 * np.eye(k)).astype(np.float32)
        spread = self.prior.basis[:, :, :k] @ half
        return np.sqrt(np.einsum("vcr,vcr->v", spread, spread).astype(np.float64))


def fit_model(
    prior: ShapePrior,
    target: Target,
    start: Start,
    *,
    landmarks: Mapping[int, FloatArray] | None = None,
    ignore: BoolArray | None = None,
    schedule: Schedule = SCHEDULE,
    weighing: Weighing | None = None,
    points: int = 10000,
) -> ModelFit:
    """Fit a model to a scan from a start.

    Args:
        landmarks: vertex id -> its place in the working frame; soft and robust.
        ignore: `(V,)` vertices that match nothing (under a cap).
        schedule: rows of (number of modes or None for all, reach in mm, Gauss-Newton steps).
        points: at most this many of the model's vertices look for the scan.

    Raises:
        ConvergenceError: a step that is not finite.
    """
    weighing = weighing or Weighing()
    matcher = _Matcher.of(prior, target, ignore, points)
    state = _State.of(prior, start)
    count = prior.basis.shape[2]
    for modes, reach, steps in schedule:
        state.resize(count if modes is None else min(modes, count))
        for _ in range(steps):
            state.relinearise(count)
            shape = state.prior.shape(state.b)
            noise = weighing.noise * min(state.inflation**0.25, 2.5)
            rows = matcher.rows(state, shape, reach, noise)
            precision = rows.weight / (weighing.correlation * state.inflation**0.5 * matcher.crowd * rows.sigma**2)
            if landmarks:
                rows, precision = _with_landmarks(rows, precision, state, shape, landmarks, weighing)
            state.step(rows, precision, shape, weighing)
    return state.result(matcher, weighing)


@dataclass(frozen=True, eq=False)
class _Rows:
    """Vertex ids `(n,)`, plane normals `(n, 3)`, residuals (scan minus model), robust weights, and their spread."""

    ids: IntArray
    normals: FloatArray
    residual: FloatArray
    weight: FloatArray
    sigma: float


class _State:
    """Pose, latent and inflation on their way."""

    def __init__(self, prior: ShapePrior, pose: Pose, b: FloatArray, inflation: float) -> None:
        self.prior, self.b, self.inflation = prior, b, inflation
        self.rotation, self.translation, self.scale = pose.rotation, pose.translation, pose.scale
        self.sigma, self.matrix = np.nan, np.eye(6 + len(b))

    @classmethod
    def of(cls, prior: ShapePrior, start: Start) -> "_State":
        pose, b = start.pose, start.b
        if b is None:
            b = scale_as_shape(prior, pose.scale)
            if pose.scale != 1:
                at = pose.apply(prior.mean.mean(0)) - pose.rotation @ prior.shape(b).mean(0)
                pose = Pose(pose.rotation, at, 1.0)
        return cls(prior, pose, np.asarray(b, float), start.inflation)

    def resize(self, k: int) -> None:
        b = self.b
        self.b = np.concatenate([b, self.prior.origin[len(b) : k]]) if len(b) < k else b[:k]

    def relinearise(self, count: int) -> None:
        if not self.prior.linear:
            self.prior = self.prior.at(np.concatenate([self.b, np.zeros(count - len(self.b))]))

    def step(self, rows: _Rows, precision: FloatArray, shape: FloatArray, weighing: Weighing) -> None:
        """One Gauss-Newton step; then the inflation follows the shape's plausibility."""
        k, pose = len(self.b), 6 + weighing.free_size
        jacobian = np.empty((len(rows.ids), pose + k))
        turned = self.scale * (shape[rows.ids] @ self.rotation.T)
        jacobian[:, :3] = np.cross(turned, rows.normals)
        jacobian[:, 3:6] = rows.normals
        if weighing.free_size:
            jacobian[:, 6] = np.einsum("ij,ij->i", turned, rows.normals)
        local = self.scale * (rows.normals @ self.rotation)
        jacobian[:, pose:] = np.einsum("nc,nck->nk", local.astype(np.float32), self.prior.basis[rows.ids, :, :k])
        matrix = jacobian.T @ (jacobian * precision[:, None])
        right = jacobian.T @ (precision * rows.residual)
        latent = np.arange(pose, pose + k)
        matrix[latent, latent] += 1
        right[pose:] -= self.b
        if weighing.free_size:
            matrix[6, 6] += SIZE_SPREAD**-2
            right[6] -= np.log(self.scale) * SIZE_SPREAD**-2
        if weighing.plausible is not None:
            far = np.abs(self.b) > BOUND
            matrix[latent[far], latent[far]] += STEEP
            right[pose:] -= STEEP * np.sign(self.b) * np.maximum(np.abs(self.b) - BOUND, 0)
        matrix[:3, :3] += 1e-6 * np.eye(3) * max(matrix[0, 0], 1)
        matrix[3:6, 3:6] += 1e-9 * np.eye(3) * max(matrix[3, 3], 1)
        step = cho_solve(cho_factor(matrix), right)
        if not np.isfinite(step).all():
            raise ConvergenceError("the model fit took a step that is not finite")
        self.b = self.b + step[pose:]
        if weighing.plausible is not None:
            likely = 1 + weighing.plausible * np.sqrt(2 / k)
            change = np.clip((self.b @ self.b / k) / likely, 0.7, 2.5)
            self.inflation = float(np.clip(self.inflation * change, 1.0, MOST))
        # the rotation is about the origin of the model's frame, so the translation only shifts
        turn = from_vectors(step[:3] * min(1.0, 0.5 / max(float(np.linalg.norm(step[:3])), 1e-12)))
        self.rotation = turn @ self.rotation
        self.translation = self.translation + step[3:6]
        if weighing.free_size:
            self.scale *= float(np.exp(np.clip(step[6], -0.1, 0.1)))
        self.matrix, self.sigma = matrix, rows.sigma

    def result(self, matcher: "_Matcher", weighing: Weighing) -> ModelFit:
        u, _, vt = np.linalg.svd(self.rotation)
        covariance = np.linalg.inv(self.matrix)
        sigma = float(self.sigma) if np.isfinite(self.sigma) else weighing.noise
        # per mm^2 the inflated rows tell as much as a field of this spread would
        told = weighing.correlation * (self.inflation - 1) * sigma**2 / max(matcher.per_area, 1e-12)
        return ModelFit(
            Pose(u @ vt, self.translation, self.scale), self.b, self.prior.shape(self.b),
            covariance[-len(self.b) :, -len(self.b) :], covariance[:6, :6], sigma, self.inflation,
            float(np.sqrt(max(told, 0.0) / (2 * np.pi * FIELD**2))), self.prior,
        )  # fmt: skip


def scale_as_shape(prior: ShapePrior, scale: float) -> FloatArray:
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


def _spread(ids: IntArray, count: int) -> IntArray:
    """At most `count` of `ids`, every vertex alike, so that the face, which has more vertices, counts more."""
    if len(ids) <= count:
        return ids
    return ids[np.sort(np.random.default_rng(1).choice(len(ids), count, replace=False))]


@dataclass(frozen=True, eq=False)
class _Matcher:
    """Which vertices look for the scan (`rows`), which the scan's points may find (`found`), and how they crowd."""

    prior: ShapePrior
    target: Target
    rows_of: IntArray
    found: IntArray
    crowd: float
    per_area: float

    @classmethod
    def of(cls, prior: ShapePrior, target: Target, ignore: BoolArray | None, points: int) -> "_Matcher":
        usable = prior.usable if ignore is None else prior.usable & ~ignore
        allowed = usable & ~prior.border
        rows = _spread(np.flatnonzero(allowed), points)
        area = float(prior.area[allowed].sum())
        # where the model's vertices are denser than the scan's, several of them look at one measured point
        crowd = max(1.0, len(rows) / (area * target.density))
        return cls(prior, target, rows, np.flatnonzero(usable), crowd, (len(rows) / crowd + len(target.samples)) / area)

    def rows(self, state: _State, shape: FloatArray, reach: float, noise: float) -> _Rows:
        """Point-to-plane rows both ways."""
        prior, target = self.prior, self.target
        placed = state.scale * (shape @ state.rotation.T) + state.translation
        model_normals = vertex_normals(shape, prior.triangles) @ state.rotation.T
        distance, near, hit = nearest(target.tree, placed[self.rows_of], 1.5 * reach)
        n = target.normals[near]
        cos = np.einsum("ij,ij->i", n, model_normals[self.rows_of])
        ok = hit & (cos > 0.5) & ~target.border[near]
        one = (self.rows_of[ok], n[ok], target.points[near[ok]], distance[ok], np.ones(int(ok.sum())))
        tree = cKDTree(placed[self.found], balanced_tree=False, compact_nodes=False)
        distance, near, hit = nearest(tree, target.points[target.samples], 1.5 * reach)
        vertex = self.found[near]
        n = model_normals[vertex]
        cos = np.einsum("ij,ij->i", n, target.normals[target.samples])
        ok = hit & (cos > 0.5) & ~prior.border[vertex]
        seen = target.points[target.samples[ok]]
        other = (vertex[ok], n[ok], seen, distance[ok], np.full(int(ok.sum()), 0.7))
        ids, n, q, d, w = (np.concatenate(pair) for pair in zip(one, other, strict=True))
        residual = np.einsum("ij,ij->i", n, q - placed[ids])
        sigma = noise
        if len(residual):
            sigma = max(noise, min(WIDEST * reach, 1.4826 * float(np.median(np.abs(residual)))))
        # cloth and hair lie outside the skin, so what is outside is believed less than what is inside
        width = np.where((residual > 0) & prior.clothed[ids], OUTSIDE, 4.685) * sigma
        return _Rows(ids, n, residual, w * _tukey(d / (1.5 * reach)) * _tukey(residual / width), sigma)


def _tukey(x: FloatArray) -> FloatArray:
    return np.clip(1 - x * x, 0, None) ** 2


def _with_landmarks(rows: _Rows, precision, state: _State, shape, landmarks, weighing: Weighing):
    """Three more rows a landmark, along the axes, weighted down (Cauchy) when far off; and their precisions."""
    ids = np.fromiter(landmarks, int)
    wanted = np.array([landmarks[i] for i in ids])
    off = wanted - (state.scale * (shape[ids] @ state.rotation.T) + state.translation)
    noise = weighing.landmark_noise
    weight = 1 / (noise**2 * (1 + (off**2).sum(1) / (weighing.landmark_doubt or 3 * noise) ** 2))
    more = (np.repeat(ids, 3), np.tile(np.eye(3), (len(ids), 1)), off.ravel(), np.repeat(weight, 3))
    old = (rows.ids, rows.normals, rows.residual, precision)
    all_ids, normals, residual, told = (np.concatenate(pair) for pair in zip(old, more, strict=True))
    return _Rows(all_ids, normals, residual, told, rows.sigma), told
