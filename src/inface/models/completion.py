"""Whole shapes from known vertices: what the models' `encode` with a mask and `reconstruct*` do.

| model | code of a partly known mesh |
|---|---|
| PCA, no noise level | least squares on the known coordinates, as published |
| PCA, noise level of the file or the caller | posterior mean [albrecht2013, eq. 7] |
| autoencoder | latent whose decoded shape is nearest to the known vertices, weighed against the latent prior |

A mesh without unknown vertices is encoded as published: projection, or the encoders. What stands in unknown vertices is
never looked at. Factors of the masks used last are kept with the model.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, get_args

import numpy as np
from numpy.typing import ArrayLike

from inface._validate import BoolArray, FloatArray, IntArray
from inface.codecs.mesh_html import turning_html
from inface.errors import ConvergenceError
from inface.fitting import Fit, LinearFitter, NetworkFitter
from inface.geometry.deform import FillKind, SmoothFill
from inface.mesh import Mesh
from inface.models import correspondence
from inface.models.latent import LatentSpace
from inface.models.parts import checked_noise
from inface.template import Template
from inface.transforms import Similarity


@dataclass(frozen=True)
class Options:
    """How a mesh is completed; see `MorphableModel.reconstruct`."""

    back_match: bool | str = False
    repeat: int = 1
    noise_std: float | None = None
    align: bool = False
    check: bool = True

    @property
    def fill(self) -> FillKind | None:
        """The kind of back matching, or None; `ValueError` for an unknown one."""
        kind = "harmonic" if self.back_match is True else self.back_match or None
        if kind not in (None, *get_args(FillKind)):
            raise ValueError(
                f"back_match_known_vertices: expected True, {' or '.join(get_args(FillKind))}, got {kind!r}"
            )
        return kind  # type: ignore[return-value]


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """A mesh completed by a model.

    Attributes:
        mesh: the result, in the frame of the mesh that came, with its colours; unknown vertices are filled in.
        latent: `(K,)` the model's code, in its dtype.
        known: `(V,)` the vertices that were used.
        residual: `(V,)` mm between the model's shape (before back matching) and the mesh; NaN where unknown.
        vertex_std: `(V, 3)` mm, posterior standard deviation of the model's shape in the model's frame; for PCA models
            with a noise level and unknown vertices, else None. See `Posterior` for the whole distribution.
        converged: whether the fit settled; always True for PCA.
        iterations: steps of an autoencoder's fit; 0 where none was needed.
        condition: of the PCA fit's scaled normal matrix; beyond about 1e8 the known vertices hardly determine the code,
            and a noise level is advisable. NaN for other models, 1 when all is known.
        rank: latent directions the known vertices determine; under K, the code is the smallest that fits. Autoencoders:
            K.
        pose: the rigid motion that brought the mesh into the model's frame (`align=True`), or None.
    """

    mesh: Mesh
    latent: FloatArray
    known: BoolArray
    residual: FloatArray
    vertex_std: FloatArray | None
    converged: bool
    iterations: int
    condition: float
    rank: int
    pose: Similarity | None

    def __repr__(self) -> str:
        return f"Reconstruction({self.mesh!r}, latent {len(self.latent)}, residual {self.residual_mean:.2g} mm)"

    def _repr_html_(self) -> str:
        """The result, turning, in a notebook."""
        return turning_html(self.mesh, repr(self))

    @property
    def residual_mean(self) -> float:
        """Mean distance over the known vertices, mm."""
        return float(np.nanmean(self.residual))

    @property
    def residual_rms(self) -> float:
        """Root mean square distance over the known vertices, mm."""
        return float(np.sqrt(np.nanmean(self.residual**2)))


@dataclass(frozen=True, eq=False)
class Completion:
    """What came, the fit to it, the model's shape `(V, 3)` in the model's frame, and the result in the mesh's own."""

    came: correspondence.Checked
    fit: Fit
    shape: FloatArray
    vertices: FloatArray


