"""A folder of registered meshes as a `Population`: read, checked, aligned."""

import hashlib
import json
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inface._validate import FloatArray
from inface.codecs import MeshData, read_mesh
from inface.errors import CorrespondenceError, FormatError
from inface.mesh import Mesh
from inface.population import MEMORY_LIMIT, Population, empty_stack
from inface.template import Template, topology_hash
from inface.training.manifest import Manifest, read_manifest
from inface.transforms import procrustes

MIRRORED = " (mirrored)"
_UNITS = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
_COLUMNS = ("subject", "age_months", "sex", "expression", "neutral", "weight", "split", "name")
_TOGETHER = 16  # shapes aligned at once
_HEAD = (40.0, 400.0)  # mm, plausible largest extents of a face or head


class PopulationWarning(UserWarning):
    """Something about a population that its owner should look at: duplicates, outliers."""


@dataclass(frozen=True)
class Findings:
    """What `inspect` noticed; names of shapes.

    Attributes:
        duplicates: groups of shapes that are the same to 1e-4 mm.
        outliers: (name, robust z) of shapes whose distance from the mean is far from the others'.
    """

    duplicates: tuple[tuple[str, ...], ...]
    outliers: tuple[tuple[str, float], ...]


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
            `manifest.read_manifest`; what is missing limits what can be trained). The `factors.json` of a synthetic
            cohort is read too.
        template: landmarks, regions and mirror pairs of the topology; None takes the first mesh alone.
        unit: of the files; shapes come out in mm.
        align: rigid generalised Procrustes, size kept. The pose is that of the template, or of the first mesh.
        workers: threads that read; None: as many as there are processors.
        memory_limit: bytes; a larger stack goes to a temporary file and is streamed from there.

    Raises:
        CorrespondenceError: another number of vertices, other triangles, a mirror image (the file is named).
        FormatError: an unreadable mesh, a format without vertex identity (STL), sizes that are not heads in `unit`,
            a mesh without a known vertex.
        FileAccessError: no room for the temporary file.

    Warns:
        PopulationWarning: duplicates and outliers, by name, none is dropped; meshes that the table does not list; ages
            that look like days.
    """
    folder = Path(folder)
    if unit not in _UNITS:
        raise ValueError(f"unit: expected one of {', '.join(_UNITS)}, got {unit!r}")
    manifest = read_manifest(folder)
    files = manifest.files
    if len(files) < 2:
        raise FormatError(f"'{folder}': expected at least 2 meshes, found {len(files)}")
    first = _mesh(files[0])
    against = files[0].name if template is None else "the template"
    if template is None:
        template = Template(Mesh(first.vertices * _UNITS[unit], first.triangles))
    common, start = template, template.mesh.vertices
    shapes = empty_stack((len(files), len(start), 3), limit=memory_limit)
    colors = np.zeros((len(start), 3))
    coloured = 0

    def read(i: int) -> FloatArray | None:
        data = first if i == 0 else _mesh(files[i])
        _check_topology(data, files[i], common, against)
        _check_side(data.vertices, start, files[i], against)
        shapes[i] = data.vertices * _UNITS[unit]
        return data.colors

    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        for found in pool.map(read, range(len(files))):
            if found is not None:
                colors += found
                coloured += 1
    _check_size(shapes, files, unit)
    if template.mesh.colors is None and coloured == len(files):
        template = replace(template, mesh=template.mesh.with_colors(colors / coloured))
    if align:
        align_in_place(shapes, start)
    population = Population(
        template,
        shapes,
        subject=manifest.subject,
        age_months=manifest.age_months,
        sex=manifest.sex,
        expression=manifest.expression,
        neutral=manifest.neutral,
        weight=manifest.weight,
        split=manifest.split,
        name=np.array([p.name for p in files]),
        factors=_factors(folder, files),
    )
    _report(inspect(population))
    _warn_of_table(manifest, population)
    return population


def align_in_place(shapes: FloatArray, start: FloatArray, *, rounds: int = 10, tolerance: float = 1e-3) -> None:
    """Rigid generalised Procrustes of shapes `(N, V, 3)`, a few at a time, so that a stack on disk may be larger than
    memory; size is kept, the pose is that of `start (V, 3)`, unknown (NaN) vertices are left out.

    Stops when the mean moves by less than `tolerance` mm.
    """
    mean: FloatArray = np.asarray(start, np.float64)
    for _ in range(rounds):
        total, known = np.zeros_like(mean), np.zeros((len(mean), 1))
        for lo in range(0, len(shapes), _TOGETHER):
            block: FloatArray = np.asarray(shapes[lo : lo + _TOGETHER], np.float64)
            finite = np.isfinite(block).all(2, keepdims=True)
            if np.all(finite) and np.isfinite(mean).all():
                block = _posed(block, mean)
                total += block.sum(0)
                known += len(block)
            else:
                for i, shape in enumerate(block):
                    seen = np.isfinite(shape).all(1) & np.isfinite(mean).all(1)
                    block[i] = procrustes(shape[seen], mean[seen]).apply(shape)
                total += np.where(finite, block, 0).sum(0)
                known += np.sum(finite, axis=0)
            shapes[lo : lo + _TOGETHER] = block
        new = np.where(known > 0, total / np.maximum(known, 1), np.nan)
        seen = np.isfinite(new).all(1) & np.isfinite(mean).all(1)
        new = procrustes(new[seen], mean[seen]).apply(new)
        moved, mean = float(np.abs(new[seen] - mean[seen]).max()), new
        if moved < tolerance:
            return


def _posed(shapes: FloatArray, target: FloatArray) -> FloatArray:
    """`procrustes(shape, target).apply(shape)` of many complete shapes `(n, V, 3)` at once."""
    center = target.mean(0)
    around = shapes - shapes.mean(1, keepdims=True)
    u, _, vt = np.linalg.svd((target - center).T @ around)
    u[:, :, 2] *= np.sign(np.linalg.det(u @ vt))[:, None]
    return around @ (u @ vt).transpose(0, 2, 1) + center


def inspect(population: Population, *, limit: float = 6.0) -> Findings:
    """Duplicates, and outliers: shapes whose root-mean-square distance from the mean has a robust z above `limit`.

    With ages known, the distance is that from the straight line in log age, so that newborns are not outliers.
    """
    names = np.arange(len(population)).astype(str) if population.name is None else population.name
    groups: dict[bytes, list[str]] = {}
    for name, shape in zip(names, population.shapes, strict=True):
        rounded = np.round(np.asarray(shape, np.float64), 4) + 0.0  # no negative zeros
        groups.setdefault(hashlib.sha256(rounded.tobytes()).digest(), []).append(str(name))
    ages = population.age_months
    design = np.ones((len(population), 1))
    if ages is not None and np.isfinite(ages).all() and (ages > -2).all() and np.ptp(ages) > 0:
        design = np.stack([np.ones(len(ages)), np.log(ages + 2)], 1)
    solve = np.linalg.pinv(design)
    fit = sum(np.multiply.outer(solve[:, i], np.nan_to_num(population.shapes[i])) for i in range(len(population)))
    distance = np.empty(len(population))
    for i, shape in enumerate(population.shapes):
        difference = shape - np.tensordot(design[i], fit, 1)
        distance[i] = np.sqrt(np.nanmean(difference**2))
    middle = np.median(distance)
    z = (distance - middle) / max(1.4826 * float(np.median(np.abs(distance - middle))), 1e-9)
    far = np.argsort(-z)[: int((z > limit).sum())]
    return Findings(
        tuple(tuple(group) for group in groups.values() if len(group) > 1),
        tuple((str(names[i]), float(z[i])) for i in far),
    )


def mirrored(population: Population) -> Population:
    """The population and its mirror images, whose subjects are others (their names end in " (mirrored)").

    Raises `ValueError` when the template does not know its mirror pairs.
    """
    mirror = population.template.mirror
    if mirror is None:
        raise ValueError("the template does not know its mirror pairs, so shapes cannot be mirrored; give a template")
    both = np.concatenate([np.arange(len(population))] * 2)
    both_sides = np.repeat([False, True], len(population))
    columns = {name: None if (value := getattr(population, name)) is None else value[both] for name in _COLUMNS}
    half = len(population)
    for name in ("subject", "name"):
        words = columns[name]
        if words is not None:
            columns[name] = np.concatenate([words[:half], np.char.add(words[half:], MIRRORED)])
    own = population.shapes
    shapes = empty_stack((2 * half, *own.shape[1:]), own.dtype)
    for i, shape in enumerate(own):
        shapes[i] = shape
        shapes[half + i] = shape[mirror] * np.asarray([-1, 1, 1], own.dtype)
    return Population(population.template, shapes, **columns, factors={"mirrored": both_sides})


def split_by_subject(population: Population, share: float, seed: int = 0) -> Population:
    """The population with `split` "test" for a share of its subjects and their mirror images, else "train"."""
    if population.subject is None:
        raise ValueError("the population does not name its subjects, so it cannot be split by subject")
    child = np.char.replace(population.subject, MIRRORED, "")
    names = np.unique(child)
    count = round(share * len(names))
    if not 1 <= count < len(names):
        raise ValueError(
            f"share: {share} of {len(names)} subjects leaves none on one side; expected at least one on each"
        )
    chosen = np.random.default_rng(seed).choice(names, count, replace=False)
    return replace(population, split=np.where(np.isin(child, chosen), "test", "train"))


def _mesh(path: Path) -> MeshData:
    data = read_mesh(path)
    if not data.correspondence:
        raise FormatError(
            f"'{path.name}': {data.format} keeps no vertex identity, so it cannot be a registered mesh; give PLY or OBJ"
        )
    return data


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
    u, s, vt = np.linalg.svd((b.T @ a) / (np.linalg.norm(a) * np.linalg.norm(b)))
    left, other = 1 - s[:2].sum() + s[2], 1 - s.sum()  # squared distances at best, sizes made equal
    if np.linalg.det(u @ vt) < 0 and other < 0.25 * left:
        raise CorrespondenceError(
            f"'{path.name}': it is a mirror image of {against} (a left side where the others have the right); mirror "
            "it back, or re-register it"
        )


def limits(population: Population) -> tuple[str, ...]:
    """What the population cannot teach a model with blocks, and what stands in its place; one sentence each."""
    out = []
    if population.age_months is None or np.isnan(population.age_months).all():
        out.append("no ages (column age_months): the age block learns nothing, and ages cannot be set in months")
    marked = population.neutral is not None and population.neutral.any()
    named = population.expression is not None and (population.expression == "neutral").any()
    if not (marked or named):
        out.append("no neutral faces (column neutral): the mean expression stands for neutral")
    if population.expression is None or (population.expression == "").all():
        out.append("no named expressions (column expression): the model knows none by name")
    return tuple(out)


def _check_size(shapes: FloatArray, files: list[Path], unit: str) -> None:
    extent = np.array([(np.nanmax(s, 0) - np.nanmin(s, 0)).max() for s in shapes])
    typical = float(np.median(extent))
    for other, factor in _UNITS.items():
        scaled = typical / _UNITS[unit] * factor
        if not _HEAD[0] <= typical <= _HEAD[1] and _HEAD[0] <= scaled <= _HEAD[1]:
            raise FormatError(
                f"the meshes are {typical:.3g} mm wide as read in {unit}; they look like {other}: "
                f"give unit='{other}' (--unit {other})"
            )
    odd = np.flatnonzero((extent < 0.4 * typical) | (extent > 2.5 * typical))
    if len(odd):
        raise FormatError(
            f"'{files[odd[0]].name}': {extent[odd[0]]:.3g} mm wide where the others are about {typical:.3g}; "
            "is it in another unit?"
        )


def _report(findings: Findings) -> None:
    for group in findings.duplicates:
        warnings.warn(f"the same shape stands in {', '.join(group)}", PopulationWarning, stacklevel=3)
    if findings.outliers:
        names = ", ".join(f"{name} (z {z:.0f})" for name, z in findings.outliers[:10])
        more = f" and {len(findings.outliers) - 10} more" if len(findings.outliers) > 10 else ""
        warnings.warn(f"far from the others: {names}{more}; look at them", PopulationWarning, stacklevel=3)


def _factors(folder: Path, files: list[Path]) -> dict[str, NDArray]:
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


def _warn_of_table(manifest: Manifest, population: Population) -> None:
    if manifest.unlisted:
        names = ", ".join(manifest.unlisted[:3]) + (", ..." if len(manifest.unlisted) > 3 else "")
        words = (
            f"{len(manifest.unlisted)} meshes of the folder stand in no row of manifest.csv and are not read: {names}"
        )
        warnings.warn(words, PopulationWarning, stacklevel=3)
    ages = population.age_months
    if ages is not None and np.isfinite(ages).any() and np.nanmedian(ages) > 120:
        words = f"age_months: the median is {np.nanmedian(ages):g}, which looks like days; months are days / 30.44"
        warnings.warn(words, PopulationWarning, stacklevel=3)
