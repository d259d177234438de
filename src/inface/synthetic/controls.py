"""The control points of a head and the measures that are read off them.

A head is the template's surface carried by a warp of about 150 control points: its landmarks, points of the jaw and the
brow lines, and points spread over the vault and the neck. Measures are functions of the control points (and of a ring
of surface points for the head circumference), so targets for measures turn into targets for points.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from inface._validate import FloatArray, IntArray
from inface.geometry.smooth import smoothstep
from inface.measurement.cranium import vault_edges
from inface.measurement.distances import LANDMARK_MEASURES, landmark_pairs
from inface.synthetic.warp import PointWarp
from inface.template import Template

_JAW_AND_BROW = [f"ibug_{i:02d}" for i in (*range(17), *range(17, 27))]
_SPACING = 2.0  # mm: control points nearer than this to one already taken are left out
_RING = 72
_EAR_POINTS = 8
_EAR_REACH = 16.0  # mm over which the skin behind an ear comes to follow the vault


def spread_points(points: FloatArray, count: int, start: int = 0) -> IntArray:
    """Indices of `count` points far from each other: each next one is the farthest from those taken [gonzalez1985]."""
    taken = [start]
    distance = np.linalg.norm(points - points[start], axis=1)
    for _ in range(count - 1):
        taken.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(points - points[taken[-1]], axis=1))
    return np.array(taken)


@dataclass(frozen=True, eq=False)
class Difference:
    """A measure along one axis: the mean over `pairs` of `(first - second)[axis]`, vertex ids as control rows."""

    pairs: tuple[tuple[int, int], ...]
    axis: int


@dataclass(frozen=True, eq=False)
class Controls:
    """Control points of a template, their warp and their measures.

    Attributes:
        ids: `(L,)` template vertices; `position (L, 3)` their places on the template.
        warp: the spline over them; `ring_basis (R, L)` and `ring (R, 3)`: surface points of the circumference.
        row: landmark name -> row of its vertex in `ids`.
        ear, vault, neck: boolean `(L,)`.
    """

    ids: IntArray
    position: FloatArray
    warp: PointWarp
    row: dict[str, int]
    ear: np.ndarray
    vault: np.ndarray
    neck: np.ndarray
    ring: FloatArray
    ring_basis: FloatArray
    ring_ends: tuple[IntArray, FloatArray]

    @classmethod
    def of(cls, template: Template) -> "Controls":
        """Choose the control points by landmark and region names, in mirror pairs."""
        vertices, mirror = template.mesh.vertices, template.mirror
        assert mirror is not None
        named = {n: i for n, i in template.landmarks.items() if not n.startswith("ibug_")}
        named |= {n: template.landmarks[n] for n in _JAW_AND_BROW if n in template.landmarks}
        taken: list[int] = []

        def take(candidates) -> None:
            for i in candidates:
                if not taken or np.linalg.norm(vertices[taken] - vertices[i], axis=1).min() > _SPACING:
                    taken.extend(dict.fromkeys((int(i), int(mirror[i]))))

        take(named.values())
        left_ear = template.regions["ears"][vertices[template.regions["ears"], 0] > 0]
        take(left_ear[spread_points(vertices[left_ear], _EAR_POINTS)])
        faces = set(taken)
        g, op = template.landmarks["g"], template.landmarks["op"]
        outside = ~np.isin(np.arange(len(vertices)), template.regions["ears"])
        left = (vertices[:, 0] >= 0) & outside
        above = vertices[g, 1] + 8
        vault = left & ((vertices[:, 1] > above) | ((vertices[:, 2] < vertices[op, 2] * 0.4) & (vertices[:, 1] > 0)))
        neck = np.zeros(len(vertices), bool)
        neck[template.regions["neck"]] = True
        for part, count in ((vault, 45), (left & neck, 9)):
            there = np.flatnonzero(part)
            take(there[spread_points(vertices[there], count, int(vertices[there, 1].argmin()))])
        ids = np.array(taken)
        place = {int(v): k for k, v in enumerate(ids)}
        warp = PointWarp.over(vertices[ids])
        points, ends = _ring(template)
        return cls(
            ids,
            vertices[ids],
            warp,
            {name: place[int(i)] for name, i in named.items() if int(i) in place},
            np.isin(ids, template.regions["ears"]),
            (vault | vault[mirror])[ids] & ~np.isin(ids, list(faces)),
            neck[ids] & ~np.isin(ids, list(faces)),
            points,
            warp.basis(points),
            ends,
        )

    @cached_property
    def upper_pair(self) -> tuple[int, int]:
        """Rows of the vault's points, left and right, about halfway from euryon to vertex."""
        eu, v = self.position[self.row["eu_l"]], self.position[self.row["v"]]
        goal = np.array([0.85 * eu[0], eu[1] + 0.45 * (v[1] - eu[1]), eu[2]])
        rows = np.flatnonzero(self.vault)
        left = rows[np.linalg.norm(self.position[rows] - goal, axis=1).argmin()]
        right = rows[np.linalg.norm(self.position[rows] - self.position[left] * [-1, 1, 1], axis=1).argmin()]
        return int(left), int(right)

    @cached_property
    def face_share(self) -> FloatArray:
        """`(L,)`: 1 in the face and at the ears, 0 on the vault, smooth between."""
        p, n, t = self.position, self.position[self.row["n"]], self.position[self.row["t_l"]]
        share = 1 - np.maximum(smoothstep((p[:, 1] - n[1]) / 28), smoothstep((t[2] - 5 - p[:, 2]) / 30))
        to_ear = np.linalg.norm(p[:, None] - p[self.ear][None], axis=-1).min(1)
        return np.maximum(share, np.exp(-((to_ear / _EAR_REACH) ** 2)))


