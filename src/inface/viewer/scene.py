"""What a viewer shows, as frozen data: the shape being made, the meshes opened, how they look; undo.

Nothing here knows of a window or a browser. Acts on a scene (`inface.viewer.editor`) return a new one.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from inface._validate import FloatArray, IntArray
from inface.mesh import Mesh

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
