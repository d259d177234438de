"""`fit_photos`: from landmarks in one or more photographs to the child's head, the cameras and how sure they are."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from scipy.linalg import block_diag

from inface._validate import FloatArray
from inface.errors import MissingBlockError
from inface.photos.age_prior import AgePrior, age_prior_of
from inface.photos.camera import Camera
from inface.photos.contour import JAW, jaw_strips
from inface.photos.evidence import likely_spreads, widened
from inface.photos.lengths import lengths_of
from inface.photos.photo import Photo
from inface.photos.problem import SIZE_ALONE, SIZE_AND_AGE, SIZE_FREE, Prior, Problem, State, View
from inface.photos.result import PhotoFit
from inface.photos.settings import PhotoSettings
from inface.photos.shape import STRETCHES, ShapeModes, misfit_of, no_misfit
from inface.photos.silhouette import outline_of
from inface.photos.solve import covariance, freedom, normal_equations, retangent, solve
from inface.photos.start import USUAL_DISTANCE, start_camera
from inface.photos.tables import TOGETHER, further_points
from inface.photos.verdict import judge
from inface.photos.wrong import doubt

Share = Literal["all", "identity"]
LEAST = 6  # landmarks a photograph must show
# mm of misfit in the first fit: seen from several sides wide, so that a child far from the model is not taken for wrong
# landmarks; from one side little
START_MISFIT, ONE_SIDE_MISFIT = 2.0, 0.7
# misfit in mm, and width of the prior, from which a head counts as of another kind than the model's: there errors are
# not normal any more, and all deviations grow in proportion (set on adult heads of the ICT model)
STRANGE = 2.0, 2.0
SIDES = 15.0  # degrees between photographs that show a head from several sides
AWAY = -0.2  # cosine between skin and camera below which a landmark is taken as hidden
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
    problem, state = with_freedom(problem, state)
    problem, state = with_likely_spreads(problem, state)
    return _result(problem, state, photos, months)


def with_freedom(problem: Problem, state: State) -> tuple[Problem, State]:
    """Fit on without the pull of many small deviations towards a small head; see `Problem.freedom`."""
    if problem.settings.prior < 1:
        return problem, state
    problem = retangent(problem, state)
    free = freedom(problem, normal_equations(problem, state, outlines=False))
    again = replace(problem, freedom=free, settings=replace(problem.settings, steps=4, coarse=0, robust_from=0))
    return replace(again, settings=problem.settings), solve(again, state)


def with_likely_spreads(problem: Problem, state: State) -> tuple[Problem, State]:
    """As much misfit, and as wide a prior, as the photographs themselves make likely.

    Seen from several sides, the head is fitted anew with them. From one side a misfit cannot be told from a turn of the
    head: there the fit stays as it was, close to the model, and only its errors grow.
    """
    settings = problem.settings
    if settings.misfit_mm is not None or settings.prior == 0:
        return problem, state
    misfit, width = likely_spreads(problem, state, normal_equations(problem, state, outlines=False))
    unknowns = state.unknowns.copy()
    unknowns[problem.latents :] *= state.misfit / misfit
    wider = replace(problem.prior, precision=widened(problem, misfit, width))
    again = replace(problem, prior=wider, width=width, settings=replace(settings, steps=4, coarse=0, robust_from=0))
    again = retangent(again, state)
    state = replace(state, unknowns=unknowns, misfit=misfit)
    return again, solve(again, state) if several_sides(state.cameras) else state


def several_sides(cameras: Sequence[Camera]) -> bool:
    """Whether two of the cameras look at the head from directions that differ by `SIDES` degrees or more."""
    towards = np.array([camera.eye / np.linalg.norm(camera.eye) for camera in cameras])
    return bool((towards @ towards.T).min() < np.cos(np.radians(SIDES)))


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
    size = SIZE_ALONE if not known else SIZE_AND_AGE if months is not None else SIZE_FREE
    prior = prior_over(model, months, age_prior, len(photos) if share == "identity" else 1, size)
    if share == "all":
        prior = replace(prior, columns=np.repeat(prior.columns, len(photos), 0))
    mean = modes.shape(prior.mean[prior.columns[0]])
    views, cameras = zip(
        *(_view(photo, i, modes, mean, noise_px, settings) for i, photo in enumerate(photos)), strict=True
    )
    lengths = tuple(settings.misfit_lengths)
    beside = no_misfit(model) if settings.misfit_mm == 0 else misfit_of(model, lengths)
    known_lengths = lengths_of(known, model.template, settings.known_mm)
    problem = Problem(modes, beside, views, prior, jaw_strips(model), known_lengths, settings)
    misfit = settings.misfit_mm
    if misfit is None:
        misfit = START_MISFIT if several_sides(cameras) else ONE_SIDE_MISFIT
    precision = settings.prior * widened(problem, max(misfit, 1e-3), 1.0)
    problem = replace(problem, prior=replace(prior, precision=precision))
    return problem, State(np.concatenate([prior.mean, np.zeros(3 * len(beside.fields))]), cameras, misfit)


def prior_over(model: Any, months: float | None, given: AgePrior | None, faces: int, size: float) -> Prior:
    """The prior of one identity with `faces` expressions, its size free by `size` per cent beside the model's own."""
    count = len(model.latent)
    found = given if given is not None else age_prior_of(model)
    mean: FloatArray = np.zeros(count)
    cov: FloatArray = np.eye(count)
    if months is not None and found is not None:
        mean, cov = found.mean(months), found.covariance
    mean = np.concatenate([mean, np.zeros(STRETCHES)])
    cov = block_diag(cov, np.eye(STRETCHES - 1), size**2)
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


