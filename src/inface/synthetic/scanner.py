"""A simulated 3D camera: from a head of known correspondence the scan a clinic would get, with the truth beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.spatial import cKDTree

from inface._validate import BoolArray, FloatArray, IntArray, finite
from inface.geometry.adjacency import triangle_areas, vertex_normals
from inface.geometry.proximity import SurfaceIndex
from inface.mesh import Mesh
from inface.synthetic import scan_parts as parts
from inface.synthetic.template import template as synthetic_template
from inface.template import Template
from inface.transforms import Similarity

UNITS = {"mm": 1.0, "cm": 0.1, "m": 0.001}
# azimuth (degrees, 0 = from the front, plus = from the subject's left) and elevation of each camera
VIEWS = {
    "front": [(-65, 5), (-22, -12), (0, 30), (22, -12), (65, 5)],
    "no_back": [(-110, 8), (-55, -8), (0, 25), (0, -20), (55, -8), (110, 8), (0, 80)],
    "full": [(-70, 0), (0, -15), (70, 0), (140, 5), (-140, 5), (0, 40), (180, 50), (0, 88)],
}
# regions of a template that lie inside the head; a camera may look into them, but they are no outer skin
INSIDE = ("mouth_inside", "mouth")


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
        drawn: everything that was drawn or passed: `views`, `vertices`, `noise`, `holes`, `cap`, `hair`, `collar`,
            `shoulders`, `islands`.
    """

    mesh: Mesh
    truth: FloatArray
    seen: BoolArray
    pose: Similarity
    unit: str
    drawn: Mapping[str, object] = field(default_factory=dict)


