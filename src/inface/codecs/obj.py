"""Wavefront OBJ: one vertex a position line, in the order of the file, whatever seams, normals or materials there are.

Texture coordinates, normals, materials, groups and lines are read past; polygons are cut into fans; negative indices
count back from the line they stand in. Colours follow the position (`v x y z r g b`). Files of this package begin with
a comment that counts vertices and triangles, by which a truncated file is known; landmarks stand in comments too.
"""

import re
from typing import BinaryIO

import numpy as np

from inface._validate import IntArray
from inface.codecs.mesh_data import MeshData, MeshLike, fans, unit_colors
from inface.errors import FormatError

_COUNTS = re.compile(rb"^# inface mesh: (\d+) vertices, (\d+) triangles\n")
_LANDMARK = re.compile(rb"^# landmark (\S+) (\S+) (\S+) (.+?)\r?$", re.M)
_STATEMENTS = frozenset(
    b"v vt vn vp f fo l p o g s mg usemtl mtllib maplib usemap cstype deg bmat step curv curv2 surf parm trim hole "
    b"scrv sp end con bevel c_interp d_interp lod shadow_obj trace_obj ctech stech call csh".split()
)


def parse(content: bytes) -> MeshData:
    """Read an OBJ file."""
    counts = _COUNTS.match(content)
    if counts and not content.endswith(b"\n"):
        raise FormatError("the OBJ file is cut short: its last line has no end")
    text = content.replace(b"\\\r\n", b" ").replace(b"\\\n", b" ")
    vertex_lines: list[list[bytes]] = []
    faces: list[list[bytes]] = []
    seen: list[int] = []  # vertices before each face, for negative indices
    for number, line in enumerate(text.splitlines(), 1):
        words = (line.partition(b"#")[0] if b"#" in line else line).split()
        if not words:
            continue
        key = words[0]
        if key == b"v":
            vertex_lines.append(words[1:])
        elif key in (b"f", b"fo"):
            faces.append(words[1:])
            seen.append(len(vertex_lines))
        elif key not in _STATEMENTS:
            raise FormatError(f"line {number} of the OBJ file is no OBJ: '{line[:40].decode('latin-1')}'")
    if not vertex_lines:
        raise FormatError("the OBJ file holds no vertices")
    vertices, colors = _vertices(vertex_lines)
    triangles = _triangles(faces, seen)
    if counts and (len(vertices), len(triangles)) != tuple(int(c) for c in counts.groups()):
        raise FormatError(
            f"the OBJ file is cut short or was edited: its first line names {counts[1].decode()} vertices and "
            f"{counts[2].decode()} triangles, but it holds {len(vertices)} and {len(triangles)}"
        )
    landmarks = {
        name.decode("ascii").encode("latin-1").decode("unicode_escape"): np.array([x, y, z], np.float64)
        for x, y, z, name in (_LANDMARK.findall(content) if counts else ())
    }
    return MeshData(vertices, triangles, colors, landmarks or None, format="OBJ")


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


def _vertices(lines: list[list[bytes]]) -> tuple[np.ndarray, np.ndarray | None]:
    widths = {len(words) for words in lines}
    if min(widths) < 3:
        raise FormatError("a vertex line of the OBJ file has fewer than three numbers")
    if widths in ({6}, {7}):  # position and colour; with seven, colour and opacity
        table = np.array(lines, "S").astype(np.float64)
        return table[:, :3], unit_colors(table[:, 3:6])
    positions = lines if widths == {3} else [words[:3] for words in lines]
    return np.array(positions, "S").astype(np.float64), None


def _triangles(faces: list[list[bytes]], seen: list[int]) -> IntArray:
    if not faces:
        return np.zeros((0, 3), np.int32)
    counts = np.array([len(words) for words in faces])
    corners = np.array([int(word.partition(b"/")[0]) for words in faces for word in words], np.int64)
    if (corners == 0).any():
        raise FormatError("a face of the OBJ file names vertex 0; OBJ counts from 1")
    corners = np.where(corners < 0, corners + np.repeat(seen, counts), corners - 1)
    return fans(counts, corners)
