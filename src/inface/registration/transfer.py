"""Stage 5: carry colours and landmarks between a scan and the model's topology, both ways."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from inface._validate import FloatArray
from inface.geometry.adjacency import adjacency
from inface.geometry.proximity import SurfaceIndex, nearest
from inface.mesh import Mesh
from inface.registration.result import Registration


def colors_to_model(registration: Registration, scan: Mesh) -> FloatArray:
    """The scan's colours at the model's vertices `(V, 3)`; what the scan does not show is filled smoothly.

    Raises `ValueError` for a scan without colours or a registration without a mesh.
    """
    mesh, support = _mesh(registration), registration.support
    if scan.colors is None or support is None:
        raise ValueError("scan: expected colours, got none")
    finite = np.asarray(np.isfinite(scan.vertices).all(axis=1))
    triangles = scan.triangles[finite[scan.triangles].all(1)] if len(scan.triangles) else scan.triangles
    if len(triangles):
        found = SurfaceIndex(scan.vertices, triangles).closest(mesh.vertices)
        colors = np.einsum("nk,nkc->nc", found.weights, scan.colors[triangles[found.triangle]])
    else:
        ids = np.flatnonzero(finite)
        colors = scan.colors[ids[nearest(cKDTree(scan.vertices[ids]), mesh.vertices)[1]]]
    if not support.any():
        return np.clip(colors, 0, 1)
    # start from the nearest vertex that was seen, then let neighbours agree
    ids = np.flatnonzero(support)
    filled = np.where(support[:, None], colors, colors[ids[nearest(cKDTree(mesh.vertices[ids]), mesh.vertices)[1]]])
    near = adjacency(mesh.triangles, len(filled))
    degree = np.maximum(near.sum(1), 1)[:, None]
    for _ in range(100):
        filled = np.where(support[:, None], colors, (near @ filled) / degree)
    return np.clip(filled, 0, 1)


def with_scan_colors(registration: Registration, scan: Mesh) -> Registration:
    """The registration with the scan's colours on its meshes; itself where there are none to carry."""
    if scan.colors is None or registration.mesh is None or registration.support is None:
        return registration
    colors = colors_to_model(registration, scan)
    fitted = registration.model_mesh
    return replace(
        registration,
        mesh=registration.mesh.with_colors(colors),
        model_mesh=None if fitted is None else fitted.with_colors(colors),
    )


def landmarks_to_scan(registration: Registration, landmarks: Mapping[str, int]) -> dict[str, FloatArray]:
    """Where the template's landmarks (name -> vertex) are on the scan: its frame and unit."""
    mesh = _mesh(registration)
    return {name: mesh.vertices[index] for name, index in landmarks.items()}


def landmarks_to_model(
    registration: Registration, landmarks: Mapping[str, FloatArray], shape: FloatArray | None = None
) -> dict[str, FloatArray]:
    """Points given on the scan, carried to the model's frame (mm).

    With `shape (V, 3)` to the same place of that shape (the model's mean, another child) instead of this one's own.
    """
    mesh = _mesh(registration)
    defined = {name: np.asarray(p, float) for name, p in landmarks.items() if np.isfinite(p).all()}
    if not defined:
        return {}
    found = SurfaceIndex(mesh.vertices, mesh.triangles).closest(np.array(list(defined.values())))
    goal = registration.model_mesh.vertices if shape is None else shape  # type: ignore[union-attr]
    places = np.einsum("nk,nkc->nc", found.weights, goal[mesh.triangles[found.triangle]])
    return dict(zip(defined, places, strict=True))


def _mesh(registration: Registration) -> Mesh:
    if registration.mesh is None:
        raise ValueError("registration: nothing was fitted to this scan (" + "; ".join(registration.reasons) + ")")
    return registration.mesh
