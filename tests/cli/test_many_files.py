"""The loop of the verbs for many files, from files to files: workers, resume, parts, inputs kept, Ctrl-C."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import inface as package
from inface import Mesh


@pytest.fixture
def meshes(pca_file, tmp_path):
    """Six meshes of the model, one of them broken."""
    folder = tmp_path / "in"
    folder.mkdir()
    for i, mesh in enumerate(package.load_model(pca_file).sample_meshes(6, seed=0)):
        mesh.export(folder / f"m{i}.ply")
    (folder / "m2.ply").write_bytes(b"ply\nbroken")
    return folder


def results(folder):
    """Name -> bytes of what stands in a folder, hidden files apart."""
    return {p.name: p.read_bytes() for p in sorted(folder.glob("[!.]*"))}


def test_the_same_bytes_on_one_two_and_three_workers(inface, pca_file, meshes, tmp_path):
    for workers in (1, 2, 3):
        out = tmp_path / f"w{workers}"
        code, text, err = inface("reconstruct", pca_file, meshes, "--out", out, "--workers", workers)
        assert code == 1 and text.count("->") == 5 and "1 of 6 failed, 5 done" in err and "m2.ply" in err
    assert len(results(tmp_path / "w1")) == 5
    assert results(tmp_path / "w1") == results(tmp_path / "w2") == results(tmp_path / "w3")


def test_the_same_command_again_does_what_is_missing_failed_or_changed(inface, inface_json, pca_file, meshes, tmp_path):
    out = tmp_path / "out"
    inface("encode", pca_file, meshes, "--out", out)
    stamps = {p.name: p.stat().st_mtime_ns for p in out.glob("*.json")}
    (out / "m4.json").unlink()
    package.load_model(pca_file).sample_meshes(1, seed=7)[0].export(meshes / "m2.ply")  # mended
    os.utime(meshes / "m0.ply")  # changed
    records = inface_json("encode", pca_file, meshes, "--out", out)
    again = {p.name for p in out.glob("*.json") if p.stat().st_mtime_ns != stamps.get(p.name)}
    assert again == {"m0.json", "m2.json", "m4.json"}
    assert [Path(r["input"]).name for r in records] == [f"m{i}.ply" for i in range(6)]
    assert all(json.loads(Path(r["output"]).read_text())["latent"] == r["latent"] for r in records)
    code, _, err = inface("encode", pca_file, meshes, "--out", out)
    assert code == 0 and "6 of 6 stood already" in err
    _, text, err = inface("encode", pca_file, meshes, "--out", out, "--noise-std", 1.0)
    assert "stood already" not in err and text.count("->") == 6
    _, _, err = inface("encode", pca_file, meshes, "--out", out, "--noise-std", 1.0, "--again")
    assert "stood already" not in err


def test_another_model_keeps_nothing(inface, pca_file, disentangled_file, meshes, tmp_path):
    out = tmp_path / "out"
    inface("encode", pca_file, meshes, "--out", out)
    before = results(out)
    _, _, err = inface("encode", disentangled_file, meshes, "--out", out)
    assert "stood already" not in err and all(results(out)[name] != content for name, content in before.items())


def test_parts_and_join(inface, pca_file, meshes, tmp_path):
    (meshes / "m2.ply").unlink()
    out = tmp_path / "out"
    assert inface("encode", pca_file, meshes, "--out", out, "--part", "1/3")[0] == 0
    assert set(results(out)) == {"m0.json", "m4.json"}
    assert inface("encode", pca_file, meshes, "--out", out, "--part", "3/3")[0] == 0
    code, _, err = inface("encode", pca_file, meshes, "--out", out, "--join")
    assert code == 1 and err.count("no part has done it") == 2 and "m1.ply" in err and "m5.ply" in err
    inface("encode", pca_file, meshes, "--out", out, "--part", "2/3")
    code, text, _ = inface("encode", pca_file, meshes, "--out", out, "--join")
    assert code == 0 and text.count("->") == 5
    for words, sentence in (
        (("--part", "4/3"), "expected k/n with 1 <= k <= n, such as 3/40, got '4/3'"),
        (("--part", "1/3", "--join"), "without --part"),
        (("--cluster", "tcp//x"), "got 'tcp//x'"),
    ):
        code, _, err = inface("encode", pca_file, meshes, "--out", out, *words)
        assert code == 1 and sentence in err and "Traceback" not in err


@pytest.mark.parametrize("verb", ["convert", "encode", "neutralize", "age"])
def test_no_result_over_an_input_whatever_it_is_called(inface, disentangled_file, tmp_path, verb):
    folder = tmp_path / "same"
    folder.mkdir()
    for i, mesh in enumerate(package.load_model(disentangled_file).sample_meshes(2, seed=0)):
        mesh.export(folder / f"m{i}.json")
    (tmp_path / "link").symlink_to(folder)
    before = results(folder)
    words = [disentangled_file] * (verb != "convert") + [folder, "--out", tmp_path / "link"]
    code, _, err = inface(verb, *words, *(["--months", 3] if verb == "age" else []))
    assert code == 1 and "would overwrite its input" in err
    assert results(folder) == before
    code, _, err = inface("convert", folder / "m0.json", "--out", os.path.relpath(folder / "m0.json"))
    assert code == 1 and "would overwrite" in err and results(folder) == before


def test_no_registration_over_a_scan_or_its_landmarks(inface, pca_file, tmp_path, ball):
    same = tmp_path / "same"
    same.mkdir()
    Mesh(*ball).export(same / "anna.ply")
    before = results(same)
    code, _, err = inface("register", same, "-o", same, "--model", pca_file)
    assert code == 1 and "would overwrite its input" in err and "anna.ply" in err and results(same) == before
    shutil.move(same / "anna.ply", same / "anna.off.ply")
    Mesh(*ball).export(same / "anna.off")
    (same / "anna.off.ply").unlink()
    (same / "anna.json").write_text('[{"id": "prn", "coordinates": [0, 0, 70]}]')  # landmarks of Scalismo
    code, _, err = inface("register", same, "-o", same, "--model", pca_file)
    assert code == 1 and "anna.json" in err and results(same)["anna.json"].startswith(b"[")


def test_json_files_that_are_no_meshes_are_passed_over(inface, pca_file, meshes, tmp_path):
    (meshes / "m2.ply").unlink()
    (meshes / "cohort.json").write_text('{"plan": {}}')
    (meshes / "anna.json").write_text('[{"id": "prn", "coordinates": [0, 0, 70]}]')
    package.load_model(pca_file).sample_meshes(1, seed=3)[0].export(meshes / "whole.json")
    (meshes / "torn.json").write_bytes((meshes / "whole.json").read_bytes()[:200])
    code, text, err = inface("encode", pca_file, meshes, "--out", tmp_path / "out")
    assert "cohort" not in text + err and "anna" not in text + err
    assert code == 1 and "torn.json" in err and text.count("->") == 6  # a mesh that is cut short is named


STOPPED = """
import sys, time
from pathlib import Path
import typer
from inface.cli import batch
from dataclasses import dataclass

