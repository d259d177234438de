"""How far shapes lie from a model, as arrays that a fit can use."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from inface._validate import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class MisfitArrays:
    """`shape = model's shape + field @ c + fine`, for each coordinate by itself.

    Attributes:
        field: `(V, q)` columns of the smooth part, in the unit of the vertices; c is standard normal.
        groups: `(q,)` number of the component, 0 and up, to which a column belongs (a length of the correlation).
        fine: `(V,)` standard deviation of the rest.
        noise: standard deviation of the rest as one number.
        cluster: how many neighbouring vertices count as one in a fit, because the rest of neighbours is alike.
        scaled: whether a fit estimates from the known vertices by how much the components, the rest and the spread of
            the latents are exceeded.
        weight: observations that speak for taking all of them as they are.
        floor: least estimated scale of a component and the rest.
        widening: factor of all deviations, so that intervals hold as often as they say on shapes never seen.
    """

    field: FloatArray
    fine: FloatArray
    noise: float
    groups: IntArray = dataclasses.field(default_factory=lambda: np.zeros(0, int))
    cluster: float = 1.0
    scaled: bool = False
    weight: float = 20.0
    floor: float = 1.0
    widening: float = 1.0

    @classmethod
    def white(cls, count: int, noise: float) -> "MisfitArrays":
        """Independent noise of one standard deviation on each coordinate, no more."""
        return cls(np.zeros((count, 0)), np.zeros(count), noise)
