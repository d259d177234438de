"""Does a mesh correspond to the model, is it finite, in the model's unit and frame?"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from inface import _validate
from inface._validate import BoolArray, FloatArray, IntArray
from inface.codecs.masks import read_mask
from inface.errors import CorrespondenceError
from inface.mesh import Mesh
from inface.template import Template
from inface.transforms import Similarity, procrustes

MAX_ANGLE = 20.0  # degrees
MAX_SHIFT = 30.0  # mm
SIZES = (0.6, 1.6)  # size of a mesh in sizes of the model's mean
UNITS = {"mm": 1.0, "cm": 10.0, "m": 1000.0}  # in mm
_NAMES = {"mm": "millimetres", "cm": "centimetres", "m": "metres"}
_SAMPLE = 500  # vertices on which the pose is judged
FEWEST_POSED = 4  # known vertices that determine a pose
LINE = 1e-3  # breadth over length below which points count as a line
_FEWEST = 10  # below this many known vertices, no pose can be judged


@dataclass(frozen=True, eq=False)
class Checked:
    """Vertices that correspond to a model.

    Attributes:
        vertices: `(..., V, 3)` in the model's frame; what stands in unknown vertices is whatever came.
        known: `(V,)` bool, or None when all vertices are known.
        pose: the rigid motion that brought the mesh into the model's frame; None when it came as it was.
        mesh: the mesh that came, or None for a bare array.
    """

    vertices: FloatArray
    known: BoolArray | None = None
    pose: Similarity | None = None
    mesh: Mesh | None = None

    def to_own_frame(self, vertices: FloatArray) -> FloatArray:
        """Vertices `(..., V, 3)` of the model's frame brought back into the frame the mesh came in."""
        return vertices if self.pose is None else self.pose.inverse().apply(vertices)

    @property
    def own_vertices(self) -> FloatArray:
        """`(..., V, 3)` in the frame they came in."""
        return self.to_own_frame(self.vertices)

    def posed(self, pose: Similarity) -> "Checked":
        """The same, brought into the model's frame by another motion."""
        return replace(self, vertices=pose.apply(self.own_vertices), pose=pose)

    def mesh_of(self, vertices: FloatArray, triangles: IntArray) -> Mesh:
        """A mesh of vertices `(V, 3)` in its own frame, with the colours and landmarks of the one that came.

        Where that one had not all of the model's `triangles`, these. Landmarks hold to known vertices alone.
        """
        mesh = self.mesh
        if mesh is None:
            return Mesh(vertices, triangles)
        if mesh.landmarks is not None and self.known is not None:
            mesh = Mesh(
                np.where(self.known[:, None], mesh.vertices, np.nan), mesh.triangles, mesh.colors, mesh.landmarks
            )
        moved = mesh.with_vertices(vertices)
        if len(mesh.triangles) == len(triangles):
            return moved
        return Mesh(moved.vertices, triangles, moved.colors, moved.landmarks)


def check(
    template: Template,
    shape,
    unknown_vertex_mask=None,
    *,
    invert_mask: bool = False,
    align: bool | str = False,
    check: bool = True,
) -> Checked:
    """Check a `Mesh` or an array `(..., V, 3)` against a template before it is encoded.

    Args:
        unknown_vertex_mask: vertices not to be looked at: booleans, 0/1 integers of length V, vertex indices, or the
            path of a file that holds one of them (.npy, .txt).
        invert_mask: the mask names the known vertices instead.
        align: bring the shape rigidly onto the template by its known vertices (one shape, no batch).
        check: refuse a shape that is far out of the template's pose or size.

    Raises:
        CorrespondenceError: other vertex count, other or reversed triangles, a mesh from an STL file, another unit,
            or (with `check`) more than 20 degrees or 30 mm off, or a size outside 0.6 to 1.6 of the template's.
        ValueError: NaN or infinity in known vertices; a mask of wrong form, or one that leaves nothing known.
    """
    mesh = shape if isinstance(shape, Mesh) else None
    vertices = _vertices(template, shape)
    count = len(template.mesh.vertices)
    known = None
    if unknown_vertex_mask is not None:
        known = ~vertex_mask("unknown_vertex_mask", unknown_vertex_mask, count, invert=invert_mask)
        if not known.any():
            raise ValueError("unknown_vertex_mask: all vertices are unknown; at least one must be known")
        known = None if known.all() else known
    elif invert_mask:
        raise ValueError("invert_mask: there is no mask to invert; give unknown_vertex_mask")
    if mesh is not None:
        check_topology(template, mesh, known)
    seen = vertices if known is None else vertices[..., known, :]
    _require_finite(seen)
    target = template.mesh.vertices if known is None else template.mesh.vertices[known]
    if align:
        if vertices.ndim != 2:
            raise ValueError(f"align: expected one shape (V, 3), got {vertices.shape}; align a batch one by one")
        if check:
            check_pose(template, seen, target, size_only=True)
        _require_pose(seen, target)
        if align not in (True, "rigid", "similarity"):
            raise ValueError(f"align: expected True, False, 'rigid' or 'similarity', got {align!r}")
        pose = procrustes(seen, target, scale=align == "similarity")
        return Checked(pose.apply(vertices.astype(np.float64)), known, pose, mesh)
    if check:
        check_pose(template, seen, target)
    return Checked(vertices, known, None, mesh)


