"""Smooth fields over a surface from a few moved patches: biharmonic interpolation [botsch2004].

The mouth is cut open in the template, so the lips part by themselves: the surface between them runs through the mouth.
"""

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import splu

from inface._validate import BoolArray, FloatArray, IntArray

_SMALLEST_AREA = 0.3  # mm^2: keeps tiny triangles from stiffening the field


def laplacian(vertices: FloatArray, triangles: IntArray) -> tuple[sparse.csc_matrix, FloatArray]:
    """Cotangent Laplacian `(V, V)` (rows sum to zero, negative diagonal) and vertex areas `(V,)` [pinkall1993]."""
    count = len(vertices)
    rows, columns, values = [], [], []
    areas = np.zeros(count)
    for k in range(3):
        i, j, opposite = triangles[:, k], triangles[:, (k + 1) % 3], triangles[:, (k + 2) % 3]
        a, b = vertices[i] - vertices[opposite], vertices[j] - vertices[opposite]
        twice = np.linalg.norm(np.cross(a, b), axis=1)
        weight = 0.5 * (a * b).sum(1) / np.maximum(twice, 1e-9)
        rows += [i, j, i, j]
        columns += [j, i, i, j]
        values += [weight, weight, -weight, -weight]
        np.add.at(areas, i, twice / 6)
    matrix = sparse.coo_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=(count, count)
    )
    return matrix.tocsc(), np.maximum(areas, _SMALLEST_AREA)


def biharmonic(vertices: FloatArray, triangles: IntArray, fixed: BoolArray, values: FloatArray) -> FloatArray:
    """The smoothest fields `(V, C)` that take `values (V, C)` where `fixed (V,)`.

    Smallest integral of the squared Laplacian; one sparse factorisation whatever the number of fields.
    """
    cotangents, areas = laplacian(vertices, triangles)
    energy = (cotangents.T @ sparse.diags(1 / areas) @ cotangents).tocsc()
    free, held = np.flatnonzero(~fixed), np.flatnonzero(fixed)
    out = np.array(values, float)
    if len(free):
        solver = splu(energy[free][:, free].tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0)
        out[free] = solver.solve(-(energy[free][:, held] @ out[held]))
    return out