def simulate_scan(
    mesh: Mesh,
    seed: int = 0,
    *,
    template: Template | None = None,
    pose: Similarity | None = None,
    unit: str | None = None,
    views: str | FloatArray | None = None,
    vertices: int | None = None,
    noise: float | None = None,
    holes: float | None = None,
    cap: bool | None = None,
    hair: int | None = None,
    collar: bool | None = None,
    shoulders: bool | None = None,
    islands: int | None = None,
) -> SimulatedScan:
    """What a clinic's camera gives of a head. Whatever is not passed is drawn from `seed`, each by its own stream.

    Args:
        mesh: the head in millimetres, x to the subject's left, y up, z forward; open at the neck or closed.
        seed: names the scan; the same seed and arguments give the same bytes.
        template: names the regions (scalp, mouth, ...). None: the synthetic template when `mesh` has its topology,
            else regions are judged from the shape alone.
        pose: rigid motion (millimetres) of the head before it is written in `unit`; any rotation when drawn.
        unit: "mm", "cm" or "m".
        views: "front" (no back of the head), "no_back", "full", or directions `(n, 3)` from the head to the cameras.
        vertices: wanted number of vertices; what comes is within some 20 % of it.
        noise: standard deviation of white noise along the normal, mm; a third of it is added in slow waves.
        holes: share of the seen surface lost to holes, 0 to 0.3.
        cap: a cloth cap, 1.5 to 5 mm thick with folds, on the cranium.
        hair: number of wisps of hair.
        collar: a collar round the neck; False also means no shoulders unless they are asked for.
        shoulders: a collar with the shoulders below.
        islands: number of floating pieces.

    Raises:
        ValueError: a mesh without triangles or with NaN, an unknown unit or view, a number out of its range.
    """
    if not isinstance(mesh, Mesh):
        raise ValueError(f"mesh: expected an inface.Mesh, got {type(mesh).__name__}")
    points = finite("vertices of the head", mesh.vertices)
    if len(mesh.triangles) == 0:
        raise ValueError("mesh: expected triangles, got a bare point cloud; a camera sees surfaces only")
    if pose is not None and not isinstance(pose, Similarity):
        raise ValueError(f"pose: expected an inface.transforms.Similarity, got {type(pose).__name__}")
    if pose is not None and abs(pose.scale - 1) > 1e-9:
        raise ValueError(f"pose: expected a rigid motion (scale 1), got scale {pose.scale:g}; say the unit by unit=")
    draw = _Draws(seed)
    unit = unit if unit is not None else str(draw("unit").choice(list(UNITS), p=[0.6, 0.1, 0.3]))
    if unit not in UNITS:
        raise ValueError(f"unit: expected one of {', '.join(UNITS)}, got '{unit}'")
    views = views if views is not None else str(draw("views").choice(list(VIEWS), p=[0.3, 0.3, 0.4]))
    count = int(vertices if vertices is not None else round(26000 * 3.4 ** draw("vertices").random()))
    noise = _within("noise", noise, 0.0, 2.0, draw("noise").uniform(0.1, 0.3))
    holes = _within("holes", holes, 0.0, 0.3, draw("holes").uniform(0.01, 0.05))
    cap = bool(draw("cap").random() < 0.4 if cap is None else cap)
    hair = int(draw("hair").integers(0, 9) if hair is None else hair)
    if shoulders is None:
        shoulders = collar is not False and bool(draw("shoulders").random() < 0.3)
    collar = bool(draw("collar").random() < 0.2 or shoulders) if collar is None else bool(collar or shoulders)
    islands = int(draw("islands").integers(0, 7) if islands is None else islands)
    for name, number in (("hair", hair), ("islands", islands)):
        if not 0 <= number <= 100:
            raise ValueError(f"{name}: expected a number from 0 to 100, got {number}")
    if count < 500:
        raise ValueError(f"vertices: expected at least 500, got {count}")
    directions = _directions(views, draw("cameras"))

    skin = _skin(mesh, template)
    levels = 2 if len(mesh.triangles) * 8 > 2.2 * count else 3
    surface, triangles, source, weights = parts.fine_surface(points, mesh.triangles, levels)
    covered = np.zeros(len(points), bool)
    if cap:
        surface, weight = _cap(surface, triangles, points, draw("cap shape"))
        head_weight = np.zeros(len(points))
        np.maximum.at(head_weight, source.ravel(), np.where(weights > 0.99, weight[:, None], 0).ravel())
        covered |= head_weight > 0.02
        skin_left = weight < 0.02
    else:
        skin_left = np.ones(len(surface), bool)
    normals = vertex_normals(surface, triangles)
    lost = np.zeros(len(surface), bool)
    pieces = [(surface, triangles)]
    size = float(np.ptp(points[:, 1]))
    if hair:
        rng = draw("hair shape")
        roots = _hair_roots(points, mesh.triangles, surface, skin_left, hair, rng)
        surface, tufted = _tufts(surface, normals, roots, rng)
        pieces[0] = (surface, triangles)
        pieces.append(parts.wisps(surface[roots], normals[roots], rng))
        covered |= cKDTree(surface[tufted]).query(points)[0] < 1.5 if tufted.any() else False
    if collar:
        rng = draw("collar shape")
        rise = rng.uniform(1.0, 7.0)
        low = points[:, 1].min()
        neck = points[points[:, 1] < low + 0.02 * size]
        pieces.append(parts.shoulders(neck, size, rise, shoulders, rng))
        lost |= surface[:, 1] < low + rise
        covered |= points[:, 1] < low + rise
    all_points, all_triangles = _join(pieces)
    all_normals = vertex_normals(all_points, all_triangles)
    edge = np.sqrt(0.5 * np.median(triangle_areas(all_points, all_triangles)))
    keep = parts.visible(all_points, all_normals, directions, max(2.0, 2.5 * edge))
    keep[: len(surface)] &= ~lost
    _cut_holes(keep, all_points, holes, size, draw("holes shape"))
    kept = all_triangles[keep[all_triangles].all(1)]
    kept = kept[parts.drop_fragments(len(all_points), kept, 40)]
    if len(kept) == 0:
        raise ValueError("views: no camera sees the head; give other directions")

    rng = draw("sampling")
    moved = all_points + _slide(all_points, kept, rng)
    chosen, faces = parts.resample(moved, kept, count, rng)
    cloud, along = moved[chosen], all_normals[chosen]
    waves = parts.waves(cloud, 45.0, rng) * 0.33
    cloud = cloud + along * (noise * (rng.normal(size=len(cloud)) + waves))[:, None]
    colors = _colors(mesh, source, weights, chosen, skin_left, len(surface))
    head_faces = faces
    extra_points, extra_faces = parts.blobs(points.mean(0), size, islands, draw("islands shape"))
    faces = np.concatenate([faces, extra_faces + len(cloud)])
    found = SurfaceIndex(cloud, head_faces).closest(points, 1.0)
    seen = skin & ~covered & (found.triangle >= 0)
    cloud = np.concatenate([cloud, extra_points])

    order = draw("order").permutation(len(cloud))
    back = np.argsort(order)
    faces = back[faces][draw("order of triangles").permutation(len(faces))]
    rigid = pose if pose is not None else _any_pose(draw("pose"), size)
    final = Similarity(rigid.rotation, rigid.translation * UNITS[unit], UNITS[unit])
    if colors is not None:
        colors = np.concatenate([colors, np.full((len(extra_points), 3), 0.5)])[order]
    known = dict(
        views=views, vertices=count, noise=noise, holes=holes, cap=cap, hair=hair, collar=collar,
        shoulders=shoulders, islands=islands,
    )  # fmt: skip
    return SimulatedScan(Mesh(final.apply(cloud[order]), faces, colors), final.apply(points), seen, final, unit, known)


