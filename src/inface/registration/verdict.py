"""ok, partial or failed: what speaks against a registration, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from inface._validate import FloatArray
from inface.registration.quality import Quality

Verdict = Literal["ok", "partial", "failed"]


@dataclass(frozen=True)
class Limits:
    """Where a measure begins to speak against a registration. Set on development scans, see `docs/registration.md`.

    Attributes:
        score, explained, sigma, gap, coverage: beyond these the registration failed.
        face_coverage: with less of the face shown the rest is invention: partial.
        whole: with less of the whole model shown than this: partial.
        part: mm that the model's fit (before the refinement, which would hide it) may be off in a part of the face;
            beyond it an expression was missed and the skin there lies on the wrong skin: partial.
        mahalanobis, largest: mean square and largest standardised latent of a shape the model knows.
    """

    score: float = 0.35
    explained: float = 0.78
    sigma: float = 1.6
    gap: float = 0.06
    coverage: float = 0.25
    face_coverage: float = 0.5
    whole: float = 0.35
    part: float = 0.8
    mahalanobis: float = 3.0
    largest: float = 5.5


def judge(
    quality: Quality,
    sigma: float,
    b: FloatArray,
    gap: float | None,
    limits: Limits,
    extra: Sequence[str] = (),
    parts: Mapping[str, float] | None = None,
) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict on a fit and the reasons for it.

    Args:
        sigma: robust spread of the plane distances, mm.
        b: standardised latent.
        gap: how much worse the next other pose explains the scan; None when no other was found.
        extra: reasons found before that make the result partial.
        parts: part of the face -> how far the model's fit is off there, mm, see `quality.parts_off`.
    """
    failed, partial = [], list(extra)
    if quality.score > limits.score:
        failed.append(f"the fit does not lie on the scan (score {quality.score:.2f}, at most {limits.score:g})")
    if quality.explained < limits.explained:
        failed.append(
            f"only {quality.explained:.0%} of the scan lies on the fit, at least {limits.explained:.0%} are expected"
        )
    if sigma > limits.sigma:
        failed.append(f"distances to the fit spread by {sigma:.1f} mm, at most {limits.sigma:g} are expected")
    if gap is not None and gap < -limits.gap:
        failed.append(f"another pose explains the scan better (score lower by {-gap:.2f}): the start may be wrong")
    elif gap is not None and gap < limits.gap:
        failed.append(f"another pose explains the scan nearly as well (gap {gap:.2f}): the shape tells no pose")
    if quality.coverage < limits.coverage:
        failed.append(f"the scan shows only {quality.coverage:.0%} of the model, at least {limits.coverage:.0%} needed")
    elif quality.coverage < limits.whole:
        partial.append(f"the scan shows only {quality.coverage:.0%} of the model; the rest is the model's guess")
    if quality.face_coverage < limits.face_coverage:
        partial.append(f"the scan shows only {quality.face_coverage:.0%} of the face; the rest is the model's guess")
    for part, off in (parts or {}).items():
        if off > limits.part:
            partial.append(
                f"doubtful at the {part}: the model's fit is {off:.1f} mm off there, at most {limits.part:g} expected; "
                "its expression may be wrong"
            )
    mean_square, largest = float(b @ b / max(len(b), 1)), float(np.abs(b).max(initial=0))
    if mean_square > limits.mahalanobis or largest > limits.largest:
        partial.append(
            f"the shape is outside what the model knows (largest entry {largest:.1f} standard deviations): "
            "is this model made for this kind of subject?"
        )
    if failed:
        return "failed", tuple(failed + partial)
    return ("partial", tuple(partial)) if partial else ("ok", ())
