"""From a mesh as it comes to a head that can be measured: its topology, unit, landmarks, and what of it is known."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from inface._validate import BoolArray, FloatArray
from inface.embedded import EMBEDDED, load_default_model
from inface.errors import CorrespondenceError
from inface.measurement.anatomy import Anatomy, anatomy_of
from inface.measurement.head import Head
from inface.mesh import Mesh
from inface.models.correspondence import check_topology
from inface.template import Template, topology_hash
from inface.transforms import procrustes
from inface.units import MM_PER_UNIT, mm_per_unit

SIZES = (0.5, 2.0)  # size of a mesh in sizes of the template, either way
_STL = "the mesh comes from an STL file, which keeps no vertex order; measure a PLY or OBJ, or register it first"


@dataclass(frozen=True, eq=False)
class Prepared:
    """A head in millimetres, still in its own pose.

    Attributes:
        head: what is measured; unknown vertices are filled in.
        seen: `(V,)` True where a vertex was known; None: everywhere.
        unit: the unit the mesh came in.
        notes: in words, what was found on the way.
    """

    head: Head
    seen: BoolArray | None
    unit: str
    notes: tuple[str, ...] = ()


def template_of(model: Any, mesh: Mesh) -> Template:
    """The template a mesh corresponds to: that of `model` (a model, its template, or an embedded model's name); None:
    the embedded model of the mesh's topology.

    Raises:
        CorrespondenceError: the mesh is of another topology, or (None) of no known one.
    """
    if isinstance(model, str):
        model = load_default_model(model)
    if model is not None:
        template = model if isinstance(model, Template) else model.template
        _same_topology(template, mesh)
        return template
    if not mesh.correspondence:
        raise CorrespondenceError(_STL)
    for name in EMBEDDED:
        template = load_default_model(name).template
        if np.array_equal(template.mesh.triangles, mesh.triangles) and len(template.mesh.vertices) == len(
            mesh.vertices
        ):
            return template
    wanted = topology_hash(len(mesh.vertices), mesh.triangles)
    inside_out = topology_hash(len(mesh.vertices), mesh.triangles[:, ::-1])
    for name in EMBEDDED:
        template = load_default_model(name).template
        if wanted == template.hash:
            return template
        if inside_out == template.hash:
            _same_topology(template, mesh)
    raise CorrespondenceError(
        f"a mesh of {len(mesh.vertices)} vertices and {len(mesh.triangles)} triangles is in correspondence with no "
        "model known here: register it first (inface register), or name the model it belongs to (model=)"
    )


def _same_topology(template: Template, mesh: Mesh) -> None:
    count = len(template.mesh.vertices)
    if not mesh.correspondence:
        raise CorrespondenceError(_STL)
    if len(mesh.vertices) != count:
        raise CorrespondenceError(
            f"the model's meshes have {count} vertices, this one has {len(mesh.vertices)}; register it first"
        )
    check_topology(template, mesh, _known(mesh))


def prepare(mesh: Mesh, model: Any = None, landmarks: Any = None, unit: str | None = None) -> Prepared:
    """A mesh in correspondence made ready: millimetres, unknown (NaN) vertices filled from the template's shape.

    Args:
        landmarks: name -> point in the mesh's frame and unit, or vertex id; or "incran", see `anatomy_of`. The mesh's
            own landmarks count too.
        unit: of the mesh; None: found from its size.

    Raises:
        CorrespondenceError: another topology, or a size that fits no unit.
        ValueError: landmarks that make no sense.
    """
    template = template_of(model, mesh)
    anatomy = anatomy_of(template, landmarks) if isinstance(landmarks, str) else anatomy_of(template)
    known = _known(mesh)
    if known.sum() < 10:
        raise ValueError(f"vertices: {len(known) - known.sum()} of {len(known)} are unknown; nothing can be measured")
    found = _unit(anatomy, mesh.vertices, known, unit)
    factor = mm_per_unit(found)
    vertices = mesh.vertices * factor
    notes = list(anatomy.notes)
    if not known.all():
        pose = procrustes(anatomy.vertices[known], vertices[known])
        vertices = anatomy.fill.back_match(pose.apply(anatomy.vertices), vertices, known)
        notes.append(f"{(~known).sum()} unknown vertices were filled in from the template")
    if found != "mm":
        notes.append(f"the mesh came in {found}")
    given = _landmarks(landmarks, mesh, factor)
    return Prepared(Head(anatomy, vertices, given), None if known.all() else known, found, tuple(notes))


def _known(mesh: Mesh) -> BoolArray:
    return np.asarray(np.isfinite(mesh.vertices).all(1))


def _unit(anatomy: Anatomy, vertices: FloatArray, known: BoolArray, unit: str | None) -> str:
    own, other = vertices[known], anatomy.vertices[known]
    ratio = float(np.sqrt(own.var(0).sum() / max(other.var(0).sum(), 1e-30)))
    if unit is not None:
        ratio *= mm_per_unit(unit)
        if not SIZES[0] <= ratio <= SIZES[1]:
            raise CorrespondenceError(
                f"in {unit} this head would have {ratio:.3g} times the size of the template; check the unit"
            )
        return unit
    for name in ("mm", "cm", "m"):
        if SIZES[0] <= ratio * MM_PER_UNIT[name] <= SIZES[1]:
            return name
    raise CorrespondenceError(
        f"the mesh has {ratio:.3g} times the size of the template in millimetres, which fits none of mm, cm, m; "
        "name the unit (unit=), or scale the mesh"
    )


def _landmarks(landmarks: Any, mesh: Mesh, factor: float) -> dict[str, FloatArray]:
    given: dict[str, FloatArray] = {}
    if mesh.landmarks is not None:
        # names of the template that ride on the mesh say no more than its vertices do
        given |= {n: p * factor for n, p in mesh.landmarks.items() if n in _ONLY_GIVEN and np.isfinite(p).all()}
    if landmarks is None or isinstance(landmarks, str):
        return given
    if not isinstance(landmarks, Mapping):
        raise ValueError(f"landmarks: expected a mapping of names to points, got {type(landmarks).__name__}")
    for name, place in landmarks.items():
        array = np.asarray(place)
        if array.ndim == 0 and array.dtype.kind in "iu":
            if not 0 <= int(array) < len(mesh.vertices):
                raise ValueError(f"landmark '{name}': vertex {int(array)} outside [0, {len(mesh.vertices)})")
            point = mesh.vertices[int(array)]
        elif array.shape == (3,) and array.dtype.kind in "iuf":
            point = array.astype(float)
        else:
            raise ValueError(f"landmark '{name}': expected a point of 3 numbers or a vertex id, got {place!r}")
        if np.isfinite(point).all():
            given[str(name)] = point * factor
    return given


_ONLY_GIVEN = ("c", "gap_sill_medial", "gap_sill_lateral", "gap_cph_medial", "gap_cph_lateral")
