"""What a head wears before a camera: cap, hair, collar. Plain arrays, millimetres, the head's frame."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from inface._validate import BoolArray, FloatArray, IntArray
from inface.geometry.adjacency import vertex_normals
from inface.geometry.smooth import smoothstep
from inface.synthetic import scan_parts as parts
from inface.synthetic.scan_plan import Draws, ScanPlan


@dataclass(frozen=True, eq=False)
class DressedHead:
    """A fine surface of a head with what it wears.

    Attributes:
        points, triangles: `(n, 3)` and `(t, 3)`: first the `size` points of the head itself, then what stands off it.
        size: number of points of the head itself.
        source, weights: `(size, 3)`: vertices of the given head and barycentric weights, where each point lies on it.
        bare: `(size,)` points that no cloth covers.
        lost: `(size,)` points below the rim of the collar, which no camera sees.
        covered: `(V,)` vertices of the given head under cap, hair or collar.
    """

    points: FloatArray
    triangles: IntArray
    size: int
    source: IntArray
    weights: FloatArray
    bare: BoolArray
    lost: BoolArray
    covered: BoolArray


def dressed(head: FloatArray, triangles: IntArray, plan: ScanPlan, draw: Draws) -> DressedHead:
    """The head `(V, 3)` with the cap, hair and collar of a settled plan, on a surface finer than the scan will be."""
    assert plan.vertices is not None and plan.hair is not None
    levels = 2 if len(triangles) * 8 > 2.2 * plan.vertices else 3
    surface, fine, source, weights = parts.fine_surface(head, triangles, levels)
    covered: BoolArray = np.zeros(len(head), bool)
    cloth: FloatArray = np.zeros(len(surface))
    if plan.cap:
        surface, cloth = _cap(surface, head, draw("cap shape"))
        capped = np.zeros(len(head))
        np.maximum.at(capped, source.ravel(), np.where(weights > 0.99, cloth[:, None], 0).ravel())
        covered |= capped > 0.02
    bare, lost = cloth < 0.02, np.zeros(len(surface), bool)
    pieces = [(surface, fine)]
    if plan.hair:
        random, normals = draw("hair shape"), vertex_normals(surface, fine)
        roots = _hair_roots(head, surface, bare, plan.hair, random)
        surface, tufted = _tufts(surface, normals, roots, random)
        pieces = [(surface, fine), parts.wisps(surface[roots], normals[roots], random)]
        if tufted.any():
            covered |= cKDTree(surface[tufted]).query(head)[0] < 1.5
    if plan.collar:
        random, low, height = draw("collar shape"), head[:, 1].min(), float(np.ptp(head[:, 1]))
        rise = random.uniform(1.0, 7.0)
        neck = head[head[:, 1] < low + 0.02 * height]
        pieces.append(parts.shoulders(neck, height, rise, bool(plan.shoulders), random))
        lost |= surface[:, 1] < low + rise
        covered |= head[:, 1] < low + rise
    points, joined = _join(pieces)
    return DressedHead(points, joined, len(surface), source, weights, bare, lost, covered)


def _cap(surface: FloatArray, head: FloatArray, random: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """The surface with a cap on it, and the cap's weight (0 skin, 1 cloth) at each of its points."""
    low, high = head.min(0), head.max(0)
    size = high - low
    # a plane from the forehead to the nape, tilted; the cap lies above it
    front = low[1] + size[1] * random.uniform(0.66, 0.76)
    back = low[1] + size[1] * random.uniform(0.35, 0.6)
    normal = np.array([random.normal(0, 0.04), 1.0, -(front - back) / size[2]])
    normal /= np.linalg.norm(normal)
    on = np.array([(low[0] + high[0]) / 2, (front + back) / 2, (low[2] + high[2]) / 2])
    height = (surface - on) @ normal + 1.5 * parts.waves(surface, 35.0, random)
    weight = smoothstep(height / 3.0)
    # cloth spans what stands off the head (ears): push out to the smooth hull of directions from the centre
    centre = np.array([on[0], low[1] + 0.6 * size[1], on[2]])
    away = surface - centre
    radius = np.linalg.norm(away, axis=1)
    thickness = random.uniform(1.5, 5.0)
    folds = 0.35 * thickness * parts.waves(surface, 22.0, random) + 0.25 * parts.waves(surface, 8.0, random)
    lift = weight * np.maximum(thickness + folds, 1.2)
    return surface + away / radius[:, None] * lift[:, None], weight


def _hair_roots(
    head: FloatArray, surface: FloatArray, bare: BoolArray, count: int, random: np.random.Generator
) -> IntArray:
    """Places on the bare scalp: the upper and back part of the head, away from the face."""
    low, high = head.min(0), head.max(0)
    relative = (surface - low) / (high - low)
    scalp = bare & (relative[:, 1] > 0.5) & ((relative[:, 1] > 0.88) | (relative[:, 2] < 0.6))
    where = np.flatnonzero(scalp)
    return random.choice(where, size=count, replace=False) if len(where) > count else where[:0]


def _tufts(
    surface: FloatArray, normals: FloatArray, roots: IntArray, random: np.random.Generator
) -> tuple[FloatArray, BoolArray]:
    """Bulges of matted hair about the roots: the moved surface and which points moved."""
    lift = np.zeros(len(surface))
    for root in roots:
        distance = np.linalg.norm(surface - surface[root], axis=1)
        radius = random.uniform(5, 12)
        lift = np.maximum(lift, np.clip(1 - (distance / radius) ** 2, 0, 1) * random.uniform(1.0, 3.0))
    lift *= np.clip(1 + 0.4 * parts.waves(surface, 5.0, random), 0.2, 2)
    return surface + normals * lift[:, None], lift > 0.2


def _join(pieces: list[tuple[FloatArray, IntArray]]) -> tuple[FloatArray, IntArray]:
    starts = np.cumsum([0] + [len(points) for points, _ in pieces])
    triangles = [own + start for (_, own), start in zip(pieces, starts, strict=False)]
    return np.concatenate([points for points, _ in pieces]), np.concatenate(triangles)
