"""How networks are trained: the recipe as plain numbers, and how a run reports."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Progress = Callable[[int, Mapping[str, float]], None]


@dataclass(frozen=True)
class LossWeights:
    """Weights of the losses, see `losses.TwinLoss`. Those of the ages are in squared units of standardised log age."""

    reconstruct: float = 3.5
    twin: float = 5.0
    swap: float = 0.5
    detail: float = 4.0
    pair: float = 4.0
    consistent: float = 0.2
    age: float = 10.0
    twin_age: float = 1.0


@dataclass(frozen=True)
class Settings:
    """How to train. The defaults are those of the embedded models.

    Attributes:
        span: modes of the data that are kept; the networks see their coefficients.
        hidden: widths of the hidden layers of each network; empty: a linear network.
        steps, batch: optimiser steps, and children (or scans) in each.
        learning_rate, warm_up, clip, weight_decay: AdamW with one rise and fall of the rate; gradients are clipped.
        noise: of the inputs, in units of their softened spread.
        average: decay of the running mean of the weights, which is what comes out.
        validation: share of the subjects held out to stop early, at least ten (of few subjects a fifth); 0 trains all
            steps on all subjects.
        evaluate_every, patience: steps between looks at the held-out loss, and looks without gain before it stops.
        weights: of the losses.
    """

    span: int = 200
    hidden: tuple[int, ...] = (256, 256)
    steps: int = 5000
    batch: int = 64
    learning_rate: float = 3e-3
    warm_up: float = 0.1
    clip: float = 5.0
    weight_decay: float = 0.1
    noise: float = 0.05
    average: float = 0.995
    validation: float = 0.05
    evaluate_every: int = 100
    patience: int = 15
    weights: LossWeights = field(default_factory=LossWeights)
