"""The verbs `view`, `render`, `animate` and `share` on files."""

import numpy as np
import pytest
from typer.testing import CliRunner

from inface.cli import build_app
from inface.viewer import app as viewer_app
from inface.viewer.editor import SceneEditor
from inface.viewer.scene_file import to_json


@pytest.fixture(scope="module")
def folder(linear_model, tmp_path_factory):
    made = tmp_path_factory.mktemp("files")
    linear_model.save(made / "model.h5")
    for number, mesh in enumerate(linear_model.sample_meshes(2, seed=1)):
        mesh.export(made / f"child{number}.ply")
    editor = SceneEditor(linear_model)
    scene = editor.set_months(editor.start(), 24)
    (made / "scene.json").write_text(to_json(scene, str(made / "model.h5"), linear_model.hash))
    return made


def run(*arguments):
    result = CliRunner().invoke(build_app(), [str(a) for a in arguments])
    return result.exit_code, result.output, result.exception


@pytest.fixture
def opened(monkeypatch):
    """What `inface view` opens, without opening it."""
    calls = []
    monkeypatch.setattr(viewer_app, "view", lambda *given, **options: calls.append((given, options)))
    return calls


def test_view_takes_a_model_and_meshes(folder, opened):
    assert run("view", folder / "model.h5", folder / "child0.ply", "--no-open", "--port", 9000)[0] == 0
    (model, meshes), options = opened[0]
    assert model.kind == "pca" and list(meshes) == ["child0"]
    assert options["port"] == 9000 and options["host"] == "127.0.0.1" and not options["open_browser"]


def test_view_takes_the_references_option_and_meshes_alone(folder, opened):
    assert run("view", "--path_to_hdf5_file", folder / "model.h5")[0] == 0
    assert run("view", folder / "child0.ply", folder / "child1.ply")[0] == 0
    assert opened[0][0][0].kind == "pca" and opened[0][0][1] == {}
    assert opened[1][0][0] is None and list(opened[1][0][1]) == ["child0", "child1"]


def test_view_opens_a_scene_again(folder, opened):
    assert run("view", folder / "scene.json")[0] == 0
    (model, meshes), options = opened[0]
    assert model.kind == "pca" and not meshes and options["scene"] == str(folder / "scene.json")


def test_view_refuses_half_a_pair(folder, opened):
    code, _, error = run("view", folder / "model.h5", "--with", folder / "model.h5")
    assert code == 1 and "belong together" in str(error) and not opened


def test_render_modes_and_distances(folder, tmp_path):
    pytest.importorskip("pyvista", reason="pyvista is not installed")
    from PIL import Image

    assert (
        run(
            "render", folder / "model.h5", "-o", tmp_path / "m.png", "--size", "300x200", "--modes", 1, "--block", "age"
        )[0]
        == 0
    )
    assert Image.open(tmp_path / "m.png").size == (300, 200)
    children = (folder / "child0.ply", folder / "child1.ply")
    arguments = ("-o", tmp_path / "d.png", "--against", children[0], "--size", "300x200", "--view", "front")
    assert run("render", *children, *arguments)[0] == 0
    plain = tmp_path / "p.png"
    assert run("render", *children, "-o", plain, "--size", "300x200", "--view", "front", "--transparent")[0] == 0
    assert not np.array_equal(np.asarray(Image.open(tmp_path / "d.png")), np.asarray(Image.open(plain)))
    for bad, reason in ((("--size", "big"), "such as 1280x720"), (("--view", "1,x"), "two numbers")):
        code, _, error = run("render", children[0], *bad)
        assert code == 1 and reason in str(error)


def test_animate_a_storyboard(folder, tmp_path):
    pytest.importorskip("pyvista", reason="pyvista is not installed")
    (tmp_path / "s.yaml").write_text("frames:\n  - {seed: 1}\n  - {age: 30, seconds: 0.4}\n")
    out = tmp_path / "a.webp"
    arguments = ("--storyboard", tmp_path / "s.yaml", "--size", "64x64", "--fps", 10)
    code, text, _ = run("animate", folder / "model.h5", "-o", out, *arguments)
    assert code == 0 and "pictures" in text and out.stat().st_size > 500


def test_share_says_how_well_it_agrees(folder, tmp_path):
    code, text, _ = run("share", folder / "model.h5", tmp_path / "page.html")
    assert code == 0 and "agree" in text and (tmp_path / "page.html").stat().st_size > 1e6
