"""Bodies whose measures are known in closed form, as templates with the landmarks of a head."""

import numpy as np

from inface.mesh import Mesh
from inface.template import Template


def ellipsoid(a=60.0, b=65.0, c=72.0, *, turns=240, rings=120):
    """Half axes a to the left, b up, c forward; g and n in front, op behind, tragia at the sides, v on top."""
    theta = np.linspace(0, np.pi, rings + 1)[1:-1]
    phi = np.arange(turns) * 2 * np.pi / turns
    ring = np.stack(
        [
            a * np.outer(np.sin(theta), np.sin(phi)),
            b * np.outer(np.cos(theta), np.ones(turns)),
            c * np.outer(np.sin(theta), np.cos(phi)),
        ],
        -1,
    ).reshape(-1, 3)
    points = np.vstack([ring, [[0, b, 0], [0, -b, 0]]])
    count = len(ring)
    grid = np.arange(count).reshape(rings - 1, turns)
    p, q = grid[:-1], grid[1:]
    r, s = np.roll(p, -1, 1), np.roll(q, -1, 1)
    sides = [np.stack(t, -1).reshape(-1, 3) for t in ((p, q, r), (r, q, s))]
    top = np.stack([np.full(turns, count), grid[0], np.roll(grid[0], -1)], 1)
    bottom = np.stack([np.full(turns, count + 1), np.roll(grid[-1], -1), grid[-1]], 1)
    triangles = np.concatenate([*sides, top, bottom])
    middle, quarter = (rings // 2 - 1) * turns, turns // 4
    marks = {
        "g": middle, "n": middle, "op": middle + 2 * quarter, "t_l": middle + quarter, "t_r": middle + 3 * quarter,
        "v": count,
    }  # fmt: skip
    mirror = np.concatenate([(grid[:, (-np.arange(turns)) % turns]).reshape(-1), [count, count + 1]])
    return Template(Mesh(points, triangles), marks, {}, mirror)


def sheared(template, slope=0.08):
    """The same body with z += slope * x: the left side forward."""
    points = np.array(template.mesh.vertices)
    points[:, 2] += slope * points[:, 0]
    return Mesh(points, template.mesh.triangles)