def _view(photo: Photo, number: int, modes: ShapeModes, mean: FloatArray, noise_px: float | None, settings):
    """What the fit needs of a photograph, and where its camera starts."""
    model = modes.model
    further = further_points(model)
    marks = {**model.template.landmarks, **{name: vertex for name, (vertex, _) in further.items()}}
    names = [name for name in photo.names if name in marks]
    which = f"photo {number + 1}: "
    if len(names) < LEAST:
        strange = [name for name in photo.names if name not in marks]
        hint = f"; the model does not know '{strange[0]}'" if strange else ""
        raise ValueError(f"{which}expected at least {LEAST} landmarks that are seen, got {len(names)}{hint}")
    ids = np.array([marks[name] for name in names])
    if np.linalg.svd(mean[ids] - mean[ids].mean(0), compute_uv=False)[2] < 2.0:
        raise ValueError(
            f"{which}the landmarks lie in one plane of the face ({', '.join(names[:4])}, ...); mark others"
        )
    pixels: FloatArray = np.array([photo.landmarks[name] for name in names])
    jaw = np.array([name in JAW for name in names]) & (jaw_strips(model) is not None)
    flat: FloatArray = np.where(jaw, settings.jaw, 1.0)
    view = View(tuple(names), ids, pixels, flat, jaw, photo.size, photo.principal_point, 1.0, settings.focal_spread)
    camera = start_camera(view, mean[ids])
    if photo.visible is None:
        view = without_hidden(view, camera, modes)
        ids = view.ids
    scale = camera.focal / USUAL_DISTANCE
    believed = camera.focal / USUAL_DISTANCE * settings.distance_mm if photo.focal_px is None else float(photo.focal_px)
    spread = settings.distance_spread if photo.focal_px is None else settings.focal_spread
    noise = MARKED_MM * scale if noise_px is None else noise_px
    noise = settings.marking * max(noise, settings.floor_mm * scale)
    found = np.array([further[name][1] if name in further else 0.0 for name in view.names])
    spreads: FloatArray = np.where(found > 0, found * scale * np.sqrt(TOGETHER), view.noise * noise)
    outline = None if photo.mask is None else outline_of(np.asarray(photo.mask))
    view = replace(view, noise=spreads, focal=believed, focal_spread=spread, outline=outline)
    return view, start_camera(view, mean[ids], view.focal)


def without_hidden(view: View, camera: Camera, modes: ShapeModes) -> View:
    """The view without landmarks whose skin looks away from a camera; as it is where fewer than six would be left."""
    towards = camera.eye - modes.mean[view.ids]
    cosine = np.einsum("ij,ij->i", modes.normals[view.ids], towards) / np.linalg.norm(towards, axis=1)
    keep = view.jaw | (cosine > AWAY)
    if keep.all() or keep.sum() < LEAST:
        return view
    names = tuple(name for name, k in zip(view.names, keep, strict=True) if k)
    gone = tuple(name for name, k in zip(view.names, keep, strict=True) if not k)
    return replace(view, names=names, ids=view.ids[keep], pixels=view.pixels[keep], noise=view.noise[keep],
                   jaw=view.jaw[keep], hidden=gone)  # fmt: skip


def _result(problem: Problem, state: State, photos: Sequence[Photo], months: float | None) -> PhotoFit:
    final = normal_equations(problem, state)
    strange = (
        max(1.0, state.misfit / STRANGE[0], problem.width / STRANGE[1]) if problem.settings.misfit_mm is None else 1.0
    )
    spread = strange**2 * covariance(final, problem.shapes)
    marks = problem.modes.model.template.landmarks
    mean = {name: problem.modes.mean[index] for name, index in marks.items()}
    for view in problem.views:
        mean |= {n: problem.modes.mean[v] for n, v in zip(view.names, view.ids, strict=True) if n not in mean}
    doubts = tuple(doubt(view, mean) for view in problem.views)
    verdict, reasons = judge(problem, state, final, months, doubts)
    return PhotoFit(problem, state, tuple(photos), spread, final.landmarks, verdict, reasons)
