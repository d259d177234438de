"""Pictures to publish: what the page shows, larger, with legend, a bar of known length and a caption."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inface._optional import require
from inface.pictures.colours import Legend
from inface.pictures.rendering import draw_legend, write_text

_INK, _GROUND = (31, 41, 55), (255, 255, 255)
_LENGTHS = (1, 2, 5, 10, 20, 50, 100, 200, 500)  # mm


@dataclass(frozen=True)
class Layout:
    """What is put on a picture.

    Attributes:
        scale: times the size of the page's view, 1 to 4.
        mm_per_pixel: at the place the camera looks at, in the finished picture; None leaves the bar out.
        caption: words under the picture; "" for none.
        legend: of the colours; None for none.
    """

    scale: int = 2
    mm_per_pixel: float | None = None
    caption: str = ""
    legend: Legend | None = None


def published(shot: NDArray[np.uint8], layout: Layout) -> NDArray[np.uint8]:
    """A picture `(height, width, 3 or 4)` with what the layout asks for, on white, `(height', width, 3)`."""
    image = require("PIL.Image", "writing a picture")
    drawn = image.fromarray(np.ascontiguousarray(shot)).convert("RGBA")
    width, height = drawn.size
    size = max(13, round(height / 42))
    below = round(2.2 * size) if layout.caption else 0
    canvas = image.new("RGBA", (width, height + below), (*_GROUND, 255))
    canvas.alpha_composite(drawn)
    if layout.legend is not None:
        key = image.new("RGBA", (max(width // max(layout.scale, 1), 90), max(height // max(layout.scale, 1), 60)))
        draw_legend(key, layout.legend)
        key = key.resize((key.width * layout.scale, key.height * layout.scale), image.Resampling.LANCZOS)
        canvas.alpha_composite(key.crop((max(key.width - width, 0), 0, key.width, min(key.height, height))),
                               (max(width - key.width, 0), 0))  # fmt: skip
    if layout.mm_per_pixel:
        _bar(canvas, layout.mm_per_pixel, height, size)
    if layout.caption:
        write_text(canvas, layout.caption, (size, height + below / 2), size=size, fill=_INK)
    return np.asarray(canvas.convert("RGB"))


def bar_length(mm_per_pixel: float, width: int) -> int:
    """The longest round length in mm that takes at most a fifth of the picture."""
    room = 0.2 * width * mm_per_pixel
    return max((length for length in _LENGTHS if length <= room), default=_LENGTHS[0])


def _bar(canvas: Any, mm_per_pixel: float, height: int, size: int) -> None:
    length = bar_length(mm_per_pixel, canvas.width)
    left, top, wide = size, height - 2 * size, round(length / mm_per_pixel)
    drawing = require("PIL.ImageDraw", "writing a picture").Draw(canvas)
    drawing.rectangle((left, top, left + wide, top + max(2, size // 5)), fill=(*_INK, 255))
    write_text(canvas, f"{length} mm", (left, top - 0.8 * size), size=size, fill=_INK)


def mm_per_pixel(position: Any, target: Any, fov: float, height: int) -> float:
    """Millimetres that a pixel shows at the depth of what the camera looks at."""
    away = float(np.linalg.norm(np.asarray(target, float) - np.asarray(position, float)))
    return 2 * away * float(np.tan(fov / 2)) / height
