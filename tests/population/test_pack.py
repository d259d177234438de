"""From a folder of meshes, as users have them, to a packed population and the model trained on it."""

import csv
import warnings

import numpy as np
import pytest
from toy_population import ToyWorld

import inface
from inface.batches import Run
from inface.cli import run as command
from inface.codecs.text_files import write_json
from inface.errors import FormatError
from inface.mesh import Mesh
from inface.population import PopulationWarning, load_population, pack_population
from inface.training import fit_pca
from inface.transforms import Similarity


@pytest.fixture(scope="module", autouse=True)
def small_parts():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inface.population.pack.PART_ROWS", 16)
        yield


def inface_says(arguments):
    """A command line that ends with 0."""
    with pytest.raises(SystemExit) as ended:
        command(arguments)
    assert not ended.value.code


@pytest.fixture(scope="module")
def world():
    return ToyWorld()


@pytest.fixture(scope="module")
def made(world):
    return world.population(subjects=20, scans=2)


@pytest.fixture
def folder(tmp_path, world, made):
    """Meshes in any pose, with a table."""
    home, random = tmp_path / "meshes", np.random.default_rng(0)
    home.mkdir()
    with open(home / "manifest.csv", "w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "subject", "age_months", "neutral", "split"])
        for i, shape in enumerate(made.shapes):
            turn = np.linalg.qr(np.eye(3) + 0.05 * random.standard_normal((3, 3)))[0]
            turn *= np.sign(np.diag(turn))
            Mesh(shape @ turn + random.standard_normal(3), world.triangles).export(home / f"scan{i:02d}.ply")
            row = (f"scan{i:02d}.ply", made.subject[i], made.age_months[i], "yes" if made.neutral[i] else "no")
            writer.writerow((*row, "test" if made.subject[i] == "s019" else "train"))
    return home


def test_what_is_packed_is_what_load_population_gives(tmp_path, folder):
    wanted = load_population(folder)
    out = pack_population(folder, tmp_path / "toy.shapes")
    got = load_population(out)
    np.testing.assert_allclose(got.shapes[:], wanted.shapes, atol=1e-3)
    for name, column in wanted.columns.items():
        np.testing.assert_array_equal(got.columns[name], column, err_msg=name)
    assert sorted(p.name for p in out.iterdir()) == ["manifest.csv", "parts", "store.json", "template.npz"]


def test_the_same_bytes_on_one_two_and_three_workers_and_after_a_stop(tmp_path, folder):
    def stop(counts):
        if counts.settled == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack_population(folder, tmp_path / "0.shapes", progress=stop)
    for name, workers in (("0", 1), ("1", 1), ("2", 2), ("3", 3)):
        pack_population(folder, tmp_path / f"{name}.shapes", run=Run(workers))
    first = [(p.name, p.read_bytes()) for p in sorted((tmp_path / "1.shapes" / "parts").iterdir())]
    assert len(first) == 3
    for name in "023":
        assert [(p.name, p.read_bytes()) for p in sorted((tmp_path / f"{name}.shapes" / "parts").iterdir())] == first


def test_all_meshes_that_cannot_be_packed_are_named_and_mending_them_is_enough(tmp_path, folder, world, made):
    good = (folder / "scan03.ply").read_bytes()
    (folder / "scan03.ply").write_bytes(good[:200])
    Mesh(made.shapes[20][:-1], world.triangles[:-1]).export(folder / "scan20.ply")
    with pytest.raises(FormatError, match=r"2 of 40 meshes cannot be packed: .*scan03.ply.*scan20.ply': 41 vertices"):
        pack_population(folder, tmp_path / "toy.shapes", template=world.template())
    (folder / "scan03.ply").write_bytes(good)
    Mesh(made.shapes[20], world.triangles).export(folder / "scan20.ply")
    seen = []
    pack_population(folder, tmp_path / "toy.shapes", template=world.template(), progress=seen.append)
    assert seen[-1].kept == 1 and seen[-1].done == 2  # the part without a bad mesh was kept
    assert len(load_population(tmp_path / "toy.shapes")) == 40
    with pytest.raises(ValueError, match=r"ends in '\.shapes', got 'toy'"):
        pack_population(folder, tmp_path / "toy")


def test_the_command_line_packs_trains_and_measures(tmp_path, folder):
    out = str(tmp_path / "toy.shapes")
    inface_says(["pack", str(folder), "--out", out])
    for arguments in (
        ["train", "pca", out, "--out", str(tmp_path / "pca.h5"), "--components", "6"],
        ["train", "linear", out, "--out", str(tmp_path / "l.h5"), "--identity", "4", "--expression", "3"],
        ["evaluate", str(tmp_path / "pca.h5"), out, "--out", str(tmp_path / "report")],
    ):
        inface_says(arguments)
    wanted = fit_pca(load_population(folder), 6)
    np.testing.assert_allclose(inface.load_model(tmp_path / "pca.h5").eigenvalues, wanted.eigenvalues, rtol=1e-4)
    assert (tmp_path / "report" / "evaluation.html").stat().st_size > 1000


def test_what_register_wrote_is_packed_in_millimetres_and_the_bad_ones_are_left_out(tmp_path, world, made):
    home, random = tmp_path / "registered", np.random.default_rng(1)
    home.mkdir()
    rows = []
    for i, shape in enumerate(made.shapes[:12]):
        turn = np.linalg.qr(random.standard_normal((3, 3)))[0]
        pose = Similarity(turn * np.sign(np.linalg.det(turn)), random.standard_normal(3), 0.001)
        Mesh(pose.apply(shape), world.triangles).export(home / f"s{i:02d}.ply")
        write_json(home / f"s{i:02d}.json", {"transform": pose.matrix.tolist(), "verdict": "ok"})
        rows.append({"name": f"s{i:02d}", "verdict": "failed" if i == 5 else "ok", "mesh": f"s{i:02d}.ply"})
    with open(home / "report.csv", "w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with pytest.warns(PopulationWarning, match=r"1 of 12 scans were not registered well .* left out: s05.ply"):
        out = pack_population(home, tmp_path / "r.shapes", template=world.template(), align=False)
    got = load_population(out)
    np.testing.assert_allclose(got.shapes[:], np.delete(made.shapes[:12], 5, 0), atol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_allclose(
            load_population(home, template=world.template(), align=False).shapes, got.shapes[:], atol=1e-6
        )


def test_real_faces_are_packed_and_fitted(tmp_path, shared_data):
    """Nine faces that our generator did not draw, in correspondence."""
    data, home = shared_data("meshmonk_simulated_faces.npz"), tmp_path / "faces"
    home.mkdir()
    for i, shape in enumerate(data["vertices"]):
        Mesh(shape.astype(float), data["triangles"]).export(home / f"face{i}.obj")
    out = str(tmp_path / "faces.shapes")
    inface_says(["pack", str(home), "--out", out])
    inface_says(["train", "pca", out, "--out", str(tmp_path / "m.h5"), "--components", "8"])
    model, faces = inface.load_model(tmp_path / "m.h5"), load_population(out).shapes[:]
    np.testing.assert_allclose(model.decode(model.encode(faces, check=False)), faces, atol=0.01)
