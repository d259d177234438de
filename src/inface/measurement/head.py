"""One head about to be measured: its landmarks, axes and planes, its skin without ears, its outlines.

Axes, all unit vectors that turn with the head:

- lateral: from the right tragion to the left;
- zero plane: through nasion n and both tragia; `up` its normal towards the vertex, `forward` = lateral x up, `origin`
  the midpoint of the tragia;
- midsagittal plane by the face: the face's mirror image is fitted rigidly on the face; `middle` is the normal of the
  composed reflection, towards the left. With the lateral axis a shifted ear would be hidden by construction.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from inface._validate import FloatArray, IntArray
from inface.geometry.sections import Outline, section_points
from inface.measurement.anatomy import Anatomy
from inface.transforms import procrustes

MIDDLE = 12.0  # mm from the midline within which the farthest point of the back is looked for
LEVELS = 15  # coarse levels between zero plane and `TOP` of the height at which the longest outline is looked for
TOP = 0.7
FINE = 0.05  # mm to which that level is found
_GOLDEN = (np.sqrt(5) - 1) / 2


class Unmeasurable(ValueError):
    """A measure has no value on this head; the message is the reason the user reads."""


@dataclass(frozen=True, eq=False)
class Section:
    """A flat outline: its plane's origin and axes (`forward`, `left`), and the edges of the mesh that it crosses."""

    outline: Outline
    forward: FloatArray
    left: FloatArray
    crossed: IntArray

    def chord(self, degrees: float) -> float:
        """Longest chord at an angle from forward, plus towards the left, mm."""
        angle = np.radians(degrees)
        return self.outline.longest_chord(np.array([np.cos(angle), np.sin(angle)]))


