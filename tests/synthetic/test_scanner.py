"""The simulated scanner against the truth it hands out."""

import time

import numpy as np
import pytest
import trimesh
from scipy.spatial import cKDTree

from inface.geometry.proximity import surface_distance
from inface.mesh import Mesh
from inface.synthetic import ScanPlan
from inface.synthetic.scanner import simulate_scan
from inface.template import Template
from inface.transforms import Similarity
from inface.units import MM_PER_UNIT

PLAIN = dict(cap=False, hair=0, collar=False, shoulders=False, islands=0, holes=0.0, vertices=4000)


@pytest.fixture(scope="module")
def head():
    """An egg with a nose, open at the neck: enough of a head for a camera."""
    ball = trimesh.creation.icosphere(subdivisions=4)
    points = np.array(ball.vertices)
    points = points * [60, 85, 72] + np.outer(np.exp(-((points - [0, -0.1, 1]) ** 2).sum(1) / 0.02), [0, 0, 14])
    used = (points[:, 1] > -62)[ball.faces].all(1)
    ids, faces = np.unique(ball.faces[used], return_inverse=True)
    return Mesh(points[ids], faces.reshape(-1, 3))


@pytest.fixture(scope="module")
def plain(head):
    return simulate_scan(head, 5, views="full", noise=0.2, **PLAIN)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_scan(head):
    one, two = simulate_scan(head, 3, vertices=3000), simulate_scan(head, 3, vertices=3000)
    assert one.mesh.vertices.tobytes() == two.mesh.vertices.tobytes()
    assert one.mesh.triangles.tobytes() == two.mesh.triangles.tobytes()
    assert one.seen.tobytes() == two.seen.tobytes() and one.unit == two.unit
    other = simulate_scan(head, 4, vertices=3000)
    assert other.mesh.vertices.shape != one.mesh.vertices.shape or not np.allclose(
        other.mesh.vertices, one.mesh.vertices
    )


def test_passing_what_was_drawn_changes_nothing_else(head):
    free = simulate_scan(head, 8, vertices=3000)
    told = simulate_scan(head, 8, unit=free.unit, **(dict(free.drawn)))
    np.testing.assert_array_equal(told.mesh.vertices, free.mesh.vertices)
    np.testing.assert_array_equal(told.truth, free.truth)


def test_truth_is_the_head_in_the_scans_frame_and_unit(head, plain):
    np.testing.assert_allclose(plain.pose.inverse().apply(plain.truth), head.vertices, atol=1e-9)
    assert plain.pose.scale == 1 / MM_PER_UNIT[plain.unit]


@pytest.mark.parametrize("unit", ["mm", "cm", "m"])
def test_a_given_pose_and_unit_are_used(head, unit):
    pose = Similarity([[0, 0, 1], [1, 0, 0], [0, 1, 0]], [10.0, 500, -3])
    scan = simulate_scan(head, 1, pose=pose, unit=unit, **PLAIN)
    np.testing.assert_allclose(scan.truth * MM_PER_UNIT[unit], pose.apply(head.vertices), atol=1e-9)
    extent = np.ptp(scan.mesh.vertices, axis=0) * MM_PER_UNIT[unit]
    assert (extent < 1.1 * np.ptp(pose.apply(head.vertices), axis=0) + 2).all()


def test_seen_truth_lies_on_the_scan_within_the_noise(head, plain):
    mm = plain.pose.inverse()
    scan = mm.apply(plain.mesh.vertices)
    distance = surface_distance(mm.apply(plain.truth[plain.seen]), scan, plain.mesh.triangles)
    assert plain.seen.mean() > 0.9
    assert distance.max() <= 1.0 + 1e-6
    assert distance.mean() < 0.2
    quiet = surface_distance(scan, mm.apply(plain.truth), head.triangles)
    assert 0.05 < quiet.mean() < 0.5  # noise is there, and no more than was asked


