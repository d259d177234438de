"""What a landmark file holds, and what its formats share: names that repeat, numbers, text."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from inface._validate import FloatArray
from inface.errors import FormatError

Points = dict[str, FloatArray]
IBUG = tuple(f"ibug_{i:02d}" for i in range(68))

# what programs call a point that nobody named
_DEFAULTS = {
    "new point",
    "point",
    "picked point",
    "landmark",
    "marker",
    "fiducial",
    "unnamed",
    "untitled",
    "f",
    "p",
    "pt",
}


@dataclass(frozen=True, eq=False)
class LandmarkData:
    """The contents of a landmark file.

    Attributes:
        points: name -> `(3,)`; NaN where the file marks a point as not set.
        frame: "LPS" where the file states a patient frame (points of RAS files are turned), else "": its mesh's own.
        unit: "mm" where the file states a unit (the points are brought to mm), else "": its mesh's own.
    """

    points: Points
    frame: str = ""
    unit: str = ""


def named(pairs: Iterable[tuple[str, FloatArray]]) -> Points:
    """Name -> point; default names that repeat are numbered ("new point 1", ...), another name may stand only once."""
    rows = [(name.strip() or str(i), point) for i, (name, point) in enumerate(pairs)]
    counts = Counter(name for name, _ in rows)
    everywhere = len(counts) == 1 and len(rows) > 2
    out: Points = {}
    seen: Counter[str] = Counter()
    for name, point in rows:
        if counts[name] > 1:
            if not everywhere and name.lower() not in _DEFAULTS:
                raise FormatError(f"the landmark '{name}' stands more than once")
            seen[name] += 1
            name = f"{name} {seen[name]}"
        if name in out:
            raise FormatError(f"the landmark '{name}' stands more than once")
        out[name] = point
    return out


def point_of(cells) -> FloatArray:
    """Three coordinates of words or numbers; empty, `NA` and NaN are undefined."""
    try:
        point = np.array([np.nan if _undefined(c) else float(c) for c in cells])
    except (TypeError, ValueError):
        point = np.zeros(0)
    if point.shape != (3,) or np.isinf(point).any():
        raise FormatError(f"expected 3 coordinates, got {str(cells)[:60]}")
    return point


def _undefined(cell) -> bool:
    return cell is None or (isinstance(cell, str) and cell.strip().lower() in ("", "na", "n/a", "nan", "null", "none"))


def lines_of(text: str) -> list[str]:
    """The lines of a text; only CR and LF end one, whatever else Unicode calls a line end."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def defined(landmarks: Mapping[str, FloatArray]) -> Points:
    """The defined points, for kinds that have no mark for an undefined one: it is left out."""
    return {name: point for name, point in landmarks.items() if np.isfinite(point).all()}


def lps_signs(frame: str) -> FloatArray:
    """Signs that bring a patient frame to LPS; Slicer wrote 0 for RAS and 1 for LPS before it wrote the names."""
    if frame.strip().upper() in ("LPS", "1"):
        return np.array([1.0, 1, 1])
    if frame.strip().upper() in ("RAS", "0"):
        return np.array([-1.0, -1, 1])
    raise FormatError(f"expected the frame LPS or RAS, got '{frame[:20]}'")
