"""Stage 4: what the model cannot express: a smooth displacement of each vertex onto the scan.

Minimises, over displacements u from the model fit, stiffness (membrane and bending energy of the surface) plus
weighted distances to matched points [amberg2007 for the scheme of falling stiffness]. The weights are the same for
x, y and z, so one sparse factor a level serves all three axes. Where the scan shows nothing the displacement fades.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from inface._validate import BoolArray, FloatArray, IntArray
from inface.errors import ConvergenceError
from inface.geometry.adjacency import adjacency, triangle_areas, triangle_normals, vertex_normals
from inface.geometry.proximity import nearest
from inface.registration.target import Target

# (stiffness, reach in mm, steps)
LEVELS = ((3.0, 6.0, 1), (0.5, 4.0, 1), (0.1, 3.0, 2))
BENDING = 30.0
FADE = 0.002
HARD = 1e4


@dataclass(frozen=True, eq=False)
class Curve:
    """A line of template vertices and the polyline it shall lie on: `vertices (n,)` ids, `points (p, 3)` in order."""

    vertices: IntArray
    points: FloatArray

    def nearest(self, places: FloatArray) -> FloatArray:
        """The polyline's nearest point `(n, 3)` to each place."""
        start, step = self.points[:-1], np.diff(self.points, axis=0)
        length = np.maximum((step**2).sum(1), 1e-300)
        along = np.clip(((places[:, None] - start) * step).sum(-1) / length, 0, 1)
        candidates = start + along[..., None] * step
        best = ((candidates - places[:, None]) ** 2).sum(-1).argmin(1)
        return candidates[np.arange(len(places)), best]


@dataclass(frozen=True, eq=False)
class Elastic:
    """How the surface may give.

    Attributes:
        levels: rows of (stiffness, reach in mm, steps), falling.
        usable: `(V,)` vertices that may match the scan; leave out what to ignore (cap, hair, mouth). None: all.
        stiffness: `(V,)` factor on the stiffness, 1 = as given by `levels`; 5 holds a region near the model.
        clothed: `(V,)` where cloth or hair may lie; None: nowhere.
        outside: there, a scan that lies outside the surface by this much or more (mm) draws nothing.
    """

    levels: tuple[tuple[float, float, int], ...] = LEVELS
    usable: BoolArray | None = None
    stiffness: FloatArray | None = None
    clothed: BoolArray | None = None
    outside: float = 1.0


@dataclass(frozen=True, eq=False)
class Anchors:
    """What is known of single places.

    Attributes:
        landmarks: vertex id -> place; pulled with `landmark_weight`, or held exactly when that is `HARD`.
        curves: lines of vertices drawn onto polylines, with `curve_weight` a vertex.
    """

    landmarks: Mapping[int, FloatArray] = field(default_factory=dict)
    landmark_weight: float = 5.0
    curves: Sequence[Curve] = ()
    curve_weight: float = 1.0

    def apply(self, moved: FloatArray, goal: FloatArray, weight: FloatArray) -> None:
        """Put the anchors into the goals `(V, 3)` and weights `(V,)`, in place."""
        for vertex, place in self.landmarks.items():
            goal[vertex], weight[vertex] = place, self.landmark_weight
        for curve in self.curves:
            goal[curve.vertices] = curve.nearest(moved[curve.vertices])
            weight[curve.vertices] = self.curve_weight


def refine(
    vertices: FloatArray,
    triangles: IntArray,
    target: Target,
    elastic: Elastic | None = None,
    anchors: Anchors | None = None,
) -> FloatArray:
    """Move `vertices (V, 3)` (a model fit in the scan's working frame, mm) smoothly onto the scan.

    Returns the moved vertices; triangles that turned over are smoothed back until none is left over.
    Raises `ConvergenceError` when a solve is not finite.
    """
    elastic, anchors = elastic or Elastic(), anchors or Anchors()
    membrane, mass = stiffness_matrix(vertices, triangles, elastic.stiffness)
    start = np.asarray(vertices, np.float64)
    moved = start.copy()
    usable = np.ones(len(vertices), bool) if elastic.usable is None else elastic.usable
    limit = np.full(len(vertices), np.inf)
    if elastic.clothed is not None:
        limit[elastic.clothed] = elastic.outside
    for stiff, reach, steps in elastic.levels:
        base = stiff * membrane + sparse.diags_array(FADE * mass)
        for _ in range(steps):
            goal, weight = _targets(moved, triangles, target, _Pull(np.flatnonzero(usable), mass, reach, limit))
            anchors.apply(moved, goal, weight)
            factor = splu(
                (base + sparse.diags_array(weight)).tocsc(),
                permc_spec="MMD_AT_PLUS_A",
                diag_pivot_thresh=0.0,
                options={"SymmetricMode": True},
            )
            moved = start + factor.solve(weight[:, None] * (goal - start))
            if not np.isfinite(moved).all():
                raise ConvergenceError("the refinement gave vertices that are not finite")
    return unfold(start, moved, triangles)


