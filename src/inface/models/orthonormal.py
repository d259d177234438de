"""Checks of what a linear model is made of: variances and orthonormal rows."""

import numpy as np
from numpy.typing import ArrayLike

from inface._validate import FloatArray
from inface.models.network import stored_floats

ROUND_OFF = 1e-6  # negative eigenvalues up to this part of the largest are zero
ORTHONORMAL = 1e-3  # accepted relative error of components @ components.T @ z against z


def checked_variances(eigenvalues: ArrayLike) -> FloatArray:
    """Checked `(k,)` eigenvalues; negative round-off becomes zero."""
    values = stored_floats("eigenvalues", eigenvalues)
    if values.ndim != 1:
        raise ValueError(f"eigenvalues: expected shape (k,), got {values.shape}")
    if values.size and values.min() < -ROUND_OFF * values.max():
        raise ValueError(
            f"eigenvalues: expected variances of zero or more, got {values.min():.4g} (largest {values.max():.4g})"
        )
    return np.maximum(values, 0)


def require_orthonormal(components: FloatArray) -> None:
    """Refuse components whose rows are not orthonormal, by four fixed random probes: `C (C^T z) = z`."""
    probes = np.random.default_rng(0).standard_normal((4, len(components))).astype(components.dtype)
    back = np.zeros_like(probes)
    for start in range(0, components.shape[1], 2048):  # the components are read once
        part = np.ascontiguousarray(components[:, start : start + 2048])
        back += (probes @ part) @ part.T
    error = float(np.abs(back - probes).max() / np.abs(probes).max())
    if not error <= ORTHONORMAL:
        raise ValueError(
            f"components: expected orthonormal rows, got rows off by {error:.2g}; "
            "scale each row to length 1 and put its variance into the eigenvalues"
        )
