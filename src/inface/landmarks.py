"""Landmarks by name, never by order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inface._validate import FloatArray, IntArray, floats, frozen
from inface.codecs.landmark_files import read_landmark_file, write_landmark_file


@dataclass(frozen=True, eq=False)
class LandmarkSet(Mapping[str, FloatArray]):
    """Named points `(L, 3)` in the unit and frame of the mesh they belong to; NaN marks an undefined point.

    Paired landmarks end in `_l` / `_r`, the subject's side.

    Examples:
        >>> from inface import LandmarkSet
        >>> LandmarkSet(("n", "prn"), [[0.5, 40, 80], [1.5, 20, 100]])["prn"].tolist()
        [1.5, 20.0, 100.0]
    """

    names: tuple[str, ...]
    points: FloatArray

    def __post_init__(self) -> None:
        names = tuple(str(n) for n in self.names)
        if len(set(names)) != len(names):
            twice = sorted({n for n in names if names.count(n) > 1})
            raise ValueError(f"landmarks: the name '{twice[0]}' stands more than once; names must be unique")
        points = floats("landmarks", self.points if len(names) else np.zeros((0, 3)), (len(names), 3))
        object.__setattr__(self, "names", names)
        if np.isinf(points).any():
            raise ValueError("landmarks: expected finite numbers or NaN (undefined), got infinite values")
        object.__setattr__(self, "points", frozen(points, self.points))

    def __repr__(self) -> str:
        undefined = int((~np.isfinite(self.points).all(1)).sum())
        names = ", ".join(self.names[:6]) + (", ..." if len(self.names) > 6 else "")
        count = f"{len(self.names)} points" + (f", {undefined} undefined" if undefined else "")
        return f"LandmarkSet({count}{': ' if names else ''}{names})"

    def __getitem__(self, name: str) -> FloatArray:
        if name not in self.names:
            raise KeyError(f"no landmark '{name}'; there are: {', '.join(self.names) or 'none'}")
        return self.points[self.names.index(name)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def of(cls, points: Mapping[str, FloatArray]) -> LandmarkSet:
        """From a mapping of name to point."""
        return cls(tuple(points), np.array(list(points.values()), float).reshape(len(points), 3))

    def with_points(self, points: FloatArray) -> LandmarkSet:
        """The same names at other places."""
        return LandmarkSet(self.names, points)

    @classmethod
    def load(cls, path: str | Path) -> LandmarkSet:
        """Read a landmark file of any known kind; the suffix names the kind.

        CSV and other tables (columns by their header), iBUG and IDAV Landmark `.pts`, MeshLab `.pp`, 3D Slicer `.fcsv`
        and `.mrk.json`, Scalismo `.json`, `.tps`, NTsys `.dta` and `.nts`. Points keep the unit and frame of the file,
        but for a stated unit, which becomes millimetres, and patient RAS, which becomes LPS, the frame of the meshes
        that Slicer writes.

        Raises:
            FormatError: an unknown suffix, damaged contents, a name that stands twice, or a table that can be read in
                two ways.
            FileNotFoundError: there is no such file.

        Examples:
            >>> from inface import LandmarkSet
            >>> LandmarkSet(("n", "prn"), [[0.5, 40, 80], [1.5, 20, 100]]).save("anna.csv")
            >>> LandmarkSet.load("anna.csv")["prn"].tolist()
            [1.5, 20.0, 100.0]
        """
        return cls.of(read_landmark_file(path))

    def save(self, path: str | Path) -> None:
        """Write a landmark file; the suffix names the kind, as in `load`. The write is atomic.

        Points are written as they are. Slicer's kinds state LPS and millimetres; the others state neither frame nor
        unit. `.fcsv` and Scalismo's `.json` leave undefined points out, `.dta` and `.nts` lose the names.

        Raises:
            FormatError: an unknown suffix, or a name that the kind cannot hold.
            FileAccessError: the place can't be written.
        """
        write_landmark_file(path, self)


@dataclass(frozen=True, eq=False)
class SurfaceAnchors:
    """How points sit on a mesh, so that they can follow when its vertices move.

    Each point is written in the frame of one triangle beside it (two edges and the normal), so points move exactly
    with any similarity of the whole mesh, keep their height over the surface, and shear with it. Without a proper
    triangle beside it, a point moves with the nearest vertex.

    Attributes:
        corners: `(L, 3)` vertex ids of the triangle; the nearest vertex three times where there is none; -1 where the
            point is undefined or the mesh has no known vertex.
        coordinates: `(L, 3)` along both edges and the normal; where there is no triangle, the offset from the vertex.
    """

    corners: IntArray
    coordinates: FloatArray

    @classmethod
    def of(cls, points: FloatArray, vertices: FloatArray, triangles: IntArray) -> SurfaceAnchors:
        """Anchor points `(L, 3)` to the known (not NaN) part of a mesh."""
        corners = np.full((len(points), 3), -1)
        coordinates = np.full((len(points), 3), np.nan)
        known = np.flatnonzero(np.isfinite(vertices).all(1))
        for i, point in enumerate(points):
            if not (len(known) and np.isfinite(point).all()):
                continue
            nearest = known[((vertices[known] - point) ** 2).sum(1).argmin()]
            around = triangles[(triangles == nearest).any(1)]
            frames = _frames(vertices, around)
            proper = np.isfinite(frames).all((1, 2))
            around, frames = around[proper], frames[proper]
            sizes = np.abs(np.linalg.det(frames)) if len(frames) else np.zeros(0)
            around, frames = around[sizes > 0], frames[sizes > 0]
            if len(around):
                inside = np.linalg.solve(frames, (point - vertices[around[:, 0]])[:, :, None])[:, :, 0]
                # how far outside the triangle, in edge lengths: 0 for the one the point lies over
                outside = np.maximum(0, -inside[:, 0]) + np.maximum(0, -inside[:, 1])
                outside += np.maximum(0, inside[:, 0] + inside[:, 1] - 1) + 1e-9 * np.abs(inside[:, 2])
                best = outside.argmin()
                corners[i], coordinates[i] = around[best], inside[best]
            else:
                corners[i], coordinates[i] = nearest, point - vertices[nearest]
        return cls(corners, coordinates)

    def follow(self, vertices: FloatArray) -> FloatArray:
        """The points `(L, 3)` on the moved mesh; NaN where they were undefined or their surface is unknown now."""
        out = np.full(self.coordinates.shape, np.nan)
        for i, (corners, inside) in enumerate(zip(self.corners, self.coordinates, strict=True)):
            if corners[0] < 0:
                continue
            on_vertex = corners[0] == corners[1]
            frame = np.eye(3) if on_vertex else _frames(vertices, corners[None])[0]
            out[i] = vertices[corners[0]] + frame @ inside
        return out


def _frames(vertices: FloatArray, triangles: IntArray) -> FloatArray:
    """`(T, 3, 3)`: as columns both edges from the first corner, and the normal, of length sqrt(twice the area)."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    length = np.sqrt(np.linalg.norm(normal, axis=1, keepdims=True))
    normal = np.divide(normal, length, out=np.zeros_like(normal), where=length > 0)
    return np.stack([b - a, c - a, normal], 2)