def _ring(template: Template) -> tuple[FloatArray, tuple[IntArray, FloatArray]]:
    """Points of the template's circumference, evenly by angle, and the edges `(R, 2)` and fractions they lie at."""
    vertices, marks = template.mesh.vertices, template.landmarks
    g, op = vertices[marks["g"]], vertices[marks["op"]]
    normal = np.cross(g - op, [1.0, 0, 0])
    normal /= np.linalg.norm(normal)
    edges = vault_edges(template)
    height = (vertices - g) @ normal
    low, high = height[edges].T
    edges = edges[(low < 0) != (high < 0)]
    low, high = height[edges].T
    part = low / (low - high)
    points = vertices[edges[:, 0]] * (1 - part[:, None]) + vertices[edges[:, 1]] * part[:, None]
    angle = np.arctan2(points[:, 0], points[:, 2] - (g[2] + op[2]) / 2)
    wanted = (np.arange(_RING) + 0.5) * 2 * np.pi / _RING - np.pi
    gap = np.abs(np.angle(np.exp(1j * (angle[None] - wanted[:, None]))))
    chosen = np.unique(gap.argmin(1))
    chosen = chosen[np.argsort(angle[chosen])]
    return points[chosen], (edges[chosen], part[chosen])


def measure_pairs(controls: Controls, name: str) -> list[tuple[int, int]]:
    """Control rows of a landmark measure."""
    if name in LANDMARK_MEASURES:
        return landmark_pairs(name, controls.row)
    row = controls.row
    if name == "cheek-cheek":
        return [(row["cheek_l"], row["cheek_r"])]
    if name == "ls-li":
        return [(row["ls"], row["li"])]
    raise KeyError(f"no measure '{name}'")


def axis_measures(controls: Controls) -> dict[str, Difference]:
    """The measures along an axis of the head's frame (0 left, 1 up, 2 forward), by name."""
    row = controls.row
    neck = np.flatnonzero(controls.neck)
    low = neck[controls.position[neck, 1] < np.quantile(controls.position[neck, 1], 0.4)]
    widest = low[controls.position[low, 0].argmax()]
    other = low[controls.position[low, 0].argmin()]

    def both(a: str, b: str) -> tuple[tuple[int, int], ...]:
        sides = [[name if name in row else name + side for name in (a, b)] for side in ("_l", "_r")]
        return tuple((row[first], row[second]) for first, second in sides)

    return {
        "vault height": Difference(both("v", "t"), 1),
        "back depth": Difference(both("t", "op"), 2),
        "tip height": Difference(((row["prn"], row["sn"]),), 1),
        "forehead": Difference(((row["g"], row["n"]),), 2),
        "occiput height": Difference(both("op", "t"), 1),
        "bridge": Difference(both("n", "en"), 2),
        "eye level": Difference(both("n", "t"), 1),
        "cheek depth": Difference(both("cheek", "t"), 2),
        "chin": Difference(((row["pg"], row["sn"]),), 2),
        "ear stand-off": Difference(((row["pa_l"], row["t_l"]), (row["t_r"], row["pa_r"])), 0),
        "neck width": Difference(((int(widest), int(other)),), 0),
    }
