"""A toy head with a nose, eyes and a chin, and its model of smooth modes: small, so registration tests are quick."""

import numpy as np
import trimesh

from inface.mesh import Mesh
from inface.models.pca import PCAMorphableModel
from inface.template import Template

PLAIN = dict(cap=False, hair=0, collar=False, shoulders=False, islands=0, holes=0.0, noise=0.1, vertices=6000)


def toy_template() -> Template:
    ball = trimesh.creation.icosphere(subdivisions=4)
    unit = np.array(ball.vertices)

    def bump(x, y, z, width, height):
        centre = np.array([x, y, z]) / np.linalg.norm([x, y, z])
        return height * np.exp(-((unit - centre) ** 2).sum(1) / (2 * width**2))

    lift = bump(0, -0.1, 1, 0.1, 16) + bump(0, -0.75, 0.8, 0.2, 10) + bump(0, 0.3, -1, 0.5, 10)
    for side in (-1, 1):
        lift += (
            bump(side * 0.4, 0.12, 1, 0.1, -7) + bump(side * 1, 0, -0.1, 0.12, 12) + bump(side * 0.6, -0.35, 1, 0.2, 4)
        )
    lift += bump(0, -0.42, 1, 0.07, 4)
    points = unit * [58, 80, 70] + unit * lift[:, None]
    keep = (points[:, 1] > -72)[ball.faces].all(1)
    ids, faces = np.unique(ball.faces[keep], return_inverse=True)
    points = points[ids]
    triangles = faces.reshape(-1, 3)

    def at(*place):
        return int(np.linalg.norm(points - place, axis=1).argmin())

    landmarks = {"prn": at(0, -8, 86), "gn": at(0, -60, 45), "n": at(0, 12, 68), "v": at(0, 80, 0)}
    for name, place in {"ex": (32, 10, 56), "ch": (16, -30, 64), "t": (66, 0, -6)}.items():
        landmarks[f"{name}_l"] = at(*place)
        landmarks[f"{name}_r"] = at(-place[0], *place[1:])
    regions = {
        "face": np.flatnonzero((points[:, 2] > 30) & (points[:, 1] < 35)),
        "scalp": np.flatnonzero(points[:, 1] > 40),
        "chin": np.flatnonzero((points[:, 2] > 35) & (points[:, 1] < -25) & (np.abs(points[:, 0]) < 22)),
    }
    mirror = np.array([at(-p[0], p[1], p[2]) for p in points])
    return Template(Mesh(points, triangles), landmarks, regions, mirror)


def toy_model(template: Template) -> PCAMorphableModel:
    """Twelve smooth modes, size the first."""
    points = template.mesh.vertices
    x, y, z = (points / 70).T
    zero = np.zeros_like(x)
    front = np.exp(-((points - [0, -15, 60]) ** 2).sum(1) / (2 * 35**2))
    fields = [
        np.stack([x, y, z], 1), np.stack([x, zero, zero], 1), np.stack([zero, zero, z], 1),
        np.stack([0.6 * z, zero, zero], 1), np.stack([zero, np.clip(-y, 0, None), zero], 1),
        np.stack([zero, zero, front], 1), np.stack([front * x, zero, zero], 1),
        np.stack([zero, front * (y + 0.3), zero], 1),
        np.stack([zero, zero, -np.clip(-z, 0, None) ** 2], 1), np.stack([x * y, zero, zero], 1),
        np.stack([zero, zero, x * y], 1), np.stack([zero, zero, np.sin(3 * y)], 1),
    ]  # fmt: skip
    sizes = np.array([5, 3, 3, 3, 3, 2, 2, 2, 2, 1.5, 1.0, 1.0])
    flat = np.array([f / np.sqrt((f**2).sum(1).mean()) * s for f, s in zip(fields, sizes, strict=True)])
    _, s, vt = np.linalg.svd(flat.reshape(len(flat), -1), full_matrices=False)
    return PCAMorphableModel(components=vt, eigenvalues=s**2, mean_vertices=points, template=template)


def errors(registration, scan):
    """Distance of each vertex from the truth, mm."""
    return np.linalg.norm(registration.mesh.vertices - scan.truth, axis=1) / scan.pose.scale
