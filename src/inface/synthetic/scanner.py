"""A simulated 3D camera: from a head of known correspondence the scan a clinic would get, with the truth beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from inface._validate import BoolArray, FloatArray, IntArray, finite
from inface.geometry.adjacency import triangle_areas, vertex_normals
from inface.geometry.proximity import SurfaceIndex
from inface.geometry.rotations import random_rotation
from inface.mesh import Mesh
from inface.synthetic import scan_parts as parts
from inface.synthetic.scan_clothes import DressedHead, dressed
from inface.synthetic.scan_plan import Draws, ScanPlan, streams
from inface.synthetic.template import template as synthetic_template
from inface.template import INSIDE, Template
from inface.transforms import Similarity
from inface.units import mm_per_unit

CLOTH = (0.55, 0.62, 0.72)  # colour of cap and clothes
DUST = 0.5  # grey of the floating pieces
SMALLEST_PIECE = 40  # triangles; smaller pieces of surface are not kept
SEEN_WITHIN = 1.0  # mm from the scan's surface


@dataclass(frozen=True, eq=False)
class SimulatedScan:
    """A scan and what is known of it.

    Attributes:
        mesh: the scan, in its own frame and unit; 20,000 to 100,000 vertices by default.
        truth: `(V, 3)` place of each vertex of the head in the scan's frame and unit: `pose.apply(head.vertices)`.
        seen: `(V,)` True where that vertex is outer skin within 1 mm of the scan's surface, not under cap, hair or
            collar, not in the mouth.
        pose: from the head's frame and millimetres to the scan's frame and unit (its scale is the unit's).
        unit: "mm", "cm" or "m".
        drawn: everything that was drawn or passed but pose and unit: the other entries of its `ScanPlan`.
    """

    mesh: Mesh
    truth: FloatArray
    seen: BoolArray
    pose: Similarity
    unit: str
    drawn: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Cloud:
    """The sampled surface: points and normals `(n, 3)`, triangles `(t, 3)`, the dressed head's point of each `(n,)`."""

    points: FloatArray
    normals: FloatArray
    triangles: IntArray
    chosen: IntArray


def simulate_scan(
    mesh: Mesh, seed: int = 0, plan: ScanPlan | None = None, *, template: Template | None = None, **choices: Any
) -> SimulatedScan:
    """What a clinic's camera gives of a head. Whatever is not chosen is drawn from `seed`, each by its own stream.

    Args:
        mesh: the head in millimetres, x to the subject's left, y up, z forward; open at the neck or closed.
        seed: names the scan; the same seed and choices give the same bytes.
        plan: what is chosen, see `ScanPlan`.
        template: names the regions (scalp, mouth, ...). None: the synthetic template when `mesh` has its topology,
            else regions are judged from the shape alone.
        choices: entries of a `ScanPlan` by name, in place of those of `plan`.

    Raises:
        ValueError: a mesh without triangles or with NaN, what a `ScanPlan` refuses, views that see nothing.
        TypeError: a choice that `ScanPlan` does not have.

    >>> from inface.synthetic import head, simulate_scan
    >>> scan = simulate_scan(head(6), seed=1, views="front", unit="m", vertices=2000)
    >>> scan.unit, scan.truth.shape == (len(scan.seen), 3)
    ('m', True)
    """
    head = _checked(mesh)
    unknown = set(choices) - {one.name for one in fields(ScanPlan)}
    if unknown:
        names = ", ".join(one.name for one in fields(ScanPlan))
        raise TypeError(f"simulate_scan has no choice '{min(unknown)}'; there are: {names}")
    draw = streams(seed)
    plan = replace(plan or ScanPlan(), **choices).drawn(draw)
    assert plan.unit is not None and plan.islands is not None
    worn = dressed(head, mesh.triangles, plan, draw)
    cloud = _sampled(worn, _seen_triangles(worn, head, plan, draw), plan, draw)
    near = SurfaceIndex(cloud.points, cloud.triangles).closest(head, SEEN_WITHIN).triangle >= 0
    size = float(np.ptp(head[:, 1]))
    dust, dust_triangles = parts.blobs(head.mean(0), size, plan.islands, draw("islands shape"))
    points = np.concatenate([cloud.points, dust])
    triangles = np.concatenate([cloud.triangles, dust_triangles + len(cloud.points)])
    order = draw("order").permutation(len(points))
    triangles = np.argsort(order)[triangles][draw("order of triangles").permutation(len(triangles))]
    colors = _colors(mesh, worn, cloud)
    if colors is not None:
        colors = np.concatenate([colors, np.full((len(dust), 3), DUST)])[order]
    points = points[order]
    points[draw("pinholes shape").random(len(points)) < plan.pinholes] = np.nan
    rigid = plan.pose if plan.pose is not None else _any_pose(draw("pose"), size)
    scale = 1.0 / mm_per_unit(plan.unit)
    pose = Similarity(rigid.rotation, rigid.translation * scale, scale)
    known = {one.name: getattr(plan, one.name) for one in fields(plan) if one.name not in ("pose", "unit")}
    return SimulatedScan(
        Mesh(pose.apply(points), triangles, colors),
        pose.apply(head),
        _outer_skin(mesh, template) & ~worn.covered & near,
        pose,
        plan.unit,
        known,
    )


def _checked(mesh: Mesh) -> FloatArray:
    if not isinstance(mesh, Mesh):
        raise ValueError(f"mesh: expected an inface.Mesh, got {type(mesh).__name__}")
    if len(mesh.triangles) == 0:
        raise ValueError("mesh: expected triangles, got a bare point cloud; a camera sees surfaces only")
    return finite("vertices of the head", mesh.vertices)


def _seen_triangles(worn: DressedHead, head: FloatArray, plan: ScanPlan, draw: Draws) -> IntArray:
    """Triangles of the dressed head that a camera sees, without the holes."""
    points, triangles = worn.points, worn.triangles
    edge = np.sqrt(0.5 * np.median(triangle_areas(points, triangles)))
    directions = plan.directions(draw("cameras"))
    keep = parts.visible(points, vertex_normals(points, triangles), directions, max(2.0, 2.5 * edge))
    keep[: worn.size] &= ~worn.lost
    assert plan.holes is not None
    _cut_holes(keep, points, plan.holes, float(np.ptp(head[:, 1])), draw("holes shape"))
    kept = triangles[keep[triangles].all(1)]
    kept = kept[parts.drop_fragments(len(points), kept, SMALLEST_PIECE)]
    if len(kept) == 0:
        raise ValueError("views: no camera sees the head; give other directions")
    return kept


def _sampled(worn: DressedHead, kept: IntArray, plan: ScanPlan, draw: Draws) -> _Cloud:
    """Another triangulation of the seen surface, with noise along its normals."""
    assert plan.vertices is not None and plan.noise is not None
    random = draw("sampling")
    moved = worn.points + _slide(worn.points, kept, random)
    chosen, triangles = parts.resample(moved, kept, plan.vertices, random)
    points: FloatArray = moved[chosen]
    normals = vertex_normals(worn.points, worn.triangles)[chosen]
    waves = parts.waves(points, 45.0, random) * 0.33
    points = points + normals * (plan.noise * (random.normal(size=len(points)) + waves))[:, None]
    if plan.blur:
        points = parts.blurred(points, triangles, plan.blur)
    if plan.seams:
        points = points + normals * parts.seams(points, plan.seams, draw("seams shape"))[:, None]
    return _Cloud(points, normals, triangles, chosen)


def _outer_skin(mesh: Mesh, template: Template | None) -> BoolArray:
    """Vertices not in a region inside the head; without regions, those that cameras all round can see."""
    if template is None:
        own = synthetic_template()
        template = own if np.array_equal(own.mesh.triangles, mesh.triangles) else None
    inside = [template.regions[name] for name in INSIDE if name in template.regions] if template else []
    if inside:
        skin = np.ones(len(mesh.vertices), bool)
        skin[np.concatenate(inside)] = False
        return skin
    corner = np.array([[x, y, z] for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1) if (x, y, z) != (0, 0, 0)])
    surface, triangles, _, _ = parts.fine_surface(mesh.vertices, mesh.triangles, 1)
    seen = parts.visible(surface, vertex_normals(surface, triangles), corner.astype(float), 3.0)
    return np.asarray(cKDTree(surface[seen]).query(mesh.vertices)[0] < 1e-6)


