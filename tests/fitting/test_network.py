"""Masked fits of decoders against scipy.optimize.least_squares and, for linear ones, numpy.linalg.lstsq."""

import numpy as np
import pytest
from scipy.optimize import least_squares

from inface.fitting import NetworkFitter

V = 200
WIDTHS = (6, 12, 20)


def decoder(slope=0.2, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    shapes = list(zip(WIDTHS[1:] + (3 * V,), WIDTHS, strict=True))
    weights = [(rng.normal(size=s) / np.sqrt(s[1])).astype(dtype) for s in shapes]
    weights[-1] *= 4
    biases = [(0.3 * rng.normal(size=s[0])).astype(dtype) for s in shapes]
    mean = (40 * rng.normal(size=(V, 3))).astype(dtype)
    return weights, biases, slope, mean, rng.normal(size=WIDTHS[0]), rng.uniform(0.5, 2, WIDTHS[0])


def decode(model, latent):
    """Dense decoder, as the file format says."""
    weights, biases, slope, mean, _, _ = model
    h = latent
    for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
        h = h @ w.T.astype(float) + b
        if i < len(weights) - 1 and slope < 1:
            h = np.where(h > 0, h, slope * h)
    return mean + h.reshape(*latent.shape[:-1], V, 3)


def latents(model, n, seed=1):
    return model[4] + model[5] * np.random.default_rng(seed).normal(size=(n, WIDTHS[0]))


KNOWN = np.arange(V) % 10 < 7


def objective(model, latent, mesh, known, noise):
    data = (decode(model, latent) - mesh)[known]
    return float((data**2).sum() + noise**2 * (((latent - model[4]) / model[5]) ** 2).sum())


@pytest.mark.parametrize("slope", [0.2, 1.0])
def test_clean_shapes_give_their_latent_back(slope):
    model = decoder(slope)
    true = latents(model, 4)
    meshes = decode(model, true)
    meshes[:, ~KNOWN] = np.nan
    found = NetworkFitter(*model).fit(meshes, KNOWN)
    assert found.converged.all()
    np.testing.assert_allclose(found.latent, true, atol=1e-5)


@pytest.mark.parametrize("noise", [0.0, 0.5, 3.0])
def test_noisy_shapes_reach_the_minimum_that_scipy_reaches(noise):
    model = decoder()
    true = latents(model, 3)
    meshes = decode(model, true) + np.random.default_rng(2).normal(size=(3, V, 3))
    found = NetworkFitter(*model).fit(meshes, KNOWN, noise)
    sigma = noise or 1e-3
    for mesh, latent, value, start in zip(meshes, found.latent, found.objective, true, strict=True):

        def residuals(z, mesh=mesh):
            data = (decode(model, z) - mesh)[KNOWN].ravel()
            return np.concatenate([data, sigma * (z - model[4]) / model[5]])

        best = least_squares(residuals, start, xtol=1e-13, ftol=1e-13, gtol=1e-13)
        assert value == pytest.approx(objective(model, latent, mesh, KNOWN, sigma), rel=1e-9)
        assert value <= 2 * best.cost * (1 + 1e-7)
    assert found.converged.all()


def test_a_linear_decoder_is_the_linear_posterior():
    model = decoder(slope=1.0)
    weights, _, _, _, m, s = model
    mesh = decode(model, latents(model, 1)[0]) + np.random.default_rng(3).normal(size=(V, 3))
    sigma, rows = 0.8, np.repeat(KNOWN, 3)
    whole = weights[2] @ weights[1] @ weights[0]
    offset = (mesh - decode(model, np.zeros(6))).reshape(-1)[rows]
    stacked = np.vstack([whole[rows] * s, sigma * np.eye(6)])
    right = np.concatenate([offset - whole[rows] @ m, np.zeros(6)])
    found = NetworkFitter(*model).fit(mesh, KNOWN, sigma)
    np.testing.assert_allclose(found.latent, m + s * np.linalg.lstsq(stacked, right)[0], atol=1e-8)
    assert found.iterations <= 8


@pytest.mark.parametrize("garbage", [np.nan, 1e9])
def test_unknown_vertices_do_not_matter(garbage):
    model = decoder()
    mesh = decode(model, latents(model, 1)[0])
    spoilt = np.where(KNOWN[:, None], mesh, garbage)
    fitter = NetworkFitter(*model)
    np.testing.assert_array_equal(fitter.fit(spoilt, KNOWN).latent, fitter.fit(mesh, KNOWN).latent)


def test_the_prior_decides_what_the_known_vertices_leave_open():
    model = decoder(slope=1.0)
    model[0][0][:, 2] = 0  # the third latent moves nothing
    mesh = decode(model, latents(model, 1)[0])
    found = NetworkFitter(*model).fit(mesh, KNOWN)
    assert found.converged
    assert found.latent[2] == pytest.approx(model[4][2], abs=1e-6)


def test_a_start_beside_the_answer_is_used():
    model = decoder()
    true = latents(model, 2)
    meshes = decode(model, true)
    fitter = NetworkFitter(*model)
    found = fitter.fit(meshes, KNOWN, starts=[true], max_iterations=2)
    assert found.converged.all()
    np.testing.assert_allclose(found.latent, true, atol=1e-6)


def test_running_out_of_iterations_is_told_and_still_better_than_the_start():
    model = decoder()
    mesh = decode(model, latents(model, 1)[0])
    found = NetworkFitter(*model).fit(mesh, KNOWN, max_iterations=1)
    assert not found.converged
    assert found.objective < objective(model, model[4], mesh, KNOWN, 1e-3)


def test_batches_equal_the_loop_and_masks_are_told_apart():
    model = decoder()
    meshes = decode(model, latents(model, 4))
    fitter = NetworkFitter(*model)
    grid = fitter.fit(meshes.reshape(2, 2, V, 3), KNOWN, 1.0)
    assert grid.latent.shape == (2, 2, 6) and grid.converged.shape == (2, 2)
    single = [fitter.fit(mesh, KNOWN, 1.0).latent for mesh in meshes]
    np.testing.assert_allclose(grid.latent.reshape(4, 6), single, atol=1e-7)
    few = np.arange(V) < 4
    other = fitter.fit(meshes[0], few, 1.0).latent
    assert np.abs(other - single[0]).max() > 1e-3
    np.testing.assert_allclose(other, NetworkFitter(*model).fit(meshes[0], few, 1.0).latent, atol=1e-9)
    np.testing.assert_array_equal(fitter.fit(meshes[0], KNOWN, 1.0).latent, single[0])


def test_float32_weights_lose_nothing_in_the_sums():
    narrow = decoder(dtype=np.float32)
    wide = tuple([a.astype(float) for a in part] if isinstance(part, list) else part for part in narrow)
    mesh = decode(narrow, latents(narrow, 1)[0]) + np.random.default_rng(4).normal(size=(V, 3))
    one = NetworkFitter(*narrow).fit(mesh, KNOWN, 0.5).latent
    two = NetworkFitter(*wide).fit(mesh, KNOWN, 0.5).latent
    np.testing.assert_allclose(one, two, atol=1e-5)


def test_zero_spread_in_the_file_is_survived():
    weights, biases, slope, mean, m, _ = decoder()
    model = (weights, biases, slope, mean, m, np.zeros(6))
    true = m + 0.3
    found = NetworkFitter(*model).fit(decode(model, true), KNOWN)
    assert found.converged
    np.testing.assert_allclose(found.latent, true, atol=1e-4)
