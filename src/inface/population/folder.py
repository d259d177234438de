"""A folder of registered meshes as a `Population`: read, checked, aligned."""

import csv
import io
import json
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inface._validate import FloatArray
from inface.batches import values_in_order
from inface.codecs import MeshData, read_mesh
from inface.codecs.shape_store import is_store
from inface.codecs.text_files import read_json, read_text
from inface.errors import CorrespondenceError, FormatError
from inface.geometry.rotations import nearest_rotations
from inface.mesh import Mesh
from inface.population.align import align_in_place
from inface.population.inspection import PopulationWarning, inspect, warn_of_findings, warn_of_table
from inface.population.manifest import Manifest, read_manifest
from inface.population.packed import open_packed
from inface.population.population import Population
from inface.population.stack import MEMORY_LIMIT, empty_stack
from inface.template import Template, topology_hash
from inface.units import MM_PER_UNIT, mm_per_unit

REPORT = "report.csv"  # what `register` says of its scans
HEAD = (40.0, 400.0)  # mm, plausible largest extents of a face or head


def load_population(
    folder: str | Path,
    *,
    template: Template | None = None,
    unit: str = "mm",
    align: bool = True,
    workers: int | None = None,
    memory_limit: int = MEMORY_LIMIT,
) -> Population:
    """Registered meshes of one topology, with what `manifest.csv` says of each.

    Args:
        folder: meshes in any format that keeps vertex order, and optionally `manifest.csv` (columns: see
            `population.manifest.read_manifest`; what is missing limits what can be trained). The `factors.json` of a
            synthetic cohort is read too. Or a packed population, `NAME.shapes`, which is opened as it is: its shapes
            are in mm and aligned, stay on disk, and the other arguments do not matter.
        template: landmarks, regions and mirror pairs of the topology; None takes the first mesh alone.
        unit: of the files: "mm", "cm", "m" or "inch"; shapes come out in mm.
        align: rigid generalised Procrustes, size kept. The pose is that of the template, or of the first mesh.
        workers: threads that read; None: as many as there are processors.
        memory_limit: bytes; a larger stack goes to a temporary file and is streamed from there.

    Of a folder that `inface register` wrote, the scans with the verdict "ok" are read, in the model's frame and in mm.

    Raises:
        CorrespondenceError: another number of vertices, other triangles, a mirror image (the file is named).
        FormatError: an unreadable mesh, a format without vertex identity (STL), sizes that are not heads in `unit`,
            a mesh without a known vertex.
        FileAccessError: no room for the temporary file.

    Warns:
        PopulationWarning: duplicates and outliers, by name, none is dropped; meshes that the table does not list; ages
            that look like days.

    Examples:
        >>> import tempfile
        >>> import numpy as np
        >>> from inface import Mesh, load_population
        >>> cloud = 50 * np.random.default_rng(0).standard_normal((30, 3))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for i in range(3):
        ...         Mesh(cloud + i * cloud[::-1] / 50, [[0, 1, 2]]).export(f"{folder}/child{i}.ply")
        ...     load_population(folder).shapes.shape
        (3, 30, 3)
    """
    if is_store(folder):
        return open_packed(folder)
    manifest = sources(Path(folder))
    meshes = RegisteredMeshes.of(manifest.files, template, unit)
    shapes = empty_stack((len(meshes.files), len(meshes.template.mesh.vertices), 3), limit=memory_limit)
    colors = np.zeros(shapes.shape[1:])
    coloured = 0

    def read(i: int) -> FloatArray | CorrespondenceError | FormatError | None:
        try:
            shapes[i], found = meshes.read(i)
        except (CorrespondenceError, FormatError) as error:
            return error
        return found

    wrong = []
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as threads:
        for found in values_in_order(read, range(len(meshes.files)), threads):
            if isinstance(found, Exception):
                wrong.append(found)
            elif found is not None:
                colors += found
                coloured += 1
    if wrong:
        more = "" if len(wrong) == 1 else f"; and {len(wrong) - 1} more: " + "; ".join(map(str, wrong[1:6]))
        raise type(wrong[0])(f"{wrong[0]}{more}")
    check_sizes(extents(shapes), [path.name for path in meshes.files], unit)
    template = meshes.template
    if template.mesh.colors is None and coloured == len(meshes.files):
        template = replace(template, mesh=template.mesh.with_colors(colors / coloured))
    if align:
        align_in_place(shapes, template.mesh.vertices)
    names = np.array([path.name for path in meshes.files])
    factors = read_factors(Path(folder), meshes.files)
    population = Population(template, shapes, **manifest.columns, name=names, factors=factors)
    warn_of_findings(inspect(population))
    warn_of_table(manifest, population)
    return population


