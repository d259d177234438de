"""PLY [turk1994]: ASCII and both binary orders in; binary little-endian float64 out.

Positions are written as `double`, so that a written mesh comes back bit for bit; common readers take float and double
alike. Colours are written as `uchar red green blue`, the one form all readers understand, so they are rounded to 1/255.
Landmarks travel in header comments (`comment landmark X Y Z NAME`), which other readers skip.
"""

from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from inface._validate import FloatArray, IntArray
from inface.codecs.mesh_formats import textures
from inface.codecs.mesh_formats.data import (
    MeshData,
    MeshLike,
    eight_bits,
    fan_corners,
    fans,
    strip_triangles,
    unit_colors,
)
from inface.codecs.mesh_formats.ply_rows import ORDERS, AsciiBody, BinaryBody, Columns, Element, Header, read_header
from inface.codecs.mesh_formats.slicer_space import lps_signs
from inface.codecs.numbers import stated_unit
from inface.errors import FormatError

_COLORS = (("red", "green", "blue"), ("r", "g", "b"), ("diffuse_red", "diffuse_green", "diffuse_blue"))
_TEXTURE = (("s", "t"), ("u", "v"), ("texture_u", "texture_v"), ("texture_s", "texture_t"))
_WANTED = {"x", "y", "z", *(n for names in _COLORS + _TEXTURE for n in names)}
_VERTEX = ("vertex", "vertices", "point", "points")
_FACE_LISTS = (
    "vertex_indices", "vertex_index", "vertex_ids", "vertex_id", "vertices", "indices", "vertex_idx", "vertexindices",
    "vertex_list", "vertex",
)  # fmt: skip


def is_own(content: bytes) -> bool:
    """Whether the contents begin as a PLY file does."""
    return content[:3] == b"ply" and content[3:4] in (b"\n", b"\r", b" ", b"\t")


def parse(content: bytes, folder: Path | None = None) -> MeshData:
    """Read a PLY file; any order and type of properties, further elements and properties are skipped."""
    header = read_header(content)
    read = (
        AsciiBody(content[header.start :])
        if header.order == "ascii"
        else BinaryBody(content, header.start, ORDERS[header.order])
    )
    found: dict[str, Columns] = {}
    for element in header.elements:
        lists = any(p.count_type for p in element.properties)
        is_vertex = element.name in _VERTEX
        found[element.name] = read.element(
            element,
            (lambda p: p.name in _WANTED) if is_vertex else (lambda p, lists=lists: bool(p.count_type) or not lists),  # type: ignore[misc]
        )
    vertex: Columns = next((found[name] for name in _VERTEX if name in found), {})
    if not {"x", "y", "z"} <= set(vertex):
        raise FormatError("the PLY file has no element 'vertex' with the properties x, y, z; is it a mesh?")
    vertices = np.stack([vertex[axis] for axis in "xyz"], 1).astype(np.float64, copy=False)
    colors = None
    for names in _COLORS:
        if all(name in vertex for name in names):
            colors = unit_colors(np.stack([vertex[name] for name in names], 1))
            break
    triangles, polygons = _triangles(found, header)
    notes: tuple[str, ...] = ()
    if colors is None:
        colors, notes = _textured(header, found, polygons, vertex, folder)
    for factor in filter(None, (stated_unit(comment.decode("latin-1")) for comment in header.comments)):
        vertices = vertices * factor
    vertices = vertices * lps_signs(b"\n".join(header.comments))
    return MeshData(vertices, triangles, colors, _landmarks(header) or None, format="PLY", notes=notes)


def dump(stream: BinaryIO, data: MeshLike) -> None:
    """Write binary little-endian PLY."""
    lines = ["ply", "format binary_little_endian 1.0"]
    for name, point in (data.landmarks or {}).items():
        coordinates = " ".join(repr(float(c)) for c in point)
        lines.append(f"comment landmark {coordinates} {name.encode('unicode_escape').decode('ascii')}")
    lines += [f"element vertex {len(data.vertices)}"] + [f"property double {axis}" for axis in "xyz"]
    if data.colors is not None:
        lines += [f"property uchar {name}" for name in _COLORS[0]]
    lines += [f"element face {len(data.triangles)}", "property list uchar int vertex_indices", "end_header", ""]
    stream.write("\n".join(lines).encode("ascii"))
    points = np.ascontiguousarray(data.vertices, "<f8")
    if data.colors is not None:
        rows = np.empty(len(points), [("xyz", "<f8", 3), ("rgb", "u1", 3)])
        rows["xyz"], rows["rgb"] = points, eight_bits(data.colors)
        points = rows
    stream.write(points.data)
    faces = np.empty(len(data.triangles), [("n", "u1"), ("corners", "<i4", 3)])
    faces["n"], faces["corners"] = 3, data.triangles
    stream.write(faces.data)


