"""Gauss-Newton over the shape and all cameras at once, and the posterior at its end.

Minimised is the sum of squared, robustly weighted residuals over their standard deviations and of the squared distance
from the prior [bas2017]; each step is one dense solve. The inverse of the last normal matrix, the cameras marginalised,
is the covariance of the shape (Laplace).
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from inface._validate import FloatArray, IntArray
from inface.errors import ConvergenceError
from inface.photos.camera import Camera
from inface.photos.lengths import Length, gradient
from inface.photos.problem import Problem, State
from inface.photos.silhouette import outline_rows

COARSE_MODES = 10
OUTLINE_FROM = 9  # step from which outlines count: before, the wrong skin would be drawn to them
FIXED_JAW = 0.7  # how much better the jaw's own vertices must explain its points than the outline does
TURN_CAP, FOCAL_CAP, DEPTH_CAP = 0.3, 0.3, 0.4


@dataclass(frozen=True, eq=False)
class Landmarks:
    """The landmark rows of one photograph: residuals `(n, 2)` in pixels, weights `(n,)`, the vertices `(n,)` used."""

    residuals: FloatArray
    weights: FloatArray
    ids: IntArray


@dataclass(frozen=True, eq=False)
class Normal:
    """Normal equations over all unknowns: `matrix @ step = side`; and the landmark rows they were made of."""

    matrix: FloatArray
    side: FloatArray
    landmarks: tuple[Landmarks, ...]


def solve(problem: Problem, state: State) -> State:
    """The fit from a start; the tangent of a network is taken anew three times on the way.

    Raises `ConvergenceError` when the numbers leave the finite or a camera ends behind the child.
    """
    settings = problem.settings
    renew = {settings.steps // 3, settings.steps // 2, 3 * settings.steps // 4}
    for number in range(settings.steps):
        if number in renew and not problem.modes.model.is_linear:
            problem = retangent(problem, state)
        normal = normal_equations(
            problem,
            state,
            robust=number >= settings.robust_from,
            outlines=number >= min(OUTLINE_FROM, settings.steps - 4),
        )
        free = np.ones(len(normal.side), bool)
        if number < settings.coarse:
            linear = problem.modes.model.is_linear
            free[(COARSE_MODES if linear else 0) : problem.shapes] = False
        step = np.zeros(len(normal.side))
        try:
            step[free] = cho_solve(cho_factor(normal.matrix[np.ix_(free, free)]), normal.side[free])
        except (np.linalg.LinAlgError, ValueError):
            raise ConvergenceError("the fit to the photographs did not settle; are the landmarks right?") from None
        state = state.moved(problem, _capped(problem, state, step))
    if any(not c.shift[2] > 0 for c in state.cameras):
        raise ConvergenceError("the fit to the photographs put the child behind the camera; are the landmarks right?")
    return state


def retangent(problem: Problem, state: State) -> Problem:
    """The problem with the modes taken at the first photograph's latent."""
    from dataclasses import replace

    return replace(problem, modes=problem.modes.at(state.latent(problem, 0)))


def _capped(problem: Problem, state: State, step: FloatArray) -> FloatArray:
    """Shorten what a step does to each camera."""
    out = step.copy()
    for i, camera in enumerate(state.cameras):
        part = out[problem.shapes + 7 * i : problem.shapes + 7 * i + 7]
        part[:3] *= min(1.0, TURN_CAP / max(float(np.linalg.norm(part[:3])), 1e-12))
        cap = DEPTH_CAP * camera.shift[2]
        part[3:6] *= min(1.0, cap / max(float(np.abs(part[3:6]).max()), 1e-12))
        part[6] = np.clip(part[6], -FOCAL_CAP, FOCAL_CAP)
    return out


