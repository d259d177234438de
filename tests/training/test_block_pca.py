"""Components by blocks: of stacks larger than memory, the same bytes whoever does the blocks."""

import numpy as np
import pytest

from inface.codecs.shape_store import MappedShapes, read_store, write_part, write_store
from inface.population import flat_rows
from inface.training import block_pca
from inface.training.block_pca import Where
from inface.training.pca import principal_components


def spread(count=600, vertices=40, rank=30, largest=1e5, seed=0, dtype=np.float32, noise=0.0):
    """Rows whose `rank` eigenvalues fall evenly by the factor `largest`, far from the origin."""
    random = np.random.default_rng(seed)
    modes = np.linalg.qr(random.standard_normal((3 * vertices, rank)))[0].T
    codes = random.standard_normal((count, rank)) * np.sqrt(largest ** (-np.arange(rank) / (rank - 1.0)))
    rows = 30 * codes @ modes + 50 * random.standard_normal(3 * vertices)
    return (rows + noise * random.standard_normal(rows.shape)).astype(dtype)


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(block_pca, "BLOCK_ROWS", 32)


def stored(folder, rows, part=50):
    parts = [write_part(folder, k, rows[s : s + part].reshape(-1, rows.shape[1] // 3, 3)) for k, s in
             enumerate(range(0, len(rows), part))]  # fmt: skip
    write_store(folder, parts, (rows.shape[1] // 3, 3))
    return read_store(folder)[0]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_kept_eigenvalue_is_settled_and_not_the_first_alone(small_blocks, dtype):
    rows = spread(dtype=dtype, noise=1e-3)
    exact = np.linalg.svd(rows.astype(float) - rows.astype(float).mean(0), compute_uv=False) ** 2 / (len(rows) - 1)
    fit = principal_components(rows, 25, method="blocks")
    assert exact[0] / exact[24] > 1e4
    assert np.abs(fit.eigenvalues / exact[:25] - 1).max() < (1e-6 if dtype is np.float64 else 2e-5)
    assert fit.total_variance == pytest.approx(exact.sum(), rel=1e-6)
    np.testing.assert_allclose(fit.components.astype(float) @ fit.components.T, np.eye(25), atol=2e-6)


def test_a_rule_that_looks_at_the_first_eigenvalue_would_stop_too_early(small_blocks, monkeypatch):
    """The trap of the rule before: modes 1e5 apart, started from a poor basis, need passes that it does not make."""
    rows = spread(count=900, rank=30, largest=1e5, dtype=np.float64)
    exact = np.linalg.svd(rows - rows.mean(0), compute_uv=False)[:20] ** 2 / (len(rows) - 1)
    poor = np.linalg.qr(np.random.default_rng(0).standard_normal((120, 21)))[0].T
    monkeypatch.setattr(block_pca, "_unit_rows", lambda components: poor)
    good = principal_components(rows, 20, method="blocks").eigenvalues
    assert np.abs(good / exact - 1).max() < 2e-6
    before = [0.0]

    def looks_at_the_first(low, high, kept, full):
        moved, before[0] = np.abs(high[:kept] - before[0]).max(), high[:kept]
        return moved <= 5e-7 * high[0]

    monkeypatch.setattr(block_pca, "_settled", looks_at_the_first)
    early = principal_components(rows, 20, method="blocks").eigenvalues
    assert np.abs(early / exact - 1).max() > 1e-5


def test_the_same_bytes_on_one_two_and_three_workers(tmp_path, small_blocks):
    shapes = stored(tmp_path / "toy.shapes", spread(700, noise=0.01))
    fits = [principal_components(flat_rows(shapes), 8, method="blocks", where=Where(n)) for n in (1, 2, 3)]
    for fit in fits[1:]:
        assert fit.components.tobytes() == fits[0].components.tobytes()
        assert (
            fit.eigenvalues.tobytes() == fits[0].eigenvalues.tobytes() and fit.mean.tobytes() == fits[0].mean.tobytes()
        )
    held = principal_components(shapes[:].reshape(700, -1), 8, method="exact")
    np.testing.assert_allclose(fits[0].eigenvalues, held.eigenvalues, rtol=1e-5)


def test_weights_count_as_repeated_rows_and_a_weight_of_none_as_no_row(small_blocks):
    rows = spread(300, dtype=np.float64, noise=0.01)
    weights = np.random.default_rng(1).integers(0, 4, 300)
    weights[40:150] = 0  # whole blocks without weight
    fit = principal_components(rows, 6, weights.astype(float), method="blocks")
    repeated = principal_components(np.repeat(rows, weights, 0), 6)
    np.testing.assert_allclose(fit.mean, repeated.mean, atol=1e-9)
    ratio = fit.eigenvalues / repeated.eigenvalues
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-6)
    np.testing.assert_allclose(np.abs((fit.components * repeated.components).sum(1)), 1, atol=1e-6)


def test_a_share_of_the_variance_keeps_the_fewest_modes(small_blocks):
    rows = spread(400, dtype=np.float64, noise=0.01)
    for share in (0.5, 0.9, 0.99):
        wanted = len(principal_components(rows, share, method="exact").eigenvalues)
        assert len(principal_components(rows, share, method="blocks").eigenvalues) == wanted


def test_missing_vertices_of_a_packed_population_are_filled(tmp_path, small_blocks):
    rows = spread(200, rank=8, largest=100, noise=0.01)
    damaged = rows.reshape(200, -1, 3).copy()
    damaged[np.random.default_rng(2).random(damaged.shape[:2]) < 0.1] = np.nan
    shapes = stored(tmp_path / "toy.shapes", damaged.reshape(200, -1))
    assert isinstance(shapes, MappedShapes)
    fit = principal_components(flat_rows(shapes), 8, method="blocks")
    np.testing.assert_allclose(fit.eigenvalues, principal_components(rows, 8).eigenvalues, rtol=0.02)
