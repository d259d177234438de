"""Attributes and regressors learnt, and corrections to the optimum, from folders to the files a user takes away."""

import json

import numpy as np
import pytest

import inface
from inface.cli import run as run_cli
from inface.codecs.regression_json import AttributeData, LabelMap
from inface.models.full_correction import OPTIMA, held_fixed, optimum_targets
from inface.models.label_maps import to_label, to_score
from inface.training.attributes import Ridge, fit_attributes, labels_of, rising_curve


def verb(*arguments):
    try:
        run_cli(list(map(str, arguments)))
    except SystemExit as end:
        return end.code or 0
    return 0


@pytest.fixture(scope="module")
def model():
    return inface.load_default_model("pca")


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    """Forty children that differ in twelve of the model's modes, as files with their ages."""
    place = tmp_path_factory.mktemp("cohort")
    rows = ["file,subject,age_months"]
    z = np.zeros((40, len(model.latent)))
    z[:, :12] = np.random.default_rng(2).normal(size=(40, 12)) * 0.8
    for i, shape in enumerate(model.decode(model.latent_mean + z * model.latent_std)):
        inface.Mesh(shape, model.triangles).export(place / f"c{i:02d}.ply")
        rows.append(f"c{i:02d}.ply,s{i},{1 + 0.5 * i}")
    (place / "manifest.csv").write_text("\n".join(rows) + "\n")
    return place


@pytest.mark.parametrize(
    "mapping,label,score",
    [
        (LabelMap("power", 0, 1, 1 / 3), 27.0, 3.0),
        (LabelMap("power", 0, 1, 0.5), 16.0, 4.0),
        (LabelMap("log", 0, 1, 10.0), 100.0, 2.0),
        (LabelMap("exp", 0, 1, 2.0), 3.0, 8.0),
        (LabelMap("knots", 0, 1, labels=np.array([0.0, 1, 3]), scores=np.array([-1.0, 0, 1])), 2.0, 0.5),
        (None, 5.0, 5.0),
    ],
)
def test_maps_go_both_ways(mapping, label, score):
    assert float(to_score(mapping, label)) == pytest.approx(score)
    assert float(to_label(mapping, score)) == pytest.approx(label)


def test_knots_are_held_outside_and_roots_of_negative_numbers_refused():
    knots = LabelMap("knots", 0, 1, labels=np.array([0.0, 1]), scores=np.array([-1.0, 1]))
    assert to_score(knots, 7.0) == 1.0 and to_label(knots, -9.0) == 0.0
    with pytest.raises(ValueError, match="no power score"):
        to_score(LabelMap("power", 0, 1, 0.5), -1.0)


def test_mapped_files_of_the_reference_are_read_written_and_used(model, tmp_path):
    rng = np.random.default_rng(0)
    count = len(model.latent)
    w, u, v = (rng.normal(size=count) for _ in range(3))
    table = {
        "CI": [w.tolist(), 84.0, 5.0, "cephalic index"],
        "v_tot": [u.tolist(), 100.0, 4.0, "volume", "power", 1 / 3, 1.01e6, 9e4],
        "age": [v.tolist(), 0.1, 1.0, "months", [0.0, 6.0, 36.0], [-2.0, 0.0, 2.0], 9.0, 8.0],
    }
    (tmp_path / "a.json").write_text(json.dumps(table))
    loaded = inface.AttributeRegressor.load(tmp_path / "a.json")
    loaded.save(tmp_path / "b.json")
    assert json.loads((tmp_path / "b.json").read_text()) == table
    z = rng.normal(size=count) * 0.05
    latent = model.latent_mean + z * model.latent_std
    found = loaded.estimate(model, latent)
    assert found["v_tot"] == pytest.approx((u @ z + 100) ** 3)
    assert found["age"] == pytest.approx(np.interp(v @ z + 0.1, [-2, 0, 2], [0, 6, 36]))
    assert loaded.default_target("v_tot") == 1.01e6
    moved = loaded.correct(model, latent, {"v_tot": 1.1e6, "CI": 80.0}, ["age"])
    after = loaded.estimate(model, moved)
    assert after["v_tot"] == pytest.approx(1.1e6) and after["CI"] == pytest.approx(80.0)
    assert after["age"] == pytest.approx(found["age"])
    assert loaded.estimate(model, loaded.correct(model, latent, {"v_tot": None}))["v_tot"] == pytest.approx(1.01e6)
    with pytest.raises(ValueError, match="outside what was learnt"):
        loaded.correct(model, latent, {"age": 60.0})
    for bad in (["power", 0, 1, 1], ["root", 2, 1, 1], [[0, 1], [1, 0], 1, 1], [[0, 1], [1], 1, 1]):
        (tmp_path / "bad.json").write_text(json.dumps({"CI": [w.tolist(), 0, 1, "", *bad]}))
        with pytest.raises(inface.FormatError, match="attribute 'CI'"):
            inface.AttributeRegressor.load(tmp_path / "bad.json")
    (tmp_path / "bad.json").write_text(json.dumps({"CI": [w.tolist(), 0, 1, "", "power"]}))
    with pytest.raises(inface.FormatError, match="four more fields"):
        inface.AttributeRegressor.load(tmp_path / "bad.json")


