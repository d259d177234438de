"""Ways along a surface, against the great circles of a sphere and the unfolded sides of a box."""

import numpy as np
import pytest
import trimesh

from inface.geometry.paths import path_length, surface_path


def test_on_a_sphere_it_is_the_great_circle():
    ball = trimesh.creation.icosphere(subdivisions=4, radius=60.0)
    vertices, triangles = np.array(ball.vertices), np.array(ball.faces)
    rng = np.random.default_rng(0)
    for t, u in rng.integers(0, len(triangles), (8, 2)):
        a, b = vertices[triangles[t]].mean(0), vertices[triangles[u]].mean(0)
        found = path_length(surface_path(vertices, triangles, (t, a), (u, b)))
        angle = np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1))
        assert found == pytest.approx(60 * angle, rel=0.015)
        assert found >= np.linalg.norm(a - b) - 1e-9


def test_over_an_edge_it_is_the_straight_line_of_the_unfolded_sides():
    """Two squares at a right angle, 40 mm each: unfolded, the way is the hypotenuse."""
    vertices = np.array([[0, 0, 0], [40, 0, 0], [40, 40, 0], [0, 40, 0], [40, 0, -40], [40, 40, -40.0]])
    triangles = np.array([[0, 1, 2], [0, 2, 3], [1, 4, 5], [1, 5, 2]])
    a, b = np.array([10.0, 5, 0]), np.array([40.0, 30, -30])
    found = path_length(surface_path(vertices, triangles, (0, a), (3, b)))
    assert found == pytest.approx(np.hypot(30 + 30, 25), rel=0.03)
    assert found > np.linalg.norm(a - b) + 10, "along the surface is longer than straight through"


def test_between_pieces_there_is_no_way():
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 0, 0], [6, 0, 0], [5, 1, 0.0]])
    triangles = np.array([[0, 1, 2], [3, 4, 5]])
    assert surface_path(vertices, triangles, (0, vertices[0]), (1, vertices[4])) is None
