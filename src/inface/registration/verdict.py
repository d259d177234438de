"""ok, partial or failed: what speaks against a registration, in words and for a program."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from inface.reasons import Reason
from inface.registration.parts import Part, PartLimits, doubtful
from inface.registration.quality import Quality
from inface.registration.scope import Scope

Verdict = Literal["ok", "partial", "failed"]
ADULT = 1.15  # times the model's size beyond which the size is told


@dataclass(frozen=True)
class Limits:
    """Where a measure begins to speak against a registration. How they were set: `docs/registration.md`.

    Attributes:
        score, explained, sigma, gap, coverage: beyond these the registration failed.
        face_coverage: with less of the face shown the rest is invention: partial.
        whole: with less of the whole model shown than this: partial.
        part: mm that the model's fit (before the refinement, which would hide it) may be off in a part of the face
            whose bends are little alike; beyond it an expression was missed: partial.
        mahalanobis, largest: mean square and largest entry of the standardised latent; beyond it the shape is none of
            the model's: failed.
        likeness, nose: least likeness of the bends of face and nose; below it there is no such face: failed.
        alike: likeness from which on a part may be farther off than `part`.
        part_likeness: likeness below which a part is in doubt however near it lies.
        far: mm beyond which it is in doubt however alike it is.
        blur: strength of the scan's bends over the fit's below which the scan shows nothing of a part.
    """

    score: float = 0.35
    explained: float = 0.85
    sigma: float = 1.6
    gap: float = 0.06
    coverage: float = 0.25
    face_coverage: float = 0.5
    whole: float = 0.35
    part: float = 0.8
    mahalanobis: float = 1.8
    largest: float = 4.5
    likeness: float = 0.55
    nose: float = 0.4
    alike: float = 0.7
    part_likeness: float = 0.42
    far: float = 2.5
    blur: float = 0.3

    @property
    def parts(self) -> PartLimits:
        """What of this is about single parts."""
        return PartLimits(self.part, self.alike, self.part_likeness, self.far, self.blur)


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a verdict is given on.

    Attributes:
        sigma: robust spread of the plane distances, mm.
        mean_square, largest: of the standardised latent.
        gap: how much more the best other pose is to be doubted; None when no other was found.
        likeness: of the face's bends; NaN when the scan shows no face.
        parts: what is known of each part.
        scope: what the scan shows; `wanted`: what the caller demanded, None for whatever it shows.
        size: how many times as large as the model's head the scan's is.
        slip: mm by which the face seems to lie too high (below 0: too low); 0: no such sign.
        patch: the model is of a face alone.
        doubts: reasons found before that make the result partial.
    """

    quality: Quality
    sigma: float
    mean_square: float
    largest: float
    gap: float | None
    likeness: float
    parts: Mapping[str, Part]
    scope: Scope = "head"
    wanted: Scope | None = None
    size: float = 1.0
    slip: float = 0.0
    patch: bool = False
    doubts: Sequence[Reason] = ()


def judge(evidence: Evidence, limits: Limits) -> tuple[Verdict, tuple[Reason, ...]]:
    """The verdict on a fit and the reasons for it, the gravest first."""
    failed = _pose(evidence, limits) + _shape(evidence, limits) + _lost(evidence, limits)
    partial = [*evidence.doubts, *_scope(evidence, limits), *_parts(evidence)]
    if failed:
        return "failed", (*failed, *partial)
    return ("partial", tuple(partial)) if partial else ("ok", ())


