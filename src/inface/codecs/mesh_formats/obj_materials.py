"""Colours of an OBJ from its material file: textures (`map_Kd`), and the plain colour (`Kd`) of parts without one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inface._validate import FloatArray, IntArray
from inface.codecs.mesh_formats import textures
from inface.codecs.numbers import floats_of
from inface.codecs.text_files import without_mark
from inface.errors import FormatError

# options of a texture line and how many words follow them; of -o, -s and -t one to three numbers
_OPTIONS = {b"-blendu": 1, b"-blendv": 1, b"-cc": 1, b"-clamp": 1, b"-bm": 1, b"-boost": 1, b"-texres": 1,
            b"-imfchan": 1, b"-type": 1, b"-mm": 2, b"-o": 3, b"-s": 3, b"-t": 3}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Surface:
    """Corners of triangles, one after the other: their vertex, texture point (-1: none) and polygon."""

    vertices: IntArray
    texture_ids: IntArray
    texture_points: FloatArray
    faces: IntArray
    vertex_count: int


@dataclass
class _Material:
    picture: str = ""
    color: tuple[float, float, float] | None = None


def colors_of(
    surface: Surface, used: Sequence[tuple[int, bytes]], libraries: Sequence[bytes], folder: Path | None
) -> tuple[FloatArray | None, tuple[str, ...]]:
    """Colours `(V, 3)` of the vertices, NaN where there is none; None and a note where they are lost."""
    materials, notes = _read(libraries, folder)
    plain = {m.color for m in materials.values() if m.color}
    if not any(m.picture for m in materials.values()) and len(plain) < 2:
        return None, notes  # one plain colour says nothing about a face
    starts = np.array([face for face, _ in used])
    which = np.searchsorted(starts, surface.faces, side="right") - 1
    colors = np.full((len(surface.vertices), 3), np.nan)
    pictures: dict[str, textures.Picture | None] = {}
    for index, (_, name) in enumerate(used):
        material = materials.get(name)
        here = np.flatnonzero(which == index)
        if material is None or not len(here):
            continue
        if material.picture:
            if material.picture not in pictures:
                pictures[material.picture], lost = textures.load(folder, material.picture)
                notes += (lost,) if lost else ()
            picture = pictures[material.picture]
            if picture is not None:
                ids = surface.texture_ids[here]
                colors[here[ids >= 0]] = textures.sample(picture, surface.texture_points[ids[ids >= 0]])
        elif material.color is not None:
            colors[here] = material.color
    if any(m.picture for m in materials.values()) and all(p is None for p in pictures.values()):
        return None, notes or ("its textures are used by no face, so it has no colours",)
    found = textures.at_vertices(surface.vertices, colors, surface.vertex_count)
    return (None if np.isnan(found).all() else found), notes


def _read(libraries: Sequence[bytes], folder: Path | None) -> tuple[dict[bytes, _Material], tuple[str, ...]]:
    materials: dict[bytes, _Material] = {}
    notes: tuple[str, ...] = ()
    for library in libraries:
        # one name with spaces, or several names
        for names in ([library], library.split()):
            files = [textures.find_file(folder, textures.decoded_name(n)) if folder else None for n in names]
            if all(files):
                break
        for name, file in zip(names, files, strict=True):
            if file is None:
                shown = textures.decoded_name(name)
                notes += (f"its material file '{shown}' is not beside it, so colours of textures are lost",)
            else:
                _parse(without_mark(file.read_bytes()), materials)
    return materials, notes


def _parse(content: bytes, materials: dict[bytes, _Material]) -> None:
    current = _Material()
    for line in content.splitlines():
        words = line.split()
        if not words:
            continue
        key = words[0].lower()
        if key == b"newmtl":
            current = materials.setdefault(line.split(None, 1)[1].strip() if len(words) > 1 else b"", _Material())
        elif key == b"map_kd" and len(words) > 1:
            current.picture = textures.decoded_name(_without_options(line.split(None, 1)[1]))
        elif key == b"kd" and len(words) >= 4:
            try:
                r, g, b = np.clip(floats_of(words[1:4]), 0, 1).tolist()
            except FormatError:
                continue
            current.color = None if np.isnan([r, g, b]).any() else (r, g, b)


def _without_options(text: bytes) -> bytes:
    """The file's name of a texture line; it may hold spaces."""
    while text.startswith(b"-"):
        option, _, rest = text.partition(b" ")
        following = _OPTIONS.get(option.lower())
        if following is None:
            break
        text = rest.strip()
        for _ in range(following):
            word, _, rest = text.partition(b" ")
            if following == 3 and not _is_number(word):
                break  # -o, -s and -t take one to three numbers
            text = rest.strip()
    return text.strip()


def _is_number(word: bytes) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
