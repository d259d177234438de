"""The script that makes the embedded models, and the models that ship."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs PyTorch")

from inface.embedded import EMBEDDED, load_default_model
from inface.models.store import compact_names, read_compact
from inface.synthetic import PRESETS, head
from inface.training import Settings
from inface.training.embedded import SAMPLES, build

TINY = Settings(steps=6, batch=8, hidden=(16, 16), evaluate_every=3, validation=0.2)


@pytest.mark.slow
def test_the_script_makes_the_three_models_and_the_same_ones_again(tmp_path):
    for name in ("one", "two"):
        build(tmp_path / name, subjects=28, settings=TINY, misfit=False, say=lambda text: None)
    assert set(compact_names(tmp_path / "one" / "embedded.npz")) == {"pca", "autoencoder", "disentangled"}
    one, two = (dict(np.load(tmp_path / name / "embedded.npz")) for name in ("one", "two"))
    assert one.keys() == two.keys() and all(np.array_equal(one[key], two[key]) for key in one)
    model = read_compact(tmp_path / "one" / "embedded.npz", "disentangled")
    assert set(PRESETS) <= set(model.expressions)
    code = np.load(tmp_path / "one" / "sample_expressions" / "crying_expression.npy")
    np.testing.assert_allclose(code, model.expressions["crying"], atol=1e-6)


@pytest.mark.skipif("disentangled" not in EMBEDDED, reason="the embedded models are not in this checkout")
def test_the_shipped_models_know_age_and_expressions():
    model = load_default_model("disentangled")
    assert model.latent.blocks == {"identity": slice(0, 32), "expression": slice(32, 96), "age": slice(96, 97)}
    for months in (2, 9, 30):
        face = head(age=months, identity=4)
        assert abs(np.log((model.age(face, align=True) + 2) / (months + 2))) < 0.35
    face = head(age=9, identity=4)
    wanted = head(age=9, identity=4, expression="crying").vertices
    done = model.set_expression(face, "crying", keep_detail=True, align=True).vertices
    away = [np.linalg.norm(x - wanted, axis=1).mean() for x in (face.vertices, done)]
    assert away[1] < 0.35 * away[0]
    assert {"data", "command", "licence", "use", "limits"} <= set(model.card)


@pytest.mark.skipif("disentangled" not in EMBEDDED, reason="the embedded models are not in this checkout")
def test_the_published_loop_over_expressions_and_ages_runs_on_the_shipped_model():
    from importlib.resources import as_file, files

    model = load_default_model("disentangled")
    face = head(age=6, identity=3)
    age = model.latent_mean[-1], model.latent_std[-1]
    with as_file(files("inface.data") / "sample_expressions") as folder:
        for name in SAMPLES:
            code = np.load(folder / f"{name}_expression.npy")
            assert code.shape == (64,) and code.dtype == np.float64
            changed = model.set_expression(face, code, align=True)
            young, old = (model.adjust_age(changed, age[0] + k * age[1], align=True) for k in (-2, 2))
            assert np.ptp(young.vertices[:, 1]) < np.ptp(old.vertices[:, 1])
