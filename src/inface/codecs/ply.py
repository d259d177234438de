"""PLY [turk1994]: ASCII and both binary orders in; binary little-endian float64 out.

Positions are written as `double`, so that a written mesh comes back bit for bit; common readers take float and double
alike. Colours are written as `uchar red green blue`, the one form all readers understand, so they are rounded to 1/255.
Landmarks travel in header comments (`comment landmark X Y Z NAME`), which other readers skip.
"""

import re
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from inface._validate import IntArray
from inface.codecs.mesh_data import MeshData, MeshLike, eight_bits, fans, unit_colors
from inface.errors import FormatError

_TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4", "float": "f4",
    "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4",
    "float32": "f4", "float64": "f8", "int64": "i8", "uint64": "u8",
}  # fmt: skip
_ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
_COLORS = (("red", "green", "blue"), ("r", "g", "b"), ("diffuse_red", "diffuse_green", "diffuse_blue"))


@dataclass
class _Property:
    name: str
    type: str
    count_type: str = ""  # of a list


@dataclass
class _Element:
    name: str
    rows: int
    properties: list[_Property]


# name of a property -> its column, or for a list (lengths, flat values)
_Columns = dict[str, NDArray | tuple[NDArray, NDArray]]


def parse(content: bytes) -> MeshData:
    """Read a PLY file; any order and type of properties, further elements and properties are skipped."""
    order, elements, landmarks, start = _header(content)
    read = _AsciiBody(content[start:]) if order == "ascii" else _BinaryBody(content, start, _ORDERS[order])
    found: dict[str, _Columns] = {}
    for element in elements:
        found[element.name] = read.element(element)
    vertex = found.get("vertex", {})
    if not {"x", "y", "z"} <= set(vertex):
        raise FormatError("the PLY file has no element 'vertex' with the properties x, y, z; is it a mesh?")
    vertices = np.stack([vertex[axis] for axis in "xyz"], 1).astype(np.float64, copy=False)
    colors = None
    for names in _COLORS:
        if all(name in vertex for name in names):
            colors = unit_colors(np.stack([vertex[name] for name in names], 1))
            break
    triangles = _triangles(found)
    return MeshData(vertices, triangles, colors, landmarks or None, format="PLY")


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


def _header(content: bytes) -> tuple[str, list[_Element], dict[str, NDArray], int]:
    end = re.search(rb"(?:^|[\r\n])[ \t]*end_header[ \t]*(\r\n|\n|\r)", content)
    if not content.startswith(b"ply") or end is None:
        raise FormatError("the header of the PLY file is damaged or cut short")
    order = ""
    elements: list[_Element] = []
    landmarks: dict[str, NDArray] = {}
    for line in content[: end.start()].decode("latin-1").splitlines()[1:]:
        words = line.split()
        match words:
            case ["format", name, _]:
                order = name
            case ["comment", "landmark", x, y, z, _, *_]:
                name = line.split(maxsplit=5)[5]
                landmarks[name.encode("latin-1").decode("unicode_escape")] = np.array([x, y, z], np.float64)
            case [] | ["comment" | "obj_info", *_]:
                pass
            case ["element", name, rows] if rows.isdigit():
                elements.append(_Element(name, int(rows), []))
            case ["property", "list", count, item, name] if elements and count in _TYPES and item in _TYPES:
                elements[-1].properties.append(_Property(name, _TYPES[item], _TYPES[count]))
            case ["property", kind, name] if elements and kind in _TYPES:
                elements[-1].properties.append(_Property(name, _TYPES[kind]))
            case _:
                raise FormatError(f"the PLY header holds a line that PLY does not know: '{line[:60]}'")
    if order not in _ORDERS:
        raise FormatError(f"the PLY format '{order}' is unknown; expected one of {', '.join(_ORDERS)}")
    return order, elements, landmarks, end.end()


def _triangles(found: dict[str, _Columns]) -> IntArray:
    face = found.get("face", {})
    for name in ("vertex_indices", "vertex_index"):
        if isinstance(face.get(name), tuple):
            return fans(*face[name])
    strips = found.get("tristrips", {}).get("vertex_indices")
    return _from_strips(*strips) if isinstance(strips, tuple) else np.zeros((0, 3), np.int32)


def _from_strips(lengths: IntArray, corners: IntArray) -> IntArray:
    """Triangles of strips, in which -1 starts a new one and every second triangle is turned."""
    pieces = []
    for strip in np.split(corners, np.cumsum(lengths)[:-1]):
        for run in np.split(strip, np.flatnonzero(strip < 0)):
            run = run[run >= 0]
            triangles = np.stack([run[:-2], run[1:-1], run[2:]], 1) if len(run) > 2 else np.zeros((0, 3), np.int32)
            triangles[1::2] = triangles[1::2, [1, 0, 2]]
            pieces.append(triangles)
    return np.concatenate(pieces) if pieces else np.zeros((0, 3), np.int32)


