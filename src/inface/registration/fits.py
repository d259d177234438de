"""Fits of one scan from many starts: the poses worth trying, quick fits, full fits, and which of them to believe."""

from dataclasses import dataclass

import numpy as np

from inface._validate import BoolArray
from inface.registration.clean import UNITS, CleanScan, unit_candidates
from inface.registration.landmark_check import CheckedLandmarks, check_landmarks
from inface.registration.model_fit import ModelFit, Target, fit_model
from inface.registration.pose import Pose, distinct, even_rotations, find_poses
from inface.registration.prior import ShapePrior
from inface.registration.quality import Quality, measure_quality
from inface.registration.settings import Settings

DOUBTFUL = 0.2  # score of the best quick fit beyond which the search for the pose is repeated, wider
CLOSE = 0.06  # poses whose quick fits differ by less than this in score are told apart by better fits
QUICK = ((10, 30.0, 3), (40, 15.0, 2))
WIDE = ((None, 30.0, 6), (None, 20.0, 5))
NEAR = ((None, 10.0, 3), (None, 5.0, 3))
FINAL = ((None, 5.0, 6), (None, 3.0, 4))
GAPES = (-9.0, 0.0, 9.0)  # how far the mouth is opened at the starts of the full fit, standard deviations
UNLIKELY = 0.02  # what a shape one standard deviation out in every mode costs, in units of the score


@dataclass(frozen=True, eq=False)
class Candidate:
    """A fit in one unit and pose, and how well it explains the scan."""

    unit: str
    target: Target
    fit: ModelFit
    quality: Quality
    whole: bool = False  # fitted with all modes


