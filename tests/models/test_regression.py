"""Regressors between latent spaces, and attributes corrected to targets."""

import json

import numpy as np
import pytest

import inface
from inface import AttributeRegressor
from inface.codecs.regression_json import AttributeData
from inface.errors import CorrespondenceError
from inface.transforms import Similarity


def test_linear_regressor_file_call_batch_and_save(tmp_path):
    rng = np.random.default_rng(0)
    matrix, intercept = rng.normal(size=(4, 6)), rng.normal(size=4)
    path = tmp_path / "head_to_skull.json"
    path.write_text(json.dumps({"matrix": matrix.tolist(), "intercept": intercept.tolist()}))
    latents = rng.normal(size=(2, 5, 6))
    for regressor in (inface.LinearRegressor.load(path), inface.LinearRegressor(str(path))):
        assert regressor(latents) == pytest.approx(np.einsum("ij,abj->abi", matrix, latents) + intercept)
        assert regressor.translate_latent_code(latents[0, 0]) == pytest.approx(matrix @ latents[0, 0] + intercept)
    regressor.save(tmp_path / "again.json")
    assert np.array_equal(inface.LinearRegressor.load(tmp_path / "again.json").matrix, matrix)
    for wrong in (np.zeros(5), np.full(6, np.nan)):
        with pytest.raises(ValueError, match="latent"):
            regressor(wrong)
    with pytest.raises(ValueError, match="regressor: expected a matrix"):
        inface.LinearRegressor(matrix, intercept[:-1])


@pytest.fixture
def attributes(pca):
    rng = np.random.default_rng(1)
    entry = {n: AttributeData(rng.normal(size=6), 10.0 * i, 2.0, n) for i, n in enumerate(("CI", "FI", "age", "v_tot"))}
    return inface.AttributeRegressor(entry)


def test_estimates_follow_the_formula(pca, attributes):
    latents = pca.sample_latents(4, seed=1).astype(float)
    found = attributes.estimate(pca, latents)
    z = latents / pca.latent_std
    assert found["FI"] == pytest.approx(z @ attributes.attributes["FI"].weights + 10)
    assert attributes.estimate(pca, latents[0])["CI"].ndim == 0
    shorter = inface.AttributeRegressor({"CI": AttributeData(np.ones(2), 1.0, 1.0)})
    assert shorter.estimate(pca, latents)["CI"] == pytest.approx(z[:, :2].sum(1) + 1)


def test_corrections_meet_targets_move_least_and_hold_what_is_fixed(pca, attributes):
    latents = pca.sample_latents(4, seed=1).astype(float)
    corrected = attributes.correct(pca, latents, {"CI": 3.5, "FI": None}, fixed=["age", "v_tot"])
    before, after = attributes.estimate(pca, latents), attributes.estimate(pca, corrected)
    assert after["CI"] == pytest.approx(np.full(4, 3.5)) and after["FI"] == pytest.approx(np.full(4, 10.0))
    assert after["age"] == pytest.approx(before["age"]) and after["v_tot"] == pytest.approx(before["v_tot"])
    w = np.stack([attributes.attributes[n].weights for n in ("CI", "FI", "age", "v_tot")])
    change = np.stack([3.5 - before["CI"], 10 - before["FI"], np.zeros(4), np.zeros(4)])
    shift = (w.T @ np.linalg.inv(w @ w.T) @ change).T
    assert corrected == pytest.approx(latents + shift * pca.latent_std)


def test_targets_that_cannot_be_met(pca, attributes):
    twice = inface.AttributeRegressor(
        {"a": AttributeData(np.ones(6), 0.0, 1.0), "b": AttributeData(2 * np.ones(6), 0.0, 1.0)}
    )
    latent = np.zeros(6)
    assert twice.estimate(pca, twice.correct(pca, latent, {"a": 1, "b": 2}))["b"] == pytest.approx(2)
    with pytest.raises(ValueError, match="no latent meets all targets"):
        twice.correct(pca, latent, {"a": 1, "b": 1})
    with pytest.raises(ValueError, match="no attribute 'XX'; there are: CI, FI"):
        attributes.correct(pca, latent, {"XX": 1})
    with pytest.raises(ValueError, match="both a target and fixed"):
        attributes.correct(pca, latent, {"CI": 1}, fixed=["CI"])
    with pytest.raises(ValueError, match="target"):
        attributes.correct(pca, latent, {"CI": np.nan})
    with pytest.raises(ValueError, match="7 weights"):
        inface.AttributeRegressor({"a": AttributeData(np.ones(7), 0.0, 1.0)}).estimate(pca, latent)


def test_attribute_files_and_the_references_function(pca, attributes, tmp_path):
    attributes.save(tmp_path / "attributes.json")
    loaded = inface.AttributeRegressor.load(tmp_path / "attributes.json")
    meshes = pca.sample_meshes(3, 0.5, seed=2)
    table = json.loads((tmp_path / "attributes.json").read_text())
    corrected, estimated, optima = inface.get_measurement_corrected_meshes(
        registered_meshes=meshes, model=pca, shape_factor_function=table, measurement_kinds=["CI", "FI"],
        measurement_optima=[4.0, None], fix_age=True, fix_total_volume=True,
    )  # fmt: skip
    assert estimated.shape == optima.shape == (2, 3)
    assert optima.tolist() == [[4.0] * 3, [10.0] * 3]
    after = loaded.estimate(pca, np.stack([pca.encode(mesh) for mesh in corrected]))
    assert after["CI"] == pytest.approx(np.full(3, 4.0), abs=1e-3)
    before = loaded.estimate(pca, np.stack([pca.encode(mesh) for mesh in meshes]))
    assert after["v_tot"] == pytest.approx(before["v_tot"], abs=1e-3)
    assert before["CI"] == pytest.approx(estimated[0], abs=1e-3)


def test_a_corrected_mesh_stays_in_its_own_frame_with_its_colours(pca):
    weights = np.random.default_rng(2).standard_normal((2, 6))
    regressor = AttributeRegressor({"CI": AttributeData(weights[0], 80, 5), "age": AttributeData(weights[1], 9, 4)})
    mesh = pca.sample_meshes(1, seed=3)[0].with_colors(np.full((72, 3), 0.5))
    mesh = mesh.with_vertices(mesh.vertices + np.sin(np.arange(216)).reshape(-1, 3))
    plain = regressor.correct_mesh(pca, mesh, {"CI": 84.0}, ["age"], keep_detail=True)
    assert plain.after["CI"] == pytest.approx(84)
    assert plain.after["age"] == pytest.approx(plain.before["age"])
    np.testing.assert_allclose(
        plain.mesh.vertices - mesh.vertices, pca.decode(plain.latent) - pca.decode(pca.encode(mesh)), atol=1e-3
    )
    pose = Similarity(np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]), np.array([50.0, 0, 9]))
    away = mesh.with_vertices(pose.apply(mesh.vertices))
    with pytest.raises(CorrespondenceError, match="align=True"):
        regressor.correct_mesh(pca, away, {"CI": 84.0})
    still, moved = (regressor.correct_mesh(pca, m, {"CI": 84.0}, align=True).mesh for m in (mesh, away))
    np.testing.assert_allclose(moved.vertices, pose.apply(still.vertices), atol=1e-2)
    assert moved.colors is not None
