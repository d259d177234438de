"""Landmark files of many programs, one table of kinds; the suffix names the kind, the content is checked.

All become name -> point `(3,)`, NaN where the file marks a point as not set. Slicer files say in which patient frame
they are; points are returned in LPS, the frame of the meshes that Slicer writes.
"""

import json
import os
import time
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from inface._validate import FloatArray
from inface.codecs.landmark_formats import others, slicer, table
from inface.codecs.landmark_formats.data import IBUG, LandmarkData, Points
from inface.codecs.text_files import read_text, write_text
from inface.errors import FormatError

__all__ = [
    "IBUG", "LANDMARK_SUFFIXES", "SUFFIXES", "LandmarkData", "Points", "find_landmark_file", "is_landmark_file",
    "read_landmark_data", "read_landmark_file", "write_landmark_file",
]  # fmt: skip


@dataclass(frozen=True)
class LandmarkFormat:
    """One kind: `parse` of the text, `dump` of points."""

    parse: Callable[[str], LandmarkData]
    dump: Callable[[Mapping[str, FloatArray]], str]


def _markups(text: str) -> LandmarkData:
    return slicer.parse_markups(json.loads(text))


def _json(text: str) -> LandmarkData:
    content = json.loads(text)
    is_markups = isinstance(content, dict) and "markups" in content
    return slicer.parse_markups(content) if is_markups else others.parse_scalismo(content)


_TABLE = LandmarkFormat(table.parse, table.dump)
_NTSYS = LandmarkFormat(others.parse_dta, others.dump_dta)
_FORMATS = {
    ".csv": _TABLE,
    ".tsv": _TABLE,
    ".txt": _TABLE,
    ".pts": LandmarkFormat(others.parse_pts, others.dump_pts),
    ".pp": LandmarkFormat(others.parse_meshlab, others.dump_meshlab),
    ".fcsv": LandmarkFormat(slicer.parse_fcsv, slicer.dump_fcsv),
    ".mrk.json": LandmarkFormat(_markups, slicer.dump_markups),
    ".json": LandmarkFormat(_json, others.dump_scalismo),
    ".tps": LandmarkFormat(others.parse_tps, others.dump_tps),
    ".dta": _NTSYS,
    ".nts": _NTSYS,
}
LANDMARK_SUFFIXES = SUFFIXES = tuple(_FORMATS)


def read_landmark_data(path: str | Path) -> LandmarkData:
    """Landmarks of any known kind, with the frame and the unit that the file states.

    `.csv`, `.tsv`, `.txt`: a table (`landmark_formats.table`); 68 unnamed points are taken as iBUG order and named
    `ibug_00` ... `ibug_67`. `.pts`: iBUG, IDAV Landmark. `.pp`: MeshLab. `.fcsv`, `.mrk.json`: 3D Slicer. `.json`:
    Scalismo (or Slicer, by its content). `.tps`: TPS. `.dta`, `.nts`: NTsys of IDAV Landmark, one specimen.

    Raises:
        FormatError: an unknown suffix, damaged content, or a name that stands twice.
        FileNotFoundError: there is no such file.
    """
    kind = _FORMATS[_suffix(path)]
    text = read_text(path)
    try:
        return kind.parse(text)
    except FormatError as error:
        raise FormatError(f"'{path}': {error}") from None
    except json.JSONDecodeError as error:
        raise FormatError(f"'{path}': no JSON ({error})") from None
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise FormatError(f"'{path}': damaged, or not landmarks of the kind {_suffix(path)} ({error})") from error


def read_landmark_file(path: str | Path) -> Points:
    """Name -> point `(3,)` of a landmark file; see `read_landmark_data`."""
    return read_landmark_data(path).points


def write_landmark_file(path: str | Path, landmarks: Mapping[str, FloatArray]) -> None:
    """Write landmarks; the suffix names the kind, as in `read_landmark_data`. The write is atomic.

    Points are written as they are. Slicer files say that they are LPS and millimetres; the others state neither frame
    nor unit. `.fcsv` and Scalismo's `.json` leave undefined points out; `.dta` loses the names.

    Raises:
        FormatError: an unknown suffix, or points that the kind cannot hold.
    """
    write_text(path, _FORMATS[_suffix(path)].dump(landmarks))


def is_landmark_file(path: str | Path) -> bool:
    """Whether a file's name is that of a landmark file; a `.json` is one when it holds landmarks, not a mesh."""
    try:
        suffix = _suffix(path)
    except FormatError:
        return False
    if suffix != ".json":
        return True
    try:
        read_landmark_data(path)
    except (FormatError, OSError):
        return False
    return True


def find_landmark_file(mesh_path: str | Path) -> Path | None:
    """The landmark file that belongs to a mesh: exactly its name with another suffix, beside it; None if there is none.

    Never by a prefix: `anna.ply` has `anna.csv`, not `anna_2.csv`. Names are compared in one normal form of Unicode
    (macOS writes `Zoë` in another than Windows), suffixes in any case. A `.json` that holds no landmarks, such as the
    record of a registration, is passed over. Raises `FormatError` when two files fit.
    """
    mesh_path = Path(mesh_path)
    wanted = unicodedata.normalize("NFC", mesh_path.stem)
    found = [
        path
        for name in _names_in(mesh_path.parent)
        if name[0] == wanted and name[1] in _FORMATS
        for path in [mesh_path.parent / name[2]]
        if path.is_file() and path != mesh_path and (name[1] != ".json" or is_landmark_file(path))
    ]
    if len(found) > 1:
        names = " and ".join(f"'{p.name}'" for p in sorted(found))
        raise FormatError(f"'{mesh_path.name}' has two landmark files, {names}; keep one")
    return found[0] if found else None


def _names_in(folder: Path) -> tuple[tuple[str, str, str], ...]:
    """Stem in normal form, suffix in lower case and whole name of each landmark file in a folder."""
    try:
        changed = os.stat(folder).st_mtime_ns
        # a folder that changed a moment ago may change again within one tick of its clock
        fresh = time.time_ns() - changed < 2 * 10**9
        return _listing.__wrapped__(str(folder), changed) if fresh else _listing(str(folder), changed)
    except OSError:
        return ()


@lru_cache(maxsize=8)
def _listing(folder: str, _changed: int) -> tuple[tuple[str, str, str], ...]:
    out = []
    for name in sorted(os.listdir(folder)):
        lowered = name.lower()
        suffix = next((s for s in sorted(_FORMATS, key=len, reverse=True) if lowered.endswith(s)), None)
        if suffix is not None:
            out.append((unicodedata.normalize("NFC", name[: -len(suffix)]), suffix, name))
    return tuple(out)


def _suffix(path: str | Path) -> str:
    name = Path(path).name.lower()
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if name.endswith(suffix):
            return suffix
    raise FormatError(f"'{path}': expected a landmark file with one of the suffixes {', '.join(SUFFIXES)}")
