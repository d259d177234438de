"""Partial reconstruction through the models' methods: `encode` with a mask, `reconstruct*`, `posterior`."""

import gc
import weakref

import numpy as np
import pytest

from inface.errors import ConvergenceError
from inface.mesh import Mesh
from inface.models import AEMorphableModel, LatentSpace, Network, PCAMorphableModel
from inface.testing import check_model
from inface.transforms import Similarity

SIDE, K = 14, 6
V = SIDE * SIDE


def bowl():
    """A curved sheet of about 100 mm and its triangles."""
    x, y = np.meshgrid(np.linspace(-50, 50, SIDE), np.linspace(-60, 60, SIDE), indexing="ij")
    points = np.stack([x, y, 40 - (x**2 + y**2) / 80], -1).reshape(-1, 3)
    ids = np.arange(V).reshape(SIDE, SIDE)
    a, b, c, d = ids[:-1, :-1].ravel(), ids[:-1, 1:].ravel(), ids[1:, :-1].ravel(), ids[1:, 1:].ravel()
    return points, np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)])


def smooth_modes(count, seed=0):
    """Orthonormal rows `(count, 3V)` of low polynomials over the sheet."""
    points, _ = bowl()
    x, y = points[:, 0] / 50, points[:, 1] / 60
    fields = np.stack([np.cos(i * x + j * y + i) for i in range(1, 4) for j in range(4)], 1)
    rng = np.random.default_rng(seed)
    wide = (fields @ rng.normal(size=(count, fields.shape[1], 3))).reshape(count, -1)
    return np.linalg.qr(wide.T)[0].T


def pca(dtype=np.float64, **extras):
    points, triangles = bowl()
    components = np.ascontiguousarray(smooth_modes(K), dtype)
    values = (60 * 0.6 ** np.arange(K)) ** 2
    return PCAMorphableModel(
        components=components, eigenvalues=values, mean_vertices=points.astype(dtype), triangles=triangles, **extras
    )


def autoencoder(blocks=("",), slope=0.2, **extras):
    points, triangles = bowl()
    rng = np.random.default_rng(1)
    width = {"": K, "identity": 3, "expression": 2, "age": 1}

    def net(*sizes):
        shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
        weights = [rng.normal(size=s) / np.sqrt(s[1]) for s in shapes]
        return weights, [0.2 * rng.normal(size=s[0]) for s in shapes]

    encoders = {}
    for name in blocks:
        weights, biases = net(3 * V, 10, width[name])
        encoders[name] = Network(tuple(weights), tuple(biases), slope)
    weights, biases = net(K, 10, 3 * V)
    weights[-1] = 8 * smooth_modes(10, seed=2).T * np.sqrt(V)
    decoder = Network(tuple(weights), (biases[0], 0 * biases[1]), slope)
    latent = LatentSpace(np.full(K, 0.5), np.full(K, 0.8))
    return AEMorphableModel(
        encoders=encoders, decoder=decoder, mean_vertices=points, triangles=triangles, latent=latent, **extras
    )


MODELS = {
    "pca": lambda **e: pca(**e),
    "pca32": lambda **e: pca(np.float32, **e),
    "plain": lambda **e: autoencoder(**e),
    "disentangled": lambda **e: autoencoder(("identity", "expression", "age"), **e),
    "linear autoencoder": lambda **e: autoencoder(slope=1.0, **e),
}


def hole():
    """About 30 % of the vertices: a disc off the middle."""
    points, _ = bowl()
    return np.hypot(points[:, 0] - 8, points[:, 1] + 5) < 34


HOLE = hole()


def scan(model, seed=3, noise=0.4):
    rng = np.random.default_rng(seed)
    latent = model.latent_mean + model.latent_std * rng.normal(size=K) * 0.7
    return latent, np.asarray(model.decode(latent), float) + noise * rng.normal(size=(V, 3))


