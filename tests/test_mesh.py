"""The frozen mesh: refusals, immutability, landmarks that follow, the record of flaws, doors to files and viewer."""

import sys
import types

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from inface.landmarks import LandmarkSet
from inface.mesh import Mesh
from inface.transforms import Similarity

TRIANGLE = np.array([[0, 0, 0], [60.0, 0, 0], [0, 60, 0]])


def rotation(seed):
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.linalg.det(q)


@pytest.fixture
def sphere():
    ball = trimesh.creation.icosphere(subdivisions=2)
    points = np.array(ball.vertices) * [40, 50, 60]
    on_surface = points[ball.faces[:5]].mean(1)
    landmarks = {
        "vertex": points[7],
        "inside_triangle": on_surface[0],
        "above": on_surface[3] * 1.1,
        "none": [np.nan] * 3,
    }
    return Mesh(points, ball.faces, np.full(points.shape, 0.25), landmarks)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((TRIANGLE, [[0, 1, 99]]), r"triangles: index 99 outside \[0, 3\)"),
        ((TRIANGLE, [[0, 1, -1]]), r"triangles: index -1 outside \[0, 3\)"),
        ((TRIANGLE, [[0, 1]]), r"triangles: expected shape \(T, 3\), got \(1, 2\)"),
        ((TRIANGLE, [[0, 1, 1.5]]), "triangles: expected whole numbers"),
        ((TRIANGLE[:, :2], []), r"vertices: expected shape \(..., any, 3\), got \(3, 2\)"),
        ((TRIANGLE[None], []), r"vertices: expected shape \(V, 3\), got \(1, 3, 3\)"),
        ((TRIANGLE + np.inf, []), "vertices: expected finite numbers or NaN"),
        ((TRIANGLE, [], np.zeros((2, 3))), r"colors: expected shape \(..., 3, 3\), got \(2, 3\)"),
        ((TRIANGLE, [], np.full((3, 3), 255)), r"colors: expected numbers in \[0, 1\], got 255"),
        ((TRIANGLE, [], np.full((3, 3), np.nan)), "colors: expected finite"),
        ((TRIANGLE, [], None, np.zeros((2, 2))), r"landmarks: expected shape"),
        ((TRIANGLE, [], None, {"a": [np.inf, 0, 0]}), "landmarks: expected finite numbers or NaN"),
        ((["a"], []), "vertices: expected numbers"),
    ],
)
def test_refusals(arguments, words):
    with pytest.raises(ValueError, match=words):
        Mesh(*arguments)


def test_scans_with_flaws_are_welcome():
    vertices = np.vstack([TRIANGLE, [[np.nan] * 3], [[30, 0, 0]], [[np.nan, 1, 2]]])
    mesh = Mesh(vertices, [[0, 1, 2], [0, 0, 1], [0, 4, 1], [0, 1, 3]])
    info = mesh.info()
    assert (info.vertices, info.triangles, info.unknown_vertices, info.unused_vertices) == (6, 4, 2, 1)
    assert (info.repeated_index_triangles, info.zero_area_triangles, info.components) == (1, 1, 1)
    assert info.size == (60, 60, 0) and info.unit == "mm"
    assert info.as_dict()["zero_area_triangles"] == 1


def test_empty_mesh_and_point_cloud():
    empty = Mesh([], [])
    assert empty.vertices.shape == (0, 3) and empty.triangles.shape == (0, 3)
    assert empty.info().unit == "" and np.isnan(empty.info().size).all()
    cloud = Mesh(TRIANGLE, [])
    assert cloud.info().components == 0 and cloud.info().unused_vertices == 3
    assert not cloud.vertex_normals.any()


def test_nothing_of_the_mesh_can_be_changed_and_nothing_of_the_caller_is():
    vertices, triangles, colors = TRIANGLE.copy(), np.array([[0, 1, 2]], np.int32), np.zeros((3, 3))
    points = np.zeros((1, 3))
    mesh = Mesh(vertices, triangles, colors, LandmarkSet(("a",), points))
    vertices += 1
    triangles += 1
    colors += 1
    points += 1
    np.testing.assert_array_equal(mesh.vertices, TRIANGLE)
    np.testing.assert_array_equal(mesh.triangles, [[0, 1, 2]])
    assert not mesh.colors.any() and not mesh.landmarks.points.any()
    for array in (mesh.vertices, mesh.triangles, mesh.colors, mesh.landmarks.points):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(AttributeError):
        mesh.vertices = vertices
    base = TRIANGLE.copy()
    view = Mesh(base[:], [[0, 1, 2]])
    base += 5
    np.testing.assert_array_equal(view.vertices, TRIANGLE)
    assert mesh.with_colors(None).triangles is mesh.triangles  # what can't change need not be copied


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.floats(0.01, 100))
def test_landmarks_move_with_any_similarity(seed, scale):
    rng = np.random.default_rng(seed)
    ball = trimesh.creation.icosphere(subdivisions=1)
    mesh = Mesh(ball.vertices * 50, ball.faces, landmarks=rng.normal(size=(5, 3)) * 40)
    move = Similarity(rotation(seed), rng.normal(size=3) * 100, scale)
    moved = mesh.with_vertices(move.apply(mesh.vertices)).landmarks
    np.testing.assert_allclose(moved.points, move.apply(mesh.landmarks.points), atol=1e-8 * max(1, scale) * 100)


