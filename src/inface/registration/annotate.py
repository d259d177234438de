"""What our tools need of a model - landmarks, regions, mirror pairs - given to a model of another topology."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from inface._validate import BoolArray, FloatArray, IntArray
from inface.errors import ConvergenceError
from inface.geometry.proximity import SurfaceIndex
from inface.mesh import Mesh
from inface.registration.pipeline import register
from inface.registration.result import Registration
from inface.template import Template

NEAR = 4.0  # mm from our registered surface at which a vertex still belongs to one of its regions
TURNED = 30.0  # degrees between the model's frame and ours beyond which it is refused
FEWEST = 10  # landmarks that must be carried over
MIDDLE = 0.02  # of the model's size: how far from the midline a vertex may be its own partner


def annotate(model: Any, source: Any = "pca") -> Any:
    """The same model with landmarks, regions and mirror pairs carried over from ours.

    Our model is registered to the other's mean; where its surface lies on the mean, each of the mean's vertices takes
    the regions of the place under it, each of our landmarks goes to the nearest vertex, and each vertex's partner is
    the one nearest to its place on the other side. What the model has already is kept. Landmarks and regions that its
    mean does not show (the scalp of a face patch) are left out.

    Args:
        model: a model of heads or faces with triangles, mean in millimetres, x to the left, y up, z forward.
        source: the model whose template is carried over; by default the shipped one.

    Raises:
        ConvergenceError: our model cannot be laid on the mean, or too little was carried over to be of use.
        ValueError: the mean has another unit or frame.

    Examples:
        >>> from inface.registration.annotate import annotate
        >>> known = annotate(load_model("theirs.h5"))  # doctest: +SKIP
        >>> known.save("theirs_annotated.h5")  # doctest: +SKIP
    """
    if isinstance(source, str):
        from inface.embedded import load_default_model

        source = load_default_model(source)
    mean = np.asarray(model.mean_vertices, float)
    done = register(Mesh(mean, model.triangles), source)
    _check(done)
    ours: Template = source.template
    surface = done.mesh
    assert surface is not None and done.support is not None
    found = SurfaceIndex(surface.vertices, surface.triangles).closest(mean)
    nearest = surface.triangles[found.triangle, found.weights.argmax(1)]
    near = (found.distance < NEAR) & done.support[nearest]
    used = np.zeros(len(mean), bool)
    used[model.triangles] = True
    landmarks = _landmarks(done, ours.landmarks, mean, used & near)
    if len(landmarks) < FEWEST:
        raise ConvergenceError(
            f"annotate: only {len(landmarks)} landmarks of our template lie on the model's mean, {FEWEST} are needed"
        )
    regions = _regions(ours.regions, nearest, near)
    mirror = model.template.mirror
    if mirror is None and ours.mirror is not None:
        mirror = _mirror(surface.vertices[ours.mirror], surface.triangles, found, mean, surface.vertices)
    kept = model.template
    return model.with_extras(
        landmarks={**landmarks, **dict(kept.landmarks)}, regions={**regions, **dict(kept.regions)}, mirror=mirror
    )


def _check(done: Registration) -> None:
    if done.verdict == "failed" or done.mesh is None or done.transform is None:
        raise ConvergenceError(f"annotate: our model does not lie on the model's mean: {'; '.join(done.reasons)}")
    if done.unit != "mm":
        raise ValueError(f"annotate: the model's mean seems to be in {done.unit}; bring the model to millimetres first")
    if done.transform.angle > TURNED:
        raise ValueError(
            f"annotate: the model's mean is turned by {done.transform.angle:.0f} degrees; bring the model to x to the "
            "subject's left, y up, z forward first"
        )


def _landmarks(done: Registration, ours: Mapping[str, int], mean: FloatArray, usable: BoolArray) -> dict[str, int]:
    """Name -> vertex of the mean nearest to each of our landmarks that the mean shows."""
    assert done.mesh is not None and done.support is not None
    ids = np.flatnonzero(usable)
    if not len(ids):
        return {}
    tree = cKDTree(mean[ids])
    shown = {name: vertex for name, vertex in ours.items() if done.support[vertex]}
    return {name: int(ids[tree.query(done.mesh.vertices[vertex])[1]]) for name, vertex in shown.items()}


def _regions(ours: Mapping[str, IntArray], nearest: IntArray, near: BoolArray) -> dict[str, IntArray]:
    """Name -> vertices of the mean over the vertices of each of our regions; those that none is over are left out."""
    found: dict[str, IntArray] = {}
    for name, ids in ours.items():
        mine = np.flatnonzero(near & np.isin(nearest, ids))
        if len(mine):
            found[name] = mine
    return found


def _mirror(partners: FloatArray, triangles: IntArray, found: Any, mean: FloatArray, own: FloatArray) -> IntArray:
    """Each vertex's partner `(V,)`: the pairs that name each other, the nearest first; on the midline itself.

    `partners (V', 3)`: the places of our vertices' partners on the registered surface; `own`: of the vertices.
    """
    corners = triangles[found.triangle]
    other_side = np.einsum("nk,nkd->nd", found.weights, partners[corners])
    here = np.einsum("nk,nkd->nd", found.weights, own[corners])
    tree = cKDTree(mean)
    size = float(np.linalg.norm(np.ptp(mean, axis=0)))
    distance, near = tree.query(other_side, k=4)
    mirror = np.arange(len(mean))
    middle = np.linalg.norm(other_side - here, axis=1) < MIDDLE * size / 4
    free = ~middle
    rows = np.repeat(np.arange(len(mean)), near.shape[1])
    order = np.argsort(distance.ravel(), kind="stable")
    for row, other in zip(rows[order], near.ravel()[order], strict=True):
        if row != other and free[row] and free[other]:
            mirror[row], mirror[other] = other, row
            free[row] = free[other] = False
    return mirror
