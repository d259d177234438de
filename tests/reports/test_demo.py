"""The demo writes meshes and one page that opens offline."""

import re

import numpy as np
import pytest

from inface import Mesh
from inface.cli import run
from inface.embedded import load_default_model


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    with pytest.raises(SystemExit) as stop:
        run(["demo", "--out", str(folder), "--seed", "3"])
    assert not stop.value.code
    return folder


def test_every_step_writes_its_meshes(demo):
    steps = {path.name.split("_")[0] for path in demo.glob("*.ply")}
    assert steps == {"random", "completed", "expressions", "neutralised", "transferred", "ages"}
    topology = load_default_model("pca").triangles
    for path in demo.glob("*.ply"):
        assert np.array_equal(Mesh.load(path).triangles, topology)


def test_the_completed_face_keeps_what_was_known(demo):
    partial = Mesh.load(demo / "completed_known_part.ply")
    completed = Mesh.load(demo / "completed_completed.ply")
    truth = Mesh.load(demo / "completed_truth.ply")
    known = np.isfinite(partial.vertices).all(1)
    assert 0.05 < 1 - known.mean() < 0.5
    assert np.abs(completed.vertices - truth.vertices)[known].max() < 1e-6
    hidden = np.linalg.norm(completed.vertices - truth.vertices, axis=1)[~known]
    mean = load_default_model("pca").mean_vertices
    plain = np.linalg.norm(mean - truth.vertices, axis=1)[~known]
    assert hidden.mean() < 0.5 * plain.mean()


def test_crying_is_taken_out(demo):
    crying, calm = (Mesh.load(demo / f"neutralised_{n}.ply") for n in ("crying", "neutralised"))
    mouth = load_default_model("disentangled").template.landmarks
    gap = [np.linalg.norm(m.vertices[mouth["li"]] - m.vertices[mouth["ls"]]) for m in (crying, calm)]
    assert gap[0] > gap[1] + 5


def test_children_grow(demo):
    sizes = [np.ptp(Mesh.load(demo / f"ages_{m}_months.ply").vertices, axis=0).prod() for m in (0, 3, 6, 12, 24, 36)]
    assert sizes == sorted(sizes)


def test_the_page_needs_no_network(demo):
    page = (demo / "index.html").read_text(encoding="utf-8")
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!#|data:)[^"']+""", page)
    assert "synthetic" in page
