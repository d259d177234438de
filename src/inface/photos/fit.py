"""`fit_photos`: from landmarks in one or more photographs to the child's head, the cameras and how sure they are."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from scipy.linalg import block_diag

from inface._validate import FloatArray
from inface.errors import MissingBlockError
from inface.photos.age_prior import AgePrior, age_prior_of
from inface.photos.contour import JAW, jaw_strips
from inface.photos.evidence import likely_spreads
from inface.photos.lengths import lengths_of
from inface.photos.photo import Photo
from inface.photos.problem import Prior, Problem, State, View
from inface.photos.result import PhotoFit
from inface.photos.settings import PhotoSettings
from inface.photos.shape import STRETCHES, ShapeModes, misfit_fields
from inface.photos.silhouette import outline_of
from inface.photos.solve import covariance, normal_equations, retangent, solve
from inface.photos.start import start_camera
from inface.photos.verdict import judge

Share = Literal["all", "identity"]
LEAST = 6  # landmarks a photograph must show
START_MISFIT = 2.0  # mm; wide, so that a child far from the model is not taken for wrong landmarks
MARKED_MM = 1.0  # standard deviation of a landmark whose noise nobody gives, mm on the face


def fit_photos(
    photos: Sequence[Photo],
    model: Any,
    months: float | None = None,
    known: Mapping[str, Any] | None = None,
    noise_px: float | None = None,
    share: Share = "all",
    *,
    settings: PhotoSettings | None = None,
    age_prior: AgePrior | None = None,
) -> PhotoFit:
    """Fit a model to the landmarks of a child in one or more photographs.

    Args:
        photos: of one child, any number, in any order.
        model: a model whose template names the landmarks.
        months: the child's age; tells the size, which photographs alone do not.
        known: lengths on the child, mm: `{"ex_l-ex_r": 74.0, "circumference": 433}`; or with their standard deviation,
            `{"ex_l-ex_r": (74.0, 0.5)}`.
        noise_px: standard deviation of the landmarks, pixels; None: 1 mm on the face.
        share: "all": one shape in all photographs; "identity": one child, its expression may differ from photo to
            photo (a disentangled model).
        settings: how to fit.
        age_prior: what an age says about the latent; None: the shipped one of an embedded model.

    Returns:
        the fit; read its `verdict` and `reasons` first. A wrong input is not refused but named there.

    Raises:
        ValueError: no photograph, fewer than six landmarks that the model knows or all in one line, an age below zero,
            an unknown or impossible length.
        MissingBlockError: `share="identity"` of a model without blocks.
        ConvergenceError: the numbers of the fit leave the finite.

    Example:
        >>> import inface
        >>> model = inface.load_default_model("pca")
        >>> head, names = model.mean_vertices, [n for n in model.template.landmarks if n.startswith("ibug")]
        >>> seen = {n: (256 + 2 * x, 256 - 2 * y) for n in names for x, y, _ in [head[model.template.landmarks[n]]]}
        >>> fit_photos([Photo((512, 512), seen)], model, months=9).verdict.split(":")[0]
        'ok'
    """
    problem, start = _problem(photos, model, months, known or {}, noise_px, share, settings, age_prior)
    state = solve(problem, start)
    problem, state = with_likely_spreads(problem, state)
    return _result(problem, state, photos, months)


def with_likely_spreads(problem: Problem, state: State) -> tuple[Problem, State]:
    """Refit with as much misfit, and as wide a prior, as the photographs themselves make likely."""
    settings = problem.settings
    if settings.misfit_mm is not None or settings.prior == 0:
        return problem, state
    misfit, width = likely_spreads(problem, state, normal_equations(problem, state))
    unknowns = state.unknowns.copy()
    unknowns[problem.latents :] *= state.misfit / misfit
    wider = replace(problem.prior, precision=problem.prior.precision / width**2)
    again = replace(problem, prior=wider, settings=replace(settings, steps=4, coarse=0, robust_from=0))
    again = retangent(again, state)
    return again, solve(again, replace(state, unknowns=unknowns, misfit=misfit))


def _problem(photos, model, months, known, noise_px, share, settings, age_prior) -> tuple[Problem, State]:
    settings = settings or PhotoSettings()
    if isinstance(photos, Photo):
        photos = [photos]
    if not photos or not all(isinstance(photo, Photo) for photo in photos):
        raise ValueError("photos: expected one or more inface.Photo, in a list")
    if share not in ("all", "identity"):
        raise ValueError(f"share: expected 'all' or 'identity', got {share!r}")
    if noise_px is not None and not (np.isfinite(noise_px) and noise_px >= 0):
        raise ValueError(f"noise_px: expected pixels, 0 or more, got {noise_px}")
    if months is not None and not (np.isfinite(months) and months >= 0):
        raise ValueError(f"months: expected an age of zero or more, got {months}")
    if model.template.unit != "mm":
        raise ValueError(f"model: expected millimetres, this one is in {model.template.unit}")
    modes = ShapeModes.of(model)
    prior = prior_over(model, months, age_prior, len(photos) if share == "identity" else 1)
    if share == "all":
        prior = replace(prior, columns=np.repeat(prior.columns, len(photos), 0))
    mean = modes.shape(prior.mean[prior.columns[0]])
    views, cameras = zip(*(_view(photo, i, model, mean, noise_px, settings) for i, photo in enumerate(photos)), strict=True)
    lengths = tuple(settings.misfit_lengths)
    fields = misfit_fields(model, lengths) if settings.misfit_mm != 0 else np.zeros((0, len(modes.mean)), np.float32)
    known_lengths = lengths_of(known, model.template, settings.known_mm)
    problem = Problem(modes, fields, views, prior, jaw_strips(model), known_lengths, settings)
    misfit = START_MISFIT if settings.misfit_mm is None else settings.misfit_mm
    return problem, State(np.concatenate([prior.mean, np.zeros(3 * len(fields))]), cameras, misfit)


def prior_over(model: Any, months: float | None, given: AgePrior | None, faces: int) -> Prior:
    """The prior of one identity with `faces` expressions."""
    count = len(model.latent)
    found = given if given is not None else age_prior_of(model)
    mean, cov = np.zeros(count), np.eye(count)
    if months is not None and found is not None:
        mean, cov = found.mean(months), found.covariance
    mean = np.concatenate([mean, np.zeros(STRETCHES)])
    cov = block_diag(cov, np.eye(STRETCHES))
    if faces == 1:
        return Prior(mean, np.linalg.inv(cov), np.arange(len(mean))[None])
    if "expression" not in model.blocks:
        raise MissingBlockError(
            "share='identity' needs a model whose latent has a block 'expression' (a disentangled one); this one has "
            f"{', '.join(model.blocks) or 'no blocks'}; use share='all'"
        )
    face = np.arange(count)[model.blocks["expression"]]
    rest = np.setdiff1d(np.arange(len(mean)), face)
    columns = np.tile(np.arange(len(mean)), (faces, 1))
    columns[:, rest] = np.arange(len(rest))
    columns[:, face] = len(rest) + np.arange(faces * len(face)).reshape(faces, -1)
    source = np.concatenate([rest, *[face] * faces])  # expressions are independent given the identity
    wide = cov[np.ix_(source, source)]
    given_identity = cov[np.ix_(face, rest)] @ np.linalg.solve(cov[np.ix_(rest, rest)], cov[np.ix_(rest, face)])
    for i in range(faces):
        for j in range(faces):
            if i != j:
                wide[np.ix_(columns[i, face], columns[j, face])] = given_identity
    return Prior(mean[source], np.linalg.inv(wide), columns)


def _view(photo: Photo, number: int, model, mean: FloatArray, noise_px: float | None, settings: PhotoSettings):
    """What the fit needs of a photograph, and where its camera starts."""
    marks = model.template.landmarks
    names = [name for name in photo.names if name in marks]
    which = f"photo {number + 1}: "
    if len(names) < LEAST:
        strange = [name for name in photo.names if name not in marks]
        hint = f"; the model does not know '{strange[0]}'" if strange else ""
        raise ValueError(f"{which}expected at least {LEAST} landmarks that are seen, got {len(names)}{hint}")
    ids = np.array([marks[name] for name in names])
    if np.linalg.svd(mean[ids] - mean[ids].mean(0), compute_uv=False)[2] < 2.0:
        raise ValueError(f"{which}the landmarks lie in one plane of the face ({', '.join(names[:4])}, ...); mark others")
    pixels = np.array([photo.landmarks[name] for name in names])
    jaw = np.array([name in JAW for name in names]) & (jaw_strips(model) is not None)
    flat = np.where(jaw, settings.jaw, 1.0)
    view = View(tuple(names), ids, pixels, flat, jaw, photo.size, photo.principal_point, 1000.0, settings.focal_spread)
    scale = start_camera(view, mean[ids]).scale
    believed = scale * settings.distance_mm if photo.focal_px is None else float(photo.focal_px)
    spread = settings.distance_spread if photo.focal_px is None else settings.focal_spread
    noise = MARKED_MM * scale if noise_px is None else noise_px
    noise = settings.marking * max(noise, settings.floor_mm * scale)
    outline = None if photo.mask is None else outline_of(np.asarray(photo.mask))
    view = replace(
        view, noise=flat * noise, focal=believed, focal_spread=spread, outline=outline, given=photo.visible is not None
    )
    return view, start_camera(view, mean[ids])


def _result(problem: Problem, state: State, photos: Sequence[Photo], months: float | None) -> PhotoFit:
    final = normal_equations(problem, state)
    spread = covariance(final, problem.shapes)
    return PhotoFit(problem, state, tuple(photos), spread, final.landmarks, *judge(problem, state, final, months))
