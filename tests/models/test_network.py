"""Networks as plain arrays: types kept, weights never copied, batches block by block."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inface.models.latent import LatentSpace
from inface.models.network import _BLOCK, _LARGE, Network, centred_product, matrix_vector


@given(
    width=st.sampled_from([1, 5, _BLOCK - 1, _BLOCK, _BLOCK + 1, 2 * _BLOCK + 7]),
    batch=st.sampled_from([(), (1,), (3,), (2, 2), (0,)]),
    given_type=st.sampled_from([np.float32, np.float64]),
    weight_type=st.sampled_from([np.float32, np.float64]),
)
@settings(max_examples=40, deadline=None)
def test_centred_product_is_the_plain_one(width, batch, given_type, weight_type):
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(3, width)).astype(weight_type)
    origin = rng.normal(size=width)
    x = rng.normal(size=(*batch, width)).astype(given_type)
    before = x.copy()
    found = centred_product(weight, x, origin)
    assert found.dtype == weight_type and found.shape == (*batch, 3)
    expected = (x.astype(float) - origin) @ weight.astype(float).T
    limit = (1e-3 if weight_type == np.float32 else 1e-9) * max(1, width**0.5)
    assert np.allclose(found, expected, atol=limit, rtol=0)
    assert np.array_equal(x, before)


@pytest.mark.parametrize("shape", [(1025, 1024), (1, _LARGE), (7, _LARGE // 7 + 1), (_LARGE, 1), (1021, 1031), (6, 5)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_matrix_times_vector_of_any_size(shape, dtype):
    rng = np.random.default_rng(1)
    weight, x = rng.normal(size=shape).astype(dtype), rng.normal(size=shape[1]).astype(dtype)
    found = matrix_vector(weight, x)
    assert found.dtype == dtype
    limit = np.finfo(dtype).eps * 20 * shape[1] ** 0.5
    assert np.allclose(found, weight.astype(float) @ x.astype(float), atol=limit, rtol=10 * np.finfo(dtype).eps)


def test_slopes():
    net = Network((np.eye(2), -np.eye(2)), (np.zeros(2), np.zeros(2)), 0.1)
    x = np.array([2.0, -3.0])
    assert net.encode(x).tolist() == pytest.approx([-0.2, 0.3])
    assert net.decode(x).tolist() == pytest.approx([-2.0, 0.3])
    assert Network(net.weights, net.biases, 1.0).encode(x).tolist() == [-2, 3]
    assert Network(net.weights, net.biases, 0.0).encode(x).tolist() == [0, 0]


def test_weights_are_kept_as_they_come():
    weight = np.ones((2, 3), np.float32)
    net = Network((weight,), (np.zeros(2),))
    assert np.shares_memory(net.weights[0], weight) and net.dtype == np.float32
    assert net.decode(np.ones(3)).dtype == np.float32
    with pytest.raises(ValueError, match="read-only"):
        net.weights[0][0, 0] = 5
    half = Network((weight.astype(np.float16),), (np.zeros(2),))
    assert half.dtype == np.float32


@given(skip=st.sets(st.sampled_from(["a", "b", "c"])))
def test_parts_are_all_that_is_not_skipped(skip):
    blocks = {"a": slice(0, 3), "b": slice(3, 4), "c": slice(6, 8)}
    space = LatentSpace(np.zeros(10), np.ones(10), blocks)
    left = np.concatenate([np.arange(10)[part] for part in space.parts(skip)] or [[]])
    gone = np.concatenate([np.arange(10)[blocks[name]] for name in skip] or [[]])
    assert np.array_equal(np.sort(np.concatenate([left, gone])), np.arange(10))