class Completing(ABC):
    """What a model does with a partly known mesh, and what it must offer for that."""

    template: Template
    latent: LatentSpace
    noise_std: float | None
    projects: ClassVar[bool]
    mean_vertices: FloatArray

    @property
    @abstractmethod
    def triangles(self) -> IntArray: ...

    @abstractmethod
    def decode(self, latent: ArrayLike) -> FloatArray: ...

    @abstractmethod
    def encode_checked(self, vertices: FloatArray, skip: frozenset[str] = frozenset()) -> FloatArray: ...

    @property
    @abstractmethod
    def fitter(self) -> LinearFitter | NetworkFitter:
        """What fits codes to known vertices; kept, with the factors of the masks used last."""

    @abstractmethod
    def fit_known(self, vertices: FloatArray, known: BoolArray, noise: float) -> Fit:
        """Codes of checked vertices `(..., V, 3)` from the known ones `(V,)`; `noise` in the model's unit, 0: none."""

    def spread(self, fit: Fit) -> FloatArray | None:
        """Standard deviation `(V, 3)` of the shape of a fit, in the model's unit; None where it has none."""
        factor = fit.covariance_factor
        return None if factor is None else self.fitter.basis.spread(factor).reshape(-1, 3)

    @cached_property
    def fill(self) -> SmoothFill:
        """What carries the residual of known vertices into holes; kept, with the factors of the masks used last."""
        return SmoothFill(len(self.mean_vertices), self.triangles)

    # options: the reference's positions, and ours by keyword
    def reconstruct_mesh(
        self,
        mesh: Mesh,
        unknown_vertex_mask: ArrayLike | None = None,
        invert_mask: bool = False,
        back_match_known_vertices: bool | FillKind = False,
        repeat: int = 1,
        return_latent: bool = False,
        *,
        noise_std: float | None = None,
        align: bool = False,
        check: bool = True,
    ) -> Any:
        """The mesh as the model sees it, its unknown vertices filled in; with `return_latent` also the code `(K,)`.

        For the arguments see `reconstruct`; raises `ConvergenceError` where that would say `converged=False`.

        >>> import inface
        >>> model = inface.load_default_model("pca")
        >>> child = model.sample_meshes(1, seed=1)[0]
        >>> upper = child.vertices[:, 1] > 0
        >>> model.reconstruct_mesh(child, ~upper, back_match_known_vertices=True).vertices.shape == child.vertices.shape
        True
        """
        options = Options(back_match_known_vertices, repeat, noise_std, align, check)
        done = complete(self, mesh, unknown_vertex_mask, invert_mask, options)
        require_convergence(done.fit.converged, done.fit.iterations)
        result = done.came.mesh_of(done.vertices, self.triangles)
        return (result, done.fit.latent) if return_latent else result

    def reconstruct(
        self,
        mesh: Mesh,
        unknown_vertex_mask: ArrayLike | None = None,
        invert_mask: bool = False,
        back_match_known_vertices: bool | FillKind = False,
        repeat: int = 1,
        *,
        noise_std: float | None = None,
        align: bool = False,
        check: bool = True,
    ) -> Reconstruction:
        """The mesh as the model sees it, its unknown vertices filled in, with all that is known of the fit.

        Args:
            mesh: one mesh, or vertices `(V, 3)`, in correspondence with the model.
            unknown_vertex_mask: booleans, 0/1 integers of length V, or vertex indices; None: all known.
            invert_mask: the mask names the known vertices instead.
            back_match_known_vertices: keep the known vertices exactly and add a smooth fill of their residual to the
                others: True or "harmonic" (as in the reference), or "biharmonic" (no crease at the rim).
            repeat: start again from the last reconstruction this many times. An autoencoder without mask encodes its
                own output again; a fit to known vertices and a projection are where they end already, so nothing
                changes.
            noise_std: mm on each coordinate; None: the file's; 0: plain least squares.
            align, check: see `models.correspondence.check`; the result is in the mesh's own frame.

        Raises:
            CorrespondenceError, ValueError: what `models.correspondence.check` refuses.
            ConvergenceError: back matching of a hole without known neighbour.

        >>> import inface
        >>> model = inface.load_default_model("pca")
        >>> child = model.sample_meshes(1, seed=1)[0]
        >>> result = model.reconstruct(child, child.vertices[:, 1] < 0, back_match_known_vertices=True)
        >>> result.vertex_std.shape == child.vertices.shape
        True
        """
        options = Options(back_match_known_vertices, repeat, noise_std, align, check)
        done = complete(self, mesh, unknown_vertex_mask, invert_mask, options)
        came, fit, mm = done.came, done.fit, correspondence.UNITS[self.template.unit]
        known = came.known if came.known is not None else np.ones(len(done.shape), bool)
        residual = np.full(len(known), np.nan)
        residual[known] = np.linalg.norm(came.vertices[known] - done.shape[known], axis=1) * mm
        spread = self.spread(fit)
        return Reconstruction(
            mesh=came.mesh_of(done.vertices, self.triangles),
            latent=fit.latent,
            known=known,
            residual=residual,
            vertex_std=None if spread is None else spread * mm,
            converged=bool(fit.converged),
            iterations=int(np.max(fit.iterations, initial=0)),
            condition=fit.condition,
            rank=fit.rank,
            pose=came.pose,
        )


