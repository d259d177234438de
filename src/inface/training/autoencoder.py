"""Train an autoencoder or a disentangled autoencoder in the span of the data; see `docs/training.md` for the recipe."""

import json
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

import inface
from inface._optional import require
from inface._validate import FloatArray
from inface.codecs import atomic_write
from inface.models.autoencoder import AEMorphableModel
from inface.models.span import SkipNetwork, SpanModel
from inface.population import Population, training_part
from inface.training.components import PrincipalComponents
from inface.training.problem import Problem
from inface.training.settings import Progress, Settings
from inface.training.span import finish, fold


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
            Path(temporary).write_text(json.dumps(self.record, indent=1), encoding="utf-8")


# options: the public call, whose keywords users have in their scripts
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

    Examples:
        >>> import warnings
        >>> import numpy as np
        >>> from inface.training import Settings
        >>> from inface import Mesh, Population, Template, fit_autoencoder
        >>> random = np.random.default_rng(0)
        >>> child, scan = random.standard_normal((12, 1, 20, 3)), random.standard_normal((12, 3, 20, 3))
        >>> shapes = (50 * random.standard_normal((20, 3)) + 3 * child + scan).reshape(36, 20, 3)
        >>> names = np.repeat([f"child {i}" for i in range(12)], 3)
        >>> population = Population(Template(Mesh(shapes[0], [[0, 1, 2]])), shapes, subject=names)
        >>> few = Settings(span=10, hidden=(8,), steps=2, batch=4, evaluate_every=1)
        >>> with warnings.catch_warnings():  # it says that twelve children are few
        ...     warnings.simplefilter("ignore")
        ...     trained = fit_autoencoder(population, {"identity": 4, "expression": 3, "age": 1}, settings=few)
        >>> trained.model.blocks["age"], trained.record["scans"]
        (slice(7, 8, None), 30)
    """
    require("torch", "training an autoencoder")
    from inface.training.optimise import Run, optimise

    started = time.time()
    settings = settings or Settings()
    if linear:
        settings = replace(settings, hidden=())
    problem = Problem.of(training_part(population), blocks, settings, seed, span)
    run = Run(seed, device, None if checkpoint is None else Path(checkpoint), progress)
    result = optimise(problem, settings, run)
    scale = problem.scale
    networks = {name: net.rescaled(scale, 1.0) for name, net in result.encoders.items()}
    raw = SpanModel(networks, result.decoder.rescaled(1.0, scale), np.zeros(0), np.zeros(0))
    if linear:
        raw = reproject(raw, problem.coefficients)
    train, growth = problem.train, None if problem.factors is None else problem.factors.growth
    finished = finish(raw, problem.coefficients, train, problem.span, growth)
    record = {
        **problem.configuration(settings, seed),
        "scans": len(train),
        "subjects": None if train.subject is None else len(np.unique(train.subject)),
        "held_out_scans": len(problem.held_out),
        "curves": result.curves,
        "best_step": result.best_step,
        "device": result.device,
        "seconds": round(time.time() - started, 1),
        "versions": {"inface": inface.__version__, "python": platform.python_version(), **result.versions},
    }
    return TrainedAutoencoder(fold(finished, train, problem.span), finished, problem.span, record)


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
