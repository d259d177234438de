"""What is asked of a completion, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np

from inface._validate import BoolArray, FloatArray
from inface.codecs.mesh_html import turning_html
from inface.fitting import Fit
from inface.geometry.deform import FillKind
from inface.mesh import Mesh
from inface.models import correspondence
from inface.models.joint import NoiseLevel
from inface.transforms import Similarity


@dataclass(frozen=True)
class Options:
    """How a mesh is completed; see `MorphableModel.reconstruct`."""

    back_match: bool | str = False
    repeat: int = 1
    noise_std: NoiseLevel = None
    align: bool | str = False
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
