"""Exit codes, sentences instead of tracebacks, one bad mesh in the way of none."""

import json
import subprocess
import sys

import pytest

import inface as package
from inface.cli import batch
from inface.errors import InfaceError


def test_one_failed_mesh_is_named_and_the_others_are_done(inface, pca_file, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for i, mesh in enumerate(package.load_model(pca_file).sample_meshes(4, seed=0)):
        mesh.export(folder / f"m{i}.ply")
    (folder / "m2.ply").write_bytes(b"ply\nbroken")
    code, out, err = inface("encode", pca_file, folder, "--out", tmp_path / "out")
    assert code == 1
    assert out.count("->") == 3
    assert "m2.ply" in err
    assert "1 of 4 failed, 3 done" in err
    assert "Traceback" not in err
    assert sorted(p.name for p in (tmp_path / "out").glob("[!.]*")) == ["m0.json", "m1.json", "m3.json"]

    code, out, err = inface("encode", pca_file, folder, "--out", tmp_path / "out", "--json")
    records = json.loads(out)
    assert code == 1
    assert next(r for r in records if "error" in r)["input"].endswith("m2.ply")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("sample", "nowhere.h5"), "no model 'nowhere.h5'"),
        (("neutralize", "MODEL", "missing.ply"), "no such file or folder: 'missing.ply'"),
        (("neutralize", "MODEL", "nothing*.ply"), "nothing matches 'nothing*.ply'"),
        (("info", "."), "expected files with one of"),
        (("sample", "MODEL", "-n", "2", "--out", "one.ply"), "name a folder"),
        (("sample", "MODEL", "--out", "x", "--format", "xyz"), "xyz"),
        (("sample", "MODEL", "--out", "file.txt/x"), "cannot make the folder 'file.txt/x' for the results"),
    ],
)
def test_sentences(inface, pca_file, tmp_path, monkeypatch, words, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.txt").touch()
    code, _, err = inface(*[pca_file if w == "MODEL" else w for w in words])
    assert code == 1
    assert sentence in err
    assert "Traceback" not in err


@pytest.mark.parametrize("verb", ["convert", "reconstruct"])
def test_no_result_overwrites_its_input(inface, pca_file, tmp_path, verb):
    for i, mesh in enumerate(package.load_model(pca_file).sample_meshes(2, seed=0)):
        mesh.export(tmp_path / f"m{i}.ply")
    before = (tmp_path / "m0.ply").read_bytes()
    code, _, err = inface(verb, *[pca_file] * (verb != "convert"), tmp_path / "m0.ply", "--out", tmp_path)
    assert code == 1
    assert "would overwrite its input" in err
    assert (tmp_path / "m0.ply").read_bytes() == before


def test_missing_block_is_a_sentence(inface, pca_file, tmp_path):
    package.load_model(pca_file).sample_meshes(1, seed=0)[0].export(tmp_path / "a.ply")
    code, _, err = inface("neutralize", pca_file, tmp_path / "a.ply", "--out", tmp_path / "n")
    assert code == 1
    assert "no block 'expression'" in err


def test_usage_errors_exit_2(inface):
    assert inface("sample")[0] == 2
    assert inface("frobnicate")[0] == 2
    assert inface("age", "m.h5", "a.ply", "--current-months", "3")[0] == 2
    assert inface("reconstruct", "m.h5", "a.ply", "--back-match", "cubic")[0] == 2
    assert inface("--version") == (0, f"inface {package.__version__}\n", "")


def test_as_a_process_errors_have_no_traceback(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "inface", "info", str(tmp_path / "none.ply")], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.startswith("inface: no such file")
    assert "Traceback" not in done.stderr


def test_names_stay_distinct(tmp_path):
    paths = [tmp_path / "a" / "scan.ply", tmp_path / "b" / "scan.ply", tmp_path / "c.ply"]
    assert batch.stems(paths) == ["a_scan_ply", "b_scan_ply", "c"]
    with pytest.raises(InfaceError, match="same result"):
        batch.stems([tmp_path / "x" / "a" / "scan.ply", tmp_path / "y" / "a" / "scan.ply"])
