"""JSON of linear regressors between two models' latents, and of attributes (measures as functions of the latent)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inface._validate import FloatArray, finite, floats
from inface.codecs.text_files import read_json, write_json
from inface.errors import FormatError


@dataclass(frozen=True, eq=False)
class AttributeData:
    """One entry of an attribute file.

    Attributes:
        weights: `(d,)` on standardised latents.
        mean: of the attribute over the training set.
        std: of the attribute over the training set, in the same unit.
        description: free text.
        mapping: whatever the file holds as a fifth entry, None if nothing.
    """

    weights: FloatArray
    mean: float
    std: float
    description: str = ""
    mapping: Any = None


def read_linear_regressor(path: str | Path) -> tuple[FloatArray, FloatArray]:
    """Matrix `(out, in)` and intercept `(out,)` of `y = matrix x + intercept`."""
    data = read_json(path)
    if not isinstance(data, dict) or not {"matrix", "intercept"} <= set(data):
        raise FormatError(f"'{path}': expected a JSON object with 'matrix' and 'intercept'")
    try:
        matrix = finite("matrix", floats("matrix", data["matrix"], (None, None)))
        intercept = finite("intercept", floats("intercept", data["intercept"], (len(matrix),)))
    except ValueError as error:
        raise FormatError(f"'{path}': {error}") from None
    if matrix.ndim != 2 or intercept.ndim != 1:
        raise FormatError(f"'{path}': expected a matrix and a vector, got {matrix.shape} and {intercept.shape}")
    return matrix, intercept


def write_linear_regressor(path: str | Path, matrix: FloatArray, intercept: FloatArray) -> None:
    """Write `{"matrix": ..., "intercept": ...}`."""
    matrix = finite("matrix", floats("matrix", matrix, (None, None)))
    intercept = finite("intercept", floats("intercept", intercept, (len(matrix),)))
    write_json(path, {"matrix": matrix, "intercept": intercept})


def read_attributes(path: str | Path) -> dict[str, AttributeData]:
    """Name -> attribute, from `{name: [weights, mean, std, description, (mapping)]}`."""
    data = read_json(path)
    if not isinstance(data, dict) or not data:
        raise FormatError(f"'{path}': expected a JSON object of attributes")
    attributes: dict[str, AttributeData] = {}
    length = None
    for name, entry in data.items():
        if not isinstance(entry, list) or not 3 <= len(entry) <= 5:
            raise FormatError(f"'{path}': attribute '{name}' should be a list [weights, mean, std, description]")
        try:
            weights = finite("weights", floats("weights", entry[0], (length,)))
            mean, std = (float(finite(k, floats(k, v, ()))) for k, v in zip(("mean", "std"), entry[1:3], strict=True))
        except (ValueError, TypeError) as error:
            raise FormatError(f"'{path}': attribute '{name}': {error}") from None
        if weights.ndim != 1 or std < 0:
            raise FormatError(f"'{path}': attribute '{name}' needs one row of weights and a std of 0 or more")
        length = len(weights)
        description = str(entry[3]) if len(entry) > 3 and entry[3] is not None else ""
        attributes[name] = AttributeData(weights, mean, std, description, entry[4] if len(entry) > 4 else None)
    return attributes


def write_attributes(path: str | Path, attributes: Mapping[str, AttributeData]) -> None:
    """Write attributes in the layout that `read_attributes` reads."""
    write_json(
        path,
        {
            name: [np.asarray(a.weights), a.mean, a.std, a.description, *([] if a.mapping is None else [a.mapping])]
            for name, a in attributes.items()
        },
    )
