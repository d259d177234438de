"""All stages in order: `register`."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from inface._validate import BoolArray, FloatArray, vertex_mask
from inface.errors import ConvergenceError
from inface.geometry.proximity import SurfaceIndex, nearest
from inface.mesh import Mesh
from inface.registration.clean import UNITS, CleanScan, clean, unit_candidates
from inface.registration.landmark_check import CheckedLandmarks, check_landmarks, collect, pull
from inface.registration.model_fit import ModelFit, Target, fit_model
from inface.registration.pose import Pose, distinct, even_rotations, find_poses
from inface.registration.prior import ShapePrior, prior_of
from inface.registration.quality import Quality, measure_quality, parts_off
from inface.registration.refine import LEVELS, Curve, refine
from inface.registration.result import Registration, Stage
from inface.registration.verdict import Limits, judge
from inface.transforms import Similarity

DOUBTFUL = 0.2  # score of the best quick fit beyond which the search for the pose is repeated, wider
CLOSE = 0.06  # poses whose quick fits differ by less than this in score are told apart by better fits
HOPELESS = 0.6  # score beyond which nobody will look at exact distances
PULL_REACH = 0.04  # of the model's size: how far about a landmark the skin follows it
QUICK = ((10, 30.0, 3), (40, 15.0, 2))
AGAIN = 3  # times a fit that is off in a part of the face is tried again
WIDE = ((None, 30.0, 6), (None, 20.0, 5))
NEAR = ((None, 10.0, 3), (None, 5.0, 3))
FINAL = ((None, 5.0, 6), (None, 3.0, 4))
GAPES = (-9.0, 0.0, 9.0)  # how far the mouth is opened at the starts of the full fit, standard deviations
UNLIKELY = 0.02  # what a shape one standard deviation out in every mode costs, in units of the score


@dataclass(frozen=True)
class Settings:
    """How to register; written beside the results of a batch.

    Attributes:
        noise: least standard deviation of the scan's distances, mm. 0.02 for scans without noise.
        correlation: neighbouring distances are alike; each counts as one of this many.
        landmark_noise: standard deviation of given landmarks, mm.
        landmark_beyond: how far, in mm, the skin may slide under given landmarks beyond what the model allows; 0: not.
        modes: use this many of the model's modes; None: all.
        refine: leave the model's space after the fit.
        levels: (stiffness, reach mm, steps) of the refinement.
        outside: in the refinement of scalp, forehead, ears and neck, what lies outside the skin by this many mm or more
            is taken for cloth or hair.
        hard_landmarks: hold given landmarks exactly in the refinement.
        use_landmarks_in_fit: draw the fit to the landmarks; False: they only give the pose.
        check_pose: with a given start or landmarks, look for a better pose all the same.
        smallest: share of the surface below which a loose piece of the scan is dropped.
        smooth_normals: rounds of averaging the scan's normals, against noise; 0 for clean meshes.
        limits: when to say "partial" or "failed".
    """

    noise: float = 0.4
    correlation: float = 2.5
    landmark_noise: float = 2.0
    landmark_beyond: float = 0.7
    modes: int | None = None
    refine: bool = True
    levels: tuple[tuple[float, float, int], ...] = LEVELS
    outside: float = 1.0
    hard_landmarks: bool = False
    use_landmarks_in_fit: bool = True
    check_pose: bool = True
    smallest: float = 0.02
    smooth_normals: int = 2
    limits: Limits = field(default_factory=Limits)


class RegistrationError(ConvergenceError):
    """A registration failed and `on_failure="raise"` was asked for; `registration` holds the record."""

    def __init__(self, registration: Registration) -> None:
        super().__init__("the registration failed: " + "; ".join(registration.reasons))
        self.registration = registration


@dataclass(frozen=True, eq=False)
class _Candidate:
    unit: str
    target: Target
    fit: ModelFit
    quality: Quality
    whole: bool = False  # fitted with all modes


def register(
    scan: Mesh,
    model: Any = "pca",
    landmarks: Mapping[str, ArrayLike] | Iterable[tuple[str, ArrayLike]] | None = None,
    start: Similarity | None = None,
    *,
    unit: str | None = None,
    ignore: ArrayLike | Sequence[str] | None = None,
    stiffness: Mapping[str, float] | None = None,
    curves: Sequence[Curve] = (),
    settings: Settings | None = None,
    on_failure: Literal["record", "raise"] = "record",
) -> Registration:
    """Bring a raw scan into correspondence with a model; the verdict says whether to believe the result.

    Args:
        scan: a triangle mesh or point cloud in any pose and unit, as it comes.
        model: a model, or the name of a shipped one.
        landmarks: name -> point in the scan's frame and unit (names of the model's template); three or more give the
            pose. None: the pose is found from the shape.
        start: a pose from the model's frame (mm) to the scan's frame and unit.
        unit: "mm", "cm", "m" or "inch"; None: found from the size.
        ignore: what must match nothing: names of template regions, or a mask `(V,)`. Under a cap: `["scalp"]`.
        stiffness: region -> factor on the stiffness of the refinement.
        curves: lines of template vertices to draw onto polylines given in the scan's frame and unit.
        on_failure: "record" (look at `verdict`) or "raise" `RegistrationError`.

    Raises:
        ValueError: arguments that make no sense (unknown unit, region, one landmark at two places). A bad scan raises
            nothing: its verdict is "failed".
    """
    settings = settings or Settings()
    if on_failure not in ("record", "raise"):
        raise ValueError(f"on_failure: expected 'record' or 'raise', got '{on_failure}'")
    if isinstance(model, str):
        from inface.embedded import load_default_model

        model = load_default_model(model)
    prior = prior_of(model)
    if settings.modes is not None:
        prior = prior.truncated(settings.modes)
    run = _Run(prior, settings, _ignored(prior, ignore), unit)
    given = collect(landmarks) if landmarks is not None else {}
    result = run.register(scan, given, start, stiffness, curves)
    if result.verdict == "failed" and on_failure == "raise":
        raise RegistrationError(result)
    return result


def _ignored(prior: ShapePrior, ignore) -> BoolArray | None:
    if ignore is None:
        return None
    if isinstance(ignore, str) or (len(ignore) and isinstance(ignore[0], str)):
        mask = np.zeros(len(prior.mean), bool)
        for name in [ignore] if isinstance(ignore, str) else ignore:
            if name not in prior.regions:
                raise ValueError(f"ignore: the template has no region '{name}'; it has {', '.join(prior.regions)}")
            mask[prior.regions[name]] = True
        return mask
    return vertex_mask("ignore", ignore, len(prior.mean))


class _Run:
    """One registration: holds the prior, the settings and the record of the stages."""

    def __init__(self, prior: ShapePrior, settings: Settings, ignore: BoolArray | None, unit: str | None) -> None:
        self.prior, self.settings, self.ignore, self.unit = prior, settings, ignore, unit
        self.stages: list[Stage] = []
        self.clock = time.process_time()
        if unit is not None and unit not in UNITS:
            raise ValueError(f"unit: expected one of {', '.join(UNITS)}, got '{unit}'")

    def done(self, name: str, measures: Mapping[str, float] | None = None, notes: Sequence[str] = ()) -> None:
        now = time.process_time()
        self.stages.append(Stage(name, now - self.clock, dict(measures or {}), tuple(notes)))
        self.clock = now

    def register(self, scan, given, start, stiffness, curves) -> Registration:
        cleaned = clean(scan, smallest=self.settings.smallest, smooth_normals=self.settings.smooth_normals)
        self.done("clean", {"points": len(cleaned.points)}, cleaned.notes)
        if cleaned.problem:
            return self.failure(cleaned.problem)
        try:
            return self.fit(cleaned, given, start, stiffness, curves)
        except (ConvergenceError, np.linalg.LinAlgError) as error:
            return self.failure(f"the fit broke down ({error})", cleaned.notes)

    def failure(self, reason: str, notes: Sequence[str] = ()) -> Registration:
        return Registration(
            "failed", (reason,), stages=tuple(self.stages), notes=tuple(notes),
            model_hash=getattr(self.prior.model, "hash", ""),
        )  # fmt: skip

    def fit(self, cleaned: CleanScan, given, start, stiffness, curves) -> Registration:
        prior, settings = self.prior, self.settings
        candidates, checked = self.poses(cleaned, given, start)
        if not candidates:
            return self.failure("no pose of the model meets the scan", cleaned.notes)
        # a scan that is inside out meets the model nowhere: turn it and see
        if min(c.quality.score for c in candidates) > 0.55:
            turned = cleaned.inside_out()
            others, other_checked = self.poses(turned, given, start)
            if others and others[0].quality.score < candidates[0].quality.score - 0.1:
                candidates, checked, cleaned = others, other_checked, turned
        gap = self.gap(candidates)
        close = [c for c in candidates if c.quality.score < candidates[0].quality.score + CLOSE]
        if len(close) > 1 and start is None and checked.pose is None:
            # a quick fit may stop on its way, so those that come close are told apart by all modes
            rest = [c.quality.score - candidates[0].quality.score for c in candidates[len(close) :]]
            candidates = self.apart(sorted((self.nearer(c, checked) for c in close), key=lambda c: c.quality.score))
            gap = min([c.quality.score - candidates[0].quality.score for c in candidates[1:]] + rest, default=None)
        best = candidates[0]
        self.done("pose", {"score": best.quality.score, "candidates": len(candidates)}, checked.notes + checked.doubts)

        fit = self.full(best, checked)
        quality = measure_quality(fit.prior, best.target, fit.vertices)
        parts = parts_off(prior, quality.off)
        for _ in range(AGAIN):
            if max(parts.values(), default=0) <= settings.limits.part:
                break
            other = self.again(best, checked, fit)
            other_quality = measure_quality(other.prior, best.target, other.vertices)
            other_parts = parts_off(prior, other_quality.off)
            if max(other_parts.values(), default=np.inf) >= max(parts.values()):
                break
            fit, quality, parts = other, other_quality, other_parts
        self.done("model fit", {"score": quality.score, "sigma": fit.sigma, "modes": len(fit.b)})

        target, factor = best.target, UNITS[best.unit]
        moved = fit.vertices
        if settings.refine:
            if settings.use_landmarks_in_fit:
                beyond = settings.landmark_beyond
                moved = pull(moved, checked.points, settings.landmark_noise, beyond, PULL_REACH * prior.size)
            moved = refine(
                moved, prior.triangles, target, usable=self.usable, stiffness=self.stiffness(stiffness),
                landmarks=checked.points if settings.hard_landmarks else None, hard_landmarks=True,
                curves=[Curve(c.vertices, (c.points - cleaned.centre) * factor) for c in curves],
                levels=settings.levels,
                outside=settings.outside,
                clothed=prior.clothed,
            )  # fmt: skip
            quality = measure_quality(prior, target, moved)
            self.done("refine", {"score": quality.score, "moved": float(np.abs(moved - fit.vertices).mean())})
        distance = _distances(cleaned, target, factor, moved, exact=quality.score < HOPELESS)
        extra = list(checked.doubts)
        verdict, reasons = judge(quality, fit.sigma, fit.b, gap, settings.limits, extra, parts)
        back = fit.pose
        model_vertices = (moved - back.translation) @ back.rotation
        transform = Similarity(back.rotation, back.translation / factor + cleaned.centre, 1 / factor)
        support = quality.support if self.ignore is None else quality.support & ~self.ignore
        measures = {
            "score": quality.score, "explained": quality.explained, "coverage": quality.coverage,
            "face_coverage": quality.face_coverage, "counted": quality.counted, "cloth": quality.cloth,
            "gap": np.nan if gap is None else gap, "sigma": fit.sigma,
            "mahalanobis": float(fit.b @ fit.b / len(fit.b)), "largest": float(np.abs(fit.b).max()),
            "worst_part": max(parts.values(), default=np.nan),
            "mean_distance": float(distance[support].mean()) if support.any() else np.nan,
        }  # fmt: skip
        self.done("report")
        return Registration(
            verdict, reasons,
            mesh=Mesh(transform.apply(model_vertices), prior.triangles),
            model_mesh=Mesh(model_vertices, prior.triangles),
            latent=prior.latent(fit.b), fitted=fit.shape, transform=transform, unit=best.unit, support=support,
            distance=distance, vertex_std=fit.vertex_std(), stages=tuple(self.stages), measures=measures,
            notes=cleaned.notes + checked.notes, model_hash=getattr(prior.model, "hash", ""),
        )  # fmt: skip

    @property
    def usable(self) -> BoolArray:
        mask = self.prior.usable & ~self.prior.border
        return mask if self.ignore is None else mask & ~self.ignore

    def stiffness(self, regions: Mapping[str, float] | None) -> FloatArray | None:
        if not regions:
            return None
        factor = np.ones(len(self.prior.mean))
        for name, value in regions.items():
            if name not in self.prior.regions or not value > 0:
                raise ValueError(
                    f"stiffness: expected regions of the template and factors above 0, got {name!r}: {value}"
                )
            factor[self.prior.regions[name]] = value
        return factor

    def poses(self, cleaned: CleanScan, given, start) -> tuple[list[_Candidate], CheckedLandmarks]:
        """Quick fits from every pose worth trying, best first (a given start or landmarks first)."""
        none = CheckedLandmarks({}, None, (), ())
        found: list[_Candidate] = []
        first: _Candidate | None = None
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

    def apart(self, found: list[_Candidate]) -> list[_Candidate]:
        """Those that end in one pose count once; the best stays."""
        kept: list[_Candidate] = []
        centre = self.prior.mean.mean(0)
        for candidate in found:
            if all(c.unit != candidate.unit or distinct(candidate.fit.pose, c.fit.pose, centre) for c in kept):
                kept.append(candidate)
        return kept

    def search(self, cleaned: CleanScan, unit: str, checked: CheckedLandmarks, **options) -> list[_Candidate]:
        target = self.target(cleaned, unit)
        poses = find_poses(self.prior, target.points, target.normals, target.border, target.weights, **options)
        return [self.quick(unit, target, pose, checked) for pose in poses]

    def target(self, cleaned: CleanScan, unit: str) -> Target:
        factor = UNITS[unit]
        density = len(cleaned.vertices) / (float(cleaned.weights.sum()) * factor**2)
        return Target.of(cleaned.points * factor, cleaned.normals, cleaned.border, cleaned.weights, density=density)

    def quick(self, unit: str, target: Target, pose: Pose, checked: CheckedLandmarks) -> _Candidate:
        fit = self.fit_model(target, pose, None, QUICK, checked, 1200)
        return _Candidate(unit, target, fit, measure_quality(fit.prior, target, fit.vertices))

    def near(self, candidate: _Candidate, checked: CheckedLandmarks) -> ModelFit:
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

    def nearer(self, candidate: _Candidate, checked: CheckedLandmarks) -> _Candidate:
        fit, target = self.near(candidate, checked), candidate.target
        return _Candidate(candidate.unit, target, fit, measure_quality(fit.prior, target, fit.vertices), True)

    def full(self, candidate: _Candidate, checked: CheckedLandmarks) -> ModelFit:
        """The final fit with all modes, from a quick fit or from one that has all modes already."""
        near = candidate.fit if candidate.whole else self.near(candidate, checked)
        return self.fit_model(candidate.target, near.pose, near.b, FINAL, checked, 10000)

    def doubt(self, target: Target, fit: ModelFit) -> float:
        """How badly a fit explains the scan and how unlikely its shape is, for choosing between fits of one pose."""
        score = measure_quality(fit.prior, target, fit.vertices).score
        return score + UNLIKELY * float(fit.b @ fit.b) / len(fit.b)

    def again(self, candidate: _Candidate, checked: CheckedLandmarks, fit: ModelFit) -> ModelFit:
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

    def gap(self, candidates: list[_Candidate]) -> float | None:
        if len(candidates) < 2:
            return None
        return min(c.quality.score for c in candidates[1:]) - candidates[0].quality.score


def _distances(cleaned: CleanScan, target: Target, factor: float, vertices: FloatArray, exact: bool) -> FloatArray:
    """Distance of each vertex from the scan's surface, mm; from its nearest point for clouds and hopeless fits."""
    if exact and len(cleaned.triangles):
        return SurfaceIndex(cleaned.vertices * factor, cleaned.triangles).closest(vertices).distance
    return nearest(target.tree, vertices)[0]
