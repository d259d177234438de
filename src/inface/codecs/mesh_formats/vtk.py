"""Legacy VTK (`.vtk`) of Slicer, ShapeWorks and ParaView [vtk-formats]: polygons and strips, text and binary.

Versions 1 to 5.1; the surface of an unstructured grid too. The reader of the VTK library is not used, since it is
150 MB of programs in which a damaged file can crash the interpreter; it is the oracle of the tests instead. Slicer
says in the title in which patient frame the points are; RAS is turned to LPS, the frame of its other files.
"""

from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from inface._validate import FloatArray, IntArray
from inface.codecs.mesh_formats.data import MeshData, MeshLike, eight_bits, fans, strip_triangles, unit_colors
from inface.codecs.mesh_formats.slicer_space import lps_signs
from inface.codecs.numbers import floats_of
from inface.errors import FormatError

_TYPES = {
    "char": "i1", "signed_char": "i1", "unsigned_char": "u1", "short": "i2", "unsigned_short": "u2", "int": "i4",
    "unsigned_int": "u4", "long": "i8", "unsigned_long": "u8", "vtkidtype": "i4", "vtktypeint64": "i8",
    "vtktypeuint64": "u8", "vtktypeint32": "i4", "float": "f4", "double": "f8",
}  # fmt: skip
_ATTRIBUTES = {"vectors": 3, "normals": 3, "tensors": 9}
_CELL_STRIP, _CELL_SURFACES = 6, (5, 7, 9)  # triangle, polygon, quadrangle


def is_own(content: bytes) -> bool:
    """Whether the contents begin as a legacy VTK file does."""
    return content[:400].lstrip().lower().startswith(b"# vtk datafile version")


def parse(content: bytes, folder: Path | None = None) -> MeshData:
    """Read a legacy VTK file."""
    lines = content.split(b"\n", 3)
    if len(lines) < 4 or not is_own(content):
        raise FormatError("the header of the VTK file is damaged or cut short")
    mode = lines[2].strip().upper()
    if mode not in (b"ASCII", b"BINARY"):
        raise FormatError("the third line of a VTK file should be ASCII or BINARY")
    cursor = _Cursor(lines[3], binary=mode == b"BINARY")
    shape = _Shape()
    notes: tuple[str, ...] = ()
    while words := cursor.line():
        try:
            _take(shape, cursor, words)
        except _UnknownValues:
            notes = ("values at its vertices are of a form that is not read; the shape is whole",)
            break
    if shape.points is None:
        raise FormatError("the VTK file is cut short, or holds no points; is it a mesh?")
    if shape.cells is not None:
        shape.surface(*_of_kinds(shape.cells, shape.kinds))
    triangles = np.concatenate(shape.triangles) if shape.triangles else np.zeros((0, 3), np.int64)
    title = lines[1].decode("latin-1")
    counts = (len(shape.points), len(triangles), shape.colors is not None)
    if title.startswith("inface mesh:") and title != _title(*counts):
        raise FormatError(f"the VTK file is cut short or was edited: it holds {counts[0]} vertices, but says '{title}'")
    return MeshData(shape.points * lps_signs(lines[1]), triangles, shape.colors, format="VTK", notes=notes)


def dump(stream: BinaryIO, data: MeshLike) -> None:
    """Write a binary legacy VTK file (version 3.0) in double; colours are rounded to 1/255, landmarks are lost."""
    count = len(data.triangles)
    title = _title(len(data.vertices), count, data.colors is not None)
    stream.write(f"# vtk DataFile Version 3.0\n{title}\nBINARY\nDATASET POLYDATA\n".encode())
    stream.write(f"POINTS {len(data.vertices)} double\n".encode())
    stream.write(np.ascontiguousarray(data.vertices, ">f8").tobytes() + b"\n")
    rows = np.concatenate([np.full((count, 1), 3), data.triangles], 1).astype(">i4")
    stream.write(f"POLYGONS {count} {4 * count}\n".encode() + rows.tobytes())
    if data.colors is not None:
        stream.write(f"\nPOINT_DATA {len(data.vertices)}\nCOLOR_SCALARS RGB 3\n".encode())
        stream.write(eight_bits(data.colors).tobytes())


def _title(vertices: int, triangles: int, colors: bool) -> str:
    """The title of our files, by which one that was cut between its parts is known."""
    return f"inface mesh: {vertices} vertices, {triangles} triangles{', colours' if colors else ''}, in millimetres"


class _UnknownValues(FormatError):
    """Values at points or cells in a form that is not read; the shape before them is whole."""


