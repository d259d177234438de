"""A small picture of where a landmark belongs on the template."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from inface.geometry.adjacency import vertex_normals
from inface.pictures.shade import shade, view_rotation
from inface.template import Template

PIXELS = 220
_VIEWS = ((0.0, 0.0), (65.0, 0.0), (-65.0, 0.0), (180.0, 0.0), (0.0, 60.0))  # azimuth, elevation in degrees
_RED, _WHITE = (194, 24, 12), (255, 255, 255)


@lru_cache(maxsize=128)
def landmark_picture(template: Template, name: str) -> NDArray[np.uint8]:
    """The template from the side on which the landmark is seen best, with a dot on it, `(PIXELS, PIXELS, 3)`."""
    vertices, triangles = template.mesh.vertices, template.mesh.triangles
    vertex = template.landmarks[name]
    point, normal = vertices[vertex], _normal(template, vertex)
    views = [view_rotation(*angles) for angles in _VIEWS]
    view = max(views, key=lambda v: float((v @ normal)[2]))
    centre = (vertices.min(0) + vertices.max(0)) / 2
    half = float(np.ptp(vertices, axis=0).max()) * 0.58
    drawn = shade(vertices, triangles, view=view, centre=centre, half_width=half, pixels=PIXELS)
    eye, scale = view @ (point - centre), PIXELS / (2 * half)
    x, y = eye[0] * scale + PIXELS / 2, -eye[1] * scale + PIXELS / 2
    rows, columns = np.mgrid[:PIXELS, :PIXELS] + 0.5
    away = np.hypot(columns - x, rows - y)
    drawn[away < 7] = _WHITE
    drawn[away < 5] = _RED
    return drawn


def _normal(template: Template, vertex: int) -> NDArray[np.floating]:
    """The mean normal about a vertex, which folds of the skin do not turn away."""
    vertices, normals = template.mesh.vertices, vertex_normals(template.mesh.vertices, template.mesh.triangles)
    near = np.linalg.norm(vertices - vertices[vertex], axis=1) < 15
    total = normals[near].sum(0)
    return total / max(float(np.linalg.norm(total)), 1e-12)
