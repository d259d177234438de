"""Pictures without a screen: meshes, a model's modes, heat maps with a legend (extra `render`).

Each cell of a picture is drawn by a renderer of its own and the cells are put together as images, so that one
machine always makes the same bytes from the same input.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from inface._optional import require
from inface._validate import FloatArray, floats
from inface.codecs import atomic_write
from inface.geometry.proximity import surface_distance
from inface.mesh import Mesh
from inface.models.modes import mode_meshes
from inface.pictures.colours import Legend
from inface.pictures.offscreen import Frame, Pixels, draw
from inface.pictures.surfaces import drawable, known_vertices, named

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
_GROUND, _INK, _QUIET = (246, 245, 242), (31, 41, 55), (91, 100, 114)
_KEY_WIDTH = 90
View = str | tuple[float, float]


@dataclass(frozen=True, eq=False)
class RenderOptions:
    """How `render` draws.

    Attributes:
        size: width and height in pixels.
        views: one or more of `VIEWS`, or `(yaw, pitch)` in degrees; every mesh is drawn from each.
        style: "colour" (vertex colours where a mesh has them) or "clay".
        heat: numbers `(V,)` to colour the surface by, for all meshes or name -> numbers; NaN is grey.
        legend: what the numbers are, or a ready `Legend` (then its range is used).
        limit: number at the top of the legend; by default what fits.
        transparent: no background.
        wireframe, labels: draw the triangles' edges; write names under the cells.
        columns: cells in a row; by default what fills the picture best (a model: one row a mode).
        modes, deviations, group: of a model, the strongest modes of each block, or of `group`, at these deviations.
    """

    size: tuple[int, int] = (1280, 720)
    views: View | Sequence[View] = "three-quarter"
    style: str = "colour"
    heat: ArrayLike | Mapping[str, ArrayLike] | None = None
    legend: Legend | str = "distance, mm"
    limit: float | None = None
    transparent: bool = False
    wireframe: bool = False
    labels: bool = True
    columns: int | None = None
    modes: int = 3
    deviations: Sequence[float] = (-3, 0, 3)
    group: str | None = None

    def __post_init__(self) -> None:
        if self.style not in STYLES:
            raise ValueError(f"style: expected one of {', '.join(STYLES)}, got '{self.style}'")
        width, height = (int(x) for x in self.size)
        if not (16 <= width <= 16384 and 16 <= height <= 16384):
            raise ValueError(f"size: expected 16 to 16384 pixels each way, got {width} x {height}")
        object.__setattr__(self, "size", (width, height))

    @property
    def angles(self) -> dict[str, tuple[float, float]]:
        """Name -> (yaw, pitch) of every view."""
        views: Any = self.views
        one = isinstance(views, str) or (len(views) == 2 and not isinstance(views[0], str | tuple))
        return {_view_name(view): _angles(view) for view in ([views] if one else views)}


def render(
    what: Any, path: str | Path | None = None, *, options: RenderOptions | None = None, **changes: Any
) -> Pixels:
    """Draw meshes, or a model's strongest modes, into one picture; returns it `(height, width, 4)` and writes `path`.

    Args:
        what: a mesh, several, name -> mesh, or a model.
        path: PNG file to write, or None.
        options, changes: how; each field of `RenderOptions` may be given by its name.

    Raises:
        ValueError: an option that makes no sense; the sentence says what was expected.
        MissingDependencyError: the extra `render` is not installed.
    """
    unknown = set(changes) - {field.name for field in fields(RenderOptions)}
    if unknown:
        known = ", ".join(field.name for field in fields(RenderOptions))
        raise TypeError(f"render: unknown option '{min(unknown)}'; it takes {known}")
    chosen = replace(options or RenderOptions(), **changes)
    is_model = hasattr(what, "decode_mesh")
    meshes = mode_meshes(what, chosen.modes, chosen.deviations, chosen.group) if is_model else named(what)
    frame = Frame.around(meshes.values())
    values, key = _heat(chosen, meshes)
    columns = chosen.columns
    if columns is None and is_model:
        columns = len(chosen.deviations) * len(chosen.angles)
    canvas = _cells(meshes, values, key, frame, replace(chosen, columns=columns))
    if key is not None:
        draw_legend(canvas, key)
    if path is not None:
        with atomic_write(path) as temporary:
            canvas.save(temporary, format="PNG")
    return np.asarray(canvas)


def _cells(meshes: Mapping[str, Mesh], values: Mapping, key: Legend | None, frame: Frame, chosen: RenderOptions):
    """The picture with every mesh from every view, and names under them."""
    image = require("PIL.Image", "rendering")
    (width, height), angles = chosen.size, chosen.angles
    room = width - (_KEY_WIDTH if key is not None else 0)
    cells = [(name, view) for name in meshes for view in angles]
    columns = chosen.columns or len(angles) * best_columns(len(meshes), room / len(angles), height)
    rows = -(-len(cells) // columns)
    cell = (room // columns, height // rows)
    caption = 22 if chosen.labels and len(cells) > 1 and cell[1] > 80 else 0
    canvas = image.new("RGBA", (width, height), (*_GROUND, 0 if chosen.transparent else 255))
    for i, (name, view) in enumerate(cells):
        left, top = (i % columns) * cell[0], (i // columns) * cell[1]
        hot = key is not None and name in values
        drawn = draw(
            meshes[name].with_colors(key.colors(values[name])) if hot and key is not None else meshes[name],
            (cell[0], cell[1] - caption),
            angles[view],
            frame=frame,
            coloured=chosen.style == "colour" or hot,
            wireframe=chosen.wireframe,
            even=key is not None,
        )
        canvas.alpha_composite(image.fromarray(drawn), (left, top))
        if caption:
            text = name if len(angles) == 1 else view if len(meshes) == 1 else f"{name}, {view}"
            write_text(canvas, text, (left + cell[0] / 2, top + cell[1] - caption / 2), anchor="mm")
    return canvas


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


def png(pixels: Pixels) -> bytes:
    """A PNG file of `(height, width, 3 or 4)` uint8."""
    out = io.BytesIO()
    require("PIL.Image", "writing a picture").fromarray(np.ascontiguousarray(pixels)).save(out, format="PNG")
    return out.getvalue()


def best_columns(count: int, width: float, height: float) -> int:
    """Columns that give the biggest cells to `count` pictures of about equal sides."""
    return max(range(1, count + 1), key=lambda c: (round(min(width / c, height / -(-count // c)), 6), -c))


def _angles(view: View) -> tuple[float, float]:
    if isinstance(view, str):
        if view not in VIEWS:
            raise ValueError(f"view: expected one of {', '.join(VIEWS)} or (yaw, pitch) in degrees, got '{view}'")
        return VIEWS[view]
    yaw, pitch = (float(x) for x in view)
    return yaw, float(np.clip(pitch, -89, 89))


def _view_name(view: View) -> str:
    return view if isinstance(view, str) else f"{view[0]:g}, {view[1]:g} degrees"


def _heat(chosen: RenderOptions, meshes: Mapping[str, Mesh]) -> tuple[dict[str, Any], Legend | None]:
    """Name -> numbers to colour by, and their legend; nothing without `heat`."""
    if chosen.heat is None:
        return {}, None
    given = chosen.heat if isinstance(chosen.heat, Mapping) else {name: chosen.heat for name in meshes}
    values = {}
    for name, numbers in given.items():
        if name not in meshes:
            raise ValueError(f"heat: no mesh '{name}'; there are {', '.join(meshes)}")
        values[name] = floats(f"heat of '{name}'", numbers, (len(meshes[name].vertices),))
    if isinstance(chosen.legend, Legend):
        return values, chosen.legend
    return values, Legend.of(np.concatenate(list(values.values())), chosen.legend, limit=chosen.limit)


def write_text(canvas, text: str, at: tuple[float, float], *, size: int = 13, fill=_QUIET, anchor: str = "lm") -> None:
    """Write words on a picture of PIL."""
    drawing = require("PIL.ImageDraw", "rendering").Draw(canvas)
    font = require("PIL.ImageFont", "rendering").load_default(size)
    drawing.text(at, text, font=font, fill=(*fill, 255), anchor=anchor)


def draw_legend(canvas, key: Legend) -> None:
    """The colour bar with its numbers at the right edge."""
    width, height = canvas.size
    tall = min(int(0.5 * height), 320)
    left, top = width - 80, (height - tall) // 2
    ramp = key.colors(np.linspace(key.high, key.low, tall))
    bar = np.concatenate([np.repeat(ramp[:, None], 16, 1), np.ones((tall, 16, 1))], 2)
    image = require("PIL.Image", "rendering").fromarray(np.round(bar * 255).astype(np.uint8))
    canvas.alpha_composite(image, (left, top))
    for text, y in zip(key.ticks, np.linspace(top, top + tall, len(key.ticks)), strict=True):
        write_text(canvas, text, (left + 22, float(y)))
    write_text(canvas, key.label, (width - 8, top - 18), anchor="rm", fill=_INK)
