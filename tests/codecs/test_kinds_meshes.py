"""Kinds of mesh files that other programs write and that readers of meshes have been seen to get wrong.

Each input is made here; the shape is a pyramid of 5 vertices and 6 triangles.
"""

# ruff: noqa: UP031

import json
import struct
import warnings

import numpy as np
import pytest
from PIL import Image

from inface.codecs import MeshData, read_mesh, write_mesh
from inface.errors import FileWarning, FormatError

POINTS = np.array([[0, 0, 0], [100, 0, 0], [100, 100, 0], [0, 100, 0], [50, 50, 80.0]])
FACES = np.array([[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4], [0, 3, 2], [0, 2, 1]])
V = "".join(f"{x:g} {y:g} {z:g}\n" for x, y, z in POINTS)
F = "".join(f"3 {a} {b} {c}\n" for a, b, c in FACES)
OBJ = "".join(f"v {x:g} {y:g} {z:g}\n" for x, y, z in POINTS) + "".join(
    f"f {a + 1} {b + 1} {c + 1}\n" for a, b, c in FACES
)


def ply(vertex="", rows=V, face="property list uchar int vertex_indices\n", faces=F, comment="", name="face", count=6):
    head = f"ply\nformat ascii 1.0\n{comment}element vertex 5\nproperty float x\nproperty float y\nproperty float z\n"
    return f"{head}{vertex}element {name} {count}\n{face}end_header\n{rows}{faces}"


def read(tmp_path, suffix, content, name="a"):
    path = tmp_path / f"{name}{suffix}"
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return read_mesh(path)


def is_pyramid(mesh, points=POINTS, atol=1e-4):
    np.testing.assert_allclose(mesh.vertices, points, atol=atol)
    np.testing.assert_array_equal(mesh.triangles, FACES)


# --- K14: the surface of a PLY


@pytest.mark.parametrize("name", ["vertex_ids", "vertex_index", "Vertex_Indices", "vertices", "indices", "my_corners"])
@pytest.mark.parametrize("element", ["face", "Face", "faces"])
def test_the_surface_of_a_ply_by_any_name(tmp_path, name, element):
    is_pyramid(read(tmp_path, ".ply", ply(face=f"property list uchar int {name}\n", name=element)))


def test_a_face_list_beside_other_lists_and_as_three_columns(tmp_path):
    face = "property uchar flags\nproperty list uchar int vertex_ids\nproperty list uchar float texcoord\n"
    faces = "".join(f"7 3 {a} {b} {c} 6 0 0 1 0 0 1\n" for a, b, c in FACES)
    is_pyramid(read(tmp_path, ".ply", ply(face=face, faces=faces)))
    columns = "".join(f"property int v{i}\n" for i in (1, 2, 3))
    is_pyramid(read(tmp_path, ".ply", ply(face=columns, faces=F.replace("3 ", "", 0).replace("\n3 ", "\n")[2:])))


@pytest.mark.parametrize(
    "face, faces, name",
    [
        ("property list uchar int one\nproperty list uchar int two\n", "1 0 1 0\n" * 6, "face"),
        ("property list uchar float weights\n", "1 0.5\n" * 6, "face"),
        ("property list uchar int vertex\nproperty int more\n", "1 0 2\n" * 6, "range_grid"),
    ],
)
def test_an_unknown_surface_is_refused_and_not_read_as_points(tmp_path, face, faces, name):
    if name == "range_grid":
        face, faces = "property list uchar int obj_index\nproperty int more\n", "1 0 2\n" * 6
    with pytest.raises(FormatError, match=f"keeps its surface in the element '{name}'"):
        read(tmp_path, ".ply", ply(face=face, faces=faces, name=name))


def test_a_point_cloud_with_a_camera_is_a_point_cloud(tmp_path):
    mesh = read(tmp_path, ".ply", ply(face="property float view_px\n", faces="1\n", name="camera", count=1))
    assert len(mesh.vertices) == 5 and not len(mesh.triangles)


# --- K15: odd and partial colours

BASE = np.array([[0.5, 0.4, 0.3]] * 5)


@pytest.mark.parametrize(
    "odd, right",
    [((1.0039, 0.8, 0.7), (1, 0.8, 0.7)), ((255, 0, 0), (1, 0, 0)), ((-0.01, 0.2, 1.3), (0, 0.2, 1))],
)
def test_one_odd_colour_leaves_the_others_alone(tmp_path, odd, right):
    colors = BASE.copy()
    colors[0] = odd
    rows = "".join("v %g %g %g %g %g %g\n" % (*p, *c) for p, c in zip(POINTS, colors, strict=True))
    mesh = read(tmp_path, ".obj", rows + OBJ[OBJ.index("f ") :])
    np.testing.assert_allclose(mesh.colors, [right, *BASE[1:]], atol=1e-6)


