"""Fits of one scan: from a pose coarsely, with all modes, with all points; and how much is to be doubted of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from inface._validate import BoolArray, FloatArray
from inface.geometry.rotations import from_vectors
from inface.registration.features import BendMap, blocks_of, find_features
from inface.registration.likeness import USUAL, Likeness, Looks
from inface.registration.model_fit import ModelFit, Schedule, Start, Weighing, fit_model
from inface.registration.pose import Pose, angle_between
from inface.registration.prior import ShapePrior
from inface.registration.quality import Quality, measure_quality
from inface.registration.target import Target

QUICK: Schedule = ((10, 30.0, 3), (40, 15.0, 2))
WIDE: Schedule = ((None, 30.0, 6), (None, 20.0, 5))
CLOSE: Schedule = ((None, 10.0, 3), (None, 5.0, 3))
NODDED: Schedule = ((40, 15.0, 3), (None, 10.0, 3), (None, 5.0, 3))
MATCHED: Schedule = ((None, 10.0, 3), (None, 5.0, 2))
FINAL: Schedule = ((None, 5.0, 6), (None, 3.0, 4))
FEW, ALL = 1200, 10000  # vertices that look for the scan in early and in final fits
GAPES = (-9.0, 0.0, 9.0)  # how far the mouth is opened at the starts of the refit, standard deviations
UNLIKELY = 0.02  # what a shape one standard deviation out in every mode costs, in units of the score
UNLIKE = 0.3  # what a face that bends nowhere like the scan costs, in units of the score
FEATURES = 4  # fewer places of features draw nothing
FEATURE_NOISE, FEATURE_DOUBT = 0.7, 10.0  # mm: how far their places are believed
OTHER = 35.0  # degrees between two poses that look at different things: less is one head, nodding


@dataclass(frozen=True, eq=False)
class Candidate:
    """A fit and how well it explains the scan.

    Attributes:
        look: how alike the faces of both bend; None: not looked at.
        features: vertex id -> place on the scan (working frame) that drew the fit.
    """

    target: Target
    fit: ModelFit
    quality: Quality
    look: Likeness | None = None
    features: Mapping[int, FloatArray] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Whether all modes were fitted."""
        return self.look is not None

    @property
    def likeness(self) -> float:
        return np.nan if self.look is None else self.look.value

    @property
    def doubt(self) -> float:
        """For choosing between poses: what distances do not show, bends do."""
        unlike = 0.0 if np.isnan(self.likeness) else UNLIKE * (1 - max(self.likeness, 0.0))
        return self.quality.score / self.size + unlike

    @property
    def size(self) -> float:
        """How many times larger than life the model sees the scan."""
        return self.target.enlarged / self.fit.pose.scale

    def is_other(self, best: "Candidate") -> bool:
        """Whether two fits look at different things."""
        angle = angle_between(self.fit.pose.rotation, best.fit.pose.rotation)
        return self.target.unit != best.target.unit or bool(angle > OTHER)


