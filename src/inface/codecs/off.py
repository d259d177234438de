"""OFF, and COFF with vertex colours: order and count kept."""

from typing import BinaryIO

import numpy as np

from inface.codecs.mesh_data import MeshData, MeshLike, fans, unit_colors
from inface.errors import FormatError

_OURS = "# written by inface"


def parse(content: bytes) -> MeshData:
    """Read a text OFF or COFF file; polygons are cut into fans, colours of faces are read past."""
    if _OURS.encode() in content[:40] and not content.endswith(b"\n"):
        raise FormatError("the OFF file is cut short: its last line has no end")
    lines = [row for line in content.splitlines() if (row := line.partition(b"#")[0].split())]
    if not lines or lines[0][0].upper() not in (b"OFF", b"COFF"):
        raise FormatError("expected a file that starts with OFF or COFF")
    rows = ([lines[0][1:]] if len(lines[0]) > 1 else []) + lines[1:]  # the counts may follow on the first line
    if not rows or len(rows[0]) < 2:
        raise FormatError("the OFF file is cut short: its counts are missing")
    if rows[0][0].upper() == b"BINARY":
        raise FormatError("binary OFF is not supported; save it as text, or as PLY")
    vertex_count, face_count = int(rows[0][0]), int(rows[0][1])
    if vertex_count < 0 or face_count < 0 or len(rows) < 1 + vertex_count + face_count:
        raise FormatError(
            f"the OFF file is cut short: {vertex_count} vertices and {face_count} faces were announced, "
            f"but only {len(rows) - 1} lines follow"
        )
    vertices = np.zeros((0, 3))
    colors = None
    if vertex_count:
        table = np.array(rows[1 : 1 + vertex_count], "S").astype(np.float64)
        if table.ndim != 2 or table.shape[1] < 3:
            raise FormatError("the vertex lines of the OFF file have too few numbers")
        vertices = table[:, :3]
        if lines[0][0].upper() == b"COFF" and table.shape[1] >= 6:
            colors = unit_colors(table[:, 3:6])
    faces = [[int(word) for word in row[: 1 + int(row[0])]] for row in rows[1 + vertex_count :][:face_count]]
    if any(len(face) != face[0] + 1 for face in faces):
        raise FormatError("a face line of the OFF file is cut short")
    counts = np.array([face[0] for face in faces], np.int64)
    corners = np.array([corner for face in faces for corner in face[1:]], np.int64)
    return MeshData(vertices, fans(counts, corners), colors, format="OFF")


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