def sources(folder: Path) -> Manifest:
    """Mesh files of a folder and what its table says of them; of one that `register` wrote, the well registered ones.

    Warns:
        PopulationWarning: scans that were not registered well, by name.
    """
    manifest, report = read_manifest(folder), folder / REPORT
    if report.is_file():
        rows = list(csv.DictReader(io.StringIO(read_text(report), newline="")))
        if not rows or not {"verdict", "mesh"} <= set(rows[0]):
            raise FormatError(
                f"'{report}': expected the columns 'verdict' and 'mesh', as `inface register` writes them"
            )
        good = {row["mesh"] for row in rows if row["verdict"] == "ok"}
        kept = np.array([path.name in good for path in manifest.files])
        left_out = [path.name for path, well in zip(manifest.files, kept, strict=True) if not well]
        if left_out:
            words = ", ".join(left_out[:5]) + (", ..." if len(left_out) > 5 else "")
            told = f"{len(left_out)} of {len(kept)} scans were not registered well (see {REPORT}) and are left out: "
            warnings.warn(told + words, PopulationWarning, stacklevel=3)
        files = [path for path, well in zip(manifest.files, kept, strict=True) if well]
        columns = {name: values[kept] for name, values in manifest.columns.items()}
        manifest = Manifest(files, columns, manifest.unlisted)
    if len(manifest.files) < 2:
        raise FormatError(f"'{folder}': expected at least 2 meshes, found {len(manifest.files)}")
    return manifest


@dataclass(frozen=True, eq=False)
class RegisteredMeshes:
    """Mesh files that must be in correspondence, read one at a time and checked.

    Attributes:
        files: the mesh files.
        template: what they correspond to, mm.
        unit: of the files.
        against: what is named where a file does not correspond.
    """

    files: list[Path]
    template: Template
    unit: str
    against: str

    @classmethod
    def of(cls, files: list[Path], template: Template | None, unit: str) -> "RegisteredMeshes":
        """With a template, or with the first mesh in its place."""
        mm_per_unit(unit)
        if template is not None:
            return cls(files, template, unit, "the template")
        first = _mesh(files[0], unit)
        return cls(files, Template(Mesh(first.vertices, first.triangles)), unit, files[0].name)

    def read(self, i: int) -> tuple[FloatArray, FloatArray | None]:
        """Vertices `(V, 3)` in mm and colours of file `i`; refuses what does not correspond."""
        path = self.files[i]
        data = _mesh(path, self.unit)
        _check_topology(data, path, self.template, self.against)
        _check_side(data.vertices, self.template.mesh.vertices, path, self.against)
        return data.vertices, data.colors


def _mesh(path: Path, unit: str) -> MeshData:
    """A mesh file, its vertices in mm; one that `register` wrote in the model's frame."""
    data = read_mesh(path)
    if not data.correspondence:
        raise FormatError(
            f"'{path.name}': {data.format} keeps no vertex identity, so it cannot be a registered mesh; give PLY or OBJ"
        )
    record = path.with_suffix(".json")
    if not ((path.parent / REPORT).is_file() and record.is_file()):
        return replace(data, vertices=data.vertices * mm_per_unit(unit))
    try:
        back = np.linalg.inv(np.array(read_json(record)["transform"], np.float64).reshape(4, 4))
    except (KeyError, TypeError, ValueError, np.linalg.LinAlgError) as error:
        raise FormatError(
            f"'{record}': expected the transform of the scan, as `register` writes it ({error!r})"
        ) from None
    return replace(data, vertices=data.vertices @ back[:3, :3].T + back[:3, 3])


