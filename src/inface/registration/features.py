"""Where the features of the face lie on the scan, by how the surface bends about them: what distances cannot tell.

A fit may lie on the scan and yet have slid: then the bends about an eye's corner on the fit are those of a place some
millimetres away on the scan. About each of a few landmarks a block of the fit is moved over the scan, and where its
bends agree best is where the landmark belongs (block matching, as for optical flow, on a map of bends). The places
found draw the next fit like landmarks that somebody set.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from inface._validate import FloatArray, IntArray
from inface.geometry.adjacency import vertex_normals
from inface.geometry.proximity import nearest
from inface.registration.likeness import USUAL, Looks
from inface.registration.prior import ShapePrior
from inface.transforms import procrustes

# landmarks about which bends tell a place, in both directions of the skin
NAMES = (
    "n", "prn", "sn", "ls", "sto", "pg", "en_l", "en_r", "ex_l", "ex_r", "al_l", "al_r", "ch_l", "ch_r",
    "t_l", "t_r", "sa_l", "sa_r", "sba_l", "sba_r",
)  # fmt: skip
BLOCK = 17.0  # mm on a usual head: radius of a block
RADIUS = 9.0  # mm on a usual head: radius of a bend
POINTS = 40  # of a block
SURE = 0.6  # least correlation at the place found
ENOUGH = 0.6  # share of a block that must meet the scan
STEP = 0.15  # between the places tried, of the reach
ASTRAY = 5.0  # mm on a usual head that a feature may go another way than all together
SMOOTH = 0.15  # what a shift to the end of the reach costs, in units of the correlation


@dataclass(frozen=True)
class Block:
    """A landmark's vertex and the vertices about it."""

    vertex: int
    ids: IntArray


def blocks_of(prior: ShapePrior) -> list[Block]:
    """The blocks about the landmarks that the prior's template names; none for a template without them."""
    unit = prior.size / USUAL
    usable = np.flatnonzero(prior.usable & ~prior.border)
    tree = cKDTree(prior.mean[usable])
    found = []
    for name in NAMES:
        vertex = prior.landmarks.get(name)
        if vertex is None or not prior.usable[vertex]:
            continue
        ids = usable[np.sort(tree.query_ball_point(prior.mean[vertex], BLOCK * unit))]
        if len(ids) > POINTS:
            ids = ids[np.sort(np.random.default_rng(vertex).choice(len(ids), POINTS, replace=False))]
        found.append(Block(int(vertex), ids))
    return found


class BendMap:
    """The bends of a scan at its points, each computed when it is first asked for."""

    def __init__(self, looks: Looks) -> None:
        self._looks = looks
        self._radius = RADIUS * looks.prior.size / USUAL
        self._values = np.full(len(looks.target.points), np.nan)
        self._known = np.zeros(len(self._values), bool)

    def at(self, ids: IntArray) -> FloatArray:
        """Bends at the scan's points `ids`."""
        new = np.unique(ids)
        new = new[~self._known[new]]
        if len(new):
            target = self._looks.target
            self._values[new] = self._looks.bends(target.points[new], target.normals[new], self._radius)
            self._known[new] = True
        return self._values[ids]


def find_features(
    bend_map: BendMap, looks: Looks, vertices: FloatArray, blocks: Sequence[Block], reach: float
) -> dict[int, FloatArray]:
    """Vertex id -> place on the scan (working frame) for each block of the fit `vertices (V, 3)` that finds its like
    within `reach` mm."""
    if not blocks:
        return {}
    prior, target = looks.prior, looks.target
    normals = vertex_normals(vertices, prior.triangles)
    every = np.unique(np.concatenate([block.ids for block in blocks]))
    own = looks.model_bends(vertices, every, normals, RADIUS * prior.size / USUAL)
    step = STEP * reach
    line = np.arange(-reach, reach + step / 2, step)
    grid = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    grid = grid[np.linalg.norm(grid, axis=1) <= reach * 1.001]
    found = {}
    for block in blocks:
        plane = _tangents(normals[block.ids].mean(0))
        shifts = grid @ plane
        places = vertices[block.ids][None] + shifts[:, None]
        _, near, hit = nearest(target.tree, places.reshape(-1, 3), 0.05 * prior.size)
        facing = np.einsum("ij,ij->i", target.normals[near], np.tile(normals[block.ids], (len(shifts), 1))) > 0.3
        good = (hit & facing & ~target.border[near]).reshape(len(shifts), -1)
        values = bend_map.at(near).reshape(good.shape)
        mine = np.broadcast_to(own[np.searchsorted(every, block.ids)], good.shape)
        likeness = _correlations(mine, values, good)
        likeness = likeness - SMOOTH * (grid**2).sum(1) / reach**2
        best = int(np.argmax(likeness))
        if likeness[best] > SURE - SMOOTH and np.linalg.norm(grid[best]) < reach - step / 2:
            moved = vertices[block.vertex] + shifts[best]
            found[block.vertex] = target.points[nearest(target.tree, moved[None])[1][0]]
    return _agreeing(found, vertices, ASTRAY * prior.size / USUAL)


def _agreeing(found: dict[int, FloatArray], vertices: FloatArray, limit: float) -> dict[int, FloatArray]:
    """Those that do not go another way than all together: a mouth's corner has many places that look alike."""
    ids = list(found)
    for _ in range(3):
        if len(ids) < 5:
            break
        source, goal = vertices[ids], np.array([found[i] for i in ids])
        off = np.linalg.norm(procrustes(source, goal, scale=True).apply(source) - goal, axis=1)
        kept = [i for i, mm in zip(ids, off, strict=True) if mm <= max(limit, 2 * float(np.median(off)))]
        if len(kept) == len(ids):
            break
        ids = kept
    return {i: found[i] for i in ids}


def _tangents(normal: FloatArray) -> FloatArray:
    """Two unit vectors `(2, 3)` across `normal`."""
    z = normal / np.maximum(np.linalg.norm(normal), 1e-12)
    x = np.cross([0.0, 1.0, 0.0] if abs(z[1]) < 0.9 else [1.0, 0.0, 0.0], z)
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(z, x)])


def _correlations(mine: FloatArray, theirs: FloatArray, good) -> FloatArray:
    """Row by row the correlation of two tables `(n, m)` over the entries in `good`; -1 where too few are."""
    good = good & np.isfinite(mine) & np.isfinite(theirs)
    count = good.sum(1)
    a, b = np.where(good, mine, 0.0), np.where(good, theirs, 0.0)
    n = np.maximum(count, 1)[:, None]
    a = np.where(good, a - a.sum(1, keepdims=True) / n, 0.0)
    b = np.where(good, b - b.sum(1, keepdims=True) / n, 0.0)
    together = (a * b).sum(1) / np.sqrt(np.maximum((a * a).sum(1) * (b * b).sum(1), 1e-30))
    return np.where(count >= ENOUGH * good.shape[1], together, -1.0)
