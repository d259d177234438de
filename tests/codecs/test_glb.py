"""GLB: valid, in metres for others and exact for us, morph targets with names."""

import json
import struct

import numpy as np
import pytest
import trimesh

from inface.codecs import MeshData, read_mesh, write_glb_morphs, write_mesh
from inface.errors import FormatError

SIZES = {5121: ("<u1", 1), 5123: ("<u2", 2), 5125: ("<u4", 4), 5126: ("<f4", 4)}


def take_apart(path):
    """The document and a function that reads an accessor: a dense reader written from the glTF 2.0 text."""
    content = path.read_bytes()
    magic, version, total = struct.unpack("<4sII", content[:12])
    assert (magic, version, total) == (b"glTF", 2, len(content))
    length, kind = struct.unpack("<I4s", content[12:20])
    assert kind == b"JSON" and length % 4 == 0
    document = json.loads(content[20 : 20 + length])
    size, kind = struct.unpack("<I4s", content[20 + length : 28 + length])
    assert kind == b"BIN\0" and size % 4 == 0 and 28 + length + size == total
    assert document["buffers"] == [{"byteLength": size}]
    binary = content[28 + length :]

    def accessor(index):
        a = document["accessors"][index]
        view = document["bufferViews"][a["bufferView"]]
        dtype, width = SIZES[a["componentType"]]
        columns = {"SCALAR": 1, "VEC3": 3}[a["type"]]
        assert view["byteOffset"] % 4 == 0 and view["byteLength"] == a["count"] * columns * width
        piece = binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
        return np.frombuffer(piece, dtype).reshape(a["count"], columns)

    return document, accessor


@pytest.fixture
def targets(blob):
    return np.random.default_rng(0).normal(size=(4, *blob.vertices.shape))


def test_morph_targets_with_names(tmp_path, blob, targets):
    names = ["identity_00", "smile", "älter", "d"]
    write_glb_morphs(tmp_path / "a.glb", blob, targets, names, weights=[0, 0.5, 0, 1])
    document, accessor = take_apart(tmp_path / "a.glb")
    mesh = document["meshes"][0]
    assert mesh["extras"]["targetNames"] == names and mesh["extras"]["unit"] == "mm"
    assert mesh["weights"] == [0, 0.5, 0, 1]
    primitive = mesh["primitives"][0]
    assert primitive["mode"] == 4
    np.testing.assert_array_equal(accessor(primitive["attributes"]["POSITION"]), blob.vertices.astype("f4"))
    np.testing.assert_array_equal(accessor(primitive["indices"]).reshape(-1, 3), blob.triangles)
    for target, expected in zip(primitive["targets"], targets.astype("f4"), strict=True):
        np.testing.assert_array_equal(accessor(target["POSITION"]), expected)
    for index in [primitive["attributes"]["POSITION"], *(t["POSITION"] for t in primitive["targets"])]:
        values = accessor(index)
        assert document["accessors"][index]["min"] == values.min(0).tolist()
        assert document["accessors"][index]["max"] == values.max(0).tolist()
    assert document["nodes"][0]["scale"] == [0.001] * 3
    shown = blob.vertices + 0.5 * targets[1] + targets[3]  # the default weights are what a viewer shows
    np.testing.assert_allclose(read_mesh(tmp_path / "a.glb").vertices, shown, atol=1e-5)


def test_others_see_metres(tmp_path, blob):
    write_mesh(tmp_path / "a.glb", blob)
    scene = trimesh.load(tmp_path / "a.glb", process=False)
    other = scene.to_geometry()
    np.testing.assert_allclose(other.vertices, blob.vertices / 1000, atol=1e-7)
    np.testing.assert_array_equal(other.faces, blob.triangles)


def test_metres_of_others_become_millimetres(tmp_path):
    box = trimesh.creation.box(extents=(0.1, 0.2, 0.3))
    turn = trimesh.transformations.rotation_matrix(0.7, [1, 2, 3], [0.1, 0, 0])
    scene = trimesh.Scene()
    scene.add_geometry(box, transform=turn)
    scene.add_geometry(trimesh.creation.box(extents=(0.01, 0.01, 0.01)))
    scene.export(tmp_path / "a.glb")
    data = read_mesh(tmp_path / "a.glb")
    expected = trimesh.load(tmp_path / "a.glb").to_geometry()
    assert len(data.vertices) == len(expected.vertices) and len(data.triangles) == 24
    np.testing.assert_allclose(np.sort(data.vertices, 0), np.sort(expected.vertices * 1000, 0), atol=1e-3)
    volume = np.einsum("ti,ti->", *(lambda c: (c[:, 0], np.cross(c[:, 1], c[:, 2])))(data.vertices[data.triangles])) / 6
    assert volume == pytest.approx((100 * 200 * 300 + 1000), rel=1e-5)


