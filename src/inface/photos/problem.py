"""A fit as arrays: what each photograph shows, what is known of the shape before."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from inface._validate import BoolArray, FloatArray, IntArray
from inface.photos.camera import Camera
from inface.photos.contour import JawStrips
from inface.photos.lengths import Length
from inface.photos.settings import PhotoSettings
from inface.photos.shape import STRETCHES, Misfit, ShapeModes

# per cent by which the size is free beside the model's own (peoples differ in size at one age): no length; a length and
# an age; a length alone, which may be that of a head of another kind
SIZE_ALONE, SIZE_AND_AGE, SIZE_FREE = 2.0, 4.0, 50.0


@dataclass(frozen=True, eq=False)
class View:
    """One photograph as the fit sees it.

    Attributes:
        names: the landmarks seen.
        ids: `(n,)` their vertices.
        pixels: `(n, 2)`.
        noise: `(n,)` standard deviation, pixels.
        jaw: `(n,)` True for points of the jaw, whose vertices move.
        size, centre: of the photograph, pixels.
        focal: pixels, as believed before the fit.
        focal_spread: standard deviation of its logarithm.
        outline: `(m, 4)` points of the head's outline and the outward normals there, pixels; None without a mask.
        hidden: landmarks that were given but left out, because their skin looks away from the camera.
    """

    names: tuple[str, ...]
    ids: IntArray
    pixels: FloatArray
    noise: FloatArray
    jaw: BoolArray
    size: tuple[int, int]
    centre: FloatArray
    focal: float
    focal_spread: float
    outline: FloatArray | None = None
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Prior:
    """Gaussian over the unknowns of the shape but for the misfit's weights: standardised latent entries, stretches,
    size.

    Attributes:
        mean: `(Z,)` of the latent entries.
        precision: `(Z, Z)`.
        columns: `(P, K + 6)` which of the Z entries make up the shape in each photograph.
    """

    mean: FloatArray
    precision: FloatArray
    columns: IntArray


@dataclass(frozen=True, eq=False)
class Near:
    """The model at the n vertices that landmarks may use, laid out for one vertex after the other.

    Attributes:
        place: `(V,)` row of each vertex; -1 for the others.
        mean: `(n, 3)`.
        modes: `(n, 3, K)`.
        fields: `(n, F)`.
    """

    place: IntArray
    mean: FloatArray
    modes: FloatArray
    fields: FloatArray


@dataclass(frozen=True, eq=False)
class Problem:
    """All that a fit is given.

    Attributes:
        modes: the model's directions.
        misfit: smooth fields of what heads have beside the model.
        views: the photographs.
        prior: of the latent entries.
        strips: of the jaw; None where the template has none.
        lengths: known lengths.
        settings: how to fit.
        width: by which factor the prior's deviations were widened.
        freedom: number of ways in which the photographs, not the prior, tell the shape. Each draws the best fit towards
            a smaller head, on which the same picture asks for less mm; so often is the logarithm of the size added.
    """

    modes: ShapeModes
    misfit: Misfit
    views: tuple[View, ...]
    prior: Prior
    strips: JawStrips | None
    lengths: tuple[Length, ...] = ()
    settings: PhotoSettings = field(default_factory=PhotoSettings)
    width: float = 1.0
    freedom: float = 0.0

    @cached_property
    def near(self) -> "Near":
        """The vertices that landmarks may use."""
        used = [view.ids for view in self.views] + ([] if self.strips is None else [self.strips.vertices])
        ids = np.unique(np.concatenate(used))
        place = np.full(len(self.modes.mean), -1)
        place[ids] = np.arange(len(ids))
        modes = np.ascontiguousarray(self.modes.modes[:, ids].transpose(1, 2, 0), float)
        return Near(place, self.modes.mean[ids], modes, np.ascontiguousarray(self.misfit.fields[:, ids].T, float))

    @property
    def sized(self) -> int:
        """Place of the size among the latent entries, per cent; it scales head and cameras together."""
        return int(self.prior.columns[0, -1])

    @property
    def stretched(self) -> IntArray:
        """Places of the five stretches among the latent entries; like the misfit, they are as large as it is."""
        return self.prior.columns[0, -STRETCHES:-1]

    @property
    def latents(self) -> int:
        """Number of latent entries, Z."""
        return len(self.prior.mean)

    @property
    def shapes(self) -> int:
        """Number of unknowns of the shape: latent entries and weights of the misfit in x, y, z."""
        return self.latents + 3 * len(self.misfit.fields)


@dataclass(frozen=True, eq=False)
class State:
    """Where a fit stands: unknowns of the shape `(Z + 3F,)`, cameras, and the misfit's standard deviation in mm."""

    unknowns: FloatArray
    cameras: tuple[Camera, ...]
    misfit: float

    def size(self, problem: Problem) -> float:
        """Factor of the head's size beside what its shape has."""
        return float(np.exp(0.01 * self.unknowns[problem.sized]))

    def latent(self, problem: Problem, photo: int) -> FloatArray:
        """The standardised entries `(K + 6,)` of the child in one photograph, those of stretches and size last."""
        return self.unknowns[problem.prior.columns[photo]]

    def beside(self, problem: Problem) -> FloatArray:
        """`(F, 3)` weights of the misfit's fields, in mm."""
        return self.misfit * problem.misfit.amounts * self.unknowns[problem.latents :].reshape(-1, 3)

    def points(self, problem: Problem, photo: int, ids: IntArray) -> FloatArray:
        """Where the vertices `ids`, all among those of landmarks, are: `(n, 3)`; mm but for the factor `size`."""
        near = problem.near
        rows = near.place[ids]
        inside = near.modes[rows] @ problem.modes.step(self.latent(problem, photo))
        return near.mean[rows] + inside + near.fields[rows] @ self.beside(problem)

    def shape(self, problem: Problem, photo: int) -> FloatArray:
        """Where all vertices are, `(V, 3)`; mm but for the factor `size`."""
        return problem.modes.shape(self.latent(problem, photo)) + problem.misfit.fields.T @ self.beside(problem)

    def moved(self, problem: Problem, step: FloatArray) -> "State":
        """After a step over all unknowns, those of the cameras last."""
        count = problem.shapes
        cameras = tuple(c.moved(step[count + 7 * i : count + 7 * i + 7]) for i, c in enumerate(self.cameras))
        return replace(self, unknowns=self.unknowns + step[:count], cameras=cameras)
