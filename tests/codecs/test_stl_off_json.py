"""STL (no vertex identity), OFF and mesh JSON."""

import json

import numpy as np
import pytest
import trimesh

from inface.codecs import MeshData, read_mesh, write_mesh
from inface.errors import FormatError
from inface.mesh import Mesh


def corners(data):
    return data.vertices[data.triangles]


def test_stl_keeps_the_shape_and_admits_the_loss(tmp_path, blob):
    write_mesh(tmp_path / "a.stl", blob)
    data = read_mesh(tmp_path / "a.stl")
    assert data.correspondence is False and data.colors is None
    np.testing.assert_array_equal(corners(data), corners(blob).astype(np.float32))
    assert len(data.vertices) == len(np.unique(corners(blob).reshape(-1, 3), axis=0))  # welded
    other = trimesh.load(tmp_path / "a.stl", process=False)
    np.testing.assert_allclose(other.triangles, corners(blob), atol=1e-5)
    stored = np.frombuffer((tmp_path / "a.stl").read_bytes()[84:], "<f4,<f4,<f4,V38")
    normals = trimesh.Trimesh(blob.vertices, blob.triangles, process=False).face_normals
    np.testing.assert_allclose(np.stack([stored[f"f{i}"] for i in range(3)], 1), normals, atol=1e-5)


def test_mesh_remembers_that_stl_has_no_correspondence(tmp_path, blob):
    write_mesh(tmp_path / "a.STL", blob)
    mesh = Mesh.load(tmp_path / "a.STL")
    assert not mesh.correspondence
    assert not mesh.with_vertices(mesh.vertices + 1).correspondence
    assert not mesh.with_colors(None).with_landmarks(None).correspondence


def test_vertices_of_stl_stand_in_order_of_appearance(tmp_path):
    points = np.array([[5, 5, 5], [0, 0, 0], [9, 0, 0], [0, 9, 0.0]])
    write_mesh(tmp_path / "a.stl", MeshData(points, np.array([[0, 1, 2], [2, 1, 3]])))
    data = read_mesh(tmp_path / "a.stl")
    np.testing.assert_array_equal(data.vertices, points)
    np.testing.assert_array_equal(data.triangles, [[0, 1, 2], [2, 1, 3]])


@pytest.mark.parametrize("case", [str.lower, str.upper])
def test_text_stl(tmp_path, case):
    text = "solid a\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1e1 0 0\nvertex 0 1 0\nendloop\nendfacet\n"
    (tmp_path / "a.stl").write_text(case(text + "endsolid a\n"))
    data = read_mesh(tmp_path / "a.stl")
    np.testing.assert_array_equal(corners(data), [[[0, 0, 0], [10, 0, 0], [0, 1, 0]]])
    (tmp_path / "a.stl").write_text(case(text))
    with pytest.raises(FormatError, match="text STL file is cut short"):
        read_mesh(tmp_path / "a.stl")


def test_binary_stl_that_begins_with_solid(tmp_path, blob):
    write_mesh(tmp_path / "a.stl", blob)
    content = (tmp_path / "a.stl").read_bytes()
    (tmp_path / "a.stl").write_bytes(b"solid facet" + content[11:])
    assert len(read_mesh(tmp_path / "a.stl").triangles) == len(blob.triangles)


def test_off_dialects(tmp_path):
    text = "COFF 4 2 0 # counts on the first line\n0 0 0 255 0 0 255\n1 0 0 0 255 0 255\n\n1 1 0 0 0 255 255\n"
    text += "0 1 0 0 0 0 255\n4 0 1 2 3 0.5 0.5 0.5\n3 0 1 2\n"
    (tmp_path / "a.off").write_text(text)
    data = read_mesh(tmp_path / "a.off")
    np.testing.assert_array_equal(data.triangles, [[0, 1, 2], [0, 2, 3], [0, 1, 2]])
    np.testing.assert_array_equal(data.colors, [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]])


def test_off_against_trimesh(tmp_path, blob):
    plain = MeshData(blob.vertices, blob.triangles)
    write_mesh(tmp_path / "a.off", plain)
    other = trimesh.load(tmp_path / "a.off", process=False)
    np.testing.assert_allclose(other.vertices, blob.vertices, atol=1e-7)
    np.testing.assert_array_equal(other.faces, blob.triangles)
    other.export(tmp_path / "b.off")
    np.testing.assert_allclose(read_mesh(tmp_path / "b.off").vertices, blob.vertices, atol=1e-7)


def test_json_of_the_reference(tmp_path):
    """Only vertices and triangles, indented; and ours holds the same keys."""
    (tmp_path / "a.json").write_text(json.dumps({"vertices": [[0, 1, 2.5]] * 3, "triangles": [[0, 1, 2]]}, indent=4))
    data = read_mesh(tmp_path / "a.json")
    np.testing.assert_array_equal(data.vertices, [[0, 1, 2.5]] * 3)
    write_mesh(tmp_path / "b.json", data)
    assert set(json.loads((tmp_path / "b.json").read_text())) == {"vertices", "triangles"}


def test_json_of_ours_is_strict_json(tmp_path):
    write_mesh(tmp_path / "a.json", MeshData(np.array([[np.nan, 0, 1]]), np.zeros((0, 3), int)))
    text = (tmp_path / "a.json").read_text()
    assert "NaN" not in text and "null" in text


def test_json_landmarks_without_names(tmp_path):
    (tmp_path / "a.json").write_text('{"vertices": [[0,0,0]], "triangles": [], "landmarks": [[1,2,3],[4,5,NaN]]}')
    assert list(read_mesh(tmp_path / "a.json").landmarks) == ["0", "1"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1, 2]", "expected a JSON object with 'vertices' and 'triangles', got list"),
        ('{"matrix": []}', "got matrix"),
        ('{"vertices": [[0,0]], "triangles": []}', "damaged"),
        ('{"vertices": [["a","b","c"]], "triangles": []}', "damaged"),
        ('{"vertices": [[0,0,0]], "triangles": [[0,0]]}', r"expected shape \(T, 3\)"),
        ('{"vertices": [[0,0,0]], "triangles": [[0,0,0.5]]}', "whole numbers"),
        ("[" * 100_000, "damaged"),
    ],
)
def test_bad_json(tmp_path, text, words):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(FormatError, match=words):
        read_mesh(tmp_path / "a.json")
