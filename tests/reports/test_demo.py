"""The demo writes meshes and one page that opens offline."""

import json
import re

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from inface import Mesh
from inface.cli import run
from inface.embedded import load_default_model
from inface.synthetic import head


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


def completed_panel(demo) -> dict:
    page = (demo / "index.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="inface-data">(.*?)</script>', page, re.S)[1])
    return next(panel for panel in data["panels"] if panel["title"] == "Completed")


def reflected(vertices, over, onto) -> np.ndarray:
    """The other side's shape, turned and shifted so that `onto` fits best; by another way than the demo's."""
    other = vertices[over] * [-1, 1, 1]
    a, b = other[onto].mean(0), vertices[onto].mean(0)
    turn, _ = Rotation.align_vectors(vertices[onto] - b, other[onto] - a)
    return turn.apply(other - a) + b


def test_the_numbers_on_the_page_are_those_of_the_meshes_and_completion_beats_mirroring(demo):
    """Against the generator's own child, files beside the page and a fit of the same child in another pose."""
    model, mirror = load_default_model("pca"), load_default_model("pca").template.mirror
    truth = head(age=8, identity=9_000_003)
    completed = Mesh.load(demo / "completed_completed.ply").vertices
    unknown = ~np.isfinite(Mesh.load(demo / "completed_known_part.ply").vertices).all(1)
    assert not (unknown & unknown[mirror]).any()
    face = np.isin(np.arange(len(unknown)), model.template.regions["face"])
    skin = unknown & face & ~np.isin(np.arange(len(unknown)), model.template.regions["mouth_inside"])
    skin &= ~np.isin(np.arange(len(unknown)), model.template.regions["eyes"])
    error = np.linalg.norm(completed - truth.vertices, axis=1)[skin].mean()

    both = ~unknown & ~unknown[mirror]
    midline = both & face & (mirror == np.arange(len(mirror)))
    mirrored = [
        np.linalg.norm(reflected(truth.vertices, mirror, onto) - truth.vertices, axis=1)[skin].mean()
        for onto in (both, midline)
    ]
    assert error < 0.6 * min(mirrored), "also where the reflection is laid onto the midline of the face alone"

    # in another pose: what is found must not depend on it, and intervals are counted in that frame
    turn = Rotation.from_rotvec([0.1, -0.2, 0.15])
    moved = turn.apply(truth.vertices.copy()) + [30.0, -12.0, 8.0]
    again = model.reconstruct(moved, unknown, back_match_known_vertices=True, align=True)
    assert np.abs(turn.inv().apply(again.mesh.vertices - [30.0, -12.0, 8.0]) - completed)[skin].max() < 0.05
    off = np.abs(again.mesh.vertices - moved)[skin]
    share = (off <= 1.959964 * again.vertex_std[skin]).mean()

    words = completed_panel(demo)["caption"].replace("\u00a0", " ")
    said = re.search(r"skin: ([\d.]+) mm completed, ([\d.]+) mm by mirroring", words)
    assert abs(float(said[1]) - error) < 0.006 and abs(float(said[2]) - mirrored[0]) < 0.006
    size, held, percent = (
        int(x.replace(",", "")) for x in re.search(r"Of ([\d,]+) .* ([\d,]+) hold .* (\d+) %", words).groups()
    )
    assert size == 3 * skin.sum() and percent == round(100 * held / size)
    assert abs(held / size - share) < 0.02
    assert "synthetic child that no model was trained on" in words


def test_error_and_interval_share_one_scale_in_mm(demo):
    panel = completed_panel(demo)
    assert [mesh["name"] for mesh in panel["meshes"]] == [
        "known part", "completed", "truth", "mirrored", "error", "interval"
    ]  # fmt: skip
    assert panel["legend"]["label"].endswith("mm") and panel["legend"]["ticks"] == ["2", "1.5", "1", "0.5", "0"]
    error, interval = (Mesh.load(demo / f"completed_{name}.ply") for name in ("error", "interval"))
    truth, partial = (Mesh.load(demo / f"completed_{name}.ply") for name in ("truth", "known_part"))
    unknown = ~np.isfinite(partial.vertices).all(1)
    distance = np.linalg.norm(error.vertices - truth.vertices, axis=1)
    # pale at zero, darker the more: what is known is sure, what is hidden is not
    darkness = [3 - mesh.colors.sum(1) for mesh in (error, interval)]
    assert all(
        np.ptp(dark[~unknown]) < 0.02 and (dark[unknown] > dark[~unknown].max()).mean() > 0.9 for dark in darkness
    )
    assert np.corrcoef(darkness[0][unknown], distance[unknown])[0, 1] > 0.95
    assert darkness[1][unknown].mean() > darkness[0][unknown].mean(), "intervals of 95 % are wider than a usual error"


def test_the_completed_tab_is_whole_on_a_desk_and_on_a_telephone(demo, chromium):
    """Names under their heads without overlap, the legend clear of the heads, no sideways scroll."""
    boxes = "return [...document.querySelectorAll(arguments[0])].map(e => e.getBoundingClientRect().toJSON())"
    with chromium() as browser:
        for width, height in ((1280, 720), (390, 844)):
            browser.resize(width, height, mobile=width < 700)
            browser.open((demo / "index.html").as_uri())
            browser.driver.find_element("id", "tab-1").click()
            names = browser.run(boxes, ".names span")
            legend, surface = browser.run(boxes, ".legend")[0], browser.run(boxes, "canvas.surface")[0]
            assert len(names) == 6 and legend["width"] > 0
            assert surface["right"] <= legend["left"] and legend["right"] <= width
            for i, a in enumerate(names):
                assert a["right"] <= surface["right"] + 1
                for b in names[:i]:
                    assert a["top"] >= b["bottom"] - 1 or a["left"] >= b["right"] - 1
            assert browser.run("return document.documentElement.scrollWidth") <= width
            assert not browser.console_errors() and not browser.foreign_requests()


def test_the_demo_opens_on_calm_children(demo):
    """Mouths shut or nearly: no child of the first tab cries or gapes."""
    marks = load_default_model("disentangled").template.landmarks
    crying = Mesh.load(demo / "neutralised_crying.ply").vertices

    def gap(vertices) -> float:
        return float(np.linalg.norm(vertices[marks["li"]] - vertices[marks["ls"]]))

    children = [Mesh.load(path).vertices for path in sorted(demo.glob("random_children_*.ply"))]
    assert len(children) == 6 and all(gap(child) < 0.75 * gap(crying) for child in children)


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
