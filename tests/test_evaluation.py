"""Figures of models against oracles, and figures that collapse when they should."""

import json
from dataclasses import replace

import numpy as np
import pytest
from toy_population import ToyWorld

from inface.batches import open_executor
from inface.evaluation import (
    ModelEditor,
    completion,
    edit_errors,
    evaluate,
    generalisation,
    leave_one_out,
    network_r2,
    retrieval,
    ridge_r2,
    specificity,
)
from inface.evaluation.figures import mean_figure, r2_figure
from inface.evaluation.leakage import r2
from inface.training.linear import fit_linear
from inface.training.pca import fit_pca

SMALL = {"identity": 5, "expression": 3, "age": 1}


@pytest.fixture(scope="module")
def world():
    return ToyWorld()


@pytest.fixture(scope="module")
def train(world):
    return world.population(subjects=150)


@pytest.fixture(scope="module")
def test(world):
    return world.population(subjects=30, seed=5)


@pytest.fixture(scope="module")
def model(train):
    return fit_linear(train, SMALL, span=20)


def truth_of(world, population):
    def truth(identity_of, expression_of, months):
        identity = population.factors["identity"][identity_of]
        weights = population.factors["expression_weights"]
        return world.shapes(
            identity, np.zeros((len(months), 3)) if expression_of is None else weights[expression_of], months
        )

    return truth


def test_leave_one_out_agrees_with_refitting(world):
    few = world.population(subjects=6, scans=2)
    fast = leave_one_out(few, (2, 5))
    for count in (2, 5):
        for name in np.unique(few.subject):
            left = few.subset(few.subject == name)
            rest = few.subset(few.subject != name)
            rest = replace(rest, shapes=rest.shapes.astype(np.float64))
            slow = generalisation(fit_pca(rest, count), left.shapes)[count]
            np.testing.assert_allclose(fast[count][few.subject == name], slow, atol=1e-5)


@pytest.mark.slow
def test_the_figures_are_the_same_to_the_last_digit_on_one_two_and_three_workers_and_on_dask(train, test):
    model = fit_pca(train, 6)
    told = {"hidden_regions": [], "samples": 10}
    hidden = test.template.mesh.vertices[:, 0] > np.median(test.template.mesh.vertices[:, 0])
    here = evaluate(model, test, **told).to_json()
    completed = completion(model, test.shapes[:5], hidden)
    for cluster, workers in ((None, 2), (None, 3), ("local:2", 1)):
        if cluster:
            pytest.importorskip("distributed", reason="needs the extra `distributed`")
        with open_executor(cluster, workers=workers) as executor:
            assert evaluate(model, test, executor=executor, **told).to_json() == here
            np.testing.assert_array_equal(completion(model, test.shapes[:5], hidden, executor=executor), completed)


def test_generalisation_falls_with_modes_and_specificity_is_near_the_noise(train, test):
    model = fit_pca(train, 10)
    errors = generalisation(model, test.shapes, (1, 3, 6))
    means = [v.mean() for v in errors.values()]
    assert list(errors) == [1, 3, 6, 10] and means == sorted(means, reverse=True)
    near = specificity(model, train.shapes, samples=20)
    brute = [
        min(np.linalg.norm(s - x, axis=1).mean() for x in train.shapes)
        for s in model.decode(model.sample_latents(20, seed=0))
    ]
    np.testing.assert_allclose(near, brute, rtol=1e-4)


def test_probes_find_what_is_there_and_nothing_else():
    random = np.random.default_rng(0)
    codes = random.standard_normal((600, 6))
    line, bent, nothing = codes[:, 0] - codes[:, 1], codes[:, 0] ** 2, random.standard_normal(600)
    a, b = slice(0, 400), slice(400, 600)
    assert ridge_r2(codes[a], line[a], codes[b], line[b]) > 0.99
    assert ridge_r2(codes[a], bent[a], codes[b], bent[b]) < 0.05
    assert network_r2(codes[a], bent[a], codes[b], bent[b]) > 0.8
    assert network_r2(codes[a], nothing[a], codes[b], nothing[b]) < 0.05


def test_retrieval_is_sure_or_chance():
    random = np.random.default_rng(0)
    subject = np.repeat(np.arange(40), 3)
    same = random.standard_normal((40, 5))[subject] + 1e-3 * random.standard_normal((120, 5))
    assert retrieval(same, subject) == 1
    assert retrieval(random.standard_normal((120, 5)), subject) < 0.12


def test_intervals_cover_the_mean_of_subjects():
    random = np.random.default_rng(0)
    subject = np.repeat(np.arange(30), 4)
    hits = 0
    for seed in range(100):
        values = random.standard_normal(30)[subject] + 0.1 * random.standard_normal(120)
        figure = mean_figure("g", "n", values, subject, seed=seed)
        hits += figure.low <= 0 <= figure.high
    assert 85 <= hits <= 99


