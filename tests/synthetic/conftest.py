"""Shared pieces of the tests on synthetic infants."""

import numpy as np
import pytest
import scipy.sparse as sparse

from inface.synthetic import template
from inface.synthetic.head import head_maker


@pytest.fixture(scope="session")
def infant():
    return template()


@pytest.fixture(scope="session")
def maker():
    return head_maker()


class FaceCheck:
    """Finds faces that turned against their surroundings, or lost their area."""

    def __init__(self, made):
        self.triangles = made.mesh.triangles
        count = len(made.mesh.vertices)
        self.rest = made.mesh.vertices
        edges = np.concatenate([self.triangles[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
        edges = np.unique(np.sort(edges, 1), axis=0)
        self.edges = edges
        ones = np.ones(len(edges))
        adjacency = sparse.coo_matrix((ones, (edges[:, 0], edges[:, 1])), shape=(count, count))
        self.near = (adjacency + adjacency.T + sparse.eye(count)).tocsr()
        hidden = np.zeros(count, bool)
        for name in ("mouth_inside", "eyes", "lid_margins", "lid_edges"):
            hidden[made.regions.get(name, np.array([], int))] = True
        self.apart = hidden[self.triangles].any(1)

    def normals(self, vertices):
        a, b, c = vertices[self.triangles].transpose(1, 0, 2)
        return np.cross(b - a, c - a)

    def turned(self, before, after):
        """Faces `(T,)` whose normal points against the neighbourhood's own rotation from `before` to `after`."""
        first, second = self.edges.T
        outer = np.einsum("ei,ej->eij", after[second] - after[first], before[second] - before[first]).reshape(-1, 9)
        moment = np.zeros((len(before), 9))
        np.add.at(moment, first, outer)
        np.add.at(moment, second, outer)
        for _ in range(3):
            moment = self.near @ moment
        u, _, vt = np.linalg.svd(moment.reshape(-1, 3, 3))
        u[..., 2] *= np.sign(np.linalg.det(u @ vt))[:, None]
        rotation = (u @ vt)[self.triangles[:, 0]]
        expected = np.einsum("tij,tj->ti", rotation, self.normals(before))
        return (expected * self.normals(after)).sum(1) < 0

    def areas(self, vertices):
        return np.linalg.norm(self.normals(vertices), axis=1) / 2


@pytest.fixture(scope="session")
def faces(infant):
    return FaceCheck(infant)
