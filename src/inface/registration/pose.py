"""Stage 2: where the head is and which way it looks, from nothing but its shape, or from a few named landmarks.

Many rigid starts are refined at once by point-to-plane ICP on a few hundred points (all starts are one batch of
arrays); the best few are told apart later by fitting the model to each.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from inface._validate import BoolArray, FloatArray
from inface.geometry.adjacency import vertex_normals
from inface.geometry.proximity import nearest
from inface.geometry.rotations import from_quaternions, from_vectors
from inface.registration.prior import ShapePrior
from inface.registration.target import Target
from inface.transforms import procrustes

# share of the points that draw in each step of the search: the nearest ones
HEAD_TRIM = 0.6
PATCH_TRIM = 0.8


@dataclass(frozen=True, eq=False)
class Pose:
    """A similarity from the model's frame to the scan's working frame (mm, about the scan's centre).

    `apply(x) = scale * rotation @ x + translation`; `cost` is the ICP's mean capped distance in mm, lower is better.
    """

    rotation: FloatArray
    translation: FloatArray
    scale: float = 1.0
    cost: float = np.inf

    def apply(self, points: FloatArray) -> FloatArray:
        """Model points `(..., 3)` in the scan's working frame."""
        return self.scale * points @ self.rotation.T + self.translation


def even_rotations(count: int) -> FloatArray:
    """`count` rotations `(count, 3, 3)` evenly over all of them, by a super-Fibonacci spiral [alexa2022]."""
    phi, psi = np.sqrt(2.0), 1.533751168755204288118041
    s = np.arange(count) + 0.5
    r, big_r = np.sqrt(s / count), np.sqrt(1 - s / count)
    alpha, beta = 2 * np.pi * s / phi, 2 * np.pi * s / psi
    return from_quaternions(
        np.stack([r * np.sin(alpha), r * np.cos(alpha), big_r * np.sin(beta), big_r * np.cos(beta)], 1)
    )


def angle_between(a: FloatArray, b: FloatArray) -> FloatArray:
    """Angle in degrees between rotations `(..., 3, 3)`."""
    trace = np.einsum("...ij,...ij->...", a, b)
    return np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1)))


@dataclass(frozen=True, eq=False)
class Search:
    """How the search for the pose goes about it.

    Attributes:
        rotations: starts `(n, 3, 3)` from the model to the scan; None: evenly over all rotations.
        patch: lay the model on the scan, which shows more (None: what the model is); else the scan on the model.
        mask: the scan is a mask of a face: its middle is that of the model's face, and only the face may meet it.
        trim: share of the points, the nearest ones, that draw in each step; None: 0.6 for heads (shoulders and caps
            may be more than a third of a scan, and drawn onto the model they blow it up), 0.8 for patches.
        keep: how many poses to return.
    """

    rotations: FloatArray | None = None
    patch: bool | None = None
    mask: bool = False
    trim: float | None = None
    keep: int = 4