@dataclass(frozen=True, eq=False)
class Fitter:
    """All that the fits of one scan share.

    Attributes:
        ignore: `(V,)` vertices that match nothing.
        landmarks: vertex id -> place in the working frame, where they draw the fit.
    """

    prior: ShapePrior
    weighing: Weighing = field(default_factory=Weighing)
    ignore: BoolArray | None = None
    landmarks: Mapping[int, FloatArray] = field(default_factory=dict)

    def fit(self, target: Target, start: Start, schedule: Schedule, points: int = FEW) -> ModelFit:
        """One run of the schedule."""
        return fit_model(
            self.prior, target, start, landmarks=self.landmarks, ignore=self.ignore, schedule=schedule,
            weighing=self.weighing, points=points,
        )  # fmt: skip

    def freed(self) -> "Fitter":
        """The same with the size free."""
        return replace(self, weighing=replace(self.weighing, free_size=True))

    def coarse_fit(self, target: Target, pose: Pose) -> Candidate:
        """A quick fit with few modes."""
        return self._candidate(target, self.fit(target, Start(pose), QUICK))

    def refit(self, candidate: Candidate) -> Candidate:
        """With all modes. The closest points of a wide open mouth are those of a closed one: both are tried."""
        target, quick, gape = candidate.target, candidate.fit, self.prior.gape
        if gape is None:
            # held near the mean and reaching far, all modes find ways that few miss
            held = replace(self, weighing=replace(self.weighing, correlation=100.0))
            wide = held.fit(target, Start(quick.pose), WIDE)
            return self.look(target, self.fit(target, wide.start(), CLOSE[:1], ALL))
        first = self.prior.origin.copy()
        first[: len(quick.b)] = quick.b
        starts = [Start(quick.pose, first + width * gape, quick.inflation) for width in GAPES]
        tried = [self.fit(target, start, CLOSE) for start in starts]
        return self.look(target, min(tried, key=lambda fit: self._doubt(target, fit)))

    def nodded(self, candidate: Candidate, degrees: float) -> Candidate:
        """A fit with all modes from a pose nodded about the head's middle: a face that slid lies one nod away."""
        fit = candidate.fit
        turn = fit.pose.rotation @ from_vectors(np.array([np.radians(degrees), 0.0, 0.0]))
        middle = self.prior.mean[self.prior.usable].mean(0)
        scale = fit.pose.scale
        start = Pose(turn, fit.pose.apply(middle) - scale * (turn @ middle), scale)
        return self.look(candidate.target, self.fit(candidate.target, Start(start, fit.b, fit.inflation), NODDED))

    def matched(self, candidate: Candidate, reaches: Sequence[float]) -> Candidate:
        """Fits drawn to where the features of the face lie on the scan, with features found anew after the last.

        `reaches`: mm on a usual head that are looked about, fit by fit.
        """
        unit, blocks = self.prior.size / USUAL, blocks_of(self.prior)
        looks = Looks(self.prior, candidate.target)
        bend_map = BendMap(looks)
        for reach in reaches:
            found = find_features(bend_map, looks, candidate.fit.vertices, blocks, reach * unit)
            if len(found) < FEATURES:
                return candidate
            fit = self._drawn(found).fit(candidate.target, candidate.fit.start(), MATCHED)
            candidate = replace(self.look(candidate.target, fit), features=found)
        found = find_features(bend_map, looks, candidate.fit.vertices, blocks, reaches[-1] * unit)
        return replace(candidate, features=found)

    def _drawn(self, features: Mapping[int, FloatArray]) -> "Fitter":
        """The same with features of the face as landmarks; those that the user gave go before."""
        weighing = replace(self.weighing, landmark_noise=FEATURE_NOISE, landmark_doubt=FEATURE_DOUBT)
        return replace(self, landmarks={**features, **self.landmarks}, weighing=weighing)

    def settled(self, candidate: Candidate) -> Candidate:
        """The same fit with its size given to the target, so that the model's frame is in millimetres again."""
        factor = 1 / candidate.fit.pose.scale
        target, pose = candidate.target.resized(factor), candidate.fit.pose
        fit = replace(candidate.fit, pose=Pose(pose.rotation, pose.translation * factor, 1.0))
        features = {vertex: place * factor for vertex, place in candidate.features.items()}
        return replace(self.look(target, fit), features=features)

    def final_fit(self, candidate: Candidate) -> Candidate:
        """All modes and all points. Features that drew the way here draw no more: held to them faces agreed less."""
        near = candidate if candidate.whole else self.refit(candidate)
        done = self.look(near.target, self.fit(near.target, near.fit.start(), FINAL, ALL))
        return replace(done, features=near.features)

    def second_fit(self, candidate: Candidate) -> Candidate:
        """For one that is off in a part of the face: from the shape found, right elsewhere, reach far."""
        fit, target = candidate.fit, candidate.target
        held = replace(self, weighing=replace(self.weighing, correlation=10.0))
        wide = held.fit(target, Start(fit.pose, fit.b), WIDE)
        return self.look(target, self.fit(target, wide.start(), CLOSE[:1] + FINAL, ALL))

    def look(self, target: Target, fit: ModelFit) -> Candidate:
        """The candidate with the look at its bends."""
        return replace(self._candidate(target, fit), look=Looks(self.prior, target).face(fit.vertices))

    def _candidate(self, target: Target, fit: ModelFit) -> Candidate:
        return Candidate(target, fit, measure_quality(fit.prior, target, fit.vertices))

    def _doubt(self, target: Target, fit: ModelFit) -> float:
        """How badly a fit explains the scan and how unlikely its shape is, for choosing between fits of one pose."""
        return measure_quality(fit.prior, target, fit.vertices).score + UNLIKELY * fit.mean_square
