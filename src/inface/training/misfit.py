"""Learn how far unseen shapes lie from a model.

What the modes leave out of shapes that the model never saw gives deviation and correlation of the misfit by number of
modes. How much neighbours count, and how wide intervals must be to hold as often as they say, is then tried out: unseen
shapes are completed, some of their vertices hidden.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from inface._validate import BoolArray, FloatArray
from inface.codecs.model_formats.compact_npz import add_misfits, compact_names
from inface.models import MorphableModel
from inface.models.correspondence import UNITS
from inface.models.misfit import Misfit
from inface.models.store import read_compact

SHAPES, TRIED = 160, 6  # shapes that deviations are taken from, and that are completed
CAUTIONS = (1.0, 2.0, 4.0)  # factors of the clusters that are tried
COUNTS = (1 / 8, 1 / 4, 1 / 2, 1)  # of the modes
NORMAL_95 = 1.96
_Model = TypeVar("_Model", bound=MorphableModel)


def with_misfit(
    model: _Model, shapes: FloatArray, *, seed: int = 0, cautions: Sequence[float] = CAUTIONS, tried: int = TRIED
) -> _Model:
    """The model with its misfit, learnt on `shapes (N, V, 3)` of subjects that it was not made of, in its unit.

    `cautions` are the factors of the clusters that are tried out, on `tried` shapes each.
    """
    mm = UNITS[model.template.unit]
    chosen = np.asarray(shapes[np.linspace(0, len(shapes) - 1, min(SHAPES, len(shapes))).astype(int)], np.float64)
    points = np.asarray(model.mean_vertices, np.float64) * mm
    learnt = Misfit.learn(points, {k: mm * one for k, one in left_out(model, chosen).items()})
    some = chosen[np.linspace(0, len(chosen) - 1, min(tried, len(chosen))).astype(int)]
    masks = holes(np.asarray(model.mean_vertices, np.float64), len(some), seed)
    results = [(*_tried(model, learnt.tuned(caution, 1.0), some, masks), caution) for caution in cautions]
    _, ratios, caution = min(results, key=lambda one: one[0])
    widening = float(np.clip(np.quantile(ratios, 0.95) / NORMAL_95, 0.7, 3.0))
    made = model.with_extras(misfit=learnt.tuned(caution, widening))
    return made  # type: ignore[return-value]


def left_out(model: MorphableModel, shapes: FloatArray) -> dict[int, FloatArray]:
    """What fewer and more modes leave out of shapes `(N, V, 3)`; of a network, what its nearest shapes leave out."""
    size = len(model.latent)
    if model.projects:
        codes = np.asarray(model.encode_checked(shapes), np.float64)
        out: dict[int, FloatArray] = {}
        for count in sorted({max(1, round(part * size)) for part in COUNTS}):
            cut = np.where(np.arange(size) < count, codes, np.asarray(model.latent.mean))
            out[count] = shapes - model.decode(cut)
        return out
    known = np.ones(len(model.mean_vertices), bool)
    few = shapes[:: max(1, len(shapes) // 40)]
    fits = [model.fit_known(shape, known, 0.5 / UNITS[model.template.unit]) for shape in few]
    return {size: np.stack([shape - model.decode(fit.latent) for shape, fit in zip(few, fits, strict=True)])}


def holes(points: FloatArray, count: int, seed: int) -> list[BoolArray]:
    """Masks of unknown vertices over `points (V, 3)`: half of the shape, and balls about random vertices."""
    rng = np.random.default_rng(seed)
    radius = float(np.linalg.norm(np.ptp(points, 0))) / 6
    out = []
    for i in range(count):
        centre = points[rng.integers(len(points))]
        ball = np.linalg.norm(points - centre, axis=1) < radius * rng.uniform(0.8, 1.6)
        half = (points - points.mean(0)) @ rng.standard_normal(3) > 0
        out.append(half if i % 3 == 0 else ball)
    return out


def _tried(
    model: MorphableModel, misfit: Misfit, shapes: FloatArray, masks: list[BoolArray]
) -> tuple[float, FloatArray]:
    """Mean distance over what was hidden, and errors over deviations there."""
    trial = model.with_extras(misfit=misfit)
    errors, ratios = [], []
    for shape, hidden in zip(shapes, masks, strict=True):
        done = trial.reconstruct(shape, hidden, back_match_known_vertices=True, check=False)  # type: ignore[arg-type]
        off = (done.mesh.vertices - shape)[hidden]
        assert done.vertex_std is not None
        errors.append(float(np.linalg.norm(off, axis=1).mean()))
        spread = done.vertex_std[hidden] / UNITS[model.template.unit]
        ratios.append((np.abs(off) / spread).reshape(-1)[::7])
    return float(np.mean(errors)), np.concatenate(ratios)


def add_to_embedded(path: Path, shapes: FloatArray, say: Callable[[str], None] = print) -> None:
    """Add the misfit to every model of a compact file, learnt on shapes `(N, V, 3)` that none of them saw."""
    found = {}
    for name in compact_names(path):
        started = time.process_time()
        model = read_compact(path, name)
        options = {} if model.projects else {"cautions": (2.0,), "tried": 3}  # a network's fits take their time
        misfit = with_misfit(model, shapes, **options).misfit  # type: ignore[arg-type]
        assert misfit is not None and misfit.widening is not None
        found[name] = vars(misfit)
        say(
            f"{name}: {misfit.std().mean():.3f} mm, shares {np.round(misfit.shares[-1], 2)}, cluster "
            f"{misfit.cluster[-1]:.0f}, widening {misfit.widening[-1]:.2f} ({time.process_time() - started:.0f} CPU s)"
        )
    add_misfits(path, found)
