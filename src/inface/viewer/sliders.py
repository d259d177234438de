"""What a model's latent entries do to the surface: the sliders of every viewer, grouped and ordered."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from inface._validate import FloatArray
from inface.mesh import Mesh

if TYPE_CHECKING:
    from inface.models.base import MorphableModel

# decoded floats held at a time while the movement of every entry is measured: 100 MB in float32
_CHUNK = 25_000_000
WHOLE = "shape"  # the group of a model without blocks


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
