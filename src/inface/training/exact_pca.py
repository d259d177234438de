"""Exact principal components: of the Gram matrix of the shapes, or of the covariance of the coordinates."""

import numpy as np
from scipy.linalg import blas

from inface._validate import FloatArray
from inface.training.components import (
    SLAB_BYTES,
    PrincipalComponents,
    freedom,
    kept_number,
    orthonormal,
    signed,
    top,
    work_dtype,
)


def exact_components(rows: FloatArray, wanted: int | float, weights: FloatArray) -> PrincipalComponents:
    """Eigenvectors of the smaller of the Gram matrix (N, N) and the covariance (D, D)."""
    count, dimension = rows.shape
    if dimension < count:
        return _of_covariance(rows, wanted, weights)
    dtype = work_dtype(rows)
    mean = np.empty(dimension)
    root = np.sqrt(weights).astype(dtype)[:, None]
    width = max(1, min(dimension, SLAB_BYTES // 4 // (count * np.dtype(dtype).itemsize)))
    slabs = [slice(i, min(i + width, dimension)) for i in range(0, dimension, width)]

    def centred(slab: slice) -> FloatArray:
        block = np.array(rows[:, slab], dtype=dtype, order="C")
        mean[slab] = weights @ block
        block -= mean[slab].astype(dtype)
        block *= root
        return block

    gram = np.zeros((count, count))
    product = blas.ssyrk if dtype is np.float32 else blas.dsyrk
    for slab in slabs:  # the transpose of a C-ordered block is what Fortran wants: block @ block.T
        gram += product(1.0, centred(slab).T, trans=1)
    gram /= freedom(weights)
    total = float(np.trace(gram))
    values, vectors = top(gram, wanted)
    keep = kept_number(values, total, wanted, count - 1, mean, dtype)
    values, vectors = values[:keep], vectors[:, :keep]
    components = np.empty((keep, dimension), dtype)
    scaled = (vectors / np.sqrt(values * freedom(weights))).T.astype(dtype)
    for slab in slabs:
        components[:, slab] = scaled @ centred(slab)
    return PrincipalComponents(mean, signed(orthonormal(components)), values, total, count)


def _of_covariance(rows: FloatArray, wanted: int | float, weights: FloatArray) -> PrincipalComponents:
    count, dimension = rows.shape
    mean = np.zeros(dimension)
    covariance = np.zeros((dimension, dimension))
    step = max(1, SLAB_BYTES // (8 * dimension))
    for lo in range(0, count, step):
        mean += weights[lo : lo + step] @ rows[lo : lo + step]
    for lo in range(0, count, step):
        block = (rows[lo : lo + step] - mean) * np.sqrt(weights[lo : lo + step])[:, None]
        covariance += block.T @ block
    covariance /= freedom(weights)
    total = float(np.trace(covariance))
    values, vectors = top(covariance, wanted)
    keep = kept_number(values, total, wanted, dimension, mean, work_dtype(rows))
    components = np.ascontiguousarray(vectors[:, :keep].T.astype(work_dtype(rows)))
    return PrincipalComponents(mean, signed(components), values[:keep], total, count)
