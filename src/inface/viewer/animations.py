"""Animations of a model: key frames in a storyboard, smooth ways between them, GIF, WebP or MP4 (extra `render`)."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inface._optional import require
from inface._validate import FloatArray
from inface.codecs import atomic_write
from inface.errors import FormatError, InfaceError
from inface.mesh import Mesh
from inface.viewer.pictures import STYLES, VIEWS, Easel, Frame, Pixels
from inface.viewer.scene import Blend, Scene
from inface.viewer.workbench import Workbench

if TYPE_CHECKING:
    from inface.models.base import MorphableModel

SUFFIXES = (".gif", ".webp", ".mp4")
GROUND = (246, 245, 242)
_MAX_FRAMES = 5000


@dataclass(frozen=True)
class KeyFrame:
    """Where the animation goes next; what is not given stays as it was.

    Attributes:
        seconds: how long the way there takes.
        hold: how long it rests there.
        seed: a random child.
        expression: a stored expression by name ("neutral" is always one); `strength` weakens or exaggerates it.
        age: months.
        sliders: slider label, such as "Identity 1", to standard deviations.
        view: a view's name, or (yaw, pitch) in degrees.
        reset: go back to the mean first.
    """

    seconds: float = 0.8
    hold: float = 0.3
    seed: int | None = None
    expression: str | None = None
    strength: float = 1.0
    age: float | None = None
    sliders: Mapping[str, float] | None = None
    view: str | tuple[float, float] | None = None
    reset: bool = False


@dataclass(frozen=True)
class Storyboard:
    """Key frames and how they are drawn.

    Attributes:
        frames: in order; the first one is where the animation starts.
        size: width and height in pixels.
        fps: pictures a second.
        style: "colour" or "clay".
        view: where the camera starts.
        loop: come back to the first key frame at the end.
    """

    frames: tuple[KeyFrame, ...]
    size: tuple[int, int] = (480, 480)
    fps: int = 20
    style: str = "colour"
    view: str | tuple[float, float] = "three-quarter"
    loop: bool = True

    def __post_init__(self) -> None:
        if not self.frames:
            raise ValueError("storyboard: expected at least one frame")
        if not 1 <= self.fps <= 60:
            raise ValueError(f"storyboard: expected 1 to 60 pictures a second, got {self.fps}")
        if self.style not in STYLES:
            raise ValueError(f"storyboard: expected the style {' or '.join(STYLES)}, got '{self.style}'")


def read_storyboard(path: str | Path) -> Storyboard:
    """A storyboard from a YAML file: the fields of `Storyboard`, `frames` a list of the fields of `KeyFrame`.

    Raises `FormatError` naming what is wrong.
    """
    yaml = require("yaml", "reading a storyboard")
    try:
        data = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FormatError(f"'{path}': not a YAML file ({str(error).splitlines()[0]})") from None
    try:
        if not isinstance(data, dict) or not isinstance(data.get("frames"), list):
            raise ValueError("expected a mapping with a list under 'frames'")
        frames = tuple(_fields(KeyFrame, frame, f"frame {i + 1}") for i, frame in enumerate(data["frames"]))
        rest = {key: value for key, value in data.items() if key != "frames"}
        return _fields(Storyboard, rest | {"frames": frames}, "storyboard")
    except (TypeError, ValueError) as error:
        raise FormatError(f"'{path}': {error}") from None


def teaser(model: "MorphableModel", children: int = 3, seed: int = 1) -> Storyboard:
    """Random children; each goes through the model's expressions and ages, as far as it has them."""
    bench = Workbench(model)
    expressions = [name for name in bench.presets if name != "neutral"]
    months = bench.months_range
    frames = [KeyFrame(seed=seed, hold=0.5, expression="neutral" if bench.presets else None)]
    for child in range(children):
        if child:
            frames.append(KeyFrame(seed=seed + child))
        if expressions:
            first = (2 * child) % len(expressions)
            for name in [*(expressions * 2)[first : first + min(2, len(expressions))], "neutral"]:
                frames.append(KeyFrame(expression=name, seconds=0.5))
        if months is not None:
            low, high = months
            middle = low + 0.2 * (high - low)
            frames += [KeyFrame(age=low), KeyFrame(age=high, seconds=1.2), KeyFrame(age=middle, hold=0.1)]
    return Storyboard(tuple(frames))


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
    with Easel(board.size, Frame.around(meshes), coloured=board.style == "colour") as easel:
        for number, (mesh, (_, view)) in enumerate(zip(meshes, moments, strict=True)):
            resting = number > 0 and view == moments[number - 1][1] and _same(mesh, meshes[number - 1])
            drawn.append(drawn[-1] if resting else _on_ground(easel.paint(mesh, view)))
            tell(len(drawn), len(moments))
    with atomic_write(path) as temporary:
        _write(temporary, path.suffix.lower(), drawn, board.fps)
    return len(drawn)


