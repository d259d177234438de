"""Every verb does what the model's method does, on files."""

import json
from pathlib import Path

import numpy as np
import pytest

import inface as package
from inface import Mesh


@pytest.fixture
def faces(disentangled_file, tmp_path):
    """Three random children on disk."""
    folder = tmp_path / "faces"
    folder.mkdir()
    model = package.load_model(disentangled_file)
    for i, mesh in enumerate(model.sample_meshes(3, seed=3)):
        mesh.export(folder / f"face{i}.ply")
    return folder


def same(mesh, other, tolerance=1e-6):
    return np.abs(mesh.vertices - other.vertices).max() < tolerance


def test_sample_is_seeded(inface_json, pca_file, tmp_path):
    first = inface_json("sample", pca_file, "-n", 3, "--seed", 5, "--out", tmp_path / "a")
    second = inface_json("sample", pca_file, "-n", 3, "--seed", 5, "--out", tmp_path / "b", "--format", "obj")
    other = inface_json("sample", pca_file, "-n", 3, "--seed", 6, "--out", tmp_path / "c")
    meshes = [[Mesh.load(r["output"]) for r in records] for records in (first, second, other)]
    assert len(meshes[0]) == 3
    assert all(same(a, b, 1e-4) for a, b in zip(meshes[0], meshes[1], strict=True))
    assert not any(same(a, c) for a, c in zip(meshes[0], meshes[2], strict=True))


def test_neutralize_express_transfer(inface_json, disentangled_file, faces, tmp_path):
    model = package.load_model(disentangled_file)
    meshes = [Mesh.load(p) for p in sorted(faces.iterdir())]

    neutral = inface_json("neutralize", disentangled_file, faces, "--out", tmp_path / "n")
    for record, mesh in zip(neutral, meshes, strict=True):
        assert same(Mesh.load(record["output"]), model.neutralize(mesh))

    smile = inface_json("express", disentangled_file, faces / "*.ply", "-e", "smiling", "--out", tmp_path / "s")
    for record, mesh in zip(smile, meshes, strict=True):
        assert same(Mesh.load(record["output"]), model.set_expression(mesh, "smiling"))

    np.save(tmp_path / "code.npy", np.array([5.0, -7.0]))
    coded = inface_json(
        "express", disentangled_file, faces / "face0.ply", "-e", tmp_path / "code.npy", "--out", tmp_path / "c.ply"
    )
    assert same(Mesh.load(coded[0]["output"]), model.set_expression(meshes[0], np.array([5.0, -7.0])))

    moved = inface_json(
        "transfer", disentangled_file, faces / "face0.ply", faces / "face1.ply", "--out", tmp_path / "t.ply"
    )
    assert same(Mesh.load(moved[0]["output"]), model.transfer_expression(meshes[0], meshes[1]))


def test_age_estimates_and_edits(inface, inface_json, disentangled_file, faces, tmp_path):
    model = package.load_model(disentangled_file)
    mesh = Mesh.load(faces / "face0.ply")
    told = inface_json("age", disentangled_file, faces)
    assert told[0]["age_months"] == pytest.approx(model.age(mesh))

    older = inface_json("age", disentangled_file, faces, "--months", 24, "--out", tmp_path / "o")
    assert model.age(Mesh.load(older[0]["output"])) == pytest.approx(24, abs=1e-3)

    coded = inface_json("age", disentangled_file, faces / "face0.ply", "--code", 10, "--out", tmp_path / "c.ply")
    assert same(Mesh.load(coded[0]["output"]), model.adjust_age(mesh, 10.0))

    code, _, err = inface("age", disentangled_file, faces, "--code", 1, "--months", 3)
    assert code == 2
    assert "not both" in err


def test_encode_then_decode(inface_json, disentangled_file, faces, tmp_path):
    for suffix in ("json", "npy"):
        codes = inface_json("encode", disentangled_file, faces, "--out", tmp_path / suffix, "--format", suffix)
        back = inface_json("decode", disentangled_file, tmp_path / suffix, "--out", tmp_path / f"{suffix}-back")
        assert len(codes) == len(back) == 3
        for record, path in zip(back, sorted(faces.iterdir()), strict=True):
            assert same(Mesh.load(record["output"]), Mesh.load(path), 1e-4)


def test_reconstruct_keeps_the_known_vertices(inface_json, pca_file, tmp_path):
    model = package.load_model(pca_file)
    mesh = model.sample_meshes(1, seed=2)[0]
    unknown = mesh.vertices[:, 0] > 20
    garbage = mesh.with_vertices(np.where(unknown[:, None], 1e9, mesh.vertices))
    garbage.export(tmp_path / "in.ply")
    np.save(tmp_path / "mask.npy", unknown)
    record = inface_json(
        "reconstruct", pca_file, tmp_path / "in.ply", "--mask", tmp_path / "mask.npy", "--back-match", "harmonic",
        "--out", tmp_path / "out.ply",
    )[0]  # fmt: skip
    result = Mesh.load(record["output"])
    assert np.array_equal(result.vertices[~unknown], mesh.vertices[~unknown])
    assert np.abs(result.vertices - mesh.vertices).max() < 0.1
    assert record["residual_mm"] < 0.1


