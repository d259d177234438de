"""Units of length, in one meaning everywhere: the millimetres in one unit."""

from collections.abc import Iterable

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
