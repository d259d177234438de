"""Published norms a measure can be set beside: WHO head circumference, cephalic index, vault asymmetry.

Circumference has a z-score (WHO Child Growth Standards, L = 1: `z = (x / M - 1) / S` by day and sex). Cephalic index
has none: published populations differ by eight points, so the value stands beside three of them, each named. Asymmetry
is folded at zero: grades and quantiles, no z. Of faces below three years no open table with a spread was found; volumes
under the skin are not the published volumes inside the bone.
"""

import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files

import numpy as np

from inface._validate import FloatArray

SEXES = ("male", "female")
LAST_DAY = 1856
TERM_WEEKS, PRETERM_BELOW, CORRECT_UNTIL = 40.0, 37.0, 730.5
WHO = "WHO Child Growth Standards (head circumference for age, 2007)"
GRADES = (3.5, 6.25, 8.75, 11.0)


@dataclass(frozen=True)
class Child:
    """What norms need to know of a child.

    Attributes:
        age_days: since birth, or None.
        sex: "male", "female" or None.
        gestation_weeks: at birth, or None; below 37 the age is corrected until 24 months.
    """

    age_days: float | None = None
    sex: str | None = None
    gestation_weeks: float | None = None

    def __post_init__(self) -> None:
        if self.age_days is not None and not (np.isfinite(self.age_days) and self.age_days >= 0):
            raise ValueError(f"age: expected an age of zero or more days, got {self.age_days}")
        if self.sex is not None and self.sex not in SEXES:
            raise ValueError(f"sex: expected 'male' or 'female', got {self.sex!r}")
        if self.gestation_weeks is not None and not 20 <= self.gestation_weeks <= 45:
            raise ValueError(f"gestation: expected weeks from 20 to 45, got {self.gestation_weeks}")

    @property
    def norm_days(self) -> float | None:
        """Age in days for norms: corrected for early birth where that applies."""
        if self.age_days is None or self.gestation_weeks is None or self.gestation_weeks >= PRETERM_BELOW:
            return self.age_days
        if self.age_days > CORRECT_UNTIL:
            return self.age_days
        return self.age_days - 7 * (TERM_WEEKS - self.gestation_weeks)

    @property
    def corrected(self) -> bool:
        """Whether `norm_days` is not the age since birth."""
        return self.norm_days != self.age_days


@dataclass(frozen=True)
class Score:
    """Where a value stands in a norm: `z`, `percentile` (0 to 100), `z_std` (from the value's error), or why not."""

    z: float | None = None
    percentile: float | None = None
    z_std: float | None = None
    reference: str = ""
    flags: tuple[str, ...] = ()


@cache
def _who() -> tuple[FloatArray, FloatArray]:
    with (
        as_file(files("inface.data") / "norms" / "who_head_circumference.npz") as path,
        np.load(path) as held,
    ):
        return held["median_um"] / 1000.0, held["spread_1e5"] / 1e5


def circumference_curve(sex: str, days: FloatArray, z: float = 0.0) -> FloatArray:
    """WHO head circumference, mm, at days 0 to 1856 (rounded to whole days) and a z-score.

    Examples:
        >>> circumference_curve("male", 365).item()
        460.637
    """
    median, spread = _who()
    row, day = SEXES.index(sex), np.round(np.asarray(days)).astype(int)
    return median[row, day] * (1 + z * spread[row, day])


