"""Meshes for the tests of the codecs."""

import numpy as np
import pytest

from inface.codecs import MeshData


@pytest.fixture
def blob():
    """A bumpy grid with colours and a landmark, 30 vertices, 38 triangles; the last vertex is unused and a double."""
    rng = np.random.default_rng(3)
    x, y = np.meshgrid(np.arange(6.0), np.arange(5.0))
    vertices = np.stack([x.ravel(), y.ravel(), rng.normal(size=30)], 1) * 12.3
    a = (np.arange(4)[:, None] * 6 + np.arange(5)).ravel()
    triangles = np.concatenate([np.stack([a, a + 1, a + 7], 1), np.stack([a, a + 7, a + 6], 1)])
    triangles = triangles[~(triangles == 29).any(1)]
    vertices[29] = vertices[3]
    colors = rng.integers(0, 256, (30, 3)) / 255
    return MeshData(vertices, triangles, colors, {"nasion": np.array([1.0, 2.0, 1 / 3])})
