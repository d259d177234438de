"""PLY in all its dialects, against a plain dense writer of this file and against trimesh."""

import struct

import numpy as np
import pytest
import trimesh

from inface.codecs import read_mesh, write_mesh
from inface.errors import FormatError

CODES = {"char": "b", "uchar": "B", "short": "h", "ushort": "H", "int": "i", "uint": "I", "float": "f", "double": "d"}
POINTS = [(0, 0, 0), (1, 0, 0.5), (1, 1, 0.25), (0, 1, -2), (4, 5, 6)]
FORMATS = ["ascii", "binary_little_endian", "binary_big_endian"]


def ply(form, elements):
    """A PLY file as bytes; `elements`: [(name, [(property, type or (count type, type))], rows)]."""
    header = ["ply", f"format {form} 1.0", "comment made by a test", "obj_info nothing"]
    body = b""
    order = "<" if "little" in form else ">"
    for name, properties, rows in elements:
        header.append(f"element {name} {len(rows)}")
        for p, kind in properties:
            header.append(f"property {'list ' + ' '.join(kind) if isinstance(kind, tuple) else kind} {p}")
        for row in rows:
            words = []
            for value, (_, kind) in zip(row, properties, strict=True):
                if isinstance(kind, tuple):
                    words += [(len(value), kind[0])] + [(v, kind[1]) for v in value]
                else:
                    words.append((value, kind))
            if form == "ascii":
                body += " ".join(str(v) for v, _ in words).encode() + b"\n"
            else:
                body += b"".join(struct.pack(order + CODES[k], v) for v, k in words)
    return "\n".join([*header, "end_header", ""]).encode() + body


def face(rows, name="vertex_indices", kind=("uchar", "int")):
    return ("face", [(name, kind)], [(row,) for row in rows])


def read(tmp_path, content):
    (tmp_path / "a.ply").write_bytes(content)
    return read_mesh(tmp_path / "a.ply")


XYZ = [("x", "float"), ("y", "float"), ("z", "float")]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", ["float", "double", "short"])
def test_types_and_vertex_order(tmp_path, form, kind):
    points = [tuple(int(c) for c in p) for p in POINTS] if kind == "short" else POINTS
    properties = [(n, kind) for n in "xyz"]
    data = read(tmp_path, ply(form, [("vertex", properties, points), face([(0, 1, 2), (0, 2, 3)])]))
    np.testing.assert_array_equal(data.vertices, points)
    np.testing.assert_array_equal(data.triangles, [[0, 1, 2], [0, 2, 3]])
    assert data.colors is None


@pytest.mark.parametrize("form", FORMATS)
def test_any_order_of_properties_and_further_elements(tmp_path, form):
    vertex = (
        "vertex",
        [("nx", "float"), ("z", "double"), ("blue", "uchar"), ("x", "float"), ("red", "uchar"), ("y", "float"),
         ("green", "uchar"), ("quality", "ushort")],
        [(0.5, z, 51, x, 255, y, 0, 9) for x, y, z in POINTS],
    )  # fmt: skip
    camera = ("camera", [("view", "float"), ("names", ("int", "uchar"))], [(1.5, (1, 2, 3)), (2.5, ())])
    faces = (
        "face",
        [("flag", "uchar"), ("vertex_index", ("uint", "uint")), ("texcoord", ("uchar", "float")), ("id", "int")],
        [(1, (0, 1, 2), (0.5,) * 6, 7), (2, (0, 2, 3, 4), (0.25,) * 8, 8), (3, (1, 2, 4), (), 9)],
    )
    data = read(tmp_path, ply(form, [camera, vertex, faces, ("edge", [("a", "int")], [(1,), (2,)])]))
    np.testing.assert_array_equal(data.vertices, POINTS)
    np.testing.assert_array_equal(data.colors, [[1, 0, 0.2]] * 5)
    np.testing.assert_array_equal(data.triangles, [[0, 1, 2], [0, 2, 3], [0, 3, 4], [1, 2, 4]])


@pytest.mark.parametrize("form", FORMATS)
def test_polygons_become_fans_in_order(tmp_path, form):
    data = read(tmp_path, ply(form, [("vertex", XYZ, POINTS), face([(0, 1, 2, 3, 4), (0, 1), (4, 3, 2), (1,), ()])]))
    np.testing.assert_array_equal(data.triangles, [[0, 1, 2], [0, 2, 3], [0, 3, 4], [4, 3, 2]])


