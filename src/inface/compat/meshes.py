"""The reference's names on meshes. Meshes are frozen here: what changes one returns a new one."""

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse


class MeshNames:
    """Names of the reference on a mesh with `vertices`, `triangles`, `colors`, `with_vertices` and `with_colors`."""

    vertices: Any
    triangles: Any
    colors: Any

    def get_vertices(self, copy: bool = True) -> NDArray:
        """`vertices`, as an array that may be written to unless `copy` is False."""
        return self.vertices.copy() if copy else self.vertices

    def get_triangles(self, copy: bool = False) -> NDArray:
        """`triangles`."""
        return self.triangles.copy() if copy else self.triangles

    get_faces = get_triangles

    def get_colors(self, copy: bool = False) -> NDArray | None:
        """`colors`, or None."""
        return self.colors.copy() if copy and self.colors is not None else self.colors

    def has_colors(self) -> bool:
        """Whether there are `colors`."""
        return self.colors is not None

    def get_copy(self) -> Any:
        """The mesh itself: it is frozen, so no one can change it under another's hands."""
        return self

    def get_number_of_vertices(self) -> int:
        """`len(vertices)`."""
        return len(self.vertices)

    def get_number_of_triangles(self) -> int:
        """`len(triangles)`."""
        return len(self.triangles)

    get_num_vertices = get_number_of_vertices
    get_num_triangles = get_number_of_triangles

    def get_edges_unique(self) -> NDArray:
        """Each edge once, `(E, 2)`, the smaller vertex first, in order."""
        pairs = np.concatenate([self.triangles[:, [i, j]] for i, j in ((0, 1), (1, 2), (2, 0))])
        pairs = np.sort(pairs, axis=1)
        return np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)

    def get_adjacency_matrix(self) -> sparse.csc_matrix:
        """`(V, V)` sparse, 1 where two vertices share an edge."""
        a, b = self.get_edges_unique().T
        ones = np.ones(2 * len(a), np.int8)
        shape = (len(self.vertices), len(self.vertices))
        return sparse.csc_matrix((ones, (np.concatenate([a, b]), np.concatenate([b, a]))), shape=shape)

    def smooth_laplacian(self, num_iterations: int, lambda_fact: float = 0.5, indices: ArrayLike | None = None) -> Any:
        """The mesh after steps of `v + lambda_fact * (mean of its neighbours - v)` on all vertices, or on `indices`.

        A vertex without neighbours stays. Raises `ValueError` for a factor outside (0, 1], where steps do not settle.
        """
        if not 0 < lambda_fact <= 1:
            raise ValueError(f"lambda_fact: expected a number in (0, 1], got {lambda_fact}")
        neighbours = sparse.csr_matrix(self.get_adjacency_matrix(), dtype=np.float64)
        degree = np.asarray(neighbours.sum(1)).reshape(-1)
        moving = np.zeros(len(self.vertices), bool)
        moving[slice(None) if indices is None else np.asarray(indices)] = True
        moving &= degree > 0
        points = self.vertices.copy()
        for _ in range(num_iterations):
            means = (neighbours @ points)[moving] / degree[moving, None]
            points[moving] += lambda_fact * (means - points[moving])
        return self.with_vertices(points)  # type: ignore[attr-defined]

    def remove_vertices(self, indices: ArrayLike) -> Any:
        """The mesh without these vertices (indices, or a mask) and the triangles at them; the others keep their order.

        Landmarks stay where they are.
        """
        gone = np.zeros(len(self.vertices), bool)
        gone[np.asarray(indices)] = True
        place = np.cumsum(~gone) - 1
        kept = self.triangles[~gone[self.triangles].any(1)]
        return type(self)(  # type: ignore[call-arg]
            self.vertices[~gone],
            place[kept],
            None if self.colors is None else self.colors[~gone],
            self.landmarks,  # type: ignore[attr-defined]
            correspondence=self.correspondence,  # type: ignore[attr-defined]
        )

    def get_volume(self) -> float:
        """Volume inside a closed mesh, in cubed units of the mesh; of an open one, that of the cone to the origin."""
        a, b, c = (self.vertices[self.triangles[:, k]] for k in range(3))
        return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)

    def transform(self, transform_mat: ArrayLike, in_place: bool = False, invert: bool = False) -> Any:
        """The mesh under a matrix `(3, 3)` or `(4, 4)`; a mirror turns the triangles, so that normals still point out.

        Meshes are frozen, so this one does not change: `in_place=True` is refused.
        """
        if in_place:
            raise ValueError("in_place: a mesh is frozen here; write mesh = mesh.transform(matrix)")
        given = np.asarray(transform_mat, float)
        if given.shape not in ((3, 3), (4, 4)):
            raise ValueError(f"transform_mat: expected shape (3, 3) or (4, 4), got {given.shape}")
        matrix: NDArray = np.eye(4)
        matrix[: len(given), : len(given)] = given
        if invert:
            matrix = np.linalg.inv(matrix)
        move = matrix[:3, :3], matrix[:3, 3]
        landmarks = self.landmarks  # type: ignore[attr-defined]
        if landmarks is not None:
            landmarks = landmarks.with_points(landmarks.points @ move[0].T + move[1])
        turn = -1 if np.linalg.det(move[0]) < 0 else 1
        return type(self)(  # type: ignore[call-arg]
            self.vertices @ move[0].T + move[1],
            self.triangles[:, ::turn],
            self.colors,
            landmarks,
            correspondence=self.correspondence,  # type: ignore[attr-defined]
        )

    def align_procrustes(self, target: Any, scale: bool = False, indices: ArrayLike | None = None) -> Any:
        """The mesh moved rigidly (with `scale`: by a similarity) to fit a mesh or points in correspondence.

        Args:
            target: a mesh, or points `(V, 3)`; where `indices` are given, also points for these alone.
            scale: whether the size may change.
            indices: vertices that the fit looks at; None: all.

        The optimal rotation is that of [kabsch1976]; a mirror image is never an answer.
        """
        goal = np.asarray(getattr(target, "vertices", target), float)
        rows = np.arange(len(self.vertices)) if indices is None else np.asarray(indices)
        source = self.vertices[rows]
        if len(goal) != len(source):
            goal = goal[rows]
        middle, wanted = source.mean(0), goal.mean(0)
        u, spread, vt = np.linalg.svd((source - middle).T @ (goal - wanted))
        sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
        rotation = (vt.T * sign) @ u.T
        factor = float((spread * sign).sum() / ((source - middle) ** 2).sum()) if scale else 1.0
        matrix = np.eye(4)
        matrix[:3, :3] = factor * rotation
        matrix[:3, 3] = wanted - factor * rotation @ middle
        return self.transform(matrix)

    def get_trimesh_mesh(self) -> Any:
        """The mesh as a `trimesh.Trimesh`, vertices in their order."""
        return _package("trimesh").Trimesh(self.vertices, self.triangles, process=False)

    @classmethod
    def get_from_trimesh_mesh(cls, trimesh_mesh: Any) -> Any:
        """A mesh of a `trimesh.Trimesh`."""
        return cls(np.asarray(trimesh_mesh.vertices), np.asarray(trimesh_mesh.faces))  # type: ignore[call-arg]

    def get_open3d_mesh(self, compute_normals: bool = False) -> Any:
        """The mesh as an `open3d.geometry.TriangleMesh`."""
        open3d = _package("open3d")
        mesh = open3d.geometry.TriangleMesh(
            open3d.utility.Vector3dVector(self.vertices), open3d.utility.Vector3iVector(self.triangles)
        )
        if self.colors is not None:
            mesh.vertex_colors = open3d.utility.Vector3dVector(self.colors)
        if compute_normals:
            mesh.compute_vertex_normals()
        return mesh

    @classmethod
    def get_from_open3d_mesh(cls, open3d_mesh: Any) -> Any:
        """A mesh of an `open3d.geometry.TriangleMesh`, or of the newer `open3d.t.geometry.TriangleMesh`."""
        if hasattr(open3d_mesh, "vertex"):
            return cls(open3d_mesh.vertex.positions.numpy(), open3d_mesh.triangle.indices.numpy())  # type: ignore[call-arg]
        colors = np.asarray(open3d_mesh.vertex_colors)
        return cls(  # type: ignore[call-arg]
            np.asarray(open3d_mesh.vertices), np.asarray(open3d_mesh.triangles), colors if len(colors) else None
        )


def _package(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(f"this bridge needs the package '{name}'; install it with: pip install {name}") from error
