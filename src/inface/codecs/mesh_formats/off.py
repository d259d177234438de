"""OFF, and COFF with vertex colours: order and count kept.

The header is Geomview's: `[ST][C][N]OFF`, the counts on its line, glued to it or below it, or the counts alone. Rows
hold position, then normal (N), colour (C) and texture coordinates (ST).
"""

import re
from pathlib import Path
from typing import BinaryIO

import numpy as np

from inface._validate import FloatArray, IntArray
from inface.codecs.mesh_formats.data import MeshData, MeshLike, fans, unit_colors
from inface.codecs.numbers import floats_of
from inface.errors import FormatError

_OURS = "# written by inface"
_HEADER = re.compile(rb"(ST|st)?(C|c)?(N)?(4)?(n)?(?:OFF|off)(?=[\s\d#]|$)")
_COMMENT = re.compile(rb"(?:^|\s)#.*|(?<=OFF)#.*")  # not the mark in 1.#QNAN


def is_own(content: bytes) -> bool:
    """Whether the contents begin as an OFF file does, after comments."""
    for line in content[:4000].splitlines():
        if line.strip() and not line.lstrip().startswith(b"#"):
            return _HEADER.match(line.lstrip()) is not None
    return False


def parse(content: bytes, folder: Path | None = None) -> MeshData:
    """Read a text OFF or COFF file; polygons are cut into fans, colours of faces are read past."""
    if _OURS.encode() in content[:40] and not content.endswith(b"\n"):
        raise FormatError("the OFF file is cut short: its last line has no end")
    lines = [row for line in content.splitlines() if (row := _COMMENT.sub(b"", line).split())]
    if not lines:
        raise FormatError("expected a file that starts with OFF or COFF")
    header = _HEADER.match(lines[0][0])
    if header is None and not lines[0][0].isdigit():
        raise FormatError("expected a file that starts with OFF or COFF")
    rest = lines[0] if header is None else [w for w in [lines[0][0][header.end() :], *lines[0][1:]] if w]
    rows = ([rest] if rest else []) + lines[1:]
    if rows and rows[0][0].upper() == b"BINARY":
        raise FormatError("binary OFF is not supported; save it as text, or as PLY")
    if header and (header[4] or header[5]):
        raise FormatError("OFF in other than three dimensions is not supported; export it as plain OFF or PLY")
    vertex_count, face_count, rows = _counts(rows)
    vertices, colors = _vertices(rows[:vertex_count], bool(header and header[2]), bool(header and header[3]))
    return MeshData(vertices, _triangles(rows[vertex_count:][:face_count]), colors, format="OFF")


def dump(stream: BinaryIO, data: MeshLike) -> None:
    """Write OFF, or COFF where there are colours (0..1 with opacity 1); numbers come back bit for bit."""
    table, ending, head = data.vertices, "", "OFF"
    if data.colors is not None:
        table, ending, head = np.concatenate([data.vertices, data.colors], 1), " 1.0", "COFF"
    pattern = " ".join(["%r"] * table.shape[1]) + ending
    lines = [head, _OURS, f"{len(data.vertices)} {len(data.triangles)} 0"]
    lines += [pattern % tuple(row) for row in table.tolist()]
    lines += [f"3 {a} {b} {c}" for a, b, c in data.triangles.tolist()]
    stream.write(("\n".join(lines) + "\n").encode("ascii"))


def _counts(rows: list[list[bytes]]) -> tuple[int, int, list[list[bytes]]]:
    """Vertices, faces, and the rows after the counts."""
    if not rows or len(rows[0]) < 2:
        raise FormatError("the OFF file is cut short: its counts are missing")
    if not all(word.isdigit() for word in rows[0][:2]):
        shown = b" ".join(rows[0])[:40].decode("utf-8", "replace")
        raise FormatError(f"expected the counts of vertices and faces in the OFF file, got '{shown}'")
    vertex_count, face_count = int(rows[0][0]), int(rows[0][1])
    if len(rows) < 1 + vertex_count + face_count:
        raise FormatError(
            f"the OFF file is cut short: {vertex_count} vertices and {face_count} faces were announced, "
            f"but only {len(rows) - 1} lines follow"
        )
    return vertex_count, face_count, rows[1:]


def _vertices(rows: list[list[bytes]], has_colors: bool, has_normals: bool) -> tuple[FloatArray, FloatArray | None]:
    """Positions, and colours where the header says so: NaN for a vertex without."""
    if not rows:
        return np.zeros((0, 3)), None
    if min(len(row) for row in rows) < 3:
        raise FormatError("the vertex lines of the OFF file have too few numbers")
    first = 6 if has_normals else 3
    positions = floats_of([row[:3] for row in rows])
    coloured = np.array([len(row) >= first + 3 for row in rows])
    if not (has_colors and coloured.any()):
        return positions, None
    table = floats_of([row[first : first + 3] for row in rows if len(row) >= first + 3])
    colors = np.full((len(rows), 3), np.nan)
    colors[coloured] = unit_colors(table)
    return positions, colors


def _triangles(rows: list[list[bytes]]) -> IntArray:
    if not all(row[0].isdigit() for row in rows):
        raise FormatError("a face line of the OFF file does not begin with the number of its corners")
    faces = [row[1 : 1 + int(row[0])] for row in rows]
    if any(len(face) != int(row[0]) for face, row in zip(faces, rows, strict=True)):
        raise FormatError("a face line of the OFF file is cut short")
    counts = np.array([len(face) for face in faces], np.int64)
    corners = floats_of([corner for face in faces for corner in face])
    if not np.array_equal(corners, np.rint(corners)):
        raise FormatError("a face line of the OFF file names a vertex that is no whole number")
    return fans(counts, corners.astype(np.int64))