@pytest.mark.parametrize("form", FORMATS)
def test_triangle_strips(tmp_path, form):
    strips = ("tristrips", [("vertex_indices", ("int", "int"))], [((0, 1, 2, 3, -1, 2, 3, 4),)])
    data = read(tmp_path, ply(form, [("vertex", XYZ, POINTS), strips]))
    np.testing.assert_array_equal(data.triangles, [[0, 1, 2], [2, 1, 3], [2, 3, 4]])


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("uchar", (0, 51, 255), (0, 0.2, 1)),
        ("float", (0, 0.25, 1), (0, 0.25, 1)),
        ("float", (0, 51, 255), (0, 0.2, 1)),
        ("ushort", (0, 13107, 65535), (0, 0.2, 1)),
    ],
)
def test_colours(tmp_path, form, kind, values, expected):
    properties = XYZ + [(n, kind) for n in ("red", "green", "blue")] + [("alpha", "uchar")]
    data = read(tmp_path, ply(form, [("vertex", properties, [(*POINTS[0], *values, 7)] * 2)]))
    np.testing.assert_allclose(data.colors, [expected] * 2, atol=1e-12)


@pytest.mark.parametrize("form", FORMATS)
def test_a_point_cloud_and_no_vertex_at_all(tmp_path, form):
    assert read(tmp_path, ply(form, [("vertex", XYZ, POINTS)])).triangles.shape == (0, 3)
    empty = read(tmp_path, ply(form, [("vertex", XYZ, []), face([])]))
    assert empty.vertices.shape == (0, 3) and empty.triangles.shape == (0, 3)


def test_windows_line_ends_in_the_header(tmp_path):
    content = ply("ascii", [("vertex", XYZ, POINTS), face([(0, 1, 2)])]).replace(b"\n", b"\r\n")
    np.testing.assert_array_equal(read(tmp_path, content).vertices, POINTS)


@pytest.mark.parametrize("encoding", ["ascii", "binary"])
def test_reads_what_trimesh_writes(tmp_path, encoding):
    sphere = trimesh.creation.icosphere(subdivisions=2)
    sphere.export(tmp_path / "a.ply", encoding=encoding)
    data = read_mesh(tmp_path / "a.ply")
    np.testing.assert_allclose(data.vertices, sphere.vertices, atol=1e-6)
    np.testing.assert_array_equal(data.triangles, sphere.faces)


def test_trimesh_reads_what_we_write(tmp_path, blob):
    write_mesh(tmp_path / "a.ply", blob)
    other = trimesh.load(tmp_path / "a.ply", process=False)
    np.testing.assert_array_equal(other.vertices, blob.vertices)
    np.testing.assert_array_equal(other.faces, blob.triangles)
    np.testing.assert_array_equal(other.visual.vertex_colors[:, :3], np.rint(blob.colors * 255))


@pytest.mark.parametrize("form", FORMATS)
def test_every_truncation_of_mixed_polygons(tmp_path, form):
    whole = ply(form, [("vertex", XYZ, POINTS), face([(0, 1, 2), (0, 1, 2, 3), (1, 2, 3)])])
    last = 2 if form == "ascii" else 0  # text without its last line end or digit is whole, or can't be told
    for cut in range(len(whole) - last):
        with pytest.raises(FormatError):
            read(tmp_path, whole[:cut])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((b"element vertex 5", b"element vertex 500000000000"), "cut short or damaged: its header names 500000000000"),
        ((b"property float x", b"property quux x"), "does not know: 'property quux x'"),
        ((b"property float x", b"property float w"), "no element 'vertex' with the properties x, y, z"),
        ((b"binary_little_endian", b"binary_middle_endian"), "format 'binary_middle_endian' is unknown"),
        ((b"list uchar int", b"list char int"), None),
        ((b"element vertex 5", b"element vertex -5"), "does not know"),
    ],
)
def test_damaged_headers(tmp_path, change, words):
    whole = ply("binary_little_endian", [("vertex", XYZ, POINTS), face([(0, 1, 2)])])
    if words is None:  # a signed count is fine until it is negative
        assert len(read(tmp_path, whole.replace(*change)).triangles) == 1
        whole, words = whole[:-13] + b"\xff" + whole[-12:], "negative length -1"
    with pytest.raises(FormatError, match=words):
        read(tmp_path, whole.replace(*change))
