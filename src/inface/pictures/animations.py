"""Animations of a model: a storyboard drawn into a GIF, WebP or MP4 file (extra `render`)."""

import io
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inface._optional import require
from inface.codecs import atomic_write
from inface.errors import InfaceError
from inface.mesh import Mesh
from inface.pictures.offscreen import Frame, OffscreenRenderer, Pixels
from inface.pictures.storyboard import Storyboard, teaser, timeline

if TYPE_CHECKING:
    from inface.models.base import MorphableModel

SUFFIXES = (".gif", ".webp", ".mp4")
GROUND = (246, 245, 242)


def animate(
    model: "MorphableModel",
    path: str | Path,
    storyboard: Storyboard | None = None,
    *,
    tell: Any = lambda done, total: None,
) -> int:
    """Draw a storyboard (by default `teaser`) into a GIF, WebP or MP4 file; returns the number of pictures.

    `tell(done, total)` is called after each picture. The write is atomic.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise InfaceError(f"'{path}': expected a file ending in {', '.join(SUFFIXES)}")
    board = storyboard or teaser(model)
    moments = list(timeline(model, board))
    meshes = [model.decode_mesh(latent) for latent, _ in moments]
    drawn: list[Pixels] = []
    with OffscreenRenderer(board.size, Frame.around(meshes), coloured=board.style == "colour") as renderer:
        for number, (mesh, (_, view)) in enumerate(zip(meshes, moments, strict=True)):
            resting = number > 0 and view == moments[number - 1][1] and _same(mesh, meshes[number - 1])
            drawn.append(drawn[-1] if resting else on_ground([renderer.draw(mesh, view)]))
            tell(len(drawn), len(moments))
    with atomic_write(path) as temporary:
        _write(temporary, path.suffix.lower(), drawn, board.fps)
    return len(drawn)


def _same(a: Mesh, b: Mesh) -> bool:
    return np.array_equal(a.vertices, b.vertices)


def on_ground(layers: Sequence[Pixels]) -> Pixels:
    """Layers one over the other without transparency, `(height, width, 3)`."""
    out = np.empty((*layers[0].shape[:2], 3), np.uint8)
    out[:] = GROUND
    for pixels in layers:
        out = _over(pixels, out)
    return out


def webp(pictures: Sequence[Pixels], fps: int) -> bytes:
    """An animated WebP file."""
    image = require("PIL.Image", "writing an animation")
    frames, out = [image.fromarray(p) for p in pictures], io.BytesIO()
    options: dict[str, Any] = {"save_all": True, "duration": round(1000 / fps), "loop": 0, "quality": 80, "method": 3}
    frames[0].save(out, format="WEBP", append_images=frames[1:], **options)
    return out.getvalue()


def _over(pixels: Pixels, ground: Pixels) -> Pixels:
    cover = pixels[..., 3:].astype(np.float32) / 255
    return np.round(pixels[..., :3] * cover + ground * (1 - cover)).astype(np.uint8)


def _write(path: Path, suffix: str, pictures: Sequence[Pixels], fps: int) -> None:
    if suffix == ".mp4":
        _write_mp4(path, pictures, fps)
        return
    image = require("PIL.Image", "writing an animation")
    frames = [image.fromarray(p) for p in pictures]
    shared: dict[str, Any] = {"save_all": True, "duration": round(1000 / fps), "loop": 0}
    if suffix == ".webp":
        frames[0].save(path, format="WEBP", append_images=frames[1:], quality=80, method=3, **shared)
        return
    # one palette for all pictures, so that still places do not flicker
    sample = np.concatenate([np.asarray(f.resize((96, 96))) for f in frames[:: max(1, len(frames) // 24)]])
    palette = image.fromarray(sample).quantize(256, method=image.Quantize.FASTOCTREE)
    mapped = [f.quantize(palette=palette, dither=image.Dither.FLOYDSTEINBERG) for f in frames]
    mapped[0].save(path, format="GIF", append_images=mapped[1:], optimize=False, disposal=1, **shared)


def _write_mp4(path: Path, pictures: Sequence[Pixels], fps: int) -> None:
    """H.264 in a form that every browser plays; sides are made even."""
    ffmpeg = require("imageio_ffmpeg", "writing an MP4")
    height, width = (side - side % 2 for side in pictures[0].shape[:2])
    made = path.with_name(path.stem + ".part.mp4")
    try:
        writer = ffmpeg.write_frames(
            str(made), (width, height), fps=fps, codec="libx264", pix_fmt_out="yuv420p", macro_block_size=2,
            output_params=["-crf", "20", "-movflags", "+faststart"], ffmpeg_log_level="error",
        )  # fmt: skip
        writer.send(None)
        for picture in pictures:
            writer.send(np.ascontiguousarray(picture[:height, :width]))
        writer.close()
        shutil.copyfile(made, path)
    finally:
        made.unlink(missing_ok=True)
