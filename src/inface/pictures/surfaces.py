"""What of a mesh can be drawn: known vertices and their triangles."""

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
