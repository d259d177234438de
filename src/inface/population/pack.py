"""Registered meshes packed into `NAME.shapes`: read, checked and aligned part by part, on any number of workers."""

import hashlib
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inface._validate import FloatArray
from inface.batches import Counts, Run, open_executor, open_journal, run_batch, written
from inface.codecs.shape_store import PART_ROWS, SUFFIX, part_file, write_part
from inface.errors import FormatError, InfaceError
from inface.population.align import ROUNDS, TOLERANCE, Sums, next_mean, posed
from inface.population.folder import RegisteredMeshes, check_sizes, extents, read_factors, sources
from inface.population.inspection import inspect, warn_of_findings, warn_of_table
from inface.population.packed import open_packed, write_covering
from inface.template import Template

SHOWN = 5  # meshes named, of those that cannot be packed


def pack_population(
    folder: str | Path,
    out: str | Path,
    *,
    template: Template | None = None,
    unit: str = "mm",
    align: bool = True,
    run: Run | None = None,
    progress: Callable[[Counts], None] | None = None,
) -> Path:
    """Pack a folder as `load_population` reads it into a folder `NAME.shapes`, which is returned.

    The shapes are those that `load_population` gives, to 1e-3 mm. It reads from a folder that `register` wrote as
    well. A run that was stopped goes on where it was; the bytes do not depend on `run`. Colours are those of the
    template, or of the first mesh.

    Args:
        folder, template, unit, align: as for `load_population`.
        out: the folder to make; its name ends in ".shapes".
        run: workers, or a cluster, see `inface.batches.Run`.
        progress: told of the parts as they are read.

    Raises:
        FormatError, CorrespondenceError: as `load_population`; all meshes that cannot be packed are looked at first.
        InfaceError: another run is at work in the folder.
        FileAccessError: the folder can't be made, or the disk is full.

    Examples:
        >>> import tempfile
        >>> import numpy as np
        >>> from inface import Mesh, load_population
        >>> from inface.population import pack_population
        >>> cloud = 50 * np.random.default_rng(0).standard_normal((30, 3))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for i in range(3):
        ...         Mesh(cloud + i * cloud[::-1] / 50, [[0, 1, 2]]).export(f"{folder}/child{i}.ply")
        ...     load_population(pack_population(folder, f"{folder}/all.shapes")).shapes[0].shape
        (30, 3)
    """
    out, run = Path(out), run or Run()
    if out.suffix != SUFFIX:
        raise ValueError(f"out: expected a name that ends in '{SUFFIX}', got '{out.name}'")
    manifest = sources(Path(folder))
    meshes = RegisteredMeshes.of(manifest.files, template, unit)
    names = [path.name for path in meshes.files]
    numbers = range(0, len(names), PART_ROWS)
    items = [_Files(k, tuple(map(str, meshes.files[s : s + PART_ROWS]))) for k, s in enumerate(numbers)]
    raw = out / "raw" if align else out
    out.mkdir(parents=True, exist_ok=True)
    with open_executor(run.cluster, workers=run.workers, folder=out) as executor:
        settings = {"template": meshes.template.hash, "unit": unit, "align": align}
        found = _kept(
            _ReadPart(meshes.template, unit, meshes.against, str(raw)), items, raw, settings, executor, progress
        )
        _check(found, names, unit)
        parts = [one["part"] for one in found]
        if align:
            mean = _common_mean(meshes.template.mesh.vertices, raw, [part["rows"] for part in parts], executor)
            told = {**settings, "mean": hashlib.sha256(mean.tobytes()).hexdigest()}
            work = _AlignPart(mean, str(raw), str(out))
            parts = [
                one["part"] for one in _kept(work, [_Number(k) for k in range(len(items))], out, told, executor, None)
            ]
    write_covering(out, meshes.template, parts, names, manifest.columns, read_factors(Path(folder), meshes.files))
    shutil.rmtree(out / "raw", ignore_errors=True)
    shutil.rmtree(out / "parts" / ".run", ignore_errors=True)
    population = open_packed(out)
    warn_of_findings(inspect(population))
    warn_of_table(manifest, population)
    return out


