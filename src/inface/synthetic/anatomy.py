"""Landmarks of the template by rule, and its regions; from then on both are frozen vertex ids.

Rules speak of the left half (x >= 0) in the sculpture's own frame; the right side follows by mirror partner.
"""

from collections.abc import Callable

import numpy as np

from inface._validate import BoolArray, FloatArray, IntArray
from inface.synthetic import sculpture_eye as eye
from inface.synthetic.carving import Half
from inface.synthetic.openings import LID_STATIONS, lid_loop, outline_distance
from inface.synthetic.primitives import F
from inface.synthetic.sculpture import signed_distance
from inface.synthetic.sculpture_ear import FRAME, ORIGIN, SCALE, ear_frame
from inface.synthetic.sculpture_face import MOUTH_CORNER, vermilion

# Palpated landmarks have no feature of shape: the skin vertex nearest to a stated place.
_PALPATED = {"zy": (47, -3, 28), "go": (35, -33, 14), "ft": (40.8, 32, 54), "cheek": (34, -16, 60)}
# On the ear, in its own frame (back, up, out): notch above the tragus, front and top of the helix, attachments.
_ON_EAR = {
    "t": (-5.4, 2.2, 2.2),
    "pra": (-9.2, 9, 0.2),
    "sa": (5, 26.6, 4.6),
    "obs": (-4.5, 18.5, 1.5),
    "obi": (-3.5, -15, 0),
}
# Face contour (iBUG 9-16, chin to ear) and brows (22-26, medial to lateral): nearest skin vertex.
_CONTOUR = [
    (8, -51, 60),
    (17, -49, 55),
    (27, -44, 47),
    (36, -35, 38),
    (42, -27, 30),
    (47, -17, 23),
    (50, -8, 18),
    (52, 2, 15),
]
_BROW = [(11, 27, 69.5), (17, 28.5, 68), (24, 29, 65), (31, 28.5, 60), (37, 25.5, 53)]


class _Finder:
    """Vertices of the outer skin of the left half, asked for by rule."""

    def __init__(self, half: Half, skin: BoolArray, ears: BoolArray) -> None:
        self.v = half.vertices
        self.side, self.ear = skin & ~half.midline & ~ears, skin & ears

    def nearest(self, place: tuple[float, float, float]) -> int:
        among = np.flatnonzero(self.side)
        return int(among[np.linalg.norm(self.v[among] - place, axis=1).argmin()])

    def most(self, score: FloatArray, among: BoolArray) -> int:
        ids = np.flatnonzero(among)
        return int(ids[score[ids].argmax()])


def skin_normals(vertices: FloatArray, triangles: IntArray) -> FloatArray:
    """Unit normals `(V, 3)`, weighted by area."""
    corner = vertices[triangles]
    face = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    normal = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(normal, triangles[:, k], face)
    return normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)


def _ear_mask(half: Half) -> BoolArray:
    """Vertices the ear moved: more than 0.6 mm off the head without ears."""
    v = half.vertices
    off = np.abs(signed_distance(v, ears=False)) > 0.6
    q = ear_frame(v.astype(F))
    return off & (v[:, 0] > 44) & (q[:, 0] > -10) & (q[:, 0] < 24) & (q[:, 1] > -21) & (q[:, 1] < 32)


def place_landmarks(half: Half) -> tuple[dict[str, int], dict[str, int]]:
    """Ids of the midline landmarks, and of the left ones of each pair (Farkas' names; iBUG numbers as `ibug_NN`)."""
    v = half.vertices
    x, y, z = v.T
    skin = np.ones(len(v), bool)
    skin[np.r_[half.mouth_inside, half.eye_parts["eyes"], half.lid_margin, half.lower_line[:-1]]] = False
    ears = _ear_mask(half)
    find = _Finder(half, skin, ears)
    normal = skin_normals(v, half.triangles)
    m = half.profile | {"sto": int(half.upper_line[0]), "sto_lower": int(half.lower_line[0])}
    p: dict[str, int] = {name: find.nearest(place) for name, place in _PALPATED.items()}
    margin = half.lid_margin
    p["en"], p["ex"] = int(margin[0]), int(margin[LID_STATIONS])
    p["ps"], p["pi"] = int(margin[y[margin].argmax()]), int(margin[y[margin].argmin()])
    p["eu"] = find.most(x, find.side & (y > 30))
    nose_side = find.side & (x > 9) & (x < 15) & (y > -10) & (y < -1) & (z > 62)
    p["al"] = find.most(normal[:, 0], nose_side)
    p["ac"] = find.most(
        -z - 0.9 * x, find.side & (np.abs(y - y[p["al"]]) < 2.5) & (x > x[p["al"]]) & (x < x[p["al"]] + 4) & (z > 50)
    )
    p["sbal"] = find.nearest((8.8, -11.2, 69.5))
    border = half.vermilion[(y[half.vermilion] > -25) & (x[half.vermilion] > 2) & (x[half.vermilion] < 7)]
    p["cph"] = int(border[y[border].argmax()])
    p["ch"] = int(half.upper_line[-1])
    u = ear_frame(v.astype(F))[:, 0]
    for name, (back, up, out) in _ON_EAR.items():
        place = np.array(ORIGIN) + SCALE * (FRAME @ (out, up, -back))
        p[name] = int(np.linalg.norm(v - place, axis=1).argmin())
    p["sba"] = find.most(-y, find.ear)
    p["pa"] = find.most(u, find.ear)
    return m, p | _ibug_left(half, find, p)


