"""Principal components against dense decompositions, and what they refuse."""

import tracemalloc

import numpy as np
import pytest

from inface.mesh import Mesh
from inface.population import Population, empty_stack
from inface.template import Template
from inface.training.pca import fit_pca, principal_components


def shapes(count=40, vertices=50, rank=12, noise=0.05, seed=0, dtype=np.float64):
    """Flattened shapes of falling variance about a mean far from zero, `(count, 3 * vertices)`."""
    random = np.random.default_rng(seed)
    modes = np.linalg.qr(random.standard_normal((3 * vertices, rank)))[0].T
    codes = random.standard_normal((count, rank)) * 20 * 0.7 ** np.arange(rank)
    rows = 100 * random.standard_normal(3 * vertices) + codes @ modes
    return (rows + noise * random.standard_normal(rows.shape)).astype(dtype)


def population(rows, **columns):
    count = rows.shape[1] // 3
    triangles = np.stack([np.arange(count - 2), np.arange(1, count - 1), np.arange(2, count)], 1)
    template = Template(Mesh(rows[0].reshape(-1, 3), triangles))
    return Population(template, rows.reshape(len(rows), -1, 3), **columns)


def dense(rows):
    """Eigenvalues and modes by a dense singular value decomposition in float64."""
    centred = rows.astype(np.float64) - rows.astype(np.float64).mean(0)
    _, values, modes = np.linalg.svd(centred, full_matrices=False)
    return values**2 / (len(rows) - 1), modes


@pytest.mark.parametrize(("dtype", "count"), [(np.float64, 40), (np.float32, 40), (np.float64, 400)])
def test_agrees_with_a_dense_svd(dtype, count):
    rows = shapes(count, dtype=dtype)
    fit = principal_components(rows, 10)
    values, modes = dense(rows)
    np.testing.assert_allclose(fit.eigenvalues, values[:10], atol=1e-6 * values[0])
    assert fit.total_variance == pytest.approx(values.sum(), rel=1e-6)
    projector = fit.components.T.astype(float) @ fit.components
    np.testing.assert_allclose(projector, modes[:10].T @ modes[:10], atol=1e-6 if dtype is np.float64 else 1e-4)
    np.testing.assert_allclose(fit.components @ fit.components.T, np.eye(10), atol=2e-6)
    assert fit.noise_std == pytest.approx(np.sqrt(values[10:].sum() / (rows.shape[1] - 10)), rel=1e-4)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_streamed_agrees_with_exact(dtype, tmp_path):
    rows = shapes(300, dtype=dtype)
    path = tmp_path / "stack.npy"
    np.save(path, rows)
    streamed = principal_components(np.load(path, mmap_mode="r"), 8, method="blocks")
    exact = principal_components(rows, 8)
    np.testing.assert_allclose(streamed.eigenvalues, exact.eigenvalues, rtol=0, atol=1e-6 * exact.eigenvalues[0])
    np.testing.assert_allclose(streamed.mean, exact.mean, atol=1e-4 if dtype is np.float32 else 1e-9)
    assert streamed.total_variance == pytest.approx(exact.total_variance, rel=1e-5)
    np.testing.assert_allclose(np.abs(np.sum(streamed.components * exact.components, 1)), 1, atol=1e-6)


def test_streamed_memory_does_not_grow_with_the_number_of_shapes(tmp_path, monkeypatch):
    monkeypatch.setattr("inface.training.block_pca.BLOCK_BYTES", 2**18)
    monkeypatch.setattr("inface.training.components.SLAB_BYTES", 2**18)
    peaks = []
    for count in (500, 4000):
        path = tmp_path / f"{count}.npy"
        np.save(path, shapes(count, vertices=100, dtype=np.float32))
        tracemalloc.start()
        principal_components(np.load(path, mmap_mode="r"), 5, method="blocks")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.25 * peaks[0]