def _cut_holes(keep: BoolArray, points: FloatArray, share: float, size: float, random: np.random.Generator) -> None:
    """Take discs with ragged edges out of `keep`, in place, until `share` of the kept points is gone."""
    start = int(keep.sum())
    for _ in range(200):
        left = np.flatnonzero(keep)
        if len(left) == 0 or len(left) <= start * (1 - share):
            return
        centre = points[random.choice(left)]
        radius = size * random.uniform(0.01, 0.08)
        near = left[np.linalg.norm(points[left] - centre, axis=1) < radius * 1.3]
        ragged = radius * (1 + 0.2 * parts.waves(points[near], radius, random))
        keep[near[np.linalg.norm(points[near] - centre, axis=1) < ragged]] = False


def _slide(points: FloatArray, triangles: IntArray, random: np.random.Generator) -> FloatArray:
    """Small moves along the edges, so that no vertex of the scan is a vertex of the head."""
    corners = random.permutation(len(triangles))
    tail, head = triangles[corners, 0], triangles[corners, 1]
    move = np.zeros_like(points)
    move[tail] = (points[head] - points[tail]) * random.uniform(0.1, 0.4, (len(tail), 1))
    return move


def _colors(mesh: Mesh, worn: DressedHead, cloud: _Cloud) -> FloatArray | None:
    """Skin colours where skin is, cloth where a cap or clothes are; None for a head without colours."""
    if mesh.colors is None:
        return None
    colors = np.tile(CLOTH, (len(cloud.chosen), 1))
    on_head = np.flatnonzero(cloud.chosen < worn.size)
    on_head = on_head[worn.bare[cloud.chosen[on_head]]]
    at = cloud.chosen[on_head]
    colors[on_head] = np.einsum("nk,nkd->nd", worn.weights[at], mesh.colors[worn.source[at]])
    return np.clip(colors, 0, 1)


def _any_pose(random: np.random.Generator, size: float) -> Similarity:
    return Similarity(random_rotation(random), random.uniform(-2, 2, 3) * size)