def _pose(e: Evidence, limits: Limits) -> list[Reason]:
    q, found = e.quality, []
    if not q.score <= limits.score:
        words = f"the fit does not lie on the scan (score {q.score:.2f}, at most {limits.score:g})"
        found.append(Reason("score", words, q.score, limits.score))
    if not q.explained >= limits.explained:
        words = f"only {q.explained:.0%} of the scan lies on the fit, at least {limits.explained:.0%} are expected"
        found.append(Reason("explained", words, q.explained, limits.explained))
    if not e.sigma <= limits.sigma:
        words = f"distances to the fit spread by {e.sigma:.1f} mm, at most {limits.sigma:g} are expected"
        found.append(Reason("sigma", words, e.sigma, limits.sigma))
    if e.gap is not None and e.gap < -limits.gap:
        words = f"another pose explains the scan better (by {-e.gap:.2f}): the start may be wrong"
        found.append(Reason("gap", words, e.gap, limits.gap))
    elif e.gap is not None and e.gap < limits.gap:
        words = f"another pose explains the scan nearly as well (gap {e.gap:.2f}): the shape tells no pose"
        found.append(Reason("gap", words, e.gap, limits.gap))
    return found


def _shape(e: Evidence, limits: Limits) -> list[Reason]:
    found = []
    if e.likeness < limits.likeness:
        words = f"the scan does not bend where a face does (likeness {e.likeness:.2f}, at least {limits.likeness:g})"
        found.append(Reason("likeness", words, e.likeness, limits.likeness))
    nose = e.parts.get("nose")
    if nose is not None and nose.likeness < limits.nose:
        words = f"there is no nose where the fit has one (likeness {nose.likeness:.2f}, at least {limits.nose:g})"
        found.append(Reason("nose", words, nose.likeness, limits.nose))
    if e.mean_square > limits.mahalanobis or e.largest > limits.largest:
        words = (
            f"the shape is outside what the model knows (largest entry {e.largest:.1f} standard deviations): "
            "is this model made for this kind of subject?"
        )
        found.append(Reason("implausible", words, e.largest, limits.largest))
    if found and e.slip:
        where = "high" if e.slip > 0 else "low"
        words = f"the face may sit {abs(e.slip):.0f} mm too {where}"
        found.insert(0, Reason("slip", words, e.slip, 0.0))
    return found


def _lost(e: Evidence, limits: Limits) -> list[Reason]:
    """What the scan does not show, where too little is left or something else was demanded."""
    found = []
    least = limits.coverage if e.scope == "head" or e.patch else limits.coverage / 2
    if e.quality.coverage < least:
        words = f"the scan shows only {e.quality.coverage:.0%} of the model, at least {least:.0%} needed"
        found.append(Reason("coverage", words, e.quality.coverage, least))
    if e.wanted is not None and e.scope not in (e.wanted, "head"):
        words = f"a {e.wanted} was asked for, the scan shows a {e.scope} only"
        found.append(Reason("scope", words))
    return found


def _scope(e: Evidence, limits: Limits) -> list[Reason]:
    found, q = [], e.quality
    if e.scope == "face" and not e.patch:
        words = "the scan shows a face only: ears, neck and skull are the model's guess"
        if e.wanted is None:
            found.append(Reason("scope", words, q.coverage, limits.whole))
    elif e.scope == "vault":
        if e.wanted is None:
            words = "the scan shows a vault without a face: the face is the model's guess"
            found.append(Reason("scope", words, q.face_coverage, limits.face_coverage))
    elif q.coverage < limits.whole:
        words = f"the scan shows only {q.coverage:.0%} of the model; the rest is the model's guess"
        found.append(Reason("coverage", words, q.coverage, limits.whole))
    if e.scope != "vault" and q.face_coverage < limits.face_coverage:
        words = f"the scan shows only {q.face_coverage:.0%} of the face; the rest is the model's guess"
        found.append(Reason("face_coverage", words, q.face_coverage, limits.face_coverage))
    if e.size > ADULT or e.size < 1 / ADULT:
        words = f"the head is about {e.size:.1f} times as large as the model's"
        found.append(Reason("size", words, e.size, ADULT))
    return found


def _parts(e: Evidence) -> list[Reason]:
    names = doubtful(e.parts)
    return [_part_reason(name, e.parts[name]) for name in names]


def _part_reason(name: str, part: Part) -> Reason:
    like = "" if np.isnan(part.likeness) else f", likeness {part.likeness:.2f}"
    words = f"doubtful at the {name}: the model's fit is {part.off:.1f} mm off there{like}"
    return Reason("part", words, part.off)
