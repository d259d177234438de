"""Measures against bodies whose measures are known in closed form."""

import numpy as np
import pytest
from scipy.integrate import quad

from inface.geometry.sections import Outline
from inface.measurement import cranial_measures, landmark_distances
from inface.mesh import Mesh
from inface.template import Template

TURNS, RINGS = 240, 121


def ellipsoid(a, b, c):
    """A template: an ellipsoid with half axes a (left), b (up), c (forward), and its landmarks."""
    theta = np.linspace(0, np.pi, RINGS)
    phi = np.arange(TURNS) * 2 * np.pi / TURNS
    points = np.stack(
        [
            a * np.outer(np.sin(theta), np.sin(phi)),
            b * np.outer(np.cos(theta), np.ones(TURNS)),
            c * np.outer(np.sin(theta), np.cos(phi)),
        ],
        -1,
    ).reshape(-1, 3)
    grid = np.arange(RINGS * TURNS).reshape(RINGS, TURNS)
    p, q = grid[:-1], grid[1:]
    r, s = np.roll(p, -1, 1), np.roll(q, -1, 1)
    triangles = np.concatenate([np.stack(t, -1).reshape(-1, 3) for t in ((p, q, r), (r, q, s))])
    middle = (RINGS // 2) * TURNS
    quarter = TURNS // 4
    marks = {"g": middle, "op": middle + 2 * quarter, "t_l": middle + quarter, "t_r": middle + 3 * quarter}
    return Template(Mesh(points, triangles), marks)


def ellipse_perimeter(a, c):
    return quad(lambda t: np.hypot(a * np.sin(t), c * np.cos(t)), 0, 2 * np.pi)[0]


def test_an_ellipsoid_measures_as_its_formulas_say():
    head = ellipsoid(60, 70, 75)
    got = cranial_measures(head, head.mesh.vertices)
    assert got.circumference == pytest.approx(ellipse_perimeter(60, 75), rel=2e-4)
    assert got.length == pytest.approx(150)
    assert got.width == pytest.approx(120, rel=1e-3)
    assert got.cephalic_index == pytest.approx(80, rel=1e-3)
    assert abs(got.cvai) < 1e-6


def test_measures_do_not_depend_on_pose_and_come_in_batches():
    head = ellipsoid(60, 70, 75)
    angle = 0.7
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    tilt = np.array([[1, 0, 0], [0, np.cos(0.4), -np.sin(0.4)], [0, np.sin(0.4), np.cos(0.4)]])
    sheared = head.mesh.vertices.copy()
    sheared[:, 0] += 0.08 * sheared[:, 2] * (sheared[:, 2] > 0)
    batch = np.stack([head.mesh.vertices, sheared])
    still = cranial_measures(head, batch)
    moved = cranial_measures(head, batch @ (turn @ tilt).T + [5, -3, 100])
    assert still.circumference.shape == (2,)
    for name in ("circumference", "length", "width", "cvai"):
        np.testing.assert_allclose(getattr(moved, name), getattr(still, name), rtol=1e-6, atol=1e-6)


def test_a_flattened_back_right_gives_a_negative_index_and_its_mirror_the_opposite():
    head = ellipsoid(60, 70, 75)
    points = head.mesh.vertices.copy()
    direction = np.array([-0.5, 0, -0.866])
    depth = points @ direction
    points -= np.outer(0.5 * np.maximum(depth - 55, 0), direction)
    flat = cranial_measures(head, points)
    swapped = Template(head.mesh, {**head.landmarks, "t_l": head.landmarks["t_r"], "t_r": head.landmarks["t_l"]})
    mirrored = cranial_measures(swapped, points * [-1, 1, 1])
    assert flat.cvai < -3
    assert mirrored.cvai == pytest.approx(-flat.cvai, abs=1e-6)
    shorter, longer = sorted([float(flat.diagonal_left), float(flat.diagonal_right)])
    assert abs(flat.cvai) == pytest.approx(100 * (longer - shorter) / shorter)


def test_ears_are_left_out_of_the_tape():
    head = ellipsoid(60, 70, 75)
    points = head.mesh.vertices.copy()
    ear = np.flatnonzero((points[:, 0] > 59) & (np.abs(points[:, 1]) < 8))
    points[ear, 0] += 15
    with_ears = cranial_measures(Template(Mesh(points, head.mesh.triangles), head.landmarks), points)
    without = cranial_measures(Template(Mesh(points, head.mesh.triangles), head.landmarks, {"ears": ear}), points)
    assert with_ears.circumference > without.circumference + 5
    assert without.circumference == pytest.approx(ellipse_perimeter(60, 75), rel=2e-3)


def test_the_longest_chord_of_a_rectangle():
    box = Outline.around(np.array([[0, 0], [4, 0], [4, 3], [0, 3], [2, 1.5]]))
    assert box.perimeter == pytest.approx(14)
    assert box.longest_chord(np.array([1, 0])) == pytest.approx(4)
    assert box.longest_chord(np.array([0, 2.0])) == pytest.approx(3)
    assert box.longest_chord(np.array([4, 3.0])) == pytest.approx(5)
    with pytest.raises(ValueError, match="not on one line"):
        Outline.around(np.array([[0, 0], [1, 1], [2, 2.0]]))


def test_landmark_distances_by_name_over_batches_and_sides():
    points = np.array([[[0, 0, 0], [0, 3, 4], [10, 0, 0], [-20, 0, 0]]], float).repeat(2, 0)
    points[1] *= 2
    marks = {"n": 0, "gn": 1, "t_l": 2, "t_r": 3}
    got = landmark_distances(points, marks)
    assert set(got) == {"n-gn", "t-t", "t-n", "t-gn"}
    np.testing.assert_allclose(got["n-gn"], [5, 10])
    np.testing.assert_allclose(got["t-n"], [15, 30])
    with pytest.raises(ValueError, match="no measure 'nose'; there are: n-gn"):
        landmark_distances(points, marks, ["nose"])
    with pytest.raises(KeyError, match="needs the landmark 'en_l'"):
        landmark_distances(points, marks, ["en-en"])


def test_missing_landmarks_and_wrong_sizes_are_refused():
    head = ellipsoid(60, 70, 75)
    bare = Template(head.mesh, {"g": 0})
    with pytest.raises(KeyError, match="landmark 'op'"):
        cranial_measures(bare, head.mesh.vertices)
    with pytest.raises(ValueError, match="vertices: expected shape"):
        cranial_measures(head, head.mesh.vertices[:-1])