def _kept(
    work: Any,
    items: Sequence[Any],
    store: Path,
    settings: dict[str, Any],
    executor: Executor,
    progress: Callable[[Counts], None] | None,
) -> list[dict[str, Any]]:
    """What the work on every item returned, in their order; a part that stands is not made again."""
    made: dict[str, dict[str, Any]] = {}
    with open_journal(store / "parts", settings) as journal:
        for outcome in run_batch(work, items, executor=executor, chunk=1, journal=journal, progress=progress):
            if not outcome.ok:
                raise InfaceError(f"{outcome.key}: {outcome.reason}")
            made[outcome.key] = outcome.value
    return [made[item.key] for item in items]


def _check(found: Sequence[dict[str, Any]], names: list[str], unit: str) -> None:
    bad = [reason for one in found for reason in one["bad"]]
    if bad:
        more = f"; and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        raise FormatError(f"{len(bad)} of {len(names)} meshes cannot be packed: {'; '.join(bad[:SHOWN])}{more}")
    check_sizes(np.concatenate([one["extent"] for one in found]), names, unit)


def _common_mean(start: FloatArray, raw: Path, rows: Sequence[int], executor: Executor) -> FloatArray:
    """The mean of generalised Procrustes; a round is a batch that returns sums, and nothing is rewritten."""
    mean: FloatArray = np.asarray(start, np.float64)
    for _ in range(ROUNDS):
        outcomes = run_batch(
            _SumPart(mean, str(raw)), [_Number(k) for k in range(len(rows))], executor=executor, chunk=1
        )
        sums: dict[str, Sums] = {}
        for outcome in outcomes:
            if not outcome.ok:
                raise InfaceError(f"{outcome.key}: {outcome.reason}")
            sums[outcome.key] = outcome.value
        ordered = [sums[key] for key in sorted(sums)]  # by number, so that rounding does not depend on who came first
        total = np.sum([s.total for s in ordered], axis=0)
        known = np.sum([s.known for s in ordered], axis=0)
        mean, moved = next_mean(Sums(total, known), mean)
        if moved < TOLERANCE:
            break
    return mean


@dataclass(frozen=True)
class _Number:
    number: int

    @property
    def key(self) -> str:
        """Name of the part in a run."""
        return f"part {self.number:05d}"


@dataclass(frozen=True)
class _Files(_Number):
    """The mesh files of a part."""

    files: tuple[str, ...]

    @property
    def stamp(self) -> str:
        """What the part depends on besides the settings: names, sizes and times of its files."""
        states = [(name, (state := Path(name).stat()).st_size, state.st_mtime_ns) for name in self.files]
        return hashlib.sha256(repr(states).encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class _ReadPart:
    """On a worker: the meshes of a part, checked, in mm."""

    template: Template
    unit: str
    against: str
    folder: str

    def __call__(self, item: _Files) -> dict[str, Any]:
        meshes = RegisteredMeshes([Path(name) for name in item.files], self.template, self.unit, self.against)
        shapes = np.full((len(item.files), *self.template.mesh.vertices.shape), np.nan, np.float32)
        bad = []
        for i in range(len(item.files)):
            try:
                shapes[i] = meshes.read(i)[0]
            except (InfaceError, OSError) as error:
                bad.append(str(error))
        part = write_part(self.folder, item.number, shapes)
        size = [] if bad else extents(shapes).tolist()
        # a part with a bad mesh names no file, so that it is looked at again
        files = [] if bad else written(part_file(self.folder, item.number))
        return {"part": part, "extent": size, "bad": bad, "files": files or [["bad", 0]]}


@dataclass(frozen=True, eq=False)
class _SumPart:
    """On a worker: the sums of the shapes of a part, each aligned to the mean."""

    mean: FloatArray
    folder: str

    def __call__(self, item: _Number) -> Sums:
        shapes = np.load(part_file(self.folder, item.number), mmap_mode="r")
        return Sums.of(posed(block, self.mean) for block in np.array_split(shapes, max(1, len(shapes) // 16)))


@dataclass(frozen=True, eq=False)
class _AlignPart:
    """On a worker: a part aligned to the mean, written."""

    mean: FloatArray
    raw: str
    folder: str

    def __call__(self, item: _Number) -> dict[str, Any]:
        shapes = np.load(part_file(self.raw, item.number), mmap_mode="r")
        blocks = [posed(block, self.mean) for block in np.array_split(shapes, max(1, len(shapes) // 16))]
        part = write_part(self.folder, item.number, np.concatenate(blocks))
        return {"part": part, "files": written(part_file(self.folder, item.number))}