class _Draws:
    """Independent random streams of one seed, by name: passing one option changes no other draw."""

    def __init__(self, seed: int) -> None:
        if not isinstance(seed, int | np.integer) or seed < 0:
            raise ValueError(f"seed: expected a whole number from 0 on, got {seed!r}")
        self._seed = int(seed)

    def __call__(self, name: str) -> np.random.Generator:
        return np.random.default_rng([self._seed, *name.encode()])


def _within(name: str, value: float | None, low: float, high: float, drawn: float) -> float:
    if value is None:
        return float(drawn)
    if not low <= value <= high:
        raise ValueError(f"{name}: expected a number from {low:g} to {high:g}, got {value:g}")
    return float(value)


def _directions(views: str | FloatArray, rng: np.random.Generator) -> FloatArray:
    if isinstance(views, str):
        if views not in VIEWS:
            raise ValueError(f"views: expected one of {', '.join(VIEWS)} or directions (n, 3), got '{views}'")
        azimuth, elevation = np.radians(np.array(VIEWS[views], float) + rng.normal(0, 5, (len(VIEWS[views]), 2))).T
        return np.stack(
            [np.cos(elevation) * np.sin(azimuth), np.sin(elevation), np.cos(elevation) * np.cos(azimuth)], 1
        )
    directions = np.atleast_2d(finite("views", np.asarray(views, float)))
    if directions.shape[1:] != (3,) or not (np.linalg.norm(directions, axis=1) > 0).all():
        raise ValueError(f"views: expected directions (n, 3) that are not zero, got shape {directions.shape}")
    return directions


def _skin(mesh: Mesh, template: Template | None) -> BoolArray:
    """Outer skin: not in a region inside the head; without regions, what cameras all round can see."""
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
    normals = vertex_normals(surface, triangles)
    seen = parts.visible(surface, normals, corner.astype(float), 3.0)
    return np.asarray(cKDTree(surface[seen]).query(mesh.vertices)[0] < 1e-6)


def _cap(surface, triangles, head, rng) -> tuple[FloatArray, FloatArray]:
    """The surface with a cap on it, and the cap's weight (0 skin, 1 cloth) at each of its points."""
    low, high = head.min(0), head.max(0)
    size = high - low
    # a plane from the forehead to the nape, tilted; the cap lies above it
    front = low[1] + size[1] * rng.uniform(0.66, 0.76)
    back = low[1] + size[1] * rng.uniform(0.35, 0.6)
    normal = np.array([rng.normal(0, 0.04), 1.0, -(front - back) / size[2]])
    normal /= np.linalg.norm(normal)
    on = np.array([(low[0] + high[0]) / 2, (front + back) / 2, (low[2] + high[2]) / 2])
    height = (surface - on) @ normal + 1.5 * parts.waves(surface, 35.0, rng)
    weight = np.clip(height / 3.0, 0, 1)
    weight = weight * weight * (3 - 2 * weight)
    # cloth spans what stands off the head (ears): push out to the smooth hull of directions from the centre
    centre = np.array([on[0], low[1] + 0.6 * size[1], on[2]])
    away = surface - centre
    radius = np.linalg.norm(away, axis=1)
    thickness = rng.uniform(1.5, 5.0)
    folds = 0.35 * thickness * parts.waves(surface, 22.0, rng) + 0.25 * parts.waves(surface, 8.0, rng)
    lift = weight * np.maximum(thickness + folds, 1.2)
    return surface + away / radius[:, None] * lift[:, None], weight


