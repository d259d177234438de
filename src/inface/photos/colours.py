"""Colours of the skin from photographs: sampled where it is seen well, taken from the other side where it is not."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from inface._validate import BoolArray, FloatArray
from inface.geometry.adjacency import adjacency
from inface.mesh import Mesh
from inface.photos.camera import Camera
from inface.photos.perspective import draw, reduced
from inface.photos.photo import Photo
from inface.template import Template

STEEPEST = 70.0  # degrees between the skin's normal and the camera beyond which nothing is sampled
RIM, BEHIND = 3, 4.0  # pixels by which the head is shrunk; mm behind the nearest skin that still count as seen
DEPTH_PIXELS = 700


def photo_colours(views: Sequence[tuple[Photo, Mesh, Camera]], template: Template) -> FloatArray:
    """Colours `(V, 3)` in [0, 1]: the mean of what the photographs show, weighted by (cos - cos 70)^2; unseen skin from
    its mirror partner, and what neither shows spread from its neighbours (or the template's own colours, matched)."""
    count = len(template.mesh.vertices)
    total, weights = np.zeros((count, 3)), np.zeros(count)
    for photo, mesh, camera in views:
        seen, colour = _sampled(photo, mesh, camera)
        total += seen[:, None] * colour
        weights += seen
    known = weights > 1e-9
    out = np.zeros((count, 3))
    out[known] = total[known] / weights[known, None]
    if template.mirror is not None:
        from_side = ~known & known[template.mirror]
        out[from_side] = out[template.mirror[from_side]]
        known = known | from_side
    return np.clip(_filled(out, known, template), 0, 1)


def _sampled(photo: Photo, mesh: Mesh, camera: Camera) -> tuple[FloatArray, FloatArray]:
    """Weights `(V,)` and colours `(V, 3)` of one photograph."""
    assert photo.image is not None
    small, _ = reduced(camera, DEPTH_PIXELS)
    depth = draw(small, mesh.vertices, mesh.triangles, np.ones((len(mesh.vertices), 1))).depth
    inside: Any = ndimage.binary_erosion(np.isfinite(depth), iterations=RIM)
    near = ndimage.minimum_filter(depth, 3)
    pixels = small.project(mesh.vertices)
    cell = np.round(np.nan_to_num(pixels, nan=-9)).astype(int)
    within = np.asarray(((cell >= 0) & (cell < small.size)).all(1))
    u, v = np.where(within[:, None], cell, 0).T
    towards = camera.eye - mesh.vertices
    cosine = np.einsum("ij,ij->i", mesh.vertex_normals, towards) / np.linalg.norm(towards, axis=1)
    far = camera.seen(mesh.vertices)[:, 2]
    seen = within & inside[v, u] & (far < near[v, u] + BEHIND)
    weight = np.where(seen, np.clip(cosine - np.cos(np.radians(STEEPEST)), 0, None) ** 2, 0.0)
    full = camera.project(mesh.vertices)
    where = np.nan_to_num(full[:, ::-1]).T
    colour = [ndimage.map_coordinates(photo.image[:, :, c] / 255.0, where, order=1, mode="nearest") for c in range(3)]
    return weight, np.stack(colour, 1)


def _filled(colours: FloatArray, known: BoolArray, template: Template) -> FloatArray:
    """Unknown colours: the template's own, scaled to the brightness of what is known; without any, from neighbours."""
    if known.all() or not known.any():
        return colours
    out = colours.copy()
    own = template.mesh.colors
    if own is not None:
        factor = out[known].mean(0) / np.maximum(own[known].mean(0), 1e-3)
        out[~known] = own[~known] * factor
        return out
    neighbours = adjacency(template.mesh.triangles, len(known))
    out[~known] = out[known].mean(0)
    for _ in range(60):
        total = neighbours.sum(1).clip(1)
        out[~known] = (neighbours @ out / np.asarray(total).reshape(-1, 1))[~known]
    return out
