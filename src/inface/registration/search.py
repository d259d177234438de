"""The poses worth trying in a scan, and which of them to believe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from inface._validate import FloatArray
from inface.registration.clean import CleanScan
from inface.registration.fits import Candidate, Fitter
from inface.registration.landmark_check import CheckedLandmarks, check_landmarks
from inface.registration.pose import Pose, Search, distinct, even_rotations, facing_rotations, find_poses
from inface.registration.target import Target
from inface.transforms import Similarity
from inface.units import MM_PER_UNIT

DOUBTFUL = 0.2  # score of the best coarse fit beyond which the search for the pose is repeated, wider
LIKELY = 0.06  # poses whose coarse fits differ by less than this in score are told apart by better fits
MASK = 0.42  # resultant of the scan's normals beyond which it is the mask of a face
NODS = (-30.0, -18.0, 18.0, 30.0)  # degrees
SURE = 0.85  # likeness beyond which no face has slid
CLEARLY = 0.003  # a nod must lower the doubt by this much
REACHES = (20.0, 12.0)  # mm about which the features of a mask are looked for
SIZES = (0.72,)  # of an adult's face for an infant's model
UNLIKER = 0.1  # likeness that may be lost for features in their places
BETTER = 0.02  # another size must lower the doubt by this much


@dataclass(frozen=True, eq=False)
class Found:
    """What the search came to.

    Attributes:
        candidates: best first; empty when no pose meets the scan.
        gap: how much more the best other pose is to be doubted; None when there is no other.
        checked: the landmarks that can be used.
        mask: the scan is the mask of a face.
        cleaned: the scan, turned when it was inside out.
    """

    candidates: list[Candidate]
    gap: float | None
    checked: CheckedLandmarks
    mask: bool
    cleaned: CleanScan


@dataclass(frozen=True, eq=False)
class Request:
    """Where to look: scales in mm to the scan's unit by the unit's name, landmarks and a start in the scan's frame."""

    scales: Mapping[str, float]
    landmarks: Mapping[str, FloatArray]
    start: Similarity | None = None
    check_pose: bool = True


def is_mask(cleaned: CleanScan, patch: bool) -> bool:
    """Whether the scan's normals point one way, as those of a face alone do."""
    cloud = cleaned.cloud
    front = cloud.weights @ cloud.normals / cloud.weights.sum()
    return not patch and bool(np.linalg.norm(front) > MASK)


def find_candidates(fitter: Fitter, cleaned: CleanScan, request: Request) -> Found:
    """Coarse fits from every pose worth trying, best first (a given start or landmarks first)."""
    found = _coarse(fitter, cleaned, request)
    # a scan that is inside out meets the model nowhere: turn it and see
    if found.candidates and min(c.quality.score for c in found.candidates) > 0.55:
        other = _coarse(fitter, cleaned.inside_out(), request)
        if other.candidates and other.candidates[0].quality.score < found.candidates[0].quality.score - 0.1:
            found = other
    return found


def _coarse(fitter: Fitter, cleaned: CleanScan, request: Request) -> Found:
    prior = fitter.prior
    targets = {unit: Target.of_scan(cleaned, unit, scale) for unit, scale in request.scales.items()}
    checked = CheckedLandmarks({}, None, (), ())
    first: Candidate | None = None
    if request.start is not None:
        mm = request.start.scale
        unit = min(targets, key=lambda name: abs(np.log(mm * request.scales[name])))
        placed = targets[unit].frame.compose(request.start)
        first = fitter.coarse_fit(targets[unit], Pose(placed.rotation, placed.translation, placed.scale))
    elif request.landmarks:
        unit, checked = _by_landmarks(fitter, targets, request.landmarks)
        if checked.pose is not None:
            first = fitter.coarse_fit(targets[unit], checked.pose)
    if first is not None:
        targets = {unit: targets[unit]}
    mask = is_mask(cleaned, prior.patch)
    found: list[Candidate] = []
    if first is None or request.check_pose:
        found = _searched(fitter, list(targets.values()), mask)
    centre = prior.mean[prior.usable].mean(0)
    found = _apart(found, centre)
    if first is not None:
        found = [first] + [c for c in found if distinct(c.fit.pose, first.fit.pose, centre)]
    return Found(found, _gap(found), checked, mask, cleaned)


def _by_landmarks(fitter: Fitter, targets: Mapping[str, Target], given: Mapping[str, FloatArray]):
    tried = []
    for unit, target in targets.items():
        places = {name: target.frame.apply(point) for name, point in given.items()}
        tried.append((unit, check_landmarks(fitter.prior, target, places)))
    return min(tried, key=lambda entry: entry[1].pose.cost if entry[1].pose else np.inf)


