"""Ages as people write them: `183d`, `26w`, `6m`, `1y`, `1y6m`; a bare number is months."""

import math
import re

DAYS_PER_MONTH = 30.4375
_DAYS = {"d": 1.0, "w": 7.0, "m": DAYS_PER_MONTH, "mo": DAYS_PER_MONTH, "y": 365.25}
_PART = re.compile(r"\s*([0-9]+(?:[.,][0-9]+)?)\s*(d|w|mo|m|y)\s*", re.IGNORECASE)


def days_of(age: str | float, what: str = "age") -> float:
    """Days of an age as text, or as a number of months.

    Raises:
        ValueError: anything else, or an age below zero.

    Examples:
        >>> days_of("183d"), days_of("1y"), days_of("2"), days_of(0.5)
        (183.0, 365.25, 60.875, 15.21875)
        >>> days_of("1y 6m") == 365.25 + 6 * DAYS_PER_MONTH
        True
    """
    expected = f"{what}: expected something like 183d, 26w, 6m, 1y or a number of months, got {age!r}"
    if isinstance(age, str):
        text = age.strip()
        number = text.replace(",", ".")
        try:
            days = float(number) * DAYS_PER_MONTH
        except ValueError:
            if text.startswith("-"):
                raise ValueError(f"{what}: expected an age of zero or more, got {age!r}") from None
            parts = _PART.findall(text)
            if not parts or _PART.sub("", text):
                raise ValueError(expected) from None
            days = sum(float(n.replace(",", ".")) * _DAYS[unit.lower()] for n, unit in parts)
    else:
        try:
            days = float(age) * DAYS_PER_MONTH
        except (TypeError, ValueError):
            raise ValueError(expected) from None
    if not math.isfinite(days):
        raise ValueError(expected)
    if days < 0:
        raise ValueError(f"{what}: expected an age of zero or more, got {age!r}")
    return days


def months_of(age: str | float, what: str = "age") -> float:
    """The same in months of 30.4375 days.

    Examples:
        >>> months_of("1y"), months_of("6")
        (12.0, 6.0)
    """
    return days_of(age, what) / DAYS_PER_MONTH
