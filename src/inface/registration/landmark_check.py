"""Landmarks given with a scan: paired by name, checked, and what is wrong with them said by name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from inface._validate import FloatArray
from inface.geometry.proximity import nearest
from inface.registration.pose import Pose, pose_from_landmarks
from inface.registration.prior import ShapePrior
from inface.registration.target import Target


@dataclass(frozen=True, eq=False)
class CheckedLandmarks:
    """Landmarks that can be used: `points` vertex id -> place (working frame, mm), and `notes`, what was wrong."""

    points: Mapping[int, FloatArray]
    pose: Pose | None
    notes: tuple[str, ...]
    doubts: tuple[str, ...]


def collect(landmarks: Mapping[str, ArrayLike] | Iterable[tuple[str, ArrayLike]]) -> dict[str, FloatArray]:
    """Name -> point from a mapping or pairs. A name given twice at one place counts once; undefined ones are left out.

    Raises `ValueError` for a point that is not three numbers, or one name at two places.
    """
    pairs = landmarks.items() if isinstance(landmarks, Mapping) else landmarks
    out: dict[str, FloatArray] = {}
    for name, value in pairs:
        point = np.asarray(value, float)
        if point.shape != (3,):
            raise ValueError(f"landmark '{name}': expected a point (3,), got shape {point.shape}")
        if not np.isfinite(point).all():
            continue
        if name in out and not np.allclose(out[name], point):
            raise ValueError(f"landmark '{name}' is given at two places; give it once")
        out[name] = point
    return out


def check_landmarks(prior: ShapePrior, target: Target, given: Mapping[str, FloatArray]) -> CheckedLandmarks:
    """Find out which landmarks to believe. `given`: name -> place in the working frame (mm).

    Left and right exchanged (all or single pairs) are put right and named; landmarks far from the surface or far from
    where the others put them are left out and named; names that the template lacks are named.
    """
    notes, doubts = [], []
    unknown = [name for name in given if name not in prior.landmarks]
    if unknown:
        notes.append(f"the model's template has no landmark {_list(unknown)}; not used")
    names = [name for name in given if name in prior.landmarks]
    off = nearest(target.tree, np.array([given[n] for n in names]))[0] if names else np.zeros(0)
    far = [n for n, d in zip(names, off, strict=True) if d > 0.04 * prior.size]
    if far:
        doubts.append(f"landmark {_list(far)} lies off the scan's surface; not used")
        names = [n for n in names if n not in far]
    if len(names) < 3:
        return CheckedLandmarks({prior.landmarks[n]: given[n] for n in names}, None, tuple(notes), tuple(doubts))
    places = {n: given[n] for n in names}
    pose, residual = _fit(prior, places)
    swapped = _swap(places, names)
    if swapped is not places:
        other, other_residual = _fit(prior, swapped)
        if np.median(residual) > 0.03 * prior.size and np.median(other_residual) < 0.6 * np.median(residual):
            doubts.append("left and right are exchanged in all landmarks; they were taken the right way round")
            places, pose, residual = swapped, other, other_residual
    for left in [n for n in places if n.endswith("_l") and f"{n[:-2]}_r" in places]:
        right = f"{left[:-2]}_r"
        goal = {n: pose.apply(prior.mean[prior.landmarks[n]]) for n in (left, right)}
        now = np.linalg.norm(places[left] - goal[left]) + np.linalg.norm(places[right] - goal[right])
        turned = np.linalg.norm(places[left] - goal[right]) + np.linalg.norm(places[right] - goal[left])
        if turned < 0.6 * now:
            doubts.append(f"left and right are exchanged in landmark '{left[:-2]}'; it was taken the right way round")
            places = {**places, left: places[right], right: places[left]}
    pose, residual = _fit(prior, places)
    limit = max(0.1 * prior.size, 4 * float(np.median(residual)))
    wrong = [n for n, r in zip(places, residual, strict=True) if r > limit]
    if wrong and len(places) - len(wrong) >= 3:
        doubts.append(f"landmark {_list(wrong)} is far from where the others put it; not used")
        places = {n: p for n, p in places.items() if n not in wrong}
        pose, residual = _fit(prior, places)
    return CheckedLandmarks({prior.landmarks[n]: p for n, p in places.items()}, pose, tuple(notes), tuple(doubts))


def pull(
    vertices: FloatArray, landmarks: Mapping[int, FloatArray], noise: float, spread: float, reach: float
) -> FloatArray:
    """Move `vertices (V, 3)` smoothly towards `landmarks` (vertex id -> place), as far as their noise deserves.

    The fit's remaining error is taken for a smooth random field (Gaussian kernel) of standard deviation `spread` and
    correlation length `reach` (mm, each axis alike); this is its mean given the landmarks, each known to `noise` (mm).
    One that lies far off is believed less (Cauchy, as in the fit). All in the working frame.
    """
    if not landmarks or spread == 0:
        return vertices
    ids = np.fromiter(landmarks, int)
    off = np.array([landmarks[i] for i in ids]) - vertices[ids]
    doubt = noise**2 * (1 + (off**2).sum(1) / (3 * noise) ** 2)

    def kernel(points):
        apart = ((points[:, None] - vertices[ids]) ** 2).sum(-1)
        return spread**2 * np.exp(-apart / (2 * reach**2))

    return vertices + kernel(vertices) @ np.linalg.solve(kernel(vertices[ids]) + np.diag(doubt), off)


def _fit(prior: ShapePrior, places: Mapping[str, FloatArray]) -> tuple[Pose, FloatArray]:
    return pose_from_landmarks(
        np.array([prior.mean[prior.landmarks[n]] for n in places]), np.array(list(places.values()))
    )


def _swap(places: dict[str, FloatArray], names: list[str]) -> dict[str, FloatArray]:
    partner = {n: f"{n[:-2]}_{'r' if n.endswith('_l') else 'l'}" for n in names if n.endswith(("_l", "_r"))}
    pairs = {n: p for n, p in partner.items() if p in places}
    return {n: places[pairs.get(n, n)] for n in names} if pairs else places


def _list(names: list[str]) -> str:
    return ", ".join(f"'{n}'" for n in names[:8]) + (" and others" if len(names) > 8 else "")
