"""Measures of face and ears: distances between landmarks, arcs, angles, left against right, the reference's ratios."""

from functools import partial

import numpy as np
from scipy.spatial import ConvexHull

from inface.geometry.adjacency import vertex_normals
from inface.measurement.definition import Definition
from inface.measurement.head import Head, Unmeasurable
from inface.measurement.vault import JMG, REFERENCE, angle, distance
from inface.transforms import procrustes

FARKAS = "Farkas 1994"
_NAMES = {
    "n": "nasion", "gn": "gnathion", "sn": "subnasale", "zy": "zygion", "go": "gonion", "ft": "frontotemporale",
    "t": "tragion", "en": "inner eye corner", "ex": "outer eye corner", "al": "alare", "prn": "nose tip",
    "ls": "upper lip", "ch": "mouth corner", "cph": "philtrum crest", "ps": "upper lid", "pi": "lower lid",
    "sa": "top of ear", "sba": "bottom of ear", "pra": "front of ear", "pa": "back of ear", "li": "lower lip",
}  # fmt: skip
SINGLE = ("n-gn", "n-sn", "sn-gn", "sn-prn", "sn-ls", "li-gn")
ACROSS = ("zy", "go", "ft", "t", "en", "ex", "al", "ch", "cph")
PAIRED = ("en-ex", "ps-pi", "sa-sba", "pra-pa", "t-n", "t-sn", "t-gn")


def _sided(head: Head, pair: tuple[str, str], side: str) -> float:
    a, b = (name if name in _MIDDLE else f"{name}_{side}" for name in pair)
    return distance(head, a, b)


_MIDDLE = ("n", "gn", "sn", "prn", "ls", "li")


def _mean(head: Head, pair: tuple[str, str]) -> float:
    return (_sided(head, pair, "l") + _sided(head, pair, "r")) / 2


def _marks(pair: tuple[str, str], sides: str = "lr") -> tuple[str, ...]:
    return tuple(n for name in pair for n in ((name,) if name in _MIDDLE else tuple(f"{name}_{s}" for s in sides)))


def _distances() -> list[Definition]:
    out = []
    for id in SINGLE:
        a, b = id.split("-")
        out.append(
            Definition(id, f"{_NAMES[a]} to {_NAMES[b]}", "mm", "straight distance", FARKAS,
                       partial(distance, a=a, b=b), (a, b))
        )  # fmt: skip
    for name in ACROSS:
        ends = (f"{name}_l", f"{name}_r")
        out.append(
            Definition(f"{name}-{name}", f"{_NAMES[name]}, left to right", "mm", "straight distance", FARKAS,
                       partial(distance, a=ends[0], b=ends[1]), ends)
        )  # fmt: skip
    for id in PAIRED:
        a, b = id.split("-")
        words = f"{_NAMES[a]} to {_NAMES[b]}"
        group = "ear" if a in ("sa", "pra") else "face"
        out.append(
            Definition(id, f"{words}, mean", "mm", "straight distance, mean of left and right", FARKAS,
                       partial(_mean, pair=(a, b)), _marks((a, b)), (), group)
        )  # fmt: skip
        for side, word in (("l", "left"), ("r", "right")):
            out.append(
                Definition(f"{id}.{side}", f"{words}, {word}", "mm", f"straight distance on the {word}", FARKAS,
                           partial(_sided, pair=(a, b), side=side), _marks((a, b), side), (), group, "side")
            )  # fmt: skip
    return out


def _tape(head: Head, middle: str) -> float:
    """A taut tape from tragion over a middle point to tragion: the outline of the plane through the three."""
    left, right = head.point("t_l"), head.point("t_r")
    across = head.lateral
    ahead = head.point(middle) - (left + right) / 2
    forward = ahead - across * (ahead @ across)
    forward = forward / np.linalg.norm(forward)
    cut = head.section((left + right) / 2, forward, across)
    half = float(np.linalg.norm(left - right)) / 2
    # over the front of the outline, from one tragion to the other
    corners = cut.outline.corners[:, ::-1]  # first axis to the left, second forward
    upper = corners[corners[:, 1] > 0]
    path = np.concatenate([[[half, 0]], upper, [[-half, 0]]])
    hull = path[ConvexHull(path).vertices]
    ring = np.linalg.norm(np.roll(hull, -1, 0) - hull, axis=1).sum()
    return float(ring - 2 * half)


def _ratio(head: Head, a: tuple[str, str], b: tuple[str, str]) -> float:
    return distance(head, *a) / distance(head, *b)


def _part(head: Head, axis: int) -> float:
    """|t_l - n| / |t_r - n| along one axis of the template's frame."""
    n = head.point("n")
    left, right = (abs(float(head.own_axes[axis] @ (head.point(t) - n))) for t in ("t_l", "t_r"))
    return left / right


def _asymmetry(head: Head, region: str) -> float:
    return float(np.abs(asymmetry_map(head, region)[1]).mean())


def asymmetry_map(head: Head, region: str):
    """Ids of a region ("face", "vault") and, at each, how far the skin lies from its mirror image, mm.

    The mirror image is fitted rigidly on the region itself (one fit over the whole head would share a flat back out to
    the face). The sign is that of the outward normal: plus where the skin stands out.
    """
    mirror = head.anatomy.template.mirror
    ids = head.anatomy.face if region == "face" else head.anatomy.vault
    if mirror is None or not len(ids):
        raise Unmeasurable(f"the topology has no mirror pairs, or no region '{region}', to compare left with right")
    own, image = head.vertices[ids], head.vertices[mirror[ids]] * [-1, 1, 1]
    off = own - procrustes(image, own).apply(image)
    normals = vertex_normals(head.vertices, head.anatomy.template.mesh.triangles)[ids]
    return ids, np.linalg.norm(off, axis=1) * np.where(np.einsum("ij,ij->i", off, normals) < 0, -1.0, 1.0)


