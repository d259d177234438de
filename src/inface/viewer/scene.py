"""What a viewer shows, as frozen data: the shape being made, the meshes opened, how they look; undo.

Nothing here knows of a window or a browser. Acts on a scene (`inface.viewer.editor`) return a new one.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from inface._validate import BoolArray, FloatArray, IntArray
from inface.mesh import Mesh
from inface.transforms import Similarity

COLOURS = ("colour", "clay", "distance", "fit", "uncertainty", "change")
ARRANGEMENTS = ("overlaid", "side by side")
UNDO_STEPS = 200
UNDO_MESHES = 40  # different meshes that the steps before may hold
MAX_OPENED = 24  # meshes open at once


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
        opacity: of every mesh but the first; model_opacity: of the model, through which a second one inside is seen.
        sliders: how many are shown in a group.
        measure: two landmark names, "" for none.
        dark: the page's theme.
        tool: what a click on a surface does, see `inface.viewer.tools`; "": nothing.
    """

    colours: str = "colour"
    arrangement: str = "overlaid"
    wireframe: bool = False
    landmarks: bool = False
    limit: float | None = None
    hidden: frozenset[str] = frozenset()
    opacity: float = 0.6
    model_opacity: float = 1.0
    sliders: int = 6
    measure: tuple[str, str] = ("", "")
    dark: bool = False
    tool: str = ""

    def __post_init__(self) -> None:
        for what, known in ((self.colours, COLOURS), (self.arrangement, ARRANGEMENTS)):
            if what not in known:
                raise ValueError(f"expected one of {', '.join(known)}, got '{what}'")
        numbers = (self.opacity, self.model_opacity, self.sliders, 0 if self.limit is None else self.limit)
        if not all(isinstance(x, int | float) and x >= 0 for x in numbers):
            raise ValueError(f"expected numbers of zero or more for opacity, sliders and limit, got {numbers}")
        if not (len(self.measure) == 2 and all(isinstance(x, str) for x in (*self.measure, *self.hidden, self.tool))):
            raise ValueError("expected names in hidden, measure and tool")


@dataclass(frozen=True, eq=False)
class Opened:
    """A mesh somebody opened.

    Attributes:
        name: what it is called in the scene; unique.
        mesh: as it is shown: in the model's frame when it corresponds to the model, else framed in mm.
        latent: `(K,)` its code; None when it does not correspond to the model, or there is no model.
        to_file: from the frame in which it is shown to that of its file, in the file's unit; None: the same.
        verdict: what a registration said of it: "ok", "partial", "failed"; "" for none.
        words: the verdict's reasons.
        support: `(V,)` True where the scan shows the vertex; None where nothing is known.
        distance: `(V,)` mm from the scan it was registered to.
        scan: name of that scan.
        registration: the record itself, as long as the page lives; it is not in scene files.
    """

    name: str
    mesh: Mesh
    latent: FloatArray | None = None
    to_file: Similarity | None = None
    verdict: str = ""
    words: str = ""
    support: BoolArray | None = None
    distance: FloatArray | None = None
    scan: str = ""
    registration: Any = None


@dataclass(frozen=True)
class SurfacePoint:
    """A place on a body of the scene, which moves along with it.

    Attributes:
        body: name of the body.
        corners: three vertices of it (one thrice on a cloud of points).
        weights: their parts, which add up to 1.
    """

    body: str
    corners: tuple[int, int, int]
    weights: tuple[float, float, float]


@dataclass(frozen=True)
class Mark:
    """A landmark set on a body.

    Attributes:
        name: of the template's list, or any other.
        place: where it is; None: skipped, so that it is not asked for again.
        std: mm, how uncertain an automatic one is; None for one that was set by hand.
    """

    name: str
    body: str
    place: SurfacePoint | None
    std: float | None = None


@dataclass(frozen=True)
class Measurement:
    """A measurement between clicks: `kind` is "straight", "surface" or "angle"; it counts once all points are there."""

    kind: str
    points: tuple[SurfacePoint, ...]

    @property
    def complete(self) -> bool:
        """Whether all its points are set."""
        return len(self.points) == (3 if self.kind == "angle" else 2)


@dataclass(frozen=True, eq=False)
class Marks:
    """What was set by clicking: landmarks, measurements, and vertices of the model pulled to places (mm).

    Attributes:
        landmarks, measurements: in the order they were set.
        pulls: vertex of the model and where it was pulled to, in the model's frame.
        pull_base: the latent before the first pull.
    """

    landmarks: tuple[Mark, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    pulls: tuple[tuple[int, tuple[float, float, float]], ...] = ()
    pull_base: tuple[float, ...] | None = None


@dataclass(frozen=True, eq=False)
class Scene:
    """All that a window shows. `shape` is None without a model."""

    shape: Shape | None
    opened: tuple[Opened, ...] = ()
    look: Look = field(default_factory=Look)
    marks: Marks = field(default_factory=Marks)

    def opened_as(self, name: str) -> Opened:
        """The opened mesh of that name."""
        for one in self.opened:
            if one.name == name:
                return one
        raise ValueError(f"no opened mesh '{name}'; there are: {', '.join(o.name for o in self.opened) or 'none'}")

    def with_look(self, **changes: Any) -> "Scene":
        """The same scene drawn in another way."""
        return replace(self, look=replace(self.look, **changes))

    def with_marks(self, **changes: Any) -> "Scene":
        """The same scene with other landmarks, measurements or pulls."""
        return replace(self, marks=replace(self.marks, **changes))

    def with_shape(self, **changes: Any) -> "Scene":
        """The same scene with another shape."""
        if self.shape is None:
            raise ValueError("this scene has no model, so there is no shape to change")
        return replace(self, shape=replace(self.shape, **changes))


def _kept(past: tuple[Scene, ...]) -> tuple[Scene, ...]:
    """The latest scenes that hold no more than `UNDO_MESHES` different meshes, so that memory has an end."""
    seen: set[int] = set()
    for i in range(len(past) - 1, -1, -1):
        seen |= {id(one.mesh) for one in past[i].opened}
        if len(seen) > UNDO_MESHES:
            return past[i + 1 :]
    return past


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
        now = self.present
        if scene.shape is now.shape and scene.opened is now.opened and scene.marks is now.marks:
            return replace(self, present=scene)
        if key is not None and key == self.key:
            return replace(self, present=scene, future=())
        return History(scene, _kept((*self.past, self.present)[-UNDO_STEPS:]), (), key)

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
