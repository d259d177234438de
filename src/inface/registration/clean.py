"""Stage 1: from whatever a camera or a program wrote to points, normals and a border that can be trusted."""

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph
from scipy.spatial import cKDTree

from inface._validate import BoolArray, FloatArray, IntArray
from inface.geometry.adjacency import adjacency, border_edges, components, triangle_areas, triangle_normals
from inface.geometry.adjacency import vertex_normals as area_normals
from inface.mesh import Mesh
from inface.registration.prior import rms_radius

# millimetres in one unit
UNITS = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "inch": 25.4}
FEWEST = 100  # points; fewer are no scan of a head
CLOUD = 60000  # points kept for matching
DENSE = 250000  # meshes with more vertices are thinned before anything else is done with them
HASH = np.array([1, 0x9E3779B97F4A7C15 % 2**62, 0xC2B2AE3D27D4EB4F % 2**62])  # of a cell's three numbers
SPARSE = 8000  # meshes with fewer vertices get points on their triangles too


@dataclass(frozen=True, eq=False)
class CleanScan:
    """A scan made fit for matching, about its own centre and still in its own unit.

    Attributes:
        vertices: `(n, 3)` welded, `scan = vertices + centre`.
        triangles: `(t, 3)`; empty for a point cloud.
        source: `(n,)` the scan's vertex each came from.
        points, normals, border: the cloud `(m, 3)`, `(m, 3)`, `(m,)` that is matched: at most 60,000 points evenly
            over the surface, unit normals outward, True near an open border.
        weights: `(m,)` share of the surface a point stands for.
        centre: `(3,)`, in the scan's unit.
        flipped: the scan was inside out.
        notes: what was done, in words.
        problem: why nothing can be fitted to this scan; "" when all is well.
    """

    vertices: FloatArray
    triangles: IntArray
    source: IntArray
    points: FloatArray
    normals: FloatArray
    border: BoolArray
    weights: FloatArray
    centre: FloatArray
    flipped: bool = False
    notes: tuple[str, ...] = ()
    problem: str = ""

    def inside_out(self) -> "CleanScan":
        """The same scan with its normals and winding turned round."""
        return CleanScan(
            self.vertices, self.triangles[:, ::-1], self.source, self.points, -self.normals, self.border,
            self.weights, self.centre, not self.flipped, (*self.notes, "the surface was inside out and was turned"),
        )  # fmt: skip


@dataclass
class _Work:
    vertices: FloatArray
    triangles: IntArray
    source: IntArray
    notes: list[str] = field(default_factory=list)
    rim: BoolArray | None = None  # vertices at open borders before thinning, which tears and folds small triangles


def clean(scan: Mesh, *, smallest: float = 0.02, smooth_normals: int = 2) -> CleanScan:
    """Weld, drop what is broken or tiny, orient, find the border, and take points for matching.

    Args:
        scan: a triangle mesh or a bare point cloud, in any unit and pose.
        smallest: connected pieces with less than this share of the surface are dropped.
        smooth_normals: how often normals are averaged with their neighbours', against noise; 0 for clean meshes.

    Never raises for a bad scan: `problem` says in words why it cannot be used.
    """
    finite: BoolArray = np.asarray(np.isfinite(scan.vertices).all(axis=1))
    used = finite.copy()
    triangles = np.asarray(scan.triangles, np.int64)
    had_triangles = len(triangles) > 0
    if had_triangles:
        triangles = triangles[finite[triangles].all(1)]
        used &= _mask(triangles, len(finite))
    if used.sum() < FEWEST:
        what = "vertices that belong to a triangle" if had_triangles else "points"
        return _unusable(f"the scan has {int(used.sum())} {what}; at least {FEWEST} are needed")
    notes = []
    if not finite.all():
        notes.append(f"{int((~finite).sum())} vertices were not finite and were dropped")
    centre = np.median(scan.vertices[used], axis=0)
    ids = np.flatnonzero(used)
    rank = np.cumsum(used) - 1
    work = _Work(scan.vertices[ids] - centre, rank[triangles], ids, notes)
    size = float(np.linalg.norm(np.percentile(work.vertices, 98, axis=0) - np.percentile(work.vertices, 2, axis=0)))
    if not size > 0:
        return _unusable("all vertices of the scan lie in one place")
    _weld(work, 1e-6 * size)
    if had_triangles and len(work.vertices) > DENSE:
        _thin(work)
    if had_triangles:
        _drop_flat(work, size)
        if len(work.triangles) < FEWEST // 2:
            return _unusable(f"the scan has {len(work.triangles)} triangles with an area; it is no surface")
        _drop_pieces(work, smallest)
        _wind(work)
        flipped = _outward(work)
        cloud = _surface_cloud(work, smooth_normals)
    else:
        _drop_strays(work)
        if len(work.vertices) < FEWEST:
            return _unusable(f"the scan has {len(work.vertices)} points that hang together; {FEWEST} are needed")
        cloud, flipped = _point_cloud(work), False
        work.notes.append("a point cloud without triangles: normals were estimated from neighbours")
    points, normals, border, weights = cloud
    return CleanScan(
        work.vertices, work.triangles, work.source, points, normals, border, weights, centre, flipped,
        tuple(work.notes),
    )  # fmt: skip