def rewrite(path, change):
    """Change the JSON of a GLB file."""
    content = path.read_bytes()
    length = struct.unpack("<I", content[12:16])[0]
    document = json.loads(content[20 : 20 + length])
    change(document)
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    rest = content[20 + length :]
    head = b"glTF" + struct.pack("<II", 2, 20 + len(text) + len(rest)) + struct.pack("<I4s", len(text), b"JSON")
    path.write_bytes(head + text + rest)


@pytest.mark.parametrize(
    "node",
    [
        {"translation": [1, 2, 3], "rotation": [0, 0, np.sqrt(0.5), np.sqrt(0.5)], "scale": [0.001, 0.001, 0.001]},
        {"matrix": [0, 0.001, 0, 0, -0.001, 0, 0, 0, 0, 0, 0.001, 0, 1, 2, 3, 1]},
    ],
)
def test_transforms_of_nodes(tmp_path, blob, node):
    write_mesh(tmp_path / "a.glb", blob)

    def nest(document):
        document["nodes"] = [{"children": [1]}, {"mesh": 0, **node}]

    rewrite(tmp_path / "a.glb", nest)
    x, y, z = blob.vertices.T
    expected = np.stack([-y + 1000, x + 2000, z + 3000], 1)
    data = read_mesh(tmp_path / "a.glb")
    np.testing.assert_allclose(data.vertices, expected, atol=1e-4)
    np.testing.assert_allclose(data.landmarks["nasion"], [998, 2001, 3000 + 1 / 3], atol=1e-9)


def test_a_mirroring_node_turns_the_triangles(tmp_path, blob):
    write_mesh(tmp_path / "a.glb", blob)
    rewrite(tmp_path / "a.glb", lambda d: d["nodes"][0].update(scale=[-0.001, 0.001, 0.001]))
    np.testing.assert_array_equal(read_mesh(tmp_path / "a.glb").triangles, blob.triangles[:, ::-1])


def test_two_primitives_that_share_their_vertices(tmp_path, blob):
    write_mesh(tmp_path / "a.glb", blob)
    rewrite(tmp_path / "a.glb", lambda d: d["meshes"][0]["primitives"].append(d["meshes"][0]["primitives"][0]))
    data = read_mesh(tmp_path / "a.glb")
    assert len(data.vertices) == 30 and len(data.triangles) == 2 * len(blob.triangles)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(extensionsRequired=["KHR_draco_mesh_compression"]), "KHR_draco_mesh_compression"),
        (lambda d: d["accessors"][0].update(sparse={}), "sparse"),
        (lambda d: d["accessors"][0].update(count=10**9), "cut short"),
        (lambda d: (d["bufferViews"][0].update(byteStride=0), d["accessors"][0].update(count=10**12)), "cut short"),
        (lambda d: d["buffers"][0].update(uri="other.bin"), "another file"),
        (lambda d: d["nodes"][0].update(children=[0]), "loop"),
        (lambda d: d.update(nodes=[{}]), "no mesh"),
        (lambda d: d["meshes"][0]["primitives"][0].pop("attributes"), "damaged"),
    ],
)
def test_bad_files(tmp_path, blob, change, words):
    write_mesh(tmp_path / "a.glb", blob)
    rewrite(tmp_path / "a.glb", change)
    with pytest.raises(FormatError, match=words):
        read_mesh(tmp_path / "a.glb")


def test_bad_targets(tmp_path, blob, targets):
    path = tmp_path / "a.glb"
    with pytest.raises(ValueError, match=r"targets: expected shape \(..., 3, 30, 3\), got \(4, 30, 3\)"):
        write_glb_morphs(path, blob, targets, list("abc"))
    with pytest.raises(ValueError, match="two morph targets have one name"):
        write_glb_morphs(path, blob, targets, list("abca"))
    with pytest.raises(FormatError, match=r"unknown \(NaN\) targets"):
        write_glb_morphs(path, blob, targets * np.nan, list("abcd"))
    with pytest.raises(FormatError, match="without vertices"):
        write_mesh(path, MeshData(np.zeros((0, 3)), np.zeros((0, 3), int)))
    assert list(tmp_path.iterdir()) == []


def test_another_reader_agrees(tmp_path, blob, targets):
    pygltflib = pytest.importorskip("pygltflib")
    write_glb_morphs(tmp_path / "a.glb", blob, targets, list("abcd"))
    document = pygltflib.GLTF2().load(str(tmp_path / "a.glb"))
    assert document.meshes[0].extras["targetNames"] == list("abcd")
    assert document.accessors[0].count == 30 and len(document.meshes[0].primitives[0].targets) == 4