def normal_equations(problem: Problem, state: State, robust: bool = True, outlines: bool = True) -> Normal:
    """Landmarks, outlines, known lengths, priors of shape and focal length, linearised at a state."""
    count = problem.shapes
    size = count + 7 * len(problem.views)
    matrix, side = np.zeros((size, size)), np.zeros(size)
    found = []
    for photo in range(len(problem.views)):
        cameras = slice(count + 7 * photo, count + 7 * photo + 7)
        rows = landmark_rows(problem, state, photo, robust)
        found.append(rows)
        _, by_point, by_camera = state.cameras[photo].derivatives(state.points(problem, photo, rows.ids))
        root = np.sqrt(rows.weights)[:, None, None]
        by_shape = shape_columns(problem, state, photo, rows.ids, by_point * root).reshape(-1, count)
        off = (rows.residuals * root[:, :, 0]).ravel()
        _add(matrix, side, by_shape, (by_camera * root).reshape(-1, 7), off, cameras)
        outline = problem.views[photo].outline
        if outline is not None and outlines:
            vertices = state.shape(problem, photo)
            ids, by_point, by_camera, off = outline_rows(problem, vertices, state.cameras[photo], outline)
            _add(matrix, side, shape_columns(problem, state, photo, ids, by_point)[:, 0], by_camera, off, cameras)
        _focal_prior(problem, state.cameras[photo], photo, matrix, side)
    _lengths(problem, state, matrix, side)
    _shape_prior(problem, state, matrix, side)
    return Normal(matrix, side, tuple(found))


def _add(matrix, side, by_shape, by_camera, off, cameras: slice) -> None:
    """Add rows `(m, Z + 3F)` and `(m, 7)` with residuals `(m,)`, all over their standard deviations."""
    count = by_shape.shape[1]
    matrix[:count, :count] += by_shape.T @ by_shape
    cross = by_shape.T @ by_camera
    matrix[:count, cameras] += cross
    matrix[cameras, :count] += cross.T
    matrix[cameras, cameras] += by_camera.T @ by_camera
    side[:count] += by_shape.T @ off
    side[cameras] += by_camera.T @ off


def shape_columns(problem: Problem, state: State, photo: int, ids: IntArray, by_point: FloatArray) -> FloatArray:
    """`(n, r, Z + 3F)` derivatives by the unknowns of the shape of r numbers a vertex, `by_point (n, r, 3)` of them."""
    out = np.zeros((*by_point.shape[:2], problem.shapes))
    near, rows = problem.near, problem.near.place[ids]
    known = bool((rows >= 0).all())
    modes = near.modes[rows] if known else problem.modes.modes[:, ids].transpose(1, 2, 0)
    out[:, :, problem.prior.columns[photo]] = by_point @ modes
    fields = state.misfit * (near.fields[rows] if known else problem.misfit.fields[:, ids].T)
    beside = fields[:, None, :, None] * by_point[:, :, None, :] * problem.misfit.amounts
    out[:, :, problem.latents :] = beside.reshape(*by_point.shape[:2], problem.shapes - problem.latents)
    return out


def landmark_rows(problem: Problem, state: State, photo: int, robust: bool) -> Landmarks:
    """Residuals and weights of one photograph's landmarks; far ones weigh less."""
    view, camera = problem.views[photo], state.cameras[photo]
    ids = view.ids
    residuals: FloatArray = view.pixels - camera.project(state.points(problem, photo, ids))
    if problem.strips is not None and view.jaw.any():
        ids, residuals = _moving_jaw(problem, state, photo, residuals)
    if not np.isfinite(residuals).all():
        raise ConvergenceError("the fit to the photographs did not settle; are the landmarks right?")
    weights: FloatArray = 1 / view.noise**2
    if robust:
        weights = weights / (1 + (residuals**2).sum(1) * weights / (2 * problem.settings.robust_at**2))
    return Landmarks(residuals, weights, ids)


