"""Pieces of the simulated scanner: a smooth fine surface, what cameras see of it, another triangulation, clothes.

Everything here works on plain arrays in millimetres, in the head's frame (x left, y up, z forward).
"""

from functools import lru_cache

import numpy as np
from scipy.spatial import cKDTree

from inface._validate import BoolArray, FloatArray, IntArray
from inface.geometry.adjacency import adjacency, components, triangle_areas, vertex_normals


@lru_cache(maxsize=4)
def _subdivision(triangle_bytes: bytes, levels: int) -> tuple[IntArray, FloatArray, IntArray]:
    """Source corners `(n, 3)`, barycentric weights `(n, 3)` and fine triangles after `levels` midpoint splits."""
    base = np.frombuffer(triangle_bytes, np.int32).reshape(-1, 3).astype(np.int64)
    n = 2**levels
    grid = [(i, j) for i in range(n + 1) for j in range(n + 1 - i)]
    number = {ij: k for k, ij in enumerate(grid)}
    steps = np.array([(n - i - j, i, j) for i, j in grid])
    local = [(number[i, j], number[i + 1, j], number[i, j + 1]) for i, j in grid if i + j < n]
    local += [(number[i + 1, j], number[i + 1, j + 1], number[i, j + 1]) for i, j in grid if i + j < n - 1]
    # a fine point is named by its sorted (vertex, weight) pairs, so points on shared edges coincide
    named = np.where(steps[None] > 0, base[:, None, :] * (n + 1) + steps[None], -1).reshape(-1, 3)
    named = np.sort(named, axis=1)
    order = np.lexsort(named.T)
    new = np.ones(len(order), bool)
    new[1:] = (named[order[1:]] != named[order[:-1]]).any(1)
    ids = np.empty(len(order), np.int64)
    ids[order] = np.cumsum(new) - 1
    first = order[new]
    fine = ids.reshape(len(base), len(grid))[:, np.array(local)].reshape(-1, 3)
    face, point = first // len(grid), first % len(grid)
    return base[face], steps[point] / n, fine


def fine_surface(
    points: FloatArray, triangles: IntArray, levels: int
) -> tuple[FloatArray, IntArray, IntArray, FloatArray]:
    """A smooth surface through the vertices, each triangle split into `4**levels` [boubekeur2008, Phong tessellation].

    Returns fine points `(n, 3)`, fine triangles, and where each lies: source corners `(n, 3)`, weights `(n, 3)`.
    """
    source, weights, fine = _subdivision(np.ascontiguousarray(triangles, np.int32).tobytes(), levels)
    normals = vertex_normals(points, triangles)
    flat = np.einsum("nk,nkd->nd", weights, points[source])
    height = np.einsum("nkd,nkd->nk", flat[:, None] - points[source], normals[source])
    smooth = flat - 0.75 * np.einsum("nk,nkd->nd", weights * height, normals[source])
    return smooth, fine, source, weights


def visible(points: FloatArray, normals: FloatArray, directions: FloatArray, pixel: float) -> BoolArray:
    """Which surface points at least one far camera sees, by a depth buffer of the points themselves.

    `directions (n, 3)` point from the head to the cameras; `pixel` (mm) must exceed the points' spacing.
    """
    seen = np.zeros(len(points), bool)
    for direction in directions / np.linalg.norm(directions, axis=1, keepdims=True):
        side = np.cross(direction, [0.0, 1.0, 0.0] if abs(direction[1]) < 0.9 else [1.0, 0.0, 0.0])
        side /= np.linalg.norm(side)
        up = np.cross(side, direction)
        column = np.floor((points @ side - (points @ side).min()) / pixel).astype(np.int64)
        row = np.floor((points @ up - (points @ up).min()) / pixel).astype(np.int64)
        cell = row * (column.max() + 1) + column
        depth = points @ direction
        buffer = np.full(int(cell.max()) + 1, -np.inf)
        np.maximum.at(buffer, cell, depth)
        facing = normals @ direction
        slope = np.sqrt(np.maximum(1 - facing**2, 0)) / np.maximum(facing, 0.15)
        seen |= (facing > 0.2) & (depth > buffer[cell] - 0.5 - 1.5 * pixel * np.maximum(slope, 0.3))
    return seen


