"""From a signed distance to a clean half mesh: iso-surface, openings with fixed rims, remeshing, projection.

Only the left half (x >= 0) is ever kept; the right half is its mirror image. Build time only: needs the extra `build`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.special import erf

from inface._optional import require
from inface._validate import BoolArray, FloatArray, IntArray
from inface.geometry import adjacency

Distance = Callable[[FloatArray], FloatArray]
_COARSE = 4.0  # mm, first grid: tells where the surface is
_CHUNK = 200_000


@dataclass(frozen=True)
class Magnifier:
    """A round region of space, blown up `factor` times at its centre, so that a uniform remesher makes it finer."""

    centre: tuple[float, float, float]
    radius: float
    factor: float


def edges_of(triangles: IntArray) -> IntArray:
    """All directed edges `(3T, 2)`: first corners 0-1 of every triangle, then 1-2, then 2-0."""
    return np.r_[triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]


def compact(vertices: FloatArray, triangles: IntArray) -> tuple[FloatArray, IntArray, IntArray]:
    """Without unused vertices; also the new id of each old vertex (-1: dropped)."""
    used = np.unique(triangles)
    new = np.full(len(vertices), -1)
    new[used] = np.arange(len(used))
    return vertices[used], new[triangles], new


def mirrored(vertices: FloatArray, triangles: IntArray, midline: BoolArray) -> tuple[FloatArray, IntArray, IntArray]:
    """Whole mesh from its left half: vertices, triangles, and the partner of every vertex."""
    count, other = len(vertices), ~midline
    partner = np.arange(count)
    partner[other] = count + np.arange(other.sum())
    whole = np.r_[vertices, vertices[other] * [-1, 1, 1]]
    pairs = np.empty(len(whole), np.int64)
    pairs[:count] = partner
    pairs[partner] = np.arange(count)
    return whole, np.r_[triangles, partner[triangles][:, ::-1]], pairs


def iso_surface(distance: Distance, low: Sequence[float], high: Sequence[float], step: float):
    """The half x >= 0 of the zero level: vertices `(N, 3)` (exactly 0 on the midline) and triangles, outward.

    Marching cubes on a grid of `step` mm; the field is evaluated there only near the surface, elsewhere interpolated
    from a grid of 4 mm. Only the largest connected piece is kept.
    """
    measure = require("skimage.measure", "building the template")
    start = np.array([-_COARSE, *low[1:]], float)
    shape = np.ceil((np.asarray(high) - start) / _COARSE).astype(int) + 1
    axes = [start[i] + _COARSE * np.arange(shape[i]) for i in range(3)]
    field = distance(np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)).reshape(shape)
    ratio = round(_COARSE / step)
    fine = [start[i] + step * np.arange((shape[i] - 1) * ratio + 1) for i in range(3)]
    for axis in range(3):
        place = np.arange(len(fine[axis])) / ratio
        cell = np.minimum(place.astype(int), field.shape[axis] - 2)
        t = (place - cell).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        field = np.take(field, cell, axis) * (1 - t) + np.take(field, cell + 1, axis) * t
    near = np.abs(field) < 7.5
    places = np.argwhere(near)
    points = np.stack([fine[a][places[:, a]] for a in range(3)], 1)
    field[near] = np.concatenate([distance(points[s : s + _CHUNK]) for s in range(0, len(points), _CHUNK)])
    vertices, triangles, _, _ = measure.marching_cubes(field.astype(np.float32), 0.0, spacing=(step,) * 3)
    vertices = vertices.astype(float) + start
    triangles = triangles[vertices[triangles][:, :, 0].mean(1) > 0]
    a, b = edges_of(triangles).T
    _, label = connected_components(coo_matrix((np.ones(len(a)), (a, b)), shape=(len(vertices),) * 2), directed=False)
    triangles = triangles[label[triangles[:, 0]] == np.bincount(label[triangles[:, 0]]).argmax()]
    vertices, triangles, _ = compact(vertices, triangles)
    vertices[np.abs(vertices[:, 0]) < 1e-3, 0] = 0.0
    return vertices, triangles


def insert_level(vertices: FloatArray, triangles: IntArray, value: FloatArray, snap: float = 0.08):
    """Split triangles along the zero level of a value per vertex: vertices, triangles, value (0 on the new line).

    A vertex closer to the line than `snap` of an edge is taken to lie on it.
    """
    ends = np.sort(edges_of(triangles), 1)
    unique, which = np.unique(ends, axis=0, return_inverse=True)
    value = value.astype(float).copy()
    a, b = value[unique].T
    t = np.divide(a, a - b, out=np.zeros_like(a), where=a * b < 0)
    value[unique[(a * b < 0) & (t < snap), 0]] = 0
    value[unique[(a * b < 0) & (t > 1 - snap), 1]] = 0
    a, b = value[unique].T
    crossed = a * b < 0
    t = (a[crossed] / (a[crossed] - b[crossed]))[:, None]
    new = np.full(len(unique), -1)
    new[crossed] = len(vertices) + np.arange(crossed.sum())
    added = vertices[unique[crossed, 0]] * (1 - t) + vertices[unique[crossed, 1]] * t
    on_edge = new[which.reshape(3, -1).T]
    split = []
    touched = np.flatnonzero((on_edge >= 0).any(1))
    for corner, middle in zip(triangles[touched].tolist(), on_edge[touched].tolist(), strict=True):
        crossings = sum(m >= 0 for m in middle)
        j = next(k for k in range(3) if (middle[k] >= 0) == (crossings == 1))
        p, q, r = corner[j], corner[(j + 1) % 3], corner[(j + 2) % 3]
        if crossings == 1:
            m = middle[j]
            split += [(p, m, r), (m, q, r)]
        else:
            m, n = middle[(j + 1) % 3], middle[(j + 2) % 3]
            split += [(m, r, n), (p, q, m), (p, m, n)]
    kept = triangles[(on_edge < 0).all(1)]
    faces = np.r_[kept, np.array(split, kept.dtype).reshape(-1, 3)]
    return np.r_[vertices, added], faces, np.r_[value, np.zeros(len(added))]


def level_edges(triangles: IntArray, value: FloatArray) -> IntArray:
    """Edges `(E, 2)` whose ends both lie on the zero level."""
    ends = adjacency.edges(triangles)
    return ends[(value[ends] == 0).all(1)]


def border_chain(edges: IntArray) -> IntArray:
    """Vertices of one open or closed border in the order of its directed edges (closed: first not repeated)."""
    follow = dict(edges.tolist())
    if len(follow) != len(edges):
        raise ValueError("border: two edges leave one vertex; expected one simple chain")
    starts = sorted(set(follow) - set(follow.values()))
    here = starts[0] if starts else min(follow)
    chain = [here]
    while (here := follow.get(here, chain[0])) != chain[0]:
        chain.append(here)
    if len(chain) != len(edges) + len(starts):
        raise ValueError(f"border: expected one chain of {len(edges)} edges, got pieces")
    return np.array(chain)


def rim(vertices: FloatArray, triangles: IntArray, value: FloatArray, stations: FloatArray, closed: bool, guide=None):
    """Cut away where `value` < 0 and grow the border onto `stations` `(S, 3)`, which become the new border.

    The stations run the way the border does (the surface on their left, seen from outside). `guide` `(S, 3)`, when
    given, stands for them where the border is matched to them: stations that touch could not be told apart. Returns
    vertices, triangles and the ids of the stations.
    """
    vertices, triangles, value = insert_level(vertices, triangles, value)
    triangles = triangles[(value[triangles] >= 0).all(1) & (value[triangles] > 0).any(1)]
    edges = adjacency.border_edges(triangles)
    chain = border_chain(edges[(value[edges] == 0).all(1)])
    fixed = len(vertices) + np.arange(len(stations))
    inner = np.r_[fixed, fixed[0]] if closed else fixed
    line = stations if guide is None else guide
    line = np.r_[line, line[:1]] if closed else line
    if closed:  # start both at the same place
        chain = np.roll(chain, -np.linalg.norm(vertices[chain] - line[0], axis=1).argmin())
        chain = np.r_[chain, chain[0]]
    # place of every border vertex along the stations, monotone
    a, along = line[:-1], np.diff(line, axis=0)
    t = np.clip(((vertices[chain][:, None] - a) * along).sum(2) / (along**2).sum(1), 0, 1)
    gap = np.linalg.norm(vertices[chain][:, None] - a - t[..., None] * along, axis=2)
    if closed:
        gap[: len(chain) // 4, len(a) * 3 // 4 :] = np.inf
        gap[-(len(chain) // 4) :, : len(a) // 4] = np.inf
    best = gap.argmin(1)
    place = np.maximum.accumulate(best + t[np.arange(len(chain)), best])
    place[0], place[-1] = 0, len(a)
    strip, i, j = [], 0, 0
    while i < len(chain) - 1 or j < len(inner) - 1:
        outer_next = i < len(chain) - 1 and (j == len(inner) - 1 or 0.5 * (place[i] + place[i + 1]) <= j + 0.5)
        if outer_next:
            strip.append((chain[i + 1], chain[i], inner[j]))
            i += 1
        else:
            strip.append((chain[i], inner[j], inner[j + 1]))
            j += 1
    return np.r_[vertices, stations], np.r_[triangles, np.array(strip)], fixed


def magnify(points: FloatArray, magnifiers: Sequence[Magnifier]) -> FloatArray:
    """Points `(N, 3)` under the magnifiers, one after the other; each is carried along by those before it."""
    points = points.copy()
    centres = [np.array([m.centre], float) for m in magnifiers]
    for i, m in enumerate(magnifiers):

        def blow(p: FloatArray, m: Magnifier = m, centre: FloatArray = centres[i]) -> FloatArray:
            away = p - centre
            r = np.maximum(np.linalg.norm(away, axis=1), 1e-9)
            grown = r + (m.factor - 1) * m.radius * np.sqrt(np.pi) / 2 * erf(r / m.radius)
            return centre + away * (grown / r)[:, None]

        points = blow(points)
        centres = [*centres[: i + 1], *(blow(c) for c in centres[i + 1 :])]
    return points


def remesh(vertices, triangles, magnifiers, length: float, fixed: IntArray, lines: IntArray, iterations: int = 12):
    """Isotropic triangles of edge `length` in magnified space; `fixed` vertices come first in the answer, unmoved.

    `lines` are edges `(E, 2)` along which vertices may only slide. Border vertices must be among the fixed ones.
    """
    gpytoolbox = require("gpytoolbox", "building the template")
    igl = require("igl", "building the template")
    blown = magnify(vertices, magnifiers)
    faces = triangles.astype(np.int32)
    moved, new = gpytoolbox.remesh_botsch(
        blown, faces, iterations, length, True, feature=fixed.astype(np.int32), feature_edges=lines.astype(np.int32)
    )
    _, face, foot = igl.point_mesh_squared_distance(moved, blown, faces)[:3]
    corner = faces[face]
    weight = igl.barycentric_coordinates(foot, *(blown[corner[:, k]] for k in range(3)))
    back = (vertices[corner] * weight[:, :, None]).sum(1)
    back[: len(fixed)] = vertices[fixed]
    return back, new.astype(np.int64)


def project(distance: Distance, points: FloatArray, midline: BoolArray, limit: float = 1.2, steps: int = 5):
    """Points moved onto the zero level by capped Newton steps; those that would go further than `limit` stay."""
    moved = points.astype(np.float32)
    for _ in range(steps):
        value = distance(moved)
        slope = np.empty_like(moved)
        for axis in range(3):
            shift = np.zeros(3, np.float32)
            shift[axis] = 0.15
            slope[:, axis] = (distance(moved + shift) - distance(moved - shift)) / 0.3
        slope[midline, 0] = 0
        move = -(value / np.maximum((slope * slope).sum(1), 0.25))[:, None] * slope
        far = np.linalg.norm(move, axis=1, keepdims=True)
        moved = moved + move * np.minimum(1, 0.5 / np.maximum(far, 1e-9))
    moved = moved.astype(float)
    stay = np.linalg.norm(moved - points, axis=1) > limit
    moved[stay] = points[stay]
    return moved


def relax(distance: Distance, vertices, triangles, free: BoolArray, midline: BoolArray, rounds: int = 3):
    """A few rounds of half-way smoothing and projection of the `free` vertices; midline vertices stay on x = 0."""
    a, b = edges_of(triangles).T
    link = coo_matrix((np.ones(2 * len(a)), (np.r_[a, b], np.r_[b, a])), shape=(len(vertices),) * 2).tocsr()
    link.data[:] = 1
    vertices = vertices.copy()
    for _ in range(rounds):
        mean = (link @ vertices) / np.asarray(link.sum(1))
        vertices[free] = project(distance, 0.5 * (vertices + mean)[free], midline[free], steps=3)
    return vertices