class Fits:
    """All fits of one registration; `ignore (V,)`: vertices that match nothing; `unit` None: those that may be."""

    def __init__(self, prior: ShapePrior, settings: Settings, ignore: BoolArray | None, unit: str | None) -> None:
        self.prior, self.settings, self.ignore, self.unit = prior, settings, ignore, unit

    def poses(self, cleaned: CleanScan, given, start) -> tuple[list[Candidate], CheckedLandmarks]:
        """Quick fits from every pose worth trying, best first (a given start or landmarks first)."""
        none = CheckedLandmarks({}, None, (), ())
        found: list[Candidate] = []
        first: Candidate | None = None
        checked = none
        units = [self.unit] if self.unit else unit_candidates(cleaned, self.prior.radius)
        if start is not None:
            unit = self.unit or min(UNITS, key=lambda name: abs(np.log(start.scale * UNITS[name])))
            factor = UNITS[unit]
            pose = Pose(start.rotation, (start.translation - cleaned.centre) * factor, start.scale * factor)
            first = self.quick(unit, self.target(cleaned, unit), pose, checked)
            units = [unit]
        elif given:
            tried = []
            for unit in units:
                target, factor = self.target(cleaned, unit), UNITS[unit]
                places = {name: (point - cleaned.centre) * factor for name, point in given.items()}
                tried.append((unit, target, check_landmarks(self.prior, target, places)))
            tried.sort(key=lambda entry: entry[2].pose.cost if entry[2].pose else np.inf)
            unit, target, checked = tried[0]
            if checked.pose is not None:
                first = self.quick(unit, target, checked.pose, checked)
                units = [unit]
        if first is None or self.settings.check_pose:
            for unit in units:
                found += self.search(cleaned, unit, checked)
            rescues = (
                (DOUBTFUL, {"rotations": even_rotations(144), "trim": 0.8}),
                # perhaps a bust: look for the model in the scan instead of the scan on the model
                (0.5, {"patch": True}),
            )
            for limit, options in rescues:
                if not self.prior.patch and min((c.quality.score for c in found), default=1) > limit:
                    for unit in units:
                        found += self.search(cleaned, unit, checked, **options)
            found.sort(key=lambda c: c.quality.score)
        found = self.apart(found)
        if first is not None:
            centre = self.prior.mean.mean(0)
            found = [first] + [c for c in found if distinct(c.fit.pose, first.fit.pose, centre)]
        return found, checked

    def apart(self, found: list[Candidate]) -> list[Candidate]:
        """Those that end in one pose count once; the best stays."""
        kept: list[Candidate] = []
        centre = self.prior.mean.mean(0)
        for candidate in found:
            if all(c.unit != candidate.unit or distinct(candidate.fit.pose, c.fit.pose, centre) for c in kept):
                kept.append(candidate)
        return kept

    def search(self, cleaned: CleanScan, unit: str, checked: CheckedLandmarks, **options) -> list[Candidate]:
        target = self.target(cleaned, unit)
        poses = find_poses(self.prior, target.points, target.normals, target.border, target.weights, **options)
        return [self.quick(unit, target, pose, checked) for pose in poses]

    def target(self, cleaned: CleanScan, unit: str) -> Target:
        factor = UNITS[unit]
        density = len(cleaned.vertices) / (float(cleaned.weights.sum()) * factor**2)
        return Target.of(cleaned.points * factor, cleaned.normals, cleaned.border, cleaned.weights, density=density)

    def quick(self, unit: str, target: Target, pose: Pose, checked: CheckedLandmarks) -> Candidate:
        fit = self.fit_model(target, pose, None, QUICK, checked, 1200)
        return Candidate(unit, target, fit, measure_quality(fit.prior, target, fit.vertices))

    def near(self, candidate: Candidate, checked: CheckedLandmarks) -> ModelFit:
        """All modes, coarsely. The closest points of a wide open mouth are those of a closed one: both are tried."""
        target, quick = candidate.target, candidate.fit
        gape = self.prior.gape
        if gape is None:
            # held near the mean and reaching far, all modes find ways that few miss
            wide = self.fit_model(target, quick.pose, None, WIDE, checked, 1200, correlation=100.0)
            return self.fit_model(target, wide.pose, wide.b, NEAR[:1], checked, 10000)
        first = self.prior.origin.copy()
        first[: len(quick.b)] = quick.b
        starts = [first + width * gape for width in GAPES]
        tried = [self.fit_model(target, quick.pose, b, NEAR, checked, 1200) for b in starts]
        return min(tried, key=lambda fit: self.doubt(target, fit))

    def nearer(self, candidate: Candidate, checked: CheckedLandmarks) -> Candidate:
        fit, target = self.near(candidate, checked), candidate.target
        return Candidate(candidate.unit, target, fit, measure_quality(fit.prior, target, fit.vertices), True)

    def full(self, candidate: Candidate, checked: CheckedLandmarks) -> ModelFit:
        """The final fit with all modes, from a quick fit or from one that has all modes already."""
        near = candidate.fit if candidate.whole else self.near(candidate, checked)
        return self.fit_model(candidate.target, near.pose, near.b, FINAL, checked, 10000)

    def doubt(self, target: Target, fit: ModelFit) -> float:
        """How badly a fit explains the scan and how unlikely its shape is, for choosing between fits of one pose."""
        score = measure_quality(fit.prior, target, fit.vertices).score
        return score + UNLIKELY * float(fit.b @ fit.b) / len(fit.b)

    def again(self, candidate: Candidate, checked: CheckedLandmarks, fit: ModelFit) -> ModelFit:
        """A second fit for one that is off in a part of the face: from the shape found, right elsewhere, reach far."""
        wide = self.fit_model(candidate.target, fit.pose, fit.b, WIDE, checked, 1200, correlation=10.0)
        return self.fit_model(candidate.target, wide.pose, wide.b, NEAR[:1] + FINAL, checked, 10000)

    def fit_model(self, target, pose, b, schedule, checked, points, correlation=None) -> ModelFit:
        s = self.settings
        return fit_model(
            self.prior, target, pose, b=b, schedule=schedule, ignore=self.ignore, noise=s.noise,
            correlation=correlation or s.correlation, landmark_noise=s.landmark_noise, model_points=points,
            landmarks=checked.points if s.use_landmarks_in_fit else None,
        )  # fmt: skip

    def told_apart(
        self, candidates: list[Candidate], checked: CheckedLandmarks
    ) -> tuple[list[Candidate], float | None]:
        """Candidates and their gap; those whose quick fits, which may stop on their way, come close to the best one are
        fitted with all modes."""
        best = candidates[0].quality.score
        close = [c for c in candidates if c.quality.score < best + CLOSE]
        if len(close) < 2:
            return candidates, self.gap(candidates)
        better = self.apart(sorted((self.nearer(c, checked) for c in close), key=lambda c: c.quality.score))
        behind = [c.quality.score - better[0].quality.score for c in better[1:]]
        behind += [c.quality.score - best for c in candidates[len(close) :]]
        return better, min(behind, default=None)

    def gap(self, candidates: list[Candidate]) -> float | None:
        if len(candidates) < 2:
            return None
        return min(c.quality.score for c in candidates[1:]) - candidates[0].quality.score
