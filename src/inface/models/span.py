"""Models in the span of a basis: how they are folded into the reference's layout.

A network trained on coefficients `c = basis @ (x - mean)` is the same function as one on vertices whose first (or last)
layer is multiplied with the basis. The compact file (`codecs.model_formats.compact_npz`) holds the basis once and the
small networks; opened, its models are ordinary ones, and `save` writes the full layout.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from inface._validate import FloatArray
from inface.codecs.model_formats import SkipData, SpanData
from inface.models.ages import AgeCalibration
from inface.models.autoencoder import AEMorphableModel
from inface.models.latent import LatentSpace
from inface.models.misfit import Misfit
from inface.models.network import Network
from inface.models.parts import ModelExtras

# Added to what must pass a leaky ReLU unchanged: codes are of the order of 1, so they stay positive.
OFFSET = 40.0


@dataclass(frozen=True, eq=False)
class SkipNetwork(SkipData):
    """`skip @ x + bias + perceptron(x)`, with leaky ReLU between the perceptron's layers; see `SkipData`."""

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

    def data(self) -> SpanData:
        """The plain arrays, as they stand in a compact file."""
        extras, age = self.extras, self.extras.get("age_calibration")
        return SpanData(
            self.encoders,
            self.decoder,
            self.latent_mean,
            self.latent_std,
            noise_std=extras.get("noise_std"),
            misfit=None if (misfit := extras.get("misfit")) is None else vars(misfit),
            expressions={name: np.asarray(code) for name, code in extras.get("expressions", {}).items()},
            age=None if age is None else (age.direction, age.codes, age.months),
            card=extras.get("card", {}),
        )

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


def span_of(data: SpanData) -> SpanModel:
    """The autoencoder of a compact file."""
    extras: ModelExtras = {"noise_std": data.noise_std, "expressions": data.expressions, "card": data.card}
    if data.misfit is not None:
        extras["misfit"] = Misfit(**data.misfit)
    if data.age is not None:
        extras["age_calibration"] = AgeCalibration(*data.age)
    encoders = {name: SkipNetwork(**vars(net)) for name, net in data.encoders.items()}
    return SpanModel(encoders, SkipNetwork(**vars(data.decoder)), data.latent_mean, data.latent_std, extras)
