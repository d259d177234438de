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
class _Fill:
    """The factors of one mask: unknown ids, the known ids they depend on, and the two blocks of the system."""

    unknown: IntArray
    border: IntArray
    coupling: sparse.csr_array  # (unknown, border)
    factor: SuperLU


class SmoothFill:
    """Fills fields over one topology; the sparse factors of the masks used last are kept.

    Args:
        vertex_count: V.
        triangles: `(T, 3)`; repeated indices are allowed.
    """

    def __init__(self, vertex_count: int, triangles: IntArray) -> None:
        self.vertex_count = vertex_count
        self.adjacency = adjacency(triangles, vertex_count)
        self._fills = Recent(MASKS_KEPT)

    def fill(self, values: FloatArray, known: BoolArray, kind: FillKind = "harmonic") -> FloatArray:
        """The field `(..., V, C)` float64: `values` at the known vertices `(V,)`, a smooth fill at the others.

        What stands in `values` at unknown vertices is not looked at.

        Raises:
            ConvergenceError: a connected piece of unknown vertices touches no known vertex.
            ValueError: an unknown kind of fill.
        """
        if kind not in get_args(FillKind):
            raise ValueError(f"fill: expected one of {', '.join(get_args(FillKind))}, got '{kind}'")
        values = np.asarray(values, np.float64)
        if known.all():
            return values.copy()
        system = self._fills.get(
            (np.packbits(known).tobytes(), kind), partial(_make_fill, self.adjacency, known.copy(), kind)
        )
        border = values[..., system.border, :]
        batch, channels = border.shape[:-2], border.shape[-1]
        columns = np.moveaxis(border, -2, 0).reshape(len(system.border), -1)
        solved = system.factor.solve(system.coupling @ columns)
        filled = values.copy()
        filled[..., system.unknown, :] = np.moveaxis(solved.reshape(-1, *batch, channels), 0, -2)
        return filled

    def back_match(
        self, reconstruction: FloatArray, vertices: FloatArray, known: BoolArray, kind: FillKind = "harmonic"
    ) -> FloatArray:
        """`vertices` exactly at the known vertices; elsewhere `reconstruction` plus the fill of the known residual.

        Both `(..., V, 3)`, mm; returns float64. Raises as `fill` does.
        """
        residual = np.subtract(vertices, reconstruction, dtype=np.float64)
        matched = self.fill(residual, known, kind)
        matched += reconstruction
        np.copyto(matched, vertices, where=known[:, None])
        return matched


def _make_fill(neighbours: sparse.csr_array, known: BoolArray, kind: FillKind) -> _Fill:
    unknown = np.flatnonzero(~known)
    rows = neighbours[unknown]
    _refuse_islands(rows, unknown, known)
    degree = np.diff(neighbours.indptr).astype(float)
    if kind == "harmonic":
        system = sparse.csr_array(sparse.diags_array(degree).tocsr()[unknown] - rows)
    else:
        inverse = np.divide(1.0, degree, out=np.zeros_like(degree), where=degree > 0)
        laplacian = sparse.diags_array(degree) - neighbours
        system = sparse.csr_array(laplacian.tocsr()[unknown] @ (sparse.diags_array(inverse) @ laplacian))
    columns = system.tocsc()
    coupling = columns[:, known]
    touched = np.flatnonzero(np.diff(coupling.indptr))
    factor = splu(
        columns[:, unknown].tocsc(),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    return _Fill(unknown, np.flatnonzero(known)[touched], sparse.csr_array(-coupling[:, touched]), factor)


def _refuse_islands(rows: sparse.csr_array, unknown: IntArray, known: BoolArray) -> None:
    """Raise when a connected piece of unknown vertices has no known neighbour: its fill would be undetermined."""
    inside = rows[:, unknown]
    count, piece = connected_components(inside, directed=False)
    held = np.zeros(count, bool)
    held[piece[np.diff(rows.indptr) > np.diff(inside.indptr)]] = True
    if not held.all():
        first = int(np.flatnonzero(~held)[0])
        members = unknown[piece == first]
        raise ConvergenceError(
            f"back matching: a piece of {len(members)} unknown vertices (first: vertex {members[0]}) touches no known "
            f"vertex, so its fill is undetermined; make one of its vertices known, or do without back matching"
        )