def find_poses(prior: ShapePrior, target: Target, search: Search | None = None, seed: int = 0) -> list[Pose]:
    """The likeliest poses of the model in a scan, best first, distinct by 12 degrees or 25 mm.

    Heads: the scan is moved onto the model's mean (a scan shows part of a head). Patches: the model is moved onto the
    scan, its frontmost point on what stands out of the scan in that direction, because the scan shows more.

    A head's size is free from the first step: a small child's head is a sixth smaller than the mean, and a right pose
    at the wrong size looks worse than many a wrong one.
    """
    search = search or Search()
    patch = prior.patch if search.patch is None else search.patch
    rng = np.random.default_rng(seed)
    find = _model_on_scan if patch else _scan_on_model
    source, source_normals, fixed, (rotation, translation) = find(prior, target, search, rng)
    cap, trim = 0.08 * prior.size, search.trim or (PATCH_TRIM if patch else HEAD_TRIM)
    batch = (rotation, translation, np.ones(len(rotation)))
    batch, cost = _icp(source[::2], source_normals[::2], fixed, batch, _Steps(5, not patch, cap, trim, True))
    best = np.argsort(cost, kind="stable")[: max(12, min(24, len(cost) // 6))]
    batch = tuple(part[best] for part in batch)
    batch, cost = _icp(source, source_normals, fixed, batch, _Steps(15, not patch, cap, trim, False))
    poses: list[Pose] = []
    centre = prior.mean[prior.usable].mean(0)
    for i in np.argsort(cost, kind="stable"):
        r, t, s = batch[0][i], batch[1][i], float(batch[2][i])
        if not patch:  # was scan -> model
            r, t, s = r.T, -(r.T @ t) / s, 1 / s
        pose = Pose(r, t, s, float(cost[i]))
        if all(distinct(pose, other, centre) for other in poses):
            poses.append(pose)
        if len(poses) == search.keep:
            break
    return poses


def _model_on_scan(prior: ShapePrior, target: Target, search: Search, rng: np.random.Generator):
    """What moves (points of the model), what it moves onto (the scan), and the starts model -> scan."""
    usable = np.flatnonzero(prior.usable)
    order = np.lexsort(target.points.T)  # the same sample for any order of the scan
    sample = order[_pick(rng, target.weights[order], 400)]
    starts = even_rotations(144) if search.rotations is None else search.rotations
    pick = usable[_pick(rng, prior.area[usable], 400)]
    thin = order[_pick(rng, target.weights[order], 5000)]
    fixed = _Fixed(target.points[thin], target.normals[thin], target.border[thin])
    normals = vertex_normals(prior.mean, prior.triangles)
    return prior.mean[pick], normals[pick], fixed, _front_on_extremes(prior, target.points[sample], starts)


def _scan_on_model(prior: ShapePrior, target: Target, search: Search, rng: np.random.Generator):
    """What moves (points of the scan), what it moves onto (the model), and the starts scan -> model."""
    usable = np.flatnonzero(prior.usable)
    order = np.lexsort(target.points.T)
    sample = order[_pick(rng, target.weights[order], 400)]
    starts = even_rotations(72) if search.rotations is None else search.rotations
    thin = usable[_pick(rng, prior.area[usable], 4000)]
    back = np.swapaxes(starts, 1, 2)
    if search.mask:  # the skull's sides and back are no place for it
        face = cKDTree(prior.mean[prior.face])
        thin = thin[np.asarray(face.query(prior.mean[thin])[0]) < 0.06 * prior.size]
        core = prior.face_front
        anchor = prior.area[core] @ prior.mean[core] / prior.area[core].sum()
        centroid = target.weights @ target.points / target.weights.sum()
        places = (back, anchor - back @ centroid)
    else:
        places = _centres_on_centroid(prior, target.points, target.weights, back)
    fixed = _Fixed(prior.mean[thin], vertex_normals(prior.mean, prior.triangles)[thin], np.zeros(len(thin), bool))
    return target.points[sample], target.normals[sample], fixed, places


def facing_rotations(front: FloatArray, rolls: int = 24, tilt: float = 22.0) -> FloatArray:
    """Rotations model -> scan that turn the model's z to about `front (3,)`, at any roll."""
    z = front / np.linalg.norm(front)
    x = np.cross([0.0, 1.0, 0.0] if abs(z[1]) < 0.9 else [1.0, 0.0, 0.0], z)
    x /= np.linalg.norm(x)
    base = np.stack([x, np.cross(z, x), z], 1)
    roll = from_vectors(np.stack([np.zeros(rolls), np.zeros(rolls), 2 * np.pi * np.arange(rolls) / rolls], 1))
    a = np.radians(tilt)
    tilts = from_vectors(np.array([[0, 0, 0], [a, 0, 0], [-a, 0, 0], [0, a, 0], [0, -a, 0.0]]))
    return np.concatenate([base @ roll @ t for t in tilts])


def distinct(one: Pose, other: Pose, centre: FloatArray, degrees: float = 12.0, mm: float = 25.0) -> bool:
    """Whether two poses differ in rotation, or in where they put the model's centre."""
    apart = np.linalg.norm(one.apply(centre) - other.apply(centre))
    return bool(angle_between(one.rotation, other.rotation) > degrees or apart > mm)


def pose_from_landmarks(source: FloatArray, target: FloatArray, rounds: int = 10) -> tuple[Pose, FloatArray]:
    """Rigid pose from 3 or more corresponding points, robust to a few wrong ones, and each point's residual (mm).

    Points are weighted down by their residual (Cauchy, 5 mm) where there are five or more.
    """
    weights = np.ones(len(source))
    for _ in range(rounds if len(source) >= 5 else 1):
        fit = procrustes(source, target, weights=weights)
        residual = np.linalg.norm(fit.apply(source) - target, axis=1)
        spread = max(5.0, float(np.median(residual)))
        weights = 1 / (1 + (residual / spread) ** 2)
    return Pose(fit.rotation, fit.translation, 1.0, float(np.median(residual))), residual


class _Fixed:
    def __init__(self, points: FloatArray, normals: FloatArray, border: BoolArray) -> None:
        self.points, self.normals, self.border = points, normals, border
        self.tree = cKDTree(points)


def _pick(rng: np.random.Generator, weights: FloatArray, count: int):
    if len(weights) <= count:
        return np.arange(len(weights))
    total = np.cumsum(weights)
    marks = (np.arange(count) + rng.random(count)) / count * total[-1]
    return np.unique(np.minimum(np.searchsorted(total, marks), len(weights) - 1))


def _centres_on_centroid(prior, points, weights, scan_to_model):
    """Starts scan -> model: the scan's centroid on the model's, and on that of its front half (no back was seen)."""
    centroid = weights @ points / weights.sum()
    w = prior.area * prior.usable
    middle = w @ prior.mean / w.sum()
    front = w * (prior.mean[:, 2] > middle[2])
    anchors = [middle, front @ prior.mean / front.sum()]
    rotation = np.concatenate([scan_to_model] * len(anchors))
    translation = np.concatenate([anchor - scan_to_model @ centroid for anchor in anchors])
    return rotation, translation


def _front_on_extremes(prior, points, model_to_scan):
    """Starts model -> scan: the model's frontmost point on three scan points that stand out in its direction."""
    front = prior.mean[np.where(prior.usable, prior.mean[:, 2], -np.inf).argmax()]
    depth = points @ model_to_scan[:, :, 2].T  # (points, rotations): height along the model's z
    rotation, translation = [], []
    for k, r in enumerate(model_to_scan):
        height = depth[:, k].copy()
        for _ in range(3):
            top = int(height.argmax())
            if not np.isfinite(height[top]):
                break
            rotation.append(r)
            translation.append(points[top] - r @ front)
            height[np.linalg.norm(points - points[top], axis=1) < 0.2 * prior.size] = -np.inf
    return np.array(rotation), np.array(translation)


@dataclass(frozen=True)
class _Steps:
    """How many steps of ICP, whether the size is free, the mm at which distances are capped, the share that draws."""

    count: int
    with_scale: bool
    cap: float
    trim: float
    coarse: bool


def _icp(source, source_normals, fixed: _Fixed, batch, steps: _Steps):
    """Point-to-plane ICP of all starts at once: `y = s R x + t`. Returns the batch and the mean capped distances."""
    rotation, translation, scale = batch
    count = len(source)
    for step in range(steps.count + 1):
        y = scale[:, None, None] * (source @ np.swapaxes(rotation, 1, 2)) + translation[:, None]
        distance, near, _ = nearest(fixed.tree, y.reshape(-1, 3), slack=0.3 if steps.coarse else 0.0)
        distance, near = distance.reshape(y.shape[:2]), near.reshape(y.shape[:2])
        n = fixed.normals[near]
        turned = source_normals @ np.swapaxes(rotation, 1, 2)
        good = (np.einsum("mnk,mnk->mn", n, turned) > 0.3) & ~fixed.border[near]
        if step == steps.count:
            cost = np.where(good, np.minimum(distance, steps.cap), steps.cap).mean(1)
            return (rotation, translation, scale), cost
        limit = np.quantile(distance, steps.trim, axis=1)[:, None]
        weight = good & (distance <= limit)
        residual = np.einsum("mnk,mnk->mn", n, fixed.points[near] - y)
        middle = y.mean(1)
        arm = y - middle[:, None]
        columns = [np.cross(arm, n), n]
        if steps.with_scale:
            columns.append(np.einsum("mnk,mnk->mn", n, arm)[..., None])
        jacobian = np.concatenate(columns, -1)
        weighted = jacobian * weight[..., None]
        normal_matrix = np.swapaxes(weighted, 1, 2) @ jacobian
        right = np.einsum("mnk,mn->mk", weighted, residual)
        size = jacobian.shape[-1]
        trace = np.trace(normal_matrix[:, :3, :3], axis1=1, axis2=2) / 3
        damping = np.full((len(y), size), 1e-3 * count)
        damping[:, :3] = 1e-3 * trace[:, None] + 1e-9
        if steps.with_scale:
            damping[:, 6] = 1e-2 * trace + 1e-9
        normal_matrix[:, np.arange(size), np.arange(size)] += damping
        delta = np.linalg.solve(normal_matrix, right[..., None])[..., 0]
        angle = np.linalg.norm(delta[:, :3], axis=1)
        delta[:, :3] *= np.minimum(1, 0.5 / np.maximum(angle, 1e-12))[:, None]
        turn = from_vectors(delta[:, :3])
        factor = np.ones(len(y))
        if steps.with_scale:
            factor = np.clip(scale * (1 + np.clip(delta[:, 6], -0.1, 0.1)), 0.7, 1.4) / scale
        moved = np.einsum("mij,mj->mi", turn, translation - middle)
        translation = factor[:, None] * moved + middle + delta[:, 3:6]
        rotation = turn @ rotation
        scale = scale * factor