def _ibug_left(half: Half, find: _Finder, p: dict[str, int]) -> dict[str, int]:
    """The left of the paired iBUG points, as `ibug_NN`."""
    x, y = half.vertices[:, 0], half.vertices[:, 1]
    ids = {9 + k: find.nearest(place) for k, place in enumerate(_CONTOUR)}
    ids |= {22 + k: find.nearest(place) for k, place in enumerate(_BROW)}
    margin, third = half.lid_margin, LID_STATIONS // 3
    ids |= {42: p["en"], 43: int(margin[third]), 44: int(margin[LID_STATIONS - third]), 45: p["ex"]}
    ids |= {46: int(margin[LID_STATIONS + third]), 47: int(margin[2 * LID_STATIONS - third])}
    ids |= {34: find.nearest((5.2, -11.6, 73.5)), 35: p["sbal"], 52: p["cph"], 54: p["ch"]}
    red = half.vermilion
    upper, lower = red[y[red] > -26.3], red[y[red] < -26.3]
    ids[53] = int(upper[np.abs(x[upper] - 10).argmin()])
    ids[55] = int(lower[np.abs(x[lower] - 11).argmin()])
    ids[56] = int(lower[np.abs(x[lower] - 5.5).argmin()])
    above, below = half.upper_line, half.lower_line
    ids[63] = int(above[np.abs(x[above] - 6).argmin()])
    ids[64] = int(above[np.abs(x[above] - 14).argmin()])
    ids[65] = int(below[np.abs(x[below] - 6).argmin()])
    return {f"ibug_{k:02d}": i for k, i in ids.items()}


# iBUG number on the right -> its partner on the left
IBUG_MIRROR = {k: 16 - k for k in range(8)} | {17 + k: 26 - k for k in range(5)}
IBUG_MIRROR |= {31: 35, 32: 34, 36: 45, 37: 44, 38: 43, 39: 42, 40: 47, 41: 46}
IBUG_MIRROR |= {48: 54, 49: 53, 50: 52, 59: 55, 58: 56, 60: 64, 61: 63, 67: 65}
IBUG_MIDLINE = {8: "pg", 27: "n", 30: "prn", 33: "sn", 51: "ls", 57: "li", 62: "sto", 66: "sto_lower"}


def name_landmarks(half: Half, partner: IntArray) -> dict[str, int]:
    """All landmarks, name -> vertex id: midline first, then pairs, then `ibug_00` to `ibug_67`."""
    middle, left = place_landmarks(half)
    named = dict(middle)
    for name, i in left.items():
        if not name.startswith("ibug"):
            named |= {f"{name}_l": i, f"{name}_r": int(partner[i])}
    ibug = {int(name[5:]): i for name, i in left.items() if name.startswith("ibug")}
    ibug |= {k: middle[name] for k, name in IBUG_MIDLINE.items()}
    v = half.vertices
    bridge = np.flatnonzero(half.midline & (v[:, 2] > 55))
    for k in (28, 29):  # ridge of the nose, in thirds from nasion to tip
        t = (k - 27) / 3
        height = (1 - t) * v[middle["n"], 1] + t * v[middle["prn"], 1]
        ibug[k] = int(bridge[np.abs(v[bridge, 1] - height).argmin()])
    ibug |= {k: int(partner[ibug[other]]) for k, other in IBUG_MIRROR.items()}
    return named | {f"ibug_{k:02d}": ibug[k] for k in range(68)}