def _require_pose(seen: FloatArray, target: FloatArray) -> None:
    """Raise where the known vertices `(n, 3)` do not determine a pose."""
    if len(seen) < FEWEST_POSED:
        raise ValueError(f"align: {len(seen)} known vertices do not determine a pose; at least {FEWEST_POSED} do")
    for points in (seen, target):
        spread = np.linalg.svd(np.asarray(points, np.float64) - points.mean(0), compute_uv=False)
        if not spread[1] > LINE * spread[0]:
            raise ValueError("align: the known vertices lie on a line, which determines no pose; more must be known")


def vertex_mask(name: str, mask: ArrayLike | str | Path, count: int, *, invert: bool = False) -> BoolArray:
    """Booleans `(count,)` of a mask in any form, or of the mask file at a path."""
    if isinstance(mask, str | Path):
        mask = read_mask(mask)
    return _validate.vertex_mask(name, mask, count, invert=invert)


def _require_finite(seen: FloatArray) -> None:
    """Raise for NaN or infinity in `seen (..., n, 3)`; they show in the sum, which is quicker than a look at each."""
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(seen.sum()):
            return
    bad = int((~np.isfinite(seen).all(-1)).sum())
    if bad:
        raise ValueError(
            f"vertices: {bad} vertices taken as known are NaN or infinite; name them in unknown_vertex_mask"
        )


def _vertices(template: Template, shape) -> FloatArray:
    """Vertices `(..., V, 3)` in their own float type; the wrong count is a `CorrespondenceError`."""
    if isinstance(shape, Mesh):
        vertices = shape.vertices
        if not shape.correspondence:
            raise CorrespondenceError(
                "the mesh comes from an STL file, which stores loose triangles and no vertex order, so its vertices "
                "cannot correspond to the model's; use a PLY or OBJ file"
            )
    else:
        vertices = np.asarray(shape)
        if vertices.dtype.kind in "iub":
            vertices = vertices.astype(np.float64)
        if vertices.dtype.kind != "f" or vertices.ndim < 2 or vertices.shape[-1] != 3:
            raise ValueError(
                f"vertices: expected a Mesh or numbers of shape (..., V, 3), got "
                f"{type(shape).__name__} of shape {vertices.shape}"
            )
    count = len(template.mesh.vertices)
    if vertices.shape[-2] != count:
        raise CorrespondenceError(
            f"the model's meshes have {count} vertices, this one has {vertices.shape[-2]}; "
            "register it to the model's template first"
        )
    return vertices


