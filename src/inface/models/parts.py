"""Loose parts that a model may be given, put together: the template, checked once."""

from collections.abc import Mapping
from typing import Any, TypedDict

import numpy as np
from numpy.typing import ArrayLike

from inface._validate import FloatArray, IntArray
from inface.mesh import Mesh
from inface.models.ages import AgeCalibration
from inface.models.correspondence import UNITS
from inface.models.latent import LatentSpace
from inface.models.misfit import Misfit
from inface.template import Template


class ModelExtras(TypedDict, total=False):
    """What a model may know beside its weights; see `MorphableModel` for the meaning.

    `template` fills in `triangles`, `landmarks`, `regions`, `mirror`, `unit` and `colors` where they are not given.
    """

    template: Template
    landmarks: Mapping[str, int]
    regions: Mapping[str, IntArray]
    mirror: IntArray | None
    unit: str
    colors: ArrayLike | None
    noise_std: float | None
    misfit: Misfit | None
    expressions: Mapping[str, ArrayLike]
    age_calibration: AgeCalibration | None
    card: Mapping[str, str]


def template_of(mean_vertices: FloatArray, triangles: ArrayLike | None, extras: ModelExtras) -> Template:
    """The template of a mean shape `(V, 3)`, from what is given one by one before what `extras["template"]` says.

    Raises `ValueError` for a part that doesn't fit.
    """
    given = extras.get("template")
    default: dict[str, Any] = {} if given is None else vars(given) | {"colors": given.mesh.colors}
    if triangles is None:
        if given is None:
            raise ValueError("triangles: give them, or a template that has them")
        triangles = given.mesh.triangles
    mesh = Mesh(mean_vertices, triangles, extras.get("colors", default.get("colors")))
    t = mesh.triangles
    repeated = (t[:, 0] == t[:, 1]) | (t[:, 1] == t[:, 2]) | (t[:, 2] == t[:, 0])
    if repeated.any():
        first = int(np.argmax(repeated))
        raise ValueError(
            f"triangles: {int(repeated.sum())} repeat a vertex (the first is number {first}, {t[first].tolist()})"
        )
    regions = {}
    for name, ids in extras.get("regions", default.get("regions", {})).items():
        ids = np.asarray(ids)
        if ids.dtype.kind not in "iu":
            raise ValueError(f"region '{name}': expected vertex indices, got dtype {ids.dtype}")
        regions[str(name)] = ids
    unit = extras.get("unit", default.get("unit", "mm"))
    if unit not in UNITS:
        raise ValueError(f"unit: expected one of {', '.join(UNITS)}, got '{unit}'")
    mirror = extras.get("mirror", default.get("mirror"))
    if mirror is not None and np.shape(mirror) != (len(mesh.vertices),):
        raise ValueError(f"mirror: expected shape ({len(mesh.vertices)},), got {np.shape(mirror)}")
    landmarks = extras.get("landmarks", default.get("landmarks", {}))
    return Template(mesh, dict(landmarks), regions, mirror, unit)


def vertex_count(mean_vertices: ArrayLike) -> int:
    """V of mean vertices `(V, 3)`; `ValueError` for any other shape."""
    shape = np.shape(mean_vertices)
    if len(shape) != 2 or shape[1] != 3 or not shape[0]:
        raise ValueError(f"mean_vertices: expected shape (V, 3), got {shape}")
    return shape[0]


def checked_noise(value: float | None) -> float | None:
    """A noise level in mm, or None; `ValueError` for one below zero, NaN or infinity."""
    if value is None:
        return None
    if not (np.isfinite(value) and value >= 0):
        raise ValueError(f"noise_std: expected a number of zero or more (mm), got {value}")
    return float(value)


def checked_misfit(misfit: Misfit | None, count: int) -> Misfit | None:
    """The misfit, which must be of `count` vertices."""
    if misfit is not None and misfit.vertex_std.shape[1] != count:
        raise ValueError(f"misfit: expected one of {count} vertices, got {misfit.vertex_std.shape[1]}")
    return misfit


def checked_calibration(calibration: AgeCalibration | None, latent: LatentSpace) -> AgeCalibration | None:
    """The calibration, which must be as wide as the age block of `latent`."""
    if calibration is not None:
        block = latent.block("age")
        if len(calibration.direction) != block.stop - block.start:
            raise ValueError(
                f"age calibration: expected a direction of the age block's width {block.stop - block.start}, "
                f"got {len(calibration.direction)}"
            )
    return calibration
