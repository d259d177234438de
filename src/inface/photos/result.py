"""What a fit to photographs gives: the head, the cameras, and how sure each of them is."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from inface._validate import FloatArray
from inface.landmarks import LandmarkSet
from inface.mesh import Mesh
from inface.photos.camera import Camera
from inface.photos.colours import photo_colours
from inface.photos.measures import Measured, measured
from inface.photos.overlay import overlay_png
from inface.photos.photo import Photo
from inface.photos.problem import Problem, State
from inface.photos.shape import STRETCHES
from inface.photos.solve import Landmarks, size_row
from inface.photos.verdict import Verdict
from inface.reasons import Reason


@dataclass(frozen=True, eq=False)
class PhotoFit:
    """A head fitted to photographs. Read `verdict` and `reasons` first.

    Faces in `overlay` and `coloured` are identifying: treat them as the photographs themselves. Nothing here is a
    clinical figure or a diagnosis.

    Attributes:
        problem, state: what was fitted, and where the fit ended.
        photos: the photographs as given.
        spread: `(D, D)` covariance of the unknowns of the shape.
        rows: the landmarks of each photograph at the end.
        verdict: "ok", "partial" (parts are a guess, or something is odd) or "failed" (do not use).
        reasons: why not "ok": `Reason(kind, sentence, value, limit)`.
    """

    problem: Problem
    state: State
    photos: tuple[Photo, ...]
    spread: FloatArray
    rows: tuple[Landmarks, ...]
    verdict: Verdict
    reasons: tuple[Reason, ...]

    def __str__(self) -> str:
        words = "; ".join(map(str, self.reasons)) or "nothing speaks against it"
        return f"{self.verdict}: {words}"

    def __repr__(self) -> str:
        return f"PhotoFit({self.verdict}, {len(self.photos)} photographs, size +- {self.size_sd:.1f} %)"

    # --- the head

    @cached_property
    def mesh(self) -> Mesh:
        """The child's head in the model's frame, mm; with `share="identity"` as in the first photograph."""
        return self.mesh_of(0)

    def mesh_of(self, photo: int) -> Mesh:
        """The head as in one photograph (they differ with `share="identity"` only), with the model's landmarks."""
        model = self.problem.modes.model
        vertices = self.state.size(self.problem) * self.state.shape(self.problem, self._index(photo))
        marks = model.template.landmarks
        landmarks = LandmarkSet(tuple(marks), vertices[list(marks.values())]) if marks else None
        return Mesh(vertices, model.triangles, model.colors, landmarks)

    @property
    def latent(self) -> FloatArray:
        """`(K,)` the model's own latent of the (first) face; `latents` has that of every photograph."""
        return self.latents[0]

    @cached_property
    def latents(self) -> FloatArray:
        """`(P, K)` the model's own latent in each photograph."""
        modes = self.problem.modes
        return np.array([modes.latent(self.state.latent(self.problem, i)) for i in range(len(self.photos))])

    @cached_property
    def covariance(self) -> FloatArray:
        """`(K, K)` of `latent`, in the model's own units."""
        columns = self.problem.prior.columns[0, :-STRETCHES]
        std = np.asarray(self.problem.modes.model.latent_std, float)
        return self.spread[np.ix_(columns, columns)] * np.outer(std, std)

    @cached_property
    def vertex_std(self) -> FloatArray:
        """`(V, 3)` standard deviation of each vertex in x, y and z, mm, what the model does not know included."""
        problem, count = self.problem, self.problem.latents
        values, vectors = np.linalg.eigh(self.spread)
        root = (vectors * np.sqrt(np.maximum(values, 0))).astype(np.float32)
        inside = problem.modes.modes
        flat = inside.reshape(len(inside), -1).T @ root[problem.prior.columns[0]]
        moved = flat.reshape(len(problem.modes.mean), 3, -1)
        fields = problem.misfit.fields
        rest = np.maximum(1 - (fields.astype(float) ** 2).sum(0), 0) if len(fields) else np.zeros(len(moved))
        if len(fields):
            amounts = (self.state.misfit * problem.misfit.amounts).astype(np.float32)
            moved = moved + np.tensordot(fields.T, root[count:].reshape(len(fields), 3, -1) * amounts[:, :, None], 1)
        size = self.state.size(problem)
        off = self.mesh.vertices / size - problem.modes.mean.mean(0)
        moved = size * (moved + 0.01 * off.astype(np.float32)[:, :, None] * root[problem.sized])
        variance = np.einsum("vik,vik->vi", moved, moved).astype(float)
        return np.sqrt(variance + self.state.misfit**2 * rest[:, None])

    def offsets(self, count: int, seed: int = 0) -> FloatArray:
        """`(count, V, 3)` mm: what draws from the fit's errors move, in pairs of opposite sign; `count` is even."""
        problem, z = self.problem, self.problem.latents
        values, vectors = np.linalg.eigh(self.spread)
        root = vectors * np.sqrt(np.maximum(values, 0))
        draws = np.random.default_rng(seed).standard_normal((count // 2, len(values))) @ root.T
        flat = problem.modes.modes.reshape(len(problem.modes.modes), -1)
        half = (np.float32(draws[:, problem.prior.columns[0]]) @ flat).reshape(len(draws), -1, 3).astype(float)
        weights = draws[:, z:].reshape(len(draws), -1, 3) * problem.misfit.amounts * self.state.misfit
        half += np.einsum("fv,nfi->nvi", problem.misfit.fields, weights)
        size = self.state.size(problem)
        off = self.mesh.vertices / size - problem.modes.mean.mean(0)
        half = size * (half + 0.01 * draws[:, problem.sized, None, None] * off)
        return np.concatenate([half, -half])

    @cached_property
    def size_sd(self) -> float:
        """Standard deviation of the head's size, per cent."""
        row = size_row(self.problem, self.state)
        return float(100 * np.sqrt(row @ self.spread @ row))

    def measures(self) -> Mapping[str, Measured]:
        """Distances between landmarks and the circumference, mm, each with its standard deviation and 90 % interval."""
        return measured(self.problem, self.state, self.spread)

    # --- the photographs

    @cached_property
    def cameras(self) -> tuple[Camera, ...]:
        """Camera of each photograph: `K`, `R`, `t` as in OpenCV."""
        size = self.state.size(self.problem)
        return tuple(replace(camera, shift=size * camera.shift) for camera in self.state.cameras)

    @cached_property
    def residuals(self) -> tuple[dict[str, tuple[float, float]], ...]:
        """For each photograph: landmark -> how far the given point lies from the fit's, pixels (u, v)."""
        return tuple(
            {name: (float(r[0]), float(r[1])) for name, r in zip(view.names, rows.residuals, strict=True)}
            for view, rows in zip(self.problem.views, self.rows, strict=True)
        )

    @property
    def hidden(self) -> tuple[tuple[str, ...], ...]:
        """For each photograph: landmarks that were left out, because their skin looks away from the camera."""
        return tuple(view.hidden for view in self.problem.views)

    def fitted(self, photo: int) -> dict[str, FloatArray]:
        """Landmark -> pixel `(2,)` where the fitted head has it in a photograph (the jaw's where the face ends)."""
        photo = self._index(photo)
        pixels = self.problem.views[photo].pixels - self.rows[photo].residuals
        return dict(zip(self.problem.views[photo].names, pixels, strict=True))

    def overlay(self, photo: int = 0, photo_under: bool = True) -> bytes:
        """A PNG of the photograph with the fitted head, the given landmarks (yellow) and the fitted ones (green); on
        blank ground where only the size was given, or without `photo_under`."""
        photo = self._index(photo)
        image = self.photos[photo].image if photo_under else None
        points = self.problem.views[photo].pixels, np.array(list(self.fitted(photo).values()))
        return overlay_png(image, self.mesh_of(photo), self.cameras[photo], *points)

    def coloured(self) -> Mesh:
        """The mesh with its colours from the photographs; unseen skin is taken from the other side, else the model's.

        Raises `ValueError` when no photograph has pixels.
        """
        images = [i for i, photo in enumerate(self.photos) if photo.image is not None]
        if not images:
            raise ValueError("coloured: the photographs were given by their size; give their pixels for colours")
        views = [(self.photos[i], self.mesh_of(i), self.cameras[i]) for i in images]
        return self.mesh.with_colors(photo_colours(views, self.problem.modes.model.template))

    def _index(self, photo: int) -> int:
        if not -len(self.photos) <= photo < len(self.photos):
            raise ValueError(f"photo: expected a number from 0 to {len(self.photos) - 1}, got {photo}")
        return photo % len(self.photos)
