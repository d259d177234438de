"""Colour maps for numbers on a surface, and their legends."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inface._validate import FloatArray, floats

# Even steps of two maps that the colour-blind can read: pale over orange to dark red for sizes, so that shape stays
# visible where little happens; blue over white to red for signs.
_SIZE = np.array(
    [(247, 244, 236), (254, 232, 180), (254, 204, 116), (253, 165, 75), (245, 118, 54), (224, 67, 43), (187, 26, 48),
     (134, 10, 60), (82, 6, 61)]
) / 255.0  # fmt: skip
_SIGN = np.array(
    [(33, 102, 172), (67, 147, 195), (146, 197, 222), (209, 229, 240), (247, 247, 247), (253, 219, 199),
     (244, 165, 130), (214, 96, 77), (178, 24, 43)]
) / 255.0  # fmt: skip
_UNKNOWN = (0.55, 0.55, 0.55)


@dataclass(frozen=True)
class Legend:
    """What the colours of a heat map mean.

    Attributes:
        label: what is shown, with its unit, such as "distance, mm".
        low, high: the numbers at both ends; numbers outside take the end's colour.
        signed: True for blue-white-red about zero, False for pale to dark.
    """

    label: str
    low: float
    high: float
    signed: bool = False

    def __post_init__(self) -> None:
        if not self.high > self.low:
            raise ValueError(f"legend: expected low below high, got {self.low:g} and {self.high:g}")

    @classmethod
    def of(cls, values: FloatArray, label: str, *, limit: float | None = None, signed: bool | None = None) -> "Legend":
        """A legend that fits the finite `values`: from zero (or both ways about zero when there are signs) to
        `limit`, by default their 99th percentile in size, rounded up to one digit and a half."""
        sizes = np.abs(np.asarray(values, float))
        sizes = sizes[np.isfinite(sizes)]
        if signed is None:
            signed = bool(np.nanmin(values) < 0) if sizes.size else False
        high = limit if limit is not None else _round_up(float(np.percentile(sizes, 99)) if sizes.size else 1.0)
        return cls(label, -high if signed else 0.0, high, signed)

    def colors(self, values: FloatArray) -> FloatArray:
        """Colours `(n, 3)` in [0, 1] of `values (n,)`; NaN becomes grey."""
        values = floats("values", values, (None,))
        position = np.clip((values - self.low) / (self.high - self.low), 0, 1)
        out = self._sample(np.where(np.isfinite(position), position, 0))
        out[~np.isfinite(values)] = _UNKNOWN
        return out

    @property
    def steps(self) -> Sequence[str]:
        """The map from low to high as nine CSS colours."""
        return ["#" + bytes(np.round(c * 255).astype(np.uint8)).hex() for c in self._table]

    @property
    def ticks(self) -> Sequence[str]:
        """Five numbers from high to low, as text."""
        return [f"{x:.3g}" if abs(x) > 1e-9 else "0" for x in np.linspace(self.high, self.low, 5)]

    @property
    def _table(self) -> FloatArray:
        return _SIGN if self.signed else _SIZE

    def _sample(self, position: FloatArray) -> FloatArray:
        at = np.linspace(0, 1, len(self._table))
        return np.stack([np.interp(position, at, channel) for channel in self._table.T], 1)


def _round_up(value: float) -> float:
    """The next of 1, 1.5, 2, 3, 4, 5, 6, 8, 10 times a power of ten at or above `value`."""
    if not value > 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(m * power for m in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if m * power >= value * (1 - 1e-12)))
