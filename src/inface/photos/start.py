"""Where the camera stands at first: the pose of the mean that lies best on the points, by scaled orthography."""

import numpy as np

from inface._validate import FloatArray
from inface.errors import ConvergenceError
from inface.photos.camera import FACING, Camera, turn_of
from inface.photos.problem import View

USUAL_DISTANCE = 600.0  # mm
TURNS = np.array(
    [
        turn_of(np.radians([pitch, 0, 0])) @ turn_of(np.radians([0, yaw, 0]))
        for yaw in np.arange(-75, 76, 12.5)
        for pitch in np.arange(-37.5, 38, 12.5)
    ]
)


def start_camera(view: View, points: FloatArray, focal: float | None = None) -> Camera:
    """The camera of a photograph from the mean's landmarks `points (n, 3)`: best of 91 turns of the head, each with its
    best roll, size and place in the photograph [umeyama1991]. The face never looks away from the camera.
    Without a focal length the camera stands `USUAL_DISTANCE` away.

    Raises `ConvergenceError` when the points lie in one place.
    """
    weight = 1 / view.noise**2
    weight = weight / weight.sum()
    target = (view.pixels - weight @ view.pixels) @ np.array([1, 1j])
    if not np.abs(target).max() > 0:
        raise ConvergenceError("the landmarks lie in one place of the photograph; no pose can be found from them")
    flat = (points - weight @ points) @ (FACING @ TURNS)[:, :2].transpose(0, 2, 1)  # (G, n, 2)
    source = flat @ np.array([1, 1j])
    factors = (source.conj() * weight) @ target / np.maximum(np.abs(source) ** 2 @ weight, 1e-12)
    off = np.abs(target - factors[:, None] * source) ** 2 @ weight
    best = int(off.argmin())
    turn, factor = TURNS[best], factors[best]
    rotation = turn_of(np.array([0, 0, np.angle(factor)])) @ FACING @ turn
    depth = USUAL_DISTANCE if focal is None else focal / abs(factor)
    focal = abs(factor) * depth
    middle = rotation @ (weight @ points)
    flat = (weight @ view.pixels - view.centre) * depth / focal
    shift = np.array([flat[0], flat[1], depth]) - middle
    return Camera(rotation, shift, float(focal), view.centre, view.size)
