"""From nothing to a trained and measured model on the command line."""

import csv
import json
import shutil

import numpy as np
import pytest

import inface as package
from inface import Mesh
from inface.evaluation import ModelEditor, edit_errors, synthetic_truth
from inface.synthetic import cohort, head


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from inface.cli import run

    out = tmp_path_factory.mktemp("cohort")
    with pytest.raises(SystemExit) as stop:
        run(["synth", "cohort", "--subjects", "9", "--scans", "3", "--seed", "4", "--out", str(out)])
    assert not stop.value.code
    return out


def test_a_cohort_on_disk_is_the_cohort_in_memory(folder):
    with open(folder / "manifest.csv", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    memory = cohort(subjects=9, scans_per_subject=3, seed=4)
    assert [float(r["age_months"]) for r in rows] == memory.age_months.tolist()
    assert np.array_equal(Mesh.load(folder / rows[7]["file"]).vertices.astype(np.float32), memory.shapes[7])


def test_one_head(inface, tmp_path):
    code, _, err = inface("synth", "head", tmp_path / "a.ply", "--age", 12, "--identity", 5, "--expression", "crying")
    assert code == 0, err
    expected = head(age=12, identity=5, expression="crying")
    assert np.abs(Mesh.load(tmp_path / "a.ply").vertices - expected.vertices).max() < 1e-4
    code, _, err = inface("synth", "head", tmp_path / "b.ply", "--expression", "grinning")
    assert code == 1
    assert "smiling" in err


def test_train_pca_then_evaluate(inface, folder, tmp_path):
    out = tmp_path / "model.h5"
    code, _, err = inface("train", "pca", folder, "-o", out, "--components", 8)
    assert code == 0, err
    model = package.load_model(out)
    assert len(model.latent) == 8
    assert model.noise_std > 0
    code, text, err = inface("evaluate", out, folder, "--out", tmp_path / "report", "--json")
    assert code == 0, err
    names = {(f["group"], f["name"]) for f in json.loads(text)["figures"]}
    assert any(group == "generalisation" for group, _ in names)
    assert (tmp_path / "report" / "evaluation.html").stat().st_size > 1000


def test_mirror_images_double_a_folder(inface, folder, tmp_path):
    code, _, err = inface("train", "pca", folder, "-o", tmp_path / "m.h5", "--mirrored", "--like", "pca")
    assert code == 0, err
    assert package.load_model(tmp_path / "m.h5").card["training"] == "42 shapes of 14 subjects"
    code, _, err = inface("train", "pca", folder, "-o", tmp_path / "m.h5", "--mirrored")
    assert code == 1 and "needs --like" in err


def test_train_refuses_in_words(inface, folder, tmp_path):
    code, _, err = inface("train", "pca", tmp_path / "none", "-o", tmp_path / "m.h5")
    assert (code, "no folder" in err) == (1, True)
    code, _, err = inface("train", "pca", folder, "--components", "many", "-o", tmp_path / "m.h5")
    assert code == 2
    assert "expected a number of modes" in err


@pytest.mark.parametrize("verb", ["pca", "linear", "autoencoder"])
def test_a_model_that_could_not_be_written_is_not_trained(inface, folder, tmp_path, verb):
    for out, sentence in ((tmp_path / "none" / "m.h5", "does not exist"), (tmp_path, "name the model file")):
        code, _, err = inface("train", verb, folder / "no such folder", "-o", out)
        assert (code, sentence in err) == (1, True), err


def test_linear_says_what_a_folder_cannot_teach_and_what_is_odd(inface, folder, tmp_path):
    bare = tmp_path / "bare"
    shutil.copytree(folder, bare)
    lines = (bare / "manifest.csv").read_text().splitlines()
    names = [",".join(line.split(",")[:2]) for line in lines]
    (bare / "manifest.csv").write_text("\n".join(names[:-1]))
    narrow = ("--identity", 4, "--expression", 3)
    code, out, err = inface("train", "linear", bare, "-o", tmp_path / "m.h5", *narrow)
    assert code == 0 and "identity 4, expression 3, age 1" in out, err
    assert "no ages" in err and "warning: 1 meshes of the folder stand in no row" in err and ".py" not in err
    code, _, err = inface("train", "linear", folder, "-o", tmp_path / "m.h5")
    assert code == 1 and "narrower blocks" in err


def test_a_synthetic_folder_is_measured_against_its_truth(inface, folder, tmp_path):
    out = tmp_path / "m.h5"
    inface("train", "linear", folder, "-o", out, "--identity", 4, "--expression", 3)
    whole = tmp_path / "whole"
    shutil.copytree(folder, whole)
    text = (whole / "manifest.csv").read_text()
    (whole / "manifest.csv").write_text(text.replace(",test", ",").replace(",train", ","))
    code, text, err = inface("evaluate", out, whole, "--json")
    assert code == 0, err
    got = {(f["group"], f["name"]): f["value"] for f in json.loads(text)["figures"]}
    memory = cohort(subjects=9, scans_per_subject=3, seed=4)
    truth = synthetic_truth(memory)
    errors = {e.name: e for e in edit_errors(ModelEditor(package.load_model(out)), memory, truth, np.arange(9))}
    for name in ("neutralise", "transfer", "age"):  # the head is held by the skull there, by all of it here
        assert 0.5 < got[f"{name}, head", "doing nothing"] / errors[name].nothing["head"].mean() < 1.6
        assert got[f"{name}, head", "plain"] > 0
    (whole / "child-00000_0.ply").write_bytes((whole / "child-00001_0.ply").read_bytes())
    code, _, err = inface("evaluate", out, whole)
    assert code == 1 and "are not those that the population's factors describe" in err


def test_only_scans_marked_test_are_measured(inface, folder, tmp_path):
    out = tmp_path / "model.h5"
    inface("train", "pca", folder, "-o", out, "--components", 5)
    code, text, err = inface("evaluate", out, folder, "--train", folder)
    assert code == 0 and "scans of 2 subjects" in text and "marked test are measured" in err, err
    code, _, err = inface("evaluate", out, tmp_path / "none", "--out", out)
    assert code == 1 and "name a folder" in err
    lone = package.load_model(out)
    assert lone.card["training"] == "21 shapes of 7 subjects"


def test_scans_bring_their_truth(inface, tmp_path):
    code, _, err = inface("synth", "scans", "-n", 1, "--seed", 2, "--out", tmp_path)
    assert code == 0, err
    truth = np.load(tmp_path / "scan_0000.truth.npz")
    scan = Mesh.load(tmp_path / "scan_0000.ply")
    assert truth["truth"].shape == (len(truth["seen"]), 3)
    low, high = scan.vertices.min(0), scan.vertices.max(0)
    inside = (
        (truth["truth"] > low - 0.02 * np.ptp(scan.vertices)) & (truth["truth"] < high + 0.02 * np.ptp(scan.vertices))
    ).all(1)
    assert inside[truth["seen"]].all()


def test_an_autoencoder_of_a_small_folder(inface, folder, tmp_path):
    pytest.importorskip("torch", reason="training needs PyTorch")
    narrow = ("--identity", 4, "--expression", 3, "--steps", 3, "-o", tmp_path / "m.h5")
    code, _, err = inface("train", "autoencoder", folder, *narrow)
    assert code == 1 and "at least 10 subjects" in err and "validation=0" in err
    code, _, err = inface("train", "autoencoder", folder, *narrow, "--validation", 0)
    assert code == 0, err
    record = json.loads((tmp_path / "m.json").read_text())
    assert record["best_step"] == 3 and record["held_out_scans"] == 0
