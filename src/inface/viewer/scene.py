"""What a viewer shows, as frozen data: the shape being made, the meshes opened, how they look; undo and scene files.

Nothing here knows of a window or a browser. Acts on a scene (`inface.viewer.workbench`) return a new one.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from inface._validate import FloatArray, IntArray, floats
from inface.errors import FormatError
from inface.landmarks import LandmarkSet
from inface.mesh import Mesh

FORMAT, VERSION = "inface-scene", 1
COLOURS = ("colour", "clay", "distance", "uncertainty", "change")
ARRANGEMENTS = ("overlaid", "side by side")
UNDO_STEPS = 200


@dataclass(frozen=True)
class Blend:
    """The expression as a way from one stored expression to another: `start + strength * (end - start)`."""

    start: str = "neutral"
    end: str = "neutral"
    strength: float = 1.0


@dataclass(frozen=True, eq=False)
class Shape:
    """The shape being made; undo goes back to an earlier one.

    Attributes:
        latent: `(K,)` the model's code.
        blend: the expression presets in use.
        source: name of the opened mesh the shape started from, or "".
        detail: `(V, 3)` mm that the model cannot express of that mesh, in the model's frame; None when there is none.
        keep_detail: add it to what is shown.
        unknown: ascending numbers of the vertices marked as unknown; None for none.
        std: `(V,)` mm, how uncertain each completed vertex is; None when nothing was completed.
        seed: of the random child that is shown, or None.
    """

    latent: FloatArray
    blend: Blend = Blend()
    source: str = ""
    detail: FloatArray | None = None
    keep_detail: bool = False
    unknown: IntArray | None = None
    std: FloatArray | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Look:
    """How things are drawn.

    Attributes:
        colours: one of `COLOURS`: the mesh's own, clay, distance to the opened mesh, uncertainty, change from the mean.
        arrangement: one of `ARRANGEMENTS`.
        limit: mm at the top of the legend; None: what fits.
        hidden: names of meshes that are switched off.
        opacity: of every mesh but the first.
        sliders: how many are shown in a group.
        measure: two landmark names, "" for none.
    """

    colours: str = "colour"
    arrangement: str = "overlaid"
    wireframe: bool = False
    landmarks: bool = False
    limit: float | None = None
    hidden: frozenset[str] = frozenset()
    opacity: float = 0.6
    sliders: int = 6
    measure: tuple[str, str] = ("", "")

    def __post_init__(self) -> None:
        for what, known in ((self.colours, COLOURS), (self.arrangement, ARRANGEMENTS)):
            if what not in known:
                raise ValueError(f"expected one of {', '.join(known)}, got '{what}'")


@dataclass(frozen=True, eq=False)
class Opened:
    """A mesh somebody opened.

    Attributes:
        name: what it is called in the scene; unique.
        mesh: as it is shown: in the model's frame when it corresponds to the model, else as it came.
        latent: `(K,)` its code; None when it does not correspond to the model, or there is no model.
    """

    name: str
    mesh: Mesh
    latent: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class Scene:
    """All that a window shows. `shape` is None without a model."""

    shape: Shape | None
    opened: tuple[Opened, ...] = ()
    look: Look = field(default_factory=Look)

    def opened_as(self, name: str) -> Opened:
        """The opened mesh of that name."""
        for one in self.opened:
            if one.name == name:
                return one
        raise ValueError(f"no opened mesh '{name}'; there are: {', '.join(o.name for o in self.opened) or 'none'}")

    def with_look(self, **changes: Any) -> "Scene":
        """The same scene drawn in another way."""
        return replace(self, look=replace(self.look, **changes))

    def with_shape(self, **changes: Any) -> "Scene":
        """The same scene with another shape."""
        if self.shape is None:
            raise ValueError("this scene has no model, so there is no shape to change")
        return replace(self, shape=replace(self.shape, **changes))


@dataclass(frozen=True, eq=False)
class History:
    """Scenes before and after the one shown. The look is not part of undo: going back keeps the present one.

    Attributes:
        present: what is shown.
        past, future: what undo and redo go to, the nearest last.
        key: what is being dragged; moves with the same key make one step.
    """

    present: Scene
    past: tuple[Scene, ...] = ()
    future: tuple[Scene, ...] = ()
    key: str | None = None

    def to(self, scene: Scene, key: str | None = None) -> "History":
        """A new step; a step with the `key` of the last one replaces it."""
        if scene.shape is self.present.shape and scene.opened is self.present.opened:
            return replace(self, present=scene)
        if key is not None and key == self.key:
            return replace(self, present=scene, future=())
        return History(scene, (*self.past, self.present)[-UNDO_STEPS:], (), key)

    def undo(self) -> "History":
        """One step back, or the same when there is none."""
        if not self.past:
            return self
        back = replace(self.past[-1], look=self.present.look)
        return History(back, self.past[:-1], (*self.future, self.present))

    def redo(self) -> "History":
        """One step forward again, or the same when there is none."""
        if not self.future:
            return self
        onward = replace(self.future[-1], look=self.present.look)
        return History(onward, (*self.past, self.present), self.future[:-1])


# --- scene files


def to_json(scene: Scene, model_name: str = "", model_hash: str = "") -> str:
    """The scene as text that `from_json` reads again; the model is named, not stored."""
    shape = scene.shape and {
        "latent": _list(scene.shape.latent),
        "blend": asdict(scene.shape.blend),
        "source": scene.shape.source,
        "detail": _list(scene.shape.detail),
        "keep_detail": scene.shape.keep_detail,
        "unknown": None if scene.shape.unknown is None else scene.shape.unknown.tolist(),
        "std": _list(scene.shape.std),
        "seed": scene.shape.seed,
    }
    look = asdict(scene.look) | {"hidden": sorted(scene.look.hidden), "measure": list(scene.look.measure)}
    data = {
        "format": FORMAT,
        "format_version": VERSION,
        "model": model_name,
        "model_hash": model_hash,
        "shape": shape,
        "look": look,
        "meshes": [_mesh_json(one) for one in scene.opened],
    }
    return json.dumps(data, separators=(",", ":"), allow_nan=False)


def is_scene(text: str | bytes) -> bool:
    """Whether the beginning of a file says that it is a scene."""
    start = text[:200]
    return FORMAT in (start if isinstance(start, str) else start.decode("utf-8", "replace"))


def from_json(text: str | bytes) -> tuple[Scene, str, str]:
    """Scene, name of its model and that model's hash; `FormatError` when it is no scene or damaged."""
    try:
        data = json.loads(text)
        if data["format"] != FORMAT:
            raise FormatError(f"expected a scene file (format '{FORMAT}'), got '{data['format']}'")
        if data["format_version"] != VERSION:
            raise FormatError(f"expected a scene of version {VERSION}, got {data['format_version']}")
        meshes = tuple(_opened(one) for one in data["meshes"])
        look = data["look"] | {"hidden": frozenset(data["look"]["hidden"]), "measure": tuple(data["look"]["measure"])}
        scene = Scene(data["shape"] and _shape(data["shape"]), meshes, Look(**look))
        return scene, str(data["model"]), str(data["model_hash"])
    except FormatError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise FormatError(f"the scene file is damaged or incomplete ({error})") from None