def check_topology(template: Template, mesh: Mesh, known: BoolArray | None = None) -> None:
    """Refuse a mesh whose triangles are not the template's.

    Order of triangles and rotation of corners do not matter; triangles may be missing where a vertex is unknown.
    A mesh without triangles passes. Reversed winding is named. Raises `CorrespondenceError`.
    """
    own, theirs = template.mesh.triangles, mesh.triangles
    if not len(theirs) or not len(own) or np.array_equal(own, theirs):
        return
    count = len(template.mesh.vertices)
    model, came = _triangle_codes(own, count), _triangle_codes(theirs, count)
    foreign = ~np.isin(came, model)
    if foreign.any():
        if np.isin(_triangle_codes(theirs[:, ::-1], count), model).all():
            raise CorrespondenceError(
                "the mesh's triangles are the model's with reversed winding (inside out); "
                "flip them with mesh.triangles[:, ::-1]"
            )
        first = theirs[int(np.argmax(foreign))].tolist()
        raise CorrespondenceError(
            f"{int(foreign.sum())} of the mesh's {len(theirs)} triangles are not the model's (the first is {first}): "
            "the vertices are in another order or of another template; register the mesh to the model's template first"
        )
    missing = own[~np.isin(model, came)]
    if known is not None:
        missing = missing[known[missing].all(1)]
    if len(missing):
        raise CorrespondenceError(
            f"{len(missing)} of the model's {len(own)} triangles are missing where all vertices count as known (the "
            f"first is {missing[0].tolist()}); name the vertices of the hole in unknown_vertex_mask"
        )


def _triangle_codes(triangles: IntArray, count: int) -> IntArray:
    """One whole number a triangle, the same for every rotation of its corners."""
    t = triangles.astype(np.int64)
    rows = np.arange(len(t))
    start = t.argmin(1)
    a, b, c = (t[rows, (start + k) % 3] for k in range(3))
    return (a * count + b) * count + c


def check_pose(template: Template, seen: FloatArray, target: FloatArray, *, size_only: bool = False) -> None:
    """Refuse shapes `seen (..., n, 3)` in another unit, or far from `target (n, 3)`, the same vertices of the mean.

    The unit and the size come from the spread about the centroid, the angle and shift from a rigid alignment of up
    to about 500 vertices. Fewer than 10 vertices, or vertices on one line, allow no judgement and pass.
    Raises `CorrespondenceError`.
    """
    step = max(1, len(target) // _SAMPLE)
    a = np.asarray(seen[..., ::step, :], np.float64).reshape(-1, len(target[::step]), 3)
    b = target[::step]
    if len(b) < _FEWEST:
        return
    a_mean, b_mean = a.mean(1), b.mean(0)
    a, b = a - a_mean[:, None], b - b_mean
    spread = np.linalg.eigvalsh(b.T @ b)
    if spread[1] < 0.02**2 * spread[2]:
        return
    sizes = np.sqrt(np.einsum("bni,bni->b", a, a) / np.trace(b.T @ b))
    for size in sizes[(sizes < SIZES[0]) | (sizes > SIZES[1])][:1]:
        raise CorrespondenceError(_size_sentence(size, template.unit))
    if size_only:
        return
    u, _, vt = np.linalg.svd(b.T @ a)
    traces = np.einsum("bij,bji->b", u * _handedness(u, vt)[:, None, :], vt)
    angles = np.degrees(np.arccos(np.clip((traces - 1) / 2, -1, 1)))
    unit = UNITS[template.unit]
    shifts = np.linalg.norm(a_mean - b_mean, axis=1) * unit
    far = np.flatnonzero((angles > MAX_ANGLE) | (shifts > MAX_SHIFT))
    if len(far):
        which = "the mesh" if len(a) == 1 else f"shape {far[0]}"
        raise CorrespondenceError(
            f"{which} is turned by {angles[far[0]]:.0f} degrees and shifted by {shifts[far[0]]:.0f} mm against the "
            f"model's frame (at most {MAX_ANGLE:.0f} and {MAX_SHIFT:.0f} are accepted); "
            "pass align=True to align it, or check=False to use it as it stands"
        )


def _handedness(u: FloatArray, vt: FloatArray) -> FloatArray:
    """`(B, 3)` signs that make each `u @ diag(signs) @ vt` a proper rotation."""
    signs = np.ones((len(u), 3))
    signs[:, 2] = np.sign(np.linalg.det(u @ vt))
    return signs


def _size_sentence(size: float, unit: str) -> str:
    for other, length in UNITS.items():
        if other != unit and SIZES[0] <= size * length / UNITS[unit] <= SIZES[1]:
            factor = length / UNITS[unit]
            return (
                f"the mesh seems to be in {_NAMES[other]}, the model is in {_NAMES[unit]}; "
                f"multiply its vertices by {factor:g}"
            )
    return (
        f"the mesh has {size:.3g} times the size of the model's mean (0.6 to 1.6 is accepted); check its unit "
        f"(the model is in {_NAMES[unit]}), or pass check=False to use it as it stands"
    )
