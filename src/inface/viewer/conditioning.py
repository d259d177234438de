"""The most likely shape when some of its vertices are held at places."""

from collections.abc import Mapping, Sequence

import numpy as np

from inface._validate import FloatArray, IntArray
from inface.models import MorphableModel


def posterior_mean(
    model: MorphableModel,
    base: FloatArray,
    latent: FloatArray,
    targets: Mapping[int, Sequence[float]],
    *,
    noise: float,
) -> FloatArray:
    """The most likely latent `(K,)` about `base` with the target vertices near their places [albrecht2013].

    Args:
        base: `(K,)` where the model's Gaussian is centred; its spread is the model's own.
        latent: `(K,)` where the decoder is made linear; a linear model needs one step from anywhere.
        targets: vertex -> place `(3,)`, mm.
        noise: standard deviation of the places, mm.
    """
    at = np.array(list(targets))
    std = np.where(np.asarray(model.latent_std) > 0, model.latent_std, 0.0).astype(float)
    slope = _slopes(model, latent, at) * std  # (3n, K): mm a standard deviation
    here = np.asarray(model.decode(latent), float)[at].ravel()
    wanted = np.array([targets[int(v)] for v in at], float).ravel()
    inside = np.divide(latent - base, std, out=np.zeros(len(std)), where=std > 0)
    rest = wanted - here + slope @ inside
    inner = slope @ slope.T + noise**2 * np.eye(len(rest))
    return base + std * (slope.T @ np.linalg.solve(inner, rest))


def _slopes(model: MorphableModel, latent: FloatArray, at: IntArray) -> FloatArray:
    """How the coordinates of vertices change with each latent entry, `(3n, K)`."""
    step = 0.05 * np.maximum(np.asarray(model.latent_std, float), 1e-6)
    there = model.decode(latent + np.diag(step))[:, at].reshape(len(latent), -1)
    back = model.decode(latent - np.diag(step))[:, at].reshape(len(latent), -1)
    return ((there.astype(float) - back) / (2 * step[:, None])).T
