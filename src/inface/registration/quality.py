"""How well a fit explains a scan, as a whole and in the parts of the face."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from inface._validate import BoolArray, FloatArray
from inface.geometry.adjacency import vertex_normals
from inface.geometry.proximity import nearest
from inface.registration.prior import ShapePrior
from inface.registration.target import Target

CLOTH = 8.0  # mm that a cap or hair may stand off the skin


@dataclass(frozen=True, eq=False)
class Quality:
    """Measures of one fit; distances in mm.

    Attributes:
        score: mean over scan points of the capped distance to the fit, 0 (perfect) to 1 (nowhere near); points beyond
            the model's own border (shoulders) are not counted. For a patch: mean over the patch's vertices.
        explained: share of the counted scan points that lie within 2 mm of the fit, same way out.
        coverage: share of the model's surface that the scan meets, skin or cloth.
        face_coverage: the same of its face.
        counted: share of the scan's points that were counted.
        cloth: share of the scan's points that lie outside the skin like a cap or hair; they were not counted.
        support: `(V,)` vertices whose skin the scan shows: not those under a cap.
        off: `(V,)` distance of each vertex from the scan's nearest plane, at most 2 % of the model's size; just this
            where the skin looks another way than the scan; NaN where the scan has nothing (holes, borders, far off).
    """

    score: float
    explained: float
    coverage: float
    face_coverage: float
    counted: float
    cloth: float
    support: BoolArray
    off: FloatArray


def measure_quality(prior: ShapePrior, target: Target, vertices: FloatArray) -> Quality:
    """Quality of a fit `vertices (V, 3)` in the scan's working frame (mm)."""
    reach = 0.02 * prior.size
    unit = prior.size / 250.0
    normals = vertex_normals(vertices, prior.triangles)
    usable = np.flatnonzero(prior.usable)

    samples = target.points[target.samples]
    tree = cKDTree(vertices[usable], balanced_tree=False, compact_nodes=False)
    distance, near, _ = nearest(tree, samples)
    vertex = usable[near]
    n = normals[vertex]
    height = np.einsum("ij,ij->i", n, samples - vertices[vertex])
    plane = np.abs(height)
    same = np.einsum("ij,ij->i", n, target.normals[target.samples]) > 0.5
    beyond = (prior.border[vertex] | _past_the_neck(prior, vertices, samples)) & (distance > reach)
    cloth = prior.clothed[vertex] & same & (height > unit) & (height < CLOTH * unit)
    inside = ~beyond & ~cloth
    cost = np.where(same, np.minimum(plane + 0.3 * distance, reach) / reach, 1.0)
    good = same & (plane < 2 * unit) & (distance < 8 * unit)
    counted = float(inside.mean())

    near_distance, near_point, close_by = nearest(target.tree, vertices[usable], 3 * reach)
    hit = close_by & (near_distance < 1.6 * reach)
    m = target.normals[near_point]
    out = np.einsum("ij,ij->i", m, target.points[near_point] - vertices[usable])
    off = np.abs(out)
    facing = np.einsum("ij,ij->i", m, normals[usable]) > 0.5
    shown = hit & facing & ~target.border[near_point] & (off < reach)
    under_cloth = prior.clothed[usable] & (out > unit)
    support = np.zeros(len(vertices), bool)
    support[usable[shown & ~under_cloth]] = True
    # where there is a scan at all: skin that looks the other way or lies far off lies on the wrong skin
    there = close_by & ~target.border[near_point]
    distance_off = np.full(len(vertices), np.nan)
    distance_off[usable[there]] = np.where(facing, np.minimum(off, reach), reach)[there]
    met = np.zeros(len(vertices), bool)
    met[usable[shown]] = True
    area = prior.area * prior.usable
    face = prior.area * prior.face
    if prior.patch:
        back = np.where(hit & facing, np.minimum(off + 0.3 * np.where(hit, near_distance, 0), reach) / reach, 1.0)
        weight = prior.area[usable]
        score = float(weight @ back / weight.sum())
        close = hit & facing & (off < 2 * unit)
        explained = float(weight @ close / weight.sum())
    else:
        score = float(cost[inside].mean()) if inside.any() else 1.0
        explained = float(good[inside].mean()) if inside.any() else 0.0
    return Quality(
        score,
        explained,
        float(area @ met / area.sum()),
        float(face @ met / max(face.sum(), 1e-12)),
        counted,
        float(cloth.mean()),
        support,
        distance_off,
    )


def _past_the_neck(prior: ShapePrior, vertices: FloatArray, points: FloatArray) -> BoolArray:
    """Points `(n,)` beyond the plane of a head's open end, where shoulders are; none for patches and closed heads."""
    rim = vertices[prior.border & prior.usable]
    if prior.patch or len(rim) < 3:
        return np.zeros(len(points), bool)
    centre = rim.mean(0)
    normal = np.linalg.svd(rim - centre, full_matrices=False)[2][2]
    if normal @ (vertices.mean(0) - centre) > 0:
        normal = -normal
    return (points - centre) @ normal > -0.03 * prior.size