def test_fraction_keeps_the_fewest_modes_that_reach_it():
    rows = shapes()
    values = dense(rows)[0]
    share = np.cumsum(values) / values.sum()
    for fraction in (0.5, 0.9, 0.98):
        kept = len(principal_components(rows, fraction).eigenvalues)
        assert share[kept - 1] >= fraction and (kept == 1 or share[kept - 2] < fraction)
    assert len(principal_components(rows, 1.0).eigenvalues) == len(rows) - 1


def test_weights_act_like_repeated_shapes():
    rows = shapes(30)
    weights = np.random.default_rng(1).integers(1, 4, 30)
    weighted = principal_components(rows, 5, weights.astype(float))
    repeated = principal_components(np.repeat(rows, weights, 0), 5)
    np.testing.assert_allclose(weighted.mean, repeated.mean, atol=1e-9)
    np.testing.assert_allclose(np.abs((weighted.components * repeated.components).sum(1)), 1, atol=1e-9)
    ratio = weighted.eigenvalues / repeated.eigenvalues
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-9)


@pytest.mark.parametrize("method", ["exact", "blocks"])
def test_missing_vertices_are_recovered(method):
    rows = shapes(120, noise=0.01)
    damaged = rows.copy().reshape(120, -1, 3)
    damaged[np.random.default_rng(2).random(damaged.shape[:2]) < 0.15] = np.nan
    fit = principal_components(damaged.reshape(120, -1), 12, method=method)
    truth = principal_components(rows, 12)
    np.testing.assert_allclose(fit.eigenvalues, truth.eigenvalues, rtol=0.02)
    assert np.abs(fit.mean - truth.mean).max() < 0.05


def test_missing_vertices_of_a_large_stack_are_filled_on_disk(tmp_path, monkeypatch):
    damaged = shapes(60, noise=0.01, dtype=np.float32).reshape(60, -1, 3)
    damaged[np.random.default_rng(2).random(damaged.shape[:2]) < 0.1] = np.nan
    np.save(tmp_path / "stack.npy", damaged.reshape(60, -1))
    expected = principal_components(damaged.reshape(60, -1), 8)
    made = []
    monkeypatch.setattr("inface.population.stack.MEMORY_LIMIT", 1000)
    monkeypatch.setattr("inface.training.components.SLAB_BYTES", 5000)
    monkeypatch.setattr("inface.training.missing.empty_stack", lambda *a: made.append(empty_stack(*a)) or made[-1])
    fit = principal_components(np.load(tmp_path / "stack.npy", mmap_mode="r"), 8)
    assert isinstance(made[0], np.memmap)
    np.testing.assert_allclose(fit.eigenvalues, expected.eigenvalues, rtol=1e-4)


def test_model_keeps_noise_colours_and_round_trips():
    rows = shapes(30)
    colors = np.random.default_rng(0).random((30, 50, 3))
    model = fit_pca(population(rows, factors={"colors": colors}), 6)
    np.testing.assert_allclose(model.colors, colors.mean(0), atol=1e-6)
    assert model.noise_std == pytest.approx(principal_components(rows, 6).noise_std, rel=1e-6)
    code = model.encode(rows[3].reshape(-1, 3))
    assert np.abs(model.decode(code) - rows[3].reshape(-1, 3)).max() < 5
    assert fit_pca(population(rows), 6, noise=0.3).noise_std == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda r: (r[:1], 1, None), "at least 2 shapes"),
        (lambda r: (r, 0, None), "expected 1 to 39"),
        (lambda r: (r, 40, None), "expected 1 to 39"),
        (lambda r: (r, 1.5, None), "fraction"),
        (lambda r: (np.repeat(r[:1], 5, 0), 2, None), "all shapes are equal"),
        (lambda r: (r, 3, -np.ones(40)), "weight"),
        (lambda r: (np.where(np.arange(150) < 3, np.nan, r), 3, None), "1 vertices are missing in every shape"),
    ],
)
def test_bad_input_is_one_clear_sentence(change, sentence):
    rows, components, weights = change(shapes())
    with pytest.raises(ValueError, match=sentence):
        principal_components(rows, components, weights)