def test_convert_keeps_order_and_count(inface_json, faces, tmp_path):
    records = inface_json("convert", faces, "--out", tmp_path / "obj", "--format", "obj")
    for record, path in zip(records, sorted(faces.iterdir()), strict=True):
        before, after = Mesh.load(path), Mesh.load(record["output"])
        assert same(before, after, 1e-4)
        assert np.array_equal(before.triangles, after.triangles)


def test_info_of_models_and_meshes(inface, inface_json, pca_file, disentangled_file, faces):
    model, mesh = inface_json("info", disentangled_file, faces / "face0.ply")
    assert model["blocks"] == {"identity": [0, 3], "expression": [3, 5], "age": [5, 6]}
    assert model["expressions"] == ["neutral", "smiling"]
    assert model["age_months"] == [0, 36]
    assert mesh["vertices"] == 642
    assert mesh["border_loops"] == 0
    code, out, _ = inface("info", pca_file)
    assert code == 0
    assert "0.10 mm a coordinate" in out


def test_translate_through_a_regressor(inface_json, pca_file, disentangled_file, faces, tmp_path):
    from inface import LinearRegressor

    random = np.random.default_rng(0)
    bridge = LinearRegressor(random.standard_normal((6, 6)), random.standard_normal(6))
    bridge.save(tmp_path / "bridge.json")
    record = inface_json(
        "translate", disentangled_file, tmp_path / "bridge.json", pca_file, faces / "face1.ply", "--out", tmp_path / "t"
    )[0]
    first, second = package.load_model(disentangled_file), package.load_model(pca_file)
    expected = second.decode_mesh(bridge(first.encode(Mesh.load(faces / "face1.ply"))))
    assert same(Mesh.load(record["output"]), expected, 1e-5)


def test_translate_takes_latents_as_they_come(inface, inface_json, pca_file, disentangled_file, tmp_path):
    matrix = np.random.default_rng(0).standard_normal((6, 6))
    package.LinearRegressor(matrix, np.ones(6)).save(tmp_path / "bridge.json")
    code = np.arange(6.0)
    np.save(tmp_path / "code.npy", code)
    words = ("translate", disentangled_file, tmp_path / "bridge.json", pca_file, tmp_path / "code.npy")
    mesh = inface_json(*words, "--out", tmp_path / "whole.ply")[0]
    second = package.load_model(pca_file)
    assert same(Mesh.load(mesh["output"]), second.decode_mesh(matrix @ code + 1), 1e-5)
    latent = inface_json(*words, "--latents", "--out", tmp_path / "latents")[0]
    np.testing.assert_allclose(json.loads(Path(latent["output"]).read_text())["latent"], matrix @ code + 1)

    package.LinearRegressor(matrix[:4], np.ones(4)).save(tmp_path / "bridge.json")
    status, _, err = inface(*words, "--out", tmp_path / "x.ply")
    assert status == 1
    assert "the regressor gives 4 numbers" in err


def test_correct_meets_the_target(inface, inface_json, disentangled_file, faces, tmp_path):
    weights = np.random.default_rng(1).standard_normal((2, 6))
    attributes = {"CI": [weights[0].tolist(), 85.0, 5.0, "cephalic index"], "age": [weights[1].tolist(), 12.0, 8.0, ""]}
    (tmp_path / "attributes.json").write_text(json.dumps(attributes))
    record = inface_json(
        "correct", disentangled_file, tmp_path / "attributes.json", faces / "face0.ply",
        "--target", "CI=80", "--fix", "age", "--out", tmp_path / "c.ply",
    )[0]  # fmt: skip
    model = package.load_model(disentangled_file)
    regressor = package.AttributeRegressor.load(tmp_path / "attributes.json")
    before = regressor.estimate(model, model.encode(Mesh.load(faces / "face0.ply")))
    after = regressor.estimate(model, model.encode(Mesh.load(record["output"])))
    assert after["CI"] == pytest.approx(80, abs=1e-3)
    assert after["age"] == pytest.approx(before["age"], abs=1e-3)
    assert record["before"]["CI"] == pytest.approx(before["CI"], abs=1e-3)
    assert record["after"]["CI"] == pytest.approx(80, abs=1e-6)
    code, _, err = inface("correct", disentangled_file, tmp_path / "attributes.json", faces, "--target", "CI=wide")
    assert code == 2
    assert "expected NAME=NUMBER" in err


def test_export_morph_targets_and_modes(inface, inface_json, pca_file, tmp_path):
    import pygltflib

    inface_json("export", pca_file, tmp_path / "modes.glb", "--modes", 4)
    gltf = pygltflib.GLTF2().load(str(tmp_path / "modes.glb"))
    assert gltf.meshes[0].extras["targetNames"] == ["mode_000", "mode_001", "mode_002", "mode_003"]
    assert len(gltf.meshes[0].primitives[0].targets) == 4
    files = inface_json("export", pca_file, tmp_path / "modes", "--modes", 2)
    assert [r["output"].rsplit("/", 1)[1] for r in files] == [
        "mode_000_minus.ply", "mode_000_plus.ply", "mode_001_minus.ply", "mode_001_plus.ply",
    ]  # fmt: skip
