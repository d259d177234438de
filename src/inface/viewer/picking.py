"""What a ray from the eye touches: the place on the nearest body, exactly on its surface."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inface._validate import FloatArray
from inface.viewer.drawing import Body
from inface.viewer.scene import SurfacePoint

_WIDTH = 3.0  # mm: how near a ray has to pass a point of a cloud


@dataclass(frozen=True, eq=False)
class Hit:
    """A place that a ray touches.

    Attributes:
        place: on which body, and where.
        point: `(3,)` mm, in the body's own frame (without its offset).
        depth: distance from the eye.
    """

    place: SurfacePoint
    point: FloatArray
    depth: float

    @property
    def vertex(self) -> int:
        """The nearest vertex of the body."""
        return self.place.corners[int(np.argmax(self.place.weights))]


def pick(bodies: Sequence[Body], origin: FloatArray, direction: FloatArray, only: str = "") -> Hit | None:
    """The nearest place that a ray touches on any of the bodies, or on the one called `only`; None when it misses."""
    direction = np.asarray(direction, float) / np.linalg.norm(direction)
    hits = []
    for body in bodies:
        if only and body.name != only:
            continue
        start = np.asarray(origin, float) - body.offset
        hit = _on_surface(body, start, direction) if len(body.triangles) else _on_cloud(body, start, direction)
        if hit is not None:
            hits.append(hit)
    return min(hits, key=lambda h: h.depth, default=None)


def place_of(body: Body, place: SurfacePoint) -> FloatArray:
    """Where a place on a body is now, `(3,)`, with the body's offset."""
    corners = np.asarray(body.vertices[list(place.corners)], float)
    return np.asarray(place.weights) @ corners + np.asarray(body.offset)


def _on_surface(body: Body, origin: FloatArray, direction: FloatArray) -> Hit | None:
    """The intersection of Moeller and Trumbore (1997) with every triangle, nearest first; both sides count."""
    a, b, c = (np.asarray(body.vertices, float)[body.triangles[:, k]] for k in range(3))
    one, two = b - a, c - a
    across = np.cross(direction, two)
    scale = (one * across).sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        away = origin - a
        u = (away * across).sum(1) / scale
        around = np.cross(away, one)
        v = (around @ direction) / scale
        depth = (two * around).sum(1) / scale
    inside = (u >= -1e-9) & (v >= -1e-9) & (u + v <= 1 + 1e-9) & (depth > 0) & np.isfinite(depth)
    if not inside.any():
        return None
    t = int(np.flatnonzero(inside)[np.argmin(depth[inside])])
    i, j, k = (int(x) for x in body.triangles[t])
    weights = (float(1 - u[t] - v[t]), float(u[t]), float(v[t]))
    place = SurfacePoint(body.name, (i, j, k), weights)
    return Hit(place, origin + depth[t] * direction, float(depth[t]))


def _on_cloud(body: Body, origin: FloatArray, direction: FloatArray) -> Hit | None:
    vertex = near_ray(body.vertices, origin, direction)
    if vertex is None:
        return None
    point = np.asarray(body.vertices[vertex], float)
    place = SurfacePoint(body.name, (vertex, vertex, vertex), (1.0, 0.0, 0.0))
    return Hit(place, point, float((point - origin) @ direction))


def near_ray(vertices: FloatArray, origin: FloatArray, direction: FloatArray, width: float = _WIDTH) -> int | None:
    """The vertex nearest to the eye among those within `width` mm of a ray; None when there is none."""
    direction = direction / np.linalg.norm(direction)
    away = vertices - origin
    depth = away @ direction
    aside = np.linalg.norm(away - depth[:, None] * direction, axis=1)
    hit = np.flatnonzero((aside < width) & (depth > 0))
    return None if not len(hit) else int(hit[np.argmin(depth[hit])])
