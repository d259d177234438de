"""Expressions: ten units that combine, and presets of them.

Each unit is a smooth field over the template, made from a few moved patches (`_POSES`), a share of the jaw's rotation
and a share of the lids' closing. On a child's head the fields are carried by the child's own warp (where does the warp
take the moved point, where the still one), so they scale and turn with the face; then the jaw turns about the axis
through both joints, and the lids slide over the eyes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from inface._validate import BoolArray, FloatArray, IntArray, finite, floats
from inface.synthetic.controls import Controls
from inface.synthetic.eyelids import closed_lids
from inface.synthetic.handles import biharmonic
from inface.synthetic.warp import carried
from inface.template import Template

UNITS = (
    "jaw_open", "smile", "cry", "surprise", "whine", "pout", "frown", "brow_raise", "eyes_closed", "yawn",
)  # fmt: skip
JAW_DEGREES = {"jaw_open": 22.0, "cry": 9.0, "surprise": 8.0, "whine": 3.0, "yawn": 27.0}
LID_CLOSING = {"eyes_closed": 1.0, "yawn": 0.85, "cry": 0.35, "smile": 0.12, "whine": 0.15}
MOST_JAW = 32.0  # degrees: together, units open the jaw no further

PRESETS: Mapping[str, Mapping[str, float]] = {
    "neutral": {},
    "crying": {"cry": 1.0, "jaw_open": 0.35, "frown": 0.9, "eyes_closed": 0.45},
    "smiling": {"smile": 1.0, "jaw_open": 0.22},
    "surprised": {"surprise": 1.0, "brow_raise": 0.9, "jaw_open": 0.3},
    "whining": {"whine": 1.0, "frown": 0.5, "pout": 0.3},
    "asleep": {"eyes_closed": 1.0, "jaw_open": 0.06},
}

# Patches: name -> (landmark, offset from it (outward, up, forward), radius), mm on a face 70 mm high. Three more lie on
# the mouth's line: "corner", and each lip's edge, "upper edge" and "lower edge", moved by its middle.
_PATCHES: Mapping[str, tuple[str, tuple[float, float, float], float]] = {
    "upper lip": ("ls", (0, 0, 0), 2.2),
    "lower lip": ("li", (0, 0, 0), 2.2),
    "chin": ("pg", (0, 0, 0), 6.0),
    "cheek": ("cheek", (-3, 9, -2), 5.0),
    "jowl": ("cheek", (-3, -12, -4), 4.0),
    "ala": ("al", (0, 1, 1), 2.5),
    "nose tip": ("prn", (0, 0, 0), 4.0),
    "nasion": ("n", (0, -2, 0), 3.5),
    "canthus in": ("en", (-1, 0, 0), 2.0),
    "canthus out": ("ex", (1.5, 0, 0), 2.5),
    "lower lid": ("pi", (0, -5, 0), 3.0),
    "brow in": ("ibug_22", (0, 0, 0), 4.0),
    "brow mid": ("ibug_24", (0, 0, 0), 4.5),
    "brow out": ("ibug_26", (0, 0, 0), 4.0),
}

# Unit -> patch -> displacement (outward, up, forward) in mm on a face 70 mm high. What is not named stays.
_POSES: Mapping[str, Mapping[str, tuple[float, float, float]]] = {
    "smile": {
        "corner": (5.2, 4.2, -3.0), "upper edge": (0, 0.9, -1.0), "upper lip": (0, 0.7, -1.1),
        "lower edge": (0, 0.2, -1.2), "lower lip": (0, 0.4, -1.3), "cheek": (1.2, 3.2, 2.2), "jowl": (1.8, 1.5, 0.3),
        "ala": (1.1, 0.5, 0), "lower lid": (0, 1.0, 0.5), "canthus out": (0, -0.2, 0),
    },
    "cry": {
        "corner": (4.0, -2.2, -2.2), "upper edge": (0, 2.0, -0.3), "upper lip": (0, 1.7, -0.3),
        "lower edge": (0, -0.8, -0.2), "lower lip": (0, -0.6, 0.2), "chin": (0, 0.8, 0.6), "cheek": (0.8, 3.2, 2.0),
        "jowl": (1.6, 0.8, 0.6), "ala": (1.4, 1.5, -0.2), "lower lid": (0, 1.3, 0.5), "brow in": (-1.6, -2.0, 1.2),
        "brow mid": (-0.6, -2.2, 0.8), "brow out": (0, -1.4, 0.3), "nasion": (0, -0.6, 0.5),
    },
    "surprise": {
        "corner": (-1.6, 0.2, 0.8), "upper edge": (0, 0.8, 0.5), "upper lip": (0, 0.7, 0.5), "brow in": (0, 2.6, 0.2),
        "brow mid": (0, 3.4, 0.2), "brow out": (0, 2.4, 0.1),
    },
    "whine": {
        "corner": (1.2, -3.2, -0.8), "upper edge": (0, 0.5, 0.4), "upper lip": (0, 0.4, 0.5),
        "lower edge": (0, 0.9, 1.2), "lower lip": (0, 0.8, 1.5), "chin": (0, 1.8, 0.6), "cheek": (0.2, 1.4, 1.0),
        "brow in": (-1.2, 1.8, 0.6), "brow mid": (-0.4, -0.4, 0.4), "brow out": (0, -1.6, 0.2), "ala": (0.6, 0.7, 0),
    },
    "pout": {
        "corner": (-3.4, -0.8, 1.6), "upper edge": (0, -0.2, 2.2), "upper lip": (0, 0.2, 2.3),
        "lower edge": (0, 0.2, 2.8), "lower lip": (0, 0.6, 3.4), "chin": (0, 1.4, 0.8), "jowl": (-0.6, 0, 0.4),
    },
    "frown": {
        "brow in": (-2.2, -1.9, 1.5), "brow mid": (-1.0, -1.8, 0.8), "brow out": (0, -0.6, 0.2),
        "nasion": (0, -0.5, 0.6),
    },
    "brow_raise": {
        "brow in": (0, 3.4, 0.2), "brow mid": (0, 4.2, 0.3), "brow out": (0, 3.2, 0.1),
    },
    "yawn": {
        "corner": (-2.2, 0.4, 0.6), "upper edge": (0, 1.4, 0.2), "upper lip": (0, 1.1, 0.2), "cheek": (0, 1.5, 0.5),
        "brow in": (-0.6, 1.4, 0.4), "brow mid": (0, 1.6, 0.2), "ala": (0.4, 0.6, 0), "lower lid": (0, 0.6, 0.2),
    },
}  # fmt: skip


def expression_weights(expression: str | Mapping[str, float]) -> FloatArray:
    """Weights `(10,)` in the order of `UNITS` from a preset's or unit's name, or a mapping of units to strengths.

    A unit's name alone means strength 1.

    Raises `ValueError` for an unknown name (the message lists the known ones) or a strength outside [0, 1].
    """
    if isinstance(expression, str):
        if expression not in PRESETS and expression not in UNITS:
            presets, units = ", ".join(PRESETS), ", ".join(UNITS)
            raise ValueError(f"no expression '{expression}'; there are the presets {presets} and the units {units}")
        expression = PRESETS.get(expression, {expression: 1.0})
    if not isinstance(expression, Mapping):
        raise ValueError(
            "expression: expected a name or a mapping of units to strengths such as {'smile': 0.8}, "
            f"got {type(expression).__name__}"
        )
    weights = np.zeros(len(UNITS))
    for name, weight in expression.items():
        if name not in UNITS:
            raise ValueError(f"no expression unit '{name}'; there are: {', '.join(UNITS)}")
        if not (isinstance(weight, int | float | np.number) and 0 <= weight <= 1):
            raise ValueError(f"expression '{name}': expected a strength from 0 to 1, got {weight!r}")
        weights[UNITS.index(name)] = weight
    return weights


def check_weights(weights: ArrayLike) -> FloatArray:
    """Weights `(..., 10)` as floats; raises `ValueError` unless each is from 0 to 1."""
    out = finite("expression weights", floats("expression weights", weights, (len(UNITS),)))
    if out.size and (out.min() < 0 or out.max() > 1):
        raise ValueError(f"expression weights: expected 0 to 1, got {out.min():g} to {out.max():g}")
    return out


@dataclass(frozen=True, eq=False)
class Expressions:
    """The units over one template, ready to be put on any child's head."""

    template: Template
    controls: Controls

    @cached_property
    def _scale(self) -> float:
        v, marks = self.template.mesh.vertices, self.template.landmarks
        return float(np.linalg.norm(v[marks["n"]] - v[marks["gn"]])) / 70

    @cached_property
    def _held(self) -> BoolArray:
        """Vertices that no expression moves: behind the cheeks, above the brows, below the chin, the ears."""
        v, marks = self.template.mesh.vertices, self.template.landmarks
        held = (v[:, 2] < 14) | (v[:, 1] > v[marks["g"], 1] + 24) | (v[:, 1] < v[marks["gn"], 1] - 8)
        held[self.template.regions["neck"]] |= v[self.template.regions["neck"], 2] < 30
        held[self.template.regions["ears"]] = True
        return held

    def _patch(self, name: str) -> IntArray:
        """Left and midline vertices of a patch."""
        v, marks = self.template.mesh.vertices, self.template.landmarks
        landmark, offset, radius = _PATCHES[name]
        centre = v[marks.get(landmark, marks.get(landmark + "_l"))] + np.array(offset) * self._scale
        skin = (v[:, 0] >= -1e-6) & ~self._hidden
        distance = np.linalg.norm(v - centre, axis=1)
        inside = np.flatnonzero(skin & (distance < radius * self._scale))
        return inside if len(inside) else np.flatnonzero(skin)[[distance[skin].argmin()]]

    @cached_property
    def _hidden(self) -> BoolArray:
        hidden = np.zeros(len(self.template.mesh.vertices), bool)
        for name in ("mouth_inside", "eyes"):
            hidden[self.template.regions.get(name, np.array([], int))] = True
        edge = [self.template.regions[f"mouth_line_{side}"] for side in ("upper", "lower")]
        hidden[np.concatenate(edge)] = False
        return hidden

    def _lip_edges(self) -> dict[str, tuple[IntArray, FloatArray]]:
        """Left half of the mouth's line: vertices and the share `(n,)` of the middle's displacement they take."""
        v, regions = self.template.mesh.vertices, self.template.regions
        corner = self.template.landmarks["ch_l"]
        wide = v[corner, 0]
        out: dict[str, tuple[IntArray, FloatArray]] = {"corner": (np.array([corner]), np.ones(1))}
        for side in ("upper", "lower"):
            line = regions[f"mouth_line_{side}"]
            line = line[(v[line, 0] >= -1e-6) & (v[line, 0] < 0.62 * wide)]
            out[f"{side} edge"] = (line, 1 - (v[line, 0] / wide) ** 2)
        return out

    @cached_property
    def _patches(self) -> dict[str, tuple[IntArray, FloatArray]]:
        """All handles by name: left and midline vertices, and each one's share of the handle's displacement."""
        return self._lip_edges() | {name: (ids := self._patch(name), np.ones(len(ids))) for name in _PATCHES}

    def _mirrored(self, field: FloatArray) -> FloatArray:
        """The field with its right side as the mirror image of its left."""
        mirror = self.template.mirror
        assert mirror is not None
        left = self.template.mesh.vertices[:, 0] > 1e-6
        out = field.copy()
        out[mirror[left]] = field[left] * [-1, 1, 1]
        middle = mirror == np.arange(len(mirror))
        out[middle, 0] = 0
        return out

    @cached_property
    def fields(self) -> dict[str, FloatArray]:
        """Displacements `(V, 3)` on the template of each unit's smooth part at strength 1 (jaw and lids apart)."""
        vertices, triangles = self.template.mesh.vertices, self.template.mesh.triangles
        fixed = self._held.copy()
        values = np.zeros((len(vertices), 3 * len(_POSES)))
        for ids, _ in self._patches.values():
            fixed[ids] = True
        for name in ("iris", "pupil"):  # the globe stays behind the lids
            fixed[self.template.regions.get(name, np.array([], int))] = True
        fixed |= fixed[self.template.mirror]
        for u, pose in enumerate(_POSES.values()):
            target = np.zeros((len(vertices), 3))
            for name, displacement in pose.items():
                ids, share = self._patches[name]
                target[ids] = np.outer(share, np.array(displacement) * self._scale)
            values[:, 3 * u : 3 * u + 3] = self._mirrored(target)
        solved = biharmonic(vertices, triangles, fixed, values)
        return {name: self._mirrored(solved[:, 3 * u : 3 * u + 3]) for u, name in enumerate(_POSES)}

    @cached_property
    def jaw_share(self) -> FloatArray:
        """`(V,)`: how much of the jaw's rotation each vertex takes; 1 at the lower lip and chin, 0 above the mouth."""
        v, marks, regions = self.template.mesh.vertices, self.template.landmarks, self.template.regions
        scale = self._scale
        fixed = (
            (v[:, 2] < -8)
            | (v[:, 1] > v[marks["sn"], 1] + 26)
            | ((v[:, 1] < v[marks["gn"], 1] - 11 * scale) & (v[:, 2] < 12))
        )
        fixed[regions["ears"]] = True
        value = np.zeros((len(v), 1))
        corner = v[marks["ch_l"], 0]
        width = np.abs(v[:, 0])
        for ids in (self._patches[name][0] for name in ("upper lip", "nose tip", "ala", "canthus in", "lower lid")):
            fixed[ids] = True
        upper = regions["mouth_line_upper"]
        fixed[upper[width[upper] < 0.8 * corner]] = True
        lower = regions["mouth_line_lower"]
        lower = lower[width[lower] < 0.7 * corner]
        chin = np.flatnonzero(
            (width < 11 * scale)
            & (v[:, 1] < v[marks["sl"], 1] + 1)
            & (v[:, 1] > v[marks["gn"], 1])
            & (v[:, 2] > v[marks["gn"], 2] - 12 * scale)
            & ~self._hidden
        )
        for ids, part in ((lower, 1.0), (chin, 1.0), (self._patches["lower lip"][0], 1.0), (self._jaw_angle(), 0.5)):
            fixed[ids], value[ids] = True, part
        mirror = self.template.mirror
        assert mirror is not None
        value = np.maximum(value, value[mirror])
        share = biharmonic(v, self.template.mesh.triangles, fixed | fixed[mirror], value)[:, 0]
        return np.clip((share + share[mirror]) / 2, 0, 1)

    def _jaw_angle(self) -> IntArray:
        v, marks = self.template.mesh.vertices, self.template.landmarks
        return np.flatnonzero(np.linalg.norm(v - v[marks["go_l"]], axis=1) < 4 * self._scale)

    @cached_property
    def _lids(self) -> tuple[FloatArray, FloatArray]:
        """Displacements `(V, 3)` of the template with lids half and wholly closed."""
        return closed_lids(self.template, 0.5), closed_lids(self.template, 1.0)

    @cached_property
    def _carried(self) -> tuple[IntArray, FloatArray, FloatArray]:
        """Moving vertices `(m,)`; for each field and both lid poses the displacement `(F, m, 3)` and what the warp's
        basis changes by `(F, m, L)`, so that the field on a head is `displacement + change @ (points - position)`."""
        fields = np.stack([*self.fields.values(), *self._lids])
        moving = np.flatnonzero((np.abs(fields) > 1e-4).any((0, 2)))
        start = self.template.mesh.vertices[moving]
        still = self.controls.warp.basis(start)
        change = np.stack([self.controls.warp.basis(start + field) - still for field in fields[:, moving]])
        return moving, fields[:, moving], change

    def _field_weights(self, weights: FloatArray) -> FloatArray:
        """Weights `(N, F)` of the carried fields; the lids' path is the parabola through open, half and closed."""
        closing = np.clip((weights * [LID_CLOSING.get(u, 0.0) for u in UNITS]).sum(1), 0, 1)
        smooth = [weights[:, UNITS.index(name)] for name in _POSES]
        return np.stack([*smooth, 4 * closing * (1 - closing), closing * (2 * closing - 1)], 1)

    def apply(self, heads: FloatArray, points: FloatArray, weights: FloatArray) -> FloatArray:
        """Heads `(N, V, 3)` (neutral, over control points `(N, L, 3)`) with expression weights `(N, 10)` put on.

        Rows of zero weights come back as they are.
        """
        out = heads.copy()
        active = np.flatnonzero(weights.any(1))
        if not len(active):
            return out
        moving, fields, change = self._carried
        shift = points[active] - self.controls.position
        parts = self._field_weights(weights[active])
        for f in range(len(fields)):
            used = np.flatnonzero(parts[:, f])
            if len(used):
                moved = fields[f] + carried(change[f], shift[used])
                out[active[used, None], moving] += parts[used, f, None, None] * moved
        return self._turn_jaw(out, active, weights)

    def _turn_jaw(self, heads: FloatArray, active: IntArray, weights: FloatArray) -> FloatArray:
        """Turn each vertex by its share of the jaw's angle about the axis through the joints (before the tragia)."""
        degrees = np.minimum((weights * [JAW_DEGREES.get(u, 0.0) for u in UNITS]).sum(1), MOST_JAW)
        turning = np.flatnonzero(self.jaw_share > 1e-4)
        marks = self.template.landmarks
        for i in active[degrees[active] > 0]:
            left, right, n = heads[i, marks["t_l"]], heads[i, marks["t_r"]], heads[i, marks["n"]]
            axis = (left - right) / np.linalg.norm(left - right)
            middle = (left + right) / 2
            centre = middle + 0.09 * (n - middle) + np.array([0, -0.04, 0]) * np.linalg.norm(n - middle)
            angle = np.radians(degrees[i]) * self.jaw_share[turning, None]
            arm = heads[i, turning] - centre
            along = (arm @ axis)[:, None] * axis
            heads[i, turning] = centre + along + np.cos(angle) * (arm - along) + np.sin(angle) * np.cross(axis, arm)
        return heads
