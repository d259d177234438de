"""What a fit to known vertices gives back, whatever the model."""

from dataclasses import dataclass

import numpy as np

from inface._validate import BoolArray, FloatArray
from inface.fitting.joint import JointFit


@dataclass(frozen=True, eq=False)
class Fit:
    """The latents of a partial fit.

    Attributes:
        latent: `(..., k)` float64.
        rank: number of latent directions the known coordinates determine. Below k without a noise level, the latent of
            a linear model is the least-squares solution of smallest norm.
        converged: `(...)` whether the iterations settled (always for a linear model); where False, the latent is the
            best one seen.
        iterations: `(...)` steps tried, of the start that was kept; 0 for a linear model.
        objective: `(...)` the minimised sum of squares in the unit of the vertices, squared; None for a linear model.
        condition: estimated condition number of a linear model's diagonally scaled normal matrix; `inf` when singular,
            NaN for a network.
        covariance_factor: `(k, k)` F with latent covariance `F F^T` (posterior only), else None.
        joint: latent, pose and misfit together, where they were found so.
    """

    latent: FloatArray
    rank: int
    converged: BoolArray
    iterations: np.ndarray
    objective: FloatArray | None = None
    condition: float = float("nan")
    covariance_factor: FloatArray | None = None
    joint: JointFit | None = None