@pytest.mark.parametrize("noise", [None, 0.8])
@pytest.mark.parametrize("name", MODELS)
def test_what_stands_in_unknown_vertices_does_not_matter(name, noise):
    model = MODELS[name](noise_std=noise)
    _, vertices = scan(model)
    results = []
    for garbage in (0.0, 1e9, np.nan):
        mesh = Mesh(np.where(HOLE[:, None], garbage, vertices), model.triangles, landmarks={"a": vertices[0]})
        before = mesh.vertices.copy()
        record = model.reconstruct(mesh, HOLE, back_match_known_vertices=True)
        np.testing.assert_array_equal(mesh.vertices, before)
        encoded = model.encode(mesh, unknown_vertex_mask=HOLE)
        np.testing.assert_array_equal(encoded, record.latent)
        assert encoded.dtype == model.dtype and np.isfinite(record.mesh.vertices).all()
        results.append(record)
    for record in results[1:]:
        np.testing.assert_array_equal(record.latent, results[0].latent)
        np.testing.assert_array_equal(record.mesh.vertices, results[0].mesh.vertices)
        np.testing.assert_allclose(record.mesh.landmarks["a"], vertices[0], atol=1e-9)
        np.testing.assert_array_equal(record.residual, results[0].residual)


@pytest.mark.parametrize("name", MODELS)
def test_clean_shapes_are_completed(name):
    model = MODELS[name]()
    latent, vertices = scan(model, noise=0)
    mesh = Mesh(np.where(HOLE[:, None], np.nan, vertices), model.triangles)
    record = model.reconstruct(mesh, HOLE)
    tolerance = 1e-2 if model.dtype == np.float32 else 1e-4
    np.testing.assert_allclose(record.mesh.vertices, vertices, atol=tolerance)
    np.testing.assert_allclose(record.latent, latent, atol=tolerance)
    assert record.converged and record.residual_rms < tolerance and record.rank == K
    np.testing.assert_array_equal(np.isnan(record.residual), HOLE)


def test_least_squares_or_posterior_by_noise_level():
    plain, noisy = pca(), pca(noise_std=2.0)
    _, vertices = scan(plain, noise=2)
    rows = np.repeat(~HOLE, 3)
    a, b = plain.components.T[rows], (vertices - plain.mean_vertices).reshape(-1)[rows]
    least = np.linalg.lstsq(a, b)[0]
    w = a * plain.latent_std
    bayes = plain.latent_std * np.linalg.solve(w.T @ w + 4 * np.eye(K), w.T @ b)
    mesh = Mesh(vertices, plain.triangles)
    np.testing.assert_allclose(plain.encode(mesh, HOLE), least, atol=1e-8)
    np.testing.assert_allclose(noisy.encode(mesh, HOLE), bayes, atol=1e-8)
    np.testing.assert_allclose(plain.reconstruct(mesh, HOLE, noise_std=2.0).latent, bayes, atol=1e-8)
    np.testing.assert_allclose(noisy.reconstruct(mesh, HOLE, noise_std=0).latent, least, atol=1e-8)
    assert np.abs(least - bayes).max() > 1e-2


def test_a_noise_level_in_millimetres_suits_a_model_in_metres():
    noisy = pca(noise_std=2.0)
    metres = PCAMorphableModel(
        components=noisy.components,
        eigenvalues=noisy.eigenvalues * 1e-6,
        mean_vertices=noisy.mean_vertices / 1000,
        triangles=noisy.triangles,
        noise_std=2.0,
        unit="m",
    )
    _, vertices = scan(noisy, noise=2)
    ours = noisy.reconstruct(Mesh(vertices, noisy.triangles), HOLE)
    theirs = metres.reconstruct(Mesh(vertices / 1000, noisy.triangles), HOLE)
    np.testing.assert_allclose(theirs.latent * 1000, ours.latent, atol=1e-8)
    np.testing.assert_allclose(theirs.residual, ours.residual, atol=1e-8)
    np.testing.assert_allclose(theirs.vertex_std, ours.vertex_std, atol=1e-8)


@pytest.mark.parametrize("name", ["pca", "plain"])
def test_no_mask_and_nothing_unknown_are_the_published_encoding(name):
    model = MODELS[name](noise_std=1.0)
    _, vertices = scan(model)
    mesh = Mesh(vertices, model.triangles)
    expected = model.encode(mesh)
    np.testing.assert_array_equal(model.encode(mesh, np.zeros(V, bool)), expected)
    np.testing.assert_array_equal(model.encode(mesh, np.arange(V), invert_mask=True), expected)
    shape, latent = model.reconstruct_mesh(mesh, return_latent=True)
    np.testing.assert_array_equal(latent, expected)
    np.testing.assert_allclose(shape.vertices, model.decode(expected))
    record = model.reconstruct(mesh)
    assert record.known.all() and record.vertex_std is None
    np.testing.assert_array_equal(model.reconstruct_mesh(mesh, back_match_known_vertices=True).vertices, vertices)