def complete(model: Completing, mesh: Any, mask: ArrayLike | None, invert_mask: bool, options: Options) -> Completion:
    """The one way from a mesh with unknown vertices to a whole one; see `MorphableModel.reconstruct`."""
    if int(options.repeat) != options.repeat or options.repeat < 1:
        raise ValueError(f"repeat: expected a whole number of 1 or more, got {options.repeat}")
    kind = options.fill
    came = correspondence.check(
        model.template, mesh, mask, invert_mask=invert_mask, align=options.align, check=options.check
    )
    if came.vertices.ndim != 2:
        raise ValueError(f"mesh: expected one mesh (V, 3), got {came.vertices.shape}; reconstruct one by one")
    noise = noise_in_unit(model, options.noise_std)
    if came.known is None:
        fit = _whole(model, came.vertices, options)
    else:
        fit = model.fit_known(came.vertices, came.known, noise)
    shape = model.decode(fit.latent)
    return Completion(came, fit, shape, _matched(model, mesh, came, shape, kind))


def encode_known(model: Completing, vertices: FloatArray, known: BoolArray, noise_std: float | None) -> FloatArray:
    """Codes `(..., K)` of vertices `(..., V, 3)` in the model's frame, fitted to the mask of known vertices `(V,)`.

    Raises `ConvergenceError` where an autoencoder's fit did not settle.
    """
    fit = model.fit_known(vertices, known, noise_in_unit(model, noise_std))
    require_convergence(fit.converged, fit.iterations)
    return fit.latent


def require_convergence(converged: BoolArray | bool, iterations: np.ndarray | int) -> None:
    """Raise `ConvergenceError` where a fit did not settle."""
    failed = int(np.size(converged) - np.count_nonzero(converged))
    if failed:
        raise ConvergenceError(
            f"the autoencoder's fit to the known vertices did not settle for {failed} of {np.size(converged)} meshes "
            f"in {np.max(iterations)} steps; give a noise level, or use reconstruct, which returns the best so far"
        )


def noise_in_unit(model: Completing, noise_std: float | None) -> float:
    """The noise level in the model's unit; 0 when there is none."""
    noise = checked_noise(model.noise_std if noise_std is None else noise_std)
    return 0.0 if noise is None else noise / correspondence.UNITS[model.template.unit]


def _whole(model: Completing, vertices: FloatArray, options: Options) -> Fit:
    latent = model.encode_checked(vertices)
    for _ in range(0 if model.projects else int(options.repeat) - 1):
        latent = model.encode_checked(model.decode(latent))
    return Fit(latent, len(model.latent), np.array(True), np.array(0), condition=1.0)


def _matched(
    model: Completing, mesh: Any, came: correspondence.Checked, shape: FloatArray, kind: FillKind | None
) -> FloatArray:
    """The result `(V, 3)` in the mesh's own frame."""
    if kind is None:
        return came.to_own_frame(shape)
    own = mesh.vertices if isinstance(mesh, Mesh) else np.asarray(mesh)
    if came.known is None:
        return own
    matched = came.to_own_frame(model.fill.back_match(shape, came.vertices, came.known, kind))
    if came.pose is not None:  # to the last bit what came, not what came back from the model's frame
        np.copyto(matched, own, where=came.known[:, None])
    return matched