def _landmarks(header: Header) -> dict[str, NDArray]:
    found: dict[str, NDArray] = {}
    for comment in header.comments:
        words = comment.split(maxsplit=4)
        if len(words) == 5 and words[0] == b"landmark":
            try:
                found[words[4].decode("unicode_escape")] = np.array(words[1:4], np.float64)
            except (ValueError, UnicodeDecodeError):
                continue  # a comment of another program
    return found


_Polygons = tuple[str, NDArray, NDArray]  # element, lengths, corners


def _triangles(found: dict[str, Columns], header: Header) -> tuple[IntArray, _Polygons | None]:
    """The surface, and the polygons it was cut from; refuses a file whose surface is in a form that is not known."""
    faces = [e for e in header.elements if e.name not in _VERTEX and e.name != "tristrips" and e.rows]
    faces.sort(key=lambda e: not e.name.startswith("face"))
    for element in faces:
        columns = found[element.name]
        whole = [p for p in element.properties if p.count_type and (p.type[0] in "iu" or p.name in _FACE_LISTS)]
        names = [p.name for p in whole]
        name = next((n for n in _FACE_LISTS if n in names), names[0] if len(names) == 1 else None)
        if name is not None and (element.name.startswith("face") or name in _FACE_LISTS):
            lengths, corners = columns[name]
            return fans(lengths, corners), (element.name, lengths, corners)
        scalars = [p for p in element.properties if p.type[0] in "iu" and not p.count_type]
        if element.name.startswith(("face", "tri")) and len(scalars) == len(element.properties) == 3:
            return np.stack([columns[p.name] for p in element.properties], 1), None
        if element.name.startswith(("face", "tri", "poly", "range_grid")):
            raise FormatError(_unknown_surface(element))
    strips = found.get("tristrips", {})
    lists = [column for column in strips.values() if isinstance(column, tuple)]
    if "tristrips" in found and len(lists) != 1 and any(e.rows for e in header.elements if e.name == "tristrips"):
        raise FormatError(_unknown_surface(next(e for e in header.elements if e.name == "tristrips")))
    return (strip_triangles(*lists[0]) if lists else np.zeros((0, 3), np.int32)), None


def _unknown_surface(element: Element) -> str:
    names = ", ".join(p.name for p in element.properties) or "none"
    return (
        f"the PLY file keeps its surface in the element '{element.name}' with the properties {names}, which is not "
        "supported; export it with a list vertex_indices for each face"
    )


def _textured(
    header: Header, found: dict[str, Columns], polygons: _Polygons | None, vertex: Columns, folder: Path | None
) -> tuple[FloatArray | None, tuple[str, ...]]:
    """Colours from the texture that a comment names (MeshLab, Artec), at the coordinates of vertices or faces."""
    files = [c[11:].strip() for c in header.comments if c.lower().startswith(b"texturefile")]
    if not files:
        return None, ()
    names = [textures.decoded_name(name) for name in files]
    count = len(vertex["x"])
    for pair in _TEXTURE:
        if set(pair) <= set(vertex):
            uv = np.stack([np.asarray(vertex[n], np.float64) for n in pair], 1)
            return textures.from_files(names[:1], folder, np.arange(count), uv, np.zeros(count, int), count)
    element, lengths, corners = polygons or ("", np.zeros(0, int), np.zeros(0, int))
    coordinates = found.get(element, {}).get("texcoord")
    if not isinstance(coordinates, tuple) or not np.array_equal(coordinates[0], 2 * np.asarray(lengths, int)):
        return None, (f"its texture '{names[0]}' was not read: it has no texture coordinates of a known form",)
    uv = np.asarray(coordinates[1], np.float64).reshape(-1, 2)
    which = found[element].get("texnumber")
    pages = np.zeros(len(corners), int)
    if isinstance(which, np.ndarray):
        pages = np.repeat(np.asarray(which, int), np.asarray(lengths, int))
    used = fan_corners(lengths).reshape(-1)
    return textures.from_files(names, folder, np.asarray(corners, int)[used], uv[used], pages[used], count)
