"""Edges, neighbours, components and borders against plain loops."""

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from inface.geometry import adjacency


@st.composite
def any_triangles(draw):
    count = draw(st.integers(1, 9))
    rows = draw(st.integers(0, 14))
    return count, draw(hnp.arrays(np.int32, (rows, 3), elements=st.integers(0, count - 1)))


def plain_edges(triangles):
    found = {}
    for corners in triangles.tolist():
        for a, b in zip(corners, corners[1:] + corners[:1], strict=True):
            if a != b:
                found[min(a, b), max(a, b)] = found.get((min(a, b), max(a, b)), 0) + 1
    return found


@settings(max_examples=80, deadline=None)
@given(any_triangles())
def test_against_loops(case):
    count, triangles = case
    expected = plain_edges(triangles)
    assert [tuple(e) for e in adjacency.edges(triangles).tolist()] == sorted(expected)
    matrix = adjacency.adjacency(triangles, count)
    dense = np.zeros((count, count))
    for a, b in expected:
        dense[a, b] = dense[b, a] = 1
    np.testing.assert_array_equal(matrix.toarray(), dense)
    assert matrix.has_canonical_format
    for vertex, near in enumerate(adjacency.neighbours(triangles, count)):
        np.testing.assert_array_equal(near, np.flatnonzero(dense[vertex]))
    rim = adjacency.border_edges(triangles).tolist()
    assert sorted((min(e), max(e)) for e in rim) == sorted(e for e, times in expected.items() if times == 1)
    in_loops = [
        (a, b) for loop in adjacency.border_loops(triangles) for a, b in zip(loop, np.roll(loop, -1), strict=True)
    ]
    assert len(in_loops) == len(set(in_loops)) and set(in_loops) <= {tuple(e) for e in rim}
    assert len(adjacency.neighbours(triangles, count)) == count


@settings(max_examples=50, deadline=None)
@given(any_triangles())
def test_components(case):
    count, triangles = case
    number, labels = adjacency.components(triangles, count)
    groups = [{v} for v in range(count)]
    for corners in triangles.tolist():
        touched = [g for g in groups if g & set(corners)]
        groups = [g for g in groups if g not in touched] + [set().union(*touched)]
    assert number == len(groups)
    assert all(len({labels[v] for v in group}) == 1 for group in groups)


def test_borders_of_a_sheet_with_a_hole():
    a = (np.arange(6)[:, None] * 7 + np.arange(6)).ravel()
    triangles = np.concatenate([np.stack([a, a + 1, a + 8], 1), np.stack([a, a + 8, a + 7], 1)])
    triangles = triangles[~(triangles == 24).any(1)]
    loops = adjacency.border_loops(triangles)
    assert [len(loop) for loop in loops] == [24, 6]
    rim = {tuple(e) for e in adjacency.border_edges(triangles).tolist()}
    for loop in loops:
        assert all((x, y) in rim for x, y in zip(loop.tolist(), np.roll(loop, -1).tolist(), strict=True))


def test_closed_and_bow_tie():
    ball = trimesh.creation.icosphere(subdivisions=2)
    assert adjacency.border_loops(ball.faces) == []
    assert len(adjacency.edges(ball.faces)) == len(ball.edges_unique)
    bow_tie = np.array([[0, 1, 2], [0, 3, 4]])
    assert sorted(len(loop) for loop in adjacency.border_loops(bow_tie)) == [3, 3]


@pytest.mark.parametrize("batch", [(), (4,), (2, 3)])
def test_areas_and_normals_in_batches(batch):
    rng = np.random.default_rng(0)
    vertices, triangles = rng.normal(size=(*batch, 9, 3)), rng.integers(0, 9, (20, 3))
    areas = adjacency.triangle_areas(vertices, triangles).reshape(-1, 20)
    for one, shape in zip(areas, vertices.reshape(-1, 9, 3), strict=True):
        np.testing.assert_allclose(one, trimesh.triangles.area(shape[triangles]), atol=1e-12)


def test_normals_beside_unknown_and_degenerate():
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [np.nan] * 3, [5, 5, 5]])
    normals = adjacency.vertex_normals(vertices, np.array([[0, 1, 2], [0, 2, 3], [0, 0, 1]]))
    np.testing.assert_array_equal(normals, [[0, 0, 1]] * 3 + [[0, 0, 0]] * 2)