def stiffness_matrix(vertices: FloatArray, triangles: IntArray, factor: FloatArray | None = None):
    """`L + BENDING * L M^-1 L (V, V)` with clipped cotangents, and the vertices' masses `(V,)`, median 1.

    Free of the mesh's size; `factor (V,)` scales the stiffness by vertex.
    """
    count = len(vertices)
    corners = vertices[triangles]
    rows, cols, weights = [], [], []
    for k in range(3):
        a, b, c = k, (k + 1) % 3, (k + 2) % 3
        u, v = corners[:, b] - corners[:, a], corners[:, c] - corners[:, a]
        cot = np.einsum("ij,ij->i", u, v) / np.maximum(np.linalg.norm(np.cross(u, v), axis=1), 1e-12)
        rows.append(triangles[:, b])
        cols.append(triangles[:, c])
        weights.append(0.5 * cot)
    i, j, w = np.concatenate(rows), np.concatenate(cols), np.concatenate(weights)
    edge = sparse.coo_array((np.r_[w, w], (np.r_[i, j], np.r_[j, i])), (count, count)).tocsr()
    edge.data = np.clip(edge.data, 0.05, 5.0)
    if factor is not None:
        root = sparse.diags_array(np.sqrt(factor))
        edge = (root @ edge @ root).tocsr()
    laplacian = sparse.diags_array(np.asarray(edge.sum(1)).ravel()) - edge
    area = triangle_areas(vertices, triangles)
    mass = np.bincount(triangles.ravel(), np.repeat(area / 3, 3), count)
    used = mass > 0
    mass = np.clip(mass / np.median(mass[used]), 0.05, 20)
    return (laplacian + BENDING * laplacian @ sparse.diags_array(1 / mass) @ laplacian).tocsr(), mass


@dataclass(frozen=True, eq=False)
class _Pull:
    """Vertices that are drawn, masses `(V,)`, reach in mm, and how far outside a scan is believed `(V,)`."""

    rows: IntArray
    mass: FloatArray
    reach: float
    limit: FloatArray


def _targets(moved: FloatArray, triangles: IntArray, target: Target, pull: _Pull) -> tuple[FloatArray, FloatArray]:
    """Where each vertex is drawn (along the scan's normal, a tenth of the way sideways) and how strongly."""
    rows, reach = pull.rows, pull.reach
    normals = vertex_normals(moved, triangles)
    distance, near, hit = nearest(target.tree, moved[rows], reach)
    n = target.normals[near]
    cos = np.einsum("ij,ij->i", n, normals[rows])
    ok = hit & (cos > 0.6) & ~target.border[near]
    off = target.points[near] - moved[rows]
    height = np.einsum("ij,ij->i", off, n)
    plane = height[:, None] * n
    goal = moved.copy()
    goal[rows] += plane + 0.1 * (off - plane)
    weight = np.zeros(len(moved))
    believed = np.clip(1 - (np.maximum(height, 0) / pull.limit[rows]) ** 2, 0, 1)
    weight[rows] = np.where(ok, np.clip(1 - (distance / reach) ** 2, 0, 1) * believed, 0) * pull.mass[rows]
    return goal, weight


def unfold(start: FloatArray, moved: FloatArray, triangles: IntArray, rounds: int = 12) -> FloatArray:
    """Take the displacement back, half a round, about triangles that turned over against `start`."""
    before = triangle_normals(start, triangles)
    near = None
    step = moved - start
    for _ in range(rounds):
        now = triangle_normals(start + step, triangles)
        folded = np.einsum("ij,ij->i", before, now) < 0
        if not folded.any():
            break
        near = adjacency(triangles, len(start)) if near is None else near
        about = np.zeros(len(start))
        about[triangles[folded]] = 1
        for _ in range(2):
            about = np.minimum(about + near @ about, 1)
        step = step * np.where(about > 0, 0.5, 1.0)[:, None]
    return start + step
