"""Units of length, in one meaning everywhere (the millimetres in one unit), and the clock of growth."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

MM_PER_UNIT = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "inch": 25.4}


def mm_per_unit(unit: str, allowed: Iterable[str] = MM_PER_UNIT) -> float:
    """Millimetres in one `unit`; raises `ValueError` naming the `allowed` units for any other word.

    >>> mm_per_unit("cm")
    10.0
    """
    allowed = tuple(allowed)
    if unit not in allowed:
        raise ValueError(f"unit: expected one of {', '.join(allowed)}, got '{unit}'")
    return MM_PER_UNIT[unit]


def growth_clock(months: ArrayLike) -> NDArray[np.floating[Any]]:
    """Ages in months on the clock by which infants grow: `log(months + 2)`, on which growth is nearly linear.

    >>> float(growth_clock(np.array(6.0)).round(4))
    2.0794
    """
    return np.log(np.asarray(months, np.float64) + 2.0)


def clock_months(clock: ArrayLike) -> NDArray[np.floating[Any]]:
    """The inverse of `growth_clock`: ages in months."""
    return np.exp(np.asarray(clock, np.float64)) - 2.0