def _hair_roots(head, head_triangles, surface, skin_left, count, rng) -> IntArray:
    """Places on the bare scalp: the upper and back part of the head, away from the face."""
    low, high = head.min(0), head.max(0)
    relative = (surface - low) / (high - low)
    scalp = skin_left & (relative[:, 1] > 0.5) & ((relative[:, 1] > 0.88) | (relative[:, 2] < 0.6))
    where = np.flatnonzero(scalp)
    return rng.choice(where, size=count, replace=False) if len(where) > count else where[:0]


def _tufts(surface, normals, roots, rng) -> tuple[FloatArray, BoolArray]:
    """Bulges of matted hair about the roots: the moved surface and which points moved."""
    lift = np.zeros(len(surface))
    for root in roots:
        distance = np.linalg.norm(surface - surface[root], axis=1)
        radius = rng.uniform(5, 12)
        lift = np.maximum(lift, np.clip(1 - (distance / radius) ** 2, 0, 1) * rng.uniform(1.0, 3.0))
    lift *= np.clip(1 + 0.4 * parts.waves(surface, 5.0, rng), 0.2, 2)
    return surface + normals * lift[:, None], lift > 0.2


def _cut_holes(keep, points, share, size, rng) -> None:
    """Take discs with ragged edges out of `keep`, in place, until `share` of the kept points is gone."""
    start = int(keep.sum())
    for _ in range(200):
        left = np.flatnonzero(keep)
        if len(left) == 0 or len(left) <= start * (1 - share):
            return
        centre = points[rng.choice(left)]
        radius = size * rng.uniform(0.01, 0.08)
        near = left[np.linalg.norm(points[left] - centre, axis=1) < radius * 1.3]
        ragged = radius * (1 + 0.2 * parts.waves(points[near], radius, rng))
        keep[near[np.linalg.norm(points[near] - centre, axis=1) < ragged]] = False


def _slide(points, triangles, rng) -> FloatArray:
    """Small moves along the edges, so that no vertex of the scan is a vertex of the head."""
    corners = rng.permutation(len(triangles))
    tail, head = triangles[corners, 0], triangles[corners, 1]
    move = np.zeros_like(points)
    move[tail] = (points[head] - points[tail]) * rng.uniform(0.1, 0.4, (len(tail), 1))
    return move


def _join(pieces) -> tuple[FloatArray, IntArray]:
    start = np.cumsum([0] + [len(p) for p, _ in pieces])
    return np.concatenate([p for p, _ in pieces]), np.concatenate(
        [t + s for (_, t), s in zip(pieces, start, strict=False)]
    )


def _colors(mesh, source, weights, chosen, skin_left, head_count) -> FloatArray | None:
    """Skin colours where skin is, cloth where a cap or clothes are; None for a head without colours."""
    if mesh.colors is None:
        return None
    colors = np.tile([0.55, 0.62, 0.72], (len(chosen), 1))
    on_head = np.flatnonzero(chosen < head_count)
    on_head = on_head[skin_left[chosen[on_head]]]
    at = chosen[on_head]
    colors[on_head] = np.einsum("nk,nkd->nd", weights[at], mesh.colors[source[at]])
    return np.clip(colors, 0, 1)


def _any_pose(rng, size) -> Similarity:
    q = rng.normal(size=4)
    w, x, y, z = q / np.linalg.norm(q)
    rotation = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
    return Similarity(rotation, rng.uniform(-2, 2, 3) * size)
