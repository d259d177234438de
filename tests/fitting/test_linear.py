"""Partial fits of linear models against numpy.linalg.lstsq and dense normal equations in float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inface.fitting import LinearFitter
from inface.fitting.basis import BLOCK, CoordinateBasis

V, K = 300, 12


def linear_model(dtype=np.float64, vertex_count=V, k=K, seed=0):
    """Orthonormal rows, falling spectrum, a mean of the size of a head."""
    rng = np.random.default_rng(seed)
    components = np.linalg.qr(rng.normal(size=(3 * vertex_count, k)))[0].T
    std = 40.0 * 0.7 ** np.arange(k)
    mean = rng.normal(size=(vertex_count, 3)) * 40
    return np.ascontiguousarray(components, dtype), mean.astype(dtype), np.zeros(k), std


def faces(model, n, noise=0.3, seed=1):
    components, mean, m, s = model
    rng = np.random.default_rng(seed)
    latent = m + s * rng.normal(size=(n, len(s)))
    return latent, mean + (latent @ components).reshape(n, -1, 3) + noise * rng.normal(size=(n, *mean.shape))


def dense_posterior(model, vertices, known, sigma):
    """[albrecht2013] by explicit inverses, in float64."""
    components, mean, m, s = (np.asarray(a, float) for a in model)
    rows = np.repeat(known, 3)
    a = (components.T * s)[rows]
    b = (vertices - mean).reshape(-1)[rows] - components.T[rows] @ m
    inverse = np.linalg.inv(a.T @ a + sigma**2 * np.eye(len(s)))
    return m + s * (inverse @ a.T @ b), sigma**2 * (s[:, None] * inverse * s)


masks = st.integers(0, 2**32 - 1).flatmap(
    lambda seed: st.floats(0.0, 0.9).map(lambda share: np.random.default_rng(seed).random(V) >= share)
)


@settings(max_examples=30, deadline=None)
@given(known=masks)
def test_least_squares_agrees_with_lstsq(known):
    model = linear_model()
    _, meshes = faces(model, 3)
    rows = np.repeat(known, 3)
    expected = np.linalg.lstsq(model[0].T[rows], (meshes - model[1]).reshape(3, -1)[:, rows].T)[0].T
    found = LinearFitter(*model).fit(meshes, known)
    assert found.rank == K
    np.testing.assert_allclose(found.latent, expected, atol=1e-8)


@settings(max_examples=30, deadline=None)
@given(known=masks, sigma=st.floats(0.05, 5))
def test_posterior_agrees_with_dense_inverses(known, sigma):
    components, mean, _, s = linear_model()
    model = (components, mean, np.linspace(-3, 3, K), s)
    _, meshes = faces(model, 2)
    found = LinearFitter(*model).fit(meshes, known, sigma)
    for mesh, latent in zip(meshes, found.latent, strict=True):
        expected, covariance = dense_posterior(model, mesh, known, sigma)
        np.testing.assert_allclose(latent, expected, atol=1e-8)
    np.testing.assert_allclose(found.covariance_factor @ found.covariance_factor.T, covariance, atol=1e-8)


@pytest.mark.parametrize("share", [0.3, 0.8])
@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_float32_weights_are_fitted_to_single_precision(share, noise):
    model = linear_model(np.float32, 4000, 30)
    known = np.random.default_rng(3).random(4000) > share
    _, meshes = faces(model, 4)
    meshes = meshes.astype(np.float32)
    wide = LinearFitter(*(a.astype(float) for a in model)).fit(meshes.astype(float), known, noise).latent
    narrow = LinearFitter(*model).fit(meshes, known, noise).latent
    shape_error = np.abs((narrow - wide) @ model[0].astype(float)).max()
    assert shape_error < 2e-4  # mm
    assert np.abs(narrow - wide).max() < 1e-5 * np.abs(wide).max()


@pytest.mark.parametrize("noise", [0.0, 0.5])
@pytest.mark.parametrize("garbage", [np.nan, 1e9, np.inf])
def test_unknown_vertices_do_not_matter(noise, garbage):
    model = linear_model()
    known = np.arange(V) % 3 > 0
    _, (mesh,) = faces(model, 1)
    spoilt = np.where(known[:, None], mesh, garbage)
    fitter = LinearFitter(*model)
    np.testing.assert_array_equal(fitter.fit(spoilt, known, noise).latent, fitter.fit(mesh, known, noise).latent)


def test_the_same_mask_again_gives_the_same_and_another_mask_another():
    model = linear_model()
    _, (mesh,) = faces(model, 1)
    fitter = LinearFitter(*model)
    one, two = np.arange(V) < 200, np.arange(V) >= 100
    first = fitter.fit(mesh, one).latent
    other = fitter.fit(mesh, two).latent
    with_noise = fitter.fit(mesh, one, 2.0).latent
    np.testing.assert_array_equal(fitter.fit(mesh, one).latent, first)
    np.testing.assert_allclose(other, LinearFitter(*model).fit(mesh, two).latent, atol=1e-9)
    assert np.abs(other - first).max() > 1e-3 and np.abs(with_noise - first).max() > 1e-6


def test_a_mask_changed_in_place_is_another_mask():
    model = linear_model()
    _, (mesh,) = faces(model, 1)
    fitter = LinearFitter(*model)
    known = np.arange(V) < 200
    fitter.fit(mesh, known)
    known[:150] = False
    np.testing.assert_allclose(fitter.fit(mesh, known).latent, LinearFitter(*model).fit(mesh, known).latent, atol=1e-9)


def test_too_few_known_coordinates_give_the_smallest_solution_and_say_so():
    model = linear_model()
    known = np.arange(V) < 3
    _, (mesh,) = faces(model, 1)
    rows = np.repeat(known, 3)
    found = LinearFitter(*model).fit(mesh, known)
    expected = np.linalg.lstsq(model[0].T[rows], (mesh - model[1]).reshape(-1)[rows])[0]
    assert found.rank == 9 and found.condition > 1e8
    np.testing.assert_allclose(found.latent, expected, rtol=1e-6)


def test_a_component_that_lives_in_the_hole_is_told():
    components, mean, m, s = linear_model()
    components = components.copy()
    components[0, 300:] = 0
    known = np.arange(V) >= 100
    _, (mesh,) = faces((components, mean, m, s), 1)
    fitter = LinearFitter(components, mean, m, s)
    plain = fitter.fit(mesh, known)
    assert plain.rank == K - 1 and np.isinf(plain.condition) and abs(plain.latent[0]) < 1e-9
    # with a noise level the direction falls back to its prior, mean and spread
    posterior = fitter.fit(mesh, known, 0.5)
    assert posterior.rank == K and abs(posterior.latent[0]) < 1e-9
    assert np.linalg.norm(posterior.covariance_factor[0]) == pytest.approx(s[0])


def test_nearly_dependent_columns_take_the_orthogonal_way():
    components, mean, m, s = linear_model()
    components = components.copy()
    components[1] = components[0] + 1e-6 * components[1]
    known = np.arange(V) % 4 > 0
    _, (mesh,) = faces((components, mean, m, s), 1, noise=0)
    fitter = LinearFitter(components, mean, m, s)
    found = fitter.fit(mesh, known)
    rows = np.repeat(known, 3)
    expected = np.linalg.lstsq(components.T[rows], (mesh - mean).reshape(-1)[rows])[0]
    assert found.condition > 1e8 and found.rank == K
    np.testing.assert_allclose(found.latent, expected, rtol=1e-4, atol=1e-4)
    # the posterior with next to no noise is as ill-conditioned, and agrees with an explicit augmented system
    tiny = 1e-7
    posterior = fitter.fit(mesh, known, tiny)
    whole = np.vstack([(components.T * s)[rows], tiny * np.eye(K)])
    right = np.concatenate([(mesh - mean).reshape(-1)[rows], np.zeros(K)])
    np.testing.assert_allclose(posterior.latent, s * np.linalg.lstsq(whole, right)[0], rtol=1e-4, atol=1e-4)


def test_float32_weights_of_an_ill_conditioned_mask_are_summed_in_float64():
    components, mean, m, s = linear_model(np.float32, 2000, 10)
    components[1] = components[0] + np.float32(1e-3) * components[1]
    known = np.arange(2000) % 4 > 0
    _, (mesh,) = faces((components, mean, m, s), 1, noise=0)
    found = LinearFitter(components, mean, m, s).fit(mesh, known)
    rows = np.repeat(known, 3)
    expected = np.linalg.lstsq(components.T[rows].astype(float), (mesh - mean).reshape(-1)[rows])[0]
    assert 1e3 < found.condition < 1e8
    np.testing.assert_allclose(found.latent, expected, rtol=1e-5, atol=1e-5)


def test_batches_of_any_shape_equal_the_loop():
    model = linear_model()
    _, meshes = faces(model, 6)
    known = np.arange(V) % 5 > 0
    fitter = LinearFitter(*model)
    grid = fitter.fit(meshes.reshape(2, 3, V, 3), known, 0.4).latent
    assert grid.shape == (2, 3, K)
    one_by_one = np.stack([fitter.fit(mesh, known, 0.4).latent for mesh in meshes])
    np.testing.assert_allclose(grid.reshape(6, K), one_by_one, atol=1e-10)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("share", [0.2, 0.7])
def test_gram_of_either_side_and_either_order(order, dtype, share):
    rng = np.random.default_rng(5)
    count = BLOCK // 3 + 500  # more than one block
    basis = np.array(rng.normal(size=(3 * count, 7)), dtype, order=order)
    known = rng.random(count) >= share
    rows = basis[np.repeat(known, 3)].astype(float)
    products = CoordinateBasis(basis)
    np.testing.assert_allclose(products.gram(known), rows.T @ rows, atol=1e-9)
    scale = np.abs(rows.T @ rows).max()
    np.testing.assert_allclose(products.gram(known, double=False), rows.T @ rows, atol=1e-6 * scale)
    np.testing.assert_allclose(products.gram(np.ones(count, bool)), basis.T.astype(float) @ basis, atol=1e-9)
    residual = rng.normal(size=(2, 3 * count)) * np.repeat(known, 3)
    np.testing.assert_allclose(products.project(residual), residual @ basis.astype(float), atol=1e-9)


def test_the_spread_is_the_root_of_the_diagonal():
    rng = np.random.default_rng(6)
    basis, factor = rng.normal(size=(30, 4)), rng.normal(size=(4, 4))
    np.testing.assert_allclose(
        CoordinateBasis(basis).spread(factor), np.sqrt(np.diag(basis @ factor @ factor.T @ basis.T)), rtol=1e-12
    )
