"""Published sizes of infant heads from birth to 36 months, and where each figure comes from.

Every row says what it is: "cited" (stands in the source), "derived" (computed from cited figures, or read off a
published mean shape), or "working value" (remembered from the literature and not verified, or chosen). Sizes are in
millimetres, the cephalic index in per cent, ages in months. Sources, keys of `docs/references.bib`:

- [who2007]: WHO child growth standards, head circumference for age, boys and girls (LMS with L = 1).
- CT series of the cephalic index: Poland (n = 180), USA (Pindrik et al., n = 312); the curve is chosen between them.
- [schnabel2024]: landmark distances of the published template of INFACE.
- newborn series of Korea (outer canthal 65.3 +- 5.8, intercanthal 22.9 +- 2.1, nose height 22.6 and width 22.1).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import PchipInterpolator

from inface._validate import FloatArray, finite, floats

AGE_RANGE = (0.0, 36.0)
SEXES = ("male", "female")
FACE_AGES = (0, 3, 6, 12, 24, 36)
BOYS_LARGER = 0.015  # boys' faces are this fraction above the pooled mean, girls' below: a working value


@dataclass(frozen=True)
class Row:
    """One measure through the ages: mean of both sexes, and spread as a fraction of the mean.

    `relative=True`: `means` are factors on the template's own value at 6 months (no absolute source). `shift=True`:
    `means` are millimetres added to the template's own value and `spread` is in millimetres too.
    """

    means: tuple[float, ...]
    spread: float
    status: str
    source: str
    relative: bool = False
    shift: bool = False


_E6 = "proportions of Farkas, Hall and Feingold from memory, smoothed, through the cited anchors"
_OWN = "chosen: follows its neighbours' growth"

# fmt: off
# ruff: noqa: E501
ROWS: Mapping[str, Row] = {
    "n-gn":    Row((52, 62, 70, 78, 85, 89), 0.050, "working value", f"{_E6}; 6 months near [schnabel2024]"),
    "n-sn":    Row((23, 28, 30, 32, 35, 37), 0.060, "derived", "newborn nose height 22.6 (Korea, n=90) and 30.4 of [schnabel2024]; the rest working values"),
    "sn-gn":   Row((31, 37, 42, 46, 49, 51), 0.060, "working value", _E6),
    "zy-zy":   Row((76, 87, 94, 99, 104, 108), 0.050, "working value", _E6),
    "go-go":   Row((60, 66, 70, 74, 78, 81), 0.060, "working value", f"{_E6}; depends on the caliper's pressure"),
    "ft-ft":   Row((66, 76, 82, 88, 92, 94), 0.050, "working value", _E6),
    "t-t":     Row((84, 100, 110, 116, 121, 124), 0.042, "derived", "112.1 of [schnabel2024] near 6 months; the rest working values"),
    "en-en":   Row((22, 25, 27, 27.5, 28, 28.5), 2 / 27, "derived", "newborn 22.9 (Korea, n=69) and 28.2 of [schnabel2024]; the rest working values"),
    "ex-ex":   Row((64, 69, 72, 75, 78, 80), 4 / 72, "derived", "newborn 65.3 (Korea, n=69) and 71.6 of [schnabel2024]; the rest working values"),
    "al-al":   Row((22, 24.5, 25.5, 26, 27, 28), 1.7 / 25.5, "derived", "newborn 22.1 (Korea, n=90) and 25.0 of [schnabel2024]; the rest working values"),
    "sn-prn":  Row((9, 10, 11, 11.5, 12, 12.5), 1.3 / 11, "derived", "newborn 8.9 (Korea, n=90) and 11.7 of [schnabel2024]; the rest working values"),
    "sn-ls":   Row((8, 9.5, 10.5, 11, 11.5, 12), 1.3 / 10.5, "working value", _E6),
    "ch-ch":   Row((28, 31, 33, 35, 37, 38), 2.6 / 33, "derived", "34.4 of [schnabel2024] near 6 months; the rest working values"),
    "li-gn":   Row((15, 18, 19, 21, 23, 24), 0.090, "working value", _E6),
    "ls-li":   Row((0.82, 0.94, 1, 1.04, 1.08, 1.10), 0.110, "working value", "chosen: height of the red of the lips", relative=True),
    "tip height": Row((0.86, 0.93, 1, 1.02, 1.02, 1.04), 0.115, "working value", "chosen: the tip turns up less with age", relative=True),
    "sa-sba":  Row((36, 43, 47, 50, 53, 55), 3 / 47, "derived", "48 in boys at 6 months, four fifths of the adult length at 3 years; the rest working values"),
    "pra-pa":  Row((22.7, 27.1, 29.6, 31.5, 33.4, 34.7), 0.070, "working value", "0.63 of the ear's length"),
    "t-n":     Row((0.785, 0.925, 1, 1.055, 1.115, 1.155), 0.040, "working value", _OWN, relative=True),
    "t-sn":    Row((0.770, 0.920, 1, 1.060, 1.125, 1.170), 0.040, "working value", _OWN, relative=True),
    "t-gn":    Row((0.740, 0.905, 1, 1.075, 1.160, 1.220), 0.045, "working value", "chosen: the chin is recessed at birth and comes by 3 years", relative=True),
    "ps-pi":   Row((0.85, 0.95, 1, 1.03, 1.06, 1.08), 0.070, "working value", _OWN, relative=True),
    "cheek-cheek": Row((0.80, 0.93, 1, 1.030, 1.065, 1.095), 0.065, "working value", "chosen: the fat pads thin out after the first year", relative=True),
    "vault height": Row((0.815, 0.935, 1, 1.055, 1.110, 1.140), 0.032, "working value", "chosen: height follows length (towering index 64-65 at all ages, Pindrik et al.)", relative=True),
    "back depth":   Row((0.820, 0.935, 1, 1.055, 1.120, 1.150), 0.060, "working value", "chosen: follows head length", relative=True),
    "vault shape":  Row((0.985, 0.995, 1, 1, 1, 1), 0.012, "working value", "chosen: breadth halfway up the vault over breadth at the circumference", relative=True),
    "forehead":     Row((0.2, 0.1, 0, -0.2, -0.7, -1.2), 1.100, "working value", "chosen: the forehead bulges less as the brow comes", shift=True),
    "occiput height": Row((0.82, 0.935, 1, 1.05, 1.10, 1.13), 0.080, "working value", _OWN, relative=True),
    "bridge":       Row((0.72, 0.92, 1, 1.10, 1.24, 1.33), 0.090, "working value", "chosen: flat nasal bridge at birth, risen by 3 years", relative=True),
    "eye level":    Row((0.80, 0.93, 1, 1.05, 1.09, 1.12), 0.080, "working value", _OWN, relative=True),
    "cheek depth":  Row((0.77, 0.92, 1, 1.045, 1.090, 1.120), 0.040, "working value", _OWN, relative=True),
    "chin":         Row((-1.0, -0.8, 0, 1.0, 2.3, 3.4), 1.600, "working value", "chosen: pogonion behind subnasale, coming forward with age", shift=True),
    "ear stand-off": Row((-0.8, -0.3, 0, 0.2, 0.4, 0.5), 1.000, "working value", _OWN, shift=True),
    "neck width":   Row((0.76, 0.92, 1, 1.07, 1.14, 1.19), 0.060, "working value", _OWN, relative=True),
}

_WHO_AGES = (0, 1, 2, 3, 4, 6, 9, 12, 15, 18, 24, 30, 36)
_WHO = {  # median and standard deviation, cm [who2007]
    "male": ((34.46, 37.24, 39.13, 40.50, 41.64, 43.34, 45.00, 46.06, 46.81, 47.37, 48.25, 48.93, 49.46),
             (1.27, 1.17, 1.17, 1.18, 1.19, 1.22, 1.26, 1.29, 1.31, 1.33, 1.36, 1.39, 1.42)),
    "female": ((33.88, 36.52, 38.26, 39.52, 40.59, 42.21, 43.83, 44.89, 45.66, 46.24, 47.18, 47.93, 48.51),
               (1.18, 1.17, 1.21, 1.24, 1.27, 1.30, 1.34, 1.36, 1.37, 1.38, 1.40, 1.41, 1.41)),
}
_CEPHALIC_AGES = (0, 2, 4, 6, 12, 24, 36)
_CEPHALIC = ((80, 83.5, 85, 85, 84, 82, 81), (5, 6, 6, 6, 6, 6, 5.5))  # European-style curve, mean and SD: a choice
# fmt: on

CEPHALIC_SOURCE = (
    "derived: chosen between CT series of Poland (81.45 +- 7.06) and of the USA (85 at 0-3, 81 at 19-24 months)"
)
CIRCUMFERENCE_SOURCE = "cited: [who2007]"


def check_age(age: ArrayLike) -> FloatArray:
    """Ages in months as floats; raises `ValueError` outside 0 to 36."""
    ages = finite("age", floats("age", np.atleast_1d(age), ()))
    low, high = AGE_RANGE
    if ages.size and (ages.min() < low or ages.max() > high):
        wrong = ages.min() if ages.min() < low else ages.max()
        raise ValueError(f"age: expected months from {low:g} to {high:g}, got {wrong:g}")
    return ages if np.ndim(age) else ages[0]


def check_sex(sex: str | None) -> str:
    """ "male", "female" or "" (the mean of both); raises `ValueError` for anything else."""
    if sex not in (None, "", *SEXES):
        raise ValueError(f"sex: expected 'male', 'female' or None, got {sex!r}")
    return sex or ""


@cache
def _curve(ages: tuple[float, ...], values: tuple[float, ...]) -> PchipInterpolator:
    """Monotone cubic in the square root of age [fritsch1980]."""
    return PchipInterpolator(np.sqrt(ages), np.asarray(values, float))


def circumference(age: ArrayLike, sex: str | None = None) -> tuple[FloatArray, FloatArray]:
    """Head circumference: WHO median and standard deviation (mm) at `age` months; both sexes' mean for None."""
    root = np.sqrt(check_age(age))
    chosen = [check_sex(sex)] if sex else list(SEXES)
    median, spread = (10 * np.mean([_curve(_WHO_AGES, _WHO[name][k])(root) for name in chosen], axis=0) for k in (0, 1))
    return median, spread


def cephalic_index(age: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Cephalic index: mean and standard deviation (per cent) at `age` months."""
    root = np.sqrt(check_age(age))
    return _curve(_CEPHALIC_AGES, _CEPHALIC[0])(root), _curve(_CEPHALIC_AGES, _CEPHALIC[1])(root)


def size(name: str, age: ArrayLike, sex: str | None = None) -> FloatArray:
    """Mean of the row `name` at `age` months: mm, a factor on the 6-month template, or mm added to it (see `Row`)."""
    row = ROWS[name]
    value = _curve(FACE_AGES, row.means)(np.sqrt(check_age(age)))
    if row.shift:
        return value
    return value * (1 + BOYS_LARGER * {"male": 1, "female": -1, "": 0}[check_sex(sex)])
