"""The header and the rows of a PLY file: elements of scalars and lists, as text or in either binary order."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inface.codecs.numbers import floats_of
from inface.errors import FormatError

TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4", "float": "f4",
    "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4",
    "float32": "f4", "float64": "f8", "int64": "i8", "uint64": "u8",
}  # fmt: skip
ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}


@dataclass
class Property:
    """A column; `count_type` is that of a list's length, empty for a scalar."""

    name: str
    type: str
    count_type: str = ""


@dataclass
class Element:
    """A table of the file; names are in lower case."""

    name: str
    rows: int
    properties: list[Property]


@dataclass
class Header:
    """What stands before the rows: the order of the bytes, the tables, the comments, and where the rows start."""

    order: str = ""
    elements: list[Element] = field(default_factory=list)
    comments: list[bytes] = field(default_factory=list)
    start: int = 0


# name of a property -> its column, or for a list (lengths, flat values)
Columns = dict[str, NDArray | tuple[NDArray, NDArray]]


def read_header(content: bytes) -> Header:
    """The header; only its own line end ends a line, so that a comment may hold any other byte."""
    ending = re.match(rb"ply[ \t]*(\r\n|\n|\r)", content)
    end = re.search(rb"[\r\n][ \t]*end_header[ \t]*", content)
    if ending is None or end is None:
        raise FormatError("the header of the PLY file is damaged or cut short")
    # after CR alone, a data byte 0x0A may follow: the line end is the one of the first line where that is there
    own = re.compile(re.escape(ending[1])).match(content, end.end())
    last = own or re.compile(rb"\r\n|\n|\r").match(content, end.end())
    if last is None:
        raise FormatError("the header of the PLY file is damaged or cut short")
    header = Header(start=last.end())
    for line in content[ending.end() : end.start()].split(b"\r" if ending[1] == b"\r" else b"\n"):
        _take_line(header, line.strip())
    if header.order not in ORDERS:
        raise FormatError(f"the PLY format '{header.order}' is unknown; expected one of {', '.join(ORDERS)}")
    return header


def _take_line(header: Header, line: bytes) -> None:
    words = [word.decode("latin-1") for word in line.split()]
    elements = header.elements
    match words:
        case ["format", name, _]:
            header.order = name
        case [] | ["obj_info", *_]:
            pass
        case ["comment", *_]:
            header.comments.append(line[7:].strip())
        case ["element", name, rows] if rows.isdecimal():
            elements.append(Element(name.lower(), int(rows), []))
        case ["property", "list", count, item, name] if elements and _whole(count) and item.lower() in TYPES:
            elements[-1].properties.append(Property(name.lower(), TYPES[item.lower()], TYPES[count.lower()]))
        case ["property", kind, name] if elements and kind.lower() in TYPES:
            elements[-1].properties.append(Property(name.lower(), TYPES[kind.lower()]))
        case _:
            raise FormatError(f"the PLY header holds a line that PLY does not know: '{line[:60].decode('latin-1')}'")


def _whole(kind: str) -> bool:
    return TYPES.get(kind.lower(), "f")[0] in "iu"


