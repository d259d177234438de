"""VTK PolyData in XML (`.vtp`) [vtk-formats]: arrays as text, base64 or appended, plain or compressed (zlib, LZMA).

Like `vtk`, written without the VTK library, which is the oracle of the tests.
"""

import base64
import binascii
import lzma
import re
import zlib
from pathlib import Path
from typing import BinaryIO
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from inface._validate import FloatArray, IntArray
from inface.codecs.mesh_formats.data import MeshData, MeshLike, eight_bits, fans, strip_triangles, unit_colors
from inface.codecs.mesh_formats.slicer_space import lps_signs
from inface.codecs.numbers import floats_of
from inface.codecs.text_files import safe_xml
from inface.errors import FormatError

_TYPES = {
    "Int8": "i1", "UInt8": "u1", "Int16": "i2", "UInt16": "u2", "Int32": "i4", "UInt32": "u4", "Int64": "i8",
    "UInt64": "u8", "Float32": "f4", "Float64": "f8",
}  # fmt: skip
_APPENDED = re.compile(rb'<AppendedData\s+encoding\s*=\s*"(raw|base64)"\s*>\s*_')
_EXPANSION = 200  # times the file: what its arrays may unpack to


def is_own(content: bytes) -> bool:
    """Whether the contents begin as a VTK XML file does."""
    return b"<VTKFile" in content[:1000] and content[:400].lstrip().startswith(b"<")


def parse(content: bytes, folder: Path | None = None) -> MeshData:
    """Read a `.vtp` file; its pieces are joined in their order."""
    file = _File(content)
    vertices: list[FloatArray] = []
    triangles: list[IntArray] = []
    colors: list[FloatArray | None] = []
    total = 0
    for piece in file.root.iter("Piece"):
        count = int(piece.get("NumberOfPoints", "0"))
        points = [file.array(a) for a in piece.findall("Points/DataArray")]
        if count and len(points) != 1:
            raise FormatError("a piece of the VTP file lacks its points")
        place = points[0].reshape(-1, 3).astype(np.float64) if points else np.zeros((0, 3))
        if len(place) != count:
            raise FormatError(f"the VTP file is damaged: {count} points were announced, {len(place)} are there")
        vertices.append(place)
        for group, cut in (("Polys", fans), ("Strips", strip_triangles)):
            triangles.append(cut(*file.lists(piece, group)) + total)
        colors.append(_colors(file, piece, count))
        total += count
    if not vertices:
        raise FormatError("the VTP file holds no points")
    some = any(c is not None for c in colors)
    filled = [np.full((len(v), 3), np.nan) if c is None else c for c, v in zip(colors, vertices, strict=True)]
    return MeshData(
        np.concatenate(vertices) * lps_signs(content[:2000]),
        np.concatenate(triangles),
        np.concatenate(filled) if some else None,
        format="VTP",
    )


def dump(stream: BinaryIO, data: MeshLike) -> None:
    """Write a `.vtp` file of appended raw arrays, double; colours are rounded to 1/255, landmarks are lost."""
    count, faces = len(data.vertices), len(data.triangles)
    pieces: list[bytes] = []

    def array(name: str, kind: str, values: NDArray, width: int = 1) -> str:
        offset = sum(len(p) for p in pieces)
        raw = np.ascontiguousarray(values).tobytes()
        pieces.append(len(raw).to_bytes(8, "little") + raw)
        return (
            f'<DataArray type="{kind}" Name="{name}" NumberOfComponents="{width}" format="appended" offset="{offset}"/>'
        )

    parts = [
        '<?xml version="1.0"?>\n'
        '<VTKFile type="PolyData" version="1.0" byte_order="LittleEndian" header_type="UInt64">\n'
        f'<PolyData><Piece NumberOfPoints="{count}" NumberOfVerts="0" NumberOfLines="0" NumberOfStrips="0" '
        f'NumberOfPolys="{faces}">\n'
    ]
    if data.colors is not None:
        parts.append(f'<PointData Scalars="RGB">{array("RGB", "UInt8", eight_bits(data.colors), 3)}</PointData>\n')
    parts.append(f"<Points>{array('Points', 'Float64', data.vertices.astype('<f8'), 3)}</Points>\n<Polys>")
    parts.append(array("connectivity", "Int64", data.triangles.astype("<i8")))
    parts.append(array("offsets", "Int64", 3 * np.arange(1, faces + 1, dtype="<i8")))
    parts.append('</Polys></Piece></PolyData>\n<AppendedData encoding="raw">_')
    stream.write("".join(parts).encode("ascii"))
    for piece in pieces:
        stream.write(piece)
    stream.write(b"</AppendedData></VTKFile>")


def _colors(file: "_File", piece: ElementTree.Element, count: int) -> FloatArray | None:
    for element in piece.findall("PointData/DataArray"):
        if element.get("type") == "UInt8" and element.get("NumberOfComponents") in ("3", "4"):
            values = file.array(element).reshape(-1, int(element.get("NumberOfComponents", "3")))
            if len(values) == count:
                return unit_colors(values[:, :3])
    return None


