"""A folder gone through: verdicts of its report, or plain meshes; nothing outside it is opened."""

import csv

import pytest

from inface.errors import InfaceError
from inface.viewer.batch_list import opened, read_folder
from inface.viewer.editor import SceneEditor


@pytest.fixture
def folder(linear_model, tmp_path):
    for i, mesh in enumerate(linear_model.sample_meshes(2, seed=1)):
        mesh.export(tmp_path / f"scan_{i}.ply")
    rows = [
        ("broken", "failed", "no face found", ""),
        ("scan_1", "partial", "the back is missing", "scan_1.ply"),
        ("scan_0", "ok", "", "scan_0.ply"),
        ("away", "ok", "", "../secret.ply"),
    ]
    with (tmp_path / "report.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["name", "verdict", "reasons", "mesh"])
        writer.writerows(rows)
    return tmp_path


def test_the_report_gives_order_and_verdicts(folder, linear_model):
    entries = read_folder(folder)
    assert [e.label for e in entries] == ["broken · failed", "scan_1 · partial", "scan_0 · ok", "away · ok"]
    editor = SceneEditor(linear_model)
    scene, said = opened(editor, editor.start(), entries[1])
    assert said == "scan_1: partial; the back is missing"
    assert [o.name for o in scene.opened] == ["scan_1"] and scene.opened[0].verdict == "partial"
    after, _ = opened(editor, scene, entries[2])
    assert [o.name for o in after.opened] == ["scan_0"], "one at a time"
    with pytest.raises(InfaceError, match="broken: failed; no face found"):
        opened(editor, scene, entries[0])


def test_a_report_leads_nowhere_else(folder, linear_model):
    linear_model.sample_meshes(1, seed=3)[0].export(folder.parent / "secret.ply")
    assert read_folder(folder)[3].mesh is None


def test_plain_meshes_and_what_is_none(folder, tmp_path):
    (folder / "report.csv").unlink()
    assert [e.label for e in read_folder(folder)] == ["scan_0", "scan_1"]
    (folder / "report.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InfaceError, match="expected rows with name, verdict and mesh"):
        read_folder(folder)
    (tmp_path / "empty").mkdir()
    for wrong, reason in (("empty", "found neither"), ("none", "no folder")):
        with pytest.raises(InfaceError, match=reason):
            read_folder(tmp_path / wrong)
