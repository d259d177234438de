"""Rotations against their laws, and the pairs of code they replaced."""

import numpy as np
import pytest

from inface.geometry import rotations
from inface.geometry.smooth import smoothstep
from inface.units import MM_PER_UNIT, mm_per_unit


def test_about_turns_one_axis_into_the_next_and_keeps_its_own():
    for axis, (first, second) in {"x": (1, 2), "y": (2, 0), "z": (0, 1)}.items():
        turn, eye = rotations.about(axis, 90), np.eye(3)
        np.testing.assert_allclose(turn @ eye[first], eye[second], atol=1e-15)
        own = "xyz".index(axis)
        np.testing.assert_allclose(rotations.about(axis, 33) @ eye[own], eye[own], atol=1e-15)


def test_vectors_and_quaternions_keep_their_axis_and_turn_by_their_angle():
    random = np.random.default_rng(0)
    vectors = random.normal(size=(4, 5, 3))
    turns = rotations.from_vectors(vectors)
    assert turns.shape == (4, 5, 3, 3)
    np.testing.assert_allclose(np.einsum("...ij,...j->...i", turns, vectors), vectors, atol=1e-12)
    angle = np.degrees(np.linalg.norm(vectors, axis=-1))
    np.testing.assert_allclose(rotations.angle_between(turns, np.eye(3)), np.where(angle > 180, 360 - angle, angle))
    half, axis = np.linalg.norm(vectors, axis=-1, keepdims=True) / 2, vectors
    quaternions = np.concatenate([np.sin(half) * axis / (2 * half), np.cos(half)], -1)
    np.testing.assert_allclose(rotations.from_quaternions(7 * quaternions), turns, atol=1e-12)


def test_the_nearest_rotation_is_proper_and_no_other_comes_nearer():
    random = np.random.default_rng(1)
    matrices = random.normal(size=(50, 3, 3))  # half of them mirror
    nearest = rotations.nearest_rotations(matrices)
    np.testing.assert_allclose(np.linalg.det(nearest), 1)
    np.testing.assert_allclose(
        nearest @ nearest.transpose(0, 2, 1), np.broadcast_to(np.eye(3), nearest.shape), atol=1e-12
    )
    best = np.einsum("nij,nij->n", nearest, matrices)
    for _ in range(200):
        other = rotations.from_vectors(random.normal(size=3) * 0.3) @ nearest
        assert (np.einsum("nij,nij->n", other, matrices) <= best + 1e-12).all()
    turn = rotations.random_rotation(random)
    np.testing.assert_allclose(rotations.nearest_rotations(3 * turn[None])[0], turn, atol=1e-12)


def test_smoothstep_is_flat_at_both_ends_and_symmetric():
    x = np.linspace(-0.5, 1.5, 401)
    y = smoothstep(x)
    assert y[0] == 0 and y[-1] == 1 and (np.diff(y) >= 0).all()
    np.testing.assert_allclose(y + y[::-1], 1)
    assert smoothstep(1e-4) < 1e-7


def test_a_unit_means_its_millimetres_and_others_are_refused():
    assert MM_PER_UNIT["m"] == 1000 and mm_per_unit("inch") == 25.4
    with pytest.raises(ValueError, match="expected one of mm, cm, m, inch, got 'yard'"):
        mm_per_unit("yard")
    with pytest.raises(ValueError, match="expected one of mm, cm, m, got 'inch'"):
        mm_per_unit("inch", ("mm", "cm", "m"))