def _check_topology(data: MeshData, path: Path, template: Template, against: str) -> None:
    count = len(template.mesh.vertices)
    if len(data.vertices) != count:
        raise CorrespondenceError(
            f"'{path.name}': {len(data.vertices)} vertices where {against} has {count}; all meshes of a folder must be "
            "in correspondence (register them first)"
        )
    if not np.isfinite(data.vertices).all(1).sum() >= 3:
        raise FormatError(f"'{path.name}': no vertex is known (all are NaN); leave it out")
    if not len(data.triangles) or np.array_equal(data.triangles, template.mesh.triangles):
        return
    if topology_hash(count, data.triangles) != template.hash:
        turned = topology_hash(count, data.triangles[:, ::-1]) == template.hash
        how = "turned inside out (reversed triangles, as of a mirror image)" if turned else "joined by other triangles"
        raise CorrespondenceError(
            f"'{path.name}': as many vertices as {against}, but {how}; it is not in correspondence"
        )


def _check_side(vertices: FloatArray, start: FloatArray, path: Path, against: str) -> None:
    """A mirror image fits far better once it is mirrored back; nothing rigid can turn it into the others."""
    step = max(1, len(start) // 1000)  # some of the vertices tell it as well
    vertices, start = vertices[::step], start[::step]
    known = np.isfinite(vertices).all(1) & np.isfinite(start).all(1)
    if known.sum() < 4:
        return
    a, b = vertices[known] - vertices[known].mean(0), start[known] - start[known].mean(0)
    together = (b.T @ a) / (np.linalg.norm(a) * np.linalg.norm(b))
    turned, mirrored = (float(np.vdot(nearest_rotations(sign * together), sign * together)) for sign in (1, -1))
    if 1 - mirrored < 0.25 * (1 - turned):  # squared distances at best, sizes made equal
        raise CorrespondenceError(
            f"'{path.name}': it is a mirror image of {against} (a left side where the others have the right); mirror "
            "it back, or re-register it"
        )


def extents(shapes: FloatArray) -> FloatArray:
    """Largest extent `(N,)` of each shape along an axis."""
    return np.array([(np.nanmax(shape, 0) - np.nanmin(shape, 0)).max() for shape in shapes])


def check_sizes(extent: FloatArray, names: list[str], unit: str) -> None:
    """Refuse sizes `(N,)` in mm that are no heads in `unit`, and one that is unlike the others."""
    typical = float(np.median(extent))
    for other, factor in MM_PER_UNIT.items():
        scaled = typical / MM_PER_UNIT[unit] * factor
        if not HEAD[0] <= typical <= HEAD[1] and HEAD[0] <= scaled <= HEAD[1]:
            raise FormatError(
                f"the meshes are {typical:.3g} mm wide as read in {unit}; they look like {other}: "
                f"give unit='{other}' (--unit {other})"
            )
    odd = np.flatnonzero((extent < 0.4 * typical) | (extent > 2.5 * typical))
    if len(odd):
        raise FormatError(
            f"'{names[odd[0]]}': {extent[odd[0]]:.3g} mm wide where the others are about {typical:.3g}; "
            "is it in another unit?"
        )


def read_factors(folder: Path, files: list[Path]) -> dict[str, NDArray]:
    """What `inface synth cohort` knows of each scan (`factors.json`): truth for `inface.evaluate`."""
    path = folder / "factors.json"
    if not path.is_file():
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        scans = [record["scans"][file.name] for file in files]
        out = {name: np.array([scan[name] for scan in scans]) for name in ("expression_weights", "deformity")}
        out["identity"] = np.array([record["identity"][scan["subject"]] for scan in scans])
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(
            f"'{path}': expected the factors of every scan, as `inface synth cohort` writes them ({error!r}); "
            "remove it if the meshes are others"
        ) from None
    return out