def test_it_is_another_triangulation(head, plain):
    scan = plain.pose.inverse().apply(plain.mesh.vertices)
    assert 0.75 * 4000 < len(scan) < 1.25 * 4000
    assert np.mean(cKDTree(scan).query(head.vertices)[0] < 0.02) < 0.01
    corners = scan[plain.mesh.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    outward = np.einsum("ij,ij->i", normals, corners.mean(1) - [0, 10, 0])
    assert (outward > 0).mean() > 0.97


def test_a_front_scan_has_no_back_and_an_open_border(head):
    scan = simulate_scan(head, 2, views="front", noise=0.1, **PLAIN)
    back = head.vertices[:, 2] < -66
    assert not scan.seen[back].any() and scan.seen[head.vertices[:, 2] > 60].mean() > 0.9
    edges = np.sort(scan.mesh.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 1).sum() > 50


def test_under_the_cap_and_the_collar_nothing_is_seen(head):
    bare = simulate_scan(head, 6, views="full", **PLAIN)
    cap = simulate_scan(head, 6, views="full", **(PLAIN | {"cap": True}))
    top = head.vertices[:, 1] > 60
    assert bare.seen[top].mean() > 0.9 and not cap.seen[top].any()
    distance = surface_distance(cap.truth[top], cap.mesh.vertices, cap.mesh.triangles) * MM_PER_UNIT[cap.unit]
    assert distance.min() > 0.9  # the cloth does stand off the skin
    collar = simulate_scan(head, 6, views="full", **(PLAIN | {"shoulders": True}))
    low = head.vertices[:, 1] < head.vertices[:, 1].min() + 1.0
    assert not collar.seen[low].any()
    size = np.ptp(collar.pose.inverse().apply(collar.mesh.vertices), axis=0)
    assert size[0] > 1.3 * np.ptp(head.vertices[:, 0])


def test_holes_hair_and_floating_pieces_leave_their_mark(head, plain):
    holes = simulate_scan(head, 5, views="full", **(PLAIN | {"holes": 0.2}))
    assert holes.seen.mean() < plain.seen.mean() - 0.1
    hair = simulate_scan(head, 5, views="full", **(PLAIN | {"hair": 8}))
    assert hair.seen.mean() < plain.seen.mean() - 0.005
    floating = simulate_scan(head, 5, views="full", **(PLAIN | {"islands": 4}))
    apart = surface_distance(floating.mesh.vertices, floating.truth, head.triangles) * MM_PER_UNIT[floating.unit]
    assert (apart > 8).sum() > 40


def test_regions_inside_the_head_are_never_seen(head):
    inside = np.flatnonzero(head.vertices[:, 2] > 65)
    named = Template(head, regions={"mouth": inside})
    scan = simulate_scan(head, 1, template=named, views="full", **PLAIN)
    assert not scan.seen[inside].any()


def test_colours_are_carried(head):
    red = head.with_colors(np.tile([0.9, 0.1, 0.1], (len(head.vertices), 1)))
    scan = simulate_scan(red, 1, views="full", **(PLAIN | {"cap": True}))
    share = np.mean(scan.mesh.colors[:, 0] > 0.85)
    assert 0.2 < share < 0.9


def test_fifty_thousand_vertices_cost_at_most_two_seconds(head):
    start = time.process_time()
    scan = simulate_scan(head, 0, **(PLAIN | {"vertices": 50000, "cap": True, "views": "full"}))
    assert time.process_time() - start < 4.0  # 2 s is the target; twice that on a loaded machine
    assert 40000 < len(scan.mesh.vertices) < 60000


def test_refusals_say_what_was_expected(head):
    with pytest.raises(ValueError, match="expected one of mm, cm, m, got 'yard'"):
        simulate_scan(head, 0, unit="yard")
    with pytest.raises(ValueError, match="front, no_back, full"):
        simulate_scan(head, 0, views="above")
    with pytest.raises(ValueError, match=r"holes: expected a number from 0 to 0.3, got 2"):
        simulate_scan(head, 0, holes=2)
    with pytest.raises(ValueError, match="bare point cloud"):
        simulate_scan(Mesh(head.vertices, []), 0)
    with pytest.raises(ValueError, match="rigid motion"):
        simulate_scan(head, 0, pose=Similarity(scale=2.0))
    with pytest.raises(ValueError, match="seed"):
        simulate_scan(head, -1)
    with pytest.raises(TypeError, match="no choice 'hat'; there are: pose, unit"):
        simulate_scan(head, 0, hat=True)


def test_a_plan_and_choices_by_name_are_one_thing(head):
    plan = ScanPlan(views="front", vertices=3000, cap=False)
    one, two = simulate_scan(head, 3, plan), simulate_scan(head, 3, views="front", vertices=3000, cap=False)
    assert one.mesh.vertices.tobytes() == two.mesh.vertices.tobytes() and one.drawn == two.drawn
    assert simulate_scan(head, 3, plan, cap=True).drawn["cap"] is True  # a name wins over the plan


def test_blur_seams_and_pinholes_are_what_they_say_and_change_no_other_draw(head, plain):
    def off(**choices):
        scan = simulate_scan(head, 5, views="full", noise=0.2, **PLAIN, **choices)
        own = scan.pose.inverse().apply(scan.mesh.vertices)
        used = np.isfinite(own).all(1)
        return scan, used, surface_distance(own[used], head.vertices, head.triangles)

    _, _, usual = off()
    again, _, same = off(blur=0.0, seams=0, pinholes=0.0)
    assert again.mesh.vertices.tobytes() == plain.mesh.vertices.tobytes() and np.array_equal(usual, same)
    _, _, smooth = off(blur=6.0)
    assert smooth.max() > 1.4 > usual.max()  # the nose melts
    stitched, _, stepped = off(seams=5)
    assert 0.2 < stepped.mean() < 2 and stitched.drawn["seams"] == 5
    _, used, left = off(pinholes=0.05)
    assert 0.03 < 1 - used.mean() < 0.07 and np.array_equal(left, usual[used])
    for bad in ({"blur": 11}, {"seams": -1}, {"pinholes": 0.5}):
        with pytest.raises(ValueError, match=f"{next(iter(bad))}: expected a number from 0 to"):
            ScanPlan(**bad)
