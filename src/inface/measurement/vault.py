"""Measures of the vault: circumference, length, width, indices, diagonals, volumes, vertex and forehead."""

import numpy as np

from inface._validate import FloatArray
from inface.measurement.definition import Definition
from inface.measurement.head import Head, Unmeasurable, unit_vector
from inface.measurement.volumes import quadrants

_GO = ("g", "op", "t_l", "t_r")
_Z = ("n", "t_l", "t_r")
GO = "plane through glabella, opisthocranion and the tragion line; outline = tight tape, ears taken away"
ML = "plane parallel to nasion and tragia where the tape is longest; ears taken away"
LOVEDAY = "Loveday & de Chalain 2001"
SCIREP = "Sci Rep 2021, s41598-021-00680-1"
JMG = "J Med Genet table of measures"
REFERENCE = "Schnabel et al. 2025 (reference's definition)"


def distance(head: Head, a: str, b: str) -> float:
    """Straight distance of two landmarks, mm."""
    return float(np.linalg.norm(head.point(a) - head.point(b)))


def angle(a: FloatArray, corner: FloatArray, b: FloatArray) -> float:
    """Angle a-corner-b, degrees."""
    u, w = (
        unit_vector(a - corner, "two landmarks lie in one place"),
        unit_vector(b - corner, "two landmarks lie in one place"),
    )
    return float(np.degrees(2 * np.arctan2(np.linalg.norm(u - w), np.linalg.norm(u + w))))


def length_dyn(head: Head) -> float:
    """Glabella to the farthest point of the back."""
    return float(np.linalg.norm(head.smooth[head.back] - head.point("g")))


def diagonals(head: Head, section: str = "go", degrees: float = 30.0) -> tuple[float, float]:
    """Longest chords to the front left and to the front right, mm."""
    cut = getattr(head, section)
    return cut.chord(degrees), cut.chord(-degrees)


def cva(head: Head, section: str = "go", degrees: float = 30.0) -> float:
    """Front-left diagonal less front-right."""
    left, right = diagonals(head, section, degrees)
    return left - right


def cvai(head: Head, section: str = "go", degrees: float = 30.0, over=min) -> float:
    """The same over the shorter (or the longer) of both, per cent."""
    left, right = diagonals(head, section, degrees)
    return 100 * (left - right) / over(left, right)


def _moss(head: Head) -> float:
    return distance(head, "ft_l", "eu_r") - distance(head, "ft_r", "eu_l")


def _height(head: Head) -> float:
    return float(head.height_of(head.smooth[head.anatomy.skin]).max())


def _arc_index(head: Head) -> float:
    g, op = head.point("g"), head.point("op")
    cut = head.section((g + op) / 2, unit_vector(g - op, "g and op lie in one place"), _across_middle(head, g - op))
    return float(np.linalg.norm(g - op)) / arc(cut.outline.corners, float(np.linalg.norm(g - op)))


def _across_middle(head: Head, along: FloatArray) -> FloatArray:
    """The direction in the middle plane square to `along`, upwards; sections with it run along the midline."""
    forward = along / np.linalg.norm(along)
    return unit_vector(head.up - forward * (head.up @ forward), "glabella lies over opisthocranion")


def arc(corners: FloatArray, length: float) -> float:
    """Length of the tape over the upper side of an outline, between the ends of a chord of that length centred at the
    origin along its first axis."""
    upper = corners[corners[:, 1] > 0]
    order = np.argsort(-np.arctan2(upper[:, 1], upper[:, 0]), kind="stable")
    path = np.concatenate([[[-length / 2, 0]], upper[order], [[length / 2, 0]]])
    return float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())


def _vno(head: Head, normal: FloatArray) -> float:
    return angle(head.top(normal), head.point("n"), head.point("op"))


def _tilted(head: Head, stem: str) -> FloatArray:
    """Upward normal of the plane through the tragia and the middle of a paired landmark."""
    ahead = (head.point(stem + "_l") + head.point(stem + "_r")) / 2 - head.origin
    normal = unit_vector(np.cross(ahead, head.lateral), "tragia and face lie on one line")
    return normal


def _forehead(head: Head) -> float:
    """Angle at the foremost point of the outline at the level of glabella, see `ifa.g`."""
    cut = head.level(float(head.height_of(head.point("g"))))
    corners = cut.outline.corners
    half = np.ptp(corners[:, 1]) / 2
    side = 0.45 * half
    middle = float((head.point("g") - head.origin) @ head.lateral)
    ring = np.concatenate([corners, corners[:1]])

    def front(offset) -> FloatArray:
        a, b = ring[:-1], ring[1:]
        crossing = (a[:, 1] - offset) * (b[:, 1] - offset) <= 0
        a, b = a[crossing], b[crossing]
        step = b[:, 1] - a[:, 1]
        t = np.divide(offset - a[:, 1], step, out=np.zeros(len(a)), where=step != 0)
        return np.array([(a[:, 0] + t * (b[:, 0] - a[:, 0])).max(), offset])

    return angle(front(middle + side), front(middle), front(middle - side))


