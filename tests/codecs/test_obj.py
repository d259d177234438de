"""OBJ: one vertex a position line, in order, whatever else the file holds."""

import numpy as np
import pytest
import trimesh

from inface.codecs import read_mesh, write_mesh
from inface.errors import FormatError

SQUARE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"


def read(tmp_path, text):
    (tmp_path / "a.obj").write_bytes(text.encode("latin-1"))
    return read_mesh(tmp_path / "a.obj")


def test_seams_and_materials_do_not_split_vertices(tmp_path):
    """The second triangle uses other texture corners and another material; trimesh makes six vertices of it."""
    text = "mtllib a.mtl\no face\n" + SQUARE + "vt 0 0\nvt 1 0\nvt 1 1\nvt .5 .5\nvn 0 0 1\nvn 0 1 0\ng one\ns 1\n"
    text += "usemtl skin\nf 1/1/1 2/2/1 3/3/1\nusemtl cloth\nf 1/4/2 3/2/2 4/1/2\nl 1 2\n"
    data = read(tmp_path, text)
    np.testing.assert_array_equal(data.vertices, [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    np.testing.assert_array_equal(data.triangles, [[0, 1, 2], [0, 2, 3]])
    other = trimesh.load(tmp_path / "a.obj", force="mesh")
    assert len(other.vertices) > 4  # the reason for a reader of our own


@pytest.mark.parametrize(
    "face", ["f 1 2 3 4", "f 1/9 2/9 3/9 4/9", "f 1//7 2//7 3//7 4//7", "f -4 -3 -2 -1", "fo 1 2 3 4"]
)
def test_polygons_and_forms_of_corners(tmp_path, face):
    np.testing.assert_array_equal(read(tmp_path, SQUARE + face + "\n").triangles, [[0, 1, 2], [0, 2, 3]])


def test_negative_indices_count_from_their_own_line(tmp_path):
    data = read(tmp_path, "v 0 0 0\nv 1 0 0\nv 1 1 0\nf -3 -2 -1\nv 0 1 0\nf -4 -2/-1 -1\n")
    np.testing.assert_array_equal(data.triangles, [[0, 1, 2], [0, 2, 3]])


def test_unused_and_repeated_vertices_stay(tmp_path):
    data = read(tmp_path, "v 9 9 9\n" + SQUARE + "v 1 0 0\nf 2 3 4\n")
    assert len(data.vertices) == 6
    np.testing.assert_array_equal(data.triangles, [[1, 2, 3]])


@pytest.mark.parametrize("scale", [1, 255])
def test_vertex_colours(tmp_path, scale):
    data = read(tmp_path, f"v 0 0 0 {scale} 0 0\nv 1 0 0 0 {scale} 0\nv 0 1 0 0 0 {scale}\nf 1 2 3\n")
    np.testing.assert_array_equal(data.colors, np.eye(3))


def test_weights_are_no_colours(tmp_path):
    assert read(tmp_path, "v 0 0 0 1.0\nv 1 0 0 1.0\nv 0 1 0 1.0\nf 1 2 3\n").colors is None


def test_continued_lines_comments_tabs_and_windows_ends(tmp_path):
    text = "# café\r\nv 0 0 \\\r\n0\r\n\tv\t1 0 0 # the second\r\n\r\nv 1 1 0\r\nv 0 1 0\r\nf 1 2 \\\r\n3 4\r\n"
    data = read(tmp_path, text)
    assert data.vertices.shape == (4, 3)
    np.testing.assert_array_equal(data.triangles, [[0, 1, 2], [0, 2, 3]])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("v 0 0\n", "fewer than three"),
        ("v 0 0 0\nf 0 1 1\n", "names vertex 0; OBJ counts from 1"),
        ("v 0 0 0\nf 1 2 3\n", r"index 2 outside \[0, 1\)"),
        ("v 0 0 0\nf -2 -1 -1\n", r"index -1 outside \[0, 1\)"),
        ("v 0 0 zero\n", "expected a number, got 'zero'"),
        ("v 0 0 inf\n", "infinite"),
        ("vt 0 0\n", "no vertices"),
        ("hello there\n", "line 1 of the OBJ file is no OBJ: 'hello there'"),
    ],
)
def test_bad_files(tmp_path, text, words):
    with pytest.raises(FormatError, match=words):
        read(tmp_path, text)


def test_trimesh_reads_what_we_write(tmp_path, blob):
    write_mesh(tmp_path / "a.obj", blob)
    other = trimesh.load(tmp_path / "a.obj", process=False, maintain_order=True)
    np.testing.assert_allclose(other.vertices, blob.vertices, atol=1e-7)
    np.testing.assert_array_equal(other.faces, blob.triangles)


def test_an_edited_file_of_ours_is_noticed(tmp_path, blob):
    write_mesh(tmp_path / "a.obj", blob)
    lines = (tmp_path / "a.obj").read_text().splitlines(keepends=True)
    with pytest.raises(FormatError, match="names 30 vertices and 38 triangles, but it holds 30 and 36"):
        read(tmp_path, "".join(lines[:-2]))
