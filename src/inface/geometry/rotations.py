"""Rotations as matrices `(..., 3, 3)`, right-handed, over `scipy.spatial.transform.Rotation`."""

import numpy as np
from scipy.spatial.transform import Rotation

from inface._validate import FloatArray


def about(axis: str, degrees: float) -> FloatArray:
    """The rotation `(3, 3)` by `degrees` about "x", "y" or "z".

    >>> about("z", 90).round(3).tolist()
    [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    return Rotation.from_euler(axis, degrees, degrees=True).as_matrix()


def from_vectors(vectors: FloatArray) -> FloatArray:
    """Rotations `(..., 3, 3)` of rotation vectors `(..., 3)`: their direction the axis, their length the angle."""
    flat = np.asarray(vectors, np.float64).reshape(-1, 3)
    return Rotation.from_rotvec(flat).as_matrix().reshape(*np.shape(vectors)[:-1], 3, 3)


def from_quaternions(quaternions: FloatArray) -> FloatArray:
    """Rotations `(..., 3, 3)` of quaternions `(..., 4)` in the order x, y, z, w, of any length but zero."""
    flat = np.asarray(quaternions, np.float64).reshape(-1, 4)
    return Rotation.from_quat(flat).as_matrix().reshape(*np.shape(quaternions)[:-1], 3, 3)


def random_rotation(random: np.random.Generator) -> FloatArray:
    """One rotation `(3, 3)`, all of them equally likely."""
    w, x, y, z = random.normal(size=4)
    return from_quaternions(np.array([x, y, z, w]))


def nearest_rotations(matrices: FloatArray) -> FloatArray:
    """The proper rotations R `(..., 3, 3)` that maximise the trace of `R^T M` of matrices M [kabsch1976].

    With M the covariance `target^T @ source` of centred points, R turns the source onto the target in least squares.
    """
    u, _, vt = np.linalg.svd(matrices)
    u[..., 2] *= np.sign(np.linalg.det(u @ vt))[..., None]
    return u @ vt


def angle_between(a: FloatArray, b: FloatArray) -> FloatArray:
    """Angles in degrees `(...)`, 0 to 180, between rotations `(..., 3, 3)`."""
    trace = np.einsum("...ij,...ij->...", a, b)
    return np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1)))
