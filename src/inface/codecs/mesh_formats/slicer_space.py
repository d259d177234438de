"""The patient frame that 3D Slicer states in the header of its files."""

import re

import numpy as np

from inface._validate import FloatArray

_SPACE = re.compile(rb"\bSPACE=(RAS|LPS)\b")


def lps_signs(header: bytes) -> FloatArray:
    """Signs `(3,)` that bring points to LPS, the frame of Slicer's files; ones where the header says no RAS."""
    found = _SPACE.search(header)
    return np.array([-1.0, -1.0, 1.0]) if found and found[1] == b"RAS" else np.ones(3)
