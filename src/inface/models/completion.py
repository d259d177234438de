"""Whole shapes from known vertices: what the models' `encode` with a mask, `reconstruct*` and `posterior` do.

| model | code of a partly known mesh |
|---|---|
| PCA, no noise level | least squares on the known coordinates, as published |
| PCA, noise level of the file or the caller | posterior mean [albrecht2013, eq. 7] |
| autoencoder | latent whose decoded shape is nearest to the known vertices, weighed against the latent prior |

A mesh without unknown vertices is encoded as published: projection, or the encoders. What stands in unknown vertices is
never looked at. Factors of the masks used last are kept with the model.
"""

from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import get_args
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike

from inface._validate import BoolArray, FloatArray
from inface.errors import ConvergenceError
from inface.fitting import LinearFitter, NetworkFitter
from inface.geometry.deform import FillKind, SmoothFill
from inface.mesh import Mesh
from inface.models import door
from inface.models.autoencoder import AEMorphableModel
from inface.models.base import MorphableModel
from inface.models.pca import PCAMorphableModel
from inface.models.results import Posterior, Reconstruction


@dataclass(frozen=True, eq=False)
class _Code:
    """Codes of a partial fit and how it went; see `Reconstruction`."""

    latent: FloatArray
    converged: BoolArray
    iterations: int = 0
    condition: float = float("nan")
    rank: int = 0
    covariance_factor: FloatArray | None = None


class _Workshop:
    """What is kept for a model between calls: its fitter and its fill, each with the factors of recent masks."""

    def __init__(self, model: MorphableModel) -> None:
        mean, latent = model.mean_vertices, model.latent
        self.fitter: LinearFitter | NetworkFitter
        if isinstance(model, PCAMorphableModel):
            self.fitter = LinearFitter(model.components, mean, latent.mean, latent.std)
        elif isinstance(model, AEMorphableModel):
            net = model.decoder
            self.fitter = NetworkFitter(net.weights, net.biases, net.slope, mean, latent.mean, latent.std)
        else:
            raise TypeError(f"no partial fit is known for a {type(model).__name__}; encode whole meshes")
        self._triangles, self._count = model.triangles, len(mean)

    @cached_property
    def fill(self) -> SmoothFill:
        return SmoothFill(self._count, self._triangles)


_workshops: WeakKeyDictionary[MorphableModel, _Workshop] = WeakKeyDictionary()
_lock = Lock()


def _workshop(model: MorphableModel) -> _Workshop:
    with _lock:
        if model not in _workshops:
            _workshops[model] = _Workshop(model)
        return _workshops[model]


def encode_known(
    model: MorphableModel, vertices: FloatArray, known: BoolArray, noise_std: float | None = None
) -> FloatArray:
    """Codes `(..., K)` of vertices `(..., V, 3)` in the model's frame, fitted to the mask of known vertices `(V,)`.

    Args:
        noise_std: mm on each coordinate; None: the file's. Zero or none at all: least squares (PCA), or a prior that
            decides only what the known vertices leave open (autoencoder).

    Raises:
        ConvergenceError: an autoencoder's fit did not settle.
    """
    code = _fit(model, vertices, known, _noise(model, noise_std))
    _require_convergence(code)
    return code.latent


def reconstruct_mesh(
    model: MorphableModel,
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
) -> Mesh | tuple[Mesh, FloatArray]:
    """The mesh as the model sees it, its unknown vertices filled in; with `return_latent` also the code `(K,)`.

    Args: see `reconstruct`. Raises `ConvergenceError` where `reconstruct` would say `converged=False`.
    """
    arrival, code, vertices, _ = _reconstruct(
        model, mesh, unknown_vertex_mask, invert_mask, back_match_known_vertices, repeat, noise_std, align, check
    )
    _require_convergence(code)
    result = _result(model, arrival, vertices)
    return (result, code.latent) if return_latent else result


