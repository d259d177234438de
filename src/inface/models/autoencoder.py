"""The autoencoder: one encoder, or one for each of identity, expression and age, and one decoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import Literal, Unpack

import numpy as np
from numpy.typing import ArrayLike

from inface._validate import BoolArray, FloatArray
from inface.codecs.model_formats import ModelData, NetworkData
from inface.compat import PathOrArrays
from inface.errors import FormatError
from inface.fitting import Fit, NetworkFitter
from inface.mesh import Mesh
from inface.models.base import MorphableModel
from inface.models.joint import NoiseLevel
from inface.models.latent import LatentSpace
from inface.models.network import LazyNetworks, Network
from inface.models.parts import ModelExtras, vertex_count
from inface.models.pca import Posterior, posterior_of
from inface.models.reconstruction import Options
from inface.models.saving import extras_of

BLOCKS = ("identity", "expression", "age")


class AEMorphableModel(MorphableModel, metaclass=PathOrArrays):
    """Networks on flattened `x - mean`: leaky ReLU after every layer of an encoder, none after the decoder's last.

    Made from a file, `AEMorphableModel("model.h5")`, or from arrays by keyword. From a file, the encoders are read
    when they are first used.

    Args:
        encoders: `{"": network}` for a plain autoencoder, or `{"identity": ..., "expression": ..., "age": ...}` for a
            disentangled one, whose latent is the three outputs in this order; each takes `3V` numbers.
        decoder: from the latent to `3V` numbers.
        mean_vertices: `(V, 3)`.
        triangles: `(T, 3)`.
        latent: mean and spread of the codes `(K,)`. The blocks of a disentangled model follow from its encoders.

    Raises:
        FormatError: the file is no autoencoder, or damaged (of an encoder: when it is first used).
        ValueError: widths that do not fit together, NaN or infinity.
    """

    kind = "autoencoder"
    projects = False

    def __init__(
        self,
        *,
        encoders: Mapping[str, Network],
        decoder: Network,
        mean_vertices: ArrayLike,
        latent: LatentSpace,
        triangles: ArrayLike | None = None,
        **extras: Unpack[ModelExtras],
    ) -> None:
        self.encoders = _ordered(encoders)
        self.decoder = decoder
        widths = self.encoders.widths
        width, total = 3 * vertex_count(mean_vertices), sum(widths.values())
        if not total == len(latent) == decoder.input_width:
            raise ValueError(
                f"latent: the encoders give {total} numbers, the decoder takes {decoder.input_width}, "
                f"and latent_mean has {len(latent)}; expected all the same"
            )
        if decoder.output_width != width:
            raise ValueError(f"decoder: expected {width} numbers (3 per vertex), it gives {decoder.output_width}")
        blocks = blocks_of(widths)
        if blocks and latent.blocks and dict(latent.blocks) != blocks:
            raise ValueError(f"blocks: the encoders' widths give {blocks}, the latent space says {latent.blocks}")
        if blocks and not latent.blocks:
            latent = LatentSpace(latent.mean, latent.std, blocks)
        super().__init__(mean_vertices, triangles, latent, decoder.dtype, **extras)
        last = decoder.biases[-1].astype(np.float64) + self.mean_vertices.reshape(-1)
        self.offset: FloatArray = last.astype(self.dtype)

    def decode(self, latent: ArrayLike) -> FloatArray:
        """Vertices `(..., V, 3)` of codes `(..., K)`."""
        codes = self._codes(latent)
        return self.decoder.decode(codes, self.offset).reshape(*codes.shape[:-1], len(self.mean_vertices), 3)

    @property
    def is_linear(self) -> bool:
        return self.decoder.linear or len(self.decoder.weights) == 1

    def encode_checked(self, vertices: FloatArray, skip: frozenset[str] = frozenset()) -> FloatArray:
        flat, mean = self._flat(vertices)
        out = np.zeros((*flat.shape[:-1], len(self.latent)), self.dtype)
        start = 0
        for name, width in self.encoders.widths.items():
            if name not in skip:
                out[..., start : start + width] = self._encoder(name, flat.shape[-1]).encode(flat, mean)
            start += width
        return out

    def _encoder(self, name: str, width: int) -> Network:
        encoder = self.encoders[name]
        if encoder.input_width != width:
            which = f"{name} encoder" if name else "encoder"
            raise FormatError(
                f"{which}: expected to take {width} numbers (3 per vertex), it takes {encoder.input_width}"
            )
        return encoder

    @cached_property
    def fitter(self) -> NetworkFitter:
        """What fits codes to known vertices; kept, with the factors of the masks used last."""
        net, latent = self.decoder, self.latent
        return NetworkFitter(net.weights, net.biases, net.slope, self.mean_vertices, latent.mean, latent.std)

    def fit_known(self, vertices: FloatArray, known: BoolArray, noise: float) -> Fit:
        fit = self.fitter.fit(vertices, known, noise, starts=self.starts(vertices, known))
        return replace(fit, latent=fit.latent.astype(self.dtype, copy=False))

    def starts(self, vertices: FloatArray, known: BoolArray) -> list[FloatArray]:
        return [self.encode_checked(np.where(known[:, None], vertices, self.mean_vertices))]

    def posterior(
        self,
        vertices: Mesh | ArrayLike,
        known: ArrayLike,
        noise_std: NoiseLevel = None,
        *,
        align: bool | Literal["rigid", "similarity"] = False,
        check: bool = True,
    ) -> Posterior:
        """Laplace's approximation of the distribution of the whole shape given the vertices in `known`.

        It is Gaussian about the most probable shape, with the curvature there; for arguments and errors see
        `PCAMorphableModel.posterior`, and `ConvergenceError` where no most probable shape was found.

        Examples:
            >>> import inface
            >>> model = inface.load_default_model("autoencoder")
            >>> child = model.sample_meshes(1, seed=1)[0]
            >>> posterior = model.posterior(child, child.vertices[:, 1] > 0, noise_std=1)
            >>> posterior.vertex_std.shape == child.vertices.shape
            True
        """
        return posterior_of(self, vertices, known, Options(noise_std=noise_std, align=align, check=check))

    def data(self) -> ModelData:
        return ModelData(
            "autoencoder",
            latent_mean=self.latent.mean,
            latent_std=self.latent.std,
            decoder=self.decoder.data(),
            encoders={name: network.data for name, network in self.encoders.items()},
            encoder_widths=self.encoders.widths,
            **self._common_data(),
        )

    @classmethod
    def from_data(cls, data: ModelData) -> AEMorphableModel:
        assert data.decoder is not None and data.latent_mean is not None and data.latent_std is not None
        readers = {name: partial(_encoder_of, name, read) for name, read in data.encoders.items()}
        try:
            decoder = Network.of(data.decoder)
        except ValueError as error:
            raise ValueError(f"decoder: {error}") from None
        return AEMorphableModel(
            encoders=LazyNetworks(readers, data.encoder_widths),
            decoder=decoder,
            mean_vertices=data.mean_vertices,
            triangles=data.triangles,
            latent=LatentSpace(data.latent_mean, data.latent_std, data.blocks or blocks_of(data.encoder_widths)),
            **extras_of(data),
        )

    def _copy(self, **extras: Unpack[ModelExtras]) -> AEMorphableModel:
        return AEMorphableModel(
            encoders=self.encoders,
            decoder=self.decoder,
            mean_vertices=self.mean_vertices,
            triangles=self.triangles,
            latent=self.latent,
            **extras,
        )


def _ordered(encoders: Mapping[str, Network]) -> LazyNetworks:
    """One plain encoder, or the three of a disentangled model in the order of the latent."""
    if set(encoders) == {""} or set(encoders) == set(BLOCKS):
        if isinstance(encoders, LazyNetworks):
            return encoders
        return LazyNetworks.of({name: encoders[name] for name in ("", *BLOCKS) if name in encoders})
    raise ValueError(
        f"encoders: expected one under the name '', or {', '.join(BLOCKS)}; got {', '.join(map(repr, encoders))}"
    )


def blocks_of(widths: Mapping[str, int]) -> dict[str, slice]:
    """Blocks of a latent that is the encoders' outputs one after the other; none for a single plain encoder."""
    if set(widths) == {""}:
        return {}
    ends = np.cumsum(list(widths.values())).tolist()
    return {name: slice(end - widths[name], end) for name, end in zip(widths, ends, strict=True)}


def _encoder_of(name: str, read: Callable[[], NetworkData]) -> Network:
    try:
        return Network.of(read())
    except FormatError:
        raise
    except ValueError as error:
        raise FormatError(f"{name} encoder: {error}".lstrip()) from None
