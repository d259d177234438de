"""From measures to points: the most probable control points whose measures take given values.

The prior is a Gaussian process over the control points (a linear part, which scales and stretches, and two smooth
kernels); measures are conditioned on by Gauss-Newton steps, so what no measure speaks of follows its neighbours.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from inface._validate import FloatArray
from inface.synthetic.anthropometry import ROWS
from inface.synthetic.controls import Controls, Difference, axis_measures, measure_pairs

CIRCUMFERENCE, CEPHALIC_INDEX, VAULT_SHAPE = 0, 1, "vault shape"
MEASURES = ("circumference", "cephalic index", *ROWS)

_LINEAR, _LINEAR_SCALE = 10.0, 60.0  # mm of stretch at 60 mm from the origin
_HEAD_KERNEL = (2.0, 80.0)  # (amplitude, length) in mm: the vault bends only at large
_FACE_KERNELS = ((4.0, 45.0), (2.0, 20.0))  # the same, in the face
# Sizes of neighbouring parts come from different tables and do not quite fit together; these share the misfit (mm).
_TOLERANCE = {
    "circumference": 0.3,
    "cephalic index": 0.05,
    "n-gn": 0.5,
    "n-sn": 0.3,
    "sn-gn": 0.5,
    "li-gn": 0.2,
    "sn-ls": 0.15,
    "ls-li": 2.0,
    "back depth": 4.0,
    "t-gn": 2.0,
    "vault shape": 0.004,
}
_DEFAULT_TOLERANCE = 0.15  # mm


@dataclass(frozen=True, eq=False)
class Measured:
    """The driving measures as functions of control points; order `MEASURES`."""

    controls: Controls

    @cached_property
    def covariance(self) -> FloatArray:
        """Prior covariance `(L, L)` of each coordinate of the control points (mm^2)."""
        p = self.controls.position
        square = ((p[:, None] - p[None]) ** 2).sum(-1)
        out = _LINEAR**2 * (p @ p.T) / _LINEAR_SCALE**2
        out = out + _HEAD_KERNEL[0] ** 2 * np.exp(-square / (2 * _HEAD_KERNEL[1] ** 2))
        face = np.outer(self.controls.face_share, self.controls.face_share)
        for amplitude, length in _FACE_KERNELS:
            out = out + face * amplitude**2 * np.exp(-square / (2 * length**2))
        return out

    @cached_property
    def _axes(self) -> dict[str, Difference]:
        return axis_measures(self.controls)

    @cached_property
    def _pairs(self) -> dict[str, list[tuple[int, int]]]:
        return {
            name: measure_pairs(self.controls, name)
            for name in MEASURES[2:]
            if name not in self._axes and name != VAULT_SHAPE
        }

    @cached_property
    def tolerance(self) -> FloatArray:
        """Standard deviation `(M,)` allowed to each measure when means are solved for."""
        return np.array([_TOLERANCE.get(name, _DEFAULT_TOLERANCE) for name in MEASURES])

    def ring(self, points: FloatArray) -> FloatArray:
        """Points of the circumference `(..., R, 3)` under the warp to control points `(..., L, 3)`."""
        return self.controls.ring + self.controls.ring_basis @ (points - self.controls.position)

    def values(self, points: FloatArray, ring_offset: FloatArray | float = 0.0) -> FloatArray:
        """Measures `(..., M)` of control points `(..., L, 3)`; `ring_offset` is added to the circumference's points."""
        ring = self.ring(points) + ring_offset
        row = self.controls.row
        perimeter = np.linalg.norm(np.roll(ring, -1, -2) - ring, axis=-1).sum(-1)
        width = ring[..., 0].max(-1) - ring[..., 0].min(-1)
        length = np.linalg.norm(points[..., row["g"], :] - points[..., row["op"], :], axis=-1)
        out = [perimeter, 100 * width / length]
        axes = self._axes
        for name in MEASURES[2:]:
            if name == VAULT_SHAPE:
                upper = self.controls.upper_pair
                out.append((points[..., upper[0], 0] - points[..., upper[1], 0]) / width)
            elif name in axes:
                one = axes[name]
                out.append(np.mean([points[..., a, one.axis] - points[..., b, one.axis] for a, b in one.pairs], axis=0))
            else:
                pairs = self._pairs[name]
                ends = [np.linalg.norm(points[..., a, :] - points[..., b, :], axis=-1) for a, b in pairs]
                out.append(np.mean(ends, axis=0))
        return np.stack(out, -1)

    def jacobian(self, points: FloatArray) -> FloatArray:
        """Derivatives `(M, L, 3)` of the measures at one set of control points `(L, 3)`."""
        controls, row = self.controls, self.controls.row
        out = np.zeros((len(MEASURES), *points.shape))
        ring = self.ring(points)
        ahead = np.roll(ring, -1, 0) - ring
        ahead /= np.linalg.norm(ahead, axis=1)[:, None]
        out[CIRCUMFERENCE] = controls.ring_basis.T @ (np.roll(ahead, 1, 0) - ahead)
        left, right = ring[:, 0].argmax(), ring[:, 0].argmin()
        across = points[row["g"]] - points[row["op"]]
        length = np.linalg.norm(across)
        width = ring[left, 0] - ring[right, 0]
        out[CEPHALIC_INDEX, :, 0] = 100 / length * (controls.ring_basis[left] - controls.ring_basis[right])
        out[CEPHALIC_INDEX, row["g"]] -= 100 * width / length**3 * across
        out[CEPHALIC_INDEX, row["op"]] += 100 * width / length**3 * across
        axes = self._axes
        for k, name in enumerate(MEASURES[2:], 2):
            if name == VAULT_SHAPE:
                upper = controls.upper_pair
                ratio = (points[upper[0], 0] - points[upper[1], 0]) / width
                out[k, :, 0] = -ratio / width * (controls.ring_basis[left] - controls.ring_basis[right])
                out[k, upper[0], 0] += 1 / width
                out[k, upper[1], 0] -= 1 / width
                continue
            if name in axes:
                one = axes[name]
                for a, b in one.pairs:
                    out[k, a, one.axis] += 1 / len(one.pairs)
                    out[k, b, one.axis] -= 1 / len(one.pairs)
                continue
            pairs = self._pairs[name]
            for a, b in pairs:
                direction = points[a] - points[b]
                direction = direction / np.linalg.norm(direction) / len(pairs)
                out[k, a] += direction
                out[k, b] -= direction
        return out

    def gain(self, points: FloatArray, tolerance: FloatArray) -> tuple[FloatArray, FloatArray]:
        """`(L, 3, M)`: the most probable change of the points per change of the measures; and the Jacobian."""
        jacobian = self.jacobian(points)
        spread = np.tensordot(self.covariance, jacobian, (1, 1)).transpose(0, 2, 1)  # (L, 3, M)
        inner = np.tensordot(jacobian, spread, 2) + np.diag(tolerance**2)
        return np.linalg.solve(inner, spread.reshape(-1, len(MEASURES)).T).T.reshape(spread.shape), jacobian

    def solve(
        self, start: FloatArray, wanted: FloatArray, *, guess: FloatArray | None = None, rounds: int = 5
    ) -> FloatArray:
        """Most probable control points near `start (L, 3)` with the measures `wanted (M,)`, within the tolerance.

        `guess`: points from which the Gauss-Newton rounds set out (default: `start`).
        """
        points = start if guess is None else guess
        for _ in range(rounds):
            gain, jacobian = self.gain(points, self.tolerance)
            step = np.tensordot(jacobian, points - start, 2)
            points = start + gain @ (wanted - self.values(points) + step)
        return points
