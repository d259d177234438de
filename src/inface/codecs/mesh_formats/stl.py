"""STL: triangles without vertex identity, so what is read has `correspondence=False`.

Equal corners are welded into one vertex, in the order of their first appearance; the original numbering is lost for
good, which is why models refuse STL. Written as binary float32, as printers want it.
"""

import re
from pathlib import Path
from typing import BinaryIO

import numpy as np

from inface._validate import finite
from inface.codecs.mesh_formats.data import MeshData, MeshLike, float32_error
from inface.codecs.mesh_formats.slicer_space import lps_signs
from inface.codecs.numbers import floats_of
from inface.errors import FormatError

_FACET = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_CORNER = re.compile(rb"\bvertex\s+(\S+)\s+(\S+)\s+(\S+)")


def is_own(content: bytes) -> bool:
    """Whether the size is the one that the binary header announces, or the text is that of an STL."""
    if len(content) >= 84 and len(content) == 84 + 50 * _announced(content):
        return True
    return content[:512].lstrip().startswith(b"solid") and b"facet" in content[:2000]


def parse(content: bytes, folder: Path | None = None) -> MeshData:
    """Read binary or text STL; bytes after the last triangle of a binary one are passed over."""
    if content.lstrip()[:5].lower() == b"solid" and b"\0" not in content:
        corners = _text(content)
    else:
        corners = _binary(content)
    _, first, inverse = np.unique(corners, axis=0, return_index=True, return_inverse=True)
    by_appearance = np.argsort(first)
    rank = np.empty(len(first), np.int64)
    rank[by_appearance] = np.arange(len(first))
    return MeshData(
        corners[first[by_appearance]] * lps_signs(content[:200]),
        rank[inverse.reshape(-1)].reshape(-1, 3),
        correspondence=False,
        format="STL",
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
    if error := float32_error(corners.reshape(-1, 3)):
        raise FormatError(
            f"the mesh lies so far from the origin that STL (float32) would move it by {error:.2g} mm; centre it "
            "first: mesh.with_vertices(mesh.vertices - mesh.vertices.mean(0)), or write PLY"
        )
    facets = np.zeros(len(corners), _FACET)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    facets["normal"] = np.divide(normals, length, out=np.zeros_like(normals), where=length > 0)
    facets["corners"] = corners
    stream.write(b"inface: units are millimetres".ljust(80) + len(corners).to_bytes(4, "little"))
    stream.write(facets.data)


def _announced(content: bytes) -> int:
    return int.from_bytes(content[80:84], "little")


def _binary(content: bytes) -> np.ndarray:
    if len(content) < 84:
        raise FormatError("the STL file is cut short: its header is incomplete")
    count = _announced(content)
    size = 84 + 50 * count
    rest = content[size:]
    # what follows is padding or a mark of a program; whole further triangles mean that the count is wrong
    if len(content) < size or (len(rest) and (count == 0 or (len(rest) % 50 == 0 and any(rest)))):
        raise FormatError(
            f"the STL file is damaged or cut short: {count} triangles need {size} bytes, but it has {len(content)}"
        )
    return np.frombuffer(content, _FACET, count, offset=84)["corners"].reshape(-1, 3).astype(np.float64)


def _text(content: bytes) -> np.ndarray:
    lowered = content.lower()
    rows = _CORNER.findall(lowered)
    facets = len(re.findall(rb"\bendfacet\b", lowered))
    if b"endsolid" not in lowered or len(rows) != 3 * facets:
        raise FormatError(f"the text STL file is cut short: {facets} whole triangles, {len(rows)} corners")
    return floats_of(rows) if rows else np.zeros((0, 3))
