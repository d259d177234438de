"""A head as a camera sees it, with numpy alone: what lies where in the photograph, and how far away."""

from dataclasses import dataclass, replace

import numpy as np

from inface._validate import FloatArray, IntArray
from inface.geometry.adjacency import triangle_normals
from inface.photos.camera import Camera

STEP = 0.6  # pixels between the samples of a triangle


@dataclass(frozen=True, eq=False)
class Drawn:
    """A drawn head.

    Attributes:
        values: `(h, w, c)` interpolated from the vertices; 0 where there is no head.
        depth: `(h, w)` mm; infinite where there is no head.
    """

    values: FloatArray
    depth: FloatArray


def draw(camera: Camera, vertices: FloatArray, triangles: IntArray, values: FloatArray) -> Drawn:
    """Draw `values (V, c)` of the vertices; skin that looks away is left out, and nearer skin hides what is behind."""
    width, height = camera.size
    seen, pixels = camera.seen(vertices), camera.project(vertices)
    normals = triangle_normals(seen, triangles)
    towards = -seen[triangles].mean(1)
    shown = (np.einsum("ij,ij->i", normals, towards) > 0) & (seen[triangles][:, :, 2] > 1e-3).all(1)
    box = pixels[triangles]
    shown &= (box.max(1) >= -0.5).all(1) & (box.min(1) <= np.array([width, height]) - 0.5).all(1)
    corners = triangles[shown]
    steps = np.clip(np.ceil(np.ptp(pixels[corners], axis=1).max(1) / STEP), 1, 400).astype(int)
    image = np.zeros((height * width, values.shape[1]))
    depth = np.full(height * width, np.inf)
    for count in np.unique(steps):
        chosen = corners[steps == count]
        grid = np.array([(i, j) for i in range(count + 1) for j in range(count + 1 - i)]) / count
        weights = np.column_stack([1 - grid.sum(1), grid])
        for part in np.array_split(chosen, max(1, len(chosen) * len(grid) // 500_000)):
            _splat(image, depth, (width, height), weights, pixels[part], seen[part][:, :, 2], values[part])
    return Drawn(image.reshape(height, width, -1), depth.reshape(height, width))


def _splat(image, depth, size, weights, pixels, far, values) -> None:
    """Write samples `(g, 3)` of triangles `(n, 3, ...)` into the flat picture, nearest last, in place."""
    place = np.round((weights @ pixels).reshape(-1, 2)).astype(int)
    away = (far @ weights.T).ravel()
    inside = ((place >= 0) & (place < size)).all(1)
    cell = place[inside, 1] * size[0] + place[inside, 0]
    away, colour = away[inside], (weights @ values).reshape(-1, values.shape[2])[inside]
    order = np.argsort(-away, kind="stable")
    cell, away, colour = cell[order], away[order], colour[order]
    last = len(cell) - 1 - np.unique(cell[::-1], return_index=True)[1]
    nearer = away[last] < depth[cell[last]]
    keep = last[nearer]
    image[cell[keep]], depth[cell[keep]] = colour[keep], away[keep]


def reduced(camera: Camera, most: int) -> tuple[Camera, float]:
    """The camera of the same photograph with at most `most` pixels a side, and the factor of the reduction."""
    factor = min(1.0, most / max(camera.size))
    if factor == 1.0:
        return camera, 1.0
    size = (max(1, round(camera.size[0] * factor)), max(1, round(camera.size[1] * factor)))
    centre = (camera.centre + 0.5) * factor - 0.5
    return replace(camera, focal=camera.focal * factor, centre=centre, size=size), factor
