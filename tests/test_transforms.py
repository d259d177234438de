"""Group laws of similarities; Procrustes against scipy and brute force; generalised Procrustes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from inface.errors import ConvergenceError
from inface.transforms import Similarity, generalised_procrustes, procrustes

laws = settings(max_examples=50, deadline=None)


@st.composite
def similarities(draw):
    seed = draw(st.integers(0, 10**6))
    translation = [draw(st.floats(-1e3, 1e3)) for _ in range(3)]
    return Similarity(Rotation.random(rng=seed).as_matrix(), np.array(translation), draw(st.floats(0.01, 100)))


POINTS = np.random.default_rng(0).normal(size=(2, 5, 3)) * 50


def close(a, b):
    scale = 1 + max(np.abs(a).max(), np.abs(b).max())
    np.testing.assert_allclose(a / scale, b / scale, atol=1e-9)


@laws
@given(a=similarities(), b=similarities(), c=similarities())
def test_group_laws(a, b, c):
    one = Similarity()
    close(one.apply(POINTS), POINTS)
    close(a.compose(b).apply(POINTS), a.apply(b.apply(POINTS)))
    close(a.compose(b).compose(c).matrix, a.compose(b.compose(c)).matrix)
    close(a.compose(one).matrix, a.matrix)
    close(one.compose(a).matrix, a.matrix)
    close(a.inverse().apply(a.apply(POINTS)), POINTS)
    close(a.compose(a.inverse()).matrix, np.eye(4))
    close(a.inverse().inverse().matrix, a.matrix)


@laws
@given(a=similarities())
def test_matrix_and_angle(a):
    homogeneous = np.concatenate([POINTS, np.ones((*POINTS.shape[:-1], 1))], -1)
    close((homogeneous @ a.matrix.T)[..., :3], a.apply(POINTS))
    assert a.angle == pytest.approx(np.degrees(Rotation.from_matrix(a.rotation).magnitude()), abs=1e-5)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"rotation": np.diag([1, 1, -1.0])}, "proper rotation"),
        ({"rotation": np.eye(3) * 2}, "proper rotation"),
        ({"rotation": np.eye(2)}, "rotation: expected shape"),
        ({"scale": 0}, "scale: expected a positive number, got 0"),
        ({"scale": np.nan}, "scale: expected a positive number"),
        ({"scale": -1}, "scale: expected a positive number"),
        ({"translation": [np.nan] * 3}, "translation: expected finite"),
        ({"translation": [0, 0]}, "translation: expected shape"),
    ],
)
def test_refusals(parts, words):
    with pytest.raises(ValueError, match=words):
        Similarity(**parts)


@laws
@given(move=similarities(), seed=st.integers(0, 1000), weighted=st.booleans())
def test_procrustes_finds_what_was_done(move, seed, weighted):
    rng = np.random.default_rng(seed)
    source = rng.normal(size=(7, 3)) * 40
    weights = rng.uniform(0.1, 2, 7) if weighted else None
    found = procrustes(source, move.apply(source), scale=True, weights=weights)
    close(found.matrix, move.matrix)
    rigid = Similarity(move.rotation, move.translation)
    close(procrustes(source, rigid.apply(source), weights=weights).matrix, rigid.matrix)


@laws
@given(seed=st.integers(0, 10**6), flat=st.booleans(), mirrored=st.booleans())
def test_procrustes_against_scipy(seed, flat, mirrored):
    """Noisy, weighted, flat and mirrored point sets: the same proper rotation as scipy's."""
    rng = np.random.default_rng(seed)
    source = rng.normal(size=(8, 3)) * [10, 7, 0.0 if flat else 4]
    target = Rotation.random(rng=seed).apply(source) + rng.normal(size=(8, 3)) + 5
    if mirrored:
        target = target * [1, 1, -1]
    weights = rng.uniform(0.1, 3, 8)
    found = procrustes(source, target, weights=weights)
    w = weights / weights.sum()
    a, b = source - w @ source, target - w @ target
    expected, _ = Rotation.align_vectors(b, a, weights=weights)
    error = [(w * ((b - m) ** 2).sum(1)).sum() for m in (a @ found.rotation.T, expected.apply(a))]
    assert error[0] == pytest.approx(error[1], rel=1e-9)
    close(found.apply(w @ source), w @ target)
    assert np.linalg.det(found.rotation) == pytest.approx(1)


def test_no_small_change_betters_procrustes_with_scale():
    rng = np.random.default_rng(1)
    source, target = rng.normal(size=(2, 9, 3))
    best = procrustes(source, target, scale=True)

    def error(move):
        return ((move.apply(source) - target) ** 2).sum()

    for _ in range(200):
        step = Rotation.from_rotvec(rng.normal(size=3) * 0.02).as_matrix()
        near = Similarity(
            step @ best.rotation, best.translation + rng.normal(size=3) * 0.02, best.scale * np.exp(rng.normal() * 0.02)
        )
        assert error(near) >= error(best)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (np.zeros((2, 3)), "at least 3"),
        (np.zeros((4, 3)), "on one line or in one place"),
        (np.arange(4.0)[:, None] * [1, 2, 3], "on one line or in one place"),
        (np.full((4, 3), np.nan), "source: expected finite"),
        (np.zeros((4, 2)), "source: expected shape"),
    ],
)
def test_procrustes_refuses(source, words):
    with pytest.raises(ValueError, match=words):
        procrustes(source, source)


def test_procrustes_refuses_other_counts():
    with pytest.raises(ValueError, match=r"got \(4, 3\) and \(5, 3\)"):
        procrustes(np.zeros((4, 3)), np.zeros((5, 3)))


@pytest.fixture
def moved_copies():
    rng = np.random.default_rng(4)
    base = rng.normal(size=(20, 3)) * 40
    shapes = [
        Similarity(Rotation.random(rng=s).as_matrix(), rng.normal(size=3) * 90).apply(
            base + rng.normal(size=base.shape)
        )
        for s in range(12)
    ]
    return np.array(shapes)


def test_generalised_procrustes(moved_copies):
    before = moved_copies.copy()
    aligned = generalised_procrustes(moved_copies)
    np.testing.assert_array_equal(moved_copies, before)
    assert np.abs(aligned - aligned.mean(0)).max() < 6  # the noise has standard deviation 1
    for a, b in zip(aligned, before, strict=True):  # each was only moved, not deformed
        lengths = [np.linalg.norm(s[:, None] - s[None], axis=-1) for s in (a, b)]
        np.testing.assert_allclose(*lengths, atol=1e-8)
    mean = aligned.mean(0)
    for shape in aligned:  # nothing is gained by aligning once more
        assert procrustes(shape, mean).angle < 1e-3
    assert procrustes(mean, before[0]).angle < 5  # the pose of the first


def test_generalised_procrustes_does_not_depend_on_where_the_shapes_stood(moved_copies):
    elsewhere = moved_copies.copy()
    for i in range(1, len(elsewhere)):
        elsewhere[i] = Similarity(Rotation.random(rng=i + 50).as_matrix(), np.full(3, 7.0 * i)).apply(elsewhere[i])
    np.testing.assert_allclose(
        generalised_procrustes(elsewhere, tolerance=1e-10),
        generalised_procrustes(moved_copies, tolerance=1e-10),
        atol=1e-5,
    )


def test_generalised_procrustes_says_when_it_does_not_settle(moved_copies):
    with pytest.raises(ConvergenceError, match="did not settle in 1 rounds"):
        generalised_procrustes(moved_copies, tolerance=0, iterations=1)