def test_ridge_solves_its_normal_equations_with_weights():
    rng = np.random.default_rng(1)
    x, y, weight = rng.normal(size=(30, 5)), rng.normal(size=(30, 2)), rng.uniform(0.5, 2, 30)
    got = Ridge.of(x, weight).solve(y, 3.0)
    wanted = np.linalg.solve(x.T @ (x * weight[:, None]) + 3 * np.eye(5), x.T @ (y * weight[:, None]))
    np.testing.assert_allclose(got, wanted, atol=1e-10)


def test_a_curved_label_gets_a_rising_curve_that_straightens_it():
    rng = np.random.default_rng(2)
    z = rng.normal(size=(400, 3))
    score = z[:, 0] + 0.02 * rng.normal(size=400)
    label = np.exp(score)  # linear in no latent
    labels, scores = rising_curve(z, label, np.ones(400))
    back = np.interp(label, labels, scores)
    assert (np.diff(labels) > 0).all() and (np.diff(scores) > 0).all()
    assert np.corrcoef(back, score)[0, 1] > 0.995 > 0.95 > np.corrcoef(label, score)[0, 1]


def test_learnt_attributes_estimate_children_that_were_held_out(model):
    """Labels that are linear in the latent are found again; the measures themselves nearly so."""
    z = np.zeros((60, len(model.latent)))
    z[:, :10] = np.random.default_rng(5).normal(size=(60, 10)) * 0.7
    shapes = model.decode(model.latent_mean + z * model.latent_std).astype(np.float64)
    template = model.template
    population = inface.Population(template, shapes, age_months=np.linspace(1, 30, 60))
    labels = labels_of(population)
    assert {"CI", "CVAI_signed", "v_tot", "circumference", "age", "SA"} <= set(labels)
    assert not {"CVA", "CVAI"} & set(labels) and not [name for name in labels if "cleft" in name]
    assert labels["v_tot"].mean() > 4e5 and labels["SA"].max() < np.pi
    truth = 3.0 * model.latent.standardise(model.encode(shapes))[:, 1] + 50
    known = {"CI": labels["CI"], "v_tot": labels["v_tot"], "own": truth}
    regressor, learnt = fit_attributes(model, population, known)
    assert learnt["own"].error < 0.5 and learnt["CI"].error < 0.6 * labels["CI"].std()
    assert regressor.attributes["v_tot"].mapping.number == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="one a shape"):
        fit_attributes(model, population, {"CI": labels["CI"][:-1]})
    with pytest.raises(ValueError, match="at least 20"):
        fit_attributes(model, population, {"CI": np.full(60, 80.0)})