@pytest.mark.parametrize("mask", [HOLE, HOLE.astype(np.uint8), np.flatnonzero(HOLE), HOLE.astype(int).tolist()])
def test_masks_in_every_form(mask):
    model = pca()
    mesh = Mesh(scan(model)[1], model.triangles)
    expected = model.reconstruct_mesh(mesh, HOLE).vertices
    np.testing.assert_array_equal(model.reconstruct_mesh(mesh, mask).vertices, expected)
    inverted = np.flatnonzero(~HOLE)
    np.testing.assert_array_equal(model.reconstruct_mesh(mesh, inverted, invert_mask=True).vertices, expected)


def test_bad_calls_are_refused_in_one_sentence():
    model = pca()
    mesh = Mesh(scan(model)[1], model.triangles)
    with pytest.raises(ValueError, match="all vertices are unknown"):
        model.reconstruct(mesh, np.ones(V, bool))
    with pytest.raises(ValueError, match="repeat: expected a whole number of 1 or more, got 0"):
        model.reconstruct(mesh, HOLE, repeat=0)
    with pytest.raises(ValueError, match=r"noise_std: expected a number of zero or more .mm., got -1"):
        model.reconstruct(mesh, HOLE, noise_std=-1)
    with pytest.raises(ValueError, match="expected True, harmonic or biharmonic, got 'cubic'"):
        model.reconstruct(mesh, HOLE, back_match_known_vertices="cubic")
    with pytest.raises(ValueError, match=r"expected one mesh .V, 3., got .2"):
        model.reconstruct(np.stack([mesh.vertices] * 2), HOLE)
    spoilt = mesh.vertices.copy()
    spoilt[np.flatnonzero(~HOLE)[0]] = np.nan
    with pytest.raises(ValueError, match="1 vertices taken as known are NaN"):
        model.reconstruct(Mesh(spoilt, model.triangles), HOLE)
    with pytest.raises(ValueError, match="carries none; pass noise_std"):
        model.posterior(mesh, ~HOLE)


@pytest.mark.parametrize("name", ["pca", "pca32", "plain"])
@pytest.mark.parametrize("kind", [True, "harmonic", "biharmonic"])
def test_back_matching_keeps_the_known_vertices_exactly(name, kind):
    model = MODELS[name]()
    _, vertices = scan(model)
    mesh = Mesh(np.where(HOLE[:, None], np.nan, vertices), model.triangles, colors=np.full((V, 3), 0.5))
    matched = model.reconstruct_mesh(mesh, HOLE, back_match_known_vertices=kind)
    np.testing.assert_array_equal(matched.vertices[~HOLE], vertices[~HOLE])
    plain = model.reconstruct_mesh(mesh, HOLE)
    change = np.linalg.norm(matched.vertices - plain.vertices, axis=1)[HOLE]
    assert 1e-3 < change.max() < 10 * 0.4
    assert matched.colors is not None


@pytest.mark.parametrize("name", ["pca", "plain"])
@pytest.mark.parametrize("back_match", [False, True])
def test_align_returns_the_result_in_the_frame_of_the_mesh(name, back_match):
    model = MODELS[name]()
    _, vertices = scan(model, noise=0.2)
    turn = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]], float)
    there = Similarity(turn, np.array([300.0, -20, 50]))
    moved = there.apply(vertices)
    moved[HOLE] = 1e9
    mesh = Mesh(moved, model.triangles)
    record = model.reconstruct(mesh, HOLE, back_match_known_vertices=back_match, align=True)
    assert record.pose is not None and record.pose.angle == pytest.approx(120, abs=15)
    if back_match:
        np.testing.assert_array_equal(record.mesh.vertices[~HOLE], moved[~HOLE])
    else:
        assert np.linalg.norm(record.mesh.vertices - moved, axis=1)[~HOLE].mean() < 10
    assert record.residual_mean < 10
    distance = np.linalg.norm(record.mesh.vertices - there.apply(vertices), axis=1)[HOLE]
    assert distance.mean() < 10  # the rigid part of the latent is gone, the place is right