@pytest.mark.parametrize("scale", [255, 65535])
def test_colours_on_a_wider_scale(tmp_path, scale):
    colors = np.rint(np.linspace(0.1, 1, 15).reshape(5, 3) * scale)
    rows = "".join("%g %g %g %d %d %d\n" % (*p, *c) for p, c in zip(POINTS, colors, strict=True))
    vertex = "".join(f"property {'ushort' if scale > 255 else 'float'} {n}\n" for n in ("red", "green", "blue"))
    np.testing.assert_allclose(read(tmp_path, ".ply", ply(vertex, rows)).colors, colors / scale, atol=1e-6)
    # 16-bit columns that hold 8-bit numbers
    if scale == 255:
        as_short = vertex.replace("float", "ushort")
        np.testing.assert_allclose(read(tmp_path, ".ply", ply(as_short, rows)).colors, colors / 255, atol=1e-6)


def test_partial_colours_are_kept_and_the_rest_is_said(tmp_path):
    rows = OBJ.replace("v 100 0 0\n", "v 100 0 0 0 0 1\n").replace("v 50 50 80\n", "v 50 50 80 1 .5 .25\n")
    with pytest.warns(FileWarning, match="3 of 5 vertices have no colour .* grey"):
        mesh = read(tmp_path, ".obj", rows)
    np.testing.assert_allclose(mesh.colors[[1, 4]], [[0, 0, 1], [1, 0.5, 0.25]])
    is_pyramid(mesh)
    with pytest.warns(FileWarning, match="4 of 5"):
        mesh = read(tmp_path, ".off", "COFF\n5 6 0\n" + V.replace("50 50 80", "50 50 80 1 0 0 1") + F)
    np.testing.assert_allclose(mesh.colors[4], [1, 0, 0])
    document = {"vertices": POINTS.tolist(), "triangles": FACES.tolist(), "colors": [None] * 4 + [[0, 1, 0]]}
    with pytest.warns(FileWarning, match="4 of 5"):
        mesh = read(tmp_path, ".json", json.dumps(document))
    np.testing.assert_allclose(mesh.colors[4], [0, 1, 0])


# --- K5, K6, K13: marks, bytes and numbers of other worlds


