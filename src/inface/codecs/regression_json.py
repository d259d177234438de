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
class LabelMap:
    """How a label becomes the score that is linear in the latent.

    Attributes:
        kind: "power" (score = label^number), "log" (score = logarithm to the base `number`), "exp" (score =
            number^label) or "knots" (straight between knots, held outside them).
        original_mean, original_std: of the labels themselves.
        number: of the first three kinds.
        labels, scores: `(n,)` rising knots of the last.
    """

    kind: str
    original_mean: float
    original_std: float
    number: float = float("nan")
    labels: FloatArray | None = None
    scores: FloatArray | None = None


MAP_KINDS = ("power", "log", "exp")


@dataclass(frozen=True, eq=False)
class AttributeData:
    """One entry of an attribute file.

    Attributes:
        weights: `(d,)` on standardised latents.
        mean: of the attribute over the training set; of its score, where it has a mapping.
        std: of the attribute (or its score) over the training set, in the same unit.
        description: free text.
        mapping: from the label to the score, or None: the label is the score.
    """

    weights: FloatArray
    mean: float
    std: float
    description: str = ""
    mapping: LabelMap | None = None


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
    """Name -> attribute, from `{name: [weights, mean, std, description]}`, or with four more fields where the label is
    mapped: `"power" | "log" | "exp", number`, or `label knots, score knots`; then `original mean, original std`."""
    return _attributes(read_json(path), f"'{path}'")


def _attributes(data: Any, where: str) -> dict[str, AttributeData]:
    if not isinstance(data, Mapping) or not data:
        raise FormatError(f"{where}: expected a JSON object of attributes")
    attributes: dict[str, AttributeData] = {}
    length = None
    for name, entry in data.items():
        if not isinstance(entry, list | tuple) or len(entry) not in (3, 4, 8):
            raise FormatError(
                f"{where}: attribute '{name}' should be a list [weights, mean, std, description], with four more "
                "fields where it has a mapping"
            )
        try:
            weights = finite("weights", floats("weights", entry[0], (length,)))
            mean, std = (float(finite(k, floats(k, v, ()))) for k, v in zip(("mean", "std"), entry[1:3], strict=True))
            mapping = _mapping(*entry[4:]) if len(entry) == 8 else None
        except (ValueError, TypeError) as error:
            raise FormatError(f"{where}: attribute '{name}': {error}") from None
        if weights.ndim != 1 or std < 0:
            raise FormatError(f"{where}: attribute '{name}' needs one row of weights and a std of 0 or more")
        length = len(weights)
        description = str(entry[3]) if len(entry) > 3 and entry[3] is not None else ""
        attributes[name] = AttributeData(weights, mean, std, description, mapping)
    return attributes


def attributes_of(table: Mapping[str, Any]) -> dict[str, AttributeData]:
    """The attributes of a file's contents, as `json.load` gives them."""
    return _attributes(table, "attributes")


def _mapping(first: Any, second: Any, mean: Any, std: Any) -> LabelMap:
    """The four fields of a mapping."""
    mean, std = (float(finite(k, floats(k, v, ()))) for k, v in (("original mean", mean), ("original std", std)))
    if isinstance(first, str):
        number = float(finite("number of the mapping", floats("number of the mapping", second, ())))
        if first not in MAP_KINDS:
            raise ValueError(f"mapping: expected one of {', '.join(MAP_KINDS)} or knots, got '{first}'")
        if number == 0 or (first != "power" and (number < 0 or number == 1)):
            raise ValueError(f"mapping: no {first} with the number {number:g}")
        return LabelMap(first, mean, std, number)
    labels = finite("label knots", floats("label knots", first, (None,)))
    scores = finite("score knots", floats("score knots", second, (len(labels),)))
    if labels.ndim != 1 or len(labels) < 2 or (np.diff(labels) <= 0).any() or (np.diff(scores) < 0).any():
        raise ValueError("mapping: expected two or more knots, labels and scores both rising")
    return LabelMap("knots", mean, std, labels=labels, scores=scores)


def write_attributes(path: str | Path, attributes: Mapping[str, AttributeData]) -> None:
    """Write attributes in the layout that `read_attributes` reads."""
    write_json(
        path,
        {
            name: [np.asarray(a.weights), a.mean, a.std, a.description, *_fields(a.mapping)]
            for name, a in attributes.items()
        },
    )


def _fields(mapping: LabelMap | None) -> list[Any]:
    if mapping is None:
        return []
    pair = [mapping.labels, mapping.scores] if mapping.kind == "knots" else [mapping.kind, mapping.number]
    return [*pair, mapping.original_mean, mapping.original_std]
