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
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike

from inface._validate import BoolArray, FloatArray, IntArray
from inface.errors import ConvergenceError
from inface.fitting import Fit, LinearFitter, NetworkFitter
from inface.geometry.deform import FillKind, SmoothFill
from inface.mesh import Mesh
from inface.models import correspondence
from inface.models.joint import JointFits, NoiseLevel
from inface.models.latent import LatentSpace
from inface.models.misfit import Misfit
from inface.models.reconstruction import Completion, Options, Reconstruction
from inface.template import Template
from inface.transforms import Similarity


class Completing(ABC):
    """What a model does with a partly known mesh, and what it must offer for that."""

    template: Template
    latent: LatentSpace
    noise_std: float | None
    misfit: Misfit | None
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

    @abstractmethod
    def starts(self, vertices: FloatArray, known: BoolArray) -> list[FloatArray]:
        """Codes from which an iterative fit to the known of checked vertices `(V, 3)` may set out."""

    @cached_property
    def joint(self) -> JointFits:
        """Fits in which pose and misfit are unknown too; kept, with what they need of the masks used last."""
        mm = correspondence.UNITS[self.template.unit]
        return JointFits(self.fitter, self.mean_vertices, self.misfit, self.noise_std, mm)

    def check(
        self,
        shape: Any,
        mask: ArrayLike | None = None,
        *,
        invert_mask: bool = False,
        align: bool | str = False,
        check: bool = True,
    ) -> correspondence.Checked:
        """`correspondence.check`; with `align`, in the pose that goes best with the model, not with its mean alone."""
        came = correspondence.check(self.template, shape, mask, invert_mask=invert_mask, align=align, check=check)
        return came if came.pose is None else posed(self, came, scale=align == "similarity")

    def spread(self, done: Completion, matched: bool) -> FloatArray | None:
        """Standard deviation `(V, 3)` of a completed mesh in its own frame and the model's unit; None where unknown."""
        fit, pose = done.fit, done.came.pose
        if fit.joint is None:
            factor = fit.covariance_factor
            return None if factor is None else self.fitter.basis.spread(factor).reshape(-1, 3)
        turn = None if pose is None else pose.rotation.T / pose.scale
        std = fit.joint.deviation.std(self.fitter.basis, done.shape, turn)
        if matched:
            std[done.came.known] = 0.0
        return std

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
        noise_std: NoiseLevel = None,
        align: bool | Literal["rigid", "similarity"] = False,
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
        noise_std: NoiseLevel = None,
        align: bool | Literal["rigid", "similarity"] = False,
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
        spread = self.spread(done, options.fill is not None)
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
    came, fit = fitted(model, came, options)
    shape = whole = model.decode(fit.latent)
    if fit.joint is not None and len(fit.joint.field):
        whole = shape + fit.joint.deviation.columns @ fit.joint.field
    return Completion(came, fit, shape, _matched(model, mesh, came, whole, kind))


def fitted(model: Completing, came: correspondence.Checked, options: Options) -> tuple[correspondence.Checked, Fit]:
    """The code of one checked shape `(V, 3)`, and the shape in the pose that was found with it."""
    noise, scale = model.joint.noise(options.noise_std), options.align == "similarity"
    known, moves = came.known, came.pose is not None
    if moves and (known is None or noise == 0):
        came = posed(model, came, scale=scale)
    if known is None:
        return came, _whole(model, came.vertices, options)
    if noise == 0 or (model.projects and noise is not None and not moves):
        return came, model.fit_known(came.vertices, known, noise)
    own, start = came.own_vertices, came.pose or Similarity()
    joint = model.joint.fit(
        own, known, start, noise, moves=moves, scale=scale, starts=lambda moved: model.starts(moved, known)
    )
    found = joint.minimum
    fit = Fit(
        found.latent.astype(model.latent.mean.dtype, copy=False),
        len(found.latent),
        np.array(found.converged),
        np.array(found.iterations),
        condition=joint.condition,
        joint=joint,
    )
    return (came.posed(joint.pose) if moves else came), fit


def posed(model: Completing, came: correspondence.Checked, *, scale: bool = False) -> correspondence.Checked:
    """The shape in the pose that goes best with the model, its prior and its misfit."""
    assert came.pose is not None
    known = came.known if came.known is not None else np.ones(len(came.vertices), bool)
    pose = model.joint.pose(
        came.own_vertices, known, came.pose, scale=scale, starts=lambda moved: model.starts(moved, known)
    )
    return came.posed(pose)


def encode_known(
    model: Completing, came: correspondence.Checked, noise_std: NoiseLevel, align: bool | str = False
) -> FloatArray:
    """Codes `(..., K)` of checked vertices `(..., V, 3)`, fitted to the known ones.

    Raises `ConvergenceError` where an autoencoder's fit did not settle.
    """
    noise, shapes = model.joint.noise(noise_std), came.vertices
    at_once = noise == 0 or (noise is not None and model.projects)
    if came.pose is None and noise is not None and at_once and came.known is not None:
        fit = model.fit_known(shapes, came.known, noise)
        require_convergence(fit.converged, fit.iterations)
        return fit.latent
    codes = []
    for one in shapes.reshape(-1, *shapes.shape[-2:]):
        _, fit = fitted(model, replace(came, vertices=one), Options(noise_std=noise_std, align=align))
        require_convergence(fit.converged, fit.iterations)
        codes.append(fit.latent)
    return np.array(codes).reshape(*shapes.shape[:-2], -1)


def require_convergence(converged: BoolArray | bool, iterations: np.ndarray | int) -> None:
    """Raise `ConvergenceError` where a fit did not settle."""
    failed = int(np.size(converged) - np.count_nonzero(converged))
    if failed:
        raise ConvergenceError(
            f"the autoencoder's fit to the known vertices did not settle for {failed} of {np.size(converged)} meshes "
            f"in {np.max(iterations)} steps; give a noise level, or use reconstruct, which returns the best so far"
        )


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