def _off_middle(head: Head, name: str) -> float:
    return float(head.off_middle(head.point(name)))


def _shift(head: Head, axis: str) -> float:
    across = head.point("t_l") - head.point("t_r")
    return float(across @ (head.middle_forward if axis == "forward" else head.own_axes[1]))


OTHERS = (
    Definition("arc.t-sn-t", "arc tragion-subnasale-tragion", "mm", "taut tape in the plane of both tragia and sn", JMG,
               partial(_tape, middle="sn"), ("t_l", "t_r", "sn"), ("face",)),
    Definition("arc.t-gn-t", "arc tragion-chin-tragion", "mm", "taut tape in the plane of both tragia and gn", JMG,
               partial(_tape, middle="gn"), ("t_l", "t_r", "gn"), ("face",)),
    Definition("arc.t-v-t", "arc ear to ear over vertex", "mm", "taut tape in the plane of both tragia and v",
               "BMC Head Face Med 2017", partial(_tape, middle="v"), ("t_l", "t_r", "v"), ("coronal",),
               "circumference"),
    Definition("nfa", "nasofrontal angle", "deg", "glabella-nasion-nose tip", REFERENCE,
               lambda h: angle(h.point("g"), h.point("n"), h.point("prn")), ("g", "n", "prn"), (), "angle"),
    Definition("nla", "nasolabial angle", "deg", "nose tip-subnasale-upper lip", FARKAS,
               lambda h: angle(h.point("prn"), h.point("sn"), h.point("ls")), ("prn", "sn", "ls"), (), "angle"),
    Definition("conv", "facial convexity", "deg", "nasion-subnasale-pogonion", FARKAS,
               lambda h: angle(h.point("n"), h.point("sn"), h.point("pg")), ("n", "sn", "pg"), (), "angle"),
    Definition("ear.shift", "ear shift", "mm", "left less right tragion along forward of the midsagittal plane; plus: "
               "LEFT ear forward", FARKAS, partial(_shift, axis="forward"), ("t_l", "t_r"), ("face",), "asymmetry",
               "sign"),
    Definition("ear.height", "ear height difference", "mm", "left less right tragion upwards in the face's own frame; "
               "plus: LEFT ear higher", FARKAS, partial(_shift, axis="up"), ("t_l", "t_r"), ("face",), "asymmetry",
               "sign"),
    *(
        Definition(f"midline.{name}", f"{_NAMES[name]} off the midline", "mm", "signed distance from the midsagittal "
                   "plane of the face; plus: to the LEFT", "Tse et al.; Mercan et al. 2023",
                   partial(_off_middle, name=name), (name,), ("face",), "face", "sign")
        for name in ("sn", "prn", "gn")
    ),
    Definition("asym.face", "asymmetry of the face", "mm", "mean distance from the mirror image, fitted on the face "
               "less lips, lids, eyes and chin", "mirrored Procrustes", partial(_asymmetry, region="face"), (),
               ("face",)),
    Definition("asym.vault", "asymmetry of the vault", "mm", "mean distance from the mirror image, fitted on the vault",
               "mirrored Procrustes", partial(_asymmetry, region="vault"), (), ("fl", "fr", "bl", "br"), "asymmetry"),
)  # fmt: skip

_T_N = (("t_l", "n"), ("t_r", "n"))
RATIOS = tuple(
    Definition(id, words, "", text, REFERENCE, value, marks, (), "ear" if id.startswith("t") else "face", "inverse")
    for id, words, text, value, marks in (
        ("tr", "tragion to nasion, left over right", "|t_l-n| / |t_r-n|; 1 = even", partial(_ratio, a=_T_N[0],
        b=_T_N[1]),
         ("t_l", "t_r", "n")),
        *(
            (f"tr.{axis}", f"the same along {axis}", f"|{axis} of t_l-n| / |{axis} of t_r-n| in the template's frame",
             partial(_part, axis=k), ("t_l", "t_r", "n"))
            for k, axis in enumerate("xyz")
        ),
        ("tr.top", "tragion to vertex, left over right", "|t_l-v| / |t_r-v|", partial(_ratio, a=("t_l", "v"),
        b=("t_r", "v")),
         ("t_l", "t_r", "v")),
        ("tsr", "tragion to subnasale, left over right", "|t_l-sn| / |t_r-sn|",
         partial(_ratio, a=("t_l", "sn"), b=("t_r", "sn")), ("t_l", "t_r", "sn")),
        ("eor", "outer eye corner to nasion, left over right", "|ex_l-n| / |ex_r-n|",
         partial(_ratio, a=("ex_l", "n"), b=("ex_r", "n")), ("ex_l", "ex_r", "n")),
        ("eir", "inner eye corner to nasion, left over right", "|en_l-n| / |en_r-n|",
         partial(_ratio, a=("en_l", "n"), b=("en_r", "n")), ("en_l", "en_r", "n")),
        ("ewr", "eye width, left over right", "|ex_l-en_l| / |ex_r-en_r|",
         partial(_ratio, a=("ex_l", "en_l"), b=("ex_r", "en_r")), ("ex_l", "en_l", "ex_r", "en_r")),
    )
)  # fmt: skip
FACE = (*_distances(), *OTHERS, *RATIOS)
