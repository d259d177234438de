"""Where a browser looks from."""

from typing import Any

import numpy as np

from inface._validate import FloatArray
from inface.viewer.drawing import Drawing

# name -> (yaw, pitch) in degrees; a positive yaw shows the subject's left
VIEWS = {"Front": (0.0, 0.0), "Left": (90.0, 0.0), "Right": (-90.0, 0.0), "3/4": (24.0, 5.0)}
_FIELD = np.radians(26.0)


class Framing:
    """Puts the camera of a viser client before what is drawn, and steps back when that grows out of the picture."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._view = VIEWS["3/4"]
        self._box: tuple[FloatArray, FloatArray] | None = None
        self._put: FloatArray | None = None

    def look_from(self, drawing: Drawing | None, yaw: float, pitch: float) -> None:
        """All of what is drawn, seen from `yaw` and `pitch` in degrees, whatever the window's shape."""
        if drawing is None or not drawing.bodies:
            return
        low, high = self._box = bounds(drawing)
        self._view = (yaw, pitch)
        camera, centre, size = self._client.camera, (low + high) / 2, float(np.linalg.norm(high - low))
        y, p = np.radians((yaw, pitch))
        towards = np.array([np.sin(y) * np.cos(p), np.sin(p), np.cos(y) * np.cos(p)])
        with self._client.atomic():
            camera.fov = float(_FIELD)
            camera.up_direction = (0.0, 1.0, 0.0)
            self._put = centre + distance(high - low, yaw, _aspect(self._client)) * towards
            camera.position = self._put
            camera.look_at = centre  # after the position, which moves what it looks at along
            camera.near, camera.far = 0.02 * size, 20 * size

    def follow(self, drawing: Drawing | None) -> None:
        """Look again from the same side when something was cut off or came in, unless the user moved the camera."""
        if drawing is None or not drawing.bodies or self._box is None or self._put is None:
            return
        low, high = bounds(drawing)
        room = 0.02 * float(np.linalg.norm(self._box[1] - self._box[0]))
        inside = (low >= self._box[0] - room).all() and (high <= self._box[1] + room).all()
        small = np.linalg.norm(high - low) < 0.6 * np.linalg.norm(self._box[1] - self._box[0])
        if (inside and not small) or not self._untouched():
            return
        self.look_from(drawing, *self._view)

    def _untouched(self) -> bool:
        position = np.asarray(self._client.camera.position, float)
        assert self._put is not None
        return bool(np.linalg.norm(position - self._put) < 0.02 * np.linalg.norm(self._put) + 1e-3)


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