def circumference_score(mm: float, child: Child, std: float | None = None, offset: float = 0.0) -> Score:
    """Place of a circumference among healthy children of the same sex and day.

    `offset`: mm to add to a digital circumference to get the clinic's tape, where it is known. Without age or sex, or
    outside 0 to 1856 days, there is no score and the flag says why.
    """
    days = child.norm_days
    if days is None:
        return Score(flags=("no WHO score: the age is not given",))
    if child.sex is None:
        return Score(flags=("no WHO score: the sex is not given, and boys' and girls' curves differ",))
    day = round(days)
    if not 0 <= day <= LAST_DAY:
        why = "before the term date" if day < 0 else f"day {day}"
        return Score(flags=(f"no WHO score: the standard covers day 0 to {LAST_DAY}, this is {why}",))
    median, spread = _who()
    row = SEXES.index(child.sex)
    m, s = float(median[row, day]), float(spread[row, day])
    z = ((mm + offset) / m - 1) / s
    flags = ["age corrected for early birth"] if child.corrected else []
    if abs(z) > 3:
        flags.append("beyond 3 SD, where WHO gives no centiles")
    who = f"{WHO}, {'boys' if child.sex == 'male' else 'girls'} of {day} days: median {m:.1f} mm, SD {m * s:.1f} mm"
    if offset:
        who += f"; {offset:+.1f} mm added for the clinic's tape"
    return Score(z, 50 * math.erfc(-z / math.sqrt(2)), None if std is None else std / (m * s), who, tuple(flags))


def percentile_text(percentile: float) -> str:
    """As WHO shows it: no centile beyond 3 SD."""
    if percentile < 100 * 0.00135:
        return "<0.1 %"
    if percentile > 100 * 0.99865:
        return ">99.9 %"
    return f"{percentile:.0f} %" if 1 <= percentile <= 99 else f"{percentile:.1f} %"


# youngest and oldest month (exclusive) -> mean; each population measured inside its own scanner, by its own plane
_POLAND = ((0, 4, 80.19), (4, 7, 81.45), (7, 13, 83.15), (13, 24, 81.05), (24, 36, 79.76))
_KOREA = ((0, 4, 89.29), (4, 7, 91.41), (7, 10, 89.68), (10, 13, 87.52), (24, 61, 87.64))
_CUMIP_YEARS = (0.0, 0.5, 1.0, 2.0, 3.0)
_CUMIP = {"male": (84.79, 82.82, 82.18, 81.49, 81.03), "female": (83.58, 81.99, 81.40, 80.77, 80.38)}


def cephalic_references(child: Child) -> tuple[tuple[str, float], ...]:
    """Population -> mean cephalic index at the child's age (of all ages where the age is not given), in per cent."""
    if child.norm_days is None:
        return (("Poland, CT (n 180)", 81.45), ("USA, CT (n 312), 0-3 months", 85.0), ("Korea, CT (n 1248)", 89.0))
    months = max(child.norm_days, 0) / 30.4375
    out = [("Poland, CT (n 180), SD 7.1", _by_age(_POLAND, months)), ("Korea, CT (n 1248)", _by_age(_KOREA, months))]
    curves = [_CUMIP[child.sex]] if child.sex else list(_CUMIP.values())
    mean = float(np.mean([np.interp(months / 12, _CUMIP_YEARS, c) for c in curves])) if months <= 36 else None
    out.insert(1, ("USA, CT (cuMIP model)", mean))
    return tuple((name, value) for name, value in out if value is not None)


def _by_age(table, months: float) -> float | None:
    return next((mean for low, high, mean in table if low <= months < high), None)


def cephalic_text(child: Child) -> str:
    """The published means beside which a cephalic index stands, in one line."""
    known = cephalic_references(child)
    if not known:
        return "no published mean at this age; no percentile: populations differ by eight points"
    means = "; ".join(f"{name}: {mean:.1f} %" for name, mean in known)
    return f"no percentile, populations differ by eight points. Means: {means}"


def asymmetry_text(cvai: float) -> str:
    """Grade of |CVAI| at 30 degrees over the shorter diagonal, and published quantiles."""
    grade = 1 + sum(abs(cvai) >= limit for limit in GRADES)
    limits = ", ".join(f"{limit:g}" for limit in GRADES)
    return (
        f"grade {grade} of 5 (limits {limits} %; CHOA scale for this divisor and angle only). Medians of healthy "
        "infants, Japan 3D scans (n 92): 5.0, 5.8, 4.7 % at 1, 3, 6 months"
    )


NO_VOLUME_NORM = "no norm: published volumes lie inside the bone or above other planes"
NO_FACE_NORM = "no norm: no open table with a spread below 3 years"
