"""All stages in order: one registration on its way, from the clean scan to the record."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from inface._validate import BoolArray, FloatArray
from inface.errors import ConvergenceError
from inface.geometry.proximity import SurfaceIndex, nearest
from inface.mesh import Mesh
from inface.reasons import Reason
from inface.registration.cap import Cap, look_for_cap, told
from inface.registration.clean import CleanScan, clean, extent
from inface.registration.fits import Candidate, Fitter
from inface.registration.landmark_check import pull
from inface.registration.likeness import Looks
from inface.registration.model_fit import Weighing
from inface.registration.parts import MOUTH, Part, doubtful, look_at_parts
from inface.registration.prior import ShapePrior, rms_radius
from inface.registration.quality import Quality, measure_quality
from inface.registration.refine import HARD, Anchors, Curve, Elastic, refine
from inface.registration.result import Registration, Stage
from inface.registration.scope import scope_of
from inface.registration.search import (
    Found,
    Request,
    find_candidates,
    match_features,
    separate_candidates,
    separation,
    units_that_fit,
)  # fmt: skip
from inface.registration.settings import Settings
from inface.registration.verdict import Evidence, judge
from inface.transforms import Similarity, procrustes
from inface.units import MM_PER_UNIT

HOPELESS = 0.6  # score beyond which nobody will look at exact distances
PULL_REACH = 0.04  # of the model's size: how far about a landmark the skin follows it
AGAIN = 3  # times a fit that is off in a part of the face is tried again
KNOWN = 2.0  # inflation below which the shape is one that the model knows


@dataclass(frozen=True, eq=False)
class Asked:
    """What the caller asked for: landmarks and start in the scan's frame, its unit or scale, masks and curves."""

    landmarks: Mapping[str, FloatArray]
    start: Similarity | None
    unit: str | None
    scale: float | None
    ignore: BoolArray | None
    stiffness: FloatArray | None
    curves: Sequence[Curve]


@dataclass(frozen=True, eq=False)
class _Choice:
    """The candidate to finish, by which fitter, and what was decided on the way."""

    fitter: Fitter
    best: Candidate
    gap: float | None
    cap: Cap