def _frontal(head: Head) -> float:
    flat = [p - head.up * ((p - head.origin) @ head.up) for p in map(head.point, ("ft_l", "g", "ft_r"))]
    return angle(*flat)


def _supraorbital(head: Head) -> float:
    normal = np.cross(head.go.forward, head.go.left)
    g = head.point("g")
    flat = [p - normal * ((p - g) @ normal) for p in (head.point("os_l"), g, head.point("os_r"))]
    return angle(*flat)


def _brow_index(head: Head) -> float:
    """Distance of the points where the brows turn most (their pieces weighed by the turn), over the width."""
    if len(head.anatomy.brows) < 2:
        raise Unmeasurable("the topology names no brows")
    normal = np.cross(head.go.forward, head.go.left)
    ends = []
    for pieces in head.anatomy.brows.values():
        line = np.array([head.vertices[ids].mean(0) for ids in pieces])
        line = line - np.outer((line - head.point("g")) @ normal, normal)
        steps = np.diff(line, axis=0)
        steps /= np.linalg.norm(steps, axis=1, keepdims=True)
        turn = np.linalg.norm(np.diff(steps, axis=0), axis=1)
        if not turn.sum() > 1e-9:
            raise Unmeasurable("the brows are straight lines")
        ends.append(turn @ line[1:-1] / turn.sum())
    return 100 * float(np.linalg.norm(ends[0] - ends[1])) / head.go.chord(90)


def _over(head: Head, a: tuple[str, ...], b: tuple[str, ...]) -> float:
    part = quadrants(head)
    return sum(part[k] for k in a) / sum(part[k] for k in b)


def _even(head: Head, a: tuple[str, ...], b: tuple[str, ...]) -> float:
    ratio = _over(head, a, b)
    return 100 * min(ratio, 1 / ratio)


def _size(id, words, text, value, marks, parts, source=JMG, **more) -> Definition:
    return Definition(id, words, "mm", text, source, value, marks, parts, more.pop("group", "size"), **more)


SIZES = (
    _size("circ.go", "circumference at g and op", f"length of the outline; {GO}", lambda h: h.go.outline.perimeter,
          _GO, ("go",), group="circumference"),
    _size("circ.ml", "largest circumference", f"length of the outline; {ML}", lambda h: h.ml.outline.perimeter,
          _Z, ("ml",), "largest tape length, as WHO measures", group="circumference"),
    _size("length.go", "head length g-op", "glabella to opisthocranion, as marked on the template",
          lambda h: distance(h, "g", "op"), ("g", "op"), ()),
    _size("length.dyn", "head length, farthest back", "glabella to the farthest point of the vault within 12 mm "
          "of the midline", length_dyn, ("g",), ("back",), REFERENCE),
    _size("length.ml", "head length, largest level", f"longest chord forwards; {ML}", lambda h: h.ml.chord(0),
          _Z, ("ml",), SCIREP),
    _size("width.go", "head width", f"longest chord along the tragion line; {GO}", lambda h: h.go.chord(90),
          _GO, ("go",), REFERENCE),
    _size("width.ml", "head width, largest level", f"longest chord along the tragion line; {ML}",
          lambda h: h.ml.chord(90), _Z, ("ml",), SCIREP),
    _size("height", "auricular height", "highest point of the vault over the plane of nasion and tragia", _height,
          (*_Z, "v"), ()),
    _size("eu-eu", "euryon to euryon", "straight distance of the template's euryon points",
          lambda h: distance(h, "eu_l", "eu_r"), ("eu_l", "eu_r"), ()),
)  # fmt: skip


def _index(id, words, text, value, marks, parts, source, **more) -> Definition:
    return Definition(
        id, words, more.pop("unit", "%"), text, source, value, marks, parts, more.pop("group", "index"), **more
    )