def reconstruct(
    model: MorphableModel,
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
        repeat: start again from the last reconstruction this many times. An autoencoder without mask encodes its own
            output again; a fit to known vertices and a projection are where they end already, so nothing changes.
        noise_std: mm on each coordinate; None: the file's; 0: plain least squares.
        align, check: see `models.door.admit`; the result is in the mesh's own frame.

    Raises:
        CorrespondenceError, ValueError: what the door refuses.
        ConvergenceError: back matching of a hole without known neighbour.
    """
    arrival, code, vertices, model_shape = _reconstruct(
        model, mesh, unknown_vertex_mask, invert_mask, back_match_known_vertices, repeat, noise_std, align, check
    )
    known = arrival.known if arrival.known is not None else np.ones(len(vertices), bool)
    unit = door.UNITS[model.template.unit]
    residual = np.full(len(known), np.nan)
    residual[known] = np.linalg.norm(arrival.vertices[known] - model_shape[known], axis=1) * unit
    spread = None
    if code.covariance_factor is not None:
        spread = _workshop(model).fitter.basis.spread(code.covariance_factor).reshape(-1, 3) * unit
    return Reconstruction(
        mesh=_result(model, arrival, vertices),
        latent=code.latent,
        known=known,
        residual=residual,
        vertex_std=spread,
        converged=bool(code.converged),
        iterations=code.iterations,
        condition=code.condition,
        rank=code.rank,
        pose=arrival.pose,
    )


def posterior(
    model: PCAMorphableModel,
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
        align, check: see `models.door.admit`; the posterior is in the model's frame.

    Raises:
        ValueError: no noise level is given, or it is zero.
    """
    mask = door.vertex_mask("known", known, len(model.mean_vertices))
    if not mask.any():
        raise ValueError("known: no vertex is known; at least one must be")
    arrival = door.admit(model.template, vertices, ~mask, align=align, check=check)
    if arrival.vertices.ndim != 2:
        raise ValueError(f"vertices: expected one shape (V, 3), got {arrival.vertices.shape}")
    noise = _noise(model, noise_std)
    if noise == 0:
        raise ValueError(
            "noise_std: a posterior needs a noise level above zero and the model carries none; pass noise_std=... "
            "in millimetres (0.5 to 2 is usual)"
        )
    fitter = _workshop(model).fitter
    assert isinstance(fitter, LinearFitter)
    fit = fitter.fit(arrival.vertices, mask, noise)
    return Posterior(model, fitter, fit, mask, noise * door.UNITS[model.template.unit])


def _reconstruct(
    model: MorphableModel,
    mesh: Mesh | ArrayLike,
    mask: ArrayLike | None,
    invert_mask: bool,
    back_match: bool | str,
    repeat: int,
    noise_std: float | None,
    align: bool,
    check: bool,
) -> tuple[door.Arrival, _Code, FloatArray, FloatArray]:
    """What came, its code, the result in the mesh's own frame, and the model's shape in the model's frame."""
    if int(repeat) != repeat or repeat < 1:
        raise ValueError(f"repeat: expected a whole number of 1 or more, got {repeat}")
    kind: FillKind | None = "harmonic" if back_match is True else back_match or None  # type: ignore[assignment]
    if kind not in (None, *get_args(FillKind)):
        raise ValueError(f"back_match_known_vertices: expected True, {' or '.join(get_args(FillKind))}, got {kind!r}")
    arrival = door.admit(model.template, mesh, mask, invert_mask=invert_mask, align=align, check=check)
    if arrival.vertices.ndim != 2:
        raise ValueError(f"mesh: expected one mesh (V, 3), got {arrival.vertices.shape}; reconstruct one by one")
    noise = _noise(model, noise_std)
    if arrival.known is None:
        latent = model._encode(arrival.vertices)
        for _ in range(int(repeat) - 1 if model.kind != "pca" else 0):
            latent = model._encode(model.decode(latent))
        code = _Code(latent, np.array(True), condition=1.0, rank=len(model.latent))
    else:
        code = _fit(model, arrival.vertices, arrival.known, noise)
    shape = model.decode(code.latent)
    if kind is None:
        return arrival, code, arrival.home(shape), shape
    came = mesh.vertices if isinstance(mesh, Mesh) else np.asarray(mesh)
    if arrival.known is None:
        return arrival, code, came, shape
    matched = arrival.home(_workshop(model).fill.back_match(shape, arrival.vertices, arrival.known, kind))
    if arrival.pose is not None:  # to the last bit what came, not what came back from the model's frame
        np.copyto(matched, came, where=arrival.known[:, None])
    return arrival, code, matched, shape


def _fit(model: MorphableModel, vertices: FloatArray, known: BoolArray, noise: float) -> _Code:
    fitter = _workshop(model).fitter
    if isinstance(fitter, LinearFitter):
        fit = fitter.fit(vertices, known, noise)
        return _Code(
            fit.latent.astype(model.dtype, copy=False),
            np.ones(vertices.shape[:-2], bool),
            condition=fit.condition,
            rank=fit.rank,
            covariance_factor=fit.covariance_factor,
        )
    filled = np.where(known[:, None], vertices, model.mean_vertices)
    result = fitter.fit(vertices, known, noise, starts=[model._encode(filled)])
    return _Code(
        result.latent.astype(model.dtype, copy=False),
        result.converged,
        iterations=int(result.iterations.max(initial=0)),
        rank=len(model.latent),
    )


def _noise(model: MorphableModel, noise_std: float | None) -> float:
    """The noise level in the model's unit; 0 when there is none."""
    noise = model.noise_std if noise_std is None else noise_std
    if noise is None:
        return 0.0
    if not (np.isfinite(noise) and noise >= 0):
        raise ValueError(f"noise_std: expected a number of zero or more (mm), got {noise}")
    return float(noise) / door.UNITS[model.template.unit]


def _require_convergence(code: _Code) -> None:
    failed = int(np.size(code.converged) - np.count_nonzero(code.converged))
    if failed:
        raise ConvergenceError(
            f"the autoencoder's fit to the known vertices did not settle for {failed} of {np.size(code.converged)} "
            f"meshes in {code.iterations} steps; give a noise level, or use reconstruct, which returns the best so far"
        )


def _result(model: MorphableModel, arrival: door.Arrival, vertices: FloatArray) -> Mesh:
    """A mesh of these vertices with the colours and landmarks of the one that came, and all triangles."""
    mesh = arrival.mesh
    if mesh is None:
        return Mesh(vertices, model.triangles)
    if mesh.landmarks is not None and arrival.known is not None:  # anchored to what is known alone
        mesh = Mesh(
            np.where(arrival.known[:, None], mesh.vertices, np.nan), mesh.triangles, mesh.colors, mesh.landmarks
        )
    moved = mesh.with_vertices(vertices)
    if len(mesh.triangles) == len(model.triangles):
        return moved
    return Mesh(moved.vertices, model.triangles, moved.colors, moved.landmarks)
