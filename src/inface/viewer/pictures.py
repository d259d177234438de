"""Pictures without a screen: meshes, a model's modes, heat maps with a legend (extra `render`).

Each cell of a picture is drawn by a renderer of its own and the cells are put together as images, so that one
machine always makes the same bytes from the same input.
"""

import io
import logging
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inface._optional import require
from inface._validate import FloatArray, IntArray, floats
from inface.codecs import atomic_write
from inface.geometry.proximity import surface_distance
from inface.mesh import Mesh
from inface.viewer.colors import Legend
from inface.viewer.sliders import mode_meshes
from inface.viewer.surfaces import drawable, known_vertices, named, vertex_normals

# name -> (yaw, pitch) in degrees; a positive yaw shows the subject's left, a positive pitch looks down
VIEWS = {
    "front": (0.0, 0.0),
    "three-quarter": (30.0, 5.0),
    "left": (90.0, 0.0),
    "right": (-90.0, 0.0),
    "back": (180.0, 0.0),
    "top": (0.0, 89.0),
}
STYLES = ("colour", "clay")
CLAY = (0.80, 0.745, 0.70)
_GROUND, _INK, _QUIET = (246, 245, 242), (31, 41, 55), (91, 100, 114)
_VIEW_ANGLE = 24.0
_LIGHTS = (((-0.45, 0.55, 0.8), 0.68), ((0.9, 0.1, 0.6), 0.30), ((0.0, 1.0, 0.2), 0.16))  # place, intensity
_FINER = 2  # each cell is drawn this many times finer and scaled down
Pixels = NDArray[np.uint8]
View = str | tuple[float, float]


