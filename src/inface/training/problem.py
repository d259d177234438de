"""What a training run is about: scans in the span of their modes, some held out, and linear networks to start from."""

import hashlib
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from inface._validate import FloatArray
from inface.population import Population, PopulationWarning
from inface.training.components import PrincipalComponents
from inface.training.linear import BLOCKS, linear_start
from inface.training.settings import Settings
from inface.training.span import project
from inface.training.twofactor import TwoFactor

FEW = 300  # subjects below which the linear model edits expressions better (docs/training_results.md)
FEWEST_HELD_OUT = 10  # subjects, where there are fifty; two or three would stop the training at random


@dataclass(frozen=True, eq=False)
class Problem:
    """Scans to learn from and to judge by, and where the networks begin.

    Attributes:
        widths: block name (or "" for a plain autoencoder) -> width of its code.
        span: the modes the networks work in.
        train, held_out: scans to learn from, and those that tell when to stop (none: all steps are trained).
        coefficients, validation: `(N, K)` and `(n, K)` of those in the span, mm.
        scale: `(K,)`; the networks see coefficients divided by it.
        encoders, decoder: start matrices in scaled coefficients: block -> `(k, K)`, and `(K, sum k)`.
        factors: the two-factor model, from which twins are made; None for a plain autoencoder.
    """

    widths: Mapping[str, int]
    span: PrincipalComponents
    train: Population
    held_out: Population
    coefficients: FloatArray
    validation: FloatArray
    scale: FloatArray
    encoders: Mapping[str, FloatArray]
    decoder: FloatArray
    factors: TwoFactor | None

    @classmethod
    def of(
        cls,
        population: Population,
        blocks: Mapping[str, int] | int | None,
        settings: Settings,
        seed: int,
        span: PrincipalComponents | None = None,
    ) -> "Problem":
        """Of a population; see `fit_autoencoder` for the arguments and for what is refused."""
        plain = isinstance(blocks, (int, np.integer))
        widths: dict[str, int] = {"": int(blocks)} if plain else dict(blocks or BLOCKS)  # type: ignore[arg-type]
        if not plain:
            _warn_of_few(population)
        train, held_out = _split(population, settings.validation, seed)
        coefficients, span = project(train, settings.span if span is None else span)
        validation = project(held_out, span)[0]
        scale = np.sqrt(span.eigenvalues + span.eigenvalues[min(20, len(span.eigenvalues) - 1)])
        factors = None
        if plain:
            encoders, decoder = _plain_start(widths[""], scale)
        else:
            start = linear_start(coefficients, train, span, widths)
            encoders = {name: matrix * scale for name, matrix in start.encoders.items()}
            decoder, factors = (start.directions / scale).T, start.factors
        return cls(widths, span, train, held_out, coefficients, validation, scale, encoders, decoder, factors)

    @property
    def metric(self) -> FloatArray:
        """`(K,)`: squared scaled coefficients times it are mm^2 a vertex."""
        return self.scale**2 / self.train.shapes.shape[1]

    def configuration(self, settings: Settings, seed: int) -> dict[str, Any]:
        """What a checkpoint must agree in, as plain values."""
        return {
            "settings": {**asdict(settings), "hidden": list(settings.hidden)},
            "blocks": dict(self.widths),
            "seed": seed,
            "data": self._hash(),
        }

    def _hash(self) -> str:
        digest = hashlib.sha256(np.round(self.coefficients, 4).tobytes())
        for column in (self.train.subject, self.train.age_months):
            digest.update(b"" if column is None else np.ascontiguousarray(column).tobytes())
        return digest.hexdigest()[:16]


def _warn_of_few(population: Population) -> None:
    children = 0 if population.subject is None else len(np.unique(population.subject))
    if 0 < children < FEW:
        warnings.warn(
            f"{children} subjects are few for these networks: hold the model against that of fit_linear, which edits "
            f"expressions better below some {FEW} subjects",
            PopulationWarning,
            stacklevel=4,
        )


def _plain_start(width: int, scale: FloatArray) -> tuple[dict[str, FloatArray], FloatArray]:
    """The first principal components, as codes of about unit spread."""
    if not 1 <= width <= len(scale):
        raise ValueError(f"blocks: expected 1 to {len(scale)} codes (the span of the data), got {width}")
    return {"": np.eye(width, len(scale))}, np.eye(len(scale), width)


def _split(population: Population, share: float, seed: int) -> tuple[Population, Population]:
    """The training part and the subjects held out to stop early; without subjects each scan counts as one."""
    if not 0 <= share < 1:
        raise ValueError(f"validation: expected a share of the subjects in [0, 1), got {share}")
    subject = np.arange(len(population)) if population.subject is None else population.subject
    names = np.unique(subject)
    if share == 0:
        return population, population.subset(slice(0, 0))
    if len(names) < 10:
        raise ValueError(
            f"expected at least 10 subjects, so that some can be held out to stop early, got {len(names)}; "
            "set validation=0 to train all steps on all of them"
        )
    count = max(round(share * len(names)), min(FEWEST_HELD_OUT, len(names) // 5))
    chosen = np.random.default_rng([seed, 1]).choice(names, count, replace=False)
    out = np.isin(subject, chosen)
    return population.subset(~out), population.subset(out)
