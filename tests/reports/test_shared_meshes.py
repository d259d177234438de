"""A child as a page: synthetic only where the file says so, a person only with a word of consent."""

import numpy as np
import pytest

from inface.cli import run
from inface.embedded import load_default_model
from inface.errors import InfaceError
from inface.mesh import Mesh
from inface.reports.origin import drawn_by, say_drawn
from inface.reports.shared_meshes import described, share_meshes


def test_a_sample_says_that_a_model_drew_it_and_is_shared_as_synthetic(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        run(["sample", "pca", "-n", "1", "--seed", "1", "--out", str(tmp_path / "drawn.ply")])
    assert not stop.value.code
    assert drawn_by(tmp_path / "drawn.ply") == load_default_model("pca").hash
    with pytest.raises(SystemExit) as stop:
        run(["share", str(tmp_path / "drawn.ply"), str(tmp_path / "page.html")])
    assert not stop.value.code
    page = (tmp_path / "page.html").read_text()
    assert "Synthetic: drawn by a shape model" in page and "scan of a person" not in page
    assert (tmp_path / "page.html").stat().st_size < 3e6
    assert "synthetic" in capsys.readouterr().out


def test_any_other_mesh_needs_consent_and_is_called_a_person(tmp_path, capsys):
    mesh = load_default_model("pca").sample_meshes(1, seed=1)[0]
    mesh.export(tmp_path / "child.ply")
    with pytest.raises(SystemExit) as stop:
        run(["share", str(tmp_path / "child.ply"), str(tmp_path / "page.html")])
    assert stop.value.code and not (tmp_path / "page.html").exists()
    assert "--yes" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        run(["share", str(tmp_path / "child.ply"), str(tmp_path / "page.html"), "--yes"])
    assert not stop.value.code
    page = (tmp_path / "page.html").read_text()
    assert "A scan of a person" in page and "Synthetic" not in page


def test_one_drawn_and_one_scan_are_not_synthetic(tmp_path, linear_model):
    meshes = linear_model.sample_meshes(2, seed=1)
    for i, mesh in enumerate(meshes):
        mesh.export(tmp_path / f"{i}.ply")
    assert say_drawn(tmp_path / "0.ply", linear_model)
    assert np.allclose(Mesh.load(tmp_path / "0.ply").vertices, meshes[0].vertices), "the mark changes nothing else"
    with pytest.raises(SystemExit) as stop:
        run(["share", str(tmp_path / "0.ply"), str(tmp_path / "1.ply"), str(tmp_path / "page.html")])
    assert stop.value.code


def test_words_inside_a_file_are_no_mark(tmp_path, linear_model):
    """A vertex comment after the header, a mesh of another format: neither says that a model drew it."""
    mesh = linear_model.sample_meshes(1, seed=1)[0]
    mesh.export(tmp_path / "a.obj")
    assert not say_drawn(tmp_path / "a.obj", linear_model) and drawn_by(tmp_path / "a.obj") == ""
    mesh.export(tmp_path / "a.ply")
    with (tmp_path / "a.ply").open("ab") as stream:
        stream.write(b"\ncomment drawn by a model of inface, hash 0123456789abcdef\n")
    assert drawn_by(tmp_path / "a.ply") == ""


def test_names_are_escaped_and_what_a_model_is_made_of_is_said(tmp_path, linear_model):
    evil = "<img src=x onerror=alert(1)>"
    mesh = linear_model.sample_meshes(1, seed=1)[0]
    share_meshes({evil: mesh}, tmp_path / "page.html", drawn=True)
    assert "<img" not in (tmp_path / "page.html").read_text()
    with pytest.raises(InfaceError, match="--yes"):
        share_meshes({"a": mesh}, tmp_path / "b.html", drawn=False)
    said = described(linear_model, "mine.h5")
    assert said.startswith("mine.h5; pca, 15 codes") and "does not say what it was trained on" in said
    assert linear_model.hash[:12] in said
    assert "no real child" in described(load_default_model("pca"))