def unit_candidates(cleaned: CleanScan, radius: float, unit: str | None = None) -> list[str]:
    """Units in which the scan is about as large as the model (`radius`, mm), likeliest first; at least one.

    Shoulders make a scan larger and a bare face makes it smaller, so everything within a factor of 2.3 is kept.
    """
    if unit is not None:
        if unit not in UNITS:
            raise ValueError(f"unit: expected one of {', '.join(UNITS)}, got '{unit}'")
        return [unit]
    own = rms_radius(cleaned.points, cleaned.weights)
    off = {name: abs(np.log(own * factor / radius)) for name, factor in UNITS.items()}
    ranked = sorted(off, key=lambda name: off[name])
    return [ranked[0]] + [name for name in ranked[1:] if off[name] < np.log(2.3)]


def _unusable(problem: str) -> CleanScan:
    none = np.zeros((0, 3))
    return CleanScan(
        none, np.zeros((0, 3), int), np.zeros(0, int), none, none, np.zeros(0, bool), np.zeros(0), np.zeros(3),
        problem=problem,
    )  # fmt: skip


def _mask(triangles: IntArray, count: int) -> BoolArray:
    mask = np.zeros(count, bool)
    mask[triangles] = True
    return mask


def _select(work: _Work, keep: BoolArray) -> None:
    """Keep some vertices and the triangles between them."""
    rank = np.cumsum(keep) - 1
    work.triangles = rank[work.triangles[keep[work.triangles].all(1)]] if len(work.triangles) else work.triangles
    work.vertices, work.source = work.vertices[keep], work.source[keep]
    work.rim = None if work.rim is None else work.rim[keep]


def _weld(work: _Work, tolerance: float) -> None:
    """One vertex for all that coincide: dropping zero-area triangles without this tears the surface open."""
    cell = np.round(work.vertices / tolerance).astype(np.int64)
    key = cell @ HASH
    _, first, back = np.unique(key, return_index=True, return_inverse=True)
    if len(first) < len(key):
        work.notes.append(f"{len(key) - len(first)} duplicate vertices were welded")
        work.vertices, work.source = work.vertices[first], work.source[first]
        work.triangles = back[work.triangles]


