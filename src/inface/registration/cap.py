"""Is there a cap on this head? Decided by what cloth looks like, never by bulging alone.

The head is fitted bare first. Then once more for a few steps with cloth allowed, which believes less what lies
outside the skin: on a capped head the fit sinks below the cloth, and most of the cranium stands out of it; on a bare
one the skin stays. A bare head of a shape that the model does not know stands out too, but smoothly: cloth ends in an
edge.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from inface._validate import BoolArray, FloatArray, IntArray
from inface.geometry.adjacency import vertex_normals
from inface.geometry.proximity import nearest
from inface.registration.fits import Candidate, Fitter
from inface.registration.model_fit import ModelFit, Schedule
from inface.registration.prior import ShapePrior
from inface.registration.target import Target

LOOK: Schedule = ((None, 10.0, 4), (None, 5.0, 4))
POINTS = 2000
OUT = 0.25  # share of the cranium that must stand out of the fit
EDGE = 0.2  # rise of the surface at the border of what stands out, mm a mm
FEWEST = 50  # points of the cranium; fewer decide nothing


@dataclass(frozen=True)
class Cap:
    """Whether a cap (or thick hair) was taken to be on the head.

    Attributes:
        worn: True when what lies on the cranium was taken for cloth, not for skin.
        given: True when the caller said so, False when it was decided from the scan.
        why: in words.
        out: share of the cranium that stands out by 1 mm and more; NaN when not looked at.
        edge: how steeply it begins where it begins, mm a mm.
        height: median height of what stands out, mm.
    """

    worn: bool
    given: bool
    why: str
    out: float = np.nan
    edge: float = np.nan
    height: float = np.nan


def told(worn: bool) -> Cap:
    """The caller's word."""
    return Cap(worn, True, "a cap was said to be worn" if worn else "the head was said to be bare")


def look_for_cap(clothed: Fitter, best: Candidate) -> tuple[Cap, Candidate]:
    """Decide by the bare fit `best`; also the short fit with cloth allowed, to go on from."""
    fit = clothed.fit(best.target, best.fit.start(), LOOK, POINTS)
    other = clothed.look(best.target, fit)
    unit = clothed.prior.size / 250.0
    height, vertex, ok = heights(clothed.prior, best.target, fit)
    cranium = _cranium(clothed.prior)[vertex] & ok
    if cranium.sum() < FEWEST:
        return Cap(False, False, "the scan shows too little of the cranium to wear a cap"), other
    out = height[cranium] > unit
    share = float(out.mean())
    if not out.any():
        return Cap(False, False, "nothing stands out of the cranium", share), other
    rise = float(np.median(height[cranium][out]))
    edge = _edge(best.target.points[best.target.samples], height, cranium, unit)
    measured = f"{share:.0%} of the cranium stands out by {rise:.1f} mm, its edge rises by {edge:.2f} mm a mm"
    if share <= OUT:
        return Cap(False, False, f"{measured}: too little for a cap", share, edge, rise), other
    if not edge > EDGE:
        return Cap(False, False, f"{measured}: too smooth for cloth", share, edge, rise), other
    return Cap(True, False, f"{measured}: cloth", share, edge, rise), other


def heights(prior: ShapePrior, target: Target, fit: ModelFit) -> tuple[FloatArray, IntArray, BoolArray]:
    """Heights `(n,)` of the scan's samples over the fit, the vertex under each, and which can be compared."""
    vertices = fit.vertices
    normals = vertex_normals(vertices, prior.triangles)
    usable = np.flatnonzero(prior.usable)
    samples = target.points[target.samples]
    distance, near, _ = nearest(cKDTree(vertices[usable]), samples)
    vertex = usable[near]
    n = normals[vertex]
    height = np.einsum("ij,ij->i", n, samples - vertices[vertex])
    same = np.einsum("ij,ij->i", n, target.normals[target.samples]) > 0.5
    ok = same & (distance < 0.06 * prior.size) & ~prior.border[vertex] & ~target.border[target.samples]
    return height, vertex, ok


def _cranium(prior: ShapePrior) -> BoolArray:
    mask = np.zeros(len(prior.mean), bool)
    mask[prior.region("scalp", "forehead")] = True
    return (mask if mask.any() else prior.clothed) & prior.usable


def _edge(points: FloatArray, height: FloatArray, among: BoolArray, unit: float) -> float:
    """How steeply the height rises from below to above `unit` between neighbours (75th percentile), mm a mm."""
    p, h = points[among], height[among]
    distance, near = cKDTree(p).query(p, k=min(7, len(p)))
    low, high = h[:, None], h[near]
    crossing = (low < unit) & (high > unit) & (distance > 0)
    if crossing.sum() < 10:
        return 0.0
    return float(np.percentile(((high - low) / np.maximum(distance, 1e-9))[crossing], 75))
