"""Stage 1: from whatever a camera or a program wrote to a surface that can be trusted, in a frame of its own."""

from dataclasses import dataclass, field, replace

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph
from scipy.spatial import cKDTree

from inface._validate import BoolArray, FloatArray, IntArray
from inface.geometry.adjacency import components, referenced, triangle_areas, triangle_normals
from inface.mesh import Mesh
from inface.registration.cloud import Cloud, open_border, point_cloud, surface_cloud
from inface.transforms import Similarity

FEWEST = 100  # points; fewer are no scan of a head
DENSE = 250000  # meshes with more vertices are thinned before anything else is done with them
HASH = np.array([1, 0x9E3779B97F4A7C15 % 2**62, 0xC2B2AE3D27D4EB4F % 2**62])  # of a cell's three numbers


@dataclass(frozen=True, eq=False)
class CleanScan:
    """A scan made fit for matching, in a frame of its own and still in its own unit.

    The frame is the surface's: its centroid and principal axes. So a turned or shifted copy of a scan comes to the
    same numbers, and to the same registration.

    Attributes:
        vertices: `(n, 3)` welded, in the own frame.
        triangles: `(t, 3)`; empty for a point cloud.
        source: `(n,)` the scan's vertex each came from.
        cloud: the points that are matched, in the own frame: at most 60,000 evenly over the surface.
        home: from the own frame to the scan's frame (no change of size).
        flipped: the scan was inside out.
        notes: what was done, in words.
        problem: why nothing can be fitted to this scan; "" when all is well.
    """

    vertices: FloatArray
    triangles: IntArray
    source: IntArray
    cloud: Cloud
    home: Similarity
    flipped: bool = False
    notes: tuple[str, ...] = ()
    problem: str = ""

    def to_mm(self, scale: float) -> Similarity:
        """From the scan's frame to the working frame: the own frame with `scale` millimetres to the scan's unit."""
        return Similarity(scale=scale).compose(self.home.inverse())

    def inside_out(self) -> "CleanScan":
        """The same scan with its normals and winding turned round."""
        return replace(
            self,
            triangles=self.triangles[:, ::-1],
            cloud=replace(self.cloud, normals=-self.cloud.normals),
            flipped=not self.flipped,
            notes=(*self.notes, "the surface was inside out and was turned"),
        )


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
        used &= referenced(triangles, len(finite))
    if used.sum() < FEWEST:
        what = "vertices that belong to a triangle" if had_triangles else "points"
        return _unusable(f"the scan has {int(used.sum())} {what}; at least {FEWEST} are needed")
    notes = []
    if not finite.all():
        notes.append(f"{int((~finite).sum())} vertices were not finite and were dropped")
    ids = np.flatnonzero(used)
    rank = np.cumsum(used) - 1
    home = own_frame(np.asarray(scan.vertices, float)[ids], rank[triangles])
    work = _Work(home.inverse().apply(scan.vertices[ids]), rank[triangles], ids, notes)
    size = extent(work.vertices)
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
        cloud = surface_cloud(work.vertices, work.triangles, _rim(work), smooth_normals)
    else:
        _drop_strays(work)
        if len(work.vertices) < FEWEST:
            return _unusable(f"the scan has {len(work.vertices)} points that hang together; {FEWEST} are needed")
        cloud, flipped = point_cloud(work.vertices), False
        work.notes.append("a point cloud without triangles: normals were estimated from neighbours")
    return CleanScan(work.vertices, work.triangles, work.source, cloud, home, flipped, tuple(work.notes))


def own_frame(vertices: FloatArray, triangles: IntArray) -> Similarity:
    """The frame of a surface: from its centroid and principal axes, mass by area, to the frame it is given in.

    The two axes along which the surface is most lopsided point to the longer side; the third makes them right-handed,
    so that a head that is alike left and right has one frame too. Triangles far above the usual size count less.
    """
    if len(triangles):
        w = triangle_areas(vertices, triangles)
        w = np.minimum(w, 100 * np.median(w))
        points = vertices[triangles].mean(1)
        if not w.sum() > 0:
            w = np.ones(len(points))
    else:
        points, w = vertices, np.ones(len(vertices))
    w = w / w.sum()
    middle = w @ points
    centred = points - middle
    axes = np.linalg.eigh((centred * w[:, None]).T @ centred)[1].T
    along = centred @ axes.T
    skew = (w @ along**3) / np.maximum((w @ along**2) ** 1.5, 1e-300)
    weakest = int(np.abs(skew).argmin())
    axes = axes * np.where((skew < 0) & (np.arange(3) != weakest), -1.0, 1.0)[:, None]
    if np.linalg.det(axes) < 0:
        axes[weakest] *= -1
    return Similarity(axes.T, middle)


def extent(points: FloatArray) -> float:
    """Diagonal of the box that holds the middle 96 % of the points along each axis."""
    return float(np.linalg.norm(np.percentile(points, 98, axis=0) - np.percentile(points, 2, axis=0)))


def _rim(work: _Work) -> BoolArray:
    """Where the surface ends."""
    if work.rim is not None:
        return work.rim
    rim, small = open_border(work.triangles, len(work.vertices))
    if small:
        work.notes.append(f"{small} pinholes were taken for surface, not for its end")
    return rim


def _unusable(problem: str) -> CleanScan:
    none = np.zeros((0, 3))
    cloud = Cloud(none, none, np.zeros(0, bool), np.zeros(0))
    return CleanScan(none, np.zeros((0, 3), int), np.zeros(0, int), cloud, Similarity(), problem=problem)


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
    first, back = _groups(key)
    if len(first) < len(key):
        work.notes.append(f"{len(key) - len(first)} duplicate vertices were welded")
        work.vertices, work.source = work.vertices[first], work.source[first]
        work.triangles = back[work.triangles]


def _groups(key: IntArray) -> tuple[IntArray, IntArray]:
    """First row of each group of equal keys, in the rows' order, and the group of each row."""
    _, first, back = np.unique(key, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return first[order], rank[back]


def _thin(work: _Work) -> None:
    """One vertex for each cell of a grid that leaves about `DENSE`: the mean of those in it, which also calms noise."""
    before, every = len(work.vertices), max(1, len(work.triangles) // 20000)
    area = every * float(triangle_areas(work.vertices, work.triangles[::every]).sum())
    cell = np.sqrt(1.5 * area / DENSE)  # a surface meets about 1.5 cells on each cell^2
    if not cell > 0:
        return
    key = np.round(work.vertices / cell).astype(np.int64) @ HASH
    first, back = _groups(key)
    work.rim = np.zeros(len(first), bool)
    work.rim[back[open_border(work.triangles, before)[0]]] = True
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
    _select(work, large[label] & referenced(work.triangles, len(work.vertices)))


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


def _drop_strays(work: _Work) -> None:
    distance = np.asarray(cKDTree(work.vertices).query(work.vertices, k=9)[0])[:, -1]
    keep = distance < 6 * np.median(distance)
    if not keep.all():
        work.notes.append(f"{int((~keep).sum())} stray points were dropped")
        _select(work, keep)
