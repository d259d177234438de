"""Storyboards: key frames of a model's shape and view, and the smooth ways between them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inface._optional import require
from inface._validate import FloatArray
from inface.errors import FormatError, InfaceError
from inface.models import modes
from inface.pictures.rendering import STYLES, VIEWS

if TYPE_CHECKING:
    from inface.models.base import MorphableModel

MAX_FRAMES = 5000


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
    known = modes.presets(model)
    expressions = [name for name in known if name != modes.NEUTRAL]
    months = modes.months_range(model)
    frames = [KeyFrame(seed=seed, hold=0.5, expression=modes.NEUTRAL if known else None)]
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


def timeline(model: "MorphableModel", board: Storyboard) -> Iterator[tuple[FloatArray, tuple[float, float]]]:
    """Latent `(K,)` and (yaw, pitch) of every picture; between key frames the way eases in and out."""
    keys = list(_keys(model, board))
    total = sum(f.seconds + f.hold for f in board.frames) * board.fps
    if not total <= MAX_FRAMES:
        raise InfaceError(f"storyboard: {total:.0f} pictures; at most {MAX_FRAMES} are drawn in one animation")
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
    latent, view = modes.rest(model), _angles(board.view)
    for number, key in enumerate(board.frames, 1):
        try:
            latent = _moved(model, latent, key)
        except (ValueError, InfaceError) as error:
            raise InfaceError(f"storyboard, frame {number}: {error}") from None
        view = view if key.view is None else _angles(key.view)
        yield np.asarray(latent, float), view


def _moved(model: "MorphableModel", latent: FloatArray, key: KeyFrame) -> FloatArray:
    """The latent of a key frame from the one before."""
    if key.reset:
        latent = modes.rest(model)
    if key.seed is not None:
        latent = modes.random_identity(model, latent, key.seed)
    if key.expression is not None:
        if not modes.presets(model):
            raise InfaceError("the model has no expression block, so it has no expressions")
        latent = modes.with_expression(model, latent, key.expression, strength=key.strength)
    if key.age is not None:
        ages = modes.months_range(model)
        if ages is None:
            raise InfaceError("the model has no age calibration, so it has no age in months")
        if not ages[0] <= key.age <= ages[1]:
            raise ValueError(f"age {key.age:g}: the model is calibrated for {ages[0]:g} to {ages[1]:g} months")
        latent = modes.with_months(model, latent, key.age)
    places = {slider.label: slider.index for slider in modes.sliders(model)} if key.sliders else {}
    for label, value in (key.sliders or {}).items():
        if label not in places:
            raise ValueError(f"slider '{label}': the model has {', '.join(list(places)[:12])}, ...")
        latent = modes.with_deviation(model, latent, places[label], float(value))
    return latent


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
