"""The outline of a bare head from a mask: where the skin turns away from the camera, there the mask must end.

Each vertex on the rim (between skin that faces the camera and skin that does not; ears and neck left out) is drawn
along the outline's normal to the nearest point of the outline that looks the same way; neighbours count as one of six.
"""

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from inface._validate import BoolArray, FloatArray, IntArray
from inface.geometry.adjacency import vertex_normals
from inface.photos.camera import Camera

NOISE, TOGETHER = 1.5, 6  # pixels at 512; neighbours that count as one
REACH, ALIKE = 0.06, 0.7  # of the photograph's size: farthest match; least cosine between normals


def outline_of(mask: BoolArray) -> FloatArray:
    """Points of the border of a mask and the outward normals there, `(m, 4)` pixels; not where the photograph ends.

    Raises `ValueError` for a mask that is empty or covers the whole photograph.
    """
    inside = np.asarray(mask, bool)
    if not inside.any() or inside.all():
        raise ValueError("mask: expected the child's head, got a mask that holds nothing or everything")
    inside = ndimage.binary_fill_holes(inside)
    soft = ndimage.gaussian_filter(inside.astype(float), 1.5)
    rim = inside & ~ndimage.binary_erosion(inside, border_value=1)
    rim[[0, -1]] = rim[:, [0, -1]] = False
    v, u = np.nonzero(rim)
    down, right = np.gradient(soft)
    normals = -np.stack([right[v, u], down[v, u]], 1)
    size = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = normals / np.maximum(size, 1e-9)
    points = np.stack([u, v], 1) + 0.5 * normals  # the border runs between the last pixel inside and the first outside
    return np.hstack([points, normals])[size[:, 0] > 1e-6]


def outline_rows(
    problem, vertices: FloatArray, camera: Camera, outline: FloatArray
) -> tuple[IntArray, FloatArray, FloatArray, FloatArray]:
    """Rows that draw the rim to the outline: vertices `(n,)`, derivatives `(n, 1, 3)` by them and `(n, 7)` by the
    camera, and residuals `(n,)`; all over their standard deviation."""
    model = problem.modes.model
    normals = vertex_normals(vertices, model.triangles)
    facing = np.einsum("ij,ij->i", normals, camera.eye - vertices) > 0
    corners = facing[model.triangles]
    rim = np.unique(model.triangles[corners.any(1) & ~corners.all(1)])
    hidden = np.zeros(len(vertices), bool)
    for region in ("ears", "neck", "mouth_inside", "eyes"):
        hidden[model.template.regions.get(region, [])] = True
    every = camera.project(vertices[rim])
    beside_hidden = hidden[rim]
    rim = rim[~beside_hidden]
    pixels, by_point, by_camera = camera.derivatives(vertices[rim])
    away = normals[rim] @ camera.rotation.T
    flat = away[:, :2] / np.maximum(np.linalg.norm(away[:, :2], axis=1, keepdims=True), 1e-9)
    distance, near = cKDTree(outline[:, :2]).query(pixels)
    target, normal = outline[near, :2], outline[near, 2:]
    closest, owner = cKDTree(np.nan_to_num(every)).query(
        target
    )  # the outline of an ear is not that of the skull behind it
    width = max(camera.size)
    keep = (
        ~beside_hidden[owner]
        & (distance < closest + 2 * spread_px(width))
        & (distance < REACH * width)
        & ((flat * normal).sum(1) > ALIKE)
    )
    spread = spread_px(width) * np.sqrt(TOGETHER)
    across = ((target - pixels) * normal).sum(1) / spread
    weight = np.sqrt(1 / (1 + (across * np.sqrt(TOGETHER) / 5) ** 2))
    scaled = (weight / spread)[:, None] * normal
    rows = np.einsum("ni,nij->nj", scaled, by_point)[:, None]
    return rim[keep], rows[keep], np.einsum("ni,nij->nj", scaled, by_camera)[keep], (across * weight)[keep]


def spread_px(width: int) -> float:
    """Standard deviation of an outline in pixels, for a photograph so wide."""
    return NOISE * max(1.0, width / 512)
