"""The parts of the head looked at one by one: which the scan shows, which are the model's guess, which are in doubt."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from inface._validate import FloatArray
from inface.registration.likeness import Looks
from inface.registration.prior import ShapePrior
from inface.registration.quality import Quality

State = Literal["seen", "extrapolated", "doubtful"]
# part -> its regions and the radius of the look at its bends (mm on a usual head); 0: too smooth to be looked at so
PARTS: Mapping[str, tuple[tuple[str, ...], float]] = {
    "eyes": (("lids", "brows"), 10.0),
    "nose": (("nose",), 14.0),
    "mouth": (("lips", "chin"), 14.0),
    "chin": (("chin",), 0.0),
    "cheeks": (("cheeks",), 14.0),
    "left ear": (("ear_l",), 10.0),
    "right ear": (("ear_r",), 10.0),
    "forehead": (("forehead",), 0.0),
    "vault": (("scalp",), 0.0),
    "neck": (("neck",), 0.0),
}
MOUTH = ("mouth", "nose", "cheeks")  # where a missed expression shows
EARS = ("left ear", "right ear")
LEAST = 0.3  # share of a part that must be shown


@dataclass(frozen=True)
class Part:
    """What is known of one part.

    Attributes:
        state: "seen" (the scan shows it and the fit lies right), "extrapolated" (the model's guess), "doubtful" (the
            scan shows something there that the fit does not follow).
        shown: share of its surface that the scan shows.
        off: mean distance of the model's fit (before the refinement) from the scan there, mm; NaN where nothing is.
        likeness: correlation of the bends of fit and scan there; NaN where nothing can be compared.
        relief: strength of the scan's bends over the fit's; near 0: the scan is a blur there.
    """

    state: State
    shown: float
    off: float
    likeness: float = np.nan
    relief: float = np.nan


@dataclass(frozen=True)
class PartLimits:
    """When a part is in doubt.

    Attributes:
        off: mm beyond which mouth, nose and cheeks with a likeness below `alike` are in doubt. Lids and ears of real
            heads lie farther off and are alike by no more than half when they are right.
        like: likeness below which it is in doubt however near it lies.
        far: mm beyond which it is in doubt however alike it is; twice as far for ears, which no model has all of.
        blur: relief below which the scan shows nothing of it.
    """

    off: float
    alike: float
    like: float
    far: float
    blur: float


def look_at_parts(
    prior: ShapePrior, looks: Looks, vertices: FloatArray, quality: Quality, limits: PartLimits
) -> dict[str, Part]:
    """Each part that the template names; `vertices (V, 3)`: the model's fit in the working frame."""
    found = {}
    for name, (regions, radius) in PARTS.items():
        ids = prior.region(*regions)
        ids = ids[prior.usable[ids]]
        if not len(ids):
            continue
        area = prior.area[ids]
        values = quality.off[ids]
        there = np.isfinite(values)
        off = float(values[there].mean()) if there.any() else np.nan
        shown = float(area @ quality.support[ids] / max(area.sum(), 1e-12))
        if radius:
            look = looks.at(vertices, ids, radius, 400)
            state = _state(
                name, Part("seen", min(look.shown, float(there.mean())), off, look.value, look.relief), limits
            )
            found[name] = Part(state, shown, off, look.value, look.relief)
        else:
            state = "extrapolated" if shown < LEAST else "doubtful" if off > limits.far else "seen"
            found[name] = Part(state, shown, off)
    return found


def _state(name: str, part: Part, limits: PartLimits) -> State:
    if part.shown < LEAST or np.isnan(part.likeness) or part.relief < limits.blur:
        return "extrapolated"
    missed = name in MOUTH and part.off > limits.off and part.likeness < limits.alike
    far = limits.far * (2 if name in EARS else 1)
    return "doubtful" if missed or part.likeness < limits.like or part.off > far else "seen"


def doubtful(parts: Mapping[str, Part], among: tuple[str, ...] | None = None) -> list[str]:
    """Names of the parts in doubt."""
    return [name for name, part in parts.items() if part.state == "doubtful" and (among is None or name in among)]