@pytest.mark.parametrize(
    "suffix, text",
    [
        (".obj", OBJ),
        (".obj", "# made by scanner\r\n" + OBJ.replace("\n", "\r\n")),
        (".obj", "mtllib none.mtl\ng _0\n" + OBJ),
        (".off", "OFF\n5 6 0\n" + V + F),
        (".ply", ply()),
        (".json", json.dumps({"vertices": POINTS.tolist(), "triangles": FACES.tolist()})),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_skipped(tmp_path, suffix, text, encoding):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FileWarning)
        is_pyramid(read(tmp_path, suffix, text.encode(encoding)))


@pytest.mark.parametrize("word", [b"\x85", b"\xc3\x85se \xe2\x80\xa8 x", b"\x0b\x0c\x1c\x1d\x1e", b"\xff\xfe\xa0"])
def test_bytes_in_comments_are_comments(tmp_path, word):
    text = ply(comment="comment MARK\nobj_info MARK\n").encode().replace(b"MARK", b"by " + word + b" scan")
    is_pyramid(read(tmp_path, ".ply", text))
    is_pyramid(read(tmp_path, ".obj", b"# by " + word + b" scan\n" + OBJ.encode()))
    is_pyramid(read(tmp_path, ".off", b"OFF # by " + word + b" scan\n5 6 0\n" + (V + F).encode()))


NANS = ["1.#QNAN", "-1.#IND", "1.#IND00", "-nan(ind)", "nan(snan)", "-nan", "NaN", "1.#SNAN", "1.#QNAN0"]


@pytest.mark.parametrize("nan", NANS)
def test_not_a_number_as_other_programs_write_it(tmp_path, nan):
    normals = "".join(f"property float n{a}\n" for a in "xyz")
    is_pyramid(read(tmp_path, ".ply", ply(normals, V.replace("\n", f" {nan} {nan} {nan}\n"))))
    holed = V.replace("50 50 80", f"{nan} {nan} {nan}")
    expected = np.where(np.arange(5)[:, None] == 4, np.nan, POINTS)
    is_pyramid(read(tmp_path, ".ply", ply(rows=holed)), expected)
    is_pyramid(read(tmp_path, ".off", "OFF\n5 6 0\n" + holed + F), expected)
    is_pyramid(read(tmp_path, ".obj", OBJ.replace("50 50 80", f"{nan} {nan} {nan}")), expected)


def test_what_is_not_needed_is_not_parsed(tmp_path):
    extra = "property float quality\nproperty int label\n"
    is_pyramid(read(tmp_path, ".ply", ply(extra, V.replace("\n", " none ???\n"))))


@pytest.mark.parametrize("suffix, text", [(".obj", OBJ), (".ply", ply()), (".off", "OFF\n5 6 0\n" + V + F)])
@pytest.mark.parametrize(
    "word, sentence", [("50,5", "'50,5' has a decimal comma"), ("5x", "expected a number, got '5x'")]
)
def test_what_is_no_number_is_named(tmp_path, suffix, text, word, sentence):
    with pytest.raises(FormatError, match=sentence) as caught:
        read(tmp_path, suffix, text.replace("50 50 80", f"50 {word} 80"))
    assert "bytes" not in str(caught.value)


def test_a_backslash_joins_lines_but_not_those_of_comments(tmp_path):
    text = "# C:\\scans\\\n" + OBJ.replace("v 100 0 0", "v 100 \\\n 0 \\\r\n 0")
    is_pyramid(read(tmp_path, ".obj", text))


# --- K18, K19, K21: lengths and headers


def stl(count=6, tail=b"", header=b"x"):
    facets = np.zeros(6, [("n", "<f4", 3), ("c", "<f4", (3, 3)), ("a", "<u2")])
    facets["c"] = POINTS[FACES]
    return header.ljust(80, b"\0") + count.to_bytes(4, "little") + facets.tobytes() + tail


@pytest.mark.parametrize("tail", [b"", b"\0", b"\r\n", b"\0" * 92, b"\0" * 100, b"CREATED BY X", b"\x1a" * 7])
@pytest.mark.parametrize("header", [b"x", b"solid by a scanner", b"\xef\xbb\xbfname"])
def test_bytes_after_the_last_triangle_of_an_stl(tmp_path, tail, header):
    mesh = read(tmp_path, ".stl", stl(tail=tail, header=header))
    assert len(mesh.vertices) == 5 and len(mesh.triangles) == 6
    np.testing.assert_array_equal(mesh.vertices[mesh.triangles], POINTS[FACES])


@pytest.mark.parametrize("count", [0, 2, 4, 7])
def test_a_wrong_count_of_an_stl_is_refused(tmp_path, count):
    with pytest.raises(FormatError, match="damaged or cut short"):
        read(tmp_path, ".stl", stl(count))


@pytest.mark.parametrize(
    "head",
    [
        "OFF5 6 0\n",
        "OFF 5 6 0\n",
        "off\n5 6\n",
        "OFF\n\n5 6 0\n",
        "# c\nOFF\n# c\n5 6 0\n",
        "5 6 0\n",
        "OFF#c\n5 6 0\n",
    ],
)
def test_headers_of_off(tmp_path, head):
    is_pyramid(read(tmp_path, ".off", head + V + F))


def test_normals_and_colours_of_off_are_told_apart(tmp_path):
    mesh = read(tmp_path, ".off", "CNOFF\n5 6 0\n" + V.replace("\n", " 0 0 1 255 0 0 255\n") + F)
    is_pyramid(mesh)
    np.testing.assert_allclose(mesh.colors, [[1, 0, 0]] * 5)
    assert read(tmp_path, ".off", "NOFF\n5 6 0\n" + V.replace("\n", " 0 0 1\n") + F).colors is None
    for head in ("4OFF", "nOFF", "OFF BINARY"):
        with pytest.raises(FormatError, match="not supported"):
            read(tmp_path, ".off", head + "\n5 6 0\n" + V + F)


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
@pytest.mark.parametrize("first", [0x0A, 0x0D, 0x20, 0x09])
def test_a_binary_ply_whose_data_begin_like_a_line_end(tmp_path, end, first):
    points = POINTS.astype("<f4")
    points[0, 0] = struct.unpack("<f", bytes([first]) + b"H\r?")[0]
    faces = np.zeros(6, [("n", "u1"), ("c", "<i4", 3)])
    faces["n"], faces["c"] = 3, FACES
    head = ply(rows="", faces="").replace("ascii", "binary_little_endian").encode().replace(b"\n", end)
    is_pyramid(read(tmp_path, ".ply", head + points.tobytes() + faces.tobytes()), points)


# --- K17, K23: what GLB files may say


def glb(document, *arrays):
    binary, views = b"", []
    for array in arrays:
        piece = array if isinstance(array, bytes) else array.tobytes()
        views.append({"buffer": 0, "byteOffset": len(binary), "byteLength": len(piece)})
        binary += piece + b"\0" * (-len(piece) % 4)
    document = {
        "asset": {"version": "2.0"}, "scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}],
        "bufferViews": views, "buffers": [{"byteLength": len(binary)}], **document,
    }  # fmt: skip
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    body = struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(binary), 0x004E4942) + binary
    return b"glTF" + struct.pack("<II", 2, 12 + len(body)) + body


