"""The linear model: `x = mean + z @ components`."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike

from inface._validate import BoolArray, FloatArray
from inface.codecs.model_formats import ModelData
from inface.compat import PathOrArrays
from inface.compat.models import regularised_code
from inface.fitting import Fit, LinearFitter
from inface.mesh import Mesh
from inface.models import completion, correspondence
from inface.models.base import MorphableModel
from inface.models.latent import LatentSpace
from inface.models.network import centred_product, stored_floats
from inface.models.parts import ModelExtras, vertex_count
from inface.models.saving import extras_of

ROUND_OFF = 1e-6  # negative eigenvalues up to this part of the largest are zero
ORTHONORMAL = 1e-3  # accepted relative error of components @ components.T @ z against z


class PCAMorphableModel(MorphableModel, metaclass=PathOrArrays):
    """Principal components: `encode` is `components @ (x - mean)`, `decode` is `z @ components + mean`.

    Made from a file, `PCAMorphableModel("model.h5")`, or from arrays by keyword.

    Args:
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

    Examples:
        >>> import numpy as np
        >>> import inface
        >>> up = np.tile([0.0, 1.0, 0.0], 3)[None] / np.sqrt(3)  # one mode: all three vertices move up
        >>> model = inface.PCAMorphableModel(
        ...     components=up, eigenvalues=[4.0], mean_vertices=np.eye(3), triangles=[[0, 1, 2]]
        ... )
        >>> model.decode([0.0]).tolist() == np.eye(3).tolist()
        True
    """

    kind = "pca"
    projects = True

    def __init__(
        self,
        *,
        components: ArrayLike,
        eigenvalues: ArrayLike,
        mean_vertices: ArrayLike,
        triangles: ArrayLike | None = None,
        latent: LatentSpace | None = None,
        **extras: Unpack[ModelExtras],
    ) -> None:
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
        """Vertices `(..., V, 3)` of codes `(..., k)`: one matrix product, then the mean in place.

        A shorter code is that of the first components; the others are at their mean.

        Examples:
            >>> import inface
            >>> model = inface.load_default_model("pca")
            >>> model.decode(model.latent_mean).shape == model.mean_vertices.shape
            True
        """
        codes = self._codes(self.full_code(latent))
        flat = codes.reshape(-1, codes.shape[-1]) @ self.components if codes.ndim > 1 else codes @ self.components
        flat += self.mean_flat
        return flat.reshape(*codes.shape[:-1], len(self.mean_vertices), 3)

    @property
    def is_linear(self) -> bool:
        return True

    def encode_checked(self, vertices: FloatArray, skip: frozenset[str] = frozenset()) -> FloatArray:
        flat, mean = self._flat(vertices)
        if not skip:
            return centred_product(self.components, flat, mean)
        out = np.zeros((*flat.shape[:-1], len(self.components)), self.dtype)
        for rows in self.latent.parts(skip):
            out[..., rows] = centred_product(self.components[rows], flat, mean)
        return out

    def encode_as_published(
        self,
        vertices: Mesh | ArrayLike,
        unknown_vertex_mask: ArrayLike | None,
        invert_mask: bool,
        sigma: float,
        num_components: int | None,
    ) -> FloatArray:
        count = len(self.components) if num_components is None else int(num_components)
        if not 1 <= count <= len(self.components):
            raise ValueError(f"num_components: expected 1 to {len(self.components)}, got {num_components}")
        if not sigma >= 0:
            raise ValueError(f"sigma: expected a number of zero or more, got {sigma}")
        came = correspondence.check(self.template, vertices, unknown_vertex_mask, invert_mask=invert_mask)
        if came.vertices.ndim != 2:
            raise ValueError(f"vertices: expected one shape (V, 3), got {came.vertices.shape}")
        known = np.ones(len(self.mean_vertices), bool) if came.known is None else came.known
        offsets = came.vertices - self.mean_vertices
        return regularised_code(self.components[:count], offsets, known, sigma).astype(self.dtype)

    @cached_property
    def fitter(self) -> LinearFitter:
        """What fits codes to known vertices; kept, with the factors of the masks used last."""
        return LinearFitter(self.components, self.mean_vertices, self.latent.mean, self.latent.std)

    def fit_known(self, vertices: FloatArray, known: BoolArray, noise: float) -> Fit:
        fit = self.fitter.fit(vertices, known, noise)
        return replace(fit, latent=fit.latent.astype(self.dtype, copy=False))

    def posterior(
        self,
        vertices: Mesh | ArrayLike,
        known: ArrayLike,
        noise_std: float | None = None,
        *,
        align: bool = False,
        check: bool = True,
    ) -> Posterior:
        """The distribution of the whole shape given the vertices in `known`; see `Posterior`.

        Args:
            vertices: one mesh or `(V, 3)`; what stands in unknown vertices is not looked at.
            known: booleans, 0/1 integers of length V, or vertex indices.
            noise_std: mm on each coordinate of what the model leaves out; None: the file's. 0.5 to 2 is usual.
            align, check: see `models.correspondence.check`; the posterior is in the model's frame.

        Raises:
            ValueError: no noise level is given, or it is zero.

        >>> import inface
        >>> model = inface.load_default_model("pca")
        >>> child = model.sample_meshes(1, seed=1)[0]
        >>> posterior = model.posterior(child, child.vertices[:, 1] > 0, noise_std=1)
        >>> len(posterior.sample_meshes(3, seed=0))
        3
        """
        mask = correspondence.vertex_mask("known", known, len(self.mean_vertices))
        if not mask.any():
            raise ValueError("known: no vertex is known; at least one must be")
        came = correspondence.check(self.template, vertices, ~mask, align=align, check=check)
        if came.vertices.ndim != 2:
            raise ValueError(f"vertices: expected one shape (V, 3), got {came.vertices.shape}")
        noise = completion.noise_in_unit(self, noise_std)
        if noise == 0:
            raise ValueError(
                "noise_std: a posterior needs a noise level above zero and the model carries none; pass noise_std=... "
                "in millimetres (0.5 to 2 is usual)"
            )
        fit = self.fitter.fit(came.vertices, mask, noise)
        return Posterior.given(self, fit, mask, noise * correspondence.UNITS[self.template.unit])

    def truncated(self, count: int) -> PCAMorphableModel:
        """The model of the first `count` modes; what the others did is added to `noise_std`, where that is known.

        Raises `ValueError` for fewer than one or more modes than there are.

        >>> import inface
        >>> len(inface.load_default_model("pca").truncated(20).latent)
        20
        """
        if int(count) != count or not 1 <= count <= len(self.eigenvalues):
            raise ValueError(f"count: expected 1 to {len(self.eigenvalues)} modes, got {count}")
        count, noise = int(count), self.noise_std
        if noise is not None:
            mm = correspondence.UNITS[self.template.unit]
            cut = float(self.eigenvalues[count:].sum(dtype=np.float64)) / self.mean_vertices.size
            noise = float(np.hypot(noise, np.sqrt(cut) * mm))
        blocks = {name: block for name, block in self.blocks.items() if block.stop <= count}
        short = LatentSpace(self.latent.mean[:count], self.latent.std[:count], blocks)
        extras = self._extras() | {"noise_std": noise}
        if "expression" not in blocks:
            extras |= {"expressions": {}}
        if "age" not in blocks:
            extras |= {"age_calibration": None}
        return PCAMorphableModel(
            components=self.components[:count],
            eigenvalues=self.eigenvalues[:count],
            mean_vertices=self.mean_vertices,
            triangles=self.triangles,
            latent=short,
            **extras,
        )

    def data(self) -> ModelData:
        return ModelData("pca", components=self.components, eigenvalues=self.eigenvalues, **self._common_data())

    @classmethod
    def from_data(cls, data: ModelData) -> PCAMorphableModel:
        assert data.components is not None and data.eigenvalues is not None
        extras = extras_of(data)
        latent = None
        if data.blocks:
            std = np.sqrt(np.maximum(data.eigenvalues, 0))
            latent = LatentSpace(np.zeros(len(std)), std, data.blocks)
        return PCAMorphableModel(
            components=data.components,
            eigenvalues=data.eigenvalues,
            mean_vertices=data.mean_vertices,
            triangles=data.triangles,
            latent=latent,
            **extras,
        )

    def _copy(self, **extras: Unpack[ModelExtras]) -> PCAMorphableModel:
        return PCAMorphableModel(
            components=self.components,
            eigenvalues=self.eigenvalues,
            mean_vertices=self.mean_vertices,
            triangles=self.triangles,
            latent=self.latent,
            **extras,
        )


class Posterior(PCAMorphableModel):
    """The distribution of a whole shape given its known vertices: itself a linear model, in the prior's frame.

    `mean_vertices` is the most probable shape, `sample_meshes` draws shapes that agree with what is known, and
    `components`, `eigenvalues` and `latent` are the posterior's own modes (not the prior's).

    Attributes:
        known: `(V,)` the vertices it was conditioned on.
        prior_latent: `(k,)` the posterior mean in the prior model's code.
        prior_covariance: `(k, k)` the posterior covariance of that code.
        vertex_std: `(V, 3)` mm, standard deviation of the model's shape at each coordinate.
        predictive_std: `(V, 3)` mm, the same with the noise: the band in which a measured vertex is expected.
    """

    noise_std: float
    known: BoolArray
    prior_latent: FloatArray
    prior_covariance: FloatArray

    @classmethod
    def given(cls, prior: PCAMorphableModel, fit: Fit, known: BoolArray, noise_std: float) -> Posterior:
        """From a fit of `prior` to the vertices in `known (V,)`; `noise_std` in mm."""
        factor = fit.covariance_factor
        assert factor is not None
        everything = np.ones(len(known), bool)
        variances, turn = np.linalg.eigh(factor.T @ prior.fitter.basis.gram(everything) @ factor)
        variances, turn = variances[::-1], turn[:, ::-1]
        keep = variances > 1e-12 * variances[0]
        variances, turn = variances[keep], turn[:, keep]
        mixing = (factor @ turn / np.sqrt(variances)).T
        made = cls(
            components=mixing.astype(prior.dtype) @ prior.components,
            eigenvalues=variances,
            mean_vertices=prior.decode(fit.latent),
            triangles=prior.triangles,
            template=prior.template,
            noise_std=noise_std,
        )
        made.known, made.prior_latent, made.prior_covariance = known, fit.latent, factor @ factor.T
        return made

    @cached_property
    def vertex_std(self) -> FloatArray:
        """`(V, 3)` mm."""
        scaled = np.asarray(self.components, np.float64) ** 2
        return np.sqrt(self.eigenvalues @ scaled).reshape(-1, 3) * correspondence.UNITS[self.template.unit]

    @property
    def predictive_std(self) -> FloatArray:
        """`(V, 3)` mm."""
        return np.hypot(self.vertex_std, self.noise_std)


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
