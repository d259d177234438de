"""All stages in order: `register`."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from inface._validate import BoolArray, FloatArray, vertex_mask
from inface.errors import ConvergenceError
from inface.geometry.proximity import SurfaceIndex, nearest
from inface.mesh import Mesh
from inface.registration.clean import UNITS, CleanScan, clean
from inface.registration.fits import Fits
from inface.registration.landmark_check import collect, pull
from inface.registration.model_fit import Target
from inface.registration.prior import ShapePrior, prior_of
from inface.registration.quality import measure_quality, parts_off
from inface.registration.refine import Curve, refine
from inface.registration.result import Registration, Stage
from inface.registration.settings import Settings
from inface.registration.verdict import judge
from inface.transforms import Similarity

HOPELESS = 0.6  # score beyond which nobody will look at exact distances
PULL_REACH = 0.04  # of the model's size: how far about a landmark the skin follows it
AGAIN = 3  # times a fit that is off in a part of the face is tried again


class RegistrationError(ConvergenceError):
    """A registration failed and `on_failure="raise"` was asked for; `registration` holds the record."""

    def __init__(self, registration: Registration) -> None:
        super().__init__("the registration failed: " + "; ".join(registration.reasons))
        self.registration = registration


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
        self.prior, self.settings, self.ignore = prior, settings, ignore
        self.fits = Fits(prior, settings, ignore, unit)
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
        candidates, checked = self.fits.poses(cleaned, given, start)
        if not candidates:
            return self.failure("no pose of the model meets the scan", cleaned.notes)
        # a scan that is inside out meets the model nowhere: turn it and see
        if min(c.quality.score for c in candidates) > 0.55:
            turned = cleaned.inside_out()
            others, other_checked = self.fits.poses(turned, given, start)
            if others and others[0].quality.score < candidates[0].quality.score - 0.1:
                candidates, checked, cleaned = others, other_checked, turned
        gap = self.fits.gap(candidates)
        if start is None and checked.pose is None:
            candidates, gap = self.fits.told_apart(candidates, checked)
        best = candidates[0]
        self.done("pose", {"score": best.quality.score, "candidates": len(candidates)}, checked.notes + checked.doubts)

        fit = self.fits.full(best, checked)
        quality = measure_quality(fit.prior, best.target, fit.vertices)
        parts = parts_off(prior, quality.off)
        for _ in range(AGAIN):
            if max(parts.values(), default=0) <= settings.limits.part:
                break
            other = self.fits.again(best, checked, fit)
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


def _distances(cleaned: CleanScan, target: Target, factor: float, vertices: FloatArray, exact: bool) -> FloatArray:
    """Distance of each vertex from the scan's surface, mm; from its nearest point for clouds and hopeless fits."""
    if exact and len(cleaned.triangles):
        return SurfaceIndex(cleaned.vertices * factor, cleaned.triangles).closest(vertices).distance
    return nearest(target.tree, vertices)[0]
