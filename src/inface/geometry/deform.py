"""Smooth fills of the unknown part of a field over a mesh: harmonic, and the smoother biharmonic.

With A the vertex adjacency (0/1, each neighbour once) and D the diagonal of degrees, the harmonic fill has zero
umbrella (uniform, 1/degree) Laplacian `h - D^-1 A h` at every unknown vertex; multiplied by the degree that is the
symmetric system `(D - A)_uu h_u = A_uk h_k` over the unknown vertices alone. The biharmonic fill minimises the squared
umbrella Laplacian, weighted by the degree, over all vertices: `Q = (D - A) D^-1 (D - A)`, `Q_uu h_u = -Q_uk h_k`. It
leaves the known part with a continuous slope, where the harmonic one may crease.
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import SuperLU, splu

from inface._cache import Recent
from inface._validate import BoolArray, FloatArray, IntArray
from inface.errors import ConvergenceError
from inface.geometry.adjacency import adjacency

FillKind = Literal["harmonic", "biharmonic"]
MASKS_KEPT = 8


@dataclass(frozen=True, eq=False)
class FillSystem:
    """The factors of one mask: unknown ids, the known ids they depend on, and the two blocks of the system."""

    unknown: IntArray
    border: IntArray
    coupling: sparse.csr_array  # (unknown, border)
    factor: SuperLU

    def solve(self, border: FloatArray) -> FloatArray:
        """The fill `(..., unknown, C)` of a field given on the border `(..., border, C)`."""
        batch, channels = border.shape[:-2], border.shape[-1]
        columns = np.moveaxis(border, -2, 0).reshape(len(self.border), -1)
        solved = self.factor.solve(self.coupling @ columns)
        return np.moveaxis(solved.reshape(-1, *batch, channels), 0, -2)


class SmoothFill:
    """Fills fields over one topology; the sparse factors of the masks used last are kept.

    Args:
        vertex_count: V.
        triangles: `(T, 3)`; repeated indices are allowed.
    """

    def __init__(self, vertex_count: int, triangles: IntArray) -> None:
        self.vertex_count = vertex_count
        neighbours = adjacency(triangles, vertex_count)
        degree = np.diff(neighbours.indptr).astype(np.float64)
        self.laplacian = sparse.csr_array(sparse.diags_array(degree) - neighbours)
        self._fills = Recent(MASKS_KEPT)

    def fill(self, values: FloatArray, known: BoolArray, kind: FillKind = "harmonic") -> FloatArray:
        """The field `(..., V, C)` float64: `values` at the known vertices `(V,)`, a smooth fill at the others.

        What stands in `values` at unknown vertices is not looked at.

        Raises:
            ConvergenceError: a connected piece of unknown vertices touches no known vertex.
            ValueError: an unknown kind of fill.
        """
        filled = np.array(values, np.float64)
        if not known.all():
            system = self.system(known, kind)
            filled[..., system.unknown, :] = system.solve(filled[..., system.border, :])
        return filled

    def system(self, known: BoolArray, kind: FillKind = "harmonic") -> FillSystem:
        """The factored system of one mask, from memory where it was used lately; raises as `fill` does."""
        if kind not in get_args(FillKind):
            raise ValueError(f"fill: expected one of {', '.join(get_args(FillKind))}, got '{kind}'")
        key = (np.packbits(known).tobytes(), kind)
        return self._fills.get(key, partial(_make_fill, self.laplacian, known.copy(), kind))

    def back_match(
        self, reconstruction: FloatArray, vertices: FloatArray, known: BoolArray, kind: FillKind = "harmonic"
    ) -> FloatArray:
        """`vertices` exactly at the known vertices; elsewhere `reconstruction` plus the fill of the known residual.

        Both `(..., V, 3)`, mm; returns float64. Raises as `fill` does.
        """
        matched = np.array(vertices, np.float64)
        if not known.all():
            system = self.system(known, kind)
            unknown, border = system.unknown, system.border
            residual = matched[..., border, :] - reconstruction[..., border, :]
            matched[..., unknown, :] = reconstruction[..., unknown, :] + system.solve(residual)
        return matched


def _make_fill(laplacian: sparse.csr_array, known: BoolArray, kind: FillKind) -> FillSystem:
    unknown = np.flatnonzero(~known)
    rows = laplacian[unknown]
    _refuse_islands(*_split(rows, unknown, known)[:2], unknown)
    if kind == "biharmonic":
        degree = laplacian.diagonal()
        inverse = np.divide(1.0, degree, out=np.zeros_like(degree), where=degree > 0)
        rows = sparse.csr_array(rows @ (sparse.diags_array(inverse) @ laplacian))
    inside, outside = _split(rows, unknown, known)
    border, column = np.unique(outside.indices, return_inverse=True)
    factor = splu(
        inside.T,  # symmetric, and so already in columns
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        panel_size=1,  # supernodes of a surface mesh are narrow: wider panels cost 15 % more
        options={"SymmetricMode": True},
    )
    coupling = sparse.csr_array((-outside.data, column, outside.indptr), shape=(len(unknown), len(border)))
    return FillSystem(unknown, border, coupling, factor)


def _split(rows: sparse.csr_array, unknown: IntArray, known: BoolArray) -> tuple[sparse.csr_array, sparse.csr_array]:
    """Rows `(U, V)` of the system parted by column: the unknown ones `(U, U)`, and the known ones, as `(U, V)`."""
    place = np.zeros(len(known), np.int32)
    place[unknown] = np.arange(len(unknown))
    outer = known[rows.indices]
    before = np.concatenate([[0], np.cumsum(outer)])[rows.indptr].astype(np.int32)
    inside = sparse.csr_array(
        (rows.data[~outer], place[rows.indices[~outer]], rows.indptr - before), shape=(len(unknown),) * 2
    )
    return inside, sparse.csr_array((rows.data[outer], rows.indices[outer], before), shape=rows.shape)


def _refuse_islands(inside: sparse.csr_array, outside: sparse.csr_array, unknown: IntArray) -> None:
    """Raise when a connected piece of unknown vertices has no known neighbour: its fill would be undetermined."""
    count, piece = connected_components(inside, directed=False)
    held = np.zeros(count, bool)
    held[piece[np.diff(outside.indptr) > 0]] = True
    if not held.all():
        first = int(np.flatnonzero(~held)[0])
        members = unknown[piece == first]
        raise ConvergenceError(
            f"back matching: a piece of {len(members)} unknown vertices (first: vertex {members[0]}) touches no known "
            f"vertex, so its fill is undetermined; make one of its vertices known, or do without back matching"
        )