def test_landmarks_follow_their_own_piece_of_surface(sphere):
    bump = sphere.vertices.copy()
    bump[7] += [1, 2, 3]
    moved = sphere.with_vertices(bump)
    np.testing.assert_allclose(moved.landmarks["vertex"], sphere.landmarks["vertex"] + [1, 2, 3], atol=1e-9)
    corners = sphere.triangles[0]
    lifted = sphere.vertices.copy()
    lifted[corners] += np.eye(3)
    expected = lifted[corners].mean(0)
    np.testing.assert_allclose(sphere.with_vertices(lifted).landmarks["inside_triangle"], expected, atol=1e-9)
    assert np.isnan(moved.landmarks["none"]).all() and moved.landmarks.names == sphere.landmarks.names


def test_landmarks_stay_when_nothing_moves(sphere):
    same = sphere.with_vertices(sphere.vertices)
    np.testing.assert_allclose(same.landmarks.points, sphere.landmarks.points, atol=1e-10)
    np.testing.assert_array_equal(same.colors, sphere.colors)


def test_landmarks_and_unknown_vertices(sphere):
    """Anchored to known surface only; undefined once that surface is unknown."""
    holed = sphere.vertices.copy()
    holed[7] = np.nan
    anchored = Mesh(holed, sphere.triangles, landmarks=sphere.landmarks)
    shifted = anchored.with_vertices(holed + [0, 0, 5])
    np.testing.assert_allclose(shifted.landmarks["vertex"], sphere.landmarks["vertex"] + [0, 0, 5], atol=1e-9)
    assert np.isnan(sphere.with_vertices(holed).landmarks["vertex"]).all()
    nowhere = Mesh(holed * np.nan, sphere.triangles, landmarks=sphere.landmarks).with_vertices(sphere.vertices)
    assert np.isnan(nowhere.landmarks.points).all()


def test_landmarks_of_a_point_cloud_and_of_degenerate_triangles_move_with_the_nearest_vertex():
    for triangles in ([], [[0, 0, 1], [1, 1, 2]]):
        mesh = Mesh(TRIANGLE, triangles, landmarks={"a": [1, 1, 0]})
        moved = mesh.with_vertices(TRIANGLE + np.array([[3, 0, 0], [9, 9, 9], [9, 9, 9]]))
        np.testing.assert_allclose(moved.landmarks["a"], [4, 1, 0])


def test_with_vertices_refuses_another_count(sphere):
    with pytest.raises(ValueError, match=r"vertices: expected shape \(162, 3\), got \(161, 3\)"):
        Mesh(sphere.vertices, [], landmarks=sphere.landmarks).with_vertices(sphere.vertices[:-1])


@pytest.mark.parametrize(("factor", "unit"), [(1, "mm"), (0.1, "cm"), (0.001, "m"), (1000, "")])
def test_unit_guess(sphere, factor, unit):
    info = sphere.with_vertices(sphere.vertices * factor).info()
    assert info.unit == unit
    np.testing.assert_allclose(info.size, np.array([80, 100, 120]) * factor, rtol=0.1)


def test_info_counts_components_and_borders(sphere):
    assert (sphere.info().components, sphere.info().border_loops) == (1, 0)
    two = Mesh(
        np.vstack([sphere.vertices, sphere.vertices + 200]),
        np.vstack([sphere.triangles[1:], sphere.triangles + len(sphere.vertices)]),
    )
    assert (two.info().components, two.info().border_loops) == (2, 1)


def test_normals(sphere):
    other = trimesh.Trimesh(sphere.vertices, sphere.triangles, process=False)
    outward = (sphere.vertex_normals * sphere.vertices).sum(1)
    assert (outward > 0).all()
    weighted = np.zeros_like(sphere.vertices)
    for corners, normal, area in zip(other.faces, other.face_normals, other.area_faces, strict=True):
        weighted[corners] += normal * area
    weighted /= np.linalg.norm(weighted, axis=1, keepdims=True)
    np.testing.assert_allclose(sphere.vertex_normals, weighted, atol=1e-9)


@pytest.mark.parametrize("suffix", ["ply", "OBJ", "json", "glb"])
def test_export_then_load(tmp_path, sphere, suffix):
    path = tmp_path / f"a.{suffix}"
    sphere.export(path)
    back = Mesh.load(str(path))
    np.testing.assert_allclose(back.vertices, sphere.vertices, atol=1e-5 if suffix == "glb" else 0)
    np.testing.assert_array_equal(back.triangles, sphere.triangles)
    np.testing.assert_allclose(back.colors, sphere.colors, atol=0.5 / 255)
    assert back.landmarks.names == sphere.landmarks.names
    np.testing.assert_array_equal(back.landmarks.points, sphere.landmarks.points)


def test_show_hands_the_meshes_to_the_viewer(sphere, monkeypatch):
    shown = []
    monkeypatch.setitem(sys.modules, "inface.viewer", types.SimpleNamespace(show=shown.append))
    monkeypatch.setattr("inface.viewer", sys.modules["inface.viewer"], raising=False)
    sphere.show()
    Mesh.show_multiple_meshes(sphere, sphere)
    sphere.show_multiple_meshes(sphere)  # as the reference's scripts call it
    assert [len(meshes) for meshes in shown] == [1, 2, 1] and shown[0][0] is sphere


def test_a_real_scan(tmp_path, shared_data):
    """Six pieces and open borders, as its documentation says; it comes back from every exact format."""
    data = shared_data("scan_menpo3d_james.npz")
    scan = Mesh(data["vertices"], data["triangles"])
    info = scan.info()
    assert (info.vertices, info.components, info.unit) == (6393, 6, "mm") and info.border_loops >= 6
    for suffix in ("ply", "obj", "off", "json"):
        scan.export(tmp_path / f"scan.{suffix}")
        back = Mesh.load(tmp_path / f"scan.{suffix}")
        np.testing.assert_array_equal(back.vertices, scan.vertices)
        np.testing.assert_array_equal(back.triangles, scan.triangles)
