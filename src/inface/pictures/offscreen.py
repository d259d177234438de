"""One mesh after another drawn without a screen, at one scale (extra `render`)."""

import logging
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inface._optional import require
from inface._validate import FloatArray, IntArray
from inface.geometry.adjacency import vertex_normals
from inface.mesh import Mesh
from inface.pictures.surfaces import drawable

CLAY = (0.80, 0.745, 0.70)
_VIEW_ANGLE = 24.0
_LIGHTS = (((-0.45, 0.55, 0.8), 0.68), ((0.9, 0.1, 0.6), 0.30), ((0.0, 1.0, 0.2), 0.16))  # place, intensity
_FINER = 2  # each picture is drawn this many times finer and scaled down
Pixels = NDArray[np.uint8]


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


class OffscreenRenderer:
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
        frame: Frame,
        *,
        coloured: bool = True,
        wireframe: bool = False,
        even: bool = False,
    ) -> None:
        self._size, self._frame, self._wireframe = size, frame, wireframe
        self._coloured, self._even = coloured, even
        self._surface: Any = None
        self._shown: tuple[Any, Any] = (None, None)

    def __enter__(self) -> "OffscreenRenderer":
        pv = _pyvista()
        window = (self._size[0] * _FINER, self._size[1] * _FINER)
        self._plotter = pv.Plotter(off_screen=True, window_size=window, lighting="none")
        for position, intensity in _LIGHTS:
            self._plotter.add_light(pv.Light(position=position, intensity=intensity, light_type="camera light"))
        return self

    def __exit__(self, *_: object) -> None:
        self._plotter.close()

    def draw(self, mesh: Mesh, view: tuple[float, float]) -> Pixels:
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
    """One mesh by a renderer of its own; see `OffscreenRenderer`."""
    with OffscreenRenderer(size, frame, **style) as renderer:
        return renderer.draw(mesh, view)


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
