"""Shapes in correspondence and what is known of each: real or synthetic."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from inface._validate import FloatArray, one_form
from inface.population.stack import chosen
from inface.template import Template


@dataclass(frozen=True, eq=False)
class Population:
    """N shapes of one topology with their covariates.

    Attributes:
        COLUMNS: the names of what may be known of each shape, as attributes here and columns of a `manifest.csv`.
        template: the topology, landmarks, regions and mirror pairs all shapes share.
        shapes: `(N, V, 3)` float32 or float64, in the template's unit and frame; a memory map is allowed, and
            `MappedShapes` of a packed population.
        subject: `(N,)` str, the child's name; scans of one child share it. None when unknown.
        age_months: `(N,)` float, NaN where unknown; None when no age is known.
        sex: `(N,)` str "male", "female" or "" (unknown); None when unknown.
        expression: `(N,)` str label such as "neutral" or "crying", "" where unknown; None when unknown.
        neutral: `(N,)` bool; None when unknown.
        weight: `(N,)` float weight in training; None: all 1.
        split: `(N,)` str "train", "test" or ""; None when the caller splits.
        name: `(N,)` str, file name or running number.
        factors: further known factors, name -> `(N, ...)` (the synthetic cohort keeps every one: `identity`,
            `expression_weights`, `deformity`, ...).

    Examples:
        >>> import numpy as np
        >>> from inface import Population
        >>> from inface.synthetic import template
        >>> infant = template()
        >>> shapes = np.stack([infant.mesh.vertices, infant.mesh.vertices * 1.1])
        >>> children = Population(infant, shapes, subject=np.array(["a", "b"]), age_months=np.array([6.0, 12.0]))
        >>> children.subset(children.age_months > 8).subject.tolist()
        ['b']
    """

    COLUMNS: ClassVar = ("subject", "age_months", "sex", "expression", "neutral", "weight", "split", "name")

    template: Template
    shapes: Any
    subject: NDArray[np.str_] | None = None
    age_months: FloatArray | None = None
    sex: NDArray[np.str_] | None = None
    expression: NDArray[np.str_] | None = None
    neutral: NDArray[np.bool_] | None = None
    weight: FloatArray | None = None
    split: NDArray[np.str_] | None = None
    name: NDArray[np.str_] | None = None
    factors: Mapping[str, NDArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        expected = (len(self.shapes), len(self.template.mesh.vertices), 3)
        if self.shapes.shape != expected:
            raise ValueError(f"shapes: expected {expected} to fit the template, got {self.shapes.shape}")
        if self.subject is not None:  # a name composed or decomposed is one name
            object.__setattr__(self, "subject", one_form(self.subject))
        for column, value in self.columns.items():
            if len(value) != len(self):
                raise ValueError(f"{column}: expected {len(self)} entries, one a shape, got {len(value)}")
        for key, value in self.factors.items():
            if len(value) != len(self):
                raise ValueError(f"factor '{key}': expected {len(self)} rows, one a shape, got {len(value)}")

    def __repr__(self) -> str:
        children = "" if self.subject is None else f", {len(np.unique(self.subject))} subjects"
        return (
            f"Population({len(self)} shapes of {len(self.template.mesh.vertices)} vertices{children}"
            f"{'; knows ' + ', '.join(self.columns) if self.columns else ''})"
        )

    @property
    def columns(self) -> dict[str, NDArray]:
        """The known ones of `COLUMNS`, by name."""
        known = {name: getattr(self, name) for name in self.COLUMNS}
        return {name: value for name, value in known.items() if value is not None}

    def __len__(self) -> int:
        return len(self.shapes)

    def subset(self, index) -> "Population":
        """The shapes (and every covariate) at `index`: a slice, a boolean mask or integer indices.

        Of a memory map, more than `MEMORY_LIMIT` bytes of chosen shapes go to a temporary file, not into memory.
        """
        columns = {name: value[index] for name, value in self.columns.items()}
        factors = {key: value[index] for key, value in self.factors.items()}
        return Population(self.template, chosen(self.shapes, index), **columns, factors=factors)
