"""The shared page: what its weights keep, and what a browser decodes from them."""

import time

import numpy as np
import pytest

from inface.errors import InfaceError
from inface.models.modes import movements, sliders
from inface.pages.blob import Blob
from inface.reports import share
from inface.reports.sharing import ACCURACY, Tree, decode_layers, page_layers


@pytest.mark.parametrize("kind", ["linear_model", "network_model"])
def test_stored_weights_decode_like_the_model(kind, request):
    model = request.getfixturevalue(kind)
    latents = model.sample_latents(6, deviation_factor=1.5, seed=4)
    layers, slope, said = page_layers(model)
    error = np.linalg.norm(decode_layers(layers, slope, latents) - model.decode(latents), axis=-1)
    assert 0 < error.max() < 0.03 and 0 < said <= 0.025


def test_last_layer_is_stored_in_fewer_columns(network_model):
    layers, _, _ = page_layers(network_model)
    assert len(layers) == 4 and len(layers[-1].steps) == 40


def test_differences_along_the_surface_give_the_numbers_back():
    triangles = np.array([[0, 1, 2], [2, 1, 3], [4, 5, 6]])
    tree, blob = Tree(8, triangles), Blob()
    assert sorted(tree.order) == list(range(8))
    seen = set()
    for vertex, parent in zip(tree.order, tree.parents, strict=True):
        assert parent == vertex or parent in seen
        seen.add(vertex)
    row = np.array([[-32767, 32767, 5]] * 4 + [[32767, -32767, 7]] * 4, np.int16)
    row[1] *= -1
    offset, count, kind = tree.add(row.reshape(-1), blob)
    assert kind == "p2"
    planes = np.frombuffer(blob.bytes(), np.uint8, 2 * count, offset).reshape(2, -1)
    change = np.ascontiguousarray(planes.T).view("<i2").reshape(3, -1)
    back = np.zeros((8, 3), np.int16)
    for i, (vertex, parent) in enumerate(zip(tree.order, tree.parents, strict=True)):
        back[vertex] = change[:, i] + (0 if parent == vertex else back[parent])
    assert np.array_equal(back, row)


def test_a_model_the_page_cannot_hold_is_refused(linear_model, monkeypatch, tmp_path):
    monkeypatch.setattr("inface.reports.sharing.ACCURACY", 1e-6)
    with pytest.raises(InfaceError, match="differ from the model's by"):
        share(linear_model, tmp_path / "a.html")
    assert not (tmp_path / "a.html").exists()


def test_sliders_are_ordered_by_movement_inside_their_block(linear_model):
    found = sliders(linear_model)
    assert [s.group for s in found] == ["identity"] * 10 + ["expression"] * 4 + ["age"]
    for group in ("identity", "expression"):
        moved = [s.movement for s in found if s.group == group]
        assert moved == sorted(moved, reverse=True)
    # oracle: one latent at a time
    latent = np.array(linear_model.latent_mean)
    latent[3] += linear_model.latent_std[3]
    far = np.linalg.norm(linear_model.decode(latent) - linear_model.mean_vertices, axis=1).mean()
    assert np.isclose(movements(linear_model)[3], far, rtol=1e-4)


@pytest.mark.browser
@pytest.mark.parametrize("kind", ["linear_model", "network_model"])
def test_page_decodes_like_python(kind, request, tmp_path, chromium):
    model = request.getfixturevalue(kind)
    share(model, tmp_path / "a.html")
    assert (tmp_path / "a.html").stat().st_size < 12e6
    with chromium() as browser:
        browser.open((tmp_path / "a.html").as_uri())
        time.sleep(0.5)
        run = browser.run

        def page_shape():
            time.sleep(0.25)
            latent = np.array(run("return Array.from(window.inface.shaper.latent)"))
            return latent, np.reshape(run("return Array.from(window.inface.shaper.body.positions)"), (-1, 3))

        def agree():
            latent, shape = page_shape()
            assert np.linalg.norm(shape - model.decode(latent), axis=1).max() < ACCURACY
            return latent

        start, first = agree(), browser.picture()
        assert np.allclose(start, model.latent_mean)
        slide = (
            "const r = [...document.querySelectorAll('aside .row')].find(r => r.textContent.startsWith(arguments[0]));"
            "const i = r.querySelector('input[type=range]'); i.value = arguments[1];"
            "i.dispatchEvent(new Event('input')); i.dispatchEvent(new Event('change'));"
        )
        run(slide, "Age, months", 30)
        older = agree()
        block = model.blocks["age"]
        code = model.age_calibration.code(older[block])
        assert np.isclose(model.age_calibration.to_months(float(code)), 30, atol=0.1)
        assert browser.picture() != first
        run("[...document.querySelectorAll('aside button')].find(b => b.textContent === 'smiling').click()")
        smiling = agree()
        assert np.allclose(smiling[model.blocks["expression"]], model.expressions["smiling"], atol=1e-5)
        run(slide, "Strength", 0.5)
        half = agree()[model.blocks["expression"]]
        assert np.allclose(half, (model.neutral_code() + model.expressions["smiling"]) / 2, atol=1e-5)
        run("window.inface.shaper.undoButton.click()")
        assert np.allclose(agree(), smiling)
        run("window.inface.shaper.random()")
        child = agree()
        run("window.inface.shaper.seedBox.value = 1; window.inface.shaper.random()")
        assert np.array_equal(agree(), child), "one seed, one child"
        assert browser.console_errors() == []
        assert browser.foreign_requests() == []
