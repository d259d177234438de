"""What a topology tells a measurer: where the landmarks, the ears, the face and the vault are, by our names or by the
reference's `indices` (facts F5 of its layout)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
from scipy.spatial import cKDTree

from inface._validate import BoolArray, FloatArray, IntArray
from inface.geometry.adjacency import border_edges, components, edges
from inface.geometry.deform import SmoothFill
from inface.template import Template
from inface.units import mm_per_unit

PATCH = 10.0  # mm about a landmark that must be seen for a measure from it
GAP = 5.0  # mm from a seen vertex within which the surface counts as seen

# our landmark -> the iBUG point that stands for it where only those are there
IBUG = {
    "n": 27, "prn": 30, "sn": 33, "al_r": 31, "al_l": 35, "ex_r": 36, "en_r": 39, "en_l": 42, "ex_l": 45, "ch_r": 48,
    "cph_r": 50, "ls": 51, "cph_l": 52, "ch_l": 54, "li": 57, "sto": 62, "sto_lower": 66, "pg": 8,
}  # fmt: skip
# our landmark -> the name it has among the reference's `indices`; several vertices are candidates, see `Head.point`
REFERENCE_POINTS = {
    "n": "nasion", "v": "head_top", "sn": "subnasale", "g": "glabella_possible_indices",
    "op": "opisthocranion_possible_indices", "prn": "pronasale_possible_indices",
}  # fmt: skip
# stem of our paired landmark -> names of the reference's `indices` that hold both sides, in any order
REFERENCE_PAIRS = {
    "t": ("ear_tragus_left", "ear_tragus_right"),
    "ex": ("left_eye_outer", "right_eye_outer"),
    "en": ("left_eye_inner", "right_eye_inner"),
    "ft": ("frontotemporal",),
    "os": ("supraorbital",),
    "tragion": ("tragion",),
    "or": ("orbital",),
}
# vertex numbers of the reference's head of 2025 (INCRAN), whose files bring no names: `measure(landmarks="incran")`
INCRAN: Mapping[str, tuple[int, ...]] = {
    "n": (3325,), "t_l": (2689,), "t_r": (1560,), "v": (3308,), "ft_l": (9715,), "ft_r": (10386,), "os_l": (2121,),
    "os_r": (3133,), "g": (3278, 3307, 3323, 3354, 3486, 3568, 9102, 9700, 9701, 10086, 10087),
    "op": (3305, 3312, 3318, 3319, 9078, 9083, 9084),
}  # fmt: skip
_BROWS = {"l": ("brow_l", "left_eyebrow_all"), "r": ("brow_r", "right_eyebrow_all")}
_STRAY = {"os_l": "ibug_24", "os_r": "ibug_19"}  # the highest point of the brow, over the pupil
BROW_PIECES = 5


@dataclass(frozen=True, eq=False)
class Anatomy:
    """A template with what measures need of it, all arrays of vertex ids.

    Attributes:
        template: the topology.
        marks: landmark -> its vertex, or several candidates.
        layout: "inface" (our landmark names) or "reference" (its `indices`).
        notes: what was decided on the way, in words.
    """

    template: Template
    marks: Mapping[str, IntArray]
    layout: str = "inface"
    notes: tuple[str, ...] = field(default=())

    @cached_property
    def vertices(self) -> FloatArray:
        """`(V, 3)` mm: the template's shape, made even by its mirror pairs where it has them."""
        own = self.template.mesh.vertices * mm_per_unit(self.template.unit)
        mirror = self.template.mirror
        return own if mirror is None else (own + own[mirror] * [-1, 1, 1]) / 2

    @cached_property
    def triangles(self) -> IntArray:
        """`(T, 3)` of the skin: the largest connected piece (no eyeballs, no palate)."""
        every = self.template.mesh.triangles
        _, label = components(every, len(self.vertices))
        counts = np.bincount(label[every[:, 0]]) if len(every) else np.zeros(1)
        return every[label[every[:, 0]] == counts.argmax()]

    @cached_property
    def edges(self) -> IntArray:
        """`(E, 2)` of the skin."""
        return edges(self.triangles)

    @cached_property
    def rim(self) -> IntArray:
        """Vertices on an open border of the skin; a border of no length (doubled vertices of a pole) is none."""
        pairs = border_edges(self.triangles)
        length = np.linalg.norm(self.vertices[pairs[:, 0]] - self.vertices[pairs[:, 1]], axis=1)
        return np.unique(pairs[length > 1e-6])

    def region(self, *names: str) -> IntArray:
        """Ascending ids of the first of these regions that the template has; empty when none."""
        for name in names:
            ids = self.template.regions.get(name)
            if ids is not None and len(ids):
                return np.unique(np.asarray(ids))
        return np.zeros(0, np.int64)

    @cached_property
    def ears(self) -> IntArray:
        """What is replaced by a smooth fill before the vault is measured."""
        return self.region("ears")

    @cached_property
    def fill(self) -> SmoothFill:
        """Smooth fills over the whole mesh; factors are kept."""
        return SmoothFill(len(self.vertices), self.template.mesh.triangles)

    @cached_property
    def face(self) -> IntArray:
        """The face less lips, lids, eyes and chin, which move: what its midline is found by."""
        moving = [self.region(name) for name in ("lips", "lids", "eyes", "chin", "mouth_inside")]
        own = self.region("face")
        own = own if len(own) else np.arange(len(self.vertices))
        return np.setdiff1d(own, np.concatenate([*moving, self.ears]))

    @cached_property
    def vault(self) -> IntArray:
        """The cranium without the ears; empty when the template names none."""
        return np.setdiff1d(self.region("cranium", "scalp_noneck", "scalp"), self.ears)

    @cached_property
    def midline(self) -> IntArray:
        """The reference's vertices on the midline, to which it fits its middle plane."""
        return self.region("nasion_plane_line")

    @cached_property
    def brows(self) -> dict[str, list[IntArray]]:
        """Side ("l", "r") -> the brow's vertices in `BROW_PIECES` pieces from the middle outwards."""
        out = {}
        for side, names in _BROWS.items():
            ids = self.region(*names)
            if len(ids) >= BROW_PIECES:
                order = np.argsort(np.abs(self.vertices[ids, 0]), kind="stable")
                out[side] = np.array_split(ids[order], BROW_PIECES)
        return out

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.vertices)

    def patch(self, mark: str) -> IntArray:
        """Vertices within `PATCH` mm of a landmark on the template, on the skin."""
        ids = self.marks.get(mark)
        if ids is None:
            return np.zeros(0, np.int64)
        near = self._tree.query_ball_point(self.vertices[ids], PATCH)
        return np.intersect1d(np.concatenate([np.asarray(n, np.int64) for n in near]), self.skin)

    def about(self, seen: BoolArray) -> BoolArray:
        """`(V,)` True within `GAP` mm of a vertex that was seen: folds, lashes and nostrils hide vertices among seen
        ones, and the skin there is known all the same."""
        if not seen.any():
            return seen
        distance = cKDTree(self.vertices[seen]).query(self.vertices, distance_upper_bound=GAP)[0]
        return np.asarray(np.isfinite(distance))

    @cached_property
    def skin(self) -> IntArray:
        """Vertices that a camera can see: used by the skin and not inside the mouth."""
        used = np.unique(self.triangles)
        return np.setdiff1d(used, np.concatenate([self.region("mouth_inside"), self.region("mouth")]))


