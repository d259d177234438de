"""A self-contained page that shows meshes in 3D: no network, no installation, one file to send."""

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from inface.mesh import Mesh
from inface.pages.blob import Blob
from inface.pages.document import Html, asset, element, frame, write
from inface.pictures.colours import Legend
from inface.pictures.surfaces import drawable, known_vertices


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


def save_page(path: str | Path, blob: Blob, data: dict, *, title: str, subtitle: str = "", extra=()) -> None:
    """Fill the page's frame and write it; `extra` names further scripts of `assets/`, run after the page's own."""
    data = {"title": title, "subtitle": subtitle, "topologies": blob.topologies, **data}
    text = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    packed = base64.b64encode(zlib.compress(blob.bytes(), 9)).decode()
    scripts = "\n".join(asset(name) for name in ("stage.js", "page.js", *extra))
    silent = "This page draws its shapes with JavaScript, which is switched off here."
    body = [
        element("noscript", element("p", silent, class_="message")),
        Html(f'<script type="application/json" id="inface-data">{text}</script>'),
        Html(f'<script type="text/plain" id="inface-bytes">{packed}</script>'),
        Html(f"<script>\n{scripts}\n</script>"),
    ]
    style = asset("theme.css") + asset("page.css")
    write(path, frame(title, Html("\n".join(body)), style=style, scripted=True))


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
