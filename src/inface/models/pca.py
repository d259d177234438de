"""The linear model: `x = mean + z @ components`."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Literal, Unpack

import numpy as np
from numpy.typing import ArrayLike

from inface._validate import BoolArray, FloatArray
from inface.codecs.model_formats import ModelData
from inface.compat import PathOrArrays
from inface.compat.models import regularised_code
from inface.fitting import Fit, LinearFitter
from inface.fitting.field import smoothing
from inface.mesh import Mesh
from inface.models import completion, correspondence
from inface.models.base import MorphableModel
from inface.models.joint import NoiseLevel
from inface.models.latent import LatentSpace
from inface.models.network import centred_product, stored_floats
from inface.models.orthonormal import checked_variances, require_orthonormal
from inface.models.parts import ModelExtras, vertex_count
from inface.models.reconstruction import Options
from inface.models.saving import extras_of
from inface.transforms import Similarity


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
        spread = checked_variances(eigenvalues)
        count = vertex_count(mean_vertices)
        if self.components.shape != (len(spread), 3 * count) or not len(spread):
            raise ValueError(
                f"components: expected shape ({len(spread)} eigenvalues, 3 * {count} vertices), "
                f"got {self.components.shape}"
            )
        require_orthonormal(self.components)
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

    def starts(self, vertices: FloatArray, known: BoolArray) -> list[FloatArray]:
        return []

    def posterior(
        self,
        vertices: Mesh | ArrayLike,
        known: ArrayLike,
        noise_std: NoiseLevel = None,
        *,
        align: bool | Literal["rigid", "similarity"] = False,
        check: bool = True,
    ) -> Posterior:
        """The distribution of the whole shape given the vertices in `known`; see `Posterior`.

        Args:
            vertices: one mesh or `(V, 3)`; what stands in unknown vertices is not looked at.
            known: booleans, 0/1 integers of length V, or vertex indices.
            noise_std: "auto": the misfit that was learnt with the model, or is estimated from the known vertices where
                none was; a number: independent noise of so many mm on each coordinate; None: the learnt misfit, or the
                file's noise level.
            align, check: see `models.correspondence.check`; the posterior is in the model's frame, and with `align` it
                holds the uncertainty of the pose.

        Raises:
            ValueError: there is no noise level and no misfit, or it is zero; a model without spread.

        >>> import inface
        >>> model = inface.load_default_model("pca")
        >>> child = model.sample_meshes(1, seed=1)[0]
        >>> posterior = model.posterior(child, child.vertices[:, 1] > 0, noise_std=1)
        >>> len(posterior.sample_meshes(3, seed=0))
        3
        """
        return posterior_of(self, vertices, known, Options(noise_std=noise_std, align=align, check=check))

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
        prior_latent: `(K,)` the posterior mean in the prior model's code (of an autoencoder: its mode).
        prior_covariance: `(K, K)` the posterior covariance of that code (of an autoencoder: Laplace's).
        fine_std: `(V,)` mm, the fine part of the misfit that is in no mode; zero where white noise was given.
        pose: what brought the mesh into the model's frame, or None.
    """

    noise_std: float
    known: BoolArray
    prior_latent: FloatArray
    prior_covariance: FloatArray
    fine_std: FloatArray
    pose: Similarity | None

    @cached_property
    def vertex_std(self) -> FloatArray:
        """`(V, 3)` mm, standard deviation of the shape at each coordinate, misfit and pose included."""
        scaled = np.asarray(self.components, np.float64) ** 2
        modes = np.sqrt(self.eigenvalues @ scaled).reshape(-1, 3) * correspondence.UNITS[self.template.unit]
        return np.hypot(modes, self.fine_std[:, None])

    @property
    def predictive_std(self) -> FloatArray:
        """`(V, 3)` mm, the same with the noise that was given: the band in which a measured vertex is expected."""
        return self.vertex_std if self.fine_std.any() else np.hypot(self.vertex_std, self.noise_std)

    def sample_meshes(
        self,
        n: int | None = None,
        deviation_factor: float = 1,
        seed: int | None = None,
        *,
        num_samples: int | None = None,
    ) -> list[Mesh]:
        """`n` shapes that agree with what is known, the fine part of the misfit drawn too, as smooth noise."""
        meshes = super().sample_meshes(n, deviation_factor, seed, num_samples=num_samples)
        if not self.fine_std.any():
            return meshes
        rng = np.random.default_rng(None if seed is None else [7, seed])
        smooth = smoothing(len(self.mean_vertices), self.triangles)
        size = deviation_factor * self.fine_std[:, None] / correspondence.UNITS[self.template.unit]
        return [
            mesh.with_vertices(mesh.vertices + size * smooth(rng.standard_normal(size=(len(size), 3))))
            for mesh in meshes
        ]


def posterior_of(model: MorphableModel, vertices: Mesh | ArrayLike, known: ArrayLike, options: Options) -> Posterior:
    """The posterior of any model's whole shape; see `PCAMorphableModel.posterior`."""
    mask = correspondence.vertex_mask("known", known, len(model.mean_vertices))
    if not mask.any():
        raise ValueError("known: no vertex is known; at least one must be")
    if not np.any(np.asarray(model.latent.std) > 0):
        raise ValueError("posterior: the model's latents have no spread, so there is nothing to be uncertain about")
    came = correspondence.check(model.template, vertices, ~mask, align=options.align, check=options.check)
    if came.vertices.ndim != 2:
        raise ValueError(f"vertices: expected one shape (V, 3), got {came.vertices.shape}")
    noise, mm = model.joint.noise(options.noise_std), correspondence.UNITS[model.template.unit]
    if noise == 0:
        raise ValueError(
            "noise_std: a posterior needs a noise level above zero and the model carries none; pass noise_std='auto', "
            "or millimetres (0.5 to 2 is usual)"
        )
    moves = came.pose is not None
    joint = model.joint.fit(
        came.own_vertices,
        mask,
        came.pose or Similarity(),
        noise,
        moves=moves,
        scale=options.align == "similarity",
        starts=lambda moved: model.starts(moved, mask),
    )
    completion.require_convergence(joint.minimum.converged, joint.minimum.iterations)
    deviation, latent = joint.deviation, joint.minimum.latent
    mean = np.asarray(model.decode(latent), np.float64) + deviation.columns @ joint.field
    factor = deviation.factor(model.fitter.basis, mean)
    variances, turn = np.linalg.eigh((factor.T @ factor).astype(np.float64))
    variances, turn = variances[::-1], turn[:, ::-1]
    keep = variances > (1e-5 if factor.dtype == np.float32 else 1e-12) * variances[0]
    variances, turn = variances[keep], turn[:, keep]
    made = Posterior(
        components=((turn / np.sqrt(variances)).astype(factor.dtype).T @ factor.T),
        eigenvalues=variances,
        mean_vertices=mean.astype(model.mean_vertices.dtype),
        triangles=model.triangles,
        template=model.template,
        noise_std=0.0 if noise is None else noise * mm,
    )
    spread = np.asarray(model.fitter.latent_std)[:, None] * deviation.latent
    made.known, made.prior_latent, made.prior_covariance = mask, latent, spread @ spread.T
    made.fine_std = np.broadcast_to(deviation.fine * mm, len(mask))
    made.pose = joint.pose if moves else None
    return made
