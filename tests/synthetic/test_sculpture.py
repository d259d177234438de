"""The pieces the template is made with: signed distances, mesh surgery, loops of the openings."""

import numpy as np
import pytest

from inface.geometry import adjacency
from inface.synthetic import meshing, openings
from inface.synthetic import primitives as solid
from inface.synthetic.sculpture import signed_distance
from inface.synthetic.sculpture_eye import EYE_CENTRE, EYE_FRAME, EYE_RADII, eyeball_depth
from inface.synthetic.sculpture_face import MOUTH_CORNER, mouth_line, vermilion


def sphere_mesh(radius=10.0, rings=24):
    """A closed triangle mesh of a sphere, outward."""
    t = np.linspace(0, np.pi, rings + 1)[1:-1]
    p = 2 * np.pi * np.arange(2 * rings) / (2 * rings)
    grid = np.stack(
        [np.outer(np.sin(t), np.cos(p)), np.outer(np.cos(t), np.ones_like(p)), -np.outer(np.sin(t), np.sin(p))], -1
    )
    vertices = radius * np.r_[grid.reshape(-1, 3), [[0, 1, 0]], [[0, -1, 0]]]
    n, rows, faces = 2 * rings, len(t), []
    for i in range(rows):
        for j in range(n):
            a, b = i * n + j, i * n + (j + 1) % n
            if i < rows - 1:
                faces += [(a, a + n, b), (b, a + n, b + n)]
    north, south = rows * n, rows * n + 1
    faces += [(north, j, (j + 1) % n) for j in range(n)]
    faces += [(south, (rows - 1) * n + (j + 1) % n, (rows - 1) * n + j) for j in range(n)]
    return vertices, np.array(faces)


def volume(vertices, triangles):
    a, b, c = vertices[triangles].transpose(1, 0, 2)
    return (a * np.cross(b, c)).sum() / 6


def test_capsule_is_the_distance_to_its_axis():
    points = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32) * 5
    a, b, radius = np.array([1.0, 2, 3]), np.array([-2.0, 0, 1]), 1.5
    axis = a + np.linspace(0, 1, 20_001)[:, None] * (b - a)
    brute = np.array([np.linalg.norm(axis - p, axis=1).min() for p in points]) - radius
    np.testing.assert_allclose(solid.capsule(points, a, b, radius), brute, atol=1e-3)


