"""Deformities of the head: positional flattening, early closure of sutures.

Each is a smooth field over the template, scaled to the child's head. Where a clinic grades by an index, the field's
strength is solved for on each head, so that the index `inface.measurement` finds is the one asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from inface._validate import FloatArray, finite, floats
from inface.errors import ConvergenceError
from inface.geometry.smooth import smoothstep
from inface.measurement import cranial_measures
from inface.synthetic.controls import Controls
from inface.template import Template

# name -> (unit of the severity, least, most, usual)
DEFORMITIES: Mapping[str, tuple[str, float, float, float]] = {
    "plagiocephaly": ("CVAI in per cent; grade 2 from 3.5, 3 from 6.25, 4 from 8.75, 5 above 11", 0.0, 20.0, 9.0),
    "brachycephaly": ("points of cephalic index added", 0.0, 18.0, 11.0),
    "scaphocephaly": ("points of cephalic index taken away", 0.0, 16.0, 11.0),
    "trigonocephaly": ("0 none to 1 severe", 0.0, 1.0, 0.8),
}
_SIDED = ("plagiocephaly",)
SIDES = ("left", "right")


@dataclass(frozen=True)
class Deformity:
    """A deformity by name; `severity` in the unit of `DEFORMITIES` (None: the usual one), `side` the flattened side.

    Raises `ValueError` for an unknown name or side and for a severity outside the table.
    """

    name: str
    severity: float | None = None
    side: str = "right"

    def __post_init__(self) -> None:
        if self.name not in DEFORMITIES:
            raise ValueError(f"no deformity '{self.name}'; there are: {', '.join(DEFORMITIES)}")
        unit, least, most, usual = DEFORMITIES[self.name]
        if self.severity is None:
            object.__setattr__(self, "severity", usual)
        if not (isinstance(self.severity, int | float | np.number) and least <= self.severity <= most):
            raise ValueError(
                f"{self.name}: expected a severity from {least:g} to {most:g} ({unit}), got {self.severity!r}"
            )
        if self.side not in SIDES:
            raise ValueError(f"side: expected 'left' or 'right', got {self.side!r}")


def deformity_amounts(deformity: "str | Deformity | Mapping[str, float] | None") -> FloatArray:
    """Amounts `(4,)` in the order of `DEFORMITIES`; flattened at the back right counts negative, as in the CVAI.

    `deformity`: None, a name, a `Deformity`, or a mapping of names to severities (negative: right, for sided ones).
    """
    amounts = np.zeros(len(DEFORMITIES))
    if deformity is None:
        return amounts
    if isinstance(deformity, str):
        deformity = Deformity(deformity)
    if isinstance(deformity, Deformity):
        parts = [deformity]
    elif not isinstance(deformity, Mapping):
        raise ValueError(
            "deformity: expected a name, a Deformity, a mapping of names to severities or None, "
            f"got {type(deformity).__name__}"
        )
    else:
        parts = []
        for name, value in deformity.items():
            right = name in _SIDED and isinstance(value, int | float | np.number) and value < 0
            parts.append(Deformity(name, -value if right else value, "right" if right else "left"))
    for part in parts:
        sign = -1.0 if part.name in _SIDED and part.side == "right" else 1.0
        amounts[list(DEFORMITIES).index(part.name)] = sign * float(part.severity or 0)
    return amounts


def check_amounts(amounts: ArrayLike) -> FloatArray:
    """Amounts `(..., 4)` as floats; raises `ValueError` for a severity outside `DEFORMITIES`."""
    out = finite("deformity amounts", floats("deformity amounts", amounts, (len(DEFORMITIES),)))
    for k, (name, (unit, least, most, _)) in enumerate(DEFORMITIES.items()):
        low, high = (-most if name in _SIDED else least), most
        wrong = out[..., k][(out[..., k] < low) | (out[..., k] > high)]
        if wrong.size:
            raise ValueError(f"{name}: expected an amount from {low:g} to {high:g} ({unit}), got {wrong[0]:g}")
    return out


@dataclass(frozen=True, eq=False)
class Deformities:
    """The fields of the deformities over one template."""

    template: Template
    controls: Controls

    @cached_property
    def _length(self) -> float:
        v, marks = self.template.mesh.vertices, self.template.landmarks
        return float(np.linalg.norm(v[marks["g"]] - v[marks["op"]]))

    @cached_property
    def _vault(self) -> FloatArray:
        """`(V,)`: 1 on the vault, 0 in the face and at the neck, smooth between."""
        v, marks = self.template.mesh.vertices, self.template.landmarks
        n, t = v[marks["n"]], v[marks["t_l"]]
        behind = smoothstep((t[2] + 5 - v[:, 2]) / 30) * smoothstep((v[:, 1] - t[1] + 35) / 45)
        return np.maximum(smoothstep((v[:, 1] - n[1]) / 35), behind)

    @cached_property
    def _flat_left(self) -> FloatArray:
        """`(V, 3)`: the back left flattened by about 1 mm; the ear and forehead of that side come forward."""
        v, marks = self.template.mesh.vertices, self.template.landmarks
        g, op = v[marks["g"]], v[marks["op"]]
        centre = np.array([0, (g[1] + op[1]) / 2, (g[2] + op[2]) / 2])
        arm = v - centre
        arm = arm / np.linalg.norm(arm, axis=1, keepdims=True).clip(1e-6)
        low = smoothstep((v[:, 1] + 10) / 35)
        out = np.zeros_like(v)
        for side, depth in ((1, -0.9), (-1, 0.3)):
            direction = np.array([0.5 * side, 0, -0.866])
            out += np.outer(depth * np.exp((arm @ direction - 1) / 0.3) * low, direction)
        forward = np.tanh(v[:, 0] / 40) * smoothstep((v[:, 1] + 50) / 70) * smoothstep((v[:, 2] - op[2]) / 70)
        out[:, 2] += 0.45 * forward
        return out

    @cached_property
    def _broad(self) -> FloatArray:
        """`(V, 3)`: the vault broader and shorter, more so at the back; strength 1 is about 1 % of each."""
        v, marks = self.template.mesh.vertices, self.template.landmarks
        g, op = v[marks["g"]], v[marks["op"]]
        middle = (g[2] + op[2]) / 2
        back = smoothstep((middle + 30 - v[:, 2]) / 70)
        out = np.zeros_like(v)
        out[:, 0] = 0.0075 * v[:, 0] * self._vault
        out[:, 2] = -0.011 * (v[:, 2] - middle) * self._vault * back
        out[:, 1] = 0.002 * (v[:, 1] - g[1]).clip(0)
        return out

    @cached_property
    def _keel(self) -> FloatArray:
        """`(V, 3)`: a severe trigonocephaly: midline keel, forehead pinched at the sides, eyes nearer."""
        v, marks = self.template.mesh.vertices, self.template.landmarks
        n, g = v[marks["n"]], v[marks["g"]]
        across, height = np.abs(v[:, 0]), v[:, 1] - n[1]
        front = smoothstep((v[:, 2] + 10) / 65) * smoothstep((height + 4) / 22) * smoothstep((90 - height) / 45)
        out = np.zeros_like(v)
        out[:, 2] = front * (4.5 * np.exp(-((across / 14) ** 2)) - 8.0 * smoothstep((across - 4) / 52))
        out[:, 0] = -front * 0.08 * v[:, 0]
        eyes = np.exp(-((height / 14) ** 2)) * smoothstep((v[:, 2] - 35) / 20)
        out[:, 0] -= 1.3 * eyes * np.tanh(v[:, 0] / 8)
        back = smoothstep((g[2] - 40 - v[:, 2]) / 50) * self._vault
        out[:, 0] += 0.03 * v[:, 0] * back
        return out

    def apply(self, heads: FloatArray, amounts: FloatArray) -> FloatArray:
        """Heads `(N, V, 3)` with deformity amounts `(N, 4)` put on; rows of zeros come back as they are.

        Raises `ConvergenceError` when a severity cannot be reached on a head.
        """
        out = heads.copy()
        mirror, marks = self.template.mirror, self.template.landmarks
        assert mirror is not None
        names = list(DEFORMITIES)
        for i in np.flatnonzero(np.any(amounts != 0, axis=1)):
            head = out[i].astype(np.float64)
            scale = float(np.linalg.norm(head[marks["g"]] - head[marks["op"]])) / self._length
            amount = dict(zip(names, amounts[i], strict=True))
            head = head + scale * amount["trigonocephaly"] * self._keel
            broader = amount["brachycephaly"] - amount["scaphocephaly"]
            if broader:
                wanted = float(cranial_measures(self.template, head).cephalic_index) + broader
                head = self._reach(head, scale * self._broad, wanted, "cephalic_index", 1 / 1.3)
            if amount["plagiocephaly"]:
                left = amount["plagiocephaly"] > 0
                field = self._flat_left if left else self._flat_left[mirror] * [-1, 1, 1]
                head = self._reach(head, scale * field, amount["plagiocephaly"], "cvai", 1.1 if left else -1.1)
            out[i] = head
        return out

    def _reach(self, head: FloatArray, field: FloatArray, wanted: float, index: str, step: float) -> FloatArray:
        """The head plus so much of the field that the index is as wanted (secant rule; 0.05 is near enough)."""
        strengths = [0.0]
        values = [float(getattr(cranial_measures(self.template, head), index))]
        strengths.append(step * (wanted - values[0]))
        for _ in range(12):
            values.append(float(getattr(cranial_measures(self.template, head + strengths[-1] * field), index)))
            if abs(values[-1] - wanted) < 0.05:
                return head + strengths[-1] * field
            slope = (values[-1] - values[-2]) / (strengths[-1] - strengths[-2])
            strengths.append(strengths[-1] + (wanted - values[-1]) / slope)
        raise ConvergenceError(f"{index} of {wanted:.2f} was not reached on this head (last {values[-1]:.2f})")
