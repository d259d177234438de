"""What a model's latent entries do to the surface, and codes moved along them: sliders, months, expressions, children.

Latents go in and come out as `(K,)` arrays; nothing here knows of a window.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from inface._validate import FloatArray
from inface.errors import InfaceError
from inface.mesh import Mesh
from inface.models.codes import put, strengthened

if TYPE_CHECKING:
    from inface.models.base import MorphableModel

# decoded floats held at a time while the movement of every entry is measured: 100 MB in float32
_CHUNK = 25_000_000
WHOLE = "shape"  # the group of a model without blocks
NEUTRAL = "neutral"
RANGE = 3.0  # standard deviations to either side of a slider
_NO_AGE = "the model has no age calibration, so its shapes have no age in months"


@dataclass(frozen=True)
class Slider:
    """One latent entry.

    Attributes:
        index: its place in the latent.
        group: name of its block, "shape" in a model without blocks.
        label: what to call it, such as "Identity 3": its rank by movement inside the group.
        movement: mean distance in mm by which one standard deviation moves the surface.
    """

    index: int
    group: str
    label: str
    movement: float


def sliders(model: "MorphableModel") -> tuple[Slider, ...]:
    """Every latent entry with spread, by group in the model's order, the strongest first inside a group."""
    movement = movements(model)
    found = []
    for group, block in groups(model).items():
        entries = np.arange(block.start, block.stop)
        entries = entries[np.asarray(model.latent_std)[entries] > 0]
        ranked = entries[np.argsort(-movement[entries], kind="stable")]
        single = len(ranked) == 1
        for rank, index in enumerate(ranked):
            label = group.capitalize() + ("" if single else f" {rank + 1}")
            found.append(Slider(int(index), group, label, float(movement[index])))
    return tuple(found)


def groups(model: "MorphableModel") -> dict[str, slice]:
    """The model's blocks; one group "shape" of all entries when it has none."""
    return dict(model.blocks) or {WHOLE: slice(0, len(model.latent))}


def movements(model: "MorphableModel") -> FloatArray:
    """Mean distance `(K,)` in mm by which one standard deviation of each entry moves the vertices."""
    mean, std = np.asarray(model.latent_mean), np.asarray(model.latent_std)
    base = model.decode(mean)
    out = np.empty(len(mean))
    step = max(1, _CHUNK // base.size)
    for start in range(0, len(mean), step):
        rows = np.arange(start, min(start + step, len(mean)))
        latents = np.repeat(mean[None], len(rows), 0)
        latents[np.arange(len(rows)), rows] += std[rows]
        moved = model.decode(latents) - base
        out[rows] = np.sqrt((moved * moved).sum(-1)).mean(-1)
    return out


def mode_meshes(
    model: "MorphableModel", modes: int = 3, deviations: Sequence[float] = (-3, 0, 3), group: str | None = None
) -> dict[str, Mesh]:
    """The strongest `modes` of each group (or of one) at some standard deviations: "Identity 1, +3 SD" -> mesh."""
    known = groups(model)
    if group is not None and group not in known:
        raise ValueError(f"group '{group}': the model has {', '.join(known)}")
    out = {}
    for name in [group] if group else known:
        for slider in [s for s in sliders(model) if s.group == name][:modes]:
            for deviation in deviations:
                latent = np.array(model.latent_mean)
                latent[slider.index] += deviation * model.latent_std[slider.index]
                out[f"{slider.label}, {deviation:+g} SD" if deviation else f"{slider.label}, mean"] = model.decode_mesh(
                    latent
                )
    return out


# --- codes


def presets(model: "MorphableModel") -> dict[str, FloatArray]:
    """Stored expressions by name, "neutral" first; empty without an expression block."""
    if "expression" not in model.blocks:
        return {}
    return {NEUTRAL: np.asarray(model.neutral_code(), float)} | {
        name: np.asarray(code, float) for name, code in model.expressions.items()
    }


def rest(model: "MorphableModel") -> FloatArray:
    """The mean latent with the neutral expression: where every viewer starts and what it resets to."""
    latent = np.array(model.latent_mean, float)
    if "expression" in model.blocks:
        latent[model.blocks["expression"]] = model.neutral_code()
    return latent


def deviation(model: "MorphableModel", latent: FloatArray, index: int) -> float:
    """Standard deviations of one latent entry from the mean."""
    return float((latent[index] - model.latent_mean[index]) / model.latent_std[index])


def with_deviation(model: "MorphableModel", latent: FloatArray, index: int, value: float) -> FloatArray:
    """The latent with one entry at `value` standard deviations."""
    out = np.array(latent)
    out[index] = model.latent_mean[index] + value * model.latent_std[index]
    return out


def months_range(model: "MorphableModel") -> tuple[float, float] | None:
    """The ages in months the model is calibrated for; None when it knows none."""
    if model.age_calibration is None:
        return None
    months = model.age_calibration.months
    return max(0.0, float(months[0])), float(months[-1])


def months(model: "MorphableModel", latent: FloatArray) -> float:
    """Age in months of a latent, held inside the calibrated range; `InfaceError` where the model knows no ages."""
    calibration = model.age_calibration
    if calibration is None:
        raise InfaceError(_NO_AGE)
    code = float(calibration.code(latent[model.blocks["age"]]))
    return float(np.interp(code, calibration.codes, calibration.months))


def with_months(model: "MorphableModel", latent: FloatArray, age: float) -> FloatArray:
    """The latent at another age in months; `InfaceError` where the model knows no ages."""
    calibration = model.age_calibration
    if calibration is None:
        raise InfaceError(_NO_AGE)
    block = model.latent.block("age")
    change = float(np.interp(age, calibration.months, calibration.codes)) - float(calibration.code(latent[block]))
    return put(latent, block, calibration.moved(latent[block], change))


def with_expression(
    model: "MorphableModel", latent: FloatArray, end: str, start: str = NEUTRAL, strength: float = 1.0
) -> FloatArray:
    """The latent on the way from one stored expression to another; `ValueError` names those there are."""
    known = presets(model)
    for name in (start, end):
        if name not in known:
            raise ValueError(f"expression '{name}': expected one of {', '.join(known)}")
    return put(latent, model.latent.block("expression"), strengthened(known[end], known[start], strength))


def random_identity(model: "MorphableModel", latent: FloatArray, seed: int) -> FloatArray:
    """Another child: the identity block drawn at random (the whole latent of a model without one), within 3 standard
    deviations. Expression and age stay. One seed, one child."""
    drawn = np.asarray(model.sample_latents(1, seed=int(seed))[0], float)
    spread = RANGE * np.asarray(model.latent_std)
    drawn = np.clip(drawn, model.latent_mean - spread, model.latent_mean + spread)
    block = model.blocks.get("identity", slice(0, len(drawn)))
    return put(latent, block, drawn[block])