class _File:
    """The XML, and what is appended to it."""

    def __init__(self, content: bytes) -> None:
        self.appended, self.encoding, self.limit = b"", "", _EXPANSION * len(content)
        if not content.rstrip().endswith(b"</VTKFile>"):
            raise FormatError("the VTP file is cut short: it has no end")
        found = _APPENDED.search(content)
        if found:
            end = content.rfind(b"</AppendedData>")
            self.appended, self.encoding = content[found.end() : end], found[1].decode()
            content = content[: found.start()] + b"</VTKFile>"
        self.root = safe_xml(content)
        if self.root.get("type") != "PolyData":
            raise FormatError(f"expected VTK PolyData, got {self.root.get('type')}; export the surface as PolyData")
        self.order = ">" if self.root.get("byte_order") == "BigEndian" else "<"
        self.head = np.dtype(self.order + ("u8" if self.root.get("header_type") == "UInt64" else "u4"))
        self.compressor = self.root.get("compressor", "")
        if self.compressor not in ("", "vtkZLibDataCompressor", "vtkLZMADataCompressor"):
            raise FormatError(f"the VTP file is compressed with {self.compressor}, which is not supported; use zlib")

    def array(self, element: ElementTree.Element) -> NDArray:
        """The flat numbers of a `DataArray`."""
        kind, form = element.get("type", ""), element.get("format", "ascii")
        if kind not in _TYPES:
            raise FormatError(f"the VTP file holds an array of '{kind[:20]}', which is not supported")
        dtype = np.dtype(self.order + _TYPES[kind])
        if form == "ascii":
            values = floats_of((element.text or "").encode("latin-1", "replace").split())
            return values if dtype.kind == "f" else values.astype(np.int64)
        if form == "appended":
            start = int(element.get("offset", "-1"))
            if not 0 <= start < max(len(self.appended), 1):
                raise FormatError("the VTP file is cut short: an array reaches beyond its data")
            raw, encoded = self.appended[start:], self.encoding == "base64"
        else:
            raw, encoded = (element.text or "").encode("ascii", "replace").strip(), True
        content = self._unpacked(raw, encoded) if self.compressor else self._plain(raw, encoded)
        return np.frombuffer(content, dtype, len(content) // dtype.itemsize)

    def lists(self, piece: ElementTree.Element, group: str) -> tuple[IntArray, IntArray]:
        """Lengths and flat corners of the cells of one kind."""
        arrays = {a.get("Name"): a for a in piece.findall(f"{group}/DataArray")}
        if not {"connectivity", "offsets"} <= set(arrays):
            if int(piece.get(f"NumberOf{group}", "0")):
                raise FormatError(f"the VTP file is damaged: its {group} lack connectivity or offsets")
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        corners = self.array(arrays["connectivity"]).astype(np.int64)
        ends = self.array(arrays["offsets"]).astype(np.int64)
        lengths = np.diff(ends, prepend=0)
        wanted = piece.get(f"NumberOf{group}")
        if (
            (lengths < 0).any()
            or (ends[-1] if len(ends) else 0) != len(corners)
            or int(wanted or len(ends)) != len(ends)
        ):
            raise FormatError(f"the VTP file is damaged: the offsets of its {group} do not fit")
        return lengths, corners

    def _plain(self, raw: bytes, encoded: bool) -> bytes:
        size = self.head.itemsize
        if encoded:
            length = self._numbers(_decoded(raw, size), 1)[0]
            content = _decoded(raw, size + length)[size:]
        else:
            length = self._numbers(raw, 1)[0]
            content = raw[size : size + length]
        if len(content) != length:
            raise FormatError("the VTP file is cut short: an array has fewer bytes than announced")
        return content

    def _unpacked(self, raw: bytes, encoded: bool) -> bytes:
        """Blocks after a header of their number, size, last size, and packed sizes."""
        size = self.head.itemsize
        count = self._numbers(_decoded(raw, size) if encoded else raw, 1)[0]
        if count > len(raw):
            raise FormatError("the VTP file is damaged: it announces more blocks than it has bytes")
        length = (3 + count) * size
        numbers = self._numbers(_decoded(raw, length) if encoded else raw, 3 + count)
        body = raw[4 * ((length + 2) // 3) :] if encoded else raw[length:]
        packed = numbers[3:]
        if encoded:
            body = _decoded(body, sum(packed))
        out, at = [], 0
        for index, step in enumerate(packed):
            last = index == count - 1 and numbers[2]
            out.append(self._block(body[at : at + step], numbers[2] if last else numbers[1]))
            at += step
            if sum(len(block) for block in out) > self.limit:
                raise FormatError("the VTP file is damaged: it unpacks to far more than it is")
        return b"".join(out)

    def _block(self, packed: bytes, size: int) -> bytes:
        if size > self.limit:
            raise FormatError("the VTP file is damaged: it unpacks to far more than it is")
        try:
            if self.compressor == "vtkLZMADataCompressor":
                content = lzma.LZMADecompressor().decompress(packed, size + 1)
            else:
                content = zlib.decompressobj().decompress(packed, size + 1)
        except (zlib.error, lzma.LZMAError) as error:
            raise FormatError(f"the VTP file is damaged: a block can't be unpacked ({error})") from None
        if len(content) != size:
            raise FormatError("the VTP file is damaged: a block has another size than announced")
        return content

    def _numbers(self, content: bytes, count: int) -> list[int]:
        if len(content) < count * self.head.itemsize:
            raise FormatError("the VTP file is cut short: an array has no header")
        return [int(n) for n in np.frombuffer(content, self.head, count)]


def _decoded(text: bytes, count: int) -> bytes:
    """The first `count` bytes of base64 text."""
    try:
        return base64.b64decode(text[: 4 * ((count + 2) // 3)])[:count]
    except binascii.Error as error:
        raise FormatError(f"the VTP file is damaged: its base64 is wrong ({error})") from None