@dataclass(frozen=True)
class Slow:
    def __call__(self, path):
        Path(str(path) + ".begun").touch()
        time.sleep(0.3)
        return path.name

def save(value, target):
    target.write_text(value)

if __name__ == "__main__":
    files, run = batch.Files([sys.argv[1]], Path(sys.argv[2]), ".txt"), batch.RunOptions(workers=int(sys.argv[3]))
    try:
        batch.each_file(files, Slow(), save, run=run, label="slow")
    except typer.Exit as end:
        sys.exit(end.exit_code)
"""


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent as a POSIX signal")
def test_ctrl_c_comes_back_at_once_with_a_sentence_and_the_same_command_goes_on(tmp_path, workers):
    folder = tmp_path / "in"
    folder.mkdir()
    for k in range(40):
        (folder / f"{k:02d}.ply").touch()
    (tmp_path / "run.py").write_text(STOPPED)
    words = [sys.executable, str(tmp_path / "run.py"), str(folder), str(tmp_path / "out"), str(workers)]
    (tmp_path / "out").mkdir()
    run = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored in a test run in the background
    )
    until = time.monotonic() + 60
    while len(list((tmp_path / "out").glob("*.txt"))) < 3 and time.monotonic() < until:
        time.sleep(0.02)
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does: the children get it too
    begin = time.monotonic()
    _, err = run.communicate(timeout=30)
    assert time.monotonic() - begin < 5
    done = len(list((tmp_path / "out").glob("*.txt")))
    assert "stopped, " in err and "of 40 done; the same command goes on where this one stopped" in err
    assert "Traceback" not in err and run.returncode == 130 and 3 <= done < 40
    assert not list((tmp_path / "out").glob(".tmp-*"))
    begun = len(list(folder.glob("*.begun")))
    again = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert again.returncode == 0 and "stood already" in again.stderr
    assert len(list((tmp_path / "out").glob("*.txt"))) == 40
    assert begun <= done + 2


UNGUARDED = """
import sys
from inface.registration.batch import register_folder
register_folder([sys.argv[1], sys.argv[1].replace("a.ply", "b.ply")], sys.argv[2], workers=2)
print("here")
"""


def test_a_script_without_its_guard_ends_with_a_sentence(tmp_path):
    for name in ("a.ply", "b.ply"):
        Mesh(np.eye(3), [[0, 1, 2]]).export(tmp_path / name)
    (tmp_path / "script.py").write_text(UNGUARDED)
    words = [sys.executable, str(tmp_path / "script.py"), str(tmp_path / "a.ply"), str(tmp_path / "out")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0 and 'if __name__ == "__main__":' in done.stderr
    assert done.stderr.count("Traceback") == 1 and "here" not in done.stdout  # the script's own, none of its workers


def test_no_verb_writes_over_its_input(inface, pca_file, tmp_path):
    same = tmp_path / "same"
    same.mkdir()
    model = package.load_model(pca_file)
    for i, mesh in enumerate(model.sample_meshes(3, seed=0)):
        mesh.export(same / f"m{i}.ply")
    shutil.copy(pca_file, same / "model.h5")
    np.save(same / "m0.npy", np.zeros(642, bool))
    (same / "evaluation.json").write_text("{}")
    before = results(same)
    for words in (
        ("train", "pca", same, "-o", same / "m1.ply"),
        ("train", "pca", same, "--like", same / "model.h5", "-o", same / "model.h5"),
        ("export", same / "model.h5", same / "model.h5"),
        ("render", same / "m0.ply", "-o", same / "m0.ply"),
        ("animate", same / "model.h5", "-o", same / "model.h5"),
        ("evaluate", same / "model.h5", same, "--out", same),
        ("encode", pca_file, same, "--mask", same / "m0.npy", "--out", same, "--format", "npy"),
    ):
        code, _, err = inface(*words)
        assert code == 1 and "would overwrite its input" in err, words
        assert results(same) == before, words


def test_a_shared_page_is_html_and_never_an_input(inface, pca_file, tmp_path):
    before = Path(pca_file).read_bytes()
    code, _, err = inface("share", pca_file, pca_file)
    assert code == 1 and "then the page to write, such as" in err
    assert Path(pca_file).read_bytes() == before


def test_measuring_in_parts_and_on_workers_gives_the_same_report(inface, tmp_path):
    model = package.load_default_model("pca")
    heads = tmp_path / "heads"
    heads.mkdir()
    for i, mesh in enumerate(model.sample_meshes(2, seed=0)):
        mesh.export(heads / f"h{i}.ply")
    (heads / "h2.ply").write_bytes(b"ply\nbroken")
    code, _, err = inface("measure", heads, "--age", "6m", "--out", tmp_path / "whole")
    assert code == 1 and "h2.ply" in err and (tmp_path / "whole.run").exists()
    for k in (1, 2):
        inface("measure", heads, "--age", "6m", "--out", tmp_path / "parts", "--part", f"{k}/2")
        assert not (tmp_path / "parts" / "report.html").exists()
    code, text, err = inface("measure", heads, "--age", "6m", "--out", tmp_path / "parts", "--join")
    assert code == 1 and "2 of 3 measured" in text and "h2.ply" in err
    for name in ("report.csv", "report.json"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    (heads / "h2.ply").unlink()
    assert inface("measure", heads, "--age", "6m", "--out", tmp_path / "whole")[0] == 0
    assert not (tmp_path / "whole.run").exists() and not list((tmp_path / "whole").glob(".*"))  # no names of files
    (heads / "report.csv").write_text("mine")
    code, _, err = inface("measure", heads, "--out", heads)
    assert code == 1 and "would overwrite its input" in err and (heads / "report.csv").read_text() == "mine"
