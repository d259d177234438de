"""The frozen triangle mesh: vertices, triangles, colours, landmarks."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from inface import _validate, codecs
from inface._validate import FloatArray, IntArray
from inface.codecs.mesh_html import turning_html
from inface.compat import MeshNames
from inface.geometry import adjacency
from inface.landmarks import LandmarkSet, SurfaceAnchors


@dataclass(frozen=True)
class MeshInfo:
    """What `Mesh.info` tells; scans have flaws, and here they are counted.

    Attributes:
        vertices: their number.
        triangles: their number.
        unknown_vertices: vertices with a NaN coordinate.
        unused_vertices: vertices of no triangle.
        zero_area_triangles: no area to speak of (1e-12 of the squared extent) but three different, known vertices.
        repeated_index_triangles: one vertex named more than once.
        components: connected pieces, unused vertices not counted.
        border_loops: closed borders; 0 for a closed surface.
        size: extent along x, y, z in the unit of the mesh; NaN when no vertex is known.
        unit: "mm", "cm" or "m", guessed from the size as that of a head or face; "" when it fits none.
        colors: whether there are any.
        landmarks: their number.
        correspondence: False when the file format lost the identity of the vertices (STL).
    """

    vertices: int
    triangles: int
    unknown_vertices: int
    unused_vertices: int
    zero_area_triangles: int
    repeated_index_triangles: int
    components: int
    border_loops: int
    size: tuple[float, float, float]
    unit: str
    colors: bool
    landmarks: int
    correspondence: bool

    def as_dict(self) -> dict[str, Any]:
        """The same as a plain dictionary."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Mesh(MeshNames):
    """A triangle mesh, or a bare point cloud (no triangles); every operation returns a new one, arrays are read-only.

    Attributes:
        vertices: `(V, 3)` float64; NaN marks an unknown vertex.
        triangles: `(T, 3)` int32, counter-clockwise seen from outside; repeated indices are allowed (scans).
        colors: `(V, 3)` float64 in [0, 1], sRGB, or None.
        landmarks: named points in the mesh's frame, or None. A `(L, 3)` array is named "0", "1", ...
        correspondence: False for a mesh whose vertex order means nothing (read from STL); models refuse it.

    Raises:
        ValueError: wrong shapes, or a triangle index outside the vertices.

    Examples:
        >>> from inface import Mesh
        >>> Mesh([[0, 0, 0], [90, 0, 0], [0, 90, 0]], [[0, 1, 2]], colors=[[1, 0, 0]] * 3)
        Mesh(3 vertices, 1 triangles, colours)
    """

    vertices: FloatArray
    triangles: IntArray
    colors: FloatArray | None = None
    landmarks: LandmarkSet | None = None
    correspondence: bool = True

    def __init__(
        self,
        vertices: ArrayLike,
        triangles: ArrayLike,
        colors: ArrayLike | None = None,
        landmarks=None,
        *,
        correspondence: bool = True,
    ) -> None:
        points = _validate.floats("vertices", np.zeros((0, 3)) if np.size(vertices) == 0 else vertices, (None, 3))
        if points.ndim != 2:
            raise ValueError(f"vertices: expected shape (V, 3), got {points.shape}")
        if np.isinf(points).any():
            raise ValueError("vertices: expected finite numbers or NaN (unknown), got infinite values")
        if colors is not None:
            given = colors
            colors = _validate.finite("colors", _validate.floats("colors", colors, (len(points), 3)))
            if colors.ndim != 2:
                raise ValueError(f"colors: expected shape ({len(points)}, 3), got {colors.shape}")
            if colors.size and (colors.min() < 0 or colors.max() > 1):
                raise ValueError(f"colors: expected numbers in [0, 1], got {colors.min():g} to {colors.max():g}")
            colors = _validate.frozen(colors, given)
        if landmarks is not None and not isinstance(landmarks, LandmarkSet):
            if hasattr(landmarks, "items"):
                landmarks = LandmarkSet.of(landmarks)
            else:
                rows = _validate.floats("landmarks", landmarks, (None, 3)) if np.size(landmarks) else np.zeros((0, 3))
                landmarks = LandmarkSet(tuple(str(i) for i in range(len(rows))), rows)
        corners = _validate.triangles("triangles", triangles, len(points))
        object.__setattr__(self, "vertices", _validate.frozen(points, vertices))
        object.__setattr__(self, "triangles", _validate.frozen(corners, triangles))
        object.__setattr__(self, "colors", colors)
        object.__setattr__(self, "landmarks", landmarks)
        object.__setattr__(self, "correspondence", bool(correspondence))

    def with_vertices(self, vertices: ArrayLike) -> Mesh:
        """The same mesh with its vertices moved to `(V, 3)`; the landmarks move with the surface they sit on.

        See `SurfaceAnchors` for how. A landmark whose surface is unknown (NaN) afterwards becomes undefined (NaN).

        Examples:
            >>> from inface import Mesh
            >>> mesh = Mesh([[0, 0, 0], [90, 0, 0], [0, 90, 0]], [[0, 1, 2]], landmarks={"n": [30, 30, 0]})
            >>> mesh.with_vertices(mesh.vertices + 5).landmarks["n"].tolist()
            [35.0, 35.0, 5.0]
        """
        moved = Mesh(vertices, self.triangles, self.colors, correspondence=self.correspondence)
        if len(moved.vertices) != len(self.vertices):
            raise ValueError(f"vertices: expected shape ({len(self.vertices)}, 3), got {moved.vertices.shape}")
        if self.landmarks is None:
            return moved
        return moved.with_landmarks(self.landmarks.with_points(self._anchors.follow(moved.vertices)))

    def with_colors(self, colors: ArrayLike | None) -> Mesh:
        """The same mesh in other colours."""
        return Mesh(self.vertices, self.triangles, colors, self.landmarks, correspondence=self.correspondence)

    def with_landmarks(self, landmarks) -> Mesh:
        """The same mesh with other landmarks."""
        return Mesh(self.vertices, self.triangles, self.colors, landmarks, correspondence=self.correspondence)

    @cached_property
    def _anchors(self) -> SurfaceAnchors:
        assert self.landmarks is not None
        return SurfaceAnchors.of(self.landmarks.points, self.vertices, self.triangles)

    @cached_property
    def vertex_normals(self) -> FloatArray:
        """Unit normals `(V, 3)`, weighted by area; zero where no proper triangle is."""
        return adjacency.vertex_normals(self.vertices, self.triangles)

    def __repr__(self) -> str:
        unknown = int((~np.isfinite(self.vertices).all(1)).sum())
        parts = [f"{len(self.vertices)} vertices" + (f" ({unknown} unknown)" if unknown else "")]
        parts.append(f"{len(self.triangles)} triangles")
        parts += ["colours"] if self.colors is not None else []
        parts += [f"{len(self.landmarks)} landmarks"] if self.landmarks else []
        return f"Mesh({', '.join(parts)})"

    def _repr_html_(self) -> str:
        """The mesh, turning, in a notebook."""
        return turning_html(self, repr(self))

    def info(self) -> MeshInfo:
        """Counts, flaws, size and likely unit."""
        known = np.asarray(np.isfinite(self.vertices).all(1))
        a, b, c = self.triangles.T
        repeated = (a == b) | (b == c) | (a == c)
        proper = self.triangles[known[self.triangles].all(1) & ~repeated]
        areas = adjacency.triangle_areas(self.vertices, proper)
        edges = np.ptp(self.vertices[proper], axis=1).max(1, initial=0)
        used = adjacency.referenced(self.triangles, len(self.vertices))
        _, labels = adjacency.components(self.triangles, len(self.vertices))
        size = np.ptp(self.vertices[known], axis=0) if known.any() else np.full(3, np.nan)
        return MeshInfo(
            vertices=len(self.vertices),
            triangles=len(self.triangles),
            unknown_vertices=int((~known).sum()),
            unused_vertices=int((~used).sum()),
            zero_area_triangles=int((areas <= 1e-12 * edges**2).sum()),
            repeated_index_triangles=int(repeated.sum()),
            components=len(np.unique(labels[used])),
            border_loops=len(adjacency.border_loops(self.triangles[~repeated])),
            size=(float(size[0]), float(size[1]), float(size[2])),
            unit=_likely_unit(float(size.max())),
            colors=self.colors is not None,
            landmarks=len(self.landmarks or ()),
            correspondence=self.correspondence,
        )

    @classmethod
    def load(cls, path: str | Path) -> Mesh:
        """Read a mesh file (PLY, OBJ, STL, OFF, GLB, VTK, VTP, JSON); vertex order and count are kept.

        The contents decide on the format before the suffix does. Textures of OBJ, PLY and GLB become colours of the
        vertices (Pillow reads them). What the file holds and a mesh does not is said in a `FileWarning`.

        Raises:
            FormatError: unknown suffix, or damaged contents.
            FileNotFoundError: there is no such file.

        Examples:
            >>> from inface import Mesh
            >>> Mesh([[0, 0, 0], [90, 0, 0], [0, 90, 0]], [[0, 1, 2]]).export("anna.ply")
            >>> Mesh.load("anna.ply")
            Mesh(3 vertices, 1 triangles)
        """
        data = codecs.read_mesh(path)
        landmarks = None if data.landmarks is None else LandmarkSet.of(data.landmarks)
        return cls(data.vertices, data.triangles, data.colors, landmarks, correspondence=data.correspondence)

    def export(self, path: str | Path) -> None:
        """Write the mesh; the suffix (any case) names the format, also 3MF for printers. The write is atomic.

        PLY, OBJ, OFF, VTK, VTP and JSON keep positions bit for bit, GLB as float32; PLY, VTK and VTP round colours to
        1/255. OFF, VTK, VTP and 3MF drop landmarks, STL keeps nothing but the triangles' corners.

        Raises:
            FormatError: unknown suffix, NaN vertices where the format can't hold them (GLB, STL, 3MF), or a mesh so far
                from the origin that STL would move it.
            FileAccessError: the place can't be written.

        Examples:
            >>> from inface import Mesh
            >>> mesh = Mesh([[0, 0, 0], [90, 0, 0], [0, 90, 0]], [[0, 1, 2]])
            >>> mesh.export("for the printer.3mf")
            >>> mesh.export("anna.glb")
        """
        codecs.write_mesh(path, self)

    def show(self) -> None:
        """Show the mesh in the browser; raises `MissingDependencyError` without the extra `viewer`."""
        self.show_multiple_meshes(self)

    @staticmethod
    def show_multiple_meshes(*meshes: Mesh) -> None:
        """Show several meshes together in the browser."""
        from inface import viewer

        viewer.show(meshes)


def _likely_unit(extent: float) -> str:
    """Unit in which `extent` is the largest side of a head or face (3 to 100 cm)."""
    for unit, low, high in (("mm", 35, 1000), ("cm", 3, 35), ("m", 0.03, 1)):
        if low <= extent < high:
            return unit
    return ""
