"""Where a browser looks from."""

from typing import Any

import numpy as np

from inface._validate import FloatArray
from inface.viewer.drawing import Drawing

# name -> (yaw, pitch) in degrees; a positive yaw shows the subject's left
VIEWS = {"Front": (0.0, 0.0), "Left": (90.0, 0.0), "Right": (-90.0, 0.0), "3/4": (24.0, 5.0)}
_FIELD = np.radians(26.0)


def look_from(client: Any, drawing: Drawing | None, yaw: float, pitch: float) -> None:
    """Put the camera before what is drawn, so that all of it is seen whatever the window's shape."""
    if drawing is None or not drawing.bodies:
        return
    low, high = bounds(drawing)
    camera, centre, size = client.camera, (low + high) / 2, float(np.linalg.norm(high - low))
    y, p = np.radians((yaw, pitch))
    towards = np.array([np.sin(y) * np.cos(p), np.sin(p), np.cos(y) * np.cos(p)])
    with client.atomic():
        camera.fov = float(_FIELD)
        camera.up_direction = (0.0, 1.0, 0.0)
        camera.position = centre + distance(high - low, yaw, _aspect(client)) * towards
        camera.look_at = centre  # after the position, which moves what it looks at along
        camera.near, camera.far = 0.02 * size, 20 * size


def bounds(drawing: Drawing) -> tuple[FloatArray, FloatArray]:
    """The corners of the box around all bodies, where they stand."""
    low = np.min([b.vertices.min(0) + b.offset for b in drawing.bodies], 0)
    return low, np.max([b.vertices.max(0) + b.offset for b in drawing.bodies], 0)


def distance(box: FloatArray, yaw: float, aspect: float) -> float:
    """How far from the middle of a box `(3,)` the eye has to be to see all of it with a margin."""
    turn = np.radians(yaw)
    wide = abs(box[0] * np.cos(turn)) + abs(box[2] * np.sin(turn))
    deep = abs(box[2] * np.cos(turn)) + abs(box[0] * np.sin(turn))
    half = 0.58 * max(float(box[1]), float(wide) / aspect)
    return half / float(np.tan(_FIELD / 2)) + 0.5 * float(deep)


def _aspect(client: Any) -> float:
    try:
        aspect = float(client.camera.aspect)
    except (AssertionError, AttributeError):  # nothing has come from the browser yet
        return 1.6
    return aspect if np.isfinite(aspect) and aspect > 0.05 else 1.6