class Run:
    """One registration: holds the prior, the settings and the record of the stages."""

    def __init__(self, prior: ShapePrior, settings: Settings, asked: Asked) -> None:
        self.prior, self.settings, self.asked = prior, settings, asked
        self.stages: list[Stage] = []
        self.clock = time.process_time()

    def done(self, name: str, measures: Mapping[str, float] | None = None, notes: Sequence[str] = ()) -> None:
        now = time.process_time()
        self.stages.append(Stage(name, now - self.clock, dict(measures or {}), tuple(notes)))
        self.clock = now

    def register(self, scan: Mesh) -> Registration:
        cleaned = clean(scan, smallest=self.settings.smallest, smooth_normals=self.settings.smooth_normals)
        self.done("clean", {"points": len(cleaned.cloud.points)}, cleaned.notes)
        if cleaned.problem:
            return self.failure(Reason("scan", cleaned.problem))
        scales = self.scales(cleaned)
        if isinstance(scales, Reason):
            return self.failure(scales, cleaned.notes)
        try:
            return self.fit(cleaned, scales)
        except (ConvergenceError, np.linalg.LinAlgError) as error:
            return self.failure(Reason("breakdown", f"the fit broke down ({error})"), cleaned.notes)

    def failure(self, reason: Reason, notes: Sequence[str] = ()) -> Registration:
        return Registration(
            "failed", (str(reason),), because=(reason,), stages=tuple(self.stages), notes=tuple(notes),
            model_hash=getattr(self.prior.model, "hash", ""),
        )  # fmt: skip

    def scales(self, cleaned: CleanScan) -> dict[str, float] | Reason:
        """Unit -> mm in one, of the units in which the scan may be a head; or why it is none in any."""
        asked, cloud = self.asked, cleaned.cloud
        if asked.start is not None and asked.unit is None and asked.scale is None:
            return dict(MM_PER_UNIT)
        radius, across = rms_radius(cloud.points, cloud.weights), extent(cleaned.vertices)
        if asked.unit is None and asked.scale is None:
            found = units_that_fit(radius, self.prior.radius)
            words = f"{across:.3g} units across: no head in mm, cm, m or inch; give unit= or scale="
            return found or Reason("unit", words, across)
        scale = MM_PER_UNIT[asked.unit] if asked.unit is not None else float(asked.scale or 1.0)
        if 1 / 5 < radius * scale / self.prior.radius < 5:
            return {asked.unit or "": scale}
        words = (
            f"{across:.3g} units across, so {across * scale:.3g} mm with the unit or scale given: "
            f"no head (the model's is {self.prior.size:.0f} mm)"
        )
        return Reason("unit", words, across * scale, self.prior.size)

    def fit(self, cleaned: CleanScan, scales: Mapping[str, float]) -> Registration:
        asked, settings = self.asked, self.settings
        weighing = Weighing(settings.noise, settings.correlation, settings.landmark_noise, settings.plausible)
        clothed = Fitter(self.prior, weighing, asked.ignore)
        first = clothed if settings.cap else replace(clothed, prior=self.prior.bare())
        request = Request(scales, asked.landmarks, asked.start, settings.check_pose)
        found = find_candidates(first, cleaned, request)
        if not found.candidates:
            return self.failure(Reason("pose", "no pose of the model meets the scan"), found.cleaned.notes)
        choice = self.choose(found, first, clothed)
        notes = found.checked.notes + found.checked.doubts
        self.done("pose", {"score": choice.best.quality.score, "candidates": len(found.candidates)}, notes)
        best, looks, parts = self.finish(choice)
        self.done("model fit", {"score": best.quality.score, "sigma": best.fit.sigma, "modes": len(best.fit.b)})
        moved, quality = self.refined(choice.fitter, best, found)
        return self.report(_Outcome(found, choice, best, looks, parts, moved, quality))

    def choose(self, found: Found, fitter: Fitter, clothed: Fitter) -> _Choice:
        """The candidate to believe, and whether a cap is worn."""
        checked, settings, given = found.checked, self.settings, self.settings.cap
        if settings.use_landmarks_in_fit and checked.points:
            fitter, clothed = (replace(f, landmarks=checked.points) for f in (fitter, clothed))
        candidates, gap = found.candidates, found.gap
        searched = self.asked.start is None and checked.pose is None
        if searched:
            candidates = separate_candidates(fitter, candidates, found.mask)
            gap = separation(candidates)
        best = candidates[0]
        if found.mask and searched:
            best = match_features(fitter, best)
        if given is not None or self.prior.patch or found.mask:
            cap = told(given) if given is not None else Cap(False, False, "a face alone wears no cap")
            return _Choice(fitter, best, gap, cap)
        best = best if best.whole else fitter.refit(best)
        cap, other = look_for_cap(clothed, best)
        if cap.worn:
            if searched:
                candidates = sorted([*separate_candidates(clothed, found.candidates), other], key=lambda c: c.doubt)
                return _Choice(clothed, candidates[0], separation(candidates), cap)
            return _Choice(clothed, other, gap, cap)
        if best.fit.inflation < KNOWN:
            # the model knows this head: what stands out a little is hair and strays, and is believed less
            return _Choice(clothed, other, gap, cap)
        return _Choice(fitter, best, gap, cap)

    def finish(self, choice: _Choice) -> tuple[Candidate, Looks, dict[str, Part]]:
        """The final fit, once more where a part of the face is off, and the look at the parts."""
        fitter, limits = choice.fitter, self.settings.limits.parts
        best = fitter.final_fit(choice.best)
        looks = Looks(fitter.prior, best.target)

        def look(candidate: Candidate) -> dict[str, Part]:
            return look_at_parts(fitter.prior, looks, candidate.fit.vertices, candidate.quality, limits)

        parts = look(best)
        for _ in range(AGAIN):
            if worst(parts) <= limits.off or not doubtful(parts, MOUTH):
                break
            other = fitter.second_fit(best)
            other_parts = look(other)
            if not worst(other_parts) < worst(parts):
                break
            best, parts = other, other_parts
        return best, looks, parts

    def refined(self, fitter: Fitter, best: Candidate, found: Found) -> tuple[FloatArray, Quality]:
        """Beyond the model: the surface on the scan, and its quality."""
        settings, prior, asked, target = self.settings, fitter.prior, self.asked, best.target
        if not settings.refine:
            return best.fit.vertices, best.quality
        moved, points = best.fit.vertices, found.checked.points
        if settings.use_landmarks_in_fit:
            beyond = settings.landmark_beyond
            moved = pull(moved, points, settings.landmark_noise, beyond, PULL_REACH * prior.size)
        usable = prior.usable & ~prior.border
        elastic = Elastic(
            settings.levels, usable if asked.ignore is None else usable & ~asked.ignore, asked.stiffness,
            prior.clothed, settings.outside,
        )  # fmt: skip
        curves = [Curve(c.vertices, target.frame.apply(c.points)) for c in asked.curves]
        held = points if settings.hard_landmarks else {}
        moved = refine(moved, prior.triangles, target, elastic, Anchors(held, HARD, curves))
        quality = measure_quality(prior, target, moved)
        off = float(np.abs(moved - best.fit.vertices).mean())
        self.done("refine", {"score": quality.score, "moved": off})
        return moved, quality

    def report(self, out: "_Outcome") -> Registration:
        best, quality, prior = out.best, out.quality, out.choice.fitter.prior
        fit, target, cleaned = best.fit, best.target, out.found.cleaned
        distance = _distances(cleaned, target, out.moved, exact=quality.score < HOPELESS)
        evidence = self.evidence(out)
        verdict, because = judge(evidence, self.settings.limits)
        pose = Similarity(fit.pose.rotation, fit.pose.translation, fit.pose.scale)
        model_vertices = pose.inverse().apply(out.moved)
        transform = target.frame.inverse().compose(pose)
        support = quality.support if self.asked.ignore is None else quality.support & ~self.asked.ignore
        turn = np.kron(np.eye(2), fit.pose.rotation.T)
        measures = _measures(evidence, out) | {
            "mean_distance": float(distance[support].mean()) if support.any() else np.nan
        }
        self.done("report")
        return Registration(
            verdict, tuple(map(str, because)), because=because,
            mesh=Mesh(transform.apply(model_vertices), prior.triangles),
            model_mesh=Mesh(model_vertices, prior.triangles),
            latent=prior.latent(fit.b), fitted=fit.shape, covariance=prior.latent_covariance(fit.covariance),
            pose_covariance=turn @ fit.pose_covariance @ turn.T, transform=transform, unit=target.unit,
            scope=evidence.scope, parts=out.parts, cap=out.choice.cap, size=evidence.size, misfit=fit.misfit,
            support=support, distance=distance, vertex_std=fit.vertex_std(), stages=tuple(self.stages),
            measures=measures, notes=cleaned.notes + out.found.checked.notes,
            model_hash=getattr(prior.model, "hash", ""),
        )  # fmt: skip

    def evidence(self, out: "_Outcome") -> Evidence:
        best, prior, limits = out.best, out.choice.fitter.prior, self.settings.limits
        fit = best.fit
        slip = 0.0
        if best.likeness < limits.likeness:
            slip = out.looks.slip(fit.vertices, fit.pose.rotation[:, 1])
        return Evidence(
            out.quality, fit.sigma, fit.mean_square, float(np.abs(fit.b).max(initial=0)), out.choice.gap,
            best.likeness, out.parts, scope_of(prior, out.quality, out.found.mask), self.settings.scope,
            _size(prior, best, out.moved), slip, prior.patch,
            [Reason("landmarks", words) for words in out.found.checked.doubts],
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Outcome:
    """All that the report is made from; `moved (V, 3)` in the working frame, `quality` of it."""

    found: Found
    choice: _Choice
    best: Candidate
    looks: Looks
    parts: dict[str, Part]
    moved: FloatArray
    quality: Quality


def _size(prior: ShapePrior, best: Candidate, moved: FloatArray) -> float:
    """How many times as large as the model's mean face the scan's is; 1 for a scan whose size was never in question."""
    if best.target.enlarged == 1 and best.fit.pose.scale == 1:
        return 1.0
    front = prior.face_front
    return procrustes(prior.mean[front], moved[front] / best.target.enlarged, scale=True).scale


def worst(parts: Mapping[str, Part]) -> float:
    """The largest distance of the model's fit from the scan among the parts where a missed expression shows, mm."""
    return max((parts[n].off for n in MOUTH if n in parts and np.isfinite(parts[n].off)), default=0.0)


def _measures(evidence: Evidence, out: _Outcome) -> dict[str, float]:
    q, cap = evidence.quality, out.choice.cap
    return {
        "score": q.score, "explained": q.explained, "coverage": q.coverage, "face_coverage": q.face_coverage,
        "counted": q.counted, "cloth": q.cloth, "gap": np.nan if evidence.gap is None else evidence.gap,
        "sigma": evidence.sigma, "mahalanobis": evidence.mean_square, "largest": evidence.largest,
        "likeness": evidence.likeness, "inflation": out.best.fit.inflation, "misfit": out.best.fit.misfit,
        "size": evidence.size, "worst_part": worst(out.parts), "cap_out": cap.out, "cap_edge": cap.edge,
    }  # fmt: skip


def _distances(cleaned: CleanScan, target, vertices: FloatArray, exact: bool) -> FloatArray:
    """Distance of each vertex from the scan's surface, mm; from its nearest point for clouds and hopeless fits."""
    if exact and len(cleaned.triangles):
        surface = SurfaceIndex(cleaned.vertices * target.frame.scale, cleaned.triangles)
        return surface.closest(vertices).distance / target.enlarged
    return nearest(target.tree, vertices)[0] / target.enlarged
