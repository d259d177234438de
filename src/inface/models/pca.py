"""The linear model: `x = mean + z @ components`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from numpy.typing import ArrayLike

from inface._validate import FloatArray
from inface.codecs import ModelFile
from inface.errors import FormatError
from inface.mesh import Mesh
from inface.models import layout
from inface.models.base import ModelExtras, MorphableModel, vertex_count
from inface.models.latent import LatentSpace
from inface.models.network import centred_product, stored_floats

if TYPE_CHECKING:
    from inface.models.results import Posterior

ROUND_OFF = 1e-6  # negative eigenvalues up to this part of the largest are zero
ORTHONORMAL = 1e-3  # accepted relative error of components @ components.T @ z against z


class PCAMorphableModel(MorphableModel):
    """Principal components: `encode` is `components @ (x - mean)`, `decode` is `z @ components + mean`.

    Made from a file, `PCAMorphableModel("model.h5")`, or from arrays by keyword.

    Args:
        path: an HDF5 model file (or an open one); then nothing else is given.
        components: `(k, 3V)`, orthonormal rows, not scaled by the standard deviation.
        eigenvalues: `(k,)` variances along them.
        mean_vertices: `(V, 3)`.
        triangles: `(T, 3)`.
        latent: names the blocks of the code, where there are any; its mean is 0 and its spread the root of the
            eigenvalues.

    Raises:
        FormatError: the file is no PCA model, or damaged.
        ValueError: wrong shapes, NaN or infinity, eigenvalues below zero by more than round-off, rows that are not
            orthonormal.
    """

    kind = "pca"

    def __init__(
        self,
        path: str | Path | ModelFile | None = None,
        *,
        components: ArrayLike | None = None,
        eigenvalues: ArrayLike | None = None,
        mean_vertices: ArrayLike | None = None,
        triangles: ArrayLike | None = None,
        latent: LatentSpace | None = None,
        **extras: Unpack[ModelExtras],
    ) -> None:
        if path is not None:
            with layout.open_model(path) as file:
                arguments = layout.pca_arguments(file)
                try:
                    PCAMorphableModel.__init__(self, **arguments)
                except (ValueError, TypeError) as error:
                    raise FormatError(f"'{file.path}': {error}") from None
            return
        if components is None or eigenvalues is None or mean_vertices is None:
            raise TypeError("give a path, or components, eigenvalues and mean_vertices")
        self.components = stored_floats("components", components)
        spread = _variances(eigenvalues)
        count = vertex_count(mean_vertices)
        if self.components.shape != (len(spread), 3 * count) or not len(spread):
            raise ValueError(
                f"components: expected shape ({len(spread)} eigenvalues, 3 * {count} vertices), "
                f"got {self.components.shape}"
            )
        _check_orthonormal(self.components)
        self.eigenvalues = spread
        std = np.sqrt(spread)
        mean = np.zeros_like(spread)
        if latent is not None and not (np.allclose(latent.mean, 0) and np.allclose(latent.std, std, rtol=1e-4)):
            raise ValueError("latent: a PCA model's latent mean is 0 and its spread the root of the eigenvalues")
        space = LatentSpace(mean, std, {} if latent is None else latent.blocks)
        super().__init__(mean_vertices, triangles, space, self.components.dtype, **extras)

    def decode(self, latent: ArrayLike) -> FloatArray:
        """Vertices `(..., V, 3)` of codes `(..., k)`: one matrix product, then the mean in place."""
        codes = self._codes(latent)
        flat = codes.reshape(-1, codes.shape[-1]) @ self.components if codes.ndim > 1 else codes @ self.components
        flat += self.mean_flat
        return flat.reshape(*codes.shape[:-1], len(self.mean_vertices), 3)

    @property
    def is_linear(self) -> bool:
        return True

    def _encode(self, vertices: FloatArray, skip: frozenset[str] = frozenset()) -> FloatArray:
        flat, mean = self._flat(vertices)
        if not skip:
            return centred_product(self.components, flat, mean)
        out = np.zeros((*flat.shape[:-1], len(self.components)), self.dtype)
        for rows in self.latent.parts(skip):
            out[..., rows] = centred_product(self.components[rows], flat, mean)
        return out

    def posterior(
        self,
        vertices: Mesh | ArrayLike,
        known: ArrayLike,
        noise_std: float | None = None,
        *,
        align: bool = False,
        check: bool = True,
    ) -> "Posterior":
        """The distribution of the whole shape given its known vertices, itself a model; see `completion.posterior`."""
        from inface.models import completion

        return completion.posterior(self, vertices, known, noise_std, align=align, check=check)

    def _weights(self) -> dict[str, Any]:
        return layout.pca_weights(self)

    def _copy(self, **extras: Unpack[ModelExtras]) -> "PCAMorphableModel":
        return PCAMorphableModel(
            components=self.components,
            eigenvalues=self.eigenvalues,
            mean_vertices=self.mean_vertices,
            triangles=self.triangles,
            latent=self.latent,
            **extras,
        )


def _variances(eigenvalues: ArrayLike) -> FloatArray:
    """Checked `(k,)` eigenvalues; negative round-off becomes zero."""
    values = stored_floats("eigenvalues", eigenvalues)
    if values.ndim != 1:
        raise ValueError(f"eigenvalues: expected shape (k,), got {values.shape}")
    if values.size and values.min() < -ROUND_OFF * values.max():
        raise ValueError(
            f"eigenvalues: expected variances of zero or more, got {values.min():.4g} (largest {values.max():.4g})"
        )
    return np.maximum(values, 0)


def _check_orthonormal(components: FloatArray) -> None:
    """Refuse components whose rows are not orthonormal, by four fixed random probes: `C (C^T z) = z`."""
    probes = np.random.default_rng(0).standard_normal((4, len(components))).astype(components.dtype)
    back = (probes @ components) @ components.T
    error = float(np.abs(back - probes).max() / np.abs(probes).max())
    if not error <= ORTHONORMAL:
        raise ValueError(
            f"components: expected orthonormal rows, got rows off by {error:.2g}; "
            "scale each row to length 1 and put its variance into the eigenvalues"
        )
