"""What every model is and does: encode, decode, sample, edit, complete, save."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar, Literal, Unpack

import numpy as np
from numpy.typing import ArrayLike

from inface import _validate
from inface._validate import FloatArray, IntArray
from inface.codecs.mesh_html import turning_html
from inface.codecs.model_formats import (
    CARD_LIMIT,
    contents_hash,
    inface_h5,
)
from inface.compat import ModelNames
from inface.landmarks import LandmarkSet
from inface.mesh import Mesh
from inface.models import codes, completion, correspondence
from inface.models.completion import Completing
from inface.models.edits import BlockEdits
from inface.models.joint import NoiseLevel
from inface.models.latent import LatentSpace
from inface.models.network import stored_floats
from inface.models.parts import (
    ModelExtras,
    checked_calibration,
    checked_misfit,
    checked_noise,
    template_of,
    vertex_count,
)
from inface.models.saving import Saved


class MorphableModel(Completing, BlockEdits, Saved, ModelNames):
    """A shape model: latent codes `(..., K)` on one side, vertices `(..., V, 3)` of one topology on the other.

    Attributes:
        kind: "pca" or "autoencoder".
        mean_vertices: `(V, 3)` in `template.unit`, in the file's float type.
        triangles: `(T, 3)`, counter-clockwise from outside.
        template: the mean mesh with landmarks, regions (the file's `indices`), mirror pairs and unit.
        colors: `(V, 3)` in [0, 1], or None.
        latent: mean, spread and named blocks of the latent codes.
        dtype: float32 or float64, the weights' type, which codes and vertices come out in.
        noise_std: mm on each coordinate that the model's modes leave out of what it was made of, or None.
        misfit: how far shapes that it never saw lie from it (`models.misfit.Misfit`), or None when unknown.
        expressions: name -> code `(w,)` of the expression block.
        age_calibration: the way between age block and months, or None ("age code" only).
        card: what the model is: data, command, licence.
    """

    kind: ClassVar[str]
    projects: ClassVar[bool]  # whether a decoded shape has the code it was decoded from

    def __init_subclass__(cls) -> None:
        if "kind" in vars(cls):
            cls.kinds[cls.kind] = cls

    def __init__(
        self,
        mean_vertices: ArrayLike,
        triangles: ArrayLike | None,
        latent: LatentSpace,
        dtype: np.dtype,
        **extras: Unpack[ModelExtras],
    ) -> None:
        unknown = set(extras) - ModelExtras.__optional_keys__
        if unknown:
            raise TypeError(f"unknown argument '{min(unknown)}'")
        self.dtype = np.dtype(dtype)
        self.latent = latent
        self.mean_vertices = stored_floats("mean_vertices", mean_vertices)
        vertex_count(self.mean_vertices)
        self.template = template_of(self.mean_vertices, triangles, extras)
        self.mean_flat: FloatArray = self.mean_vertices.reshape(-1).astype(self.dtype, copy=False)
        self.noise_std = checked_noise(extras.get("noise_std"))
        self.misfit = checked_misfit(extras.get("misfit"), len(self.mean_vertices))
        self.expressions = self._expressions(extras.get("expressions", {}))
        self.age_calibration = checked_calibration(extras.get("age_calibration"), self.latent)
        self.card = {str(k): str(v) for k, v in extras.get("card", {}).items()}
        if sum(len(k) + len(v) for k, v in self.card.items()) > CARD_LIMIT:
            raise ValueError(f"card: expected at most {CARD_LIMIT} characters")

    def _expressions(self, given: Mapping[str, ArrayLike]) -> Mapping[str, FloatArray]:
        if not given:
            return {}
        block = self.latent.block("expression")
        made = {str(n): codes.block_code(f"expression '{n}'", c, block, len(self.latent)) for n, c in given.items()}
        for name, code in made.items():
            if code.ndim != 1:
                raise ValueError(f"expression '{name}': expected one code, got shape {code.shape}")
        return made

    def __repr__(self) -> str:
        blocks = ", ".join(f"{name} {b.stop - b.start}" for name, b in self.blocks.items())
        return (
            f"{type(self).__name__}({len(self.mean_vertices)} vertices, latent {len(self.latent)}"
            f"{f' = {blocks}' if blocks else ''}, {self.dtype})"
        )

    def _repr_html_(self) -> str:
        """The mean head, turning, in a notebook."""
        return turning_html(self.template.mesh, repr(self))

    @property
    def triangles(self) -> IntArray:
        """`(T, 3)` int32."""
        return self.template.mesh.triangles

    @property
    def colors(self) -> FloatArray | None:
        """`(V, 3)` in [0, 1], or None."""
        return self.template.mesh.colors

    @property
    def latent_mean(self) -> FloatArray:
        """`(K,)` mean of the latent codes."""
        return self.latent.mean

    @property
    def latent_std(self) -> FloatArray:
        """`(K,)` standard deviation of the latent codes."""
        return self.latent.std

    @property
    def blocks(self) -> Mapping[str, slice]:
        """Name -> slice of the latent code; empty when the model is not disentangled."""
        return self.latent.blocks

    @cached_property
    def hash(self) -> str:
        """Hash of weights, topology and everything that gives codes their meaning (not of card and misfit)."""
        return contents_hash(inface_h5.contents(replace(self.data(), misfit=None)))

    # --- codes and vertices

    def encode(
        self,
        vertices: Mesh | ArrayLike,
        unknown_vertex_mask: ArrayLike | None = None,
        invert_mask: bool = False,
        *,
        noise_std: NoiseLevel = None,
        align: bool | Literal["rigid", "similarity"] = False,
        check: bool = True,
        sigma: float = 0,
        num_components: int | None = None,
    ) -> FloatArray:
        """Latent code `(..., K)` of a mesh or of vertices `(..., V, 3)`, in the model's dtype.

        With a mask (booleans, 0/1 integers or vertex indices of what is unknown; of what is known with `invert_mask`)
        the code is fitted to the known vertices only, weighed by `noise_std` (mm; see `models.completion`). For
        `align`, `check` and the errors see `models.correspondence.check`; each shape of a batch is aligned by itself.

        `sigma` and `num_components` are the reference's, of PCA models and one shape: a penalty on undivided codes
        (`noise_std` is better), and how many components are fitted; `decode` takes a code of that length.

        Examples:
            >>> import inface
            >>> model = inface.load_default_model("pca")
            >>> child = model.sample_meshes(1, seed=1)[0]
            >>> code = model.encode(child)
            >>> bool(abs(model.decode(code) - child.vertices).max() < 1e-2)
            True
            >>> model.encode(child, unknown_vertex_mask=model.template.regions["nose"]).shape == code.shape
            True
        """
        if sigma or num_components is not None:
            return self.encode_as_published(vertices, unknown_vertex_mask, invert_mask, sigma, num_components)
        if align and not isinstance(vertices, Mesh) and np.ndim(vertices) > 2:
            shapes = np.asarray(vertices)
            codes = [
                self.encode(shape, unknown_vertex_mask, invert_mask, noise_std=noise_std, align=align, check=check)
                for shape in shapes.reshape(-1, *shapes.shape[-2:])
            ]
            return np.array(codes, self.dtype).reshape(*shapes.shape[:-2], len(self.latent))
        came = correspondence.check(
            self.template, vertices, unknown_vertex_mask, invert_mask=invert_mask, align=align, check=check
        )
        if came.known is None and came.pose is None:
            return self.encode_checked(came.vertices)
        return completion.encode_known(self, came, noise_std, align).astype(self.dtype, copy=False)

    def encode_as_published(
        self,
        vertices: Mesh | ArrayLike,
        unknown_vertex_mask: ArrayLike | None,
        invert_mask: bool,
        sigma: float,
        num_components: int | None,
    ) -> FloatArray:
        """`encode` with the reference's `sigma` and `num_components`; only a PCA model has it."""
        raise ValueError("sigma, num_components: only PCA models take them, whose components are in order")

    @abstractmethod
    def decode(self, latent: ArrayLike) -> FloatArray:
        """Vertices `(..., V, 3)` of latent codes `(..., K)`, in the model's dtype."""

    def decode_mesh(self, latent: ArrayLike) -> Mesh:
        """The mesh of one latent code `(K,)`, with the model's colours and landmarks.

        Examples:
            >>> import inface
            >>> model = inface.load_default_model("pca")
            >>> mesh = model.decode_mesh(model.latent_mean)
            >>> len(mesh.vertices) == len(model.mean_vertices), "prn" in mesh.landmarks.names
            (True, True)
        """
        vertices = self.decode(latent)
        if vertices.ndim != 2:
            raise ValueError(f"latent: expected one code ({len(self.latent)},), got shape {np.shape(latent)}")
        names = self.template.landmarks
        landmarks = LandmarkSet(tuple(names), vertices[list(names.values())]) if names else None
        return Mesh(vertices, self.triangles, self.colors, landmarks)

    def sample_latents(self, n: int, deviation_factor: float = 1, seed: int | None = None) -> FloatArray:
        """`(n, K)` codes from N(latent_mean, (deviation_factor * latent_std)^2); one seed, one result.

        Examples:
            >>> import inface
            >>> model = inface.load_default_model("pca")
            >>> model.sample_latents(3, seed=1).shape == (3, len(model.latent))
            True
        """
        if not n >= 0 or int(n) != n:
            raise ValueError(f"n: expected a whole number of samples, got {n}")
        if not np.isfinite(deviation_factor) or deviation_factor < 0:
            raise ValueError(f"deviation_factor: expected a number of zero or more, got {deviation_factor}")
        noise = np.random.default_rng(seed).standard_normal((int(n), len(self.latent)))
        return (self.latent_mean + deviation_factor * self.latent_std * noise).astype(self.dtype)

    def sample_meshes(
        self,
        n: int | None = None,
        deviation_factor: float = 1,
        seed: int | None = None,
        *,
        num_samples: int | None = None,
    ) -> list[Mesh]:
        """`n` random meshes (the reference's scripts say `num_samples=`); see `sample_latents`.

        Examples:
            >>> import inface
            >>> model = inface.load_default_model("pca")
            >>> len(model.sample_meshes(2, deviation_factor=0.5, seed=1))
            2
        """
        if (n is None) == (num_samples is None):
            raise TypeError("sample_meshes: give the number of meshes, once")
        count: Any = num_samples if n is None else n
        return [self.decode_mesh(code) for code in self.sample_latents(count, deviation_factor, seed)]

    @property
    @abstractmethod
    def is_linear(self) -> bool:
        """True when `decode` is a matrix product and a mean, so that modes add up (morph targets)."""

    def mode_offsets(self, count: int, deviations: float = 1) -> FloatArray:
        """`(count, V, 3)`: what `deviations` standard deviations of each of the first latent entries move."""
        if not 0 <= count <= len(self.latent):
            raise ValueError(f"count: expected 0 to {len(self.latent)} modes, got {count}")
        steps = deviations * np.diag(np.asarray(self.latent_std, np.float64))[:count]
        return self.decode(self.latent_mean + steps) - self.decode(self.latent_mean)

    @abstractmethod
    def encode_checked(self, vertices: FloatArray, skip: frozenset[str] = frozenset()) -> FloatArray:
        """Codes `(..., K)` of checked vertices `(..., V, 3)`; entries of the blocks in `skip` are left at zero and
        cost nothing where the model can help it."""

    def _common_data(self) -> dict[str, Any]:
        """What a file says of every kind of model."""
        t, age = self.template, self.age_calibration
        return {
            "mean_vertices": self.mean_vertices,
            "triangles": t.mesh.triangles,
            "colors": t.mesh.colors,
            "regions": t.regions,
            "landmarks": t.landmarks,
            "mirror": t.mirror,
            "unit": t.unit,
            "blocks": self.latent.blocks,
            "noise_std": self.noise_std,
            "misfit": None if self.misfit is None else vars(self.misfit),
            "expressions": self.expressions,
            "age": None if age is None else (age.direction, age.codes, age.months),
            "card": self.card,
        }

    def _flat(self, vertices: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Vertices flattened to `(..., 3V)`, and the mean `(3V,)` to be taken off them, in the wider of both types."""
        flat = vertices.reshape(*vertices.shape[:-2], len(self.mean_flat))
        return flat, self.mean_flat if flat.dtype == self.dtype else self.mean_vertices.reshape(-1)

    def _codes(self, latent: ArrayLike) -> FloatArray:
        """Checked latent codes `(..., K)` in the model's dtype."""
        return _validate.finite("latent", _validate.floats("latent", latent, (len(self.latent),), dtype=self.dtype))

    # --- the whole model

    def with_extras(self, **extras: Unpack[ModelExtras]) -> MorphableModel:
        """The same model with other colours, expressions, age calibration, card, ...; see `ModelExtras`.

        Examples:
            >>> import inface
            >>> model = inface.load_default_model("pca")
            >>> named = model.with_extras(card={"data": "synthetic children"})
            >>> named.card["data"], named.hash == model.hash  # a card says what a model is and changes no code
            ('synthetic children', True)
        """
        return self._copy(**(self._extras() | extras))

    def _extras(self) -> ModelExtras:
        """All extras, with the parts of the template one by one."""
        return {
            "landmarks": self.template.landmarks,
            "regions": self.template.regions,
            "mirror": self.template.mirror,
            "unit": self.template.unit,
            "colors": self.colors,
            "noise_std": self.noise_std,
            "misfit": self.misfit,
            "expressions": self.expressions,
            "age_calibration": self.age_calibration,
            "card": self.card,
        }

    @abstractmethod
    def _copy(self, **extras: Unpack[ModelExtras]) -> MorphableModel:
        """The same weights with these extras."""

    def visualize(self, **options: Any) -> Any:
        """Open the browser viewer with sliders for the latent blocks (needs the extra `viewer`)."""
        from inface import viewer

        return viewer.view(self, **options)

    def to_torch(self, **options: Any) -> Any:
        """The model as a PyTorch module: `inface.torch_layer.InfaceLayer(self, **options)` (extra `train`)."""
        from inface.torch_layer import InfaceLayer

        return InfaceLayer(self, **options)