class _Shape:
    """What was read so far."""

    def __init__(self) -> None:
        self.points: FloatArray | None = None
        self.triangles: list[IntArray] = []
        self.colors: FloatArray | None = None
        self.at_points: bool | None = None  # None before POINT_DATA, False in CELL_DATA
        self.rows = 0  # points or cells that values follow for
        self.cells: tuple[IntArray, IntArray] | None = None
        self.kinds: IntArray = np.zeros(0, np.int64)

    def surface(self, polygons: tuple[IntArray, IntArray], strips: tuple[IntArray, IntArray]) -> None:
        """Add polygons and strips, each as lengths and flat corners."""
        self.triangles += [fans(*polygons), strip_triangles(*strips)]


_NOTHING = (np.zeros(0, np.int64), np.zeros(0, np.int64))


def _take(shape: _Shape, cursor: "_Cursor", words: list[str]) -> None:
    """Read what a keyword announces."""
    match [words[0].upper(), *words[1:]]:
        case ["DATASET", kind]:
            if kind.upper() not in ("POLYDATA", "UNSTRUCTURED_GRID"):
                raise FormatError(f"the VTK file holds a {kind.upper()}, not a surface; export it as POLYDATA")
        case ["POINTS", count, kind]:
            shape.points = cursor.array(3 * _count(count), kind).reshape(-1, 3).astype(np.float64)
        case ["POLYGONS", *sizes]:
            shape.surface(cursor.lists(sizes), _NOTHING)
        case ["TRIANGLE_STRIPS", *sizes]:
            shape.surface(_NOTHING, cursor.lists(sizes))
        case ["CELLS", *sizes]:
            shape.cells = cursor.lists(sizes)
        case ["CELL_TYPES", count]:
            shape.kinds = cursor.array(_count(count), "int").astype(np.int64)
        case ["VERTICES" | "LINES", *sizes]:
            cursor.lists(sizes)
        case ["METADATA"]:
            cursor.skip_metadata()
        case ["POINT_DATA" | "CELL_DATA" as where, rows]:
            shape.at_points, shape.rows = where == "POINT_DATA", _count(rows)
        case _:
            _take_values(shape, cursor, words)


def _take_values(shape: _Shape, cursor: "_Cursor", words: list[str]) -> None:
    """Read values at points or cells; bytes by threes or fours at points are colours."""
    count = shape.rows
    match [words[0].upper(), *words[1:]]:
        case ["FIELD", _, arrays]:
            for _ in range(_count(arrays)):
                name, width, rows, kind = (cursor.line() + [""] * 4)[:4]
                if name.upper() == "METADATA":
                    cursor.skip_metadata()
                    name, width, rows, kind = (cursor.line() + [""] * 4)[:4]
                if kind.lower() == "string":
                    cursor.skip_strings(_count(width) * _count(rows))
                    continue
                values = cursor.array(_count(width) * _count(rows), kind)
                if _count(rows) == count:
                    _take_colors(shape, values, _count(width), kind)
        case ["COLOR_SCALARS", _, width]:
            kind = "unsigned_char" if cursor.binary else "float"
            _take_colors(shape, cursor.array(count * _count(width), kind), _count(width), "unsigned_char")
        case ["SCALARS", _, kind, *width]:
            table = cursor.line()
            if table[:1] != ["LOOKUP_TABLE"]:
                raise _UnknownValues("SCALARS without LOOKUP_TABLE")
            number = _count(width[0]) if width else 1
            _take_colors(shape, cursor.array(count * number, kind), number, kind)
        case ["LOOKUP_TABLE", _, size]:
            cursor.array(4 * _count(size), "unsigned_char" if cursor.binary else "float")
        case ["TEXTURE_COORDINATES", _, width, kind]:
            cursor.array(count * _count(width), kind)
        case [key, _, kind] if key.lower() in _ATTRIBUTES:
            cursor.array(count * _ATTRIBUTES[key.lower()], kind)
        case _:
            raise (FormatError if shape.at_points is None else _UnknownValues)(
                f"the VTK file holds '{' '.join(words)[:40]}', which is not known"
            )


def _take_colors(shape: _Shape, values: NDArray, width: int, kind: str) -> None:
    if not shape.at_points or shape.points is None or shape.rows != len(shape.points):
        return
    if shape.colors is None and width in (3, 4) and kind.lower() == "unsigned_char":
        shape.colors = unit_colors(values.reshape(len(shape.points), width)[:, :3])


def _of_kinds(cells: tuple[IntArray, IntArray], kinds: IntArray) -> tuple:
    """Of the cells of an unstructured grid: the polygons and the strips."""
    lengths, corners = cells
    if len(kinds) != len(lengths):
        raise FormatError("the VTK file is cut short: its cells have no types")
    out = []
    for wanted in (np.isin(kinds, _CELL_SURFACES), kinds == _CELL_STRIP):
        out.append((lengths[wanted], corners[np.repeat(wanted, lengths)]))
    return tuple(out)


def _count(word: str) -> int:
    if not word.isdecimal():
        raise FormatError(f"expected a count in the VTK file, got '{word[:20]}'")
    return int(word)


