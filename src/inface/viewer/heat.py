"""Numbers to colour the shape by, and their legend."""

from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from inface._validate import FloatArray
from inface.geometry.proximity import surface_distance
from inface.mesh import Mesh
from inface.pictures.colours import Legend
from inface.pictures.surfaces import known_vertices
from inface.viewer.editor import SceneEditor
from inface.viewer.scene import Scene


def heat(editor: SceneEditor, scene: Scene, vertices: FloatArray) -> tuple[FloatArray, str] | None:
    """Numbers `(V,)` in mm to colour the shape by, and what they are; None when there are none to show."""
    look, shape = scene.look, scene.shape
    if shape is None:
        return None
    if look.colours == "uncertainty" and shape.std is not None:
        return shape.std, "uncertainty (1 SD), mm"
    if look.colours == "change":
        return np.linalg.norm(vertices - editor.known_model.mean_vertices, axis=1), "distance from the mean, mm"
    if look.colours == "fit" and shape.source:
        one = scene.opened_as(shape.source)
        if one.distance is not None and len(one.distance) == len(vertices):
            seen = np.ones(len(vertices), bool) if one.support is None else one.support
            return np.where(seen, one.distance, np.nan), f"distance to {one.scan}, mm (grey: not on the scan)"
    if look.colours == "distance" and scene.opened:
        source = shape.source or scene.opened[-1].name
        other = scene.opened_as(source).mesh
        if other.vertices.shape == vertices.shape and scene.opened_as(source).latent is not None:
            return np.linalg.norm(vertices - other.vertices, axis=1), f"distance to {source}, mm"
        return _surface_distance(vertices, other), f"distance to {source}, mm"
    return None


def legend_of(scene: Scene, values: FloatArray, label: str) -> Legend:
    """The legend of a heat map under the look's limit; never finer than a tenth of a millimetre."""
    legend = Legend.of(values, label, limit=scene.look.limit, signed=False)
    return legend if scene.look.limit or legend.high >= 0.1 else replace(legend, high=0.1)


def _surface_distance(points: FloatArray, mesh: Mesh) -> FloatArray:
    known = known_vertices(mesh)
    triangles = mesh.triangles[known[mesh.triangles].all(axis=1)]
    if len(triangles):
        return surface_distance(np.asarray(points, float), mesh.vertices, triangles)
    return np.asarray(cKDTree(mesh.vertices[known]).query(points)[0])
