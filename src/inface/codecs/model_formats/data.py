"""Models as plain arrays and texts: what stands between a file and a model."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from inface._validate import FloatArray, IntArray

CARD_LIMIT = 60_000  # characters; an HDF5 attribute holds 64 KiB


@dataclass(frozen=True, eq=False)
class NetworkData:
    """One network: `weights[i] (out_i, in_i)`, `biases[i] (out_i,)`, and the slope of its leaky ReLU."""

    weights: tuple[FloatArray, ...]
    biases: tuple[FloatArray, ...]
    slope: float


@dataclass(frozen=True, eq=False)
class SkipData:
    """`skip @ x + bias + perceptron(x)` as plain arrays.

    Attributes:
        skip: `(out, in)`; bias: `(out,)`.
        weights, biases: the perceptron's layers; empty for a linear network.
        slope: of the leaky ReLU between the perceptron's layers.
    """

    skip: FloatArray
    bias: FloatArray
    weights: tuple[FloatArray, ...] = ()
    biases: tuple[FloatArray, ...] = ()
    slope: float = 0.2


@dataclass(frozen=True, eq=False)
class ModelData:
    """Everything a model file says, as it stands there.

    Attributes:
        kind: "pca" or "autoencoder".
        mean_vertices: `(V, 3)`.
        triangles: `(T, 3)`.
        components, eigenvalues: `(k, 3V)` and `(k,)` of a PCA model, else None.
        latent_mean, latent_std: `(K,)` of an autoencoder, else None.
        decoder: of an autoencoder, else None.
        encoders: block name ("" for a plain autoencoder) -> what reads the encoder when called.
        encoder_widths: block name -> width of the encoder's code, in the order of the latent.
        colors: `(V, 3)` or None.
        regions, landmarks, mirror, unit, blocks, noise_std, expressions, card: see `inface.MorphableModel`.
        misfit: `counts`, `vertex_std`, `shares`, `cluster` of what unseen shapes have beside the model, or None.
        age: (direction, codes, months) of the calibration, or None.
    """

    kind: str
    mean_vertices: FloatArray
    triangles: IntArray
    components: FloatArray | None = None
    eigenvalues: FloatArray | None = None
    latent_mean: FloatArray | None = None
    latent_std: FloatArray | None = None
    decoder: NetworkData | None = None
    encoders: Mapping[str, Callable[[], NetworkData]] = field(default_factory=dict)
    encoder_widths: Mapping[str, int] = field(default_factory=dict)
    colors: FloatArray | None = None
    regions: Mapping[str, IntArray] = field(default_factory=dict)
    landmarks: Mapping[str, int] = field(default_factory=dict)
    mirror: IntArray | None = None
    unit: str = "mm"
    blocks: Mapping[str, slice] = field(default_factory=dict)
    noise_std: float | None = None
    misfit: Mapping[str, FloatArray] | None = None
    expressions: Mapping[str, FloatArray] = field(default_factory=dict)
    age: tuple[FloatArray, FloatArray, FloatArray] | None = None
    card: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class SpanData:
    """One autoencoder of a compact file: networks on coefficients in the span of the file's basis.

    Attributes:
        encoders: block name (or "") -> network from K coefficients to the block's code.
        decoder: from the joined code to K coefficients.
        latent_mean, latent_std: of the joined code.
        noise_std, expressions, age, card: as in `ModelData`.
    """

    encoders: Mapping[str, SkipData]
    decoder: SkipData
    latent_mean: FloatArray
    latent_std: FloatArray
    noise_std: float | None = None
    misfit: Mapping[str, FloatArray] | None = None
    expressions: Mapping[str, FloatArray] = field(default_factory=dict)
    age: tuple[FloatArray, FloatArray, FloatArray] | None = None
    card: Mapping[str, str] = field(default_factory=dict)


def contents_hash(tree: Mapping[str, Any]) -> str:
    """Hash of a nested dictionary of arrays, texts and numbers: names, types, shapes and bytes."""
    digest = hashlib.sha256()

    def visit(name: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for key in sorted(value):
                visit(f"{name}/{key}", value[key])
        elif isinstance(value, list):
            for i, item in enumerate(value):
                visit(f"{name}/{i}", item)
        elif isinstance(value, str):
            digest.update(f"{name}={value};".encode())
        else:
            array = np.asarray(value)
            digest.update(f"{name}:{array.dtype.str}{array.shape};".encode())
            digest.update(np.ascontiguousarray(array).data)

    visit("", tree)
    return digest.hexdigest()[:16]