METRES = (POINTS / 1000).astype("<f4")
INDICES = FACES.astype("<u4")
ACCESSORS = [
    {"bufferView": 0, "componentType": 5126, "count": 5, "type": "VEC3"},
    {"bufferView": 1, "componentType": 5125, "count": 18, "type": "SCALAR"},
]


def primitive(**attributes):
    return {"attributes": {"POSITION": 0, **attributes}, "indices": 1}


@pytest.mark.parametrize(
    "extension",
    [
        "KHR_materials_unlit",
        "KHR_texture_transform",
        "KHR_materials_clearcoat",
        "KHR_lights_punctual",
        "EXT_texture_webp",
    ],
)
def test_extensions_that_leave_the_shape_alone(tmp_path, extension):
    content = glb(
        {"meshes": [{"primitives": [primitive()]}], "accessors": ACCESSORS, "extensionsRequired": [extension]},
        METRES,
        INDICES,
    )
    is_pyramid(read(tmp_path, ".glb", content))


@pytest.mark.parametrize(
    "extension", ["KHR_draco_mesh_compression", "EXT_meshopt_compression", "EXT_mesh_gpu_instancing"]
)
def test_extensions_that_change_the_shape_are_refused_by_name(tmp_path, extension):
    content = glb(
        {"meshes": [{"primitives": [primitive()]}], "accessors": ACCESSORS, "extensionsRequired": [extension]},
        METRES,
        INDICES,
    )
    with pytest.raises(FormatError, match=extension):
        read(tmp_path, ".glb", content)


@pytest.mark.parametrize(
    "kind, dtype, normalized", [(5123, "<u2", True), (5122, "<i2", True), (5122, "<i2", False), (5121, "u1", True)]
)
def test_quantised_positions_need_no_decoder(tmp_path, kind, dtype, normalized):
    top = np.iinfo(dtype).max if normalized else 1000
    stored = np.rint(POINTS / 100 * top).astype(dtype)
    padded = np.zeros((5, 4), dtype)
    padded[:, :3] = stored
    accessors = [{**ACCESSORS[0], "componentType": kind, "normalized": normalized}, ACCESSORS[1]]
    content = glb(
        {
            "nodes": [{"mesh": 0, "scale": [0.1 / (1 if normalized else top)] * 3}],
            "meshes": [{"primitives": [primitive()]}],
            "accessors": accessors,
            "extensionsRequired": ["KHR_mesh_quantization"],
        },
        padded,
        INDICES,
    )
    at = content.index(b'"byteLength": ')
    size = padded.itemsize * 4
    text = content[:at] + f'"byteStride":{size},'.encode() + content[at:]
    # the JSON grew: write its length anew
    grown = len(text) - len(content)
    length = struct.unpack("<I", content[12:16])[0]
    text = text[:20] + text[20 : 20 + length + grown] + b" " * (-grown % 4) + text[20 + length + grown :]
    grown += -grown % 4
    text = text[:8] + struct.pack("<II", len(text), length + grown) + text[16:]
    is_pyramid(read(tmp_path, ".glb", text), np.rint(POINTS / 100 * top) / top * 100, atol=1e-3)


