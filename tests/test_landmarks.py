"""Landmarks by name."""

import numpy as np
import pytest

from inface.landmarks import LandmarkSet, SurfaceAnchors


def test_a_mapping_by_name():
    points = LandmarkSet.of({"nasion": [1, 2, 3], "ear_l": [np.nan] * 3})
    assert list(points) == ["nasion", "ear_l"] and len(points) == 2 and "nasion" in points
    np.testing.assert_array_equal(points["nasion"], [1, 2, 3])
    with pytest.raises(KeyError, match="no landmark 'chin'; there are: nasion, ear_l"):
        points["chin"]
    moved = points.with_points(points.points + 1)
    np.testing.assert_array_equal(moved["nasion"], [2, 3, 4])
    np.testing.assert_array_equal(points["nasion"], [1, 2, 3])


def test_empty():
    assert len(LandmarkSet.of({})) == 0 and LandmarkSet((), np.zeros((0, 3))).points.shape == (0, 3)
    with pytest.raises(KeyError, match="there are: none"):
        LandmarkSet.of({})["a"]


@pytest.mark.parametrize(
    ("names", "points", "words"),
    [
        (("a", "a"), np.zeros((2, 3)), "'a' stands more than once"),
        (("a", "b"), np.zeros((1, 3)), r"expected shape \(..., 2, 3\), got \(1, 3\)"),
        (("a",), np.full((1, 3), np.inf), "expected finite numbers or NaN"),
    ],
)
def test_refusals(names, points, words):
    with pytest.raises(ValueError, match=words):
        LandmarkSet(names, points)


def test_anchor_is_the_triangle_below_the_point():
    """Two flat triangles; the point hovers over the second."""
    vertices = np.array([[0, 0, 0], [10, 0, 0], [0, 10, 0], [10, 10, 0.0]])
    triangles = np.array([[0, 1, 2], [1, 3, 2]])
    anchors = SurfaceAnchors.of(np.array([[8.0, 7, 2]]), vertices, triangles)
    assert set(anchors.corners[0]) == {1, 2, 3}
    raised = vertices + [0, 0, 5]
    np.testing.assert_allclose(anchors.follow(raised), [[8, 7, 7]])
    only_first = vertices.copy()
    only_first[0] += 100
    np.testing.assert_allclose(anchors.follow(only_first), [[8, 7, 2]])
