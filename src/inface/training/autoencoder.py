"""Train an autoencoder or a disentangled autoencoder in the span of the data; see `docs/training.md` for the recipe."""

import hashlib
import json
import platform
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

import inface
from inface._optional import require
from inface._validate import FloatArray
from inface.codecs import atomic_write
from inface.models.autoencoder import AEMorphableModel
from inface.models.compact import SkipNetwork, SpanModel
from inface.population import Population, PopulationWarning, training_part
from inface.training.linear import BLOCKS, LinearStart, finish, fold, linear_start, project
from inface.training.pca import PrincipalComponents

FEW = 300  # subjects below which the linear model edits expressions better (docs/training_results.md)
FEWEST_HELD_OUT = 10  # subjects, where there are fifty; two or three would stop the training at random
Progress = Callable[[int, Mapping[str, float]], None]


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
        reconstruct .. twin_age: weights of the losses, see `losses.TwinLoss`.
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
    reconstruct: float = 3.5
    twin: float = 5.0
    swap: float = 0.5
    detail: float = 4.0
    pair: float = 4.0
    consistent: float = 0.2
    age: float = 10.0
    twin_age: float = 1.0


@dataclass(frozen=True, eq=False)
class TrainedAutoencoder:
    """A finished model and the record of its making.

    Attributes:
        model: ready to use and save.
        span_model, span: the networks before folding, and the modes they work in.
        record: settings, data, curves, versions, seconds; plain JSON types.
    """

    model: AEMorphableModel
    span_model: SpanModel
    span: PrincipalComponents
    record: dict[str, Any] = field(default_factory=dict)

    def save_record(self, path: str | Path) -> None:
        """Write the record as JSON, atomically."""
        with atomic_write(path) as temporary:
            Path(temporary).write_text(json.dumps(self.record, indent=1))


def fit_autoencoder(
    population: Population,
    blocks: Mapping[str, int] | int | None = None,
    *,
    settings: Settings | None = None,
    linear: bool = False,
    seed: int = 0,
    device: str = "auto",
    checkpoint: str | Path | None = None,
    progress: Progress | None = None,
    span: PrincipalComponents | None = None,
) -> TrainedAutoencoder:
    """Train an autoencoder on shapes in correspondence.

    Args:
        population: with `subject` for a disentangled model, and `age_months` for its age block; rows whose `split` is
            "test" are left out.
        blocks: widths of "identity", "expression" and "age" (default 32, 64, 1), or one number for a plain autoencoder.
        settings: see `Settings`.
        linear: linear networks, whose blocks are then made orthogonal and sorted by variance (re-projection).
        device: "cpu", "cuda", or "auto" for what there is. Under `torchrun` each process takes its share.
        checkpoint: file that is written as training goes and taken up again when it is there. A run that was killed
            and taken up gives the same weights as one that was not, bit for bit on the CPU.
        progress: called with the step and the losses.
        span: modes to work in, where they are at hand; None fits `settings.span` of them to the training part.

    Raises:
        MissingDependencyError: PyTorch is not installed.
        CorrespondenceError: no subjects, or none with two scans, where blocks are asked for.
        ValueError: too few subjects to hold some out; unusable ages; a checkpoint of another configuration.
    """
    require("torch", "training an autoencoder")
    from inface.training.optimise import optimise

    started = time.time()
    settings = settings or Settings()
    if linear:
        settings = replace(settings, hidden=())
    population = training_part(population)
    plain = isinstance(blocks, (int, np.integer))
    widths: dict[str, int] = {"": int(blocks)} if plain else dict(blocks or BLOCKS)  # type: ignore[arg-type]
    children = 0 if population.subject is None else len(np.unique(population.subject))
    if not plain and 0 < children < FEW:
        warnings.warn(
            f"{children} subjects are few for these networks: hold the model against that of fit_linear, which edits "
            f"expressions better below some {FEW} subjects",
            PopulationWarning,
            stacklevel=2,
        )
    train, held_out = _split(population, settings.validation, seed)
    coefficients, span = project(train, settings.span if span is None else span)
    validation = project(held_out, span)[0]
    scale = np.sqrt(span.eigenvalues + span.eigenvalues[min(20, len(span.eigenvalues) - 1)])
    start: LinearStart | None = None
    if plain:
        encoders, decoder = _plain_start(widths[""], scale)
    else:
        start = linear_start(coefficients, train, span, widths)
        encoders = {name: matrix * scale for name, matrix in start.encoders.items()}
        decoder = (start.directions / scale).T
    configuration = {
        "settings": {**asdict(settings), "hidden": list(settings.hidden)},
        "blocks": widths,
        "seed": seed,
        "data": _data_hash(coefficients, train),
    }
    result = optimise(
        encoders,
        decoder,
        scale,
        coefficients,
        validation,
        train,
        held_out,
        None if start is None else start.factors,
        settings,
        configuration,
        device=device,
        checkpoint=None if checkpoint is None else Path(checkpoint),
        progress=progress,
    )
    networks = {name: net.rescaled(scale, 1.0) for name, net in result.encoders.items()}
    raw = SpanModel(networks, result.decoder.rescaled(1.0, scale), np.zeros(0), np.zeros(0))
    if linear:
        raw = reproject(raw, coefficients)
    finished = finish(raw, coefficients, train, span, None if start is None else start.factors.growth)
    record = {
        **configuration,
        "scans": len(train),
        "subjects": None if train.subject is None else len(np.unique(train.subject)),
        "held_out_scans": len(held_out),
        "curves": result.curves,
        "best_step": result.best_step,
        "device": result.device,
        "seconds": round(time.time() - started, 1),
        "versions": {"inface": inface.__version__, "python": platform.python_version(), **result.versions},
    }
    return TrainedAutoencoder(fold(finished, train, span), finished, span, record)


def reproject(model: SpanModel, coefficients: FloatArray) -> SpanModel:
    """A linear model with each block's directions orthogonal, its codes uncorrelated and sorted by variance.

    With the block's decoder D and the covariance C of its codes, `D C^(1/2) = U S V'`: the new code has the
    directions U and the spreads S, so that what is decoded stays the same. A block one wide stays as it is.
    """
    encoders, columns, start = {}, [], 0
    for name, net in model.encoders.items():
        directions = model.decoder.skip[:, start : start + len(net.skip)]
        start += len(net.skip)
        if len(net.skip) > 1:
            values, vectors = np.linalg.eigh(np.cov(net(coefficients).T))
            root = vectors * np.sqrt(values.clip(1e-12 * values.max()))
            u, s, vt = np.linalg.svd(directions @ root, full_matrices=False)
            turn = s[:, None] * (vt @ np.linalg.inv(root))
            u, turn = _sorted_signs(u, turn)
            net, directions = SkipNetwork(turn @ net.skip, turn @ net.bias), u
        encoders[name] = net
        columns.append(directions)
    decoder = SkipNetwork(np.concatenate(columns, 1), model.decoder.bias)
    return SpanModel(encoders, decoder, model.latent_mean, model.latent_std, model.extras)


def _sorted_signs(u: FloatArray, turn: FloatArray) -> tuple[FloatArray, FloatArray]:
    sign = np.sign(u[np.abs(u).argmax(0), np.arange(u.shape[1])])
    return u * sign, turn * sign[:, None]


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


def _data_hash(coefficients: FloatArray, population: Population) -> str:
    digest = hashlib.sha256(np.round(coefficients, 4).tobytes())
    for column in (population.subject, population.age_months):
        digest.update(b"" if column is None else np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()[:16]
