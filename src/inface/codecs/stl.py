"""STL: triangles without vertex identity, so what is read has `correspondence=False`.

Equal corners are welded into one vertex, in the order of their first appearance; the original numbering is lost for
good, which is why models refuse STL. Written as binary float32, as printers want it.
"""

import re
from typing import BinaryIO

import numpy as np

from inface._validate import finite
from inface.codecs.mesh_data import MeshData, MeshLike
from inface.errors import FormatError

_FACET = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_CORNER = re.compile(rb"\bvertex\s+(\S+)\s+(\S+)\s+(\S+)")


def is_binary(content: bytes) -> bool:
    """Whether the size is the one that the binary header announces."""
    return len(content) >= 84 and len(content) == 84 + 50 * int.from_bytes(content[80:84], "little")


def parse(content: bytes) -> MeshData:
    """Read binary or text STL."""
    if is_binary(content):
        corners = np.frombuffer(content, _FACET, offset=84)["corners"].reshape(-1, 3).astype(np.float64)
    elif content.lstrip()[:5].lower() == b"solid" and b"\0" not in content:
        corners = _text(content)
    else:
        announced = int.from_bytes(content[80:84], "little") if len(content) >= 84 else None
        raise FormatError(
            "the STL file is cut short: its header is incomplete"
            if announced is None
            else f"the STL file is damaged or cut short: {announced} triangles need {84 + 50 * announced} bytes, "
            f"but it has {len(content)}"
        )
    _, first, inverse = np.unique(corners, axis=0, return_index=True, return_inverse=True)
    by_appearance = np.argsort(first)
    rank = np.empty(len(first), np.int64)
    rank[by_appearance] = np.arange(len(first))
    return MeshData(
        corners[first[by_appearance]], rank[inverse.reshape(-1)].reshape(-1, 3), correspondence=False, format="STL"
    )


def dump(stream: BinaryIO, data: MeshLike) -> None:
    """Write binary STL; colours, landmarks and vertex numbers are lost, unused vertices too.

    Raises:
        FormatError: a triangle has an unknown (NaN) vertex.
    """
    corners = data.vertices[data.triangles]
    try:
        finite("vertices", corners)
    except ValueError:
        raise FormatError("STL can't hold unknown (NaN) vertices; fill them first, or write PLY") from None
    facets = np.zeros(len(corners), _FACET)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    facets["normal"] = np.divide(normals, length, out=np.zeros_like(normals), where=length > 0)
    facets["corners"] = corners
    stream.write(b"inface: units are millimetres".ljust(80) + len(corners).to_bytes(4, "little"))
    stream.write(facets.data)


def _text(content: bytes) -> np.ndarray:
    lowered = content.lower()
    rows = _CORNER.findall(lowered)
    facets = len(re.findall(rb"\bendfacet\b", lowered))
    if b"endsolid" not in lowered or len(rows) != 3 * facets:
        raise FormatError(f"the text STL file is cut short: {facets} whole triangles, {len(rows)} corners")
    return np.array(rows, "S").astype(np.float64) if rows else np.zeros((0, 3))