class _BinaryBody:
    """Reads element after element; rows of one layout in one piece, lists of mixed length by their offsets."""

    def __init__(self, content: bytes, start: int, order: str) -> None:
        self.content, self.position, self.order = content, start, order

    def element(self, element: _Element) -> _Columns:
        smallest = sum(np.dtype(p.count_type or p.type).itemsize for p in element.properties)
        if element.rows * smallest > len(self.content) - self.position:
            raise _short(element)
        lengths = self._first_lengths(element) if element.rows else {}
        row = np.dtype([entry for p in element.properties for entry in self._fields(p, lengths.get(p.name, 0))])
        if element.rows * row.itemsize <= len(self.content) - self.position:
            table = np.frombuffer(self.content, row, element.rows, self.position)
            if all((table["#" + name] == length).all() for name, length in lengths.items()):
                self.position += element.rows * row.itemsize
                return {
                    p.name: (table["#" + p.name], table[p.name].reshape(-1)) if p.count_type else table[p.name]
                    for p in element.properties
                }
        return self._mixed(element)

    def _fields(self, p: _Property, length: int) -> list[tuple]:
        if p.count_type:
            return [("#" + p.name, self.order + p.count_type), (p.name, self.order + p.type, (length,))]
        return [(p.name, self.order + p.type)]

    def _count(self, p: _Property, position: int, element: _Element) -> int:
        size = np.dtype(p.count_type).itemsize
        if position + size > len(self.content):
            raise _short(element)
        piece = self.content[position : position + size]
        signed = p.count_type[0] == "i"
        count = int.from_bytes(piece, "big" if self.order == ">" else "little", signed=signed)
        if count < 0:
            raise FormatError(f"a list of the PLY element '{element.name}' has the negative length {count}")
        return count

    def _first_lengths(self, element: _Element) -> dict[str, int]:
        lengths, position = {}, self.position
        for p in element.properties:
            size = np.dtype(p.type).itemsize
            if p.count_type:
                lengths[p.name] = self._count(p, position, element)
                position += np.dtype(p.count_type).itemsize + lengths[p.name] * size
            else:
                position += size
        return lengths

    def _mixed(self, element: _Element) -> _Columns:
        starts: dict[str, list[int]] = {p.name: [] for p in element.properties}
        counts: dict[str, list[int]] = {p.name: [] for p in element.properties}
        sizes = [(p, np.dtype(p.type).itemsize, np.dtype(p.count_type or "u1").itemsize) for p in element.properties]
        position = self.position
        for _ in range(element.rows):
            for p, size, count_size in sizes:
                count = 1
                if p.count_type:
                    count = self._count(p, position, element)
                    position += count_size
                    counts[p.name].append(count)
                starts[p.name].append(position)
                position += count * size
        if position > len(self.content):
            raise _short(element)
        self.position = position
        columns: _Columns = {}
        for p, size, _ in sizes:
            lengths = np.array(counts[p.name] or [1] * element.rows, np.int64)
            step = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
            at = np.repeat(np.array(starts[p.name], np.int64), lengths) + size * step
            raw = np.frombuffer(self.content, np.uint8)[at[:, None] + np.arange(size)]
            flat = np.ascontiguousarray(raw).view(self.order + p.type).reshape(-1)
            columns[p.name] = (lengths, flat) if p.count_type else flat
        return columns


class _AsciiBody:
    def __init__(self, body: bytes) -> None:
        self.words, self.position = body.split(), 0

    def element(self, element: _Element) -> _Columns:
        if not any(p.count_type for p in element.properties):
            width = len(element.properties)
            words = self._take(element, element.rows * width)
            return {p.name: _numbers(words[i::width], p.type) for i, p in enumerate(element.properties)}
        if len(element.properties) == 1 and element.rows and self.position < len(self.words):
            p = element.properties[0]
            width = int(self.words[self.position]) + 1
            words = self.words[self.position : self.position + element.rows * width]
            if width > 0 and len(words) == element.rows * width and len(set(words[::width])) == 1:
                self.position += len(words)
                table = _numbers(words, p.type).reshape(element.rows, width)
                return {p.name: (table[:, 0], table[:, 1:].reshape(-1))}
        flat: dict[str, list[bytes]] = {p.name: [] for p in element.properties}
        counts: dict[str, list[int]] = {p.name: [] for p in element.properties}
        for _ in range(element.rows):
            for p in element.properties:
                count = int(self._take(element, 1)[0]) if p.count_type else 1
                counts[p.name].append(count)
                flat[p.name] += self._take(element, count)
        return {
            p.name: (np.array(counts[p.name]), values) if p.count_type else values
            for p in element.properties
            for values in [_numbers(flat[p.name], p.type)]
        }

    def _take(self, element: _Element, count: int) -> list[bytes]:
        words = self.words[self.position : self.position + count]
        if count < 0 or len(words) < count:
            raise _short(element)
        self.position += count
        return words


def _numbers(words: list[bytes], kind: str) -> NDArray:
    # through float64 and back: "255.0" is met in integer columns
    values = np.array(words, dtype="S").astype(np.float64) if words else np.zeros(0)
    if kind[0] in "iu" and not np.array_equal(values, np.rint(values)):
        raise FormatError("a PLY column of whole numbers holds a fraction")
    return values.astype(kind if kind[0] in "iu" else "f8")


def _short(element: _Element) -> FormatError:
    return FormatError(
        f"the PLY file is cut short or damaged: its header names {element.rows} rows of '{element.name}', "
        "but the file ends before"
    )