def test_missing_triangles_come_back():
    model = pca()
    _, vertices = scan(model)
    keep = ~HOLE[model.triangles].any(1)
    record = model.reconstruct(Mesh(np.where(HOLE[:, None], np.nan, vertices), model.triangles[keep]), HOLE)
    np.testing.assert_array_equal(record.mesh.triangles, model.triangles)
    bare = model.reconstruct(vertices, HOLE)
    np.testing.assert_array_equal(bare.mesh.vertices, record.mesh.vertices)


def test_repeat_changes_only_an_autoencoders_free_running():
    linear, network = pca(), autoencoder()
    for model in (linear, network):
        mesh = Mesh(scan(model)[1], model.triangles)
        np.testing.assert_array_equal(
            model.reconstruct(mesh, HOLE, repeat=3).latent, model.reconstruct(mesh, HOLE).latent
        )
    mesh = Mesh(scan(network)[1], network.triangles)
    again = network.encode(network.decode(network.encode(mesh)), check=False)
    np.testing.assert_array_equal(network.reconstruct(mesh, repeat=2).latent, again)
    assert np.abs(again - network.encode(mesh)).max() > 1e-3


@pytest.mark.parametrize("name", ["pca", "plain", "disentangled"])
def test_batches_equal_the_loop(name):
    model = MODELS[name](noise_std=0.5)
    meshes = np.stack([scan(model, seed)[1] for seed in range(4)])
    grid = model.encode(meshes.reshape(2, 2, V, 3), HOLE, check=False)
    assert grid.shape == (2, 2, K)
    single = [model.encode(mesh, HOLE, check=False) for mesh in meshes]
    np.testing.assert_allclose(grid.reshape(4, K), single, atol=1e-6)


def test_two_models_and_two_masks_are_told_apart():
    one, two = pca(), PCAMorphableModel(
        components=smooth_modes(K, seed=9), eigenvalues=np.ones(K), mean_vertices=bowl()[0], triangles=bowl()[1]
    )  # fmt: skip
    mesh = Mesh(scan(one)[1], one.triangles)
    first = one.encode(mesh, HOLE)
    assert np.abs(two.encode(mesh, HOLE) - first).max() > 1
    assert np.abs(one.encode(mesh, np.arange(30)) - first).max() > 1e-6
    np.testing.assert_array_equal(one.encode(mesh, HOLE), first)


def test_a_model_is_let_go_with_its_factors():
    model = pca()
    model.reconstruct(Mesh(scan(model)[1], model.triangles), HOLE, back_match_known_vertices=True)
    trace, kept = weakref.ref(model), weakref.ref(model.fitter)
    del model
    gc.collect()
    assert trace() is None and kept() is None


def test_an_unsettled_fit_raises_or_says_so(monkeypatch):
    model = autoencoder()
    mesh = Mesh(scan(model)[1], model.triangles)
    fitter = model.fitter
    full = fitter.fit
    monkeypatch.setattr(fitter, "fit", lambda *a, **k: full(*a, **k, max_iterations=1))
    assert not model.reconstruct(mesh, HOLE).converged
    for call in (model.encode, model.reconstruct_mesh):
        with pytest.raises(ConvergenceError, match="did not settle for 1 of 1 meshes"):
            call(mesh, HOLE)


# --- the posterior


