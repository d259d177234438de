"""What of a mesh can be drawn: known vertices, their triangles, smooth normals."""

from collections.abc import Mapping, Sequence

import numpy as np

from inface._validate import BoolArray, FloatArray, IntArray
from inface.mesh import Mesh

Meshes = Mesh | Sequence[Mesh] | Mapping[str, Mesh]


def named(meshes: Meshes) -> dict[str, Mesh]:
    """One mesh, several, or named ones, as a dictionary of name to mesh."""
    if isinstance(meshes, Mesh):
        return {"mesh": meshes}
    if isinstance(meshes, Mapping):
        return dict(meshes)
    return {f"mesh {i + 1}": mesh for i, mesh in enumerate(meshes)}


def known_vertices(mesh: Mesh) -> BoolArray:
    """`(V,)`: the vertices without NaN."""
    return np.asarray(np.isfinite(mesh.vertices).all(axis=1), bool)


def drawable(mesh: Mesh, name: str = "mesh") -> tuple[FloatArray, IntArray]:
    """Vertices `(V, 3)` without NaN, and the triangles `(T', 3)` whose corners are known.

    Unknown vertices keep their number and stand in the middle, where no triangle uses them. Raises `ValueError` when
    no vertex is known.
    """
    known = known_vertices(mesh)
    if not known.any():
        raise ValueError(f"mesh '{name}': no vertex is known, so there is nothing to show")
    if known.all():
        return mesh.vertices, mesh.triangles
    vertices = np.where(known[:, None], mesh.vertices, mesh.vertices[known].mean(axis=0))
    return vertices, mesh.triangles[known[mesh.triangles].all(axis=1)]


def vertex_normals(vertices: FloatArray, triangles: IntArray) -> FloatArray:
    """Area-weighted unit normals `(V, 3)`; zero where no triangle is."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    areas = np.repeat(np.cross(b - a, c - a), 3, axis=0)
    corners = triangles.ravel()
    sums = np.stack([np.bincount(corners, areas[:, k], len(vertices)) for k in range(3)], 1)
    return sums / np.maximum(np.linalg.norm(sums, axis=1), 1e-30)[:, None]
