"""What is found does not hang on the last digits: the same ranks, refusals and numbers however sums are taken."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import inface
from inface.fitting import LinearFitter, NetworkFitter
from inface.fitting.field import SmoothFields
from inface.fitting.joint import JointFitter
from inface.fitting.misfit import MisfitArrays
from inface.transforms import Similarity, procrustes

V, K = 1500, 12
KNOWN = np.arange(V) % 10 < 7
HOLE = np.arange(V) >= 300
FEW = np.arange(V) < 3


@pytest.fixture(scope="module")
def world():
    """Float32 components with a falling spectrum, a mean, spreads and a noisy shape, all with ordered vertices."""
    rng = np.random.default_rng(0)
    components = np.linalg.qr(rng.normal(size=(3 * V, K)))[0].T
    std = 60.0 * 0.7 ** np.arange(K)
    mean = rng.normal(size=(V, 3)) * [60, 80, 50]
    shape = mean + ((std * rng.normal(size=K)) @ components).reshape(V, 3) + 0.3 * rng.normal(size=(V, 3))
    return components.astype(np.float32), mean, std, shape


def linear(world, shake, change=lambda components: components):
    components, mean, std, _ = world
    return LinearFitter(shake.basis(change(components.copy())), mean[shake.permutation(V)], np.zeros(K), std)


def in_the_hole(components):
    """The first component moves nothing that is known."""
    components[0, 3 * 300 :] = 0
    return components


def doubled(components):
    """The second component is the first, but for a hundredth that lies in the hole."""
    components[1] = components[0]
    components[1, : 3 * 300] *= 0.99
    return components


def exactly(components):
    """As they are."""
    return components


@pytest.mark.parametrize("noise", [0.0, 0.5])
@pytest.mark.parametrize(
    ("change", "known", "rank"),
    [(exactly, KNOWN, K), (exactly, HOLE, K), (exactly, FEW, 9), (in_the_hole, HOLE, K - 1)],
    ids=["many known", "a hole", "nine numbers known", "a component in the hole"],
)
def test_ranks_verdicts_and_latents_of_linear_fits(world, still, shake, change, known, rank, noise):
    shape = world[3]
    first = linear(world, still, change).fit(shape, known, noise)
    ids = shake.permutation(V)
    with shake.applied():
        again = linear(world, shake, change).fit(shape[ids], known[ids], noise)
    assert again.rank == first.rank == (K if noise else rank)
    assert np.isinf(again.condition) == np.isinf(first.condition)
    if np.isfinite(first.condition):
        assert again.condition == pytest.approx(first.condition, rel=1e-3)
    # float32 components differ by 6e-8 of themselves; three vertices alone amplify that by their condition
    np.testing.assert_allclose(again.latent, first.latent, atol=1e-2 if known is FEW else 1e-4)
    if noise:
        spread, expected = (f.covariance_factor @ f.covariance_factor.T for f in (again, first))
        np.testing.assert_allclose(spread, expected, rtol=1e-3, atol=1e-3 * expected.max())


def test_components_that_only_the_hole_tells_apart(world, still, shake):
    if shake.last_place:
        pytest.skip("a unit in the last place tells them apart: another model")
    shape, ids = world[3], shake.permutation(V)
    with shake.applied():
        found = linear(world, shake, doubled).fit(shape[ids], HOLE[ids])
    assert found.rank == K - 1 and not found.condition < 1e8
    first = linear(world, still, doubled).fit(shape, HOLE)
    np.testing.assert_allclose(found.latent, first.latent, atol=1e-4)


def network(world, shake):
    rng = np.random.default_rng(2)
    sizes = (6, 14, K)
    weights = [rng.normal(size=(b, a)) / np.sqrt(a) for a, b in pairwise(sizes)]
    biases = [0.3 * rng.normal(size=b) for b in sizes[1:]]
    components, mean, std, _ = world
    last = np.ascontiguousarray(shake.basis((components.T * std.astype(np.float32)).T).T)
    return NetworkFitter(
        [*weights, last], [*biases, np.zeros(3 * V)], 0.2, mean[shake.permutation(V)], np.zeros(6), np.ones(6)
    )


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_latents_and_verdicts_of_network_fits(world, still, shake, noise):
    plain, ids = network(world, still), shake.permutation(V)
    hidden, _ = plain.hidden(np.random.default_rng(3).normal(size=6))
    shape = (
        plain.offset + (plain.basis.basis @ hidden).reshape(V, 3) + 0.3 * np.random.default_rng(4).normal(size=(V, 3))
    )
    for steps in (1, 200):
        first = plain.fit(shape, KNOWN, noise, max_iterations=steps)
        with shake.applied():
            again = network(world, shake).fit(shape[ids], KNOWN[ids], noise, max_iterations=steps)
        assert bool(again.converged) == bool(first.converged) == (steps > 1)
        np.testing.assert_allclose(again.latent, first.latent, atol=1e-5)
        assert again.objective == pytest.approx(first.objective, rel=1e-5)


@pytest.mark.parametrize("scaled", [False, True])
def test_pose_misfit_and_scales_of_joint_fits(world, still, shake, scaled):
    _, mean, _, shape = world
    columns = 0.7 * np.hstack(SmoothFields(mean).columns)[:, :20]
    away = Similarity(Rotation.from_rotvec([0.2, -0.3, 0.1]).as_matrix(), [5, -10, 3]).apply(shape)

    def fit(shake):
        ids = shake.permutation(V)
        misfit = MisfitArrays(columns[ids], np.full(V, 0.7), 0.7, np.arange(20) % 2, scaled=scaled)
        known, vertices = KNOWN[ids], away[ids]
        start = procrustes(vertices[known], mean[ids][known])
        model = linear(world, shake)
        found = JointFitter(model, misfit).fit(vertices, known, start)
        std = np.empty((V, 3))
        std[ids] = found.deviation.std(model.basis, found.pose.apply(vertices))
        return found, std

    first, spread = fit(still)
    with shake.applied():
        again, std = fit(shake)
    assert again.settled and first.settled
    np.testing.assert_allclose(again.minimum.latent, first.minimum.latent, atol=1e-3)
    np.testing.assert_allclose(again.pose.matrix, first.pose.matrix, atol=1e-4)
    np.testing.assert_allclose(std, spread, rtol=1e-3)
    assert again.scales.change(first.scales) < 1e-3
    assert again.condition == pytest.approx(first.condition, rel=1e-3)


def test_refusals_of_the_models_methods(shake):
    model = inface.load_default_model("pca")
    child = model.sample_meshes(1, seed=5)[0].vertices
    few = np.ones(len(child), bool)
    few[[5, 500, 1000]] = False
    line = child.copy()
    line[:, 1:] = 0
    with shake.applied():
        with pytest.raises(ValueError, match="3 known vertices do not determine a pose"):
            model.encode(child, few, align=True)
        with pytest.raises(ValueError, match="lie on a line"):
            model.encode(line, np.arange(len(child)) >= 100, align=True, check=False)
