"""Latent, pose and misfit found together: against a dense augmented system, under any pose, and by simulation."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import inface
from inface.fitting import LinearFitter
from inface.fitting.field import SmoothFields
from inface.fitting.joint import JointFitter
from inface.fitting.misfit import MisfitArrays
from inface.models.misfit import Misfit, cluster_of
from inface.transforms import Similarity, procrustes

V, K, Q = 300, 10, 20
AWAY = Similarity(Rotation.from_rotvec([0.2, -0.3, 0.1]).as_matrix(), [5, -10, 3])


@pytest.fixture(scope="module")
def world():
    """A linear model over a cloud of points, a misfit with two components, and a mask."""
    rng = np.random.default_rng(0)
    mean = rng.normal(size=(V, 3)) * [60, 80, 50]
    components = np.linalg.qr(rng.normal(size=(3 * V, K)))[0].T
    model = LinearFitter(components, mean, np.linspace(-2, 2, K), 40 * 0.8 ** np.arange(K))
    field = 0.7 * np.hstack(SmoothFields(mean).columns)[:, :Q]
    misfit = MisfitArrays(field, np.full(V, 0.7), 0.7, np.arange(Q) % 2)
    return model, misfit, rng.random(V) < 0.5


def draw(world, rng, *, latent=1.0, smooth=(1.0, 1.0), fine=1.0):
    """A shape of the model's own distribution, in the model's frame."""
    model, misfit, _ = world
    z = model.latent_mean + latent * model.latent_std * rng.normal(size=K)
    coefficients = np.array(smooth)[misfit.groups][:, None] * rng.normal(size=(Q, 3))
    noise = fine * misfit.fine[:, None] * rng.normal(size=(V, 3))
    return model.mean + (z @ model.basis.basis.T).reshape(V, 3) + misfit.field @ coefficients + noise


def fit(world, vertices, **options):
    model, misfit, known = world
    start = procrustes(vertices[known], model.mean[known])
    return JointFitter(model, replace(misfit, **options)).fit(vertices, known, start)


def dense(world, vertices):
    """The joint optimum of latent, six motions and field by explicit systems, and the covariance of all vertices."""
    model, misfit, known = world
    rows, pose = np.repeat(known, 3), procrustes(vertices[known], model.mean[known])
    whitened = model.basis.basis * model.latent_std
    smooth = np.zeros((3 * V, 3 * Q))
    for d in range(3):
        smooth[d::3, d * Q : (d + 1) * Q] = misfit.field
    prior = np.diag(np.r_[np.ones(K), np.zeros(6), np.ones(3 * Q)])
    for _ in range(30):
        moved = pose.apply(vertices)
        centre = moved[known].mean(0)
        turning = np.zeros((3 * V, 6))
        for a in range(3):
            turning[:, a] = np.cross(np.eye(3)[a], moved - centre).reshape(-1)
            turning[a::3, 3 + a] = 1
        system = np.hstack([whitened, -turning, smooth])
        right = (moved - model.mean).reshape(-1) - model.basis.basis @ model.latent_mean
        normal = system[rows].T @ system[rows] / misfit.noise**2 + prior
        found = np.linalg.solve(normal, system[rows].T @ right[rows] / misfit.noise**2)
        turn = Rotation.from_rotvec(found[K : K + 3]).as_matrix()
        pose = Similarity(turn, centre + found[K + 3 : K + 6] - turn @ centre).compose(pose)
    latent = model.latent_mean + model.latent_std * found[:K]
    return latent, pose, found[K + 6 :].reshape(3, Q).T, system @ np.linalg.inv(normal) @ system.T


def test_the_joint_optimum_is_that_of_the_dense_system(world):
    vertices = AWAY.apply(draw(world, np.random.default_rng(1)))
    latent, pose, field, covariance = dense(world, vertices)
    found = fit(world, vertices)
    assert found.settled and found.scales.latent == found.scales.fine == 1
    np.testing.assert_allclose(found.minimum.latent, latent, atol=1e-8)
    np.testing.assert_allclose(found.pose.matrix, pose.matrix, atol=1e-8)
    np.testing.assert_allclose(found.field, field, atol=1e-8)
    model, misfit, _ = world
    at = pose.apply(vertices)
    factor = found.deviation.factor(model.basis, at)
    np.testing.assert_allclose(factor @ factor.T, covariance, atol=1e-8)
    std = np.sqrt(np.diag(covariance).reshape(V, 3) + misfit.fine[:, None] ** 2)
    np.testing.assert_allclose(found.deviation.std(model.basis, at), std, atol=1e-8)


@pytest.mark.parametrize("scaled", [False, True])
def test_the_pose_in_which_a_mesh_comes_does_not_matter(world, scaled):
    vertices, rng = draw(world, np.random.default_rng(2)), np.random.default_rng(3)
    first = fit(world, vertices, scaled=scaled)
    for i in range(50):
        motion = Similarity(Rotation.random(random_state=i).as_matrix(), rng.normal(size=3) * 100)
        again = fit(world, motion.apply(vertices), scaled=scaled)
        np.testing.assert_allclose(again.minimum.latent, first.minimum.latent, atol=1e-5)
        np.testing.assert_allclose(again.pose.compose(motion).matrix, first.pose.matrix, atol=1e-6)


def test_intervals_hold_as_often_as_they_say_on_shapes_of_the_model_itself(world):
    model, misfit, known = world
    rng, inside = np.random.default_rng(4), []
    for _ in range(60):
        truth = draw(world, rng)
        found = fit(world, AWAY.apply(truth))
        own = model.mean + (found.minimum.latent @ model.basis.basis.T).reshape(V, 3) + misfit.field @ found.field
        off = (found.pose.inverse().apply(own) - AWAY.apply(truth))[~known]
        std = found.deviation.std(model.basis, own, found.pose.rotation.T)[~known]
        inside.append((np.abs(off) < 1.96 * std).mean())
    assert np.mean(inside) == pytest.approx(0.95, abs=0.01)


def test_shapes_farther_from_the_model_than_it_says_are_told_by_their_known_vertices(world):
    rng = np.random.default_rng(5)
    options = {"scaled": True, "weight": 1e-3, "floor": 1e-3}
    scales = [
        fit(world, AWAY.apply(draw(world, rng, latent=2, smooth=(1, 8), fine=1.5)), **options).scales for _ in range(30)
    ]
    assert np.median([one.latent for one in scales]) == pytest.approx(2, rel=0.25)
    assert np.median([one.fine for one in scales]) == pytest.approx(1.5, rel=0.05)
    assert np.median([one.smooth[1] for one in scales]) > 2 * np.median([one.smooth[0] for one in scales])
    usual = fit(world, draw(world, rng), scaled=True, weight=20.0).scales
    assert usual.fine < 1.2 and usual.latent < 1.5


def test_a_size_is_found_only_where_it_is_asked_for(world):
    model, misfit, known = world
    small = AWAY.apply(0.9 * draw(world, np.random.default_rng(6)))
    fitter = JointFitter(model, misfit)
    with_size = fitter.fit(small, known, procrustes(small[known], model.mean[known], scale=True), scale=True)
    assert with_size.pose.scale == pytest.approx(1 / 0.9, rel=0.02)
    assert fit(world, small).pose.scale == pytest.approx(1, abs=1e-9)


def test_neighbours_that_are_alike_count_as_fewer():
    points = np.stack(np.meshgrid(*[np.arange(40.0)] * 2, [0.0]), -1).reshape(-1, 3)
    white = np.random.default_rng(7).normal(size=(len(points), 3))
    alike = np.repeat(np.repeat(white.reshape(40, 40, 3)[::4, ::4], 4, 0), 4, 1).reshape(-1, 3)
    assert cluster_of(white, points, 10) == pytest.approx(1, abs=0.5)
    assert 8 < cluster_of(alike, points, 10) < 24


def test_what_was_put_in_is_learnt():
    rng = np.random.default_rng(8)
    points = rng.normal(size=(1500, 3))
    points *= 80 / np.linalg.norm(points, axis=1)[:, None]
    fields = SmoothFields(points)
    short, long = fields.columns
    parts = [np.sqrt(w) * c @ rng.normal(size=(200, c.shape[1], 3)) for w, c in ((0.5, short), (0.3, long))]
    shapes = 2.0 * (sum(parts) + np.sqrt(0.2) * rng.normal(size=(200, 1500, 3)))
    found = Misfit.learn(points, {5: shapes, 10: shapes / 2})
    np.testing.assert_allclose(found.std(5).mean(), 2, rtol=0.1)
    np.testing.assert_allclose(found.std().mean(), 1, rtol=0.1)
    assert found.std(7).mean() == pytest.approx(1.5, abs=0.2)
    np.testing.assert_allclose(found.shares[0], [0.5, 0.3, 0.2], atol=0.12)


# --- through the models' methods


@pytest.fixture(scope="module")
def model():
    return inface.load_default_model("pca")


def test_a_completed_child_does_not_depend_on_its_pose(model):
    child = model.sample_meshes(1, seed=3)[0].vertices
    hidden = (child[:, 0] > 0) & (child[:, 2] > 10)
    first = model.reconstruct(child, hidden, back_match_known_vertices=True, align=True, noise_std=1)
    known_pose = model.reconstruct(child, hidden, back_match_known_vertices=True, noise_std=1)
    for i in range(5):
        motion = Similarity(Rotation.random(random_state=i).as_matrix(), [30, 10 * i, -5])
        moved = model.reconstruct(
            motion.apply(child), hidden, back_match_known_vertices=True, align=True, noise_std=1, check=False
        )
        assert np.abs(motion.inverse().apply(moved.mesh.vertices) - first.mesh.vertices).max() < 0.01
    errors = [np.linalg.norm(done.mesh.vertices - child, axis=1)[hidden].mean() for done in (first, known_pose)]
    assert errors[0] < 1.25 * errors[1] + 0.02
    assert not first.vertex_std[~hidden].any() and first.vertex_std[hidden].min() > 0


def test_the_misfit_travels_with_the_file_and_not_with_the_hash(model, tmp_path):
    assert model.misfit is not None
    model.save(tmp_path / "model.h5")
    back = inface.load_model(tmp_path / "model.h5")
    for name, value in vars(model.misfit).items():
        np.testing.assert_allclose(getattr(back.misfit, name), value, rtol=1e-6)
    assert back.hash == model.hash == model.with_extras(misfit=None).hash


def test_without_a_misfit_none_is_what_the_reference_computes(model):
    plain = model.with_extras(misfit=None, noise_std=None)
    child = model.sample_meshes(1, seed=4)[0].vertices
    hidden = child[:, 1] < -30
    rows = np.repeat(~hidden, 3)
    code = np.linalg.lstsq(
        model.components.T[rows].astype(float), (child - model.mean_vertices).reshape(-1)[rows], rcond=None
    )[0]
    np.testing.assert_allclose(plain.decode(plain.encode(child, hidden)), plain.decode(code), atol=2e-2)
    assert plain.reconstruct(child, hidden).vertex_std is None
    assert plain.reconstruct(child, hidden, noise_std="auto").vertex_std is not None


def test_what_determines_no_pose_is_refused(model):
    child = model.sample_meshes(1, seed=5)[0].vertices
    few = np.ones(len(child), bool)
    few[[5, 500, 1000]] = False
    with pytest.raises(ValueError, match="3 known vertices do not determine a pose"):
        model.encode(child, few, align=True)
    line = child.copy()
    line[:, 1:] = 0
    with pytest.raises(ValueError, match="lie on a line"):
        model.encode(line, np.arange(len(child)) >= 100, align=True, check=False)
    for wrong in (-1, np.nan, "much"):
        with pytest.raises(ValueError, match="noise_std: expected"):
            model.encode(child, few, noise_std=wrong)
    with pytest.raises(ValueError, match="align: expected True, False"):
        model.encode(child, align="somehow")
    still = inface.PCAMorphableModel(
        components=model.components[:2], eigenvalues=[0, 0], mean_vertices=model.mean_vertices, triangles=[]
    )
    with pytest.raises(ValueError, match="no spread"):
        still.posterior(child, np.arange(100), 1.0)
