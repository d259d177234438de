"""Closing the eyes: the lids slide over the globe, which stays where it is behind them.

Seen from the globe's centre, a point of the lid has an elevation about the axis from canthus to canthus and a distance
from that axis. Closing turns elevations (upper lid down, lower lid a little up, fading towards brow and cheek) and keeps
each point on the skin's own surface, continued across the opening at the lids' thickness.
"""

import numpy as np
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator

from inface._validate import FloatArray
from inface.synthetic.controls import smoothstep
from inface.template import Template

_MEET = 0.12  # of the opening, from the lower lid: where the lids meet
_EDGE = 0.06  # radians from the line where a lid touches the globe to its outer edge
_FADE_UP, _FADE_DOWN = 0.65, 0.6  # radians over which the movement fades above and below
_REACH, _SOFT = 13.0, 5.0  # mm from the globe at which the movement has ended, and over which it ends
_THICK, _CLEAR = 0.8, 0.2  # mm: lid skin lies at least this far from the globe; nothing that moves comes nearer


def globe(points: FloatArray) -> tuple[FloatArray, float]:
    """Centre `(3,)` and radius of the sphere nearest to points `(n, 3)` in the algebraic sense."""
    system = np.column_stack([2 * points, np.ones(len(points))])
    solution = np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0]
    return solution[:3], float(np.sqrt(solution[3] + solution[:3] @ solution[:3]))


def closed_lids(template: Template, amount: float) -> FloatArray:
    """Displacements `(V, 3)` that close both eyes of the template by `amount` (0 open, 1 closed)."""
    vertices, marks, mirror = template.mesh.vertices, template.landmarks, template.mirror
    assert mirror is not None
    on_globe = np.zeros(len(vertices), bool)
    on_globe[template.regions["eye_l"]] = True
    edges = np.concatenate([template.mesh.triangles[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
    edges = np.concatenate([edges, edges[:, ::-1]])
    margin = np.unique(edges[on_globe[edges[:, 0]] & ~on_globe[edges[:, 1]], 0])
    centre, radius = globe(vertices[on_globe])
    inner, outer = vertices[marks["en_l"]], vertices[marks["ex_l"]]
    axis = (outer - inner) / np.linalg.norm(outer - inner)
    ahead = np.array([0.0, 0, 1]) - axis[2] * axis
    ahead /= np.linalg.norm(ahead)
    up = np.cross(ahead, axis)
    arm = vertices - centre
    distance = np.linalg.norm(arm, axis=1)
    along, high, deep = arm @ axis, arm @ up, arm @ ahead
    elevation, reach = np.arctan2(high, deep), np.hypot(high, deep)

    inside_mouth = np.isin(np.arange(len(vertices)), template.regions.get("mouth_inside", []))
    near = (vertices[:, 0] > 2) & (distance < radius + _REACH) & (deep > 0) & ~inside_mouth
    near &= ~on_globe | np.isin(np.arange(len(vertices)), margin)

    line = (vertices[margin] - inner) @ up  # above or below the line from canthus to canthus
    upper, lower = margin[line > 0], margin[line <= 0]
    ends = (inner - centre) @ axis, (outer - centre) @ axis
    corner = [np.arctan2((p - centre) @ up, (p - centre) @ ahead) for p in (inner, outer)]

    place = (along - ends[0]) / (ends[1] - ends[0])  # 0 at the inner corner, 1 at the outer

    def curve(ids: np.ndarray) -> FloatArray:
        """Elevation of a lid's margin over `place`: from corner to corner, its unevenness smoothed away."""
        u = np.clip(place, 0, 1)
        chord = corner[0] + (corner[1] - corner[0]) * u
        shape = np.stack([np.sqrt(u * (1 - u)) * u**k for k in range(4)], 1)
        return chord + shape @ np.linalg.lstsq(shape[ids], (elevation - chord)[ids], rcond=None)[0]

    top, bottom = curve(upper), curve(lower)
    opening = np.maximum(top - bottom, 0)
    edge = _EDGE * smoothstep(opening / (4 * _EDGE))
    meet = bottom + _MEET * opening
    drop, lift = (top + edge - meet) * (opening > 0), (meet - bottom + edge) * (opening > 0)
    is_upper = elevation > (top + bottom) / 2
    fade = np.where(
        is_upper, 1 - smoothstep((elevation - top) / _FADE_UP), 1 - smoothstep((bottom - elevation) / _FADE_DOWN)
    )
    soft = smoothstep((radius + _REACH - distance) / _SOFT)
    turned = elevation + amount * np.where(is_upper, -drop, lift) * fade * soft

    skin = near & (distance > radius + _THICK) & ~on_globe
    places = np.column_stack([along, elevation])
    inner_surface = LinearNDInterpolator(places[skin], reach[skin])
    beyond = NearestNDInterpolator(places[skin], reach[skin])

    def surface(elevations: FloatArray) -> FloatArray:
        value = inner_surface(along[near], elevations)
        return np.where(np.isnan(value), beyond(along[near], elevations), value)

    moved = reach[near] + surface(turned[near]) - surface(elevation[near])
    least = np.sqrt(np.maximum((radius + _CLEAR) ** 2 - along[near] ** 2, 0))
    moved = np.where(
        turned[near] == elevation[near], reach[near], np.maximum(moved, np.minimum(least, reach[near] + 1))
    )
    target = np.outer(along[near], axis) + np.outer(moved * np.sin(turned[near]), up)
    target += np.outer(moved * np.cos(turned[near]), ahead) + centre
    out = np.zeros_like(vertices)
    out[near] = target - vertices[near]
    out[mirror[near]] = out[near] * [-1, 1, 1]
    return out
