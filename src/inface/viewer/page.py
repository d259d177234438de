"""One self-contained HTML page that shows meshes in 3D: no network, no installation, one file to send."""

import base64
import html
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

import inface
from inface._validate import FloatArray
from inface.codecs import atomic_write
from inface.mesh import Mesh
from inface.viewer.colors import Legend
from inface.viewer.surfaces import drawable, known_vertices

_KINDS = {"|u1": "u1", "<u2": "u2", "<u4": "u4", "|i1": "i1", "<i2": "i2", "<f4": "f4"}
# positions are stored in 16-bit steps when a step is at most this part of a unit (mm): 0.01
_FINEST_STEP = 0.01


@dataclass(frozen=True)
class Panel:
    """One tab of a page: meshes side by side, with a sentence that says what is seen.

    Attributes:
        title: the tab's name, a word or two.
        caption: one or two plain sentences.
        meshes: name -> mesh, in one frame and unit; NaN vertices are left out.
        legend: when given, vertex colours are a heat map and this says what they mean.
    """

    title: str
    caption: str
    meshes: Mapping[str, Mesh]
    legend: Legend | None = None


def write_page(path: str | Path, panels: Sequence[Panel], title: str = "inface", subtitle: str = "") -> None:
    """Write `panels` as one HTML file that opens offline in any browser with WebGL 2.

    Positions are stored within 0.005 mm, a topology that several meshes share once. The write is atomic.
    """
    blob = Blob()
    data = {"panels": [_panel(panel, blob) for panel in panels]}
    save_page(path, blob, data, title=title, subtitle=subtitle)


def save_page(path: str | Path, blob: "Blob", data: dict, *, title: str, subtitle: str = "", extra=()) -> None:
    """Fill the page's frame and write it; `extra` names further scripts of `assets/`, run after the page's own."""
    data = {"title": title, "subtitle": subtitle, "topologies": blob.topologies, **data}
    text = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    scripts = "\n".join(_asset(name) for name in ("stage.js", "page.js", *extra))
    parts = {
        "version": inface.__version__,
        "title": html.escape(title),
        "style": _asset("page.css"),
        "data": text,
        "bytes": base64.b64encode(zlib.compress(blob.bytes(), 9)).decode(),
        "scripts": scripts,
    }
    pieces = _asset("page.html").split("{{")
    page = pieces[0]
    for piece in pieces[1:]:
        name, rest = piece.split("}}", 1)
        page += parts[name] + rest
    with atomic_write(path) as temporary:
        Path(temporary).write_text(page, encoding="utf-8")


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


def _panel(panel: Panel, blob: Blob) -> dict:
    legend = panel.legend and {
        "label": panel.legend.label,
        "colors": list(panel.legend.steps),
        "ticks": list(panel.legend.ticks),
    }
    meshes = [_mesh(name, mesh, blob, panel.legend is not None) for name, mesh in panel.meshes.items()]
    return {"title": panel.title, "caption": panel.caption, "legend": legend, "meshes": meshes}


def _mesh(name: str, mesh: Mesh, blob: Blob, heat: bool) -> dict:
    vertices, triangles = drawable(mesh, name)
    colors = None if mesh.colors is None else blob.add(np.round(mesh.colors * 255).astype("u1").reshape(-1))
    return {
        "name": str(name),
        "topology": blob.topology(len(vertices), triangles),
        "positions": blob.positions(vertices),
        "colors": colors,
        "heat": heat,
        "landmarks": _landmarks(mesh),
    }


def _landmarks(mesh: Mesh) -> list:
    """`[name, x, y, z, nearest vertex]` of each defined landmark."""
    if mesh.landmarks is None or not len(mesh.landmarks):
        return []
    points = mesh.landmarks.points
    defined = np.flatnonzero(np.isfinite(points).all(1))
    ids = np.flatnonzero(known_vertices(mesh))
    nearest = ids[cKDTree(mesh.vertices[ids]).query(points[defined])[1]]
    return [
        [mesh.landmarks.names[i], *np.round(points[i], 3).tolist(), int(v)]
        for i, v in zip(defined, nearest, strict=True)
    ]


def _asset(name: str) -> str:
    return (files("inface.viewer") / "assets" / name).read_text(encoding="utf-8")