def test_intervals_of_r2_are_those_of_cohorts_drawn_again():
    random = np.random.default_rng(3)
    subject = np.repeat(np.arange(30), 4)
    wanted = random.standard_normal((120, 2))
    predicted = wanted + 0.5 * random.standard_normal((120, 2))
    figure = r2_figure("leakage", "x", predicted, wanted, subject)
    assert figure.value == pytest.approx(r2(predicted, wanted), abs=1e-12)
    again = []
    for _ in range(500):
        rows = np.concatenate([np.flatnonzero(subject == s) for s in random.integers(0, 30, 30)])
        again.append(r2(predicted[rows], wanted[rows]))
    np.testing.assert_allclose([figure.low, figure.high], np.quantile(again, [0.025, 0.975]), atol=0.02)


def test_edits_are_split_into_what_cannot_be_shown_and_what_leaks(world, test, model):
    errors = {e.name: e for e in edit_errors(ModelEditor(model), test, truth_of(world, test), np.arange(12))}
    assert set(errors) == {"reconstruct", "transfer", "neutralise", "age"}
    for name in ("transfer", "neutralise", "age"):
        e = errors[name]
        assert e.detail["head"].mean() < 0.5 * e.nothing["head"].mean()
        assert e.plain["face"].mean() <= e.represent["face"].mean() + e.leak["face"].mean() + 1e-6


def test_shuffled_subjects_make_the_figures_collapse(world, train, test, model):
    shuffled = replace(train, subject=np.random.default_rng(0).permutation(train.subject))
    wrong = fit_linear(shuffled, SMALL, span=20)
    truth = truth_of(world, test)
    good, bad = ({e.name: e for e in edit_errors(ModelEditor(m), test, truth, np.arange(12))} for m in (model, wrong))
    for name in ("transfer", "neutralise"):
        assert bad[name].detail["head"].mean() > 2 * good[name].detail["head"].mean()
    right, swapped = (retrieval(m.encode(test.shapes)[:, 5:8], test.subject) for m in (model, wrong))
    assert swapped > right + 0.2, "the child sits in the expression code then"


def test_a_whole_evaluation_is_a_table_json_and_a_page(tmp_path, world, train, test, model):
    result = evaluate(
        model, test, train=train, truth=truth_of(world, test), hidden_regions=["face"], samples=10, completed=3
    )
    groups = {f.group for f in result.figures}
    assert {"generalisation", "specificity", "leakage", "transfer, face", "completion of a hidden region"} <= groups
    assert result["leakage", "log age from age, ridge"].value > 0.9
    assert result["leakage", "child from identity, rank 1"].value > 0.9
    for name in ("log age from age, ridge", "expression from identity, network", "child from identity, rank 1"):
        figure = result["leakage", name]
        assert figure.low <= figure.value <= figure.high
    plain = result["transfer, head", "plain"]
    assert plain.low < plain.value < plain.high and "of doing nothing" in plain.note
    assert "transfer, face" in result.table()
    result.save_json(tmp_path / "e.json")
    assert json.loads((tmp_path / "e.json").read_text())["figures"][0]["unit"] == "mm"
    result.save_html(tmp_path / "e.html")
    page = (tmp_path / "e.html").read_text()
    assert page.count("<svg") >= 3 and "://" not in page


def test_what_is_not_measured_is_said(tmp_path, test, model):
    few = replace(test.subset(slice(0, 24)), age_months=None, neutral=None, factors={})
    result = evaluate(model, few, hidden_regions=[], samples=5)
    words = "\n".join(result.notes)
    for part in ("no regions", "every scan has its age", "which faces are neutral", "true shapes are known"):
        assert part in words and part in result.table() and part in result.to_html()
    assert json.loads(result.to_json())["not measured"] == list(result.notes)
    result = evaluate(model, test.subset(slice(0, 24)), truth=lambda *_: test.shapes[:24], samples=5, completed=2)
    assert "12 scans on one side, fewer than 20" in "\n".join(result.notes)


def test_a_probe_of_twenty_scans_always_has_some_to_stop_at():
    random = np.random.default_rng(0)
    codes = random.standard_normal((60, 2))
    for seed in range(30):
        network_r2(codes[:20], codes[:20, 0], codes[20:], codes[20:, 0], hidden=2, seed=seed)


def test_pca_has_compactness_and_no_leakage(train, test):
    result = evaluate(fit_pca(train, 12), test, hidden_regions=["face"], samples=5, completed=2)
    assert result["compactness", "10 modes"].value <= 1
    assert "leakage" not in {f.group for f in result.figures} and "Compactness" in result.curves


def test_bad_input_is_one_clear_sentence(world, train, test, model):
    with pytest.raises(ValueError, match="at least 2 shapes"):
        evaluate(model, test.subset(slice(0, 1)))
    broken = test.shapes.copy()
    broken[3, 0] = np.nan
    with pytest.raises(ValueError, match="the first is number 3"):
        evaluate(model, replace(test, shapes=broken))
    with pytest.raises(ValueError, match="no region 'skull'"):
        evaluate(model, test, hidden_regions=["skull"], samples=2)
    other = ToyWorld(half=12).population(subjects=3)
    with pytest.raises(ValueError, match="another topology"):
        evaluate(model, other)
