"""Measures of clefts: from landmarks that the user gives, or from the reference's index pairs. The synthetic model
draws no cleft, so its own landmarks measure none."""

from functools import partial

import numpy as np

from inface._validate import IntArray
from inface.measurement.definition import Definition
from inface.measurement.head import Head, Unmeasurable, unit_vector
from inface.measurement.vault import REFERENCE

MERCAN = "Mercan et al. 2018; Hood et al. 2003"
CLOSED = 1e-4  # mm below which a pair of the reference's vertices counts as joined


def _given(head: Head, *names: str) -> list:
    missing = [name for name in names if name not in head.given]
    if missing:
        raise Unmeasurable(f"only from given landmarks: {', '.join(missing)} (landmarks=)")
    return [head.given[name] for name in names]


def _columella(head: Head) -> float:
    base, top = _given(head, "sn", "c")
    lean = unit_vector(top - base, "sn and c lie in one place")
    return float(np.degrees(np.arcsin(np.clip(lean @ head.middle, -1, 1))))


def _ratio(head: Head, a: str, b: str) -> float:
    points = {n: _given(head, n)[0] for n in {f"{a}_l", f"{a}_r", *_sides(b)}}
    left, right = (
        float(np.linalg.norm(points[f"{a}_{s}"] - points[b if b in points else f"{b}_{s}"])) for s in ("l", "r")
    )
    if not right > 0:
        raise Unmeasurable(f"{a}_r and {b} lie in one place")
    return left / right


def _sides(name: str) -> tuple[str, ...]:
    return (name,) if name == "sn" else (f"{name}_l", f"{name}_r")


def _apart(head: Head, a: str, b: str) -> float:
    one, other = _given(head, a, b)
    return float(np.linalg.norm(one - other))


def _indices(head: Head, name: str) -> IntArray:
    ids = head.anatomy.template.regions.get(name)
    if ids is None or not np.size(ids):
        raise Unmeasurable(f"the topology has no indices '{name}'")
    return np.asarray(ids)


def _open_share(head: Head, name: str) -> float:
    pairs = _indices(head, name).reshape(-1, 2)
    apart = np.linalg.norm(head.vertices[pairs[:, 0]] - head.vertices[pairs[:, 1]], axis=1)
    joined = np.flatnonzero(apart < CLOSED)
    return 100.0 * (joined[0] if len(joined) else len(pairs)) / len(pairs)


def _alveolar(head: Head, side: str) -> float:
    ends = (f"premaxilla_ridge_{side}_to_segment", f"segment_ridge_{side}_to_premaxilla")
    a, b = (head.vertices[_indices(head, name).reshape(-1)].mean(0) for name in ends)
    return float(np.linalg.norm(a - b))


def _cleft(id, words, unit, text, value, source=MERCAN, mirrored="inverse") -> Definition:
    return Definition(id, words, unit, text, source, value, (), (), "cleft", mirrored)


CLEFTS = (
    _cleft("cleft.columella", "columella angle", "deg", "sn to c (top of the columella) against the midsagittal "
           "plane of the face; plus: leaning LEFT", _columella, mirrored="sign"),
    _cleft("cleft.nostril", "nostril width, left over right", "", "|sbal_l-sn| / |sbal_r-sn|",
           partial(_ratio, a="sbal", b="sn")),
    _cleft("cleft.lip-height", "lateral lip height, left over right", "", "|sbal_l-cph_l| / |sbal_r-cph_r|",
           partial(_ratio, a="sbal", b="cph")),
    _cleft("cleft.alar-ch", "alar base to mouth corner, left over right", "", "|al_l-ch_l| / |al_r-ch_r|",
           partial(_ratio, a="al", b="ch")),
    _cleft("cleft.gap.sill", "gap at the nostril sill", "mm", "gap_sill_medial to gap_sill_lateral",
           partial(_apart, a="gap_sill_medial", b="gap_sill_lateral"), mirrored="same"),
    _cleft("cleft.gap.cph", "gap at the philtrum crest", "mm", "gap_cph_medial to gap_cph_lateral",
           partial(_apart, a="gap_cph_medial", b="gap_cph_lateral"), mirrored="same"),
    *(
        _cleft(f"cleft.lip.{side[0]}", f"lip cleft, {side}", "%",
               "share of the reference's pairs before the first that "
               "is joined", partial(_open_share, name=f"{side}_lip_cleft_pairs"), REFERENCE, "side")
        for side in ("left", "right")
    ),
    _cleft("cleft.palate", "palate cleft", "%", "share of the reference's pairs before the first that is joined",
           partial(_open_share, name="segment_vomer_right"), REFERENCE, "same"),
    *(
        _cleft(f"cleft.alveolar.{side[0]}", f"alveolar cleft, {side}", "mm", "premaxilla ridge to segment ridge",
               partial(_alveolar, side=side), REFERENCE, "side")
        for side in ("left", "right")
    ),
)  # fmt: skip