# long: one table of rules, read from top to bottom
def name_regions(half: Half, partner: IntArray) -> dict[str, IntArray]:
    """All regions, name -> ascending ids of both sides; parts of a pair also as `name_l`, `name_r`."""
    v = half.vertices
    x, y, z = v.T

    def mask(ids: IntArray) -> BoolArray:
        chosen = np.zeros(len(v), bool)
        chosen[ids] = True
        return chosen

    eyes, inside = mask(half.eye_parts["eyes"]), mask(half.mouth_inside)
    margin, edge = mask(half.lid_margin), mask(half.lid_edge)
    skin = ~eyes & ~inside
    ears = _ear_mask(half)
    near_eye = skin & (z > 45) & (y > -2) & (y < 27) & (x > 4) & (x < 46)
    from_lids = np.full(len(v), np.inf)
    from_lids[near_eye] = outline_distance(v[near_eye, :2], lid_loop(), closed=True)
    lids = margin | edge | (near_eye & (from_lids < 6.0))
    split = eye.MEDIAL[1] + (eye.LATERAL[1] - eye.MEDIAL[1]) * eye.along_fissure(x)
    top, bottom = vermilion(x)
    red = mask(half.vermilion)
    upper_line, lower_line = mask(half.upper_line), mask(half.lower_line)
    lips = upper_line | lower_line | red
    lips |= skin & (z > 55) & (x < MOUTH_CORNER + 0.2) & (y < top + 0.02) & (y > bottom - 0.02)
    upper_lip = lips & (upper_line | ((y > -26.3) & ~lower_line))
    lower_lip = lips & (lower_line | ((y < -26.3) & ~upper_line))
    neck = skin & ~ears & (y < -14 - 0.6 * (z + 10)) & (z < 44)
    bare = skin & ~neck & ~ears
    face = bare & (y < 60) & (z > np.maximum(16, 16 + 0.45 * (y - 20)))
    cranium = bare & (y > 24 - 0.55 * np.maximum(30 - z, 0)) & ~(face & (y < 24))
    rest = bare & ~face & ~cranium  # behind the jaw: neck below the ear's middle, cranium above
    neck |= rest & (y < 2)
    cranium |= rest & (y >= 2)
    nose = bare & (np.abs(signed_distance(v, face=False)) > 0.5) & (((x / 14.5) ** 2 + ((y + 1) / 20.5) ** 2) < 1)
    nose &= (y > -12.8) & ~lids & (z > 60) & (x < 5.5 + 0.45 * (17 - y))
    parts: dict[str, BoolArray] = {
        "face": face,
        "cranium": cranium,
        "scalp": cranium & ~face,
        "forehead": face & (y > 27),
        "brows": bare & (np.abs(y - 27.5) < 3.2) & (x > 8.5) & (x < 38.5) & (z > 45),
        "ears": ears,
        "eyes": eyes,
        "iris": mask(half.eye_parts["iris"]),
        "iris_edge": mask(half.eye_parts["iris_edge"]),
        "pupil": mask(half.eye_parts["pupil"]),
        "lids": lids,
        "lid_upper": lids & (y >= split),
        "lid_lower": lids & (y < split),
        "lid_margins": margin,
        "lid_edges": edge,
        "lid_margin_upper": mask(half.lid_margin[: LID_STATIONS + 1]),
        "lid_margin_lower": mask(np.r_[half.lid_margin[LID_STATIONS:], half.lid_margin[0]]),
        "lid_edge_upper": mask(half.lid_edge[: LID_STATIONS + 1]),
        "lid_edge_lower": mask(np.r_[half.lid_edge[LID_STATIONS:], half.lid_edge[0]]),
        "nose": nose,
        "cheeks": face & (x > 17) & (y < 1) & (y > -38) & ~lids & ~nose,
        "lips": lips,
        "upper_lip": upper_lip,
        "lower_lip": lower_lip,
        "vermilion": red,
        "mouth_line_upper": upper_line,
        "mouth_line_lower": lower_line,
        "mouth_inside": inside,
        "chin": face & (x < 17) & (y < -37) & (z > 45),
        "neck": neck,
    }
    return _both_sides(parts, partner)


def _both_sides(parts: dict[str, BoolArray], partner: IntArray) -> dict[str, IntArray]:
    """Masks of the left half `(H,)` -> ids of both sides; parts of a pair also as `name_l`, `name_r`."""
    both: dict[str, Callable[[BoolArray], IntArray]] = {
        "": lambda m: np.unique(np.r_[np.flatnonzero(m), partner[np.flatnonzero(m)]]),
        "_l": np.flatnonzero,
        "_r": lambda m: np.sort(partner[np.flatnonzero(m)]),
    }
    single = {"ears": "ear", "eyes": "eye", "lids": "lid", "brows": "brow", "cheeks": "cheek"}
    only_sided = ("lid_upper", "lid_lower", "lid_margin_upper", "lid_margin_lower", "lid_edge_upper", "lid_edge_lower")
    regions: dict[str, IntArray] = {}
    for name, chosen in parts.items():
        if name not in only_sided:
            regions[name] = both[""](chosen)
        if name in single or name in only_sided:
            for side in ("_l", "_r"):
                regions[single.get(name, name) + side] = both[side](chosen)
    return regions