def _shape(data: Mapping) -> Shape:
    latent = floats("latent", data["latent"], (None,))
    detail = None if data["detail"] is None else floats("detail", data["detail"], (None, 3))
    std = None if data["std"] is None else floats("std", data["std"], (None,))
    unknown = None if data["unknown"] is None else np.asarray(data["unknown"], np.int64).reshape(-1)
    blend, seed = Blend(**data["blend"]), data["seed"]
    return Shape(latent, blend, str(data["source"]), detail, bool(data["keep_detail"]), unknown, std, seed)


def _opened(data: Mapping) -> Opened:
    vertices = [[np.nan] * 3 if row is None else row for row in data["vertices"]]
    landmarks = None if data["landmarks"] is None else LandmarkSet.of(data["landmarks"])
    mesh = Mesh(vertices, data["triangles"], data["colors"], landmarks)
    return Opened(
        str(data["name"]), mesh, None if data["latent"] is None else floats("latent", data["latent"], (None,))
    )


def _mesh_json(one: Opened) -> dict:
    mesh = one.mesh
    rows = [row if np.isfinite(row).all() else None for row in np.round(mesh.vertices, 4)]
    landmarks = None
    if mesh.landmarks is not None:
        landmarks = {n: p.tolist() for n, p in mesh.landmarks.items() if np.isfinite(p).all()}
    return {
        "name": one.name,
        "latent": _list(one.latent),
        "vertices": [None if row is None else row.tolist() for row in rows],
        "triangles": mesh.triangles.tolist(),
        "colors": None if mesh.colors is None else np.round(mesh.colors, 3).tolist(),
        "landmarks": landmarks,
    }


def _list(array: FloatArray | None) -> list | None:
    return None if array is None else np.round(np.asarray(array, float), 6).tolist()