class _Cursor:
    """Reads lines of words, and arrays as text or big-endian bytes."""

    def __init__(self, content: bytes, *, binary: bool) -> None:
        self.content, self.position, self.binary = content, 0, binary

    def line(self) -> list[str]:
        """The words of the next line that has any; none at the end."""
        while self.position < len(self.content):
            end = self.content.find(b"\n", self.position)
            end = len(self.content) if end < 0 else end
            words = self.content[self.position : end].split()
            self.position = end + 1
            if words:
                return [word.decode("latin-1") for word in words[:8]]
        return []

    def array(self, count: int, kind: str) -> NDArray:
        """The next `count` numbers."""
        if kind.lower() not in _TYPES:
            raise _UnknownValues(f"the VTK file holds an array of '{kind[:20]}', which is not supported")
        dtype = np.dtype(_TYPES[kind.lower()])
        left = len(self.content) - self.position
        if self.binary:
            if count * dtype.itemsize > left:
                raise FormatError(f"the VTK file is cut short: {count} numbers were announced, {left} bytes are left")
            values = np.frombuffer(self.content, dtype.newbyteorder(">"), count, self.position)
            self.position += count * dtype.itemsize
            return values.astype(dtype)
        if not count:
            return np.zeros(0, dtype)
        if count > left:
            raise FormatError(f"the VTK file is cut short: {count} numbers were announced, {left} bytes are left")
        words = self.content[self.position :].split(None, count)
        if len(words) < count:
            raise FormatError(f"the VTK file is cut short: {count} numbers were announced, {len(words)} are there")
        self.position = len(self.content) - (len(words[count]) if len(words) > count else 0)
        values = floats_of(words[:count])
        if dtype.kind in "iu" and not np.array_equal(values, np.rint(values)):
            raise FormatError("an array of whole numbers of the VTK file holds a fraction")
        return values if dtype.kind == "f" else values.astype(np.int64)

    def lists(self, sizes: list[str]) -> tuple[IntArray, IntArray]:
        """Lengths and flat corners of the next cells, in the layout before version 5 or of it."""
        if len(sizes) != 2:
            raise FormatError("a line of cells of the VTK file lacks its sizes")
        first, second = _count(sizes[0]), _count(sizes[1])
        before = self.position
        words = self.line()
        if words[:1] == ["OFFSETS"]:
            offsets = self.array(first, words[1] if len(words) > 1 else "").astype(np.int64)
            words = self.line()
            if words[:1] != ["CONNECTIVITY"]:
                raise FormatError("the VTK file is damaged: OFFSETS without CONNECTIVITY")
            corners = self.array(second, words[1] if len(words) > 1 else "").astype(np.int64)
            lengths = np.diff(offsets)
            if len(offsets) and (offsets[0] != 0 or (lengths < 0).any() or offsets[-1] != len(corners)):
                raise FormatError("the VTK file is damaged: its OFFSETS do not fit its CONNECTIVITY")
            return lengths, corners
        self.position = before
        return split_lists(self.array(second, "int").astype(np.int64), first)

    def skip_strings(self, count: int) -> None:
        """Pass over an array of texts: a line each, or with their length before them in one to eight bytes."""
        for _ in range(count):
            if self.position >= len(self.content):
                raise FormatError("the VTK file is cut short: an array of texts has no end")
            if not self.binary:
                end = self.content.find(b"\n", self.position)
                self.position = len(self.content) if end < 0 else end + 1
                continue
            size = {3: 1, 2: 2, 1: 4, 0: 8}[self.content[self.position] >> 6]
            head = int.from_bytes(self.content[self.position : self.position + size], "big")
            self.position += size + (head & (2 ** (8 * size - 2) - 1))

    def skip_metadata(self) -> None:
        """Pass over a block that ends with an empty line."""
        while self.position < len(self.content):
            end = self.content.find(b"\n", self.position)
            end = len(self.content) if end < 0 else end
            empty = not self.content[self.position : end].strip()
            self.position = end + 1
            if empty:
                return


def split_lists(flat: IntArray, count: int) -> tuple[IntArray, IntArray]:
    """Lengths and flat corners from a flat list in which each list's length stands before it."""
    if len(flat) == 4 * count and (flat[::4] == 3).all():
        return np.full(count, 3), flat.reshape(count, 4)[:, 1:].reshape(-1)
    lengths, heads, at = [], [], 0
    values = flat.tolist()
    for _ in range(count):
        if at >= len(values) or values[at] < 0 or at + values[at] >= len(values) + (values[at] == 0):
            raise FormatError("the VTK file is damaged: its cells reach beyond their list")
        heads.append(at)
        lengths.append(values[at])
        at += values[at] + 1
    keep = np.ones(len(flat), bool)
    keep[heads] = False
    keep[at:] = False
    return np.array(lengths, np.int64), flat[keep]