@dataclass(frozen=True, eq=False)
class Head:
    """A head `vertices (V, 3)` mm of one topology, all finite; whatever is asked for is computed once.

    Attributes:
        given: landmarks by name, mm in the head's frame, which go before the template's.
    """

    anatomy: Anatomy
    vertices: FloatArray
    given: Mapping[str, FloatArray] = field(default_factory=dict)

    # --- landmarks

    def has(self, *names: str) -> bool:
        """Whether all these landmarks are there."""
        return all(name in self.given or name in self.anatomy.marks for name in names)

    def point(self, name: str) -> FloatArray:
        """`(3,)`; of several candidates for g and op the pair farthest apart, for prn the foremost."""
        if name in self.given:
            return self.given[name]
        ids = self.anatomy.marks.get(name)
        if ids is None:
            raise Unmeasurable(f"the landmark '{name}' is not known on this topology; give it with landmarks=")
        if len(ids) == 1:
            return self.vertices[ids[0]]
        if name in ("g", "op"):
            return self.vertices[self._farthest[name]]
        return self.vertices[ids[int((self.vertices[ids] @ self.forward).argmax())]]

    @cached_property
    def _farthest(self) -> dict[str, int]:
        g, op = self.anatomy.marks["g"], self.anatomy.marks["op"]
        apart = np.linalg.norm(self.vertices[g][:, None] - self.vertices[op][None], axis=2)
        i, j = np.unravel_index(int(apart.argmax()), apart.shape)
        return {"g": int(g[i]), "op": int(op[j])}

    # --- axes

    @cached_property
    def origin(self) -> FloatArray:
        return (self.point("t_l") + self.point("t_r")) / 2

    @cached_property
    def lateral(self) -> FloatArray:
        return unit_vector(self.point("t_l") - self.point("t_r"), "the two tragia lie in one place")

    @cached_property
    def up(self) -> FloatArray:
        ahead = self.point("n") - self.origin
        normal = unit_vector(np.cross(ahead, self.lateral), "nasion and tragia lie on one line, so no plane holds them")
        if not self.has("v"):
            return normal
        if (self.point("v") - self.origin) @ normal < 0:
            raise Unmeasurable(
                "left and right are swapped: seen from the tragia and the nasion the vertex lies below; is the mesh "
                "a mirror image, or are the landmarks t_l and t_r exchanged?"
            )
        return normal

    @cached_property
    def forward(self) -> FloatArray:
        return np.cross(self.lateral, self.up)

    def height_of(self, points: FloatArray) -> FloatArray:
        """Height over the zero plane, mm."""
        return (points - self.origin) @ self.up

    @cached_property
    def _reflection(self) -> tuple[FloatArray, FloatArray]:
        """Normal of the midsagittal plane, towards the left, and a point of it."""
        mirror = self.anatomy.template.mirror
        if mirror is None:
            return self._fitted_midline
        ids = self.anatomy.face
        own = self.vertices[ids]
        image = self.vertices[mirror[ids]] * [-1, 1, 1]
        fit = procrustes(image, own)
        composed = fit.rotation * [-1, 1, 1]
        _, vectors = np.linalg.eigh((composed + composed.T) / 2)
        normal = vectors[:, 0]
        side = np.sign(self.anatomy.vertices[ids, 0] - self.anatomy.vertices[mirror[ids], 0])
        if side @ ((own - self.vertices[mirror[ids]]) @ normal) < 0:
            normal = -normal
        return normal, (own + self.vertices[mirror[ids]]).mean(0) / 2

    @cached_property
    def _fitted_midline(self) -> tuple[FloatArray, FloatArray]:
        ids = self.anatomy.midline
        if len(ids) < 3:
            raise Unmeasurable("no midline: the topology has no mirror pairs (and no 'nasion_plane_line')")
        points = self.vertices[ids]
        normal = np.linalg.svd(points - points.mean(0), full_matrices=False)[2][2]
        return normal * np.sign(normal @ self.lateral), points.mean(0)

    @cached_property
    def middle(self) -> FloatArray:
        """Normal of the midsagittal plane, towards the left; the reference's where the topology has its line."""
        return self._fitted_midline[0] if len(self.anatomy.midline) else self._reflection[0]

    def off_middle(self, points: FloatArray) -> FloatArray:
        """Signed distance from the midsagittal plane, mm, plus = left."""
        centre = self._fitted_midline[1] if len(self.anatomy.midline) else self._reflection[1]
        return (points - centre) @ self.middle

    @cached_property
    def middle_forward(self) -> FloatArray:
        """Forward, square to `middle` and `up`."""
        return unit_vector(np.cross(self.middle, self.up), "the midsagittal plane is square to the head")

    @cached_property
    def own_axes(self) -> FloatArray:
        """`(3, 3)` rows: x, y, z of the template's frame on this head, by a rigid fit of the face."""
        ids = self.anatomy.face
        return procrustes(self.anatomy.vertices[ids], self.vertices[ids]).rotation.T

    # --- skin without ears, sections

    @cached_property
    def smooth(self) -> FloatArray:
        """`(V, 3)` with each ear replaced by the harmonic fill from its rim."""
        if not len(self.anatomy.ears):
            return self.vertices
        known = np.ones(len(self.vertices), bool)
        known[self.anatomy.ears] = False
        return self.anatomy.fill.fill(self.vertices, known)

    def section(self, origin: FloatArray, forward: FloatArray, left: FloatArray) -> Section:
        """The convex outline of the skin without ears in the plane of two square unit vectors."""
        normal = np.cross(forward, left)
        edges = self.anatomy.edges
        height = (self.smooth - origin) @ normal
        crossing = (height[edges[:, 0]] < 0) != (height[edges[:, 1]] < 0)
        points = section_points(self.smooth, edges[crossing], origin, normal) - origin
        try:
            outline = Outline.around(np.stack([points @ forward, points @ left], 1))
        except ValueError:
            raise Unmeasurable("the plane of this measure does not cut the skin") from None
        return Section(outline, forward, left, edges[crossing])

    def between(self, front: FloatArray, back: FloatArray, axis: FloatArray) -> Section:
        """Section through two points along a lateral axis; forward is from back to front."""
        forward = unit_vector(front - back, "glabella and opisthocranion lie in one place")
        left = unit_vector(axis - forward * (axis @ forward), "the lateral axis runs along the head")
        return self.section(back, forward, left)

    @cached_property
    def go(self) -> Section:
        """Through glabella, opisthocranion and the lateral axis."""
        _ = self.up  # left and right are what they say
        return self.between(self.point("g"), self.point("op"), self.lateral)

    @cached_property
    def go_middle(self) -> Section:
        """The same with the midsagittal plane's normal as lateral axis (the reference's way)."""
        return self.between(self.point("g"), self.point("op"), self.middle)

    def level(self, height: float) -> Section:
        """Parallel to the zero plane, that many mm above it."""
        return self.section(self.origin + height * self.up, self.forward, self.lateral)

    @cached_property
    def ml(self) -> Section:
        """The level at which the outline is longest: a tape that looks for the largest circumference."""
        top = float(self.height_of(self.smooth[self.anatomy.skin]).max())
        if top <= 0:
            raise Unmeasurable("no skin lies above the plane of nasion and tragia")
        levels = np.linspace(0, TOP, LEVELS) * top
        lengths = [self.level(h).outline.perimeter for h in levels]
        best = int(np.argmax(lengths))
        low, high = float(levels[max(best - 1, 0)]), float(levels[min(best + 1, LEVELS - 1)])
        a, b = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        at_a, at_b = self.level(a).outline.perimeter, self.level(b).outline.perimeter
        while high - low > FINE:
            if at_a > at_b:
                high, b, at_b = b, a, at_a
                a = high - _GOLDEN * (high - low)
                at_a = self.level(a).outline.perimeter
            else:
                low, a, at_a = a, b, at_b
                b = low + _GOLDEN * (high - low)
                at_b = self.level(b).outline.perimeter
        found = self.level((low + high) / 2)
        edge = self.level(float(levels[best]))
        return edge if edge.outline.perimeter > found.outline.perimeter else found

    @cached_property
    def back(self) -> int:
        """The vertex of the vault, within `MIDDLE` mm of the midline, that lies farthest from glabella."""
        g = self.point("g")
        offset = self.smooth - g
        level = self.height_of(self.smooth)
        behind = offset @ self.forward
        depth = np.linalg.norm(offset, axis=1)
        near = (np.abs(offset @ self.lateral) < MIDDLE) & (level > 0) & (behind < -0.5 * depth)
        ids = self.anatomy.skin[near[self.anatomy.skin]]
        if not len(ids):
            raise Unmeasurable("the mesh has no back of the head")
        return int(ids[depth[ids].argmax()])

    def top(self, normal: FloatArray) -> FloatArray:
        """The highest point of the vault over a plane with `normal`: of a quadric fitted to the skin round it."""
        skin = self.anatomy.skin
        points = self.smooth[skin]
        first = points[int((points @ normal).argmax())]
        offset = points - first
        near = np.einsum("ij,ij->i", offset, offset) < 20.0**2
        offset = offset[near]
        u = unit_vector(np.cross(normal, self.lateral), "the plane is square to the head")
        w = np.cross(u, normal)
        x, y, h = offset @ u, offset @ w, offset @ normal
        design = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], 1)
        if len(x) < 12:
            return first
        c = np.linalg.lstsq(design, h, rcond=None)[0]
        curve = np.array([[2 * c[3], c[4]], [c[4], 2 * c[5]]])
        if curve[0, 0] >= 0 or np.linalg.det(curve) <= 0:
            return first
        at = -np.linalg.solve(curve, c[1:3])
        if np.abs(at).max() > 20:
            return first
        height = c[0] + c[1:3] @ at + at @ curve @ at / 2
        return first + at[0] * u + at[1] * w + height * normal


def unit_vector(vector: FloatArray, otherwise: str) -> FloatArray:
    """The unit vector; `Unmeasurable` with that reason where there is none."""
    length = float(np.linalg.norm(vector))
    if not length > 1e-9:
        raise Unmeasurable(otherwise + "; the planes of the head cannot be drawn")
    return vector / length
