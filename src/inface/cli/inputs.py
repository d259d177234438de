"""Which files are meant, under which names, and that none of them is written over."""

import glob
import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from inface.codecs import MESH_FORMATS
from inface.codecs.files import refuse_overwriting
from inface.codecs.landmark_files import is_landmark_file
from inface.codecs.latents import is_latent
from inface.codecs.mesh_formats.mesh_json import is_mesh_json
from inface.errors import FormatError, InfaceError
from inface.model_reference import ModelReference

MESH_SUFFIXES = tuple(MESH_FORMATS)
T = TypeVar("T")


def expand(inputs: Sequence[str], suffixes: Sequence[str] = MESH_SUFFIXES) -> list[Path]:
    """Files named by paths, folders (their files of the given suffixes, by name) and globs, each once.

    In a folder, hidden files are passed over, and JSON files that are no meshes where meshes are meant: the records
    of a cohort or of a registration.
    """
    found: list[Path] = []
    for text in inputs:
        path = Path(text)
        if path.is_dir():
            inside = _inside(path, suffixes)
            if not inside:
                raise InfaceError(f"folder '{path}': expected files with one of {', '.join(suffixes)}, found none")
            found += inside
        elif path.exists():
            found.append(path)
        elif any(c in text for c in "*?["):
            matches = [Path(p) for p in sorted(glob.glob(text, recursive=True))]
            if not matches:
                raise InfaceError(f"nothing matches '{text}'")
            found += [p for p in matches if p.is_file()]
        else:
            raise InfaceError(f"no such file or folder: '{text}'")
    return list(dict.fromkeys(found))


def _inside(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    with os.scandir(folder) as entries:
        names = sorted(e.name for e in entries if not e.name.startswith(".") and e.is_file())
    files = [folder / name for name in names if Path(name).suffix.lower() in suffixes]
    return [file for file in files if file.suffix.lower() != ".json" or _is_meant(file, suffixes)]


def _is_meant(file: Path, suffixes: Sequence[str]) -> bool:
    """Whether a JSON file is of the kind that the other suffixes tell: a mesh, a latent code, either."""
    meshes, latents = ".ply" in suffixes, ".npy" in suffixes
    if ".fcsv" in suffixes:
        return is_landmark_file(file)
    if (meshes and is_mesh_json(file)) or not (meshes or latents):
        return True
    try:
        return latents and is_latent(file)
    except (FormatError, OSError):
        return True  # damaged: it is named when it is read


def stems(paths: Sequence[Path]) -> list[str]:
    """A distinct name for each path: its stem, with the parent's name in front where stems repeat.

    Names that differ only in case, or in how a letter is composed, are one name on other systems, and so here.
    """
    often = Counter(_folded(_stem(p)) for p in paths)
    unique = [
        _stem(p) if often[_folded(_stem(p))] == 1 else f"{p.parent.name}_{p.name.replace('.', '_')}" for p in paths
    ]
    if len({_folded(name) for name in unique}) != len(unique):
        twice = next(name for name, count in Counter(map(_folded, unique)).items() if count > 1)
        raise InfaceError(
            f"two inputs would write the same result, '{twice}'; process their folders one after the other"
        )
    return unique


def _stem(path: Path) -> str:
    return path.name[: -len(".mrk.json")] if path.name.lower().endswith(".mrk.json") else path.stem


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def spare(outputs: Iterable[str | Path], *inputs: str | Path | None) -> None:
    """Raise `InfaceError` before the work when one of the files to be written is one of the inputs, or in one of them.

    Inputs are as the user names them: files, folders (all that is in them), models by name, None.
    """
    files: list[str | Path] = []
    for one in inputs:
        if one is not None:
            files += [one, *Path(one).iterdir()] if Path(one).is_dir() else [one]
    refuse_overwriting(outputs, files)


def paths_in(work: Any) -> list[Path]:
    """Files that a work's options name: masks, tables, models."""
    if isinstance(work, ModelReference):
        return [Path(work.source)] if Path(work.source).is_file() else []
    if isinstance(work, Path):
        return [work]
    if is_dataclass(work) and not isinstance(work, type):
        return [path for one in fields(work) for path in paths_in(getattr(work, one.name))]
    if isinstance(work, Mapping):
        return [path for value in work.values() for path in paths_in(value)]
    if isinstance(work, list | tuple):
        return [path for value in work for path in paths_in(value)]
    return []


_ONCE: dict[Any, tuple[tuple[int, int], Any]] = {}


def once(load: Callable[[Path], T], path: Path) -> T:
    """`load(path)`, remembered by the process as long as the file is the same: for what all files of a run share."""
    state = path.stat()
    stamp = (state.st_size, state.st_mtime_ns)
    known = _ONCE.get((load, path))
    if known is None or known[0] != stamp:
        known = _ONCE[load, path] = (stamp, load(path))
    return known[1]
