"""The way between an age block's code and months."""

import warnings
from dataclasses import dataclass

import numpy as np

from inface._validate import FloatArray, finite, floats
from inface.units import clock_months, growth_clock

# how far beyond the calibrated codes the map is continued along its last slope, as a part of their range
REACH = 0.25  # of months that are asked for
CODE_REACH = 0.6  # of codes, so that every child that a model draws within three deviations has an age


class ExtrapolationWarning(UserWarning):
    """An age lies outside the calibrated range; the answer continues the map's last slope."""


@dataclass(frozen=True, eq=False)
class AgeCalibration:
    """A direction in the age block along which plus means older, and a monotone map to months.

    The age code of a block `z (..., w)` is `z @ direction`; between the knots the map is linear.

    Attributes:
        direction: `(w,)`, w the width of the age block; scaled to length 1 here.
        codes: `(n,)` ascending age codes, n at least 2.
        months: `(n,)` ascending months, one a code.

    Raises:
        ValueError: a zero direction, or knots that do not rise strictly (then plus would not mean older).

    Examples:
        >>> import inface
        >>> calibration = inface.load_default_model("disentangled").age_calibration
        >>> round(calibration.to_months(calibration.to_code(12)))
        12
    """

    direction: FloatArray
    codes: FloatArray
    months: FloatArray

    def __post_init__(self) -> None:
        direction = finite("age direction", floats("age direction", np.atleast_1d(self.direction), (None,)))
        codes = finite("age codes", floats("age codes", self.codes, (None,)))
        months = finite("age months", floats("age months", self.months, (len(codes),)))
        length = float(np.linalg.norm(direction))
        if direction.ndim != 1 or not length > 0:
            raise ValueError("age direction: expected one non-zero vector as wide as the age block")
        if codes.ndim != 1 or len(codes) < 2 or (np.diff(codes) <= 0).any() or (np.diff(months) <= 0).any():
            raise ValueError("age calibration: expected two or more knots, with codes and months both rising strictly")
        object.__setattr__(self, "direction", direction / length)
        object.__setattr__(self, "codes", codes)
        object.__setattr__(self, "months", months)

    @classmethod
    def fit(cls, blocks: FloatArray, months: FloatArray, *, knots: int = 13) -> "AgeCalibration":
        """From the age blocks `(N, w)` of N scans and their ages `(N,)` in months.

        The direction is the least-squares direction of log age (growth slows as children grow); the map is the
        monotone regression of log age on the code [barlow1972], read off at `knots` codes.
        Raises `ValueError` for fewer than three ages, or codes that do not rise with age.
        """
        from scipy.optimize import isotonic_regression  # slow to import, and only needed here

        z = finite("age blocks", floats("age blocks", blocks, (None,)))
        z = z.reshape(len(z), -1)
        age = finite("months", floats("months", months, (len(z),)))
        if len(z) < 3 or np.ptp(age) == 0 or (age < 0).any():
            raise ValueError("age calibration: expected at least three scans of different ages, none below zero")
        log_age = growth_clock(age)
        centred = z - z.mean(0)
        direction = np.linalg.lstsq(centred, log_age - log_age.mean(), rcond=None)[0]
        if not np.linalg.norm(direction) > 0:
            raise ValueError("age calibration: the age codes do not change with age")
        direction /= np.linalg.norm(direction)
        code = z @ direction
        if np.ptp(code) <= 0:
            raise ValueError("age calibration: the age codes are all the same")
        order = np.argsort(code, kind="stable")
        steps = isotonic_regression(log_age[order]).x
        at = np.unique(np.quantile(code, np.linspace(0, 1, knots)))
        curve = np.interp(at, code[order], steps)
        rising = np.concatenate([[True], np.diff(np.maximum.accumulate(curve)) > 1e-9 * np.ptp(curve)])
        if rising.sum() < 2:
            raise ValueError("age calibration: the age codes do not rise with age")
        return cls(direction, at[rising], clock_months(curve[rising]))

    @property
    def months_range(self) -> tuple[float, float]:
        """The youngest and the oldest calibrated age in months."""
        return float(self.months[0]), float(self.months[-1])

    def code(self, block: FloatArray) -> FloatArray:
        """Age code `(...,)` of an age block `(..., w)`."""
        return np.asarray(block, np.float64) @ self.direction

    def to_months(self, code: float) -> float:
        """Months of an age code, zero or more; outside the knots see `_map`."""
        return max(0.0, self._map(float(code), self.codes, self.months, "age code", CODE_REACH))

    def to_code(self, months: float) -> float:
        """Age code of an age in months; outside the knots see `_map`."""
        if not months >= 0:
            raise ValueError(f"months: expected an age of zero or more, got {months}")
        return self._map(float(months), self.months, self.codes, "age in months", REACH)

    def moved(self, block: FloatArray, change: float) -> FloatArray:
        """The age block `(..., w)` with its age code raised by `change`; what is not age in it stays."""
        return block + (change * self.direction).astype(block.dtype)

    def _map(self, x: float, xs: FloatArray, ys: FloatArray, what: str, reach: float) -> float:
        """Linear between the knots; beyond them on along the end slope, with an `ExtrapolationWarning`, for
        `reach` of the range; farther out a `ValueError`, because nothing supports such an answer."""
        low, high = xs[0], xs[-1]
        rounding = 1e-6 * (high - low)
        if low - rounding <= x <= high + rounding:
            return float(np.interp(x, xs, ys))
        span = f"{self.months[0]:.3g} to {self.months[-1]:.3g} months"
        if not low - reach * (high - low) <= x <= high + reach * (high - low):
            raise ValueError(
                f"{what} {x:.4g} is far outside what the model is calibrated for ({span}, {what} "
                f"{low:.4g} to {high:.4g}); no age can be given for it"
            )
        warnings.warn(
            f"{what} {x:.4g} lies outside the calibrated range ({span}); the answer is an extrapolation",
            ExtrapolationWarning,
            stacklevel=4,
        )
        a, b = (0, 1) if x < low else (-2, -1)
        return float(ys[a] + (x - xs[a]) * (ys[b] - ys[a]) / (xs[b] - xs[a]))
