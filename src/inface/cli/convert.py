"""`inface convert`: meshes, landmarks and models from one format to another, vertex order and count kept."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from inface.cli import batch
from inface.cli.edit import each_mesh
from inface.codecs import MESH_OUTPUTS
from inface.codecs.landmark_files import (
    LANDMARK_SUFFIXES,
    LandmarkData,
    is_landmark_file,
    read_landmark_data,
    write_landmark_file,
)
from inface.codecs.model_formats.foreign import PICKLES
from inface.embedded import EMBEDDED
from inface.errors import InfaceError
from inface.mesh import Mesh
from inface.models import load_model

# .json holds meshes as well as landmarks: the contents decide
_SURE = tuple(s for s in LANDMARK_SUFFIXES if s not in MESH_OUTPUTS)


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("convert")(batch.flat(convert))


def convert(
    files: Annotated[list[str], typer.Argument(metavar="FILE... [OUT]", help="Meshes or landmarks, folders, globs.")],
    write: batch.WriteOptions,
    run: batch.RunOptions,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File or folder for the results.")] = None,
    unit: Annotated[str | None, typer.Option(help="Of a model of others: mm, cm, m or inch; found by size.")] = None,
    frame: Annotated[str | None, typer.Option(help="Of a model of others: left-up-front, LPS or RAS.")] = None,
) -> None:
    """Write meshes, landmark files or a model in another format: `inface convert anna.fcsv anna.csv`.

    A model: `inface convert bfm2019.h5 model.h5`; with --format statismo for statismo and Scalismo, .npz for numpy.
    """
    inputs, target = _with_out(files, out)
    if len(inputs) == 1 and _is_model(inputs[0], target):
        _convert_model(inputs[0], target, write, unit, frame)
        return
    if unit or frame:
        raise InfaceError("--unit and --frame are for models of other programs")
    wanted = _suffix("." + write.format.lstrip(".") if write.format else target.name if not target.is_dir() else "")
    if wanted in _SURE or all(_is_landmarks(f) for f in inputs):
        meant = batch.Files(inputs, target, wanted or None, None, LANDMARK_SUFFIXES)
        batch.each_file(meant, Landmarks(), write_landmarks, run=run, label="convert", as_json=write.as_json)
    else:
        each_mesh(inputs, target, Mesh.load, run, write, "convert")


def _is_model(name: str, target: Path) -> bool:
    """Whether an input is a model: by its name or suffix, or a folder that is to become a model file."""
    lowered = name.lower()
    if Path(name).is_dir():
        return target.suffix.lower() in (".h5", ".hdf5", ".npz")
    return name in EMBEDDED or lowered.endswith((".h5", ".hdf5", ".npz", ".mat", ".h5.json", *PICKLES))


def _convert_model(name: str, target: Path, write: batch.WriteOptions, unit: str | None, frame: str | None) -> None:
    """One model into one file."""
    if target.suffix.lower() not in (".h5", ".hdf5", ".npz"):
        raise InfaceError(f"'{target}': expected the name of a model file, ending in .h5 or .npz")
    batch.refuse_overwriting([target], [name])
    own = name in EMBEDDED
    model = batch.load_model(name) if own else load_model(name, unit=unit, frame=frame)
    model.save(target, format={"h5": "inface"}.get(write.format or "", write.format))
    record = {
        "input": name,
        "output": str(target),
        "kind": model.kind,
        "vertices": len(model.mean_vertices),
        "latent": len(model.latent),
        **{key: model.card[key] for key in ("unit of the file", "frame of the file") if key in model.card},
    }
    typer.echo(json.dumps([record], indent=1) if write.as_json else batch.line(record))


@dataclass(frozen=True)
class Landmarks:
    """The landmarks of a landmark file, or of a mesh."""

    def __call__(self, path: Path) -> LandmarkData:
        """What the file holds, with the frame and unit that it states."""
        if _is_landmarks(str(path)):
            return read_landmark_data(path)
        landmarks = Mesh.load(path).landmarks
        if not landmarks:
            raise InfaceError(f"'{path}': the mesh has no landmarks")
        return LandmarkData(dict(landmarks))


def write_landmarks(data: LandmarkData, target: Path) -> dict:
    """Write them, and say how many there are, in which frame and unit."""
    write_landmark_file(target, data.points)
    return {
        "landmarks": len(data.points),
        "undefined": sum(not np.isfinite(point).all() for point in data.points.values()),
        "frame": data.frame or "its mesh's",
        "unit": data.unit or "its mesh's",
    }


def _with_out(files: list[str], out: Path | None) -> tuple[list[str], Path]:
    """The inputs and the place for results: `--out`, or the last of two names when no such file is there."""
    if out is not None:
        return files, out
    if len(files) == 2 and not Path(files[1]).exists() and not any(c in files[1] for c in "*?["):
        return files[:1], Path(files[1])
    return files, Path("converted")


def _is_landmarks(name: str) -> bool:
    """Whether a file, a pattern of files or a folder without meshes holds landmarks."""
    path = Path(name)
    if path.is_dir():
        inside = [p for p in path.iterdir() if p.is_file()]
        meshes = any(p.suffix.lower() in MESH_OUTPUTS and p.suffix.lower() != ".json" for p in inside)
        return not meshes and any(is_landmark_file(p) for p in inside)
    return _suffix(name) in _SURE or (path.suffix.lower() == ".json" and path.is_file() and is_landmark_file(path))


def _suffix(name: str) -> str:
    """The suffix of a name, `.mrk.json` whole; empty when there is none."""
    found = next((s for s in sorted(LANDMARK_SUFFIXES, key=len, reverse=True) if name.lower().endswith(s)), None)
    return found or Path("a" + name).suffix.lower()
