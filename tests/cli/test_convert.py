"""`inface convert`: from the user's file to the file the user takes away."""

import json

import numpy as np
import pytest

from inface import LandmarkSet, Mesh, load_model

FCSV = (
    "# Markups fiducial file version = 4.6\n# columns = label,x,y,z,sel,vis\n"
    "n,0.5,40.25,80.125,1,1\nprn,1.5,20,100,1,1\n"
)


def test_landmarks_of_slicer_to_a_table_in_words_and_numbers(inface, tmp_path):
    (tmp_path / "anna.fcsv").write_text(FCSV)
    code, out, err = inface("convert", tmp_path / "anna.fcsv", tmp_path / "anna.csv")
    assert code == 0, err
    assert "landmarks 2" in out and "frame LPS" in out and "unit mm" in out
    assert (tmp_path / "anna.csv").read_text().splitlines()[1] == "-0.5,-40.25,80.125,n"
    np.testing.assert_array_equal(LandmarkSet.load(tmp_path / "anna.csv")["prn"], [-1.5, -20, 100])


@pytest.mark.parametrize("format", ["mrk.json", "pp", "tps", "fcsv", "json", ".pts", "csv"])
def test_a_folder_of_landmarks_to_every_kind(inface_json, tmp_path, format):
    (tmp_path / "in").mkdir()
    for name in ("anna", "ben"):
        LandmarkSet(("n", "prn"), [[0.5, 40, 80], [1.5, 20, 100]]).save(tmp_path / "in" / f"{name}.csv")
    records = inface_json("convert", tmp_path / "in", "--format", format, "--out", tmp_path / "out")
    assert [r["landmarks"] for r in records] == [2, 2]
    back = LandmarkSet.load(tmp_path / "out" / f"ben.{format.lstrip('.')}")
    assert back.names == ("n", "prn")
    np.testing.assert_array_equal(back["prn"], [1.5, 20, 100])


def test_the_landmarks_of_a_mesh(inface, tmp_path):
    mesh = Mesh(np.eye(3) * 90, [[0, 1, 2]], landmarks={"n": [30.0, 30, 30]})
    mesh.export(tmp_path / "a.ply")
    assert inface("convert", tmp_path / "a.ply", "--out", tmp_path / "a.csv")[0] == 0
    np.testing.assert_array_equal(LandmarkSet.load(tmp_path / "a.csv")["n"], [30, 30, 30])
    Mesh(np.eye(3), [[0, 1, 2]]).export(tmp_path / "b.ply")
    code, _, err = inface("convert", tmp_path / "b.ply", "--out", tmp_path / "b.csv")
    assert code == 1 and "the mesh has no landmarks" in err


@pytest.mark.parametrize("suffix", [".obj", ".stl", ".vtk", ".vtp", ".3mf", ".glb", ".json"])
def test_meshes(inface, tmp_path, suffix):
    Mesh(np.eye(3) * 90, [[0, 1, 2]]).export(tmp_path / "a.ply")
    code, _, err = inface("convert", tmp_path / "a.ply", tmp_path / f"b{suffix}")
    assert code == 0, err
    if suffix != ".3mf":
        np.testing.assert_allclose(Mesh.load(tmp_path / f"b{suffix}").vertices, np.eye(3) * 90)
        assert inface("convert", tmp_path / f"b{suffix}", tmp_path / "c.off")[0] == 0


def test_what_cannot_be_converted_is_said(inface, tmp_path):
    (tmp_path / "a.csv").write_text("0.5,1,2,3\n0.7,1,2,3\n")
    code, _, err = inface("convert", tmp_path / "a.csv", tmp_path / "a.pp")
    assert code == 1 and "add a header line" in err and "Traceback" not in err
    (tmp_path / "b.csv").write_text("x,y,z\n1,2,3\n")
    before = (tmp_path / "b.csv").read_bytes()
    code, _, err = inface("convert", tmp_path / "b.csv", "--out", tmp_path / "b.csv")
    assert code == 1 and "overwrite its input" in err
    assert (tmp_path / "b.csv").read_bytes() == before
    code, out, _ = inface(
        "convert", tmp_path / "a.csv", tmp_path / "b.csv", "--format", "pp", "--out", tmp_path / "o", "--json"
    )
    assert code == 1 and [("error" in r) for r in json.loads(out)] == [True, False]


def test_models_of_others(inface, tmp_path, pca_file):
    code, out, err = inface("convert", pca_file, tmp_path / "s.h5", "--format", "statismo")
    assert code == 0, err
    assert "kind pca" in out
    code, out, err = inface(
        "convert", tmp_path / "s.h5", tmp_path / "back.h5", "--unit", "mm", "--frame", "left-up-front"
    )
    assert code == 0 and "unit of the file mm" in out and err == ""
    first, back = load_model(pca_file), load_model(tmp_path / "back.h5")
    np.testing.assert_allclose(back.mean_vertices, first.mean_vertices, atol=1e-4)
    shape = first.sample_meshes(1, seed=0)[0]
    np.testing.assert_allclose(back.decode(back.encode(shape)), shape.vertices, atol=0.5)
    _, _, err = inface("convert", tmp_path / "s.h5", tmp_path / "b.npz")
    assert "its unit was found by its size: mm" in err and "its frame was not given" in err
    assert load_model(tmp_path / "b.npz").kind == "pca"
    code, _, err = inface("convert", tmp_path / "s.h5", tmp_path / "s.h5")
    assert code == 1
    code, _, err = inface("convert", tmp_path / "s.h5", "--out", tmp_path / "s.h5")
    assert code == 1 and "overwrite its input" in err
    (tmp_path / "m.pkl").write_bytes(b"\x80\x04.")
    code, _, err = inface("convert", tmp_path / "m.pkl", tmp_path / "m.h5")
    assert code == 1 and "a pickle, which can run any program" in err


def test_a_folder_of_meshes_becomes_a_model(inface, tmp_path, pca_file):
    (tmp_path / "faces").mkdir()
    meshes = load_model(pca_file).sample_meshes(6, seed=2)
    for i, mesh in enumerate(meshes):
        mesh.export(tmp_path / "faces" / f"{i}.ply")
    code, out, err = inface("convert", tmp_path / "faces", tmp_path / "model.h5")
    assert code == 0, err
    assert "latent 5" in out
    mean = np.mean([mesh.vertices for mesh in meshes], 0)
    np.testing.assert_allclose(load_model(tmp_path / "model.h5").mean_vertices, mean, atol=1e-6)
