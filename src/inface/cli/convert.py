"""`inface convert`: meshes and landmarks from one format to another, vertex order and count kept."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from inface.cli import batch, edit
from inface.codecs import MESH_OUTPUTS, MESH_SUFFIXES
from inface.codecs.landmark_files import (
    LANDMARK_SUFFIXES,
    is_landmark_file,
    read_landmark_data,
    write_landmark_file,
)
from inface.errors import InfaceError
from inface.mesh import Mesh

# .json holds meshes as well as landmarks: the contents decide
_SURE = tuple(s for s in LANDMARK_SUFFIXES if s not in MESH_OUTPUTS)


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("convert")(convert)


def convert(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE... [OUT]", help="Meshes or landmark files, folders, globs.")
    ],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File or folder for the results.")] = None,
    format: batch.FormatOption = None,
    as_json: batch.JsonOption = False,
) -> None:
    """Write meshes or landmark files in another format: `inface convert anna.fcsv anna.csv`, or with --format."""
    files, target = _with_out(files, out)
    wanted = _suffix("." + format.lstrip(".") if format else target.name if not target.is_dir() else "")
    if wanted in _SURE or all(_is_landmarks(f) for f in files):
        _landmarks(files, target, wanted, as_json)
    else:
        edit.each_mesh(files, lambda mesh: mesh, out=target, format=format, label="convert", as_json=as_json)


def _with_out(files: list[str], out: Path | None) -> tuple[list[str], Path]:
    """The inputs and the place for results: `--out`, or the last of two names when no such file is there."""
    if out is not None:
        return files, out
    if len(files) == 2 and not Path(files[1]).exists() and not any(c in files[1] for c in "*?["):
        return files[:1], Path(files[1])
    return files, Path("converted")


def _landmarks(files: list[str], target: Path, wanted: str, as_json: bool) -> None:
    """Each landmark file, or the landmarks of each mesh, in the kind `wanted`."""
    paths = batch.expand(files, (*LANDMARK_SUFFIXES, *(s for s in MESH_SUFFIXES if s != ".json")))
    if any(Path(f).is_dir() for f in files):
        paths = [p for p in paths if is_landmark_file(p)]
    single = bool(target.suffix) and not target.is_dir()
    if single and len(paths) != 1:
        raise InfaceError(f"--out '{target}' is one file but there are {len(paths)} results; name a folder")
    if not single:
        target.mkdir(parents=True, exist_ok=True)
    names = {path: _stem(path) + (wanted or _suffix(path.name)) for path in paths}
    twice = [name for name, count in Counter(names.values()).items() if count > 1]
    if twice and not single:
        raise InfaceError(f"two inputs would write '{twice[0]}'; process their folders one after the other")

    def work(path: Path) -> dict:
        written = target if single else target / names[path]
        if written.exists() and written.samefile(path):
            raise InfaceError(f"the result would overwrite its input '{path}'; name another --out")
        if _is_landmarks(str(path)):
            data = read_landmark_data(path)
            points, frame, unit = data.points, data.frame, data.unit
        else:
            mesh = Mesh.load(path)
            points, frame, unit = dict(mesh.landmarks or {}), "", mesh.info().unit
            if not points:
                raise InfaceError("the mesh has no landmarks")
        write_landmark_file(written, points)
        undefined = sum(not np.isfinite(p).all() for p in points.values())
        return {
            "output": str(written),
            "landmarks": len(points),
            "undefined": undefined,
            "frame": frame or "its mesh's",
            "unit": unit or "its mesh's",
        }

    batch.each(paths, work, label="convert", as_json=as_json)


def _is_landmarks(name: str) -> bool:
    """Whether a file, a pattern of files or a folder without meshes holds landmarks."""
    if Path(name).is_dir():
        inside = [p for p in Path(name).iterdir() if p.is_file()]
        meshes = any(p.suffix.lower() in MESH_SUFFIXES and p.suffix.lower() != ".json" for p in inside)
        return not meshes and any(is_landmark_file(p) for p in inside)
    if _suffix(name) in _SURE:
        return True
    path = Path(name)
    return path.suffix.lower() == ".json" and path.is_file() and is_landmark_file(path)


def _suffix(name: str) -> str:
    """The suffix of a name, `.mrk.json` whole; empty when there is none."""
    found = next((s for s in sorted(LANDMARK_SUFFIXES, key=len, reverse=True) if name.lower().endswith(s)), None)
    return found or Path("a" + name).suffix.lower()


def _stem(path: Path) -> str:
    return path.name[: -len(_suffix(path.name))] if _suffix(path.name) else path.stem
