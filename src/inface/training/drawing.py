"""Batches for the losses; what is drawn depends on the random generator alone."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from inface._optional import require
from inface._validate import FloatArray
from inface.population import Population
from inface.training.problem import Problem
from inface.training.settings import Settings
from inface.training.span import known_ages
from inface.training.twins import Twins

if TYPE_CHECKING:
    import torch
else:
    torch = require("torch", "training an autoencoder")

Draw = Callable[[np.random.Generator], dict[str, Any]]


def plain_batches(coefficients: FloatArray, problem: Problem, settings: Settings, device: Any) -> Draw:
    """Scans `(B, K)`, "clean" and "noisy", for a `PlainLoss`."""
    rows = coefficients / problem.scale

    def draw(random: np.random.Generator) -> dict[str, Any]:
        clean = rows[random.integers(0, len(rows), settings.batch)]
        noisy = clean + settings.noise * random.standard_normal(clean.shape)
        return {"clean": _tensor(clean, device), "noisy": _tensor(noisy, device)}

    return draw


def twin_batches(
    coefficients: FloatArray, scans: Population, problem: Problem, settings: Settings, device: Any
) -> Draw:
    """Twins of scans, see `Twins.draw`, for a `TwinLoss`."""
    assert problem.factors is not None
    ages, factors = known_ages(scans), problem.factors
    twins = Twins(coefficients, scans.subject, ages, scans.neutral, factors, problem.scale)

    def draw(random: np.random.Generator) -> dict[str, Any]:
        batch = twins.draw(random, settings.batch)
        noisy = np.concatenate([batch.target, batch.same_child, batch.same_expression, batch.real])
        noisy = noisy + settings.noise * random.standard_normal(noisy.shape)
        out = {name: _tensor(value, device) for name, value in vars(batch).items()}
        told = (random.random((settings.batch, 1)) < (0.5 if twins.aged else 1.0)).astype(np.float32)
        return out | {"noisy": _tensor(noisy, device), "told": _tensor(told, device), "aged": torch.tensor(twins.aged)}

    return draw


def _tensor(array: FloatArray, device: Any) -> "torch.Tensor":
    return torch.as_tensor(np.asarray(array, np.float32), device=device)