def test_ellipsoid_is_zero_on_its_surface_and_signed():
    direction = np.random.default_rng(1).normal(size=(100, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    frame = solid.rotation("y", 30) @ solid.rotation("x", -20)
    np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-6)
    on = (np.array([4, 5, 6]) + direction * [3, 2, 7] @ frame.T.astype(float)).astype(np.float32)
    args = ((4, 5, 6), (3, 2, 7), frame)
    assert np.abs(solid.ellipsoid(on, *args)).max() < 1e-4
    centre = np.array([[4.0, 5, 6]])
    assert (solid.ellipsoid((centre + 0.9 * (on - centre)).astype(np.float32), *args) < 0).all()
    assert (solid.ellipsoid((centre + 1.1 * (on - centre)).astype(np.float32), *args) > 0).all()


def test_union_is_a_minimum_but_for_the_fillet():
    a, b = np.float32([3.0, -1, 0.5, 10]), np.float32([1.0, 4, 0.5, 10.2])
    joined = solid.union(a, b, 2.0)
    assert (joined <= np.minimum(a, b)).all()
    assert joined[1] == -1
    assert joined[2] == pytest.approx(0.5 - 2.0 / 4)
    np.testing.assert_allclose(solid.carve(a, b, 2.0), -solid.union(-a, b, 2.0))


def test_the_head_is_symmetric_and_solid():
    points = np.random.default_rng(2).uniform([-70, -60, -80], [70, 110, 85], (400, 3))
    np.testing.assert_array_equal(signed_distance(points), signed_distance(points * [-1, 1, 1]))
    assert signed_distance(np.array([[0.0, 40, 0]]))[0] < -30
    assert signed_distance(np.array([[0.0, 40, 150]]))[0] > 50


def test_the_eyeball_fills_the_fissure():
    loop = openings.lid_loop()
    z = eyeball_depth(*loop.T)
    local = ((np.c_[loop, z] - EYE_CENTRE) @ EYE_FRAME) / EYE_RADII
    outside_the_cornea = np.hypot(*(loop - [23.3, 13.0]).T) > 6.5
    np.testing.assert_allclose((local**2).sum(1)[outside_the_cornea], 1, atol=1e-4)
    assert (z < EYE_CENTRE[2] + EYE_RADII[2] + 1).all()
    assert (z > EYE_CENTRE[2]).all()


def test_loops_run_clockwise_and_grow_outwards():
    loop, wide = openings.lid_loop(), openings.lid_loop(0.75)
    x, y = loop.T
    assert (x * np.roll(y, -1) - y * np.roll(x, -1)).sum() < 0
    assert openings.outline_distance(wide, loop, closed=True).min() > 0.3
    assert openings.outline_distance(loop.mean(0)[None], loop, closed=True)[0] < -3
    steps = np.linalg.norm(np.roll(loop, -1, 0) - loop, axis=1)
    assert steps.max() < 2.0
    assert steps.min() > 0.3


def test_lips_meet_between_their_borders():
    x = np.linspace(-MOUTH_CORNER + 0.5, MOUTH_CORNER - 0.5, 50)
    top, bottom = vermilion(x)
    assert (top > mouth_line(x)).all()
    assert (bottom < mouth_line(x)).all()
    stations = openings.mouth_stations()
    assert stations[0, 0] == 0
    assert stations[-1, 0] == pytest.approx(MOUTH_CORNER)
    assert (np.diff(stations[:, 0]) > 0).all()


def test_insert_level_keeps_the_surface():
    vertices, triangles = sphere_mesh()
    cut, faces, value = meshing.insert_level(vertices, triangles, vertices[:, 0] - 2.3)
    assert volume(cut, faces) == pytest.approx(volume(vertices, triangles), rel=1e-3)
    sides = np.sign(value)[faces]
    assert not ((sides > 0).any(1) & (sides < 0).any(1)).any()
    line = meshing.level_edges(faces, value)
    np.testing.assert_array_equal(np.unique(np.bincount(line.ravel())[np.unique(line)]), [2])


@pytest.mark.parametrize("count", [12, 60])
def test_rim_ends_in_the_stations(count):
    vertices, triangles = sphere_mesh()
    t = -2 * np.pi * np.arange(count) / count  # clockwise seen from the front, as the border of a hole runs
    stations = np.stack([4 * np.cos(t), 4 * np.sin(t), np.full(count, np.sqrt(100 - 16.0))], 1)
    outside = np.where(vertices[:, 2] > 0, np.hypot(vertices[:, 0], vertices[:, 1]) - 4.6, 5.0)
    made, faces, fixed = meshing.rim(vertices, triangles, outside, stations, closed=True)
    np.testing.assert_array_equal(made[fixed], stations)
    border = adjacency.border_edges(faces)
    wanted = np.c_[fixed, np.roll(fixed, -1)]
    assert {tuple(e) for e in border.tolist()} == {tuple(e) for e in wanted.tolist()}
    used = len(np.unique(faces))
    edges = len(adjacency.edges(faces))
    assert used - edges + len(faces) == 1
    normal = np.cross(made[faces[:, 1]] - made[faces[:, 0]], made[faces[:, 2]] - made[faces[:, 0]])
    assert ((normal * made[faces].mean(1)).sum(1) > 0).all()


def test_magnify_is_smooth_and_finer_at_its_centre():
    glass = [meshing.Magnifier((1, 2, 3), 5.0, 2.5)]
    points = np.array([[1.0, 2, 3], [1.01, 2, 3], [60, 2, 3], [60.01, 2, 3]])
    moved = meshing.magnify(points, glass)
    assert np.linalg.norm(moved[1] - moved[0]) == pytest.approx(0.025, rel=1e-3)
    assert np.linalg.norm(moved[3] - moved[2]) == pytest.approx(0.01, rel=1e-3)
    np.testing.assert_allclose(moved[0], points[0])


def test_mirrored_pairs_up():
    vertices = np.array([[0.0, 0, 0], [0, 1, 0], [1, 0, 0]])
    whole, faces, partner = meshing.mirrored(vertices, np.array([[0, 2, 1]]), vertices[:, 0] == 0)
    np.testing.assert_array_equal(partner, [0, 1, 3, 2])
    np.testing.assert_array_equal(whole[partner] * [-1, 1, 1], whole)
    assert len(faces) == 2
    assert (np.cross(whole[faces[:, 1]] - whole[faces[:, 0]], whole[faces[:, 2]] - whole[faces[:, 0]])[:, 2] > 0).all()
