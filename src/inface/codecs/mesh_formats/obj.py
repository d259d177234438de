"""Wavefront OBJ: one vertex a position line, in the order of the file, whatever seams, normals or materials there are.

Normals, groups and lines are read past; polygons are cut into fans; negative indices count back from the line they
stand in. Colours follow the position (`v x y z r g b`), or come from the textures of the material file
(`obj_materials`). Files of this package begin with a comment that counts vertices and triangles, by which a truncated
file is known; landmarks stand in comments too.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from inface._validate import FloatArray, IntArray
from inface.codecs.mesh_formats import obj_materials
from inface.codecs.mesh_formats.data import MeshData, MeshLike, fan_corners, unit_colors
from inface.codecs.mesh_formats.slicer_space import lps_signs
from inface.codecs.numbers import floats_of, stated_unit
from inface.errors import FormatError

_COUNTS = re.compile(rb"^# inface mesh: (\d+) vertices, (\d+) triangles\n")
_LANDMARK = re.compile(rb"^# landmark (\S+) (\S+) (\S+) (.+?)\r?$", re.M)
_UNIT = re.compile(rb"^#[ \t]*([^\r\n]{0,40}\bunits?\b[^\r\n]{1,40})", re.M | re.IGNORECASE)
_COMMENT = re.compile(rb"(?:^|\s)#.*")  # not the mark in 1.#QNAN
_STATEMENTS = frozenset(
    b"v vt vn vp f fo l p o g s mg usemtl mtllib maplib usemap cstype deg bmat step curv curv2 surf parm trim hole "
    b"scrv sp end con bevel c_interp d_interp lod shadow_obj trace_obj ctech stech call csh".split()
)
_FIRST = frozenset(b"v vt vn mtllib usemtl o g s".split())


@dataclass
class _Lines:
    """The statements of a file, word by word."""

    vertices: list[list[bytes]] = field(default_factory=list)
    faces: list[list[bytes]] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)  # vertices before each face, for negative indices
    texture: list[list[bytes]] = field(default_factory=list)
    texture_seen: list[int] = field(default_factory=list)
    materials: list[tuple[int, bytes]] = field(default_factory=list)  # first face, name
    libraries: list[bytes] = field(default_factory=list)


def is_own(content: bytes) -> bool:
    """Whether the first statement after the comments is one that OBJ begins with."""
    for line in content[:20000].splitlines()[:200]:
        words = line.split()
        if words and not words[0].startswith(b"#"):
            return words[0] in _FIRST and b"\0" not in line
    return False


def parse(content: bytes, folder: Path | None = None) -> MeshData:
    """Read an OBJ file."""
    counts = _COUNTS.match(content)
    if counts and not content.endswith(b"\n"):
        raise FormatError("the OBJ file is cut short: its last line has no end")
    lines = _statements(content)
    if not lines.vertices:
        raise FormatError("the OBJ file holds no vertices")
    vertices, colors = _vertices(lines.vertices)
    lengths = np.array([len(words) for words in lines.faces], np.int64)
    corners = _corners(lines.faces, lengths, lines.seen)
    used = fan_corners(lengths)
    triangles = corners[used] if len(corners) else np.zeros((0, 3), np.int32)
    if counts and (len(vertices), len(triangles)) != tuple(int(c) for c in counts.groups()):
        raise FormatError(
            f"the OBJ file is cut short or was edited: its first line names {counts[1].decode()} vertices and "
            f"{counts[2].decode()} triangles, but it holds {len(vertices)} and {len(triangles)}"
        )
    landmarks = {
        name.decode("ascii").encode("latin-1").decode("unicode_escape"): np.array([x, y, z], np.float64)
        for x, y, z, name in (_LANDMARK.findall(content) if counts else ())
    }
    notes: tuple[str, ...] = ()
    if colors is None and lines.libraries and lines.materials:
        colors, notes = obj_materials.colors_of(
            obj_materials.Surface(
                corners[used.reshape(-1)],
                _texture_corners(lines, lengths)[used.reshape(-1)],
                _texture_points(lines.texture),
                np.repeat(np.arange(len(lengths)), lengths)[used.reshape(-1)],
                len(vertices),
            ),
            lines.materials,
            lines.libraries,
            folder,
        )
    for comment in _UNIT.findall(content[:20000]):
        vertices = vertices * (stated_unit(comment.decode("latin-1")) or 1.0)
    vertices = vertices * lps_signs(content[:2000].partition(b"\nv ")[0])
    return MeshData(vertices, triangles, colors, landmarks or None, format="OBJ", notes=notes)


def dump(stream: BinaryIO, data: MeshLike) -> None:
    """Write an OBJ file; numbers are written so that they come back bit for bit."""
    lines = [f"# inface mesh: {len(data.vertices)} vertices, {len(data.triangles)} triangles"]
    for name, point in (data.landmarks or {}).items():
        coordinates = " ".join(repr(float(c)) for c in point)
        lines.append(f"# landmark {coordinates} {name.encode('unicode_escape').decode('ascii')}")
    rows = data.vertices if data.colors is None else np.concatenate([data.vertices, data.colors], 1)
    pattern = "v" + " %r" * rows.shape[1]
    lines += [pattern % tuple(row) for row in rows.tolist()]
    lines += [f"f {a} {b} {c}" for a, b, c in (data.triangles + 1).tolist()]
    stream.write(("\n".join(lines) + "\n").encode("ascii"))


def _statements(content: bytes) -> _Lines:
    found = _Lines()
    # a backslash joins lines, but for comments: Windows folders end in one
    text = re.sub(rb"(?m)^([^#\r\n]*)\\\r?\n", rb"\1 ", content) if b"\\" in content else content
    for number, line in enumerate(text.splitlines(), 1):
        words = (_COMMENT.sub(b"", line) if b"#" in line else line).split()
        if not words:
            continue
        key = words[0]
        if key == b"v":
            found.vertices.append(words[1:])
        elif key in (b"f", b"fo"):
            found.faces.append(words[1:])
            found.seen.append(len(found.vertices))
            found.texture_seen.append(len(found.texture))
        elif key == b"vt":
            found.texture.append(words[1:])
        elif key == b"usemtl":
            found.materials.append((len(found.faces), line.split(None, 1)[1].strip() if len(words) > 1 else b""))
        elif key == b"mtllib" and len(words) > 1:
            found.libraries.append(line.split(None, 1)[1].strip())
        elif key not in _STATEMENTS:
            raise FormatError(f"line {number} of the OBJ file is no OBJ: '{line[:40].decode('latin-1')}'")
    return found


def _vertices(lines: list[list[bytes]]) -> tuple[FloatArray, FloatArray | None]:
    """Positions, and colours where there are any: NaN for a vertex without."""
    widths = {len(words) for words in lines}
    if min(widths) < 3:
        raise FormatError("a vertex line of the OBJ file has fewer than three numbers")
    if widths in ({6}, {7}):  # position and colour; with seven, colour and opacity
        table = floats_of(lines)
        return table[:, :3], unit_colors(table[:, 3:6])
    positions = floats_of(lines if widths == {3} else [words[:3] for words in lines])
    if max(widths) < 6:
        return positions, None
    coloured = np.array([len(words) >= 6 for words in lines])
    colors = np.full((len(lines), 3), np.nan)
    colors[coloured] = unit_colors(floats_of([words[3:6] for words in lines if len(words) >= 6]))
    return positions, colors


def _corners(faces: list[list[bytes]], lengths: IntArray, seen: list[int]) -> IntArray:
    """Vertex ids of all corners, one after the other."""
    corners = np.array([_index(word.partition(b"/")[0]) for words in faces for word in words], np.int64)
    if (corners == 0).any():
        raise FormatError("a face of the OBJ file names vertex 0; OBJ counts from 1")
    return np.where(corners < 0, corners + np.repeat(np.array(seen, np.int64), lengths), corners - 1)


def _index(word: bytes) -> int:
    digits = word[1:] if word[:1] in (b"-", b"+") else word
    if not digits.isdigit():
        raise FormatError(f"a face of the OBJ file names '{word[:30].decode('utf-8', 'replace')}', which is no number")
    return int(word)


def _texture_corners(lines: _Lines, lengths: IntArray) -> IntArray:
    """Texture ids of all corners; -1 where a corner has none."""
    words = [word.split(b"/")[1:2] for face in lines.faces for word in face]
    raw = np.array([_index(w[0]) if w and w[0] else 0 for w in words], np.int64)
    seen = np.repeat(np.array(lines.texture_seen, np.int64), lengths)
    ids = np.where(raw < 0, raw + seen, raw - 1)
    return np.where((raw != 0) & (ids >= 0) & (ids < len(lines.texture)), ids, -1)


def _texture_points(lines: list[list[bytes]]) -> FloatArray:
    """`(n, 2)`; the second number may be absent, a third is read past."""
    if not lines:
        return np.zeros((0, 2))
    return floats_of([(words + [b"0", b"0"])[:2] for words in lines])
