"""Shapes in correspondence and what is known of each: real or synthetic."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from inface._validate import FloatArray
from inface.errors import FileAccessError
from inface.template import Template

MEMORY_LIMIT = 4 * 2**30


@dataclass(frozen=True, eq=False)
class Population:
    """N shapes of one topology with their covariates.

    Attributes:
        template: the topology, landmarks, regions and mirror pairs all shapes share.
        shapes: `(N, V, 3)` float32 or float64, in the template's unit and frame; a memory map is allowed.
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
    """

    template: Template
    shapes: FloatArray
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
        for column in ("subject", "age_months", "sex", "expression", "neutral", "weight", "split", "name"):
            value = getattr(self, column)
            if value is not None and len(value) != len(self):
                raise ValueError(f"{column}: expected {len(self)} entries, one a shape, got {len(value)}")
        for key, value in self.factors.items():
            if len(value) != len(self):
                raise ValueError(f"factor '{key}': expected {len(self)} rows, one a shape, got {len(value)}")

    def __len__(self) -> int:
        return len(self.shapes)

    def subset(self, index) -> "Population":
        """The shapes (and every covariate) at `index`: a slice, a boolean mask or integer indices.

        Of a memory map, more than `MEMORY_LIMIT` bytes of chosen shapes go to a temporary file, not into memory.
        """
        pick = {
            column: None if (value := getattr(self, column)) is None else value[index]
            for column in ("subject", "age_months", "sex", "expression", "neutral", "weight", "split", "name")
        }
        factors = {key: value[index] for key, value in self.factors.items()}
        return Population(self.template, _chosen(self.shapes, index), **pick, factors=factors)


def empty_stack(shape: tuple[int, ...], dtype: DTypeLike = np.float32, limit: int = MEMORY_LIMIT) -> NDArray[Any]:
    """An array, or, where it would be larger than `limit` bytes, one in a temporary file that goes with it.

    Raises:
        FileAccessError: the temporary folder has no room for it (a write beyond the room would end the process).
    """
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    if size <= limit:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile(prefix="inface-") as stream:
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(stream.fileno(), 0, size)
        except OSError as error:
            raise FileAccessError(
                f"the shapes need {size / 2**20:,.0f} MB in the temporary folder '{tempfile.gettempdir()}', which has "
                "not so much room; set TMPDIR to a folder that has"
            ) from error
        return np.memmap(stream, dtype, "r+" if hasattr(os, "posix_fallocate") else "w+", shape=shape)


def _chosen(shapes: FloatArray, index) -> FloatArray:
    if not isinstance(shapes, np.memmap) or isinstance(index, slice):
        return shapes[index]
    rows = np.arange(len(shapes))[index]
    out = empty_stack((len(rows), *shapes.shape[1:]), shapes.dtype, MEMORY_LIMIT)
    for i, row in enumerate(rows):
        out[i] = shapes[row]
    return out