def _searched(fitter: Fitter, targets: Sequence[Target], mask: bool) -> list[Candidate]:
    """Coarse fits of all poses found; when even the best is doubtful the search is repeated, wider."""

    def look(search: Search) -> None:
        for target in targets:
            found.extend(fitter.coarse_fit(target, pose) for pose in find_poses(fitter.prior, target, search))

    def worst() -> float:
        return min((c.quality.score for c in found), default=1.0)

    found: list[Candidate] = []
    if mask:
        front = targets[0].weights @ targets[0].normals
        look(Search(facing_rotations(front), mask=True, trim=0.85, keep=6))
    if not mask or worst() > DOUBTFUL:
        look(Search())
    if not fitter.prior.patch and worst() > DOUBTFUL:
        look(Search(even_rotations(144), trim=0.8))
    if not fitter.prior.patch and worst() > 0.5:  # perhaps a bust: the model in the scan instead of the scan on it
        look(Search(patch=True))
    return sorted(found, key=lambda c: c.quality.score)


def _apart(found: list[Candidate], centre: FloatArray) -> list[Candidate]:
    """Those that end in one pose count once; the best stays."""
    kept: list[Candidate] = []
    for one in found:
        if all(c.target.unit != one.target.unit or distinct(one.fit.pose, c.fit.pose, centre) for c in kept):
            kept.append(one)
    return kept


def _gap(candidates: Sequence[Candidate]) -> float | None:
    others = [c.doubt for c in candidates[1:] if c.is_other(candidates[0])]
    return min(others) - candidates[0].doubt if others else None


def separate_candidates(fitter: Fitter, found: Sequence[Candidate], mask: bool = False) -> list[Candidate]:
    """The candidates worth it fitted with all modes, the one least to be doubted first.

    Coarse fits may stop on their way, so all that come close to the best are fitted again, and the best of those that
    look at something else, for the gap. The best is tried at other sizes where it is the mask of a face, and from poses
    a nod away where its face does not bend like the scan's.
    """
    best = found[0].quality.score
    close = [c for c in found if c.quality.score < best + LIKELY]
    far = [c for c in found if not any(c is d for d in close) and c.is_other(found[0])][:1]
    centre = fitter.prior.mean[fitter.prior.usable].mean(0)
    better = _apart(sorted((fitter.refit(c) for c in close + far), key=lambda c: c.doubt), centre)
    if mask:
        better[0] = resized(fitter, better[0])
    elif not fitter.prior.patch:
        better[0] = _unslipped(fitter, better[0])
    return better


def match_features(fitter: Fitter, candidate: Candidate) -> Candidate:
    """The mask of a face laid where its features are, its size free; as it was where that finds no better face."""
    other = fitter.settled(fitter.freed().matched(candidate, REACHES))
    return other if other.likeness > candidate.likeness - UNLIKER else candidate


def separation(candidates: Sequence[Candidate]) -> float | None:
    """How much more the best candidate that looks at something else is to be doubted; None without one."""
    return _gap(candidates)


def _unslipped(fitter: Fitter, best: Candidate) -> Candidate:
    for _ in range(2):
        if not best.likeness < SURE:
            break
        other = min((fitter.nodded(best, degrees) for degrees in NODS), key=lambda c: c.doubt)
        if other.doubt > best.doubt - CLEARLY:
            break
        best = other
    return best


def resized(fitter: Fitter, candidate: Candidate) -> Candidate:
    """The best of the same scan at other sizes; a size counts only where it explains clearly more."""
    core = fitter.prior.face_front
    middle, best = fitter.prior.mean[core].mean(0), candidate
    pose = candidate.fit.pose
    for size in SIZES:
        place = pose.apply(candidate.fit.shape[core].mean(0)) * size
        start = Pose(pose.rotation, place - pose.rotation @ middle, 1.0)
        other = fitter.refit(fitter.coarse_fit(candidate.target.resized(size), start))
        if other.doubt < best.doubt - BETTER * (best is candidate):
            best = other
    return best


def units_that_fit(radius: float, model_radius: float) -> dict[str, float]:
    """Units (name -> mm) in which a scan of this `radius` (its own unit) can be a head, likeliest first.

    Shoulders make a scan larger and a bare face makes it smaller, so all within a factor of 2.3 of the likeliest are
    kept; none at all when even that is 2.6 times smaller or 3.2 times larger than the model's.
    """
    ratio = {name: radius * mm / model_radius for name, mm in MM_PER_UNIT.items()}
    ranked = sorted(ratio, key=lambda name: abs(np.log(ratio[name])))
    if not 1 / 2.6 < ratio[ranked[0]] < 3.2:
        return {}
    kept = [ranked[0]] + [name for name in ranked[1:] if abs(np.log(ratio[name])) < np.log(2.3)]
    return {name: MM_PER_UNIT[name] for name in kept}