def timeline(model: "MorphableModel", board: Storyboard) -> Iterator[tuple[FloatArray, tuple[float, float]]]:
    """Latent `(K,)` and (yaw, pitch) of every picture; between key frames the way eases in and out."""
    keys = list(_keys(model, board))
    total = sum(f.seconds + f.hold for f in board.frames) * board.fps
    if not total <= _MAX_FRAMES:
        raise InfaceError(f"storyboard: {total:.0f} pictures; at most {_MAX_FRAMES} are drawn in one animation")
    steps = list(zip(board.frames, keys, strict=True))
    if board.loop and len(keys) > 1:
        steps.append((replace(board.frames[0], hold=0.0), keys[0]))
    latent, view = keys[0]
    for number, (key, (target, aim)) in enumerate(steps):
        moving = 0 if number == 0 else max(1, round(key.seconds * board.fps))
        for k in range(1, moving + 1):
            t = k / moving
            ease = t * t * (3 - 2 * t)
            yield (
                latent + ease * (target - latent),
                (view[0] + ease * (aim[0] - view[0]), view[1] + ease * (aim[1] - view[1])),
            )
        for _ in range(round(key.hold * board.fps)):
            yield target, aim
        latent, view = target, aim


def _keys(model: "MorphableModel", board: Storyboard) -> Iterator[tuple[FloatArray, tuple[float, float]]]:
    """Latent and view of every key frame."""
    bench = Workbench(model)
    scene, view = bench.start(), _angles(board.view)
    for number, key in enumerate(board.frames, 1):
        try:
            scene = _moved(bench, scene, key)
        except (ValueError, InfaceError) as error:
            raise InfaceError(f"storyboard, frame {number}: {error}") from None
        view = view if key.view is None else _angles(key.view)
        assert scene.shape is not None
        yield np.asarray(scene.shape.latent, float), view


def _moved(bench: Workbench, scene: Scene, key: KeyFrame) -> Scene:
    """The scene of a key frame from the one before."""
    if key.reset:
        scene = bench.reset(scene)
    if key.seed is not None:
        scene = bench.random_child(scene, key.seed)
    if key.expression is not None:
        if not bench.presets:
            raise InfaceError("the model has no expression block, so it has no expressions")
        scene = bench.set_blend(scene, Blend(end=key.expression, strength=key.strength))
    if key.age is not None:
        if bench.months_range is None:
            raise InfaceError("the model has no age calibration, so it has no age in months")
        low, high = bench.months_range
        if not low <= key.age <= high:
            raise ValueError(f"age {key.age:g}: the model is calibrated for {low:g} to {high:g} months")
        scene = bench.set_months(scene, key.age)
    places = {slider.label: slider.index for slider in bench.sliders}
    for label, value in (key.sliders or {}).items():
        if label not in places:
            raise ValueError(f"slider '{label}': the model has {', '.join(list(places)[:12])}, ...")
        scene = bench.set_deviation(scene, places[label], float(value))
    return scene


def _fields(kind: type, data: Any, where: str) -> Any:
    if not isinstance(data, dict):
        raise ValueError(f"{where}: expected names with values, got {type(data).__name__}")
    known = {field.name for field in fields(kind)}
    unknown = set(data) - known
    if unknown:
        raise ValueError(f"{where}: unknown '{min(map(str, unknown))}'; it may have {', '.join(sorted(known))}")
    plain: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
    for key in ("seconds", "hold", "strength", "age"):
        value = plain.get(key)
        if value is not None and not (isinstance(value, int | float) and value >= 0):
            raise ValueError(f"{where}: {key}: expected a number of zero or more, got {value!r}")
    return kind(**plain)


def _angles(view: str | Sequence[float]) -> tuple[float, float]:
    if isinstance(view, str):
        if view not in VIEWS:
            raise ValueError(f"view '{view}': expected one of {', '.join(VIEWS)}, or [yaw, pitch] in degrees")
        return VIEWS[view]
    yaw, pitch = (float(x) for x in view)
    return yaw, pitch


def _same(a: Mesh, b: Mesh) -> bool:
    return np.array_equal(a.vertices, b.vertices)


def _on_ground(pixels: Pixels) -> Pixels:
    """Without transparency, `(height, width, 3)`."""
    cover = pixels[..., 3:].astype(np.float32) / 255
    return np.round(pixels[..., :3] * cover + np.array(GROUND, np.float32) * (1 - cover)).astype(np.uint8)


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