def resample(
    points: FloatArray, triangles: IntArray, count: int, rng: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """Another triangulation of about `count` vertices of a finer surface: the dual of clusters round random seeds.

    Seeds are spread evenly (random order, minimum distance); each fine point joins the nearest seed on its own side
    of the surface; fine triangles whose corners lie in three clusters join their seeds. Returns the seeds' indices
    `(m,)` into `points` and triangles `(t, 3)` into the seeds.
    """
    area = triangle_areas(points, triangles)
    share = np.bincount(triangles.ravel(), np.repeat(area / 3, 3), len(points))
    spacing = np.sqrt(area.sum() / max(count, 1))
    normals = vertex_normals(points, triangles)
    place = np.hstack([points, 2.0 * spacing * normals])
    candidates = np.flatnonzero(share > 0)
    key = rng.exponential(size=len(candidates)) / share[candidates]
    chosen = candidates[np.argsort(key)[: int(1.9 * count)]]
    # keep a candidate when no kept one before it is too near; decided in rounds for all at once
    pairs = cKDTree(points[chosen]).query_pairs(0.68 * spacing, output_type="ndarray")
    kept = np.ones(len(chosen), bool)
    if len(pairs):
        low, high = pairs.min(1), pairs.max(1)
        for _ in range(6):
            drop = np.zeros(len(chosen), bool)
            drop[high[kept[low]]] = True
            kept = ~drop
    seeds = chosen[kept]
    label = np.asarray(cKDTree(place[seeds], balanced_tree=False, compact_nodes=False).query(place)[1])
    joined = label[triangles]
    distinct = (joined[:, 0] != joined[:, 1]) & (joined[:, 1] != joined[:, 2]) & (joined[:, 2] != joined[:, 0])
    joined = joined[distinct]
    _, once = np.unique(np.sort(joined, axis=1), axis=0, return_index=True)
    joined = joined[np.sort(once)]
    used, flat = np.unique(joined, return_inverse=True)
    return seeds[used], flat.reshape(-1, 3)


def drop_fragments(count: int, triangles: IntArray, least: int) -> BoolArray:
    """Mask of the triangles whose connected piece has at least `least` of them."""
    if len(triangles) == 0:
        return np.zeros(0, bool)
    piece = components(triangles, count)[1][triangles[:, 0]]
    return np.bincount(piece)[piece] >= least


def blurred(points: FloatArray, triangles: IntArray, mm: float) -> FloatArray:
    """The surface smoothed over about `mm`: each point becomes the mean of its neighbours, as often as that takes."""
    near = adjacency(triangles, len(points))
    degree = np.maximum(near.sum(1), 1)[:, None]
    edge = float(np.median(np.linalg.norm(points[triangles[:, 0]] - points[triangles[:, 1]], axis=1)))
    for _ in range(max(1, round(4 * (mm / max(edge, 1e-9)) ** 2))):
        points = 0.5 * points + 0.5 * (near @ points) / degree
    return points


def seams(points: FloatArray, count: int, rng: np.random.Generator) -> FloatArray:
    """Heights `(n,)` in mm of pieces stitched together: steps of 0.2 to 0.6 mm across planes through the surface."""
    height = np.zeros(len(points))
    for _ in range(count):
        normal = rng.normal(size=3)
        normal /= np.linalg.norm(normal)
        side = (points - points[rng.integers(len(points))]) @ normal > 0
        height[side] += rng.choice([-1, 1]) * rng.uniform(0.2, 0.6)
    return height - height.mean() if len(height) else height


def waves(points: FloatArray, wavelength: float, rng: np.random.Generator, terms: int = 24) -> FloatArray:
    """Smooth random field `(n,)` of unit variance and about the given wavelength (mm)."""
    frequency = rng.normal(size=(terms, 3)) * (2 * np.pi / wavelength) * 0.6
    phase = rng.uniform(0, 2 * np.pi, terms)
    return np.sqrt(2 / terms) * np.cos(points @ frequency.T + phase).sum(1)


def shoulders(neck: FloatArray, head_height: float, rise: float, wide: bool, rng: np.random.Generator):
    """A collar round the neck, with the shoulders below it when `wide`: points and triangles, outward.

    `neck (n, 3)`: points of the neck's lower end. The collar's upper rim stands `rise` mm above it.
    """
    centre = np.array([neck[:, 0].mean(), neck[:, 1].min(), neck[:, 2].mean()])
    half = np.array([np.ptp(neck[:, 0]), np.ptp(neck[:, 2])]) / 2
    h = head_height
    gap = rng.uniform(1.0, 4.0)
    # profile: half widths in x and z, height, forward shift
    profile = [
        (half[0] + gap, half[1] + gap, rise, 0.0),
        (half[0] + gap + 3, half[1] + gap + 3, rise - 3, 0.0),
        (half[0] + gap + 5, half[1] + gap + 5, -8.0, 0.0),
    ]
    if wide:
        width, depth = h * rng.uniform(0.55, 0.75), h * rng.uniform(0.28, 0.36)
        profile += [
            (0.75 * width, max(0.8 * depth, half[1] + gap + 8), -0.12 * h, -0.02 * h),
            (width, depth, -0.26 * h, -0.03 * h),
            (1.04 * width, 1.05 * depth, -rng.uniform(0.35, 0.6) * h, -0.03 * h),
        ]
    knots = np.array(profile)
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(knots[:, :3], axis=0), axis=1))])
    rows = max(int(along[-1] / 1.6), 4)
    turns = max(int(2 * np.pi * knots[:, :2].max() / 2.2), 60)
    level = np.stack([np.interp(np.linspace(0, along[-1], rows), along, column) for column in knots.T], 1)
    angle = np.linspace(0, 2 * np.pi, turns, endpoint=False)
    x = level[:, None, 0] * np.sin(angle)
    z = level[:, None, 1] * np.cos(angle) + level[:, None, 3]
    y = np.repeat(level[:, None, 2], turns, 1)
    points = np.stack([x, y, z], 2).reshape(-1, 3) + centre
    i, j = np.meshgrid(np.arange(rows - 1), np.arange(turns), indexing="ij")
    a, b = i * turns + j, i * turns + (j + 1) % turns
    c, d = a + turns, b + turns
    triangles = np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])
    normals = vertex_normals(points, triangles)
    points = points + normals * (1.2 * waves(points, 28.0, rng) + 0.5 * waves(points, 9.0, rng))[:, None]
    return points, triangles


