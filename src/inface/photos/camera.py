"""The camera of a photograph: full perspective, as in OpenCV.

Pixels have their centres at whole numbers, u to the right and v down; the camera's frame has x right, y down, z
forward.
A point X of the model (mm; x to the subject's left, y up, z forward) lies at `Y = rotation @ X + shift` and is seen at
`u = focal Yx / Yz + cx`, `v = focal Yy / Yz + cy` [hartley2004]. A child who faces the camera upright has the rotation
`FACING`, because the two frames differ by half a turn about x.
"""

from dataclasses import dataclass

import numpy as np

from inface._validate import FloatArray

FACING = np.diag([1.0, -1.0, -1.0])


@dataclass(frozen=True, eq=False)
class Camera:
    """One photograph's camera.

    Attributes:
        rotation: `(3, 3)` from the model's frame into the camera's.
        shift: `(3,)` mm; the model's origin in the camera's frame.
        focal: pixels.
        centre: `(2,)` principal point, pixels.
        size: width and height of the photograph, pixels.
    """

    rotation: FloatArray
    shift: FloatArray
    focal: float
    centre: FloatArray
    size: tuple[int, int]

    @property
    def K(self) -> FloatArray:
        """`(3, 3)` matrix of the inner parameters."""
        return np.array([[self.focal, 0, self.centre[0]], [0, self.focal, self.centre[1]], [0, 0, 1.0]])

    @property
    def R(self) -> FloatArray:
        """The rotation, by the name it has in computer vision."""
        return self.rotation

    @property
    def t(self) -> FloatArray:
        """The shift, by the name it has in computer vision."""
        return self.shift

    @property
    def scale(self) -> float:
        """Pixels per mm at the depth of the model's origin."""
        return float(self.focal / self.shift[2])

    def seen(self, points: FloatArray) -> FloatArray:
        """Points `(n, 3)` of the model in the camera's frame, mm."""
        return points @ self.rotation.T + self.shift

    def project(self, points: FloatArray) -> FloatArray:
        """Pixels `(n, 2)` of points `(n, 3)` of the model; NaN for those that are not before the camera."""
        seen = self.seen(points)
        depth = np.where(seen[:, 2] > 1e-6, seen[:, 2], np.nan)
        return self.focal * seen[:, :2] / depth[:, None] + self.centre

    @property
    def eye(self) -> FloatArray:
        """`(3,)` place of the camera in the model's frame, mm."""
        return -self.rotation.T @ self.shift

    @property
    def turn(self) -> float:
        """Degrees by which the child looks away from the camera; 0: straight into it."""
        towards = self.eye / np.linalg.norm(self.eye)
        return float(np.degrees(np.arccos(np.clip(towards[2], -1, 1))))

    @property
    def yaw(self) -> float:
        """Degrees by which the camera stands towards the subject's left (plus) or right."""
        return float(np.degrees(np.arctan2(self.eye[0], self.eye[2])))

    def moved(self, step: FloatArray) -> "Camera":
        """The camera after a step `(7,)`: turn about its own axes (3, radians), shift (3, mm), log focal length."""
        rotation = turn_of(step[:3]) @ self.rotation
        return Camera(rotation, self.shift + step[3:6], float(self.focal * np.exp(step[6])), self.centre, self.size)

    def derivatives(self, points: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Pixels `(n, 2)`; their derivatives `(n, 2, 3)` by the points and `(n, 2, 7)` by a step of `moved`."""
        turned = points @ self.rotation.T
        seen = turned + self.shift
        inverse = 1 / seen[:, 2]
        flat = seen[:, :2] * inverse[:, None]
        by_seen = np.zeros((len(points), 2, 3))
        by_seen[:, 0, 0] = by_seen[:, 1, 1] = self.focal * inverse
        by_seen[:, :, 2] = -self.focal * flat * inverse[:, None]
        by_step = np.empty((len(points), 2, 7))
        by_step[:, :, :3] = by_seen @ -cross_matrices(turned)
        by_step[:, :, 3:6] = by_seen
        by_step[:, :, 6] = self.focal * flat
        return self.focal * flat + self.centre, by_seen @ self.rotation, by_step


def cross_matrices(vectors: FloatArray) -> FloatArray:
    """`(n, 3, 3)` matrices M with `M @ w = v x w`."""
    x, y, z = vectors.T
    zero = np.zeros_like(x)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], 1).reshape(-1, 3, 3)


def turn_of(vector: FloatArray) -> FloatArray:
    """Rotation matrix of a rotation vector (radians)."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_rotvec(vector).as_matrix()