def _moving_jaw(problem: Problem, state: State, photo: int, fixed: FloatArray) -> tuple[IntArray, FloatArray]:
    """Vertices and residuals with the jaw's points where the face ends; as they were (`fixed`) in a photograph whose
    jaw was plainly marked on the skin itself, not on the outline."""
    view, camera, strips = problem.views[photo], state.cameras[photo], problem.strips
    assert strips is not None
    found = strips.outermost(state.points(problem, photo, strips.vertices), camera)
    ids = view.ids.copy()
    ids[view.jaw] = [found[name] for name, jaw in zip(view.names, view.jaw, strict=True) if jaw]
    moving = fixed.copy()
    moving[view.jaw] = view.pixels[view.jaw] - camera.project(state.points(problem, photo, ids[view.jaw]))
    cost = [np.log1p((r[view.jaw] ** 2).sum(1) / view.noise[view.jaw] ** 2).sum() for r in (fixed, moving)]
    return (view.ids, fixed) if cost[0] < FIXED_JAW * cost[1] else (ids, moving)


def _focal_prior(problem: Problem, camera: Camera, photo: int, matrix: FloatArray, side: FloatArray) -> None:
    view = problem.views[photo]
    place = problem.shapes + 7 * photo + 6
    matrix[place, place] += 1 / view.focal_spread**2
    side[place] += np.log(view.focal / camera.focal) / view.focal_spread**2


def _lengths(problem: Problem, state: State, matrix: FloatArray, side: FloatArray) -> None:
    count = problem.shapes
    for length in problem.lengths:
        value, row = length_row(problem, state, length)
        row = row / length.spread
        matrix[:count, :count] += np.outer(row, row)
        side[:count] += row * (length.value - value) / length.spread


def length_row(problem: Problem, state: State, length: Length) -> tuple[float, FloatArray]:
    """A length on the head of the first photograph, mm, and its derivatives `(Z + 3F,)`."""
    vertices = state.shape(problem, 0)
    value, ids, by = gradient(length, vertices, problem.modes.model.template)
    return state.size(problem) * value, mm_row(problem, state, ids, vertices[ids], by)


def mm_row(problem: Problem, state: State, ids: IntArray, points: FloatArray, by: FloatArray) -> FloatArray:
    """`(Z + 3F,)` derivatives of a number that hangs on vertices `ids (n,)` at `points (n, 3)`, gradient `by (n, 3)`,
    of mm and without dimension in mm."""
    size = state.size(problem)
    row = size * shape_columns(problem, state, 0, ids, by[:, None])[:, 0].sum(0)
    row[problem.sized] = 0.01 * size * (by * points).sum()
    return row


def size_row(problem: Problem, state: State) -> FloatArray:
    """`(Z + 3F,)` derivatives of the logarithm of the head's size, over the face."""
    model = problem.modes.model
    face = np.asarray(model.template.regions.get("face", np.arange(len(problem.modes.mean))))
    ids = face[:: max(1, len(face) // 400)]
    points = state.shape(problem, 0)[ids]
    off = points - points.mean(0)
    by = off / (off**2).sum()
    row = shape_columns(problem, state, 0, ids, by[:, None])[:, 0].sum(0)
    row[problem.sized] = 0.01
    return row


def _shape_prior(problem: Problem, state: State, matrix: FloatArray, side: FloatArray) -> None:
    z, count = problem.latents, problem.shapes
    precision = problem.prior.precision
    matrix[:z, :z] += precision
    side[:z] += precision @ (problem.prior.mean - state.unknowns[:z])
    beside = np.arange(z, count)
    matrix[beside, beside] += 1.0
    side[z:count] -= state.unknowns[z:]
    if problem.freedom:
        row = size_row(problem, state)
        row[problem.sized] = 0
        side[:count] += problem.freedom * row


def covariance(normal: Normal, count: int) -> FloatArray:
    """`(Z + 3F, Z + 3F)` of the shape's unknowns, the cameras marginalised."""
    inverse = cho_solve(cho_factor(normal.matrix), np.eye(len(normal.matrix)))
    return inverse[:count, :count]


def freedom(problem: Problem, normal: Normal) -> float:
    """Number of directions of the shape that the data, not the prior, determine [mackay1992]."""
    z, count = problem.latents, problem.shapes
    spread = covariance(normal, count)
    told = (spread[:z, :z] * problem.prior.precision).sum() + np.trace(spread[z:, z:])
    return float(count - told)