@pytest.mark.parametrize("place", ["mesh", "node"])
@pytest.mark.parametrize("sparse", [False, True])
def test_default_morph_weights_are_applied(tmp_path, place, sparse):
    offsets = np.zeros((5, 3), "<f4")
    offsets[3] = [0.02, 0, 0.01]
    third = {"componentType": 5126, "count": 5, "type": "VEC3"}
    arrays = [METRES, INDICES]
    if sparse:
        third["sparse"] = {
            "count": 1,
            "indices": {"bufferView": 2, "componentType": 5123},
            "values": {"bufferView": 3},
        }
        arrays += [np.array([3], "<u2"), offsets[3]]
    else:
        third["bufferView"] = 2
        arrays.append(offsets)
    mesh = {"primitives": [{**primitive(), "targets": [{"POSITION": 2}]}], "weights": [0.5 if place == "mesh" else 0.0]}
    node = {"mesh": 0, **({"weights": [0.5]} if place == "node" else {})}
    content = glb({"nodes": [node], "meshes": [mesh], "accessors": [*ACCESSORS, third]}, *arrays)
    is_pyramid(read(tmp_path, ".glb", content), POINTS + 500 * offsets)


# --- K22: far from the origin


def test_a_mesh_far_from_the_origin(tmp_path):
    far = MeshData(POINTS * [1, 1, 1.001] + [4e8, -2e8, 1e7 + 0.125], FACES, None, {"n": np.array([4e8, 0.25, 0])})
    with pytest.raises(FormatError, match=r"STL \(float32\) would move it by .* mm; centre it first"):
        write_mesh(tmp_path / "a.stl", far)
    for suffix, atol in ((".glb", 1e-4), (".ply", 0), (".vtk", 0), (".vtp", 0)):
        write_mesh(tmp_path / f"a{suffix}", far)
        np.testing.assert_allclose(read_mesh(tmp_path / f"a{suffix}").vertices, far.vertices, rtol=0, atol=atol)
    np.testing.assert_allclose(read_mesh(tmp_path / "a.glb").landmarks["n"], [4e8, 0.25, 0], rtol=0, atol=1e-4)


# --- K20: units and frames that a mesh file states


@pytest.mark.parametrize(
    "unit, factor", [("m", 1000), ("centimeters", 10), ("mm", 1), ("Inches", 25.4), ("millimetres", 1)]
)
def test_units_that_a_mesh_file_states(tmp_path, unit, factor):
    small = POINTS / factor
    text = OBJ.replace(OBJ[: OBJ.index("f ")], "".join("v %.17g %.17g %.17g\n" % tuple(p) for p in small))
    is_pyramid(read(tmp_path, ".obj", f"# File units = {unit}\n" + text))
    rows = "".join("%.9g %.9g %.9g\n" % tuple(p) for p in small)
    is_pyramid(read(tmp_path, ".ply", ply(rows=rows, comment=f"comment units: {unit}\n")))
    is_pyramid(
        read(tmp_path, ".json", json.dumps({"vertices": small.tolist(), "triangles": FACES.tolist(), "unit": unit}))
    )


def test_slicers_ras_is_turned_to_lps(tmp_path):
    turned = POINTS * [-1, -1, 1]
    is_pyramid(read(tmp_path, ".ply", ply(comment="comment 3D Slicer output. SPACE=RAS\n")), turned)
    is_pyramid(read(tmp_path, ".ply", ply(comment="comment 3D Slicer output. SPACE=LPS\n")))
    mesh = read(tmp_path, ".stl", stl(header=b"3D Slicer output. SPACE=RAS"))
    np.testing.assert_array_equal(mesh.vertices[mesh.triangles], turned[FACES])
    is_pyramid(read(tmp_path, ".obj", "# 3D Slicer output. SPACE=RAS\n" + OBJ), turned)


# --- K16: colours of textures


def picture(path, left=(200, 40, 40), right=(40, 40, 200)):
    image = np.zeros((8, 16, 3), np.uint8)
    image[:, :8], image[:, 8:] = left, right
    Image.fromarray(image).save(path)


UV = "vt 0.1 0.2\nvt 0.9 0.8\n"
SEAM = "f 1/1 2/2 5/1\nf 2/2 3/2 5/1\nf 3/2 4/1 5/1\nf 4/1 1/1 5/1\nf 1/1 4/1 3/2\nf 1/1 3/2 2/2\n"
TEXTURED = OBJ[: OBJ.index("f ")] + UV + "usemtl skin\n" + SEAM


