"""Partial fits of an autoencoder: the latent whose decoded shape is nearest to the known vertices.

The decoder is `x = mean + b_L + W_L h(z)` with a small network `h` before its wide last layer. Restricted to the known
coordinates, the squared error is a quadratic of h alone,

    |W_k h - r|^2 = h^T G h - 2 c^T h + |r|^2,   G = W_k^T W_k,   c = W_k^T r,   r = (x - mean - b_L)_known,

so that after one pass over the weights every iteration works in the last hidden width, whatever the number of vertices.
The latent is found by Levenberg-Marquardt steps [nocedal2006, ch. 10] on

    |W_k h(z) - r|^2 / sigma^2 + |(z - m) / s|^2,

the maximum of the posterior under the latent prior `N(m, s^2)` and independent noise sigma (mm) on each coordinate.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from inface._cache import Recent
from inface._validate import BoolArray, FloatArray
from inface.fitting.basis import CoordinateBasis
from inface.fitting.linear import known_residual
from inface.fitting.quadratic import Minimum, Quadratic
from inface.fitting.result import Fit

MASKS_KEPT = 8
# Without a noise level, the prior only has to settle directions that the known vertices leave open.
TINY_NOISE_MM = 1e-3
MAX_ITERATIONS = 200
STEP_TOLERANCE = 1e-8  # in standard deviations of the latent
GRADIENT_TOLERANCE = 1e-10  # relative to the gradient's two parts


class NetworkFitter:
    """Fits one decoder to meshes of which only some vertices are known.

    Args:
        weights, biases: of the decoder, `(out, in)` and `(out,)`; the last layer is only read, block by block.
        slope: leaky ReLU factor after every layer but the last; 1 or more: no activation.
        mean: `(V, 3)`, mm.
        latent_mean, latent_std: `(K,)`. A zero spread counts as a thousandth of the largest.
    """

    settled = 1e-5  # see `products.Model`; a micrometre: descents creep along kinks, and the pose with them

    def __init__(
        self,
        weights: Sequence[FloatArray],
        biases: Sequence[FloatArray],
        slope: float,
        mean: FloatArray,
        latent_mean: FloatArray,
        latent_std: FloatArray,
    ) -> None:
        self.basis = CoordinateBasis(weights[-1])
        self.offset = mean + np.reshape(biases[-1], mean.shape)
        self.layers = [
            (np.asarray(w, np.float64), np.asarray(b, np.float64))
            for w, b in zip(weights[:-1], biases[:-1], strict=True)
        ]
        self.slope = min(float(slope), 1.0)
        self.latent_mean: FloatArray = np.asarray(latent_mean, np.float64)
        spread = np.asarray(latent_std, np.float64)
        self.latent_std = np.maximum(spread, 1e-3 * spread.max() if spread.max() > 0 else 1.0)
        self._grams = Recent(MASKS_KEPT)

    def fit(
        self,
        vertices: FloatArray,
        known: BoolArray,
        noise_std: float = 0.0,
        starts: Sequence[FloatArray] = (),
        max_iterations: int = MAX_ITERATIONS,
    ) -> Fit:
        """Latents of `vertices (..., V, 3)` from the vertices in the mask `known (V,)`; the others are not looked at.

        Args:
            noise_std: mm on each coordinate; weighs the prior. 0: the prior enters with a noise of 0.001 mm, so it
                decides only what the known vertices leave open.
            starts: latents `(..., K)` to start from, beside the latent mean; the best end is kept.
        """
        batch = vertices.shape[:-2]
        residual = known_residual(vertices, self.offset, known)
        gram = self._grams.get(np.packbits(known).tobytes(), partial(self.basis.gram, known.copy()))
        right = self.basis.project(residual)
        squares = np.einsum("ni,ni->n", residual, residual, dtype=np.float64)
        noise = noise_std if noise_std > 0 else TINY_NOISE_MM
        begin = [np.broadcast_to(self.latent_mean, (len(right), len(self.latent_mean)))]
        begin += [np.reshape(s, (len(right), len(self.latent_mean))).astype(np.float64) for s in starts]
        width = len(self.latent_mean)
        found, values = [], []
        for i, (c, square) in enumerate(zip(right, squares, strict=True)):
            quadratic = Quadratic(gram, c, float(square))
            found.append(self.minimise(quadratic, noise**2, [s[i] for s in begin], max_iterations))
            values.append(found[-1].value)
        latent = np.array([one.latent for one in found]).reshape(-1, width)
        converged = np.array([one.converged for one in found], bool)
        iterations, objective = np.array([one.iterations for one in found], int), np.array(values)
        return Fit(
            latent.reshape(batch + (width,)),
            width,
            converged.reshape(batch),
            iterations.reshape(batch),
            objective.reshape(batch),
        )

    def hidden(self, latent: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The last hidden layer `h (H,)` at one latent `(K,)` and its derivative `(H, K)`."""
        h, derivative = latent, np.eye(len(latent))
        for weight, bias in self.layers:
            h = weight @ h + bias
            gain = np.where(h > 0, 1.0, self.slope)
            h = gain * h
            derivative = gain[:, None] * (weight @ derivative)
        return h, derivative

    def minimise(
        self,
        quadratic: Quadratic,
        weight: float,
        starts: Sequence[FloatArray] = (),
        max_iterations: int = MAX_ITERATIONS,
    ) -> Minimum:
        """The latent of least `quadratic + weight |u|^2`, u the standardised latent: the best end of all starts."""
        ends = [self._descend(start, quadratic, weight, max_iterations) for start in starts or [self.latent_mean]]
        return min(ends, key=lambda end: (end.value, not end.converged))

    def _descend(self, start: FloatArray, quadratic: Quadratic, weight: float, max_iterations: int) -> Minimum:
        """One Levenberg-Marquardt run."""
        mean, std, gram, c, square = (
            self.latent_mean,
            self.latent_std,
            quadratic.gram,
            quadratic.right,
            quadratic.square,
        )

        def end(u: FloatArray, converged: bool, iterations: int, value: float) -> Minimum:
            h, derivative = self.hidden(mean + std * u)
            return Minimum(mean + std * u, h, derivative * std, u, converged, iterations, value)

        def evaluate(u: FloatArray) -> tuple[float, FloatArray, FloatArray]:
            h, derivative = self.hidden(mean + std * u)
            pulled = gram @ h
            value = max(float(h @ pulled - 2 * c @ h) + square, 0.0) + weight * float(u @ u)
            return value, pulled - c, derivative * std

        def linearise(u: FloatArray, pull: FloatArray, derivative: FloatArray) -> tuple[FloatArray, FloatArray, float]:
            matrix = derivative.T @ (gram @ derivative)
            matrix[np.diag_indices_from(matrix)] += weight
            gradient = derivative.T @ pull + weight * u
            size = float(np.linalg.norm(derivative.T @ (pull + c)) + np.linalg.norm(derivative.T @ c))
            return matrix, gradient, size

        u = (start - mean) / std
        value, pull, derivative = evaluate(u)
        matrix, gradient, size = linearise(u, pull, derivative)
        damping = 1e-6
        for iteration in range(1, max_iterations + 1):
            if np.linalg.norm(gradient) <= GRADIENT_TOLERANCE * (size + np.finfo(float).tiny):
                return end(u, True, iteration - 1, value)
            damped = matrix.copy()
            damped[np.diag_indices_from(damped)] += damping * np.diagonal(matrix)
            step = -cho_solve(cho_factor(damped, lower=True), gradient)
            if np.abs(step).max() <= STEP_TOLERANCE:
                return end(u, True, iteration - 1, value)
            expected = -float(2 * gradient @ step + step @ matrix @ step)
            new_value, new_pull, new_derivative = evaluate(u + step)
            # the value is a difference of large sums: a drop below its rounding error counts as none
            rounding = 1e-14 * square
            if new_value < value + rounding and (value - new_value) > 1e-4 * expected - rounding:
                u = u + step
                value, pull, derivative = new_value, new_pull, new_derivative
                matrix, gradient, size = linearise(u, pull, derivative)
                damping = max(damping / 10, 1e-12)
            else:
                damping = max(damping * 10, 1e-6)
        return end(u, False, max_iterations, value)
