"""The linear disentangled model on a population whose factors are known; the compact file; what is refused."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from toy_population import ToyWorld

from inface.errors import CorrespondenceError, FormatError
from inface.mesh import Mesh
from inface.models import load_model
from inface.models.span import SkipNetwork, SpanModel
from inface.models.store import read_compact, write_compact
from inface.training.linear import BLOCKS, fit_linear, linear_start, shrinkage
from inface.training.pca import fit_pca
from inface.training.span import finish, known_ages, project

SMALL = {"identity": 5, "expression": 3, "age": 1}


@pytest.fixture(scope="module")
def world():
    return ToyWorld()


@pytest.fixture(scope="module")
def population(world):
    return world.population(subjects=150)


@pytest.fixture(scope="module")
def model(population):
    return fit_linear(population, SMALL, span=20)


def distance(a, b):
    return float(np.linalg.norm(a - b, axis=-1).mean())


def test_transfer_and_neutralising_come_near_the_truth(world, population, model):
    test = world.population(subjects=20, seed=9)
    a, b = np.arange(0, 80, 4), np.roll(np.arange(1, 80, 4), 3)
    months = test.age_months[a]
    for got, truth in (
        (lambda x, y: model.transfer_expression(y, x, keep_detail=True), world.truth(test, a, b, months)),
        (lambda x, y: model.neutralize(x, keep_detail=True), None),
    ):
        if truth is None:
            truth = world.shapes(test.factors["identity"][a], np.zeros((len(a), 3)), months)
        meshes = [Mesh(x, world.triangles) for x in test.shapes]
        done = np.stack([got(meshes[i], meshes[j]).vertices for i, j in zip(a, b, strict=True)])
        assert distance(done, truth) < 0.25 * distance(test.shapes[a], truth)


def test_ages_are_in_months_and_plus_is_older(population, model):
    assert model.age_calibration.to_months(model.age_calibration.to_code(9.0)) == pytest.approx(9.0, abs=0.2)
    ages = [model.age(Mesh(x, model.triangles), check=False) for x in population.shapes[:80]]
    assert np.corrcoef(ages, population.age_months[:80])[0, 1] > 0.9
    young = Mesh(population.shapes[0], model.triangles)
    sizes = [np.ptp(model.set_age(young, m).vertices[:, 1]) for m in (2, 10, 30)]
    assert sizes[0] < sizes[1] < sizes[2]


def test_named_expressions_are_stored(model):
    assert set(model.expressions) == {"neutral", "smiling"}
    assert all(code.shape == (3,) for code in model.expressions.values())
    assert np.abs(model.expressions["neutral"]).max() < np.abs(model.expressions["smiling"]).max()


def test_saved_file_holds_a_linear_network_of_the_layout(tmp_path, population, model):
    path = tmp_path / "model.h5"
    model.save(path)
    again = load_model(path)
    x = population.shapes[:5]
    np.testing.assert_array_equal(again.encode(x), model.encode(x))
    assert again.decoder.linear and len(again.decoder.weights) == 1


def test_compact_file_expands_to_the_same_models(tmp_path, population):
    coefficients, span = project(population, 20)
    start = linear_start(coefficients, population, span, SMALL)
    trained = finish(start.span_model(), coefficients, population, span, start.factors.growth)
    random = np.random.default_rng(0)
    bent = SpanModel(
        {name: _bent(net, random) for name, net in trained.encoders.items()},
        _bent(trained.decoder, random),
        trained.latent_mean,
        trained.latent_std,
        trained.extras,
    )
    pca = fit_pca(population, 20)
    write_compact(tmp_path / "models.npz", pca, {"linear": trained, "bent": bent})
    x = population.shapes[:40]
    for name, span_model in (("linear", trained), ("bent", bent)):
        model = read_compact(tmp_path / "models.npz", name)
        want = span.expand(span_model.decode(span_model.encode(coefficients[:40]))).reshape(40, -1, 3)
        assert np.abs(model.decode(model.encode(x)) - want).max() < 0.02
        calibration = model.age_calibration
        plain = trained.extras["age_calibration"]
        shift = 0.0 if name == "linear" else 40.0
        assert calibration.to_code(9.0) == pytest.approx(plain.to_code(9.0) + shift, abs=1e-5)
        assert set(model.expressions) == {"neutral", "smiling"}
        assert model.template.landmarks == {"top": 40} and model.template.hash == population.template.hash
    expanded = read_compact(tmp_path / "models.npz", "pca")
    assert np.abs(expanded.decode(expanded.encode(x)) - pca.decode(pca.encode(x))).max() < 0.02
    with pytest.raises(FormatError, match="it has pca, linear, bent"):
        read_compact(tmp_path / "models.npz", "skull")
    (tmp_path / "models.npz").write_bytes(b"nothing")
    with pytest.raises(FormatError, match="not a compact model file"):
        read_compact(tmp_path / "models.npz", "pca")


def _bent(net: SkipNetwork, random) -> SkipNetwork:
    """The network with a random perceptron of three layers beside it."""
    widths = (net.skip.shape[1], 7, 6, len(net.skip))
    size = np.abs(net.skip).max()
    weights = [0.02 * size * random.standard_normal((b, a)) for a, b in itertools.pairwise(widths)]
    return SkipNetwork(net.skip, net.bias, tuple(weights), tuple(random.standard_normal(w) for w in widths[1:]))


def test_what_cannot_be_disentangled_is_refused_in_a_sentence(population):
    with pytest.raises(CorrespondenceError, match="which scans are of one subject"):
        fit_linear(replace(population, subject=None), SMALL)
    single = replace(population, subject=np.arange(len(population)).astype(str))
    with pytest.raises(CorrespondenceError, match="at least two subjects with two scans each"):
        fit_linear(single, SMALL)
    with pytest.raises(ValueError, match="blocks: expected widths"):
        fit_linear(population, {"identity": 5, "age": 1})
    with pytest.raises(ValueError, match=r"at most 20 codes a block .* narrower"):
        fit_linear(population, BLOCKS, span=20)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda a: np.where(np.arange(len(a)) < 3, np.nan, a), "3 of 600 scans have no age"),
        (lambda a: a * 30.44, "looks like days"),
        (lambda a: a * 0 + 6, "all scans are 6 months old"),
        (lambda a: a - 20, "zero or more"),
    ],
)
def test_ages_that_cannot_be_used_are_refused(population, change, sentence):
    with pytest.raises(ValueError, match=sentence):
        known_ages(replace(population, age_months=change(population.age_months)))


def test_without_ages_the_age_block_is_silent(population):
    model = fit_linear(replace(population, age_months=None), SMALL, span=20)
    assert model.age_calibration is None
    codes = model.encode(population.shapes[:10])
    assert np.abs(codes[:, model.blocks["age"]]).max() < 1e-6


def test_few_scans_of_rich_shapes_still_fit_new_children():
    world = ToyWorld(identities=30, expressions=10)
    few, new = (world.population(subjects=n, scans=3, seed=n, noise=0.3) for n in (12, 20))
    model = fit_linear(few, {"identity": 10, "expression": 10, "age": 1}, span=200)
    error = distance(model.decode(model.encode(new.shapes, check=False)), new.shapes)
    assert error < distance(np.broadcast_to(few.shapes.mean(0), new.shapes.shape), new.shapes)


def test_shrinkage_is_all_for_a_round_covariance_and_nothing_for_many_shapes():
    assert shrinkage(2.0 * np.eye(5), 10) == pytest.approx(2.0)
    thin = np.diag([100.0, 1.0, 0.01])
    assert 0.1 < shrinkage(thin, 20) < 10
    assert shrinkage(thin, 10**7) < 1e-4


def test_scans_marked_test_train_nothing(population):
    marked = replace(population, split=np.where(np.arange(len(population)) < 100, "test", "train"))
    for fit in (lambda p: fit_linear(p, SMALL, span=20), lambda p: fit_pca(p, 5)):
        alone, without = fit(marked), fit(marked.subset(slice(100, None)))
        np.testing.assert_array_equal(alone.mean_vertices, without.mean_vertices)
    with pytest.raises(ValueError, match="none to train on"):
        fit_linear(replace(population, split=np.full(len(population), "test")), SMALL)


def test_scans_with_missing_vertices_train_too(population):
    damaged = population.shapes.copy()
    damaged[3::7, :4] = np.nan
    coefficients, span = project(replace(population, shapes=damaged), 12)
    whole = span.project(population.shapes.reshape(len(population), -1))
    assert np.abs(coefficients - whole)[3::7].mean() < 0.1 * np.abs(whole[3::7]).mean()
    model = fit_linear(replace(population, shapes=damaged), SMALL, span=12)
    assert np.isfinite(model.decode(model.encode(population.shapes[:3]))).all()