@pytest.mark.parametrize(
    "line",
    [
        "skin one.png",
        "-s 1 1 1 skin one.png",
        "-clamp on -bm 0.5 skin one.png",
        r"C:\scans\SKIN ONE.PNG",
        "./skin one.png",
    ],
)
@pytest.mark.parametrize("library", ["face.mtl", "my face.mtl"])
def test_a_texture_is_sampled_at_the_vertices(tmp_path, line, library):
    picture(tmp_path / "skin one.png")
    (tmp_path / library).write_text(f"\ufeff# c\nnewmtl skin\nKd 1 1 1\nmap_Kd {line}\n", encoding="utf-8")
    mesh = read(tmp_path, ".obj", f"mtllib {library}\n" + TEXTURED)
    is_pyramid(mesh)
    red, blue = np.array([200, 40, 40]) / 255, np.array([40, 40, 200]) / 255
    np.testing.assert_allclose(mesh.colors, [red, blue, blue, red, red], atol=1e-6)


def test_textures_that_cannot_be_read_are_said(tmp_path, monkeypatch):
    text = "mtllib face.mtl\n" + TEXTURED
    with pytest.warns(FileWarning, match=r"material file 'face.mtl' is not beside it"):
        assert read(tmp_path, ".obj", text).colors is None
    (tmp_path / "face.mtl").write_text("newmtl skin\nmap_Kd skin.png\n")
    with pytest.warns(FileWarning, match=r"texture 'skin.png' is not beside it, so its colours are lost"):
        assert read(tmp_path, ".obj", text).colors is None
    (tmp_path / "skin.png").write_bytes(b"no picture")
    with pytest.warns(FileWarning, match=r"texture 'skin.png' can't be read, so its colours are lost"):
        assert read(tmp_path, ".obj", text).colors is None
    picture(tmp_path / "skin.png")
    monkeypatch.setitem(__import__("sys").modules, "PIL.Image", None)
    with pytest.warns(FileWarning, match=r"colours are lost: .*pip install 'inface\[render\]'"):
        mesh = read(tmp_path, ".obj", text)
    is_pyramid(mesh)


def test_the_texture_of_a_ply(tmp_path):
    picture(tmp_path / "skin.png")
    face = "property list uchar int vertex_indices\nproperty list uchar float texcoord\n"
    uv = np.array([0.1, 0.9, 0.9, 0.1, 0.1])
    faces = "".join(f"3 {a} {b} {c} 6 {uv[a]} .5 {uv[b]} .5 {uv[c]} .5\n" for a, b, c in FACES)
    mesh = read(tmp_path, ".ply", ply(face=face, faces=faces, comment="comment TextureFile skin.png\n"))
    np.testing.assert_allclose(mesh.colors[:, 0] * 255, [200, 40, 40, 200, 200], atol=1e-6)
    by_vertex = ply(
        "property float s\nproperty float t\n", V.replace("\n", " .9 .5\n"), comment="comment TextureFile skin.png\n"
    )
    np.testing.assert_allclose(read(tmp_path, ".ply", by_vertex).colors[:, 2] * 255, [200] * 5, atol=1e-6)


def test_the_texture_and_factor_of_a_glb(tmp_path):
    picture(tmp_path / "skin.png")
    uv = np.array([[0.1, 0.5], [0.9, 0.5], [0.9, 0.5], [0.1, 0.5], [0.1, 0.5]], "<f4")
    accessors = [*ACCESSORS, {"bufferView": 2, "componentType": 5126, "count": 5, "type": "VEC2"}]
    document = {
        "meshes": [{"primitives": [{**primitive(TEXCOORD_0=2), "material": 0}]}],
        "accessors": accessors,
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        "textures": [{"source": 0}],
        "images": [{"bufferView": 3, "mimeType": "image/png"}],
    }
    content = glb(document, METRES, INDICES, uv, (tmp_path / "skin.png").read_bytes())
    mesh = read(tmp_path, ".glb", content)
    np.testing.assert_allclose(mesh.colors[:, 0] * 255, [200, 40, 40, 200, 200], atol=1e-6)
    moved = {"index": 0, "extensions": {"KHR_texture_transform": {"offset": [0.5, 0]}}}
    document["materials"] = [{"pbrMetallicRoughness": {"baseColorTexture": moved}}]
    mesh = read(tmp_path, ".glb", glb(document, METRES, INDICES, uv, (tmp_path / "skin.png").read_bytes()))
    np.testing.assert_allclose(mesh.colors[[0, 1], 0] * 255, [40, 200], atol=1e-6)
    document["materials"] = [{"pbrMetallicRoughness": {"baseColorFactor": [1, 0.5, 0, 1]}}]
    mesh = read(tmp_path, ".glb", glb(document, METRES, INDICES, uv, b"\0"))
    np.testing.assert_allclose(mesh.colors, [[1, 0.735357, 0]] * 5, atol=1e-5)  # linear 0.5 as sRGB
