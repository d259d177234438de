"""Colours of textures, sampled at the vertices: bilinear, wrapped, and the mean where seams give a vertex several.

Pillow reads the pictures; it is optional, and without it, or without the picture, a note says that colours are lost.
"""

import io
import unicodedata
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath

import numpy as np
from numpy.typing import NDArray

from inface._optional import require
from inface._validate import FloatArray, IntArray
from inface.errors import MissingDependencyError

Picture = NDArray[np.uint8]  # (H, W, 3)


def decoded_name(name: bytes) -> str:
    """A file's name as it stands in a text file: UTF-8, or else Latin-1; without quotes."""
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        text = name.decode("latin-1")
    return text.strip().strip('"')


def find_file(folder: Path, name: str) -> Path | None:
    """The file that a scanner's material names: by its path, else by its last part, in any case and normal form."""
    plain = PureWindowsPath(name)
    if not plain.name:
        return None
    for candidate in (folder / name.replace("\\", "/"), folder / plain.name):
        if candidate.is_file():
            return candidate
    wanted = unicodedata.normalize("NFC", plain.name).casefold()
    try:
        return next((p for p in folder.iterdir() if unicodedata.normalize("NFC", p.name).casefold() == wanted), None)
    except OSError:
        return None


def read_picture(source: Path | bytes) -> Picture:
    """The pixels of a picture file or of its contents; `ValueError` in words when they can't be read."""
    image = require("PIL.Image", "reading a texture")
    try:
        with image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as picture:
            if picture.width * picture.height > 2**28:
                raise ValueError(f"it has {picture.width} x {picture.height} pixels, which is too many")
            return np.asarray(picture.convert("RGB"))
    except (OSError, SyntaxError, ValueError, image.DecompressionBombError) as error:
        raise ValueError(str(error)[:120]) from None


def sample(picture: Picture, uv: FloatArray) -> FloatArray:
    """Colours `(n, 3)` in [0, 1] at texture coordinates `(n, 2)` whose origin is the lower left corner; NaN for NaN."""
    height, width = picture.shape[:2]
    known = np.asarray(np.isfinite(uv).all(1) & (np.abs(uv) < 1e6).all(1))
    place = np.where(known[:, None], uv, 0.0)
    # coordinates of 0 and 1 are the two edges; only what lies outside is wrapped
    place = np.where((place < 0) | (place > 1), place % 1.0, place)
    x = place[:, 0] * width - 0.5
    y = (1.0 - place[:, 1]) * height - 0.5
    left = np.floor(x).astype(int)
    top = np.floor(y).astype(int)
    fx, fy = (x - left)[:, None], (y - top)[:, None]
    columns = [np.clip(left + i, 0, width - 1) for i in (0, 1)]
    rows = [np.clip(top + i, 0, height - 1) for i in (0, 1)]
    upper = picture[rows[0], columns[0]] * (1 - fx) + picture[rows[0], columns[1]] * fx
    lower = picture[rows[1], columns[0]] * (1 - fx) + picture[rows[1], columns[1]] * fx
    return np.where(known[:, None], (upper * (1 - fy) + lower * fy) / 255.0, np.nan)


def at_vertices(corners: IntArray, colors: FloatArray, count: int) -> FloatArray:
    """Colours `(count, 3)` of vertices from those at corners: their mean; NaN where no corner has one."""
    known = np.asarray(np.isfinite(colors).all(1))
    corners, colors = corners[known], colors[known]
    inside = (corners >= 0) & (corners < count)
    corners, colors = corners[inside], colors[inside]
    hits = np.bincount(corners, minlength=count)
    sums = np.stack([np.bincount(corners, colors[:, k], minlength=count) for k in range(3)], 1)
    with np.errstate(invalid="ignore"):
        return np.clip(sums / hits[:, None], 0, 1)


def from_files(
    names: Sequence[str], folder: Path | None, corners: IntArray, uv: FloatArray, pages: IntArray, count: int
) -> tuple[FloatArray | None, tuple[str, ...]]:
    """Colours of `count` vertices from picture files beside a mesh, and notes of what is lost.

    Corner i is of vertex `corners[i]`, at `uv[i]` of the picture `names[pages[i]]`; a page outside them has no colour.
    """
    colors = np.full((len(corners), 3), np.nan)
    notes: list[str] = []
    for page, name in enumerate(names):
        here = np.flatnonzero(pages == page)
        if not len(here):
            continue
        picture, lost = load(folder, name)
        if picture is None:
            notes.append(lost)
        else:
            colors[here] = sample(picture, uv[here])
    found = at_vertices(corners, colors, count)
    return (None if np.isnan(found).all() else found), tuple(notes)


def load(folder: Path | None, name: str) -> tuple[Picture | None, str]:
    """The picture of that name beside a mesh, or the sentence that says why its colours are lost."""
    file = None if folder is None else find_file(folder, name)
    if file is None:
        return None, f"its texture '{name}' is not beside it, so its colours are lost"
    try:
        return read_picture(file), ""
    except MissingDependencyError as error:
        return None, f"its colours are lost: {error}"
    except ValueError as error:
        return None, f"its texture '{name}' can't be read, so its colours are lost ({error})"
