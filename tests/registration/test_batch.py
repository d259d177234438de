"""Folders of scans: report, restart after a kill, broken files, settings."""

import csv
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from inface.batches import Run
from inface.codecs.landmark_files import write_landmark_file
from inface.errors import FormatError
from inface.mesh import Mesh
from inface.models.pca import PCAMorphableModel
from inface.registration import Limits, Settings
from inface.registration import batch as batch_module
from inface.registration.batch import register_folder
from inface.registration.settings_file import read_settings, write_settings


@pytest.fixture(scope="module")
def folder(tmp_path_factory, scan):
    home = tmp_path_factory.mktemp("scans")
    scan.mesh.export(home / "anna.ply")
    Mesh(np.random.default_rng(0).normal(size=(90, 3)), []).export(home / "noise.ply")
    (home / "broken.ply").write_bytes(b"ply\nformat binary_little_endian 1.0\nelement vertex 9\nend_header\n")
    return home


@pytest.fixture(scope="module")
def done(folder, model):
    out = folder / "out"
    rows = register_folder(sorted(folder.glob("*.ply")), out, model)
    return out, rows


def test_one_broken_scan_is_in_the_way_of_none_and_the_doubtful_come_first(done, scan):
    out, rows = done
    verdicts = {row["name"]: row["verdict"] for row in rows}
    assert verdicts == {"anna": "ok", "noise": "failed", "broken": "failed"}
    assert rows[-1]["name"] == "anna" and "broken.ply" in {r["name"]: r["reasons"] for r in rows}["broken"]
    mesh = Mesh.load(out / "anna.ply")
    assert np.linalg.norm(mesh.vertices - scan.truth, axis=1)[scan.seen].mean() / scan.pose.scale < 0.6
    with open(out / "report.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert [r["name"] for r in table] == [r["name"] for r in rows]
    page = (out / "index.html").read_text()
    assert page.index("broken") < page.index("anna") and "anna.png" in page
    assert (out / "anna.png").read_bytes().startswith(b"\x89PNG")
    record = json.loads((out / "anna.json").read_text())
    np.testing.assert_allclose(np.array(record["transform"])[3], [0, 0, 0, 1])


@pytest.mark.slow
def test_a_second_run_repeats_nothing_and_changed_settings_repeat_all(done, folder, model, monkeypatch, tmp_path):
    rows = done[1]
    out = shutil.copytree(done[0], tmp_path / "out")
    seen = []
    real = batch_module.register
    monkeypatch.setattr(batch_module, "register", lambda *a, **k: seen.append(1) or real(*a, **k))
    scans = sorted(folder.glob("*.ply"))
    again = register_folder(scans, out, model)
    assert not seen and [r["verdict"] for r in again] == [r["verdict"] for r in rows]
    (out / "anna.ply").unlink()  # a kill between two files
    register_folder(scans, out, model)
    assert len(seen) == 1 and (out / "anna.ply").exists()
    (out / "anna.json").write_text("{")
    register_folder(scans, out, model)
    assert len(seen) == 2
    register_folder(scans, out, model, settings=Settings(refine=False))
    assert len(seen) == 4  # the broken file is not read that far
    os.utime(folder / "anna.ply")
    register_folder(scans, out, model, settings=Settings(refine=False))
    assert len(seen) == 5


def test_landmark_files_are_matched_by_exact_name(tmp_path, scan, model):
    scan.mesh.export(tmp_path / "anna.ply")
    truth = {name: scan.truth[i] for name, i in model.template.landmarks.items()}
    quick = {"pictures": False, "settings": Settings(check_pose=False, refine=False)}
    write_landmark_file(tmp_path / "anna_2.csv", {name: p + 1 for name, p in truth.items()})
    rows = register_folder([tmp_path / "anna.ply"], tmp_path / "a", model, use_landmarks=True, **quick)
    assert rows[0]["verdict"] == "ok"
    write_landmark_file(tmp_path / "anna.pp", truth | {"prn": truth["prn"] + 0.08})
    rows = register_folder([tmp_path / "anna.ply"], tmp_path / "a", model, use_landmarks=True, **quick)
    assert "'prn'" in rows[0]["reasons"]


@pytest.mark.slow
def test_two_processes_give_what_one_gives(folder, done, model):
    out, rows = done
    other = register_folder(sorted(folder.glob("*.ply")), folder / "two", model, workers=2)
    assert [(r["name"], r["verdict"]) for r in other] == [(r["name"], r["verdict"]) for r in rows]
    a, b = (Mesh.load(f / "anna.ply").vertices for f in (out, folder / "two"))
    np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_a_cluster_gives_what_one_process_gives(folder, done, model, tmp_path):
    pytest.importorskip("distributed", reason="needs the extra `distributed`")
    out, rows = done
    far = tmp_path / "far"
    other = register_folder(sorted(folder.glob("*.ply")), far, model, run=Run(cluster="local:2"))
    assert [(r["name"], r["verdict"]) for r in other] == [(r["name"], r["verdict"]) for r in rows]
    for name in ("anna.ply", "anna.png"):  # the record tells its seconds
        assert (far / name).read_bytes() == (out / name).read_bytes(), name
    assert len(list((far / ".run").glob("model-*.h5"))) == 1


def test_settings_survive_the_file_and_wrong_ones_are_refused(tmp_path):
    chosen = Settings(noise=0.1, modes=20, levels=((2.0, 3.0, 1),), limits=Limits(score=0.3))
    write_settings(tmp_path / "s.yaml", chosen, "pca", "abc")
    assert read_settings(tmp_path / "s.yaml") == chosen
    assert "model_hash: abc" in (tmp_path / "s.yaml").read_text()
    for text, words in (
        ("noisy: 1", "no setting 'noisy'"),
        ("noise: loud", "expected a number"),
        ("- 1", "setting: value"),
    ):
        (tmp_path / "bad.yaml").write_text(text)
        with pytest.raises(FormatError, match=words):
            read_settings(tmp_path / "bad.yaml")


def test_two_scans_of_one_name_are_refused(tmp_path, model):
    with pytest.raises(ValueError, match="two files are called 'a'"):
        register_folder([tmp_path / "a.ply", tmp_path / "b" / "a.ply"], tmp_path, model)
    with pytest.raises(ValueError, match="at least one"):
        register_folder([], tmp_path, model)


KILLED = """
import multiprocessing, sys
from inface.models.pca import PCAMorphableModel
from inface.registration.batch import register_folder

if __name__ == "__main__":
    home = sys.argv[1]
    told = lambda *_: print(*[p.pid for p in multiprocessing.active_children()], flush=True)
    scans = [f"{home}/{k}.ply" for k in range(40)]
    register_folder(scans, f"{home}/out", PCAMorphableModel(f"{home}/model.h5"), workers=2, progress=told)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_killed_run_leaves_no_processes_and_its_results_are_used(tmp_path, folder, model, monkeypatch):
    model.save(tmp_path / "model.h5")
    for k in range(40):
        shutil.copy(folder / "anna.ply", tmp_path / f"{k}.ply")
    (tmp_path / "run.py").write_text(KILLED)
    run = subprocess.Popen([sys.executable, str(tmp_path / "run.py"), str(tmp_path)], stdout=subprocess.PIPE, text=True)
    children = [int(pid) for pid in run.stdout.readline().split()]
    run.kill()
    run.wait()
    run.stdout.close()
    assert children

    def alive(pid):
        stat = Path(f"/proc/{pid}/stat")
        return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"

    until = time.monotonic() + 20
    while any(map(alive, children)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(map(alive, children))
    journal = (tmp_path / "out" / ".run" / "journal.jsonl").read_text().splitlines()
    done = len(journal)
    assert 0 < done < 40
    seen = []
    row = {"name": "x", "verdict": "ok", "reasons": ""}
    (tmp_path / "out" / ".tmp-12345678-0.ply").touch()
    monkeypatch.setattr(batch_module, "_one", lambda scan, *_: seen.append(scan) or {**row, "name": scan.key})
    monkeypatch.setattr(batch_module, "written", lambda *_: [])
    register_folder(
        [tmp_path / f"{k}.ply" for k in range(40)], tmp_path / "out", PCAMorphableModel(tmp_path / "model.h5")
    )
    assert len(seen) == 40 - done
    assert not list((tmp_path / "out").glob(".tmp-*"))
