"""One topology as one object: mesh, landmarks, regions, mirror pairs, unit, and the hash that names it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from inface._validate import IntArray
from inface.codecs.mesh_html import turning_html
from inface.mesh import Mesh

# regions that lie inside the head: a camera may look into them, but they are no outer skin and match no scan
INSIDE = ("mouth_inside", "mouth")


def topology_hash(vertex_count: int, triangles: IntArray) -> str:
    """Name of a topology: the same for any order of the triangles and any rotation of their corners.

    Reversed winding gives another hash, so that an inside-out mesh can be told by hashing `triangles[:, ::-1]`.
    """
    corners = np.asarray(triangles, np.int64)
    start = corners.argmin(1)
    rows = np.arange(len(corners))
    rolled = np.stack([corners[rows, (start + k) % 3] for k in range(3)], 1)
    ordered = rolled[np.lexsort(rolled.T[::-1])]
    digest = hashlib.sha256(f"{vertex_count}:".encode() + ordered.astype("<i4").tobytes())
    return digest.hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class Template:
    """A mesh that others correspond to, with what is known of its vertices.

    Attributes:
        mesh: the template's own shape, `(V, 3)` in `unit`, x to the subject's left, y up, z forward.
        landmarks: name -> vertex id. Paired landmarks end in `_l` / `_r` (the subject's side).
        regions: name -> ascending vertex ids.
        mirror: `(V,)` id of each vertex's partner on the other side, or None when unknown.
        unit: "mm", "cm" or "m".

    Examples:
        >>> import numpy as np
        >>> from inface import Mesh, Template
        >>> sheet = Mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])
        >>> infant = Template(sheet, {"corner": 1}, {"edge": np.array([0, 1])})
        >>> infant.landmarks["corner"], infant.unit
        (1, 'mm')
    """

    mesh: Mesh
    landmarks: Mapping[str, int] = field(default_factory=dict)
    regions: Mapping[str, IntArray] = field(default_factory=dict)
    mirror: IntArray | None = None
    unit: str = "mm"

    def __repr__(self) -> str:
        mesh = self.mesh
        return (
            f"Template({len(mesh.vertices)} vertices, {len(mesh.triangles)} triangles, "
            f"{len(self.landmarks)} landmarks, {len(self.regions)} regions, {self.unit})"
        )

    def _repr_html_(self) -> str:
        """The template's mesh, turning, in a notebook."""
        return turning_html(self.mesh, repr(self))

    def __post_init__(self) -> None:
        count = len(self.mesh.vertices)
        for name, index in self.landmarks.items():
            if not 0 <= index < count:
                raise ValueError(f"landmark '{name}': vertex {index} outside [0, {count})")
        for name, ids in self.regions.items():
            if len(ids) and not (np.min(ids) >= 0 and np.max(ids) < count):
                raise ValueError(f"region '{name}': a vertex index lies outside [0, {count})")
        if self.mirror is not None and (
            len(self.mirror) != count or np.min(self.mirror, initial=0) < 0 or np.max(self.mirror, initial=-1) >= count
        ):
            raise ValueError(f"mirror: expected {count} vertex ids inside [0, {count})")
        if self.mirror is not None and not np.array_equal(self.mirror[self.mirror], np.arange(count)):
            raise ValueError("mirror: the partner of a vertex's partner must be the vertex itself")

    @cached_property
    def hash(self) -> str:
        """Hash of the topology; see `topology_hash`."""
        return topology_hash(len(self.mesh.vertices), self.mesh.triangles)
