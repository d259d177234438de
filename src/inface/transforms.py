"""Rigid and similarity transforms and the alignments that estimate them."""

from dataclasses import dataclass, field

import numpy as np

from inface._validate import FloatArray, finite, floats
from inface.errors import ConvergenceError


@dataclass(frozen=True, eq=False)
class Similarity:
    """`apply(x) = scale * rotation @ x + translation`.

    Attributes:
        rotation: `(3, 3)` proper rotation.
        translation: `(3,)` in the unit of the target.
        scale: positive factor.

    Examples:
        >>> import numpy as np
        >>> from inface import Similarity
        >>> there = Similarity(translation=[0, 0, 5], scale=2)
        >>> there.apply([[1, 0, 0]]).tolist(), there.inverse().apply(there.apply([[1, 0, 0]])).tolist()
        ([[2.0, 0.0, 5.0]], [[1.0, 0.0, 0.0]])
    """

    rotation: FloatArray = field(default_factory=lambda: np.eye(3))
    translation: FloatArray = field(default_factory=lambda: np.zeros(3))
    scale: float = 1.0

    def __post_init__(self) -> None:
        rotation = finite("rotation", floats("rotation", self.rotation, (3, 3)))
        error = float(np.abs(rotation @ rotation.T - np.eye(3)).max())
        if error > 1e-6 or np.linalg.det(rotation) < 0:
            raise ValueError(f"rotation: expected a proper rotation, got one off by {error:.2g}")
        if not self.scale > 0:
            raise ValueError(f"scale: expected a positive number, got {self.scale}")
        object.__setattr__(self, "rotation", rotation)
        object.__setattr__(self, "translation", finite("translation", floats("translation", self.translation, (3,))))

    def apply(self, points: FloatArray) -> FloatArray:
        """Transform points `(..., 3)`."""
        return self.scale * (points @ self.rotation.T) + self.translation

    def inverse(self) -> "Similarity":
        """The transform that undoes this one."""
        back = self.rotation.T
        return Similarity(back, -(back @ self.translation) / self.scale, 1.0 / self.scale)

    def compose(self, first: "Similarity") -> "Similarity":
        """The transform that does `first`, then this one."""
        return Similarity(
            self.rotation @ first.rotation,
            self.scale * (self.rotation @ first.translation) + self.translation,
            self.scale * first.scale,
        )

    @property
    def angle(self) -> float:
        """Angle of the rotation in degrees, 0 to 180."""
        return float(np.degrees(np.arccos(np.clip((np.trace(self.rotation) - 1) / 2, -1, 1))))

    @property
    def matrix(self) -> FloatArray:
        """The homogeneous `(4, 4)` matrix."""
        out = np.eye(4)
        out[:3, :3] = self.scale * self.rotation
        out[:3, 3] = self.translation
        return out


def procrustes(source: FloatArray, target: FloatArray, *, scale: bool = False, weights=None) -> Similarity:
    """The transform that brings points `source (n, 3)` onto `target (n, 3)` in least squares [umeyama1991].

    With `scale=False` (the default) rigid: size is kept. `weights (n,)` are non-negative. Raises `ValueError`
    for fewer than three points or points on one line (the rotation is not determined).
    """
    source = finite("source", floats("source", source, (None, 3)))
    target = finite("target", floats("target", target, (None, 3)))
    if source.shape != target.shape or len(source) < 3:
        raise ValueError(f"expected two sets of at least 3 corresponding points, got {source.shape} and {target.shape}")
    w = np.ones(len(source)) if weights is None else np.asarray(weights, float)
    w = w / w.sum()
    source_mean, target_mean = w @ source, w @ target
    a, b = source - source_mean, target - target_mean
    u, s, vt = np.linalg.svd((b * w[:, None]).T @ a)
    if s[1] <= 1e-12 * max(s[0], 1e-300):
        raise ValueError("the points lie on one line or in one place, so no rotation can be found; give others")
    flip = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * flip) @ vt
    factor = float((s * flip).sum() / (w @ (a * a).sum(1))) if scale else 1.0
    return Similarity(rotation, target_mean - factor * (rotation @ source_mean), factor)


def generalised_procrustes(shapes: FloatArray, *, tolerance: float = 1e-6, iterations: int = 50) -> FloatArray:
    """Rigidly align shapes `(N, V, 3)` to their common mean, size kept [gower1975]; returns the aligned copy.

    The mean keeps the pose of the first shape. Raises `ConvergenceError` when the mean does not settle.
    """
    aligned = np.array(shapes, dtype=np.float64)
    mean = aligned[0]
    for _ in range(iterations):
        for i, shape in enumerate(aligned):
            aligned[i] = procrustes(shape, mean).apply(shape)
        new = aligned.mean(0)
        new = procrustes(new, mean).apply(new)
        change, mean = float(np.abs(new - mean).max()), new
        if change < tolerance * max(float(np.abs(mean).max()), 1e-300):
            return aligned
    raise ConvergenceError(f"generalised Procrustes did not settle in {iterations} rounds (last change {change:.2g})")
