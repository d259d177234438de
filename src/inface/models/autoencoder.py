"""The autoencoder: one encoder, or one for each of identity, expression and age, and one decoder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike

from inface._validate import FloatArray
from inface.codecs import ModelFile
from inface.errors import FormatError
from inface.models import layout
from inface.models.base import ModelExtras, MorphableModel, vertex_count
from inface.models.latent import LatentSpace
from inface.models.network import LazyNetworks, Network

BLOCKS = ("identity", "expression", "age")


class AEMorphableModel(MorphableModel):
    """Networks on flattened `x - mean`: leaky ReLU after every layer of an encoder, none after the decoder's last.

    Made from a file, `AEMorphableModel("model.h5")`, or from arrays by keyword. From a file, the encoders are read
    when they are first used.

    Args:
        path: an HDF5 model file (or an open one); then nothing else is given.
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

    def __init__(
        self,
        path: str | Path | ModelFile | None = None,
        *,
        encoders: Mapping[str, Network] | None = None,
        decoder: Network | None = None,
        mean_vertices: ArrayLike | None = None,
        triangles: ArrayLike | None = None,
        latent: LatentSpace | None = None,
        **extras: Unpack[ModelExtras],
    ) -> None:
        if path is not None:
            file = layout.open_model(path)
            try:
                AEMorphableModel.__init__(self, **layout.autoencoder_arguments(file))
            except (ValueError, TypeError) as error:
                file.close()
                if isinstance(error, FormatError):
                    raise
                raise FormatError(f"'{file.path}': {error}") from None
            return
        if encoders is None or decoder is None or mean_vertices is None or latent is None:
            raise TypeError("give a path, or encoders, decoder, mean_vertices and latent")
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
        blocks = layout.blocks_of(widths)
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

    def _encode(self, vertices: FloatArray, skip: frozenset[str] = frozenset()) -> FloatArray:
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

    def _weights(self) -> dict[str, Any]:
        return layout.autoencoder_weights(self)

    def _copy(self, **extras: Unpack[ModelExtras]) -> "AEMorphableModel":
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
