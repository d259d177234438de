"""The skin look of the template: a colour for every vertex, from its place and its part."""

import numpy as np

from inface._validate import FloatArray, IntArray
from inface.synthetic.primitives import bump, capsule
from inface.synthetic.sculpture_eye import IRIS_CENTRE, IRIS_RADIUS, PUPIL_RADIUS
from inface.synthetic.sculpture_face import NOSTRIL, vermilion

SKIN, FLUSH, RED, WHITE = (0.90, 0.715, 0.625), (0.90, 0.54, 0.47), (0.80, 0.45, 0.43), (0.94, 0.935, 0.93)
NOSTRIL_DARK = (0.27, 0.10, 0.09)
IRIS, IRIS_EDGE, PUPIL = (0.36, 0.43, 0.49), (0.20, 0.26, 0.33), (0.03, 0.03, 0.04)
LASH, CARUNCLE, HAIR, MOUTH = (0.42, 0.27, 0.23), (0.86, 0.58, 0.54), (0.60, 0.45, 0.35), (0.45, 0.16, 0.16)


def skin_colours(vertices: FloatArray, regions: dict[str, IntArray]) -> FloatArray:
    """Colours `(V, 3)` in [0, 1] of the template in its own place (before any warp): cheeks and lips redder, fine
    brows, a down of hair, grey-blue eyes as of many infants of light skin."""
    x, y, z = np.abs(vertices[:, 0]), vertices[:, 1], vertices[:, 2]
    colours = np.tile(SKIN, (len(vertices), 1)).astype(float)

    def mix(colour: tuple[float, float, float], weight: FloatArray) -> None:
        w = np.clip(weight, 0, 1)[:, None]
        colours[:] = colours * (1 - w) + np.asarray(colour) * w

    def paint(part: str, colour: tuple[float, float, float], weight: float = 1.0) -> None:
        ids = regions[part]
        colours[ids] = colours[ids] * (1 - weight) + np.asarray(colour) * weight

    front = np.clip((z - 35) / 10, 0, 1)
    mix(FLUSH, 0.42 * np.exp(-(((x - 31) / 13) ** 2) - ((y + 14) / 11) ** 2) * front)
    mix(FLUSH, 0.32 * np.exp(-((x / 9) ** 2) - ((y + 4) / 6) ** 2) * np.clip((z - 66) / 6, 0, 1))
    mix(FLUSH, 0.20 * np.exp(-((x / 10) ** 2) - ((y + 44) / 8) ** 2) * front)
    mix(FLUSH, 0.18 * np.exp(-(((x - 24) / 13) ** 2) - ((y - 12) / 9) ** 2) * front)
    paint("ears", FLUSH, 0.22)
    # down on the scalp, from a soft hairline
    hairline = 62 - 0.012 * x**2
    back = np.clip((8 - z) / 25, 0, 1) * np.clip((y - 8) / 18, 0, 1)
    weight = np.maximum(np.clip((y - hairline) / 22, 0, 1), back)
    weight[regions["ears"]] = 0
    mix(HAIR, 0.38 * weight)
    # brows
    t = np.clip((x - 9.5) / 27.5, 0, 1)
    arch = 25.5 + 3.4 * np.sin(np.pi * 0.72 * t) - 0.6 * t
    mix(HAIR, 0.42 * np.exp(-(((y - arch) / 2.2) ** 2)) * np.sin(np.pi * t) ** 0.6 * (z > 35))
    # lips
    top, bottom = vermilion(vertices[:, 0])
    lips = np.zeros(len(vertices), bool)
    lips[regions["lips"]] = True
    depth = np.minimum(top - y, y - bottom)
    mix(RED, np.where(lips, np.clip(0.22 + depth / 2.4, 0, 0.85), 0))
    paint("mouth_inside", MOUTH)
    # the dark of the nostrils
    deep = capsule(np.c_[x, y, z].astype(np.float32), *NOSTRIL)
    mix(NOSTRIL_DARK, 0.9 * np.clip((0.9 - np.abs(deep)) / 0.6, 0, 1) * np.clip((76.5 - z) / 2, 0, 1) * (y < -3))
    for line in ("mouth_line_upper", "mouth_line_lower"):
        paint(line, (0.62, 0.27, 0.27))
    # eyes
    paint("eyes", WHITE)
    eyes = np.zeros(len(vertices), bool)
    eyes[regions["eyes"]] = True
    from_pupil = np.hypot(x - IRIS_CENTRE[0], y - IRIS_CENTRE[1])
    mix(IRIS, eyes * (IRIS_RADIUS + 0.05 - from_pupil) / 0.4)
    mix(IRIS_EDGE, 0.8 * eyes * bump(from_pupil - IRIS_RADIUS + 0.4, 0.6))
    mix(PUPIL, eyes * (PUPIL_RADIUS + 0.25 - from_pupil) / 0.3)
    paint("lid_margins", LASH, 0.6)
    paint("lid_edges", LASH, 0.2)
    mix(CARUNCLE, np.where(eyes, np.clip((16.4 - x) / 2.0, 0, 0.9), 0))
    return colours
