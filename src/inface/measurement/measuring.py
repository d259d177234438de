"""From a head to its measures: values, how much of each was seen, refusals with their reasons, norms."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from inface._validate import BoolArray, FloatArray, IntArray
from inface.measurement.catalogue import CATALOGUE
from inface.measurement.definition import Definition
from inface.measurement.head import Head, Section, Unmeasurable, unit_vector
from inface.measurement.norms import (
    NO_FACE_NORM,
    NO_VOLUME_NORM,
    Child,
    asymmetry_text,
    cephalic_text,
    circumference_score,
)
from inface.measurement.results import Measure

REFUSED, PARTLY = 0.5, 0.9  # share of the support that must be seen for a value, and for one without a flag
_AXES = ("n", "g", "t_l", "t_r")  # landmarks that only give a plane its direction where a measure has parts


@dataclass(frozen=True, eq=False)
class Sight:
    """What of a head was seen.

    Attributes:
        seen: `(V,)` True where the surface is the child's own; None: everywhere.
        refused: id -> reason, for measures that must not be shown though they can be computed.
    """

    seen: BoolArray | None = None
    refused: Mapping[str, str] | None = None


def support(head: Head, definition: Definition) -> list[IntArray]:
    """The sets of vertices a measure is read from; each must be seen."""
    marks = [m for m in definition.marks if m not in head.given]
    if definition.parts:
        marks = [m for m in marks if m not in _AXES]
    sets = [ids for ids in map(head.anatomy.patch, marks) if len(ids)]
    for name in definition.parts:
        sets += _sections(head, name) if name in ("go", "ml") else [_part(head, name)]
    return sets


def _sections(head: Head, name: str) -> list[IntArray]:
    """The vertices a section crosses, in front, behind, left and right: the tape needs each."""
    cut: Section = getattr(head, name)
    ids = np.setdiff1d(cut.crossed, head.anatomy.ears)
    centre = (head.smooth[ids].max(0) + head.smooth[ids].min(0)) / 2
    offset = head.smooth[ids] - centre
    ahead, left = offset @ cut.forward, offset @ cut.left
    along = np.abs(ahead) > np.abs(left)
    return [ids[along & (ahead > 0)], ids[along & (ahead < 0)], ids[~along & (left > 0)], ids[~along & (left < 0)]]


def _part(head: Head, name: str) -> IntArray:
    anatomy = head.anatomy
    if name == "level":
        return np.setdiff1d(head.level(float(head.height_of(head.point("g")))).crossed, anatomy.ears)
    if name == "face":
        return anatomy.face
    if name == "vault":
        return anatomy.vault
    skin = np.setdiff1d(anatomy.skin, anatomy.ears)
    offset = head.smooth[skin] - head.origin
    if name == "back":
        return skin[np.linalg.norm(head.smooth[skin] - head.smooth[head.back], axis=1) < 15]
    above = offset @ head.up > 0
    if name == "midline":
        return skin[above & (np.abs(offset @ head.lateral) < 6)]
    if name == "coronal":
        across = np.cross(head.lateral, head.point("v") - head.origin)
        normal = unit_vector(across, "the vertex lies on the tragion line")
        return skin[above & (np.abs(offset @ normal) < 6)]
    front, left = offset @ head.forward > 0, offset @ head.lateral > 0
    return skin[above & (front == (name[0] == "f")) & (left == (name[1] == "l"))]


def values_of(head: Head, ids: Iterable[str]) -> dict[str, float]:
    """Values of the wanted measures; those that this head has not are left out."""
    out = {}
    for id in ids:
        try:
            out[id] = float(CATALOGUE[id].value(head))
        except Unmeasurable:
            continue
    return out


def measures_of(head: Head, child: Child, sight: Sight | None = None, offset: float = 0.0) -> dict[str, Measure]:
    """Every measure of the catalogue on one head, without errors, see `uncertainty`."""
    sight = sight or Sight()
    return {id: _one(head, definition, child, sight, offset) for id, definition in CATALOGUE.items()}


def _one(head: Head, definition: Definition, child: Child, sight: Sight, offset: float) -> Measure:
    text = f"{definition.text} ({definition.source})"
    try:
        value = float(definition.value(head))
        seen = 1.0
        if sight.seen is not None:
            seen = min((float(sight.seen[ids].mean()) for ids in support(head, definition) if len(ids)), default=1.0)
    except Unmeasurable as reason:
        return Measure(definition.id, None, definition.unit, seen=0.0, flags=(str(reason),), definition=text)
    if not np.isfinite(value):
        flags: tuple[str, ...] = ("the landmarks lie so that it has no value",)
        return Measure(definition.id, None, definition.unit, seen=seen, flags=flags, definition=text)
    forbidden = (sight.refused or {}).get(definition.id)
    if forbidden is None and seen < REFUSED:
        forbidden = f"not seen: the scan shows {seen:.0%} of what it is read from"
    if forbidden is not None:
        return Measure(definition.id, None, definition.unit, seen=seen, flags=(forbidden,), definition=text)
    flags = ("partly the model's guess",) if seen < PARTLY else ()
    return with_norm(
        Measure(definition.id, value, definition.unit, seen=seen, flags=flags, definition=text), child, offset
    )


def with_norm(measure: Measure, child: Child, offset: float = 0.0) -> Measure:
    """The measure beside its norm, or with the words why there is none."""
    if measure.value is None:
        return measure
    group = CATALOGUE[measure.id].group
    if measure.id == "circ.ml":
        score = circumference_score(measure.value, child, measure.std, offset)
        flags = (*measure.flags, *score.flags)
        return replace(measure, z=score.z, percentile=score.percentile, reference=score.reference, flags=flags)
    if measure.id in ("ci.go", "ci.dyn", "ci.ml"):
        return replace(measure, reference=cephalic_text(child))
    if measure.id in ("cvai.30.short", "cvai.30.abs"):
        return replace(measure, reference=asymmetry_text(measure.value))
    if group == "volume":
        return replace(measure, reference=NO_VOLUME_NORM)
    if group in ("face", "ear", "angle", "cleft"):
        return replace(measure, reference=NO_FACE_NORM)
    return replace(measure, reference="no norm for this definition")


def lines_of(head: Head) -> dict[str, FloatArray]:
    """Lines for a picture, `(n, 3)` in the head's frame, mm; those that this head has not are left out.

    "circumference" (closed), "diagonal.l", "diagonal.r" (to the front left and right), "length", "width", "profile".
    """
    out: dict[str, FloatArray] = {}
    try:
        cut, op = head.go, head.point("op")
        corners = cut.outline.corners

        def placed(flat: FloatArray) -> FloatArray:
            return op + flat[:, :1] * cut.forward + flat[:, 1:] * cut.left

        out["circumference"] = placed(np.concatenate([corners, corners[:1]]))
        out["length"] = np.stack([op, head.point("g")])
        for name, degrees in (("diagonal.l", 30.0), ("diagonal.r", -30.0), ("width", 90.0)):
            angle = np.radians(degrees)
            out[name] = placed(cut.outline.chord_ends(np.array([np.cos(angle), np.sin(angle)])))
    except Unmeasurable:
        pass
    return out
