"""Smooth steps and fades."""

import numpy as np

from inface._validate import FloatArray


def smoothstep(x: FloatArray) -> FloatArray:
    """0 below 0, 1 above 1, and `3 x^2 - 2 x^3` between, whose slope is 0 at both ends.

    >>> smoothstep(np.array([-1.0, 0.5, 2.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    t = np.clip(x, 0, 1)
    return t * t * (3 - 2 * t)
