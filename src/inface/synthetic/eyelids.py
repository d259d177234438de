"""Closing the eyes: the lids slide over the globe, which stays where it is behind them.

Seen from a pivot behind the globe's centre, a point of a lid has an elevation about the axis from canthus to canthus
and a distance from that axis. Closing turns elevations: the edge of the upper lid comes down to meet that of the lower
lid, which rises a little; both movements fade towards brow and cheek. Where the lids come to lie over the opening they
form a smooth shell clear of the globe.
"""

import numpy as np
from scipy.interpolate import LinearNDInterpolator

from inface._validate import BoolArray, FloatArray, IntArray
from inface.geometry.smooth import smoothstep
from inface.template import Template

_PIVOT = 6.0  # mm behind the globe's centre
_MEET = 0.12  # of the opening, from the lower lid: where the lids meet
_FADE_UP, _FADE_DOWN = 0.55, 0.4  # radians over which the movement fades above and below
_REACH, _SOFT = 14.0, 5.0  # mm from the globe at which the movement has ended, and over which it ends
_SKIN, _STRIP = 0.9, 0.12  # mm: clearance from the globe of the lids' skin, and of the strip between their two edges


def globe(points: FloatArray) -> tuple[FloatArray, float]:
    """Centre `(3,)` and radius of the sphere nearest to points `(n, 3)` in the algebraic sense."""
    system = np.column_stack([2 * points, np.ones(len(points))])
    solution = np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0]
    return solution[:3], float(np.sqrt(solution[3] + solution[:3] @ solution[:3]))


# long: one construction in the coordinates of one eye
def closed_lids(template: Template, amount: float) -> FloatArray:
    """Displacements `(V, 3)` that close both eyes of the template by `amount` (0 open, 1 closed)."""
    vertices, marks, mirror = template.mesh.vertices, template.landmarks, template.mirror
    assert mirror is not None
    on_globe = _mask(template, "eye_l")
    centre, radius = globe(vertices[on_globe])
    inner, outer = vertices[marks["en_l"]], vertices[marks["ex_l"]]
    axis = (outer - inner) / np.linalg.norm(outer - inner)
    ahead = np.array([0.0, 0, 1]) - axis[2] * axis
    ahead /= np.linalg.norm(ahead)
    up = np.cross(ahead, axis)
    arm = vertices - (centre - _PIVOT * ahead)
    along, high, deep = arm @ axis, arm @ up, arm @ ahead
    elevation, reach = np.arctan2(high, deep), np.hypot(high, deep)

    margin, upper, lower = _edges(template, on_globe, (vertices - inner) @ up)
    near = (vertices[:, 0] > 1) & (np.linalg.norm(vertices - centre, axis=1) < radius + _REACH) & (deep > 0)
    near &= ~_mask(template, "mouth_inside") & (~on_globe | margin)
    ids = np.flatnonzero(near)
    along, elevation, reach = along[ids], elevation[ids], reach[ids]
    place = {int(v): k for k, v in enumerate(ids)}
    shared = np.intersect1d(upper, lower)
    ends = shared if len(shared) == 2 else (marks["en_l"], marks["ex_l"])
    corners = np.array([place[int(v)] for v in ends])

    def over(edge: IntArray, values: FloatArray) -> FloatArray:
        """A quantity of an edge's vertices, from corner to corner, at every vertex's place along the axis."""
        rows = np.unique(np.r_[[place[int(v)] for v in edge], corners])
        rows = rows[np.argsort(along[rows], kind="stable")]
        return np.interp(along, along[rows], values[rows])

    top, bottom = over(upper, elevation), over(lower, elevation)
    opening = np.maximum(top - bottom, 0)
    meet = bottom + _MEET * opening
    is_upper = elevation > (top + bottom) / 2
    strip = (elevation < top - 1e-9) & (elevation > bottom + 1e-9)
    shift = np.where(is_upper, meet - top, meet - bottom)
    above = np.where(is_upper, elevation - top, bottom - elevation) / np.where(is_upper, _FADE_UP, _FADE_DOWN)
    distance = np.linalg.norm(vertices[ids] - centre, axis=1)
    fade = (1 - smoothstep(above)) * smoothstep((radius + _REACH - distance) / _SOFT)
    turned = elevation + shift * fade

    def clear(angles: FloatArray, clearance: FloatArray) -> FloatArray:
        """Distance from the axis of a shell at this clearance from the globe (0 beside the globe)."""
        inside = (radius + clearance) ** 2 - along**2 - (_PIVOT * np.sin(angles)) ** 2
        return np.where(inside > 0, _PIVOT * np.cos(angles) + np.sqrt(inside.clip(0)), 0)

    skin = LinearNDInterpolator(np.column_stack([along, elevation])[~strip], reach[~strip])(along, turned)
    skin = np.where(np.isnan(skin), reach, skin)
    rise = smoothstep((turned - bottom) / np.maximum(opening, 1e-3))
    shell = over(lower, reach) * (1 - rise) + over(upper, reach) * rise
    covering = 1 - smoothstep((turned - top) / (0.8 * _FADE_UP))
    covering = np.where(is_upper, covering * smoothstep(opening / 0.15), 0)
    closed = np.maximum(skin + covering * (shell - skin), clear(turned, np.full(len(ids), _SKIN)) * (fade > 0.5))
    closed = np.where(strip, np.maximum(reach, clear(turned, np.full(len(ids), _STRIP))), closed)
    closed = np.where(fade > 0, closed, reach)

    angle, length = elevation + amount * (turned - elevation), reach + amount * (closed - reach)
    least = np.minimum(clear(angle, np.where(strip, _STRIP, _SKIN * fade)), length + 2)
    length = np.where((fade > 0.5) & (amount > 0), np.maximum(length, least), length)
    moved = np.outer(along, axis) + np.outer(length * np.sin(angle), up) + np.outer(length * np.cos(angle), ahead)
    out = np.zeros_like(vertices)
    out[ids] = moved + centre - _PIVOT * ahead - vertices[ids]
    out[mirror[ids]] = out[ids] * [-1, 1, 1]
    return out


def _mask(template: Template, region: str) -> BoolArray:
    mask = np.zeros(len(template.mesh.vertices), bool)
    mask[template.regions.get(region, np.array([], int))] = True
    return mask


def _edges(template: Template, on_globe: BoolArray, height: FloatArray) -> tuple[BoolArray, IntArray, IntArray]:
    """The globe's own vertices that move with the lids `(V,)`, and the edges of the left eye's upper and lower lid.

    `height (V,)` above the line between the canthi tells the lids apart where the template does not name their edges.
    """
    triangles = template.mesh.triangles
    pairs = np.concatenate([triangles[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0), (1, 0), (2, 1), (0, 2))])
    margin = np.zeros(len(on_globe), bool)
    margin[pairs[on_globe[pairs[:, 0]] & ~on_globe[pairs[:, 1]], 0]] = True
    if "lid_edge_upper_l" in template.regions:
        return margin, template.regions["lid_edge_upper_l"], template.regions["lid_edge_lower_l"]
    rim = np.flatnonzero(margin)
    return margin, rim[height[rim] > 0], rim[height[rim] <= 0]
