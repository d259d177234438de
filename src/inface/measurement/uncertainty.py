"""Errors of measures: posterior samples of the shape, measured, and what simulation teaches of them.

Samples of the model's posterior are added to the refined mesh and measured; their standard deviation grows where the
scan shows nothing. Alone it is too narrow for some measures and too wide for others, so each measure has three numbers
learnt on simulated scans (`data/norms/measure_errors.json`, made by `benchmarks/measuring.py`): `std = hypot(factor *
spread, floor)`, and `repeat`, the standard deviation between new scans of one child, which is smaller because part of
the error comes back at every visit.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

import numpy as np

from inface._validate import FloatArray
from inface.measurement.catalogue import CATALOGUE
from inface.measurement.head import Head
from inface.measurement.measuring import PARTLY, values_of, with_norm
from inface.measurement.norms import Child
from inface.measurement.results import Measure
from inface.units import mm_per_unit

SURE = 1.959964  # standard deviations of a 95 % interval
CAP_ERROR = 5.0  # mm added to sizes measured over a cap
UNSEEN = 2.5  # widens errors of what is partly unseen: twice at half, where a prototype's were half too narrow
SAMPLES = 30


@dataclass(frozen=True)
class ErrorRule:
    """What simulation teaches of one measure; see the module."""

    factor: float = 1.0
    floor: float = 0.0
    repeat: float | None = None

    def std(self, spread: float) -> float:
        """Standard deviation of the error."""
        return float(np.hypot(self.factor * spread, self.floor))


@cache
def error_rules() -> Mapping[str, ErrorRule]:
    """Measure -> its rule; empty for one never learnt."""
    held = json.loads((files("inface.data") / "norms" / "measure_errors.json").read_text("utf-8"))
    return {id: ErrorRule(*numbers) for id, numbers in held["rules"].items()}


def spreads(head: Head, offsets: FloatArray, ids: Iterable[str]) -> dict[str, float]:
    """Measure -> root mean square change when `offsets (S, V, 3)` mm are added to the head; a measure that half of the
    samples have not is left out."""
    wanted = tuple(ids)
    middle = values_of(head, wanted)
    rows = [values_of(Head(head.anatomy, head.vertices + offset, head.given), wanted) for offset in offsets]
    out = {}
    for id in middle:
        changes = np.array([row[id] - middle[id] for row in rows if id in row])
        if len(changes) > len(rows) / 2:
            out[id] = float(np.sqrt((changes**2).mean()))
    return out


def posterior_offsets(
    model, latent: FloatArray, covariance: FloatArray, count: int = SAMPLES, seed: int = 0
) -> FloatArray:
    """`(S, V, 3)` mm: what posterior samples of a latent move, `count` of them in pairs of opposite sign.

    `latent (K,)` and `covariance (K, K)` in the model's own units.
    """
    std = np.maximum(np.asarray(model.latent_std, np.float64), 1e-12)
    values, vectors = np.linalg.eigh(np.asarray(covariance, np.float64) / np.outer(std, std))
    root = vectors * np.sqrt(np.maximum(values, 0))
    half = np.random.default_rng(seed).standard_normal((count // 2, len(std))) @ root.T
    codes = np.asarray(latent, np.float64) + np.concatenate([half, -half]) * std
    middle = np.asarray(model.decode(np.asarray(latent)), np.float64)
    return (np.asarray(model.decode(codes), np.float64) - middle) * mm_per_unit(model.template.unit)


def with_errors(
    measures: Mapping[str, Measure],
    spread: Mapping[str, float],
    child: Child,
    over_cap: bool = False,
    offset: float = 0.0,
) -> dict[str, Measure]:
    """The measures with `std`, 95 % interval, `repeat_std` and z anew; `over_cap` widens what a cap adds to."""
    out = {}
    for id, measure in measures.items():
        if measure.value is None or id not in spread:
            out[id] = measure
            continue
        rule = error_rules().get(id, ErrorRule())
        std = rule.std(spread[id]) * (1 + UNSEEN * max(PARTLY - measure.seen, 0.0))
        if over_cap and CATALOGUE[id].group in ("circumference", "size"):
            std = float(np.hypot(std, CAP_ERROR))
        low, high = measure.value - SURE * std, measure.value + SURE * std
        if id.endswith(".abs") or id.startswith("asym."):
            low = max(low, 0.0)
        flags = tuple(f for f in measure.flags if not f.startswith(("no WHO", "beyond 3 SD", "age corrected")))
        changed = replace(measure, std=std, low=low, high=high, repeat_std=rule.repeat, flags=flags)
        out[id] = with_norm(changed, child, offset)
    return out