def _thin(work: _Work) -> None:
    """One vertex for each cell of a grid that leaves about `DENSE`: the mean of those in it, which also calms noise."""
    before, every = len(work.vertices), max(1, len(work.triangles) // 20000)
    area = every * float(triangle_areas(work.vertices, work.triangles[::every]).sum())
    cell = np.sqrt(1.5 * area / DENSE)  # a surface meets about 1.5 cells on each cell^2
    if not cell > 0:
        return
    key = np.round(work.vertices / cell).astype(np.int64) @ HASH
    _, first, back = np.unique(key, return_index=True, return_inverse=True)
    work.rim = np.zeros(len(first), bool)
    work.rim[back[border_edges(work.triangles).ravel()]] = True
    share = np.bincount(back)
    work.vertices = np.stack([np.bincount(back, work.vertices[:, k]) / share for k in range(3)], 1)
    work.source = work.source[first]
    t = back[work.triangles]
    t = t[(t[:, 0] != t[:, 1]) & (t[:, 1] != t[:, 2]) & (t[:, 2] != t[:, 0])]
    low, middle, high = np.sort(t, axis=1).T
    work.triangles = t[np.unique((low * len(first) + middle) * len(first) + high, return_index=True)[1]]
    work.notes.append(f"a dense scan of {before} vertices was thinned to {len(first)}")


def _drop_flat(work: _Work, size: float) -> None:
    t = work.triangles
    proper = (t[:, 0] != t[:, 1]) & (t[:, 1] != t[:, 2]) & (t[:, 2] != t[:, 0])
    proper &= triangle_areas(work.vertices, t) > 1e-13 * size * size
    if not proper.all():
        work.notes.append(f"{int((~proper).sum())} triangles without area were dropped")
        work.triangles = t[proper]


def _drop_pieces(work: _Work, smallest: float) -> None:
    count, label = components(work.triangles, len(work.vertices))
    area = np.bincount(label[work.triangles[:, 0]], triangle_areas(work.vertices, work.triangles), count)
    large = area >= smallest * area.sum()
    if not large.any():
        large[area.argmax()] = True
    dropped = int(((area > 0) & ~large).sum())
    if dropped:
        work.notes.append(f"{dropped} small pieces were dropped")
    _select(work, large[label] & _mask(work.triangles, len(work.vertices)))


def _wind(work: _Work) -> None:
    """Make neighbouring triangles agree: colour the double cover (triangle, side) of each connected surface."""
    t = work.triangles
    start, end = t.T.ravel(), t[:, [1, 2, 0]].T.ravel()
    owner = np.tile(np.arange(len(t)), 3)
    low, high = np.minimum(start, end), np.maximum(start, end)
    order = np.lexsort((high, low))
    low, high, owner, forward = low[order], high[order], owner[order], (start < end)[order]
    same = (low[1:] == low[:-1]) & (high[1:] == high[:-1])
    lonely = np.ones(len(low), bool)
    lonely[1:-1] = ~(same[:-1] & same[1:])  # the middle of three or more: a non-manifold edge says nothing
    pair = np.flatnonzero(same & lonely[1:] & lonely[:-1])
    disagree = forward[pair] == forward[pair + 1]
    if not disagree.any():
        return
    a, b, n = owner[pair], owner[pair + 1], len(t)
    b_side = np.where(disagree, b + n, b)
    b_other = np.where(disagree, b, b + n)
    graph = sparse.coo_matrix((np.ones(2 * len(a)), (np.r_[a, a + n], np.r_[b_side, b_other])), (2 * n, 2 * n))
    label = csgraph.connected_components(graph, directed=False)[1]
    flip = label[:n] > label[n:]
    # of the two sides of a surface take the one that turns fewer triangles
    piece = np.minimum(label[:n], label[n:])
    votes = np.bincount(piece, flip, label.max() + 1) / np.maximum(np.bincount(piece, minlength=label.max() + 1), 1)
    flip ^= votes[piece] > 0.5
    flip &= label[:n] != label[n:]  # one-sided surfaces cannot be oriented
    if flip.any():
        work.notes.append(f"{int(flip.sum())} triangles were wound against their neighbours and were turned")
        work.triangles = np.where(flip[:, None], t[:, ::-1], t)


def _outward(work: _Work) -> bool:
    """Turn each large piece so that its normals point away from the middle; True when most was inside out."""
    count, label = components(work.triangles, len(work.vertices))
    piece = label[work.triangles[:, 0]]
    normal = triangle_normals(work.vertices, work.triangles)
    area = np.linalg.norm(normal, axis=1)
    middle = work.vertices[work.triangles].mean(1)
    centre = (area @ middle) / area.sum()
    out = np.einsum("ij,ij->i", normal, middle - centre)
    inward = np.bincount(piece, out, count) < 0
    turned = inward[piece]
    share = float(area[turned].sum() / area.sum())
    if share > 0:
        work.triangles = np.where(turned[:, None], work.triangles[:, ::-1], work.triangles)
        if share > 0.5:
            work.notes.append("the surface was inside out and was turned")
        else:
            work.notes.append("some pieces of the surface were inside out and were turned")
    return share > 0.5


def _surface_cloud(work: _Work, smooth_normals: int):
    vertices, triangles = work.vertices, work.triangles
    normals = area_normals(vertices, triangles)
    near = adjacency(triangles, len(vertices))
    for _ in range(smooth_normals):
        normals = normals + near @ normals
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    rim = np.zeros(len(vertices))
    rim[border_edges(triangles) if work.rim is None else work.rim] = 1
    for _ in range(2):
        rim = ((rim + near @ rim) > 0).astype(float)
    area = triangle_areas(vertices, triangles)
    weights = np.bincount(triangles.ravel(), np.repeat(area / 3, 3), len(vertices))
    border = rim > 0
    if len(vertices) < SPARSE:
        return _more_points(vertices, triangles, normals, border, area)
    if len(vertices) > CLOUD:
        keep = _even_subset(vertices, weights, CLOUD)
        return vertices[keep], normals[keep], border[keep], np.full(len(keep), weights.sum() / len(keep))
    return vertices, normals, border, weights


def _more_points(vertices, triangles, normals, border, area):
    """Points on the triangles of a coarse mesh, so that matching finds the surface and not its corners."""
    rng = np.random.default_rng(0)
    pick = np.sort(rng.choice(len(triangles), 3 * SPARSE, p=area / area.sum()))
    u, v = rng.random((2, len(pick), 1))
    over = u + v > 1
    u, v = np.where(over, 1 - u, u), np.where(over, 1 - v, v)
    a, b, c = (triangles[pick, k] for k in range(3))
    points = vertices[a] * (1 - u - v) + vertices[b] * u + vertices[c] * v
    smooth = normals[a] * (1 - u - v) + normals[b] * u + normals[c] * v
    smooth /= np.maximum(np.linalg.norm(smooth, axis=1, keepdims=True), 1e-12)
    near_rim = (border[a] & border[b]) | (border[b] & border[c]) | (border[c] & border[a])
    return points, smooth, near_rim, np.full(len(points), area.sum() / len(points))


def _even_subset(points: FloatArray, weights, count: int) -> IntArray:
    """About `count` points with chance by area, the same ones for any order of the input."""
    order = np.lexsort(points.T)
    key = np.empty(len(points))
    key[order] = np.random.default_rng(0).exponential(size=len(points))
    return np.sort(np.argsort(key / np.maximum(weights, 1e-300))[:count])


def _drop_strays(work: _Work) -> None:
    distance = np.asarray(cKDTree(work.vertices).query(work.vertices, k=9)[0])[:, -1]
    keep = distance < 6 * np.median(distance)
    if not keep.all():
        work.notes.append(f"{int((~keep).sum())} stray points were dropped")
        _select(work, keep)


def _point_cloud(work: _Work):
    """Normals of a bare cloud by local planes; sides made to agree along a spanning tree [hoppe1992], then outward."""
    points = work.vertices
    if len(points) > CLOUD // 2:
        points = points[_even_subset(points, np.ones(len(points)), CLOUD // 2)]
    k = min(16, len(points) - 1)
    distance, near = (np.asarray(part) for part in cKDTree(points).query(points, k=k + 1))
    spread = points[near] - points[near].mean(1, keepdims=True)
    normals = np.linalg.eigh(np.einsum("nki,nkj->nij", spread, spread))[1][:, :, 0]
    rows = np.repeat(np.arange(len(points)), k)
    cols = near[:, 1:].ravel()
    agree = np.einsum("ij,ij->i", normals[rows], normals[cols])
    tree = csgraph.minimum_spanning_tree(
        sparse.coo_matrix((1.0001 - np.abs(agree), (rows, cols)), (len(points), len(points)))
    )
    pieces, label = csgraph.connected_components(tree, directed=False)
    centre = points.mean(0)
    for piece in range(pieces):
        members = np.flatnonzero(label == piece)
        order, parent = csgraph.breadth_first_order(tree, members[0], directed=False)
        for i in order[1:]:
            if normals[i] @ normals[parent[i]] < 0:
                normals[i] = -normals[i]
        if np.einsum("ij,ij->", normals[members], points[members] - centre) < 0:
            normals[members] *= -1
    # at an open border the neighbours lie to one side
    one_sided = np.linalg.norm(points[near[:, 1:]].mean(1) - points, axis=1) > 0.45 * distance[:, 1:].mean(1)
    return points, normals, one_sided, distance[:, 1:].mean(1) ** 2
