"""What a layer is made of, as plain arrays and notes: taken from a model, or read from a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from inface import _validate
from inface._validate import FloatArray, IntArray
from inface.models import AEMorphableModel, MorphableModel, PCAMorphableModel
from inface.torch_layer.modules import centred

FORMAT = 1
Landmarks = Mapping[str, int | tuple[ArrayLike, ArrayLike]]


@dataclass(frozen=True, eq=False)
class LayerParts:
    """Arrays by the names they have in the layer's `state_dict`, and the notes that say what they are (plain values).

    Notes: format, kind, unit, vertices (how many come out), blocks (name -> [start, stop]), landmarks (names),
    networks (name -> [depth, slope]).
    """

    arrays: Mapping[str, FloatArray | IntArray]
    notes: Mapping[str, Any]

    def network(self, name: str) -> list[dict[str, Any]]:
        """Arrays of the layers of one network."""
        depth = self.notes["networks"][name][0]
        return [
            {part: self.arrays[f"{name}.layers.{i}.{part}"] for part in ("weight", "center", "value")}
            for i in range(depth)
        ]


def parts_of(
    model: MorphableModel, dtype: np.dtype, *, encoders: bool, rows: ArrayLike | None, landmarks: Landmarks | None
) -> LayerParts:
    """Of a model; see `InfaceLayer` for the arguments."""
    count = len(model.mean_vertices)
    kept = np.arange(count) if rows is None else np.flatnonzero(_validate.vertex_mask("rows", rows, count))
    if not len(kept):
        raise ValueError("rows: no vertex is chosen, so there is nothing to decode")
    whole = len(kept) == count
    flat = (3 * kept[:, None] + np.arange(3)).reshape(-1)
    arrays: dict[str, Any] = {
        "latent_mean": model.latent.mean.astype(dtype),
        "latent_std": model.latent.std.astype(dtype),
    }
    networks: dict[str, list] = {}

    def add(name: str, layers: list[dict[str, FloatArray]], slope: float) -> None:
        networks[name] = [len(layers), slope]
        for i, layer in enumerate(layers):
            arrays.update({f"{name}.layers.{i}.{part}": array for part, array in layer.items()})

    if isinstance(model, PCAMorphableModel):
        arrays["decoder.components"] = np.ascontiguousarray(model.components[:, flat].astype(dtype))
        arrays["decoder.mean"] = model.mean_vertices.reshape(-1)[flat].astype(dtype)
    elif isinstance(model, AEMorphableModel):
        mean, net = model.mean_vertices.reshape(-1).astype(np.float64), model.decoder
        weights = [*net.weights[:-1], net.weights[-1][flat]]
        biases = [*net.biases[:-1], (net.biases[-1] + mean)[flat]]
        add("decoder", centred(weights, biases, net.slope, model.latent.mean, dtype), net.slope)
        for name in model.encoders if encoders and whole else ():
            encoder = model.encoders[name]
            first = encoder.biases[0] - encoder.weights[0].astype(np.float64) @ mean
            layers = centred(encoder.weights, [first, *encoder.biases[1:]], encoder.slope, mean, dtype)
            add(f"encoders.{name or 'all'}", layers, encoder.slope)
    else:
        raise ValueError(f"model: expected a PCA model or an autoencoder, got {type(model).__name__}")
    names = _landmarks(arrays, model, kept, landmarks)
    calibration = model.age_calibration
    if calibration is not None:
        ages = {"direction": calibration.direction, "codes": calibration.codes, "months": calibration.months}
        arrays |= {f"age_{name}": np.asarray(values).astype(dtype) for name, values in ages.items()}
    notes = {
        "format": FORMAT,
        "kind": model.kind,
        "unit": model.template.unit,
        "vertices": len(kept),
        "whole": whole,
        "blocks": {name: [part.start, part.stop] for name, part in model.latent.blocks.items()},
        "landmarks": names,
        "networks": networks,
    }
    return LayerParts(arrays, notes)


def _landmarks(arrays: dict[str, Any], model: MorphableModel, kept: IntArray, landmarks: Landmarks | None) -> list[str]:
    """Corners `(L, 3)` and barycentric weights of the landmarks that the kept vertices show; their names."""
    place = np.full(len(model.mean_vertices), -1)
    place[kept] = np.arange(len(kept))
    names, corners, weights = [], [], []
    for name, where in (model.template.landmarks if landmarks is None else landmarks).items():
        own, share = (np.full(3, where), [1.0, 0, 0]) if isinstance(where, int | np.integer) else where
        own, share = np.asarray(own), np.asarray(share, float)
        if own.shape != (3,) or share.shape != (3,) or own.dtype.kind not in "iu" or abs(share.sum() - 1) > 1e-6:
            raise ValueError(
                f"landmark '{name}': expected a vertex, or the 3 corners of a triangle and their weights (sum 1); "
                f"got {where!r}"
            )
        if own.min() < 0 or own.max() >= len(place):
            raise ValueError(f"landmark '{name}': vertex {own.max()} outside [0, {len(place)})")
        if (place[own] >= 0).all():
            names.append(name)
            corners.append(place[own])
            weights.append(share)
    arrays["landmark_corners"] = np.array(corners, np.int64).reshape(-1, 3)
    arrays["landmark_weights"] = np.array(weights).reshape(-1, 3).astype(arrays["latent_mean"].dtype)
    return names