INDICES = (
    _index("ci.go", "cephalic index", f"100 width.go / length.go; {GO}",
           lambda h: 100 * h.go.chord(90) / distance(h, "g", "op"), _GO, ("go",), REFERENCE),
    _index("ci.dyn", "cephalic index, farthest back", "100 width.go / length.dyn",
           lambda h: 100 * h.go.chord(90) / length_dyn(h), _GO, ("go", "back"), REFERENCE),
    _index("ci.ml", "cephalic index, largest level", f"100 width.ml / length.ml; {ML}",
           lambda h: 100 * h.ml.chord(90) / h.ml.chord(0), _Z, ("ml",), SCIREP),
    _index("ci.mid", "cephalic index by the midline", "as ci.go, but width along the normal of the midsagittal plane",
           lambda h: 100 * h.go_middle.chord(90) / distance(h, "g", "op"), _GO, ("go",), REFERENCE),
    _index("ti", "towering index", "100 height / length.ml", lambda h: 100 * _height(h) / h.ml.chord(0),
           (*_Z, "v"), ("ml",), "Pindrik et al."),
    _index("ti.arc", "length over midline arc", "g-op over the tape from g over the vault to op (the reference's TI: "
           "another thing than the towering index)", _arc_index, ("g", "op"), ("midline",), REFERENCE, unit=""),
    _index("vno.alae", "vertex-nasion-opisthocranion", "angle at the nasion; vertex = highest point over the plane of "
           "tragia and alae", lambda h: _vno(h, _tilted(h, "al")), ("n", "op", "v"), (), "Blum et al. 2022",
           group="angle",
           unit="deg"),
    _index("vno.lids", "the same, tragia and lids", "angle at the nasion; vertex = highest point over the plane of "
           "tragia and lower lids", lambda h: _vno(h, _tilted(h, "or")), ("n", "op", "v"), (), REFERENCE, group="angle",
           unit="deg"),
    _index("vno.zero", "the same, nasion and tragia", "angle at the nasion; vertex = highest point over the plane of "
           "nasion and tragia (pitched against the Frankfurt plane)", lambda h: _vno(h, h.up), ("n", "op", "v"), (),
           REFERENCE, group="angle", unit="deg"),
    _index("ifa.g", "interfrontal angle", "at the foremost point of the outline at the level of glabella, between its "
           "points 45 % of half the width to each side; a stand-in, not the points of the CT angle", _forehead,
           (*_Z, "g"), ("level",), "after the CT angle of 2012/2016", group="angle", unit="deg"),
    _index("frontal.ft", "forehead angle ft-g-ft", "seen from above the plane of nasion and tragia", _frontal,
           ("ft_l", "ft_r", "g"), (), "own choice", group="angle", unit="deg"),
    _index("fi", "frontal index", "100 ft-ft / width.go", lambda h: 100 * distance(h, "ft_l", "ft_r") / h.go.chord(90),
           ("ft_l", "ft_r", *_GO), ("go",), REFERENCE),
    _index("sa", "supraorbital angle", "at glabella between both supraorbital points, in the plane of circ.go",
           _supraorbital, ("os_l", "os_r", "g"), (), REFERENCE, group="angle", unit="deg"),
    _index("mi", "brow index", "100 distance of the turns of both brows (projected) / width.go", _brow_index,
           ("os_l", "os_r", *_GO), ("go",), REFERENCE),
)  # fmt: skip


def _skew(id, words, text, value, source, unit="%", **more) -> Definition:
    marks, parts = more.pop("marks", _GO), more.pop("parts", ("go",))
    return Definition(id, words, unit, text, source, value, marks, parts, "asymmetry", more.pop("mirrored", "sign"))