@lru_cache(maxsize=16)
def anatomy_of(template: Template, layout: str | None = None) -> Anatomy:
    """The anatomy of a template, by its landmarks, else by the reference's `indices`.

    `layout="incran"` takes the vertex numbers of the reference's head of 2025, whose files name nothing; a template
    with fewer vertices is refused with a `ValueError`.
    """
    count = len(template.mesh.vertices)
    if layout == "incran":
        needed = max(max(ids) for ids in INCRAN.values()) + 1
        if count < needed:
            raise ValueError(
                f"landmarks='incran': that head has more than {needed} vertices, this mesh has {count}; "
                "give landmarks by name instead"
            )
        marks = {name: np.array(ids) for name, ids in INCRAN.items()}
        return _sided(template, marks)
    if layout is not None:
        raise ValueError(f"landmarks: expected points by name or 'incran', got '{layout}'")
    marks = {name: np.array([index]) for name, index in template.landmarks.items()}
    for name, number in IBUG.items():
        if name not in marks and f"ibug_{number:02d}" in marks:
            marks[name] = marks[f"ibug_{number:02d}"]
    for name, other in _STRAY.items():
        if name not in marks and other in marks:
            marks[name] = marks[other]
    for stem in ("", "_l", "_r"):
        if f"or{stem}" not in marks and f"pi{stem}" in marks:
            marks[f"or{stem}"] = marks[f"pi{stem}"]
    regions = template.regions
    if "g" in marks or not {"nasion", "ear_tragus_left", "ear_tragus_right"} & set(regions):
        return Anatomy(template, marks)
    for name, other in REFERENCE_POINTS.items():
        if name not in marks and other in regions and len(regions[other]):
            marks[name] = np.asarray(regions[other]).reshape(-1)
    for stem, names in REFERENCE_PAIRS.items():
        ids = [int(i) for name in names if name in regions for i in np.asarray(regions[name]).reshape(-1)]
        if len(ids) == 2 and f"{stem}_l" not in marks:
            marks[f"{stem}_l"], marks[f"{stem}_r"] = np.array(ids[:1]), np.array(ids[1:])
    return _sided(template, marks)


def _sided(template: Template, marks: dict[str, IntArray]) -> Anatomy:
    """The reference's pairs with left and right told by where they lie on the mean, not by their order or name."""
    notes = []
    v = np.asarray(template.mesh.vertices, np.float64)
    if {"n", "t_l", "t_r", "v"} <= set(marks):
        place = {name: v[ids].mean(0) for name, ids in marks.items()}
        middle = (place["t_l"] + place["t_r"]) / 2
        left = np.cross(place["v"] - middle, place["n"] - middle)
        for name in [name for name in marks if name.endswith("_l")]:
            other = name[:-1] + "r"
            if other in marks and (place[name] - place[other]) @ left < 0:
                marks[name], marks[other] = marks[other], marks[name]
                notes.append(f"{name[:-2]}: left and right of the file are taken by their place, which is the opposite")
    return Anatomy(template, marks, "reference", tuple(notes))