def blobs(centre: FloatArray, size: float, count: int, rng: np.random.Generator):
    """`count` floating pieces about `centre`, at 0.5 to 1.1 of `size` (mm) from it: points and triangles."""
    points, triangles, start = [], [], 0
    for _ in range(count):
        direction = rng.normal(size=3)
        at = centre + direction / np.linalg.norm(direction) * size * rng.uniform(0.75, 1.1)
        radius = rng.uniform(1.0, 5.0)
        n = 5
        i, j = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
        sheet = np.stack([i - n / 2, j - n / 2, rng.normal(0, 0.4, (n, n))], -1).reshape(-1, 3) * radius / n
        frame = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        corner = (np.arange(n - 1)[:, None] * n + np.arange(n - 1)).ravel()
        points.append(at + sheet @ frame.T)
        triangles.append(start + np.stack([corner, corner + n, corner + 1], 1))
        triangles.append(start + np.stack([corner + 1, corner + n, corner + n + 1], 1))
        start += n * n
    if not points:
        return np.zeros((0, 3)), np.zeros((0, 3), np.int64)
    return np.concatenate(points), np.concatenate(triangles)


def wisps(roots: FloatArray, normals: FloatArray, rng: np.random.Generator):
    """Thin curved ribbons of hair, one from each root `(n, 3)` on the scalp: points and triangles."""
    points, triangles = [], []
    steps = 9
    for k, (root, normal) in enumerate(zip(roots, normals, strict=True)):
        along = np.cross(normal, rng.normal(size=3))
        along /= np.linalg.norm(along)
        side = np.cross(normal, along)
        t = np.linspace(0, 1, steps)[:, None]
        length = rng.uniform(8, 22)
        line = root + normal * (0.3 + 5.0 * np.sin(np.pi * 0.8 * t) * rng.uniform(0.4, 1.0)) + along * length * t
        width = 0.9 * (1 - 0.7 * t)
        points.append(np.stack([line - side * width, line + side * width], 1).reshape(-1, 3))
        a = k * 2 * steps + 2 * np.arange(steps - 1)
        triangles.append(np.stack([a, a + 1, a + 2], 1))
        triangles.append(np.stack([a + 1, a + 3, a + 2], 1))
    if not points:
        return np.zeros((0, 3)), np.zeros((0, 3), np.int64)
    return np.concatenate(points), np.concatenate(triangles)
