"""Closest points against a brute-force oracle that shares no code with them."""

import numpy as np
import pytest
from scipy.optimize import nnls

from inface.geometry.proximity import SurfaceIndex, closest_on_triangles, surface_distance


def soup(seed, count, spread):
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-50, 50, (count, 1, 3))
    size = rng.choice([0.5, 2.0, 30.0], (count, 1, 1), p=[0.5, 0.45, 0.05]) * spread
    return (centres + size * rng.normal(size=(count, 3, 3))).reshape(-1, 3), np.arange(3 * count).reshape(-1, 3)


def oracle(point, corners):
    """Distance to one triangle as a small non-negative least-squares problem with the weights' sum held at 1."""
    big = 1e5
    weights, _ = nnls(np.vstack([corners.T, np.full(3, big)]), np.append(point, big))
    return np.linalg.norm(weights / weights.sum() @ corners - point)


@pytest.mark.parametrize("seed", [0, 1])
def test_distance_agrees_with_the_oracle_on_triangles_of_mixed_size(seed):
    vertices, triangles = soup(seed, 60, 1.0)
    points = np.random.default_rng(seed + 10).uniform(-60, 60, (25, 3))
    found = SurfaceIndex(vertices, triangles).closest(points)
    wanted = [min(oracle(p, vertices[t]) for t in triangles) for p in points]
    np.testing.assert_allclose(found.distance, wanted, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(found.points - points, axis=1), found.distance, atol=1e-9)
    rebuilt = np.einsum("nk,nkd->nd", found.weights, vertices[triangles[found.triangle]])
    np.testing.assert_allclose(rebuilt, found.points, atol=1e-9)
    assert (found.weights >= -1e-12).all() and np.allclose(found.weights.sum(1), 1)


def test_many_points_agree_with_all_pairs():
    vertices, triangles = soup(3, 400, 1.0)
    points = np.random.default_rng(4).uniform(-60, 60, (300, 3))
    best = np.full(len(points), np.inf)
    for t in triangles:
        corners = np.broadcast_to(vertices[t], (len(points), 3, 3))
        w = closest_on_triangles(points, corners)
        best = np.minimum(best, np.linalg.norm(w @ vertices[t] - points, axis=1))
    np.testing.assert_allclose(surface_distance(points, vertices, triangles), best, atol=1e-12)


def test_zero_area_triangles_are_their_segment_or_point():
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]])
    found = SurfaceIndex(vertices, [[0, 1, 2], [0, 0, 0]]).closest([[1.5, 1.0, 0.0], [-3.0, 4.0, 0.0]])
    np.testing.assert_allclose(found.distance, [1.0, 5.0])


def test_beyond_the_bound_nothing_is_found():
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    found = SurfaceIndex(vertices, [[0, 1, 2]]).closest([[0.2, 0.2, 1.0], [0.2, 0.2, 3.0]], max_distance=2.0)
    assert found.triangle.tolist() == [0, -1]
    assert found.distance[0] == pytest.approx(1.0) and np.isinf(found.distance[1])


def test_refusals_name_what_came():
    vertices = np.eye(3)
    with pytest.raises(ValueError, match="at least one, got none"):
        SurfaceIndex(vertices, np.zeros((0, 3), int))
    with pytest.raises(ValueError, match="finite"):
        SurfaceIndex(vertices, [[0, 1, 2]]).closest([[np.nan, 0, 0]])
    with pytest.raises(ValueError, match="finite"):
        SurfaceIndex(vertices * np.nan, [[0, 1, 2]])