@pytest.mark.parametrize("name", ["pca", "pca32"])
def test_the_posterior_is_a_model_of_the_dense_gaussian(name):
    model = MODELS[name](noise_std=0.7)
    _, vertices = scan(model)
    rows = np.repeat(~HOLE, 3)
    components = model.components.astype(float)
    w = components.T * model.latent_std
    prior = w @ w.T
    gain = prior[:, rows] @ np.linalg.inv(prior[np.ix_(rows, rows)] + 0.49 * np.eye(rows.sum()))
    mean = model.mean_vertices.reshape(-1) + gain @ (vertices - model.mean_vertices).reshape(-1)[rows]
    covariance = prior - gain @ prior[rows]
    found = model.posterior(np.where(HOLE[:, None], np.nan, vertices), ~HOLE)
    assert isinstance(found, PCAMorphableModel)
    single = model.dtype == np.float32
    np.testing.assert_allclose(found.mean_vertices.reshape(-1), mean, atol=1e-3 if single else 1e-8)
    modes = found.components.astype(float)
    np.testing.assert_allclose((modes.T * found.eigenvalues) @ modes, covariance, atol=1e-4 if single else 1e-8)
    np.testing.assert_allclose(found.vertex_std.reshape(-1), np.sqrt(np.diag(covariance)), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(found.predictive_std, np.hypot(found.vertex_std, 0.7))
    np.testing.assert_allclose(components.T @ found.prior_covariance @ components, covariance, atol=1e-4)
    record = model.reconstruct(vertices, HOLE)
    np.testing.assert_allclose(record.vertex_std, found.vertex_std, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(record.latent, found.prior_latent, atol=1e-4)


def test_the_posterior_keeps_the_contract_of_all_models():
    model = pca(noise_std=0.5)
    check_model(model.posterior(model.sample_meshes(1, seed=1)[0], ~HOLE))


def test_the_posterior_names_its_own_argument():
    model = pca(noise_std=0.5)
    with pytest.raises(ValueError, match=r"^known: no vertex is known"):
        model.posterior(model.mean_vertices, np.zeros(V, bool))
    with pytest.raises(ValueError, match=r"^known: vertex index -1"):
        model.posterior(model.mean_vertices, [-1])


@pytest.mark.parametrize("make", [pca, autoencoder])
def test_an_empty_batch_with_a_mask(make):
    assert make().encode(np.zeros((2, 0, V, 3)), HOLE).shape == (2, 0, K)


def test_samples_of_the_posterior_have_its_spread_and_agree_with_the_known():
    model = pca(noise_std=0.5)
    _, vertices = scan(model)
    found = model.posterior(vertices, ~HOLE)
    shapes = np.stack([m.vertices for m in found.sample_meshes(4000, seed=5)])
    np.testing.assert_allclose(shapes.std(0), found.vertex_std, rtol=0.08, atol=1e-3)
    np.testing.assert_allclose(shapes.mean(0), found.mean_vertices, atol=4 * found.vertex_std.max() / np.sqrt(4000))
    nothing_hidden = model.posterior(vertices, np.ones(V, bool))
    assert (found.vertex_std[HOLE] > nothing_hidden.vertex_std[HOLE]).all()
    again = found.sample_meshes(2, seed=5)
    np.testing.assert_array_equal(again[1].vertices, shapes[1])


def test_the_truth_lies_in_the_band_as_often_as_it_should():
    model = pca(noise_std=1.0)
    rng = np.random.default_rng(6)
    inside_model, inside_noise = [], []
    for _ in range(150):
        latent = model.latent_std * rng.normal(size=K)
        truth = model.decode(latent)
        noisy = truth + rng.normal(size=(V, 3))
        found = model.posterior(noisy, ~HOLE, 1.0, check=False)
        inside_model.append((np.abs(truth - found.mean_vertices) < found.vertex_std)[HOLE].mean())
        inside_noise.append((np.abs(noisy - found.mean_vertices) < found.predictive_std)[HOLE].mean())
    assert np.mean(inside_model) == pytest.approx(0.683, abs=0.06)
    assert np.mean(inside_noise) == pytest.approx(0.683, abs=0.02)


def test_the_posterior_is_saved_and_conditioned_like_any_model(tmp_path):
    model = pca(noise_std=0.5, regions={"rim": np.array([0, 1, 2])}, landmarks={"corner": 3})
    _, vertices = scan(model)
    found = model.posterior(vertices, ~HOLE)
    found.save(tmp_path / "posterior.h5")
    back = PCAMorphableModel(tmp_path / "posterior.h5")
    np.testing.assert_array_equal(back.components, found.components)
    assert back.noise_std == 0.5 and back.template.landmarks == {"corner": 3} and list(back.template.regions) == ["rim"]
    more = found.posterior(vertices, np.flatnonzero(HOLE)[:40])
    assert more.vertex_std[HOLE].mean() < found.vertex_std[HOLE].mean()
    everything = model.posterior(vertices, np.ones(V, bool))
    shrunk = model.eigenvalues / (model.eigenvalues + 0.25)  # probabilistic PCA of a whole shape
    np.testing.assert_allclose(everything.prior_latent, shrunk * model.encode(vertices), atol=1e-8)
