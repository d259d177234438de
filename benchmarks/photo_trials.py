"""Trials of fits to photographs: heads of known shape before known cameras, and the errors of what comes out."""

import numpy as np

from inface.photos.camera import FACING, Camera, turn_of
from inface.photos.contour import JAW
from inface.transforms import procrustes

IBUG = tuple(f"ibug_{i:02d}" for i in range(68))
SIZE = (512, 512)


def random_camera(
    rng, vertices, yaw: float, distance: tuple[float, float] = (350, 900), face_px: float = 270.0
) -> Camera:
    """A camera at a distance in mm, the face about `face_px` high, turned by `yaw` and a little at random."""
    angles = np.radians([rng.normal(0, 6), yaw + rng.normal(0, 3), 0])
    rotation = turn_of(np.array([0, 0, np.radians(rng.normal(0, 6))])) @ FACING
    rotation = rotation @ turn_of(np.array([angles[0], 0, 0])) @ turn_of(np.array([0, -angles[1], 0]))
    far = rng.uniform(*distance)
    middle = rotation @ np.array([0, -10.0, 45.0])
    shift = np.array([rng.normal(0, 0.01) * far, rng.normal(0, 0.01) * far, far]) - middle
    return Camera(rotation, shift, face_px / 135.0 * far, (np.array(SIZE) - 1) / 2, SIZE)


def seen_landmarks(rng, vertices, camera, model, strips, noise: float, jaw: float = 1.0) -> dict[str, np.ndarray]:
    """Pixels of the 68 points with noise; those of the jaw where the head ends in the picture."""
    ids = {name: model.template.landmarks[name] for name in IBUG}
    ids |= strips.outermost(vertices[strips.vertices], camera)
    pixels = camera.project(vertices[list(ids.values())])
    spread = np.array([noise * (jaw if name in JAW else 1.0) for name in ids])
    return dict(zip(ids, pixels + rng.normal(size=pixels.shape) * spread[:, None], strict=True))


def errors(found, truth, face) -> tuple[float, float]:
    """Mean distance over the face in mm after a similarity ("shape") and after a rigid motion ("metric")."""
    out = []
    for scale in (True, False):
        moved = procrustes(found[face], truth[face], scale=scale).apply(found[face])
        out.append(float(np.linalg.norm(moved - truth[face], axis=1).mean()))
    return out[0], out[1]
