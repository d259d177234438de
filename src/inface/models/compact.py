"""Models in the span of a basis: how they are folded into the reference's layout, and the compact file they ship in.

A network trained on coefficients `c = basis @ (x - mean)` is the same function as one on vertices whose first (or last)
layer is multiplied with the basis. The compact file holds the basis once, in 16 bits, and the small networks; opened,
its models are ordinary ones, and `save` writes the full layout.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from inface._validate import FloatArray
from inface.codecs import atomic_write
from inface.errors import FormatError
from inface.models.ages import AgeCalibration
from inface.models.autoencoder import AEMorphableModel
from inface.models.base import ModelExtras, MorphableModel
from inface.models.latent import LatentSpace
from inface.models.network import Network
from inface.models.pca import PCAMorphableModel

# Added to what must pass a leaky ReLU unchanged: codes are of the order of 1, so they stay positive.
OFFSET = 40.0
VERSION = 1


@dataclass(frozen=True, eq=False)
class SkipNetwork:
    """`skip @ x + bias + perceptron(x)` as plain arrays, with leaky ReLU between the perceptron's layers.

    Attributes:
        skip: `(out, in)`; bias: `(out,)`.
        weights, biases: the perceptron's layers; empty for a linear network.
        slope: of the leaky ReLU.
    """

    skip: FloatArray
    bias: FloatArray
    weights: tuple[FloatArray, ...] = ()
    biases: tuple[FloatArray, ...] = ()
    slope: float = 0.2

    def __call__(self, x: FloatArray) -> FloatArray:
        """`(..., in)` to `(..., out)`."""
        out, h = x @ self.skip.T + self.bias, x
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            h = h @ weight.T + bias
            if i + 1 < len(self.weights):
                h = np.maximum(h, self.slope * h)
        return out + h if self.weights else out

    def rescaled(self, into: FloatArray | float, out: FloatArray | float) -> "SkipNetwork":
        """The network of `x / into` whose result is multiplied by `out`."""
        rows = np.asarray(out)[..., None]
        weights, biases = list(self.weights), list(self.biases)
        if weights:
            weights[0] = weights[0] / into
            weights[-1], biases[-1] = weights[-1] * rows, biases[-1] * out
        return SkipNetwork(self.skip / into * rows, self.bias * out, tuple(weights), tuple(biases), self.slope)


@dataclass(frozen=True, eq=False)
class SpanModel:
    """An autoencoder on coefficients `(..., K)`: what is trained, before it is folded into full layers.

    Attributes:
        encoders: block name (or "" for a plain one) -> network from K coefficients to the block's code.
        decoder: from the joined code to K coefficients.
        latent_mean, latent_std: of the joined code, without the offset of the file.
        extras: expressions (codes without offset), age calibration, noise, card.
    """

    encoders: Mapping[str, SkipNetwork]
    decoder: SkipNetwork
    latent_mean: FloatArray
    latent_std: FloatArray
    extras: ModelExtras = field(default_factory=lambda: ModelExtras())

    @property
    def linear(self) -> bool:
        """True when no network has a hidden layer."""
        return not self.decoder.weights

    def encode(self, coefficients: FloatArray) -> FloatArray:
        """Joined code `(..., k)` of coefficients `(..., K)`."""
        return np.concatenate([encoder(coefficients) for encoder in self.encoders.values()], -1)

    def decode(self, code: FloatArray) -> FloatArray:
        """Coefficients `(..., K)` of a joined code `(..., k)`."""
        return self.decoder(code)

    def folded(self, basis: FloatArray, mean_vertices: FloatArray, triangles, **extras: Any) -> AEMorphableModel:
        """The full model; `basis (K, 3V)` has orthonormal rows. `extras` are those of the template."""
        offset = 0.0 if self.linear else OFFSET
        extras = {**self.extras, **extras}
        if "expressions" in extras:
            extras["expressions"] = {name: code + offset for name, code in extras["expressions"].items()}
        calibration = extras.get("age_calibration")
        if calibration is not None:
            moved = calibration.codes + offset * float(calibration.direction.sum())
            extras["age_calibration"] = AgeCalibration(calibration.direction, moved, calibration.months)
        return AEMorphableModel(
            encoders={name: _fold_encoder(encoder, basis, offset) for name, encoder in self.encoders.items()},
            decoder=_fold_decoder(self.decoder, basis, offset),
            mean_vertices=mean_vertices,
            triangles=triangles,
            latent=LatentSpace((self.latent_mean + offset).astype(np.float32), self.latent_std.astype(np.float32)),
            **extras,
        )


def _network(weights: list[FloatArray], biases: list[FloatArray], slope: float) -> Network:
    return Network(
        tuple(w.astype(np.float32) for w in weights), tuple(np.asarray(b, np.float32) for b in biases), slope
    )


def _fold_encoder(net: SkipNetwork, basis: FloatArray, offset: float) -> Network:
    """The linear path goes along as extra units, lifted by `offset` so that the leaky ReLU leaves it as it is."""
    if not net.weights:
        return _network([net.skip @ basis], [net.bias], 1.0)
    out = len(net.skip)
    weights = [np.concatenate([net.weights[0], net.skip]) @ basis]
    biases = [np.concatenate([net.biases[0], net.bias + offset])]
    for weight, bias in zip(net.weights[1:-1], net.biases[1:-1], strict=True):
        weights.append(_beside(weight, np.eye(out)))
        biases.append(np.concatenate([bias, np.zeros(out)]))
    weights.append(np.concatenate([net.weights[-1], np.eye(out)], 1))
    biases.append(net.biases[-1])
    return _network(weights, biases, net.slope)


def _fold_decoder(net: SkipNetwork, basis: FloatArray, offset: float) -> Network:
    """The code comes lifted by `offset`, so it passes the hidden layers as it is, to the linear path in the last."""
    if not net.weights:
        return _network([basis.T @ net.skip], [basis.T @ net.bias], 1.0)
    into = net.skip.shape[1]
    lift = np.full(into, offset)
    weights = [np.concatenate([net.weights[0], np.eye(into)])]
    biases = [np.concatenate([net.biases[0] - net.weights[0] @ lift, np.zeros(into)])]
    for weight, bias in zip(net.weights[1:-1], net.biases[1:-1], strict=True):
        weights.append(_beside(weight, np.eye(into)))
        biases.append(np.concatenate([bias, np.zeros(into)]))
    weights.append(basis.T @ np.concatenate([net.weights[-1], net.skip], 1))
    biases.append(basis.T @ (net.biases[-1] + net.bias - net.skip @ lift))
    return _network(weights, biases, net.slope)


def _beside(a: FloatArray, b: FloatArray) -> FloatArray:
    """The block-diagonal matrix of two."""
    out = np.zeros((a.shape[0] + b.shape[0], a.shape[1] + b.shape[1]))
    out[: a.shape[0], : a.shape[1]] = a
    out[a.shape[0] :, a.shape[1] :] = b
    return out


def write_compact(path: str | Path, pca: PCAMorphableModel, models: Mapping[str, SpanModel]) -> None:
    """Write a PCA model and autoencoders in its span to one file: the basis once, 16 bits a number, each row with its
    own scale (rounding at most 1 / 65534 of a row's largest entry), the networks in float32.
    """
    peak = np.abs(pca.components).max(1).astype(np.float32)
    template = pca.template
    arrays: dict[str, Any] = {
        "basis": np.round(pca.components / peak[:, None] * 32767).astype(np.int16),
        "basis_peak": peak,
        "eigenvalues": pca.eigenvalues,
        "mean_vertices": pca.mean_vertices.astype(np.float32),
        "triangles": pca.triangles,
    }
    if template.mirror is not None:
        arrays["mirror"] = template.mirror
    if pca.colors is not None:
        arrays["colors"] = pca.colors.astype(np.float32)
    arrays |= {f"region/{name}": ids for name, ids in template.regions.items()}
    notes: dict[str, Any] = {
        "version": VERSION,
        "unit": template.unit,
        "landmarks": {name: int(index) for name, index in template.landmarks.items()},
        "pca": {"noise_std": pca.noise_std, "card": dict(pca.card)},
    }
    for name, model in models.items():
        networks = {f"encoder:{block}": net for block, net in model.encoders.items()} | {"decoder": model.decoder}
        for key, net in networks.items():
            parts = {"skip": net.skip, "bias": net.bias}
            parts |= {f"weight{i}": w for i, w in enumerate(net.weights)}
            parts |= {f"bias{i}": b for i, b in enumerate(net.biases)}
            arrays |= {f"{name}/{key}/{part}": np.asarray(value, np.float32) for part, value in parts.items()}
        arrays[f"{name}/latent_mean"], arrays[f"{name}/latent_std"] = model.latent_mean, model.latent_std
        note: dict[str, Any] = {"networks": {key: [len(net.weights), net.slope] for key, net in networks.items()}}
        note |= {"noise_std": model.extras.get("noise_std"), "card": dict(model.extras.get("card", {}))}
        expressions = model.extras.get("expressions", {})
        arrays |= {f"{name}/expression/{key}": np.asarray(code) for key, code in expressions.items()}
        calibration = model.extras.get("age_calibration")
        if calibration is not None:
            arrays[f"{name}/age"] = np.stack([calibration.codes, calibration.months])
            arrays[f"{name}/age_direction"] = calibration.direction
        notes[name] = note
    arrays["notes"] = np.frombuffer(json.dumps(notes).encode(), np.uint8)
    with atomic_write(path) as temporary, open(temporary, "wb") as stream:
        np.savez_compressed(stream, **arrays)


def read_compact(path: str | Path, name: str) -> MorphableModel:
    """The model `name` ("pca", or one of the autoencoders) of a compact file, expanded to an ordinary model."""
    try:
        with np.load(path, allow_pickle=False) as file:
            notes = json.loads(file["notes"].tobytes())
            if notes["version"] != VERSION:
                raise FormatError(f"'{path}': compact version {notes['version']}, this package reads {VERSION}")
            return _expand(file, notes, name)
    except (OSError, KeyError, ValueError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"'{path}': not a compact model file, or damaged ({error})") from error


def compact_names(path: str | Path) -> list[str]:
    """The names of the models in a compact file."""
    with np.load(path, allow_pickle=False) as file:
        notes = json.loads(file["notes"].tobytes())
    return [key for key, value in notes.items() if isinstance(value, dict) and "card" in value]


def _expand(file: Mapping[str, Any], notes: dict[str, Any], name: str) -> MorphableModel:
    if name not in notes:
        known = ", ".join(key for key, value in notes.items() if isinstance(value, dict) and "card" in value)
        raise FormatError(f"no model '{name}' in the compact file; it has {known}")
    basis = file["basis"] * (file["basis_peak"][:, None] / np.float32(32767))
    shape = {"mean_vertices": file["mean_vertices"], "triangles": file["triangles"]}
    extras: dict[str, Any] = {"unit": notes["unit"], "landmarks": notes["landmarks"]}
    extras["regions"] = {key[7:]: file[key] for key in file if key.startswith("region/")}
    extras |= {key: file[key] for key in ("mirror", "colors") if key in file}
    note = notes[name]
    extras |= {"noise_std": note["noise_std"], "card": note["card"]}
    if name == "pca":
        return PCAMorphableModel(components=basis, eigenvalues=file["eigenvalues"], **shape, **extras)
    prefix = f"{name}/expression/"
    extras["expressions"] = {key[len(prefix) :]: file[key] for key in file if key.startswith(prefix)}
    if f"{name}/age" in file:
        extras["age_calibration"] = AgeCalibration(file[f"{name}/age_direction"], *file[f"{name}/age"])
    networks = {}
    for key, (depth, slope) in note["networks"].items():
        part = f"{name}/{key}/"
        weights, biases = (tuple(file[f"{part}{kind}{i}"] for i in range(depth)) for kind in ("weight", "bias"))
        networks[key] = SkipNetwork(file[f"{part}skip"], file[f"{part}bias"], weights, biases, slope)
    decoder = networks.pop("decoder")
    encoders = {key.removeprefix("encoder:"): net for key, net in networks.items()}
    span = SpanModel(encoders, decoder, file[f"{name}/latent_mean"], file[f"{name}/latent_std"])
    return span.folded(basis, shape["mean_vertices"], shape["triangles"], **extras)
