"""The numbers of a page: arrays end to end in one deflated block, referred to by offset, count and kind."""

from typing import Any

import numpy as np

from inface._validate import FloatArray

_KINDS = {"|u1": "u1", "<u2": "u2", "<u4": "u4", "|i1": "i1", "<i2": "i2", "<f4": "f4"}
# positions are stored in 16-bit steps when a step is at most this part of a unit (mm): 0.01
_FINEST_STEP = 0.01


class Blob:
    """The page's numbers, little-endian, end to end, deflated in the page; a reference is `[offset, count, kind]`."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._known: dict[tuple[int, bytes], int] = {}
        self.topologies: list[dict[str, Any]] = []

    def add(self, array: np.ndarray) -> list:
        """Store an array of one of the kinds u1, u2, u4, i1, i2, f4."""
        array = np.ascontiguousarray(array)
        if array.dtype.byteorder == ">":
            array = array.astype(array.dtype.newbyteorder("<"))
        offset = self._size
        data = array.tobytes()
        data += b"\0" * (-len(data) % 4)
        self._parts.append(data)
        self._size += len(data)
        return [offset, array.size, _KINDS[array.dtype.str]]

    def add_planes(self, row: np.ndarray) -> list:
        """Store int16 numbers as all low bytes, then all high bytes, which deflate better; small ones as int8."""
        if not len(row) or (row.min() >= -128 and row.max() <= 127):
            return self.add(row.astype("i1"))
        planes = np.ascontiguousarray(row, "<i2").view(np.uint8).reshape(-1, 2).T
        offset, _, _ = self.add(planes)
        return [offset, len(row), "p2"]

    def topology(self, vertex_count: int, triangles: np.ndarray) -> int:
        """Number of a topology; the same triangles are stored once."""
        flat = np.asarray(triangles, np.uint16 if vertex_count <= 65536 else np.uint32)
        key = (vertex_count, flat.tobytes())
        if key not in self._known:
            self._known[key] = len(self.topologies)
            self.topologies.append({"triangles": self.add(flat.reshape(-1))})
        return self._known[key]

    def positions(self, vertices: FloatArray) -> dict:
        """Vertices `(V, 3)` as 16-bit steps inside their box, or as floats where the steps would be too coarse."""
        low = vertices.min(0) if len(vertices) else np.zeros(3)
        step = (np.ptp(vertices, axis=0) if len(vertices) else np.zeros(3)) / 65535
        if step.max() > _FINEST_STEP:
            return {"floats": self.add(vertices.astype("<f4").reshape(-1))}
        steps = np.round((vertices - low) / np.where(step > 0, step, 1)).astype("<u2")
        return {"low": low.tolist(), "step": step.tolist(), "steps": self.add(steps.reshape(-1))}

    def bytes(self) -> bytes:
        """All of it."""
        return b"".join(self._parts)
