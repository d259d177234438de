"""Where the camera stands at first: the pose of the mean that lies best on the points, by scaled orthography."""

import numpy as np

from inface._validate import FloatArray
from inface.errors import ConvergenceError
from inface.photos.camera import FACING, Camera, turn_of
from inface.photos.problem import View

YAWS, PITCHES = (-75, -50, -25, 0, 25, 50, 75), (-30, 0, 30)


def start_camera(view: View, points: FloatArray) -> Camera:
    """The camera of a photograph from the mean's landmarks `points (n, 3)`: best of 21 turns of the head, each with its
    best roll, size and place in the photograph [umeyama1991]. The face never looks away from the camera.

    Raises `ConvergenceError` when the points lie in one place.
    """
    weight = 1 / view.noise**2
    weight = weight / weight.sum()
    target = (view.pixels - weight @ view.pixels) @ np.array([1, 1j])
    if not np.abs(target).max() > 0:
        raise ConvergenceError("the landmarks lie in one place of the photograph; no pose can be found from them")
    best: tuple[float, FloatArray, complex] | None = None
    for yaw in YAWS:
        for pitch in PITCHES:
            turn = turn_of(np.radians([pitch, 0, 0])) @ turn_of(np.radians([0, yaw, 0]))
            flat = (points - weight @ points) @ (FACING @ turn).T
            source = flat[:, :2] @ np.array([1, 1j])
            factor = (weight * source.conj()) @ target / max(float(weight @ np.abs(source) ** 2), 1e-12)
            off = float(weight @ np.abs(target - factor * source) ** 2)
            if best is None or off < best[0]:
                best = (off, turn, complex(factor))
    assert best is not None
    _, turn, factor = best
    rotation = turn_of(np.array([0, 0, np.angle(factor)])) @ FACING @ turn
    depth = view.focal / abs(factor)
    middle = rotation @ (weight @ points)
    flat = (weight @ view.pixels - view.centre) * depth / view.focal
    shift = np.array([flat[0], flat[1], depth]) - middle
    return Camera(rotation, shift, view.focal, view.centre, view.size)
