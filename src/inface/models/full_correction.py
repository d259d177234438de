"""The reference's full correction: which attributes, to which optimum, what is held fixed."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from inface._validate import FloatArray
from inface.codecs.regression_json import attributes_of
from inface.mesh import Mesh
from inface.models.regression import AttributeRegressor, get_measurement_corrected_meshes

if TYPE_CHECKING:
    from inface.models.base import MorphableModel

CLEFTS = (
    "right_lip_cleft_percentage", "left_lip_cleft_percentage", "cleft_palate_percentage", "right_alveolar_cleft_size",
    "left_alveolar_cleft_size",
)  # fmt: skip
KINDS = (
    "FI", "CI", "CVAI_signed", "TRx", "TRy", "TRz", "TRtop", "VR_back_left_right", "VR_front_left_right",
    "VR_front_back", *CLEFTS,
)  # fmt: skip
HELD = ("age", "v_tot")
_EVEN = (
    "TR", "TRx", "TRy", "TRz", "TRtop", "TSR", "EOR", "EIR", "EWR", "VR_left_right", "VR_back_left_right",
    "VR_front_left_right", "VR_left_front_back", "VR_right_front_back",
)  # fmt: skip
OPTIMA: Mapping[str, float] = {
    "CI": 80.0,
    "CVAI_signed": 0.0,
    **dict.fromkeys(_EVEN, 1.0),
    **dict.fromkeys(CLEFTS, 0.0),
}


def optimum_targets(regressor: AttributeRegressor, kinds: Sequence[str] | None = None) -> dict[str, float | None]:
    """Target of each attribute to be corrected: its optimum, or None (the population's mean) where it has none.

    `kinds`: the attributes; None: those of the full correction that the file has.

    Raises:
        ValueError: the file has none of them, or not one that was named.
    """
    if kinds is None:
        kinds = [kind for kind in KINDS if kind in regressor.attributes]
        if not kinds:
            raise ValueError(
                f"the attribute file has none of those that a full correction sets ({', '.join(KINDS)}); it has "
                f"{', '.join(regressor.attributes)}"
            )
    for kind in kinds:
        regressor.default_target(kind)
    return {kind: OPTIMA.get(kind) for kind in kinds}


def held_fixed(regressor: AttributeRegressor, targets: Mapping[str, float | None]) -> list[str]:
    """Age and total volume, where the file has them and they are no targets."""
    return [name for name in HELD if name in regressor.attributes and name not in targets]


def get_fully_corrected_meshes(
    registered_meshes: Sequence[Mesh], model: "MorphableModel", shape_factor_function: Mapping[str, Sequence]
) -> tuple[list[Mesh], FloatArray, FloatArray]:
    """The reference's function of this name: meshes with all attributes of the full correction at their optima, age and
    total volume held fixed.

    Args:
        shape_factor_function: the attribute file as `json.load` gives it; attributes that it lacks are passed over.

    Returns:
        meshes, estimates before `(attributes, meshes)`, targets `(attributes, meshes)`, in the order of the full
        correction.
    """
    regressor = AttributeRegressor(attributes_of(shape_factor_function))
    targets = optimum_targets(regressor)
    held = held_fixed(regressor, targets)
    meshes, estimates, wanted = get_measurement_corrected_meshes(
        registered_meshes, model, shape_factor_function, list(targets), list(targets.values()),
        fix_age="age" in held, fix_total_volume="v_tot" in held,
    )  # fmt: skip
    if wanted.ndim == 1:
        wanted = np.repeat(wanted[:, None], len(meshes), 1)
    return meshes, estimates, wanted
