"""Fits of a model in which pose and misfit are unknown too: which misfit is taken, and what is kept between calls."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from inface._cache import Recent
from inface._validate import BoolArray, FloatArray
from inface.fitting import LinearFitter, NetworkFitter
from inface.fitting.field import SmoothFields
from inface.fitting.joint import JointFit, JointFitter
from inface.fitting.misfit import MisfitArrays
from inface.models.misfit import Misfit, cluster_of, guessed
from inface.models.parts import checked_noise
from inface.transforms import Similarity

NoiseLevel = float | None | Literal["auto"]
KEPT = 4
CAUTION = 2.0  # of clusters read off one mesh: patches see only what is alike within them
POSE_CLUSTER = 200.0  # where only the pose is asked for: neighbours that count as one


@dataclass(frozen=True, eq=False)
class JointFits:
    """The joint fits of one model.

    Attributes:
        fitter: of the model.
        points: `(V, 3)` its mean shape.
        misfit: what was learnt of it, or None.
        noise_std: mm, or None; what the file says.
        mm: millimetres in one unit of the model.
    """

    fitter: LinearFitter | NetworkFitter
    points: FloatArray
    misfit: Misfit | None
    noise_std: float | None
    mm: float

    @cached_property
    def fields(self) -> SmoothFields:
        """Smooth fields over the model's mean."""
        return SmoothFields(np.asarray(self.points, np.float64))

    @cached_property
    def _believed(self) -> MisfitArrays:
        count = len(self.fitter.latent_mean)
        return guessed(self.fields, self.mm) if self.misfit is None else self.misfit.arrays(self.fields, self.mm, count)

    @cached_property
    def _fitters(self) -> Recent:
        return Recent(KEPT)

    def noise(self, asked: NoiseLevel) -> float | None:
        """The white noise to be taken, in the model's unit (0: none), or None for the misfit.

        Raises `ValueError` for a level below zero, NaN, infinity or another word than "auto".
        """
        if isinstance(asked, str):
            if asked != "auto":
                raise ValueError(f"noise_std: expected millimetres, None or 'auto', got {asked!r}")
            return None
        if asked is None:
            if self.misfit is not None:
                return None
            asked = self.noise_std
        noise = checked_noise(asked)
        return 0.0 if noise is None else noise / self.mm

    def fit(
        self, vertices: FloatArray, known: BoolArray, start: Similarity, noise: float | None, **options
    ) -> JointFit:
        """Latent, pose and misfit of one shape; `noise` as `noise` gives it; options as of `JointFitter.fit`."""
        believed = self._believed if noise is None else MisfitArrays.white(len(self.points), noise)
        fitter = self._fitters.get(("whole", noise), lambda: JointFitter(self.fitter, believed))
        fit = fitter.fit(vertices, known, start, **options)
        if noise is not None:
            return fit
        # how far the rest of neighbours is alike follows from the mesh itself, once a first fit has left it
        shape = (self._rows(known) @ fit.minimum.hidden.astype(self._dtype)).reshape(-1, 3) + self.fitter.offset[known]
        rest = fit.pose.apply(vertices[known]) - shape - believed.field[known] @ fit.field
        cluster = max(believed.cluster, CAUTION * self._found(rest, known))
        options["starts"] = lambda moved: [fit.minimum.latent]
        return fitter.fit(vertices, known, fit.pose, cluster=cluster, **options)

    def _found(self, rest: FloatArray, known: BoolArray) -> float:
        return cluster_of(rest, self.fields.points[known], self.fields.spacing)

    def pose(self, vertices: FloatArray, known: BoolArray, start: Similarity, **options) -> Similarity:
        """The pose of one shape, all of it (or nearly) known, its misfit taken as noise of its own size."""
        believed = self._believed
        level = float(np.sqrt((believed.field**2).sum(1).mean() + believed.noise**2))
        white = replace(MisfitArrays.white(len(self.points), level), cluster=POSE_CLUSTER)
        fitter = self._fitters.get("pose", lambda: JointFitter(self.fitter, white))
        return fitter.fit(vertices, known, start, **options).pose

    @property
    def _dtype(self) -> np.dtype:
        return self.fitter.basis.basis.dtype

    def _rows(self, known: BoolArray) -> FloatArray:
        return self.fitter.basis.rows(np.flatnonzero(np.repeat(known, 3)))
