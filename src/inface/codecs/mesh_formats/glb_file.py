"""The two chunks of a GLB file [gltf2]: its JSON, and the arrays and pictures in its binary part."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inface.errors import FormatError

_COMPONENTS = {
    5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5124: "<i4", 5125: "<u4", 5126: "<f4", 5130: "<f8"
}  # fmt: skip
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_JSON, _BIN = 0x4E4F534A, 0x004E4942


@dataclass(frozen=True, eq=False)
class Glb:
    """An open file: the document, and the bytes that its buffer views cut from."""

    document: dict
    binary: bytes

    def accessor(self, index: int) -> NDArray:
        """The numbers `(n, width)` of an accessor; quantised ones become -1..1 or 0..1 where they say so."""
        accessor = self.document["accessors"][index]
        kind, width = np.dtype(_COMPONENTS[accessor["componentType"]]), _WIDTHS[accessor["type"]]
        count = accessor["count"]
        if "bufferView" in accessor:
            values = self._strided(accessor["bufferView"], accessor.get("byteOffset", 0), kind, width, count)
        else:
            if "sparse" not in accessor or not 0 <= count * width * kind.itemsize <= 100 * len(self.binary) + 10**6:
                raise FormatError("the GLB file has an accessor without data")
            values = np.zeros((count, width), kind)
        if "sparse" in accessor:
            values = self._replaced(accessor["sparse"], values)
        if accessor.get("normalized") and kind.kind in "iu":
            values = np.maximum(values / float(np.iinfo(kind).max), -1)
        return values

    def view(self, index: int) -> bytes:
        """The bytes of a buffer view."""
        view = self._view(index)
        start = view.get("byteOffset", 0)
        if start < 0 or start + view["byteLength"] > len(self.binary):
            raise FormatError("the GLB file is cut short: a picture reaches beyond its data")
        return self.binary[start : start + view["byteLength"]]

    def _view(self, index: int) -> Mapping:
        view = self.document["bufferViews"][index]
        if "uri" in self.document["buffers"][view["buffer"]]:
            raise FormatError("the GLB file keeps its data in another file; export it as one .glb")
        return view

    def _strided(self, index: int, offset: int, kind: np.dtype, width: int, count: int) -> NDArray:
        view = self._view(index)
        start = view.get("byteOffset", 0) + offset
        size = kind.itemsize * width
        stride = view.get("byteStride", size)
        if min(start, count) < 0 or stride < size or start + stride * (count - 1) + size > len(self.binary):
            raise FormatError("the GLB file is cut short: its arrays reach beyond its data")
        return np.ndarray((count, width), kind, self.binary, start, (stride, kind.itemsize))

    def _replaced(self, sparse: Mapping, values: NDArray) -> NDArray:
        """The array with the rows that a sparse accessor names replaced."""
        where, what, count = sparse["indices"], sparse["values"], sparse["count"]
        kind = np.dtype(_COMPONENTS[where["componentType"]])
        rows = self._strided(where["bufferView"], where.get("byteOffset", 0), kind, 1, count)[:, 0].astype(np.int64)
        if rows.size and (rows.min() < 0 or rows.max() >= len(values)):
            raise FormatError("a sparse accessor of the GLB file names a row that is not there")
        out = values.copy()
        out[rows] = self._strided(what["bufferView"], what.get("byteOffset", 0), values.dtype, values.shape[1], count)
        return out


def open_glb(content: bytes) -> Glb:
    """The chunks of a GLB file; `FormatError` when it is none, or is cut short."""
    if len(content) < 20 or content[:4] != b"glTF":
        raise FormatError("expected a GLB file; a .gltf with separate files must be exported as one .glb")
    version, total, length, kind = (int(n) for n in np.frombuffer(content, "<u4", 4, 4))
    if version != 2:
        raise FormatError(f"expected glTF version 2, got version {version}; export it anew")
    if len(content) < total or 20 + length > total or kind != _JSON:
        raise FormatError(f"the GLB file is damaged or cut short: {total} bytes announced, {len(content)} there")
    document = json.loads(content[20 : 20 + length])
    if not isinstance(document, dict):
        raise FormatError("the GLB file is damaged: its JSON is no object")
    binary = b""
    if 28 + length <= total:
        size, kind = (int(n) for n in np.frombuffer(content, "<u4", 2, 20 + length))
        binary = content[28 + length : 28 + length + size] if kind == _BIN else b""
    return Glb(document, binary)