PLUS = "plus: back flattened on the LEFT"
SKEWS = (
    _skew("cva.30", "vault asymmetry, 30 deg", f"diagonal to the front left less front right, 30 deg from op-g; {PLUS}"
          f"; {GO}", cva, LOVEDAY, "mm"),
    _skew("cvai.30.short", "vault asymmetry index", f"100 cva.30 / the SHORTER diagonal; {PLUS}", cvai, LOVEDAY),
    _skew("cvai.30.long", "the same, longer diagonal", f"100 cva.30 / the LONGER diagonal; {PLUS}",
          lambda h: cvai(h, over=max), SCIREP),
    _skew("cvai.ml.long", "the same, largest level", f"100 difference / the longer diagonal, 30 deg; {PLUS}; {ML}",
          lambda h: cvai(h, "ml", over=max), SCIREP, parts=("ml",), marks=_Z),
    _skew("cvai.40.short", "the same at 40 deg", f"100 difference / the shorter diagonal, 40 deg; {PLUS}",
          lambda h: cvai(h, degrees=40.0), "van Vlimmeren's angle"),
    _skew("cvai.mid.short", "the same by the midline", "as cvai.30.short with left and right by the midsagittal plane, "
          f"not by the tragia; {PLUS}", lambda h: cvai(h, "go_middle"), REFERENCE),
    _skew("cva.mid", "the same by the midline, mm", f"as cva.30 with left and right by the midsagittal plane; {PLUS}",
          lambda h: cva(h, "go_middle"), REFERENCE, "mm"),
    _skew("cva.mid.abs", "diagonal difference by the midline", "|cva.mid|", lambda h: abs(cva(h, "go_middle")),
          REFERENCE,
          "mm", mirrored="same"),
    _skew("cvai.mid.abs", "vault asymmetry by the midline", "|cvai.mid.short|", lambda h: abs(cvai(h, "go_middle")),
          REFERENCE, mirrored="same"),
    _skew("cvai.30.abs", "vault asymmetry, size", "|cvai.30.short|; grades 3.5, 6.25, 8.75, 11 belong to it",
          lambda h: abs(cvai(h)), LOVEDAY, mirrored="same"),
    _skew("cva.30.abs", "diagonal difference, size", "|cva.30|", lambda h: abs(cva(h)), LOVEDAY, "mm", mirrored="same"),
    _skew("diagonal.l", "diagonal to front left", f"longest chord 30 deg left of op-g; {GO}", lambda h: h.go.chord(30),
          LOVEDAY, "mm", mirrored="side"),
    _skew("diagonal.r", "diagonal to front right", f"longest chord 30 deg right of op-g; {GO}",
          lambda h: h.go.chord(-30), LOVEDAY, "mm", mirrored="side"),
    _skew("cva.moss", "caliper asymmetry", "frontotemporale to the opposite euryon, left less right; weak on surfaces",
          _moss, "Moss 1997; Mortenson & Steinbok 2006", "mm", parts=(),
          marks=("ft_l", "ft_r", "eu_l", "eu_r")),
    _skew("oclr", "oblique length ratio", "100 longer / shorter diagonal at 30 deg",
          lambda h: 100 * max(diagonals(h)) / min(diagonals(h)), "Hutchison et al. 2005", mirrored="same"),
    _skew("oddi", "oblique difference, 40 deg", "100 longer / shorter diagonal at 40 deg",
          lambda h: 100 * max(diagonals(h, degrees=40.0)) / min(diagonals(h, degrees=40.0)),
          "van Vlimmeren et al. 2006",
          mirrored="same"),
)  # fmt: skip


def _volume(id, words, text, value, parts, unit="", **more) -> Definition:
    source = more.pop("source", REFERENCE)
    return Definition(id, words, unit, text, source, value, _Z, parts, more.pop("group", "volume"), **more)


_ABOVE = "above the plane of nasion and tragia, split by the tragion line; skin without ears"
_L, _R, _F, _B = ("fl", "bl"), ("fr", "br"), ("fl", "fr"), ("bl", "br")
_ALL = ("fl", "fr", "bl", "br")
_JAPAN = "Japan 3D series (own levels: .zero)"
VOLUMES = (
    *(
        _volume(f"v.{key}", f"volume {words}", f"quadrant {_ABOVE}", lambda h, k=key: quadrants(h)[k], (key,), "ml",
                mirrored="side")
        for key, words in (("fl", "front left"), ("fr", "front right"), ("bl", "back left"), ("br", "back right"))
    ),
    _volume("v.tot", "volume above nasion and tragia", f"all quadrants {_ABOVE}; of the skin, not of the bone",
            lambda h: sum(quadrants(h).values()), _ALL, "ml"),
    _volume("asr.zero", "front symmetry ratio", "100 smaller / larger front quadrant", lambda h: _even(h, ("fl",),
            ("fr",)),
            _F, "%", group="asymmetry", source=_JAPAN),
    _volume("psr.zero", "back symmetry ratio", "100 smaller / larger back quadrant", lambda h: _even(h, ("bl",),
            ("br",)),
            _B, "%", group="asymmetry", source=_JAPAN),
    _volume("osr.zero", "overall symmetry ratio", "100 smaller / larger half", lambda h: _even(h, _L, _R), _ALL, "%",
            group="asymmetry", source=_JAPAN),
    _volume("vr.front-back", "volume front over back", "front half / back half", lambda h: _over(h, _F, _B), _ALL),
    _volume("vr.left-right", "volume left over right", "left half / right half", lambda h: _over(h, _L, _R), _ALL,
            mirrored="inverse"),
    _volume("vr.back-lr", "volume back left over right", "v.bl / v.br", lambda h: _over(h, ("bl",), ("br",)), _B,
            group="asymmetry", mirrored="inverse"),
    _volume("vr.front-lr", "volume front left over right", "v.fl / v.fr", lambda h: _over(h, ("fl",), ("fr",)), _F,
            group="asymmetry", mirrored="inverse"),
    _volume("vr.left-fb", "volume left front over back", "v.fl / v.bl", lambda h: _over(h, ("fl",), ("bl",)), _L,
            mirrored="side"),
    _volume("vr.right-fb", "volume right front over back", "v.fr / v.br", lambda h: _over(h, ("fr",), ("br",)), _R,
            mirrored="side"),
)  # fmt: skip