def test_the_verbs_from_a_folder_to_a_corrected_child(model, folder, tmp_path, capsys):
    """train attributes -> correct --optimum: mesh, coloured difference, numbers before and after."""
    attributes = tmp_path / "attributes.json"
    assert verb("train", "attributes", "pca", folder, "-o", attributes) == 0
    assert "40 shapes" in capsys.readouterr().out
    out = tmp_path / "normal"
    out.mkdir()
    child = folder / "c07.ply"
    assert verb("correct", "pca", attributes, child, "--optimum", "--keep-detail", "-o", out) == 0
    numbers = json.loads((out / "c07_numbers.json").read_text())
    assert numbers["corrected"]["CI"]["after"] == pytest.approx(80, abs=1e-3)
    assert numbers["corrected"]["CVAI_signed"]["after"] == pytest.approx(0, abs=1e-3)
    for name in ("age", "v_tot"):
        assert numbers["held"][name]["after"] == pytest.approx(numbers["held"][name]["before"], rel=1e-4)
    before, after = inface.Mesh.load(child), inface.Mesh.load(out / "c07.ply")
    real = inface.measure(after)["ci.mid"].value
    assert numbers["measured"]["ci.go"]["after"] == pytest.approx(real, abs=0.2)
    assert abs(real - 80) < abs(inface.measure(before)["ci.mid"].value - 80)
    coloured = inface.Mesh.load(out / "c07_difference.ply")
    far = np.linalg.norm(after.vertices - before.vertices, axis=1)
    assert numbers["difference_mm"]["largest"] <= far.max() + 1e-6
    assert np.ptp(coloured.colors[:, 0]) > 0.1


def test_regressors_between_models_both_ways(model, folder, tmp_path, capsys):
    assert verb("train", "regressor", "pca", "disentangled", folder, "-o", tmp_path) == 0
    assert "mm" in capsys.readouterr().out
    forth = inface.LinearRegressor.load(tmp_path / "regressor_pca_to_disentangled.json")
    back = inface.LinearRegressor.load(tmp_path / "regressor_disentangled_to_pca.json")
    assert forth.matrix.shape == (97, 200) and back.matrix.shape == (200, 97)
    other = inface.load_default_model("disentangled")
    mesh = inface.Mesh.load(folder / "c03.ply")
    code = model.encode(mesh)
    apart = np.linalg.norm(other.decode(forth(code)) - other.decode(other.encode(mesh)), axis=1).mean()
    plain = np.linalg.norm(other.decode(other.latent_mean) - other.decode(other.encode(mesh)), axis=1).mean()
    assert apart < 0.5 * plain
    assert verb("train", "regressor", "pca", "disentangled", folder, tmp_path / "none") == 1


def test_the_optima_are_those_of_the_reference():
    entry = AttributeData(np.ones(3), 5.0, 1.0)
    regressor = inface.AttributeRegressor(dict.fromkeys(("FI", "CI", "TRx", "age", "v_tot", "en-en"), entry))
    targets = optimum_targets(regressor)
    assert targets == {"FI": None, "CI": 80.0, "TRx": 1.0}
    assert held_fixed(regressor, targets) == ["age", "v_tot"]
    assert OPTIMA["CVAI_signed"] == 0 and OPTIMA["cleft_palate_percentage"] == 0 and OPTIMA["EWR"] == 1
    with pytest.raises(ValueError, match="none of those that a full correction sets"):
        optimum_targets(inface.AttributeRegressor({"age": entry}))


@pytest.mark.parametrize("name", ["pca", "disentangled"])
def test_the_embedded_attributes_correct_a_child_by_the_verb_and_by_the_reference_function(name, tmp_path):
    model, attributes = inface.load_default_model(name), inface.load_default_attributes(name)
    child = model.sample_meshes(1, seed=4)[0]
    child.export(tmp_path / "child.ply")
    out = tmp_path / "out"
    out.mkdir()
    assert verb("correct", name, name, tmp_path / "child.ply", "--optimum", "-o", out) == 0
    numbers = json.loads((out / "child_numbers.json").read_text())
    assert numbers["corrected"]["CI"]["after"] == pytest.approx(80, abs=0.01)
    attributes.save(tmp_path / "a.json")
    table = json.loads((tmp_path / "a.json").read_text())
    meshes, before, targets = inface.get_fully_corrected_meshes([child], model, table)
    assert before.shape == targets.shape and len(meshes) == 1
    np.testing.assert_allclose(meshes[0].vertices, inface.Mesh.load(out / "child.ply").vertices, atol=0.02)
    with pytest.raises(ValueError, match="no embedded attributes for 'x'"):
        inface.load_default_attributes("x")
