"""Smooth fills against dense solves of the systems in the docstring."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inface._cache import Recent
from inface.errors import ConvergenceError
from inface.geometry.deform import SmoothFill

SIDE = 9
V = SIDE * SIDE


def sheet(side=SIDE):
    ids = np.arange(side * side).reshape(side, side)
    a, b, c, d = ids[:-1, :-1].ravel(), ids[:-1, 1:].ravel(), ids[1:, :-1].ravel(), ids[1:, 1:].ravel()
    return np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)])


def dense_umbrella(count, triangles):
    """`I - D^-1 A` by a loop over the triangles."""
    neighbours = [set() for _ in range(count)]
    for triangle in triangles:
        for a in triangle:
            neighbours[a].update(b for b in triangle if b != a)
    umbrella = np.eye(count)
    for i, others in enumerate(neighbours):
        for j in others:
            umbrella[i, j] = -1 / len(others)
    return umbrella, np.array([len(n) for n in neighbours], float)


def dense_harmonic(triangles, values, known):
    umbrella, _ = dense_umbrella(len(values), triangles)
    system = np.where(known[:, None], np.eye(len(values)), umbrella)
    return np.linalg.solve(system, np.where(known[:, None], values, 0))


masks = st.integers(0, 2**32 - 1).flatmap(
    lambda seed: st.floats(0.05, 0.9).map(lambda share: np.random.default_rng(seed).random(V) >= share)
)


@settings(max_examples=40, deadline=None)
@given(known=masks.filter(lambda m: m.any()))
def test_harmonic_fill_solves_the_umbrella_system(known):
    values = np.random.default_rng(1).normal(size=(V, 3))
    filled = SmoothFill(V, sheet()).fill(np.where(known[:, None], values, np.nan), known)
    np.testing.assert_allclose(filled, dense_harmonic(sheet(), values, known), atol=1e-9)
    np.testing.assert_array_equal(filled[known], values[known])


@settings(max_examples=20, deadline=None)
@given(known=masks.filter(lambda m: m.any()))
def test_biharmonic_fill_minimises_the_weighted_squared_laplacian(known):
    values = np.random.default_rng(2).normal(size=(V, 2))
    umbrella, degree = dense_umbrella(V, sheet())
    rows = np.sqrt(degree)[:, None] * umbrella
    expected = values.copy()
    expected[~known] = np.linalg.lstsq(rows[:, ~known], -rows[:, known] @ values[known])[0]
    filled = SmoothFill(V, sheet()).fill(np.where(known[:, None], values, 1e9), known, "biharmonic")
    np.testing.assert_allclose(filled, expected, atol=1e-6)


def test_biharmonic_is_smoother_than_harmonic_at_the_rim():
    side = 25
    x, y = np.meshgrid(np.linspace(-1, 1, side), np.linspace(-1, 1, side), indexing="ij")
    bump = (1 - x**2 - y**2).reshape(-1, 1)
    known = ((x**2 + y**2) > 0.3).ravel()
    fill = SmoothFill(side * side, sheet(side))
    error = {kind: np.abs(fill.fill(bump, known, kind) - bump).max() for kind in ("harmonic", "biharmonic")}
    assert error["biharmonic"] < 0.25 * error["harmonic"]


def test_back_match_keeps_the_known_and_moves_the_unknown_by_the_filled_residual():
    rng = np.random.default_rng(3)
    known = rng.random(V) > 0.4
    scan, reconstruction = rng.normal(size=(2, V, 3))
    scan[~known] = np.nan
    matched = SmoothFill(V, sheet()).back_match(reconstruction, scan, known)
    np.testing.assert_array_equal(matched[known], scan[known])
    expected = reconstruction + dense_harmonic(sheet(), np.where(known[:, None], scan - reconstruction, 0), known)
    np.testing.assert_allclose(matched[~known], expected[~known], atol=1e-9)
    # a constant residual has a constant fill
    constant = SmoothFill(V, sheet()).back_match(reconstruction, reconstruction + 2.5, known)
    np.testing.assert_allclose(constant, reconstruction + 2.5, atol=1e-9)


@pytest.mark.parametrize("kind", ["harmonic", "biharmonic"])
def test_batches_equal_the_loop_and_masks_are_told_apart(kind):
    rng = np.random.default_rng(4)
    fields = rng.normal(size=(2, 3, V, 3))
    fill = SmoothFill(V, sheet())
    one, two = rng.random(V) > 0.3, rng.random(V) > 0.6
    batch = fill.fill(fields, one, kind)
    other = fill.fill(fields, two, kind)
    again = fill.fill(fields, one, kind)
    np.testing.assert_array_equal(batch, again)
    assert np.abs(other - batch).max() > 1e-3
    for i in range(2):
        for j in range(3):
            np.testing.assert_allclose(batch[i, j], fill.fill(fields[i, j], one, kind), atol=1e-12)


def test_the_two_kinds_do_not_share_a_factor():
    rng = np.random.default_rng(5)
    values, known = rng.normal(size=(V, 3)), rng.random(V) > 0.4
    fill = SmoothFill(V, sheet())
    assert np.abs(fill.fill(values, known) - fill.fill(values, known, "biharmonic")).max() > 1e-3


def test_the_input_is_not_changed_and_all_known_is_the_identity():
    values = np.random.default_rng(6).normal(size=(V, 3))
    before = values.copy()
    fill = SmoothFill(V, sheet())
    result = fill.fill(values, np.ones(V, bool))
    result[0] = 7
    fill.fill(values, np.arange(V) > 20)
    np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize("kind", ["harmonic", "biharmonic"])
def test_a_hole_without_a_known_neighbour_raises(kind):
    triangles = np.concatenate([sheet(), sheet() + V])  # two sheets
    known = np.arange(2 * V) < V
    with pytest.raises(ConvergenceError, match=f"piece of {V} unknown vertices .first: vertex {V}.*touches no known"):
        SmoothFill(2 * V, triangles).fill(np.zeros((2 * V, 3)), known, kind)
    with pytest.raises(ConvergenceError, match="piece of 1 unknown"):
        SmoothFill(V + 1, sheet()).fill(np.zeros((V + 1, 3)), np.arange(V + 1) < V, kind)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="expected one of harmonic, biharmonic, got 'cubic'"):
        SmoothFill(V, sheet()).fill(np.zeros((V, 3)), np.arange(V) > 3, "cubic")


def test_repeated_triangles_and_indices_change_nothing():
    rng = np.random.default_rng(8)
    values, known = rng.normal(size=(V, 3)), rng.random(V) > 0.4
    messy = np.concatenate([sheet(), sheet()[:20], [[3, 3, 4], [5, 5, 5]]])
    np.testing.assert_allclose(
        SmoothFill(V, messy).fill(values, known), SmoothFill(V, sheet()).fill(values, known), atol=1e-12
    )


def test_the_cache_forgets_the_least_recently_used():
    made = []
    cache = Recent(2)

    def make(key):
        return cache.get(key, lambda: made.append(key) or key * 10)

    assert [make(k) for k in (1, 2, 1, 3, 1, 2)] == [10, 20, 10, 30, 10, 20]
    assert made == [1, 2, 3, 2] and len(cache) == 2


def test_threads_share_one_fill():
    rng = np.random.default_rng(7)
    values = rng.normal(size=(V, 3))
    known = [rng.random(V) > 0.4 for _ in range(12)]  # more masks than are kept
    fill = SmoothFill(V, sheet())
    expected = [SmoothFill(V, sheet()).fill(values, k) for k in known]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda i: fill.fill(values, known[i % 12]), range(120)))
    for i, result in enumerate(results):
        np.testing.assert_allclose(result, expected[i % 12], atol=1e-12)