def render(
    what: Any,
    path: str | Path | None = None,
    *,
    size: tuple[int, int] = (1280, 720),
    views: View | Sequence[View] = "three-quarter",
    style: str = "colour",
    heat: ArrayLike | Mapping[str, ArrayLike] | None = None,
    legend: Legend | str = "distance, mm",
    limit: float | None = None,
    transparent: bool = False,
    wireframe: bool = False,
    labels: bool = True,
    columns: int | None = None,
    modes: int = 3,
    deviations: Sequence[float] = (-3, 0, 3),
    group: str | None = None,
) -> Pixels:
    """Draw meshes, or a model's strongest modes, into one picture; returns it `(height, width, 4)` and writes `path`.

    Args:
        what: a mesh, several, name -> mesh, or a model (then `modes` of each block, or of `group`, at `deviations`).
        path: PNG file to write, or None.
        size: width and height in pixels.
        views: one or more of `VIEWS`, or `(yaw, pitch)` in degrees; every mesh is drawn from each.
        style: "colour" (vertex colours where a mesh has them) or "clay".
        heat: numbers `(V,)` to colour the surface by, for all meshes or name -> numbers; NaN is grey.
        legend: what the numbers are, or a ready `Legend` (then its range is used).
        limit: number at the top of the legend; by default what fits.
        transparent: no background.
        columns: cells in a row; by default what fills the picture best (a model: one row a mode).
    """
    if style not in STYLES:
        raise ValueError(f"style: expected one of {', '.join(STYLES)}, got '{style}'")
    width, height = (int(x) for x in size)
    if not (16 <= width <= 16384 and 16 <= height <= 16384):
        raise ValueError(f"size: expected 16 to 16384 pixels each way, got {width} x {height}")
    chosen = [views] if isinstance(views, str) or (len(views) == 2 and not isinstance(views[0], str | tuple)) else views
    angles = {_view_name(view): _angles(view) for view in chosen}  # type: ignore[union-attr, arg-type]
    is_model = hasattr(what, "decode_mesh")
    meshes = mode_meshes(what, modes, deviations, group) if is_model else named(what)
    if is_model and columns is None:
        columns = len(deviations) * len(angles)
    frame = Frame.around(meshes.values())
    values, key = _heat(heat, legend, limit, meshes)
    surfaces = {
        name: mesh if key is None or name not in values else mesh.with_colors(key.colors(values[name]))
        for name, mesh in meshes.items()
    }
    key_width = 90 if key is not None else 0
    cells = [(name, view) for name in surfaces for view in angles]
    columns = columns or len(angles) * best_columns(len(surfaces), (width - key_width) / len(angles), height)
    rows = -(-len(cells) // columns)
    cell = ((width - key_width) // columns, height // rows)
    caption = 22 if labels and len(cells) > 1 and cell[1] > 80 else 0
    canvas = require("PIL.Image", "rendering").new("RGBA", (width, height), (*_GROUND, 0 if transparent else 255))
    for i, (name, view) in enumerate(cells):
        left, top = (i % columns) * cell[0], (i // columns) * cell[1]
        drawn = draw(
            surfaces[name],
            (cell[0], cell[1] - caption),
            angles[view],
            frame=frame,
            coloured=style == "colour" or (key is not None and name in values),
            wireframe=wireframe,
            even=key is not None,
        )
        canvas.alpha_composite(require("PIL.Image", "rendering").fromarray(drawn), (left, top))
        if caption:
            text = name if len(angles) == 1 else view if len(surfaces) == 1 else f"{name}, {view}"
            _write(canvas, text, (left + cell[0] / 2, top + cell[1] - caption / 2), anchor="mm")
    if key is not None:
        _draw_legend(canvas, key)
    if path is not None:
        with atomic_write(path) as temporary:
            canvas.save(temporary, format="PNG")
    return np.asarray(canvas)


def turntable(count: int, pitch: float = 5.0) -> list[tuple[float, float]]:
    """`count` views all round from the front, turning the head to its right."""
    return [(360.0 * i / count, pitch) for i in range(count)]


def distances(meshes: Mapping[str, Mesh], reference: Mesh) -> dict[str, FloatArray]:
    """Distance in mm of every vertex of each mesh to a reference: to the same vertex where the two have one topology,
    else to the nearest point of its surface. Unknown vertices are NaN."""
    found = {}
    for name, mesh in meshes.items():
        if np.array_equal(mesh.triangles, reference.triangles) and len(mesh.vertices) == len(reference.vertices):
            found[name] = np.linalg.norm(mesh.vertices - reference.vertices, axis=1)
        else:
            known = known_vertices(mesh)
            found[name] = np.full(len(known), np.nan)
            found[name][known] = surface_distance(mesh.vertices[known], *drawable(reference, "reference"))
    return found


class Frame:
    """Centre and half-sizes that all cells share, so that they compare at one scale."""

    def __init__(self, centre, half_width: float, half_height: float) -> None:
        self.centre, self.half_width, self.half_height = centre, half_width, half_height

    @classmethod
    def around(cls, meshes) -> "Frame":
        """The box of the known vertices of all meshes."""
        boxes = [(np.nanmin(m.vertices, 0), np.nanmax(m.vertices, 0)) for m in meshes if len(m.vertices)]
        if not boxes or not np.isfinite(boxes).all():
            raise ValueError("nothing to draw: expected at least one mesh with known vertices")
        low, high = np.min([b[0] for b in boxes], 0), np.max([b[1] for b in boxes], 0)
        half = np.maximum((high - low) / 2, 1e-6)
        return cls((low + high) / 2, float(max(half[0], half[2])), float(half[1]))


class Easel:
    """Draws one surface after another at one size and style; a context, because it holds a window off the screen.

    Args:
        size: width and height in pixels.
        frame: what fills the picture.
        coloured: use vertex colours where a mesh has them.
        even: even light, which keeps a heat map's colours near those of its legend.
    """

    def __init__(
        self,
        size: tuple[int, int],
        frame: "Frame",
        *,
        coloured: bool = True,
        wireframe: bool = False,
        even: bool = False,
    ) -> None:
        self._size, self._frame, self._wireframe = size, frame, wireframe
        self._coloured, self._even = coloured, even
        self._surface: Any = None
        self._shown: tuple[Any, Any] = (None, None)

    def __enter__(self) -> "Easel":
        pv = _pyvista()
        window = (self._size[0] * _FINER, self._size[1] * _FINER)
        self._plotter = pv.Plotter(off_screen=True, window_size=window, lighting="none")
        for position, intensity in _LIGHTS:
            self._plotter.add_light(pv.Light(position=position, intensity=intensity, light_type="camera light"))
        return self

    def __exit__(self, *_: object) -> None:
        self._plotter.close()

    def paint(self, mesh: Mesh, view: tuple[float, float]) -> Pixels:
        """The mesh from one side on a transparent ground, `(height, width, 4)` uint8."""
        vertices, triangles = drawable(mesh)
        if self._surface is not None and triangles is self._shown[0] and mesh.colors is self._shown[1]:
            self._surface.points = vertices
            self._surface.point_data.active_normals = vertex_normals(vertices, triangles)
        else:
            self._put(mesh, vertices, triangles)
        _aim(self._plotter, self._frame, view, self._size[0] / self._size[1])
        self._plotter.render()
        shot = self._plotter.screenshot(return_img=True, transparent_background=True)
        image = require("PIL.Image", "rendering")
        return np.asarray(image.fromarray(np.ascontiguousarray(shot)).resize(self._size, image.Resampling.BOX))

    def _put(self, mesh: Mesh, vertices: FloatArray, triangles: IntArray) -> None:
        """A surface in place of the last one; it can be moved while only the vertices differ."""
        pv = _pyvista()
        self._plotter.clear_actors()
        if not len(triangles):
            self._surface = pv.PolyData(vertices)
        else:
            self._surface = pv.PolyData.from_regular_faces(vertices, triangles)
            self._surface.point_data.active_normals = vertex_normals(vertices, triangles)
        self._shown = (triangles, mesh.colors)
        shown: dict[str, Any] = {
            "ambient": 0.45 if self._even else 0.34,
            "diffuse": 0.6 if self._even else 0.8,
            "specular_power": 20,
        }
        shown |= {"specular": 0.02 if self._even else 0.06, "point_size": 4.0, "smooth_shading": False}
        if self._coloured and mesh.colors is not None:
            shown |= {"scalars": np.round(mesh.colors * 255).astype(np.uint8), "rgb": True}
        else:
            shown |= {"color": CLAY}
        self._plotter.add_mesh(self._surface, **shown).prop.interpolation = "Phong"
        if self._wireframe:
            edges = {"style": "wireframe", "color": (0.22, 0.24, 0.28), "line_width": 1, "lighting": False}
            self._plotter.add_mesh(self._surface, **edges)


def draw(mesh: Mesh, size: tuple[int, int], view: tuple[float, float], *, frame: Frame, **style: bool) -> Pixels:
    """One mesh on an easel of its own; see `Easel`."""
    with Easel(size, frame, **style) as easel:
        return easel.paint(mesh, view)


def png(pixels: Pixels) -> bytes:
    """A PNG file of `(height, width, 3 or 4)` uint8."""
    out = io.BytesIO()
    require("PIL.Image", "writing a picture").fromarray(np.ascontiguousarray(pixels)).save(out, format="PNG")
    return out.getvalue()


def best_columns(count: int, width: float, height: float) -> int:
    """Columns that give the biggest cells to `count` pictures of about equal sides."""
    return max(range(1, count + 1), key=lambda c: (round(min(width / c, height / -(-count // c)), 6), -c))


@cache
def _pyvista():
    pv = require("pyvista", "rendering without a screen")
    logging.getLogger("pyvista").setLevel(logging.ERROR)
    # no X server is meant to be there: the renderer says so on stderr each time and then uses EGL
    require("vtkmodules.vtkCommonCore", "rendering without a screen").vtkLogger.SetStderrVerbosity(
        require("vtkmodules.vtkCommonCore", "rendering without a screen").vtkLogger.VERBOSITY_ERROR
    )
    return pv


def _aim(plotter, frame: Frame, view: tuple[float, float], aspect: float) -> None:
    yaw, pitch = np.radians(view)
    towards = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
    half = np.tan(np.radians(_VIEW_ANGLE / 2))
    distance = 1.06 * max(frame.half_height, frame.half_width / aspect) / half + 0.6 * frame.half_width
    camera = plotter.camera
    camera.focal_point, camera.position, camera.up = frame.centre, frame.centre + distance * towards, (0, 1, 0)
    camera.view_angle = _VIEW_ANGLE
    reach = 2 * (frame.half_width + frame.half_height)
    camera.clipping_range = (max(distance - reach, distance * 0.01), distance + reach)


def _angles(view: View) -> tuple[float, float]:
    if isinstance(view, str):
        if view not in VIEWS:
            raise ValueError(f"view: expected one of {', '.join(VIEWS)} or (yaw, pitch) in degrees, got '{view}'")
        return VIEWS[view]
    yaw, pitch = (float(x) for x in view)
    return yaw, float(np.clip(pitch, -89, 89))


def _view_name(view: View) -> str:
    return view if isinstance(view, str) else f"{view[0]:g}, {view[1]:g} degrees"


def _heat(
    heat, legend: Legend | str, limit: float | None, meshes: Mapping[str, Mesh]
) -> tuple[dict[str, Any], Legend | None]:
    if heat is None:
        return {}, None
    given = heat if isinstance(heat, Mapping) else {name: heat for name in meshes}
    values = {}
    for name, numbers in given.items():
        if name not in meshes:
            raise ValueError(f"heat: no mesh '{name}'; there are {', '.join(meshes)}")
        count = len(meshes[name].vertices)
        values[name] = floats(f"heat of '{name}'", numbers, (count,))
    key = (
        legend if isinstance(legend, Legend) else Legend.of(np.concatenate(list(values.values())), legend, limit=limit)
    )
    return values, key


def _write(canvas, text: str, at: tuple[float, float], *, size: int = 13, fill=_QUIET, anchor: str = "lm") -> None:
    drawing = require("PIL.ImageDraw", "rendering").Draw(canvas)
    font = require("PIL.ImageFont", "rendering").load_default(size)
    drawing.text(at, text, font=font, fill=(*fill, 255), anchor=anchor)


def _draw_legend(canvas, key: Legend) -> None:
    """The colour bar with its numbers at the right edge."""
    width, height = canvas.size
    tall = min(int(0.5 * height), 320)
    left, top = width - 80, (height - tall) // 2
    ramp = key.colors(np.linspace(key.high, key.low, tall))
    bar = np.concatenate([np.repeat(ramp[:, None], 16, 1), np.ones((tall, 16, 1))], 2)
    image = require("PIL.Image", "rendering").fromarray(np.round(bar * 255).astype(np.uint8))
    canvas.alpha_composite(image, (left, top))
    for text, y in zip(key.ticks, np.linspace(top, top + tall, len(key.ticks)), strict=True):
        _write(canvas, text, (left + 22, float(y)))
    _write(canvas, key.label, (width - 8, top - 18), anchor="rm", fill=_INK)