class BinaryBody:
    """Reads element after element; rows of one layout in one piece, lists of mixed length by their offsets."""

    def __init__(self, content: bytes, start: int, order: str) -> None:
        self.content, self.position, self.order = content, start, order

    def element(self, element: Element, _wanted: Callable[[Property], bool]) -> Columns:
        """The columns of the next element."""
        if not element.properties:
            return {}
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

    def _fields(self, p: Property, length: int) -> list[tuple]:
        if p.count_type:
            return [("#" + p.name, self.order + p.count_type), (p.name, self.order + p.type, (length,))]
        return [(p.name, self.order + p.type)]

    def _count(self, p: Property, position: int, element: Element) -> int:
        size = np.dtype(p.count_type).itemsize
        if position + size > len(self.content):
            raise _short(element)
        piece = self.content[position : position + size]
        signed = p.count_type[0] == "i"
        count = int.from_bytes(piece, "big" if self.order == ">" else "little", signed=signed)
        if count < 0:
            raise FormatError(f"a list of the PLY element '{element.name}' has the negative length {count}")
        return count

    def _first_lengths(self, element: Element) -> dict[str, int]:
        lengths, position = {}, self.position
        for p in element.properties:
            size = np.dtype(p.type).itemsize
            if p.count_type:
                lengths[p.name] = self._count(p, position, element)
                position += np.dtype(p.count_type).itemsize + lengths[p.name] * size
            else:
                position += size
        return lengths

    def _mixed(self, element: Element) -> Columns:
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
        columns: Columns = {}
        for p, size, _ in sizes:
            lengths = np.array(counts[p.name] or [1] * element.rows, np.int64)
            step = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
            at = np.repeat(np.array(starts[p.name], np.int64), lengths) + size * step
            raw = np.frombuffer(self.content, np.uint8)[at[:, None] + np.arange(size)]
            flat = np.ascontiguousarray(raw).view(self.order + p.type).reshape(-1)
            columns[p.name] = (lengths, flat) if p.count_type else flat
        return columns


class AsciiBody:
    """Reads element after element from words; a column that nobody wants is passed over, whatever stands there."""

    def __init__(self, body: bytes) -> None:
        self.words, self.position = body.split(), 0

    def element(self, element: Element, wanted: Callable[[Property], bool]) -> Columns:
        """The wanted columns of the next element."""
        if not any(p.count_type for p in element.properties):
            width = len(element.properties)
            words = self._take(element, element.rows * width)
            return {p.name: _numbers(words[i::width], p) for i, p in enumerate(element.properties) if wanted(p)}
        if len(element.properties) == 1 and element.rows and self.position < len(self.words):
            p = element.properties[0]
            width = _length(self.words[self.position], element) + 1
            words = self.words[self.position : self.position + element.rows * width]
            if len(words) == element.rows * width and len(set(words[::width])) == 1:
                self.position += len(words)
                table = _numbers(words, p).reshape(element.rows, width)
                return {p.name: (table[:, 0], table[:, 1:].reshape(-1))}
        flat: dict[str, list[bytes]] = {p.name: [] for p in element.properties}
        counts: dict[str, list[int]] = {p.name: [] for p in element.properties}
        for _ in range(element.rows):
            for p in element.properties:
                count = _length(self._take(element, 1)[0], element) if p.count_type else 1
                counts[p.name].append(count)
                flat[p.name] += self._take(element, count)
        columns: Columns = {}
        for p in element.properties:
            if wanted(p):
                values = _numbers(flat[p.name], p)
                columns[p.name] = (np.array(counts[p.name], np.int64), values) if p.count_type else values
        return columns

    def _take(self, element: Element, count: int) -> list[bytes]:
        words = self.words[self.position : self.position + count]
        if count < 0 or len(words) < count:
            raise _short(element)
        self.position += count
        return words


def _length(word: bytes, element: Element) -> int:
    if not word.isdigit():
        shown = word[:30].decode("utf-8", "replace")
        raise FormatError(f"a row of the PLY element '{element.name}' begins with '{shown}', not with its length")
    return int(word)


def _numbers(words: list[bytes], p: Property) -> NDArray:
    # through float64 and back: "255.0" is met in integer columns
    try:
        values = floats_of(words) if words else np.zeros(0)
    except FormatError as error:
        raise FormatError(f"the PLY column '{p.name}': {error}") from None
    if p.type[0] not in "iu":
        return values
    if not np.array_equal(values, np.rint(values)):
        raise FormatError(f"the PLY column '{p.name}' of whole numbers holds a fraction")
    if values.size and not (np.iinfo(p.type).min <= values.min() and values.max() <= np.iinfo(p.type).max):
        raise FormatError(f"the PLY column '{p.name}' holds numbers beyond its type")
    return values.astype(p.type)


def _short(element: Element) -> FormatError:
    return FormatError(
        f"the PLY file is cut short or damaged: its header names {element.rows} rows of '{element.name}', "
        "but the file ends before"
    )
