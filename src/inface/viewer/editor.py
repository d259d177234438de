"""Acts on a scene: move a slider, open a mesh, neutralise, complete; each returns a new scene."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from inface._validate import FloatArray, IntArray
from inface.errors import CorrespondenceError, InfaceError
from inface.mesh import Mesh
from inface.models import LinearRegressor, MorphableModel, correspondence, modes
from inface.models.codes import put
from inface.models.modes import Slider
from inface.pictures.surfaces import known_vertices
from inface.registration import Registration
from inface.transforms import procrustes
from inface.viewer.scans import framed_scan, placed_scan
from inface.viewer.scene import MAX_OPENED, Blend, Marks, Opened, Scene, Shape, SurfacePoint

MODEL = "Model"


@dataclass(frozen=True)
class Partner:
    """A second model whose shape follows the first one's, such as a skull inside a head."""

    model: MorphableModel
    regressor: LinearRegressor
    name: str = "Second model"


class SceneEditor:
    """A model (or none) and what can be done to a scene with it. Holds no scene: one serves many windows."""

    def __init__(self, model: MorphableModel | None = None, partner: Partner | None = None) -> None:
        self.model = model
        self.partner = partner
        if partner is not None:
            if model is None:
                raise ValueError("a second model follows a first one; give both")
            shape = partner.regressor.matrix.shape
            if shape != (len(partner.model.latent), len(model.latent)):
                raise InfaceError(
                    f"the regressor turns {shape[1]} numbers into {shape[0]}; the models' latents have "
                    f"{len(model.latent)} and {len(partner.model.latent)}"
                )

    # --- the model

    @property
    def known_model(self) -> MorphableModel:
        """The model; `InfaceError` where only meshes are open."""
        if self.model is None:
            raise InfaceError("no model is open, only meshes; start the viewer with a model to do this")
        return self.model

    @cached_property
    def sliders(self) -> tuple[Slider, ...]:
        """Every slider, grouped and ordered."""
        return () if self.model is None else modes.sliders(self.model)

    @cached_property
    def groups(self) -> dict[str, slice]:
        """Name -> entries of the latent."""
        return {} if self.model is None else modes.groups(self.model)

    @cached_property
    def presets(self) -> dict[str, FloatArray]:
        """Expressions by name, "neutral" first; empty without an expression block."""
        return {} if self.model is None else modes.presets(self.model)

    @property
    def months_range(self) -> tuple[float, float] | None:
        """The ages the model is calibrated for; None when it knows none."""
        return None if self.model is None else modes.months_range(self.model)

    @property
    def regions(self) -> Mapping[str, IntArray]:
        """The template's named regions."""
        return {} if self.model is None else self.model.template.regions

    def start(self) -> Scene:
        """The mean shape with the neutral expression, nothing opened."""
        return Scene(None) if self.model is None else Scene(Shape(self._rest))

    def restore(self, scene: Scene) -> Scene:
        """A scene from a file, checked against this model."""
        if (scene.shape is None) != (self.model is None):
            raise InfaceError("the scene file and the viewer differ: one has a model, the other has none")
        scene = replace(scene, marks=self._valid(scene))
        if scene.shape is None or self.model is None:
            return scene
        count, vertices = len(self.model.latent), len(self.model.mean_vertices)
        shape = scene.shape
        fits = len(shape.latent) == count and all(
            array is None or len(array) == vertices for array in (shape.detail, shape.std)
        )
        if shape.unknown is not None and len(shape.unknown):
            fits = fits and shape.unknown.min() >= 0 and shape.unknown.max() < vertices
        if not fits or not np.isfinite(shape.latent).all():
            raise InfaceError(
                f"the scene file belongs to another model: expected {count} latent entries and {vertices} vertices"
            )
        return scene

    def _valid(self, scene: Scene) -> Marks:
        """The marks of a scene from a file that lie on bodies it has; the others are left out."""
        sizes = {one.name: len(one.mesh.vertices) for one in scene.opened}
        if self.model is not None:
            sizes[MODEL] = len(self.model.mean_vertices)

        def on_body(place: SurfacePoint) -> bool:
            size = sizes.get(place.body, 0)
            return all(0 <= i < size for i in place.corners) and bool(np.isfinite(place.weights).all())

        marks = scene.marks
        landmarks = [m for m in marks.landmarks if m.body in sizes and (m.place is None or on_body(m.place))]
        measurements = [m for m in marks.measurements if all(map(on_body, m.points))]
        pulls = [p for p in marks.pulls if p[0] < sizes.get(MODEL, 0) and np.isfinite(p[1]).all()]
        base = marks.pull_base
        if base is None or self.model is None or len(base) != len(self.model.latent) or not np.isfinite(base).all():
            pulls, base = [], None
        return Marks(tuple(landmarks), tuple(measurements), tuple(pulls), base)

    @cached_property
    def _rest(self) -> FloatArray:
        """The mean latent with the neutral expression: where everything starts and is reset to."""
        return modes.rest(self.known_model)

    # --- sliders

    def deviation(self, scene: Scene, index: int) -> float:
        """Standard deviations of one latent entry from the mean."""
        return modes.deviation(self.known_model, shape_of(scene).latent, index)

    def set_deviation(self, scene: Scene, index: int, value: float) -> Scene:
        """One latent entry at `value` standard deviations."""
        return scene.with_shape(
            latent=modes.with_deviation(self.known_model, shape_of(scene).latent, index, value), seed=None
        )

    def months(self, scene: Scene) -> float:
        """Age in months of the shape, held inside the calibrated range."""
        return modes.months(self.known_model, shape_of(scene).latent)

    def set_months(self, scene: Scene, months: float) -> Scene:
        """The shape at another age."""
        return scene.with_shape(latent=modes.with_months(self.known_model, shape_of(scene).latent, months), seed=None)

    def set_blend(self, scene: Scene, blend: Blend) -> Scene:
        """The expression on the way from one preset to another."""
        latent = modes.with_expression(self.known_model, shape_of(scene).latent, blend.end, blend.start, blend.strength)
        return scene.with_shape(latent=latent, blend=blend, seed=None)

    def random_child(self, scene: Scene, seed: int) -> Scene:
        """Another child; expression and age stay. One seed, one child."""
        latent = modes.random_identity(self.known_model, shape_of(scene).latent, seed)
        return replace(scene, shape=Shape(latent, shape_of(scene).blend, seed=int(seed)))

    def reset(self, scene: Scene, group: str | None = None) -> Scene:
        """Back to the mean: one group of sliders, or everything that was made of the shape."""
        if group is None:
            return replace(scene, shape=self.start().shape)
        block = self.groups[group]
        shape = scene.with_shape(latent=put(shape_of(scene).latent, block, self._rest[block]), seed=None)
        return shape.with_shape(blend=Blend()) if group == "expression" else shape

    # --- meshes

    def open(self, scene: Scene, name: str, mesh: Mesh) -> tuple[Scene, str]:
        """The scene with a mesh opened, and a sentence on what happened.

        A mesh that corresponds to the model is brought into its frame when it is out of it, and the shape jumps to its
        code; its NaN vertices become the unknown ones. Any other mesh is framed, in mm as its size tells, and shown.
        """
        name = self._unique(scene, name)
        if len(scene.opened) >= MAX_OPENED:
            raise InfaceError(f"{name}: {MAX_OPENED} meshes are open, which is the most; close some first")
        if not known_vertices(mesh).any():
            raise InfaceError(f"{name}: the mesh has no known vertex, so there is nothing to show")
        if self.model is None:
            return replace(scene, opened=(*scene.opened, Opened(name, mesh))), f"{name} opened."
        try:
            vertices, latent, aligned = self._encoded(mesh)
            known = known_vertices(mesh)
        except CorrespondenceError as error:
            framed, home, words = framed_scan(mesh, np.asarray(self.model.mean_vertices, float).mean(0))
            one = Opened(name, framed, to_file=home)
            sentence = (
                f"{name} is shown but not encoded: {words} Register it to bring it into correspondence. ({error})"
            )
            return replace(scene, opened=(*scene.opened, one)), sentence
        shown = mesh.with_vertices(vertices)
        if not len(shown.triangles):
            shown = Mesh(shown.vertices, self.model.triangles, shown.colors, shown.landmarks)
        to_file = procrustes(vertices[known], mesh.vertices[known]) if aligned else None
        one = Opened(name, shown, latent, to_file)
        scene = self.start_from(replace(scene, opened=(*scene.opened, one)), name)
        return scene, f"{name} encoded" + (" after bringing it into the model's frame." if aligned else ".")

    def _encoded(self, mesh: Mesh) -> tuple[FloatArray, FloatArray, bool]:
        """Vertices in the model's frame, the code, and whether the mesh had to be moved."""
        model = self.known_model
        known = known_vertices(mesh)
        mask = None if known.all() else ~known
        if mask is not None and len(mask) != len(model.mean_vertices):
            mask = None  # the check names the wrong count
        try:
            arrival, aligned = correspondence.check(model.template, mesh, mask), False
        except CorrespondenceError:
            arrival, aligned = correspondence.check(model.template, mesh, mask, align=True), True
        return arrival.vertices, np.asarray(model.encode(arrival.vertices, mask), float), aligned

    def registered(self, scene: Scene, name: str, result: Registration) -> Scene:
        """The scene with what a registration made of an opened scan: the scan in the model's frame, and the fit."""
        one = scene.opened_as(name)
        if result.transform is None or result.model_mesh is None:
            told = replace(one, verdict=result.verdict, words="; ".join(result.reasons))
            return replace(scene, opened=tuple(told if o is one else o for o in scene.opened))
        scan = replace(one, mesh=placed_scan(one.mesh, one.to_file, result), to_file=result.transform)
        fit = Opened(
            self._unique(scene, f"{name} registered"),
            Mesh(result.model_mesh.vertices, result.model_mesh.triangles, self.known_model.colors),
            np.asarray(self.known_model.encode(result.model_mesh.vertices), float),
            result.transform,
            result.verdict,
            "; ".join(result.reasons),
            result.support,
            result.distance,
            name,
            result,
        )
        opened = (*(scan if o is one else o for o in scene.opened), fit)
        made = self.start_from(replace(scene, opened=opened), fit.name).with_shape(keep_detail=True)
        return made.with_look(colours="fit", arrangement="side by side", hidden=made.look.hidden - {MODEL} | {fit.name})

    def start_from(self, scene: Scene, name: str) -> Scene:
        """The shape becomes that of an opened mesh."""
        one = scene.opened_as(name)
        if one.latent is None:
            raise InfaceError(f"{name} does not correspond to the model, so it has no latent to start from")
        known = known_vertices(one.mesh)
        detail = np.where(known[:, None], one.mesh.vertices - self.known_model.decode(one.latent), 0.0)
        unknown = None if known.all() else np.flatnonzero(~known)
        keep = shape_of(scene).keep_detail
        return replace(scene, shape=Shape(one.latent, Blend(), name, detail, keep, unknown))

    def close(self, scene: Scene, name: str) -> Scene:
        """Without an opened mesh."""
        scene.opened_as(name)
        shape = scene.shape
        if shape is not None and shape.source == name:
            shape = replace(shape, source="", detail=None)
        return replace(scene, opened=tuple(o for o in scene.opened if o.name != name), shape=shape)

    def neutralise(self, scene: Scene) -> Scene:
        """The shape with the neutral expression."""
        return self.set_blend(scene, Blend())

    def transfer(self, scene: Scene, name: str) -> Scene:
        """The shape with the expression of an opened mesh."""
        one, block = scene.opened_as(name), self.known_model.latent.block("expression")
        if one.latent is None:
            raise InfaceError(f"{name} does not correspond to the model, so its expression cannot be transferred")
        return scene.with_shape(latent=put(shape_of(scene).latent, block, one.latent[block]), seed=None)

    def mark(self, scene: Scene, vertices: Sequence[int] | IntArray, unknown: bool = True) -> Scene:
        """Vertices marked as unknown, or as known again."""
        before = shape_of(scene).unknown
        old = np.zeros(0, np.int64) if before is None else before
        marked = np.union1d(old, vertices) if unknown else np.setdiff1d(old, vertices)
        return scene.with_shape(unknown=marked.astype(np.int64) if len(marked) else None, std=None)

    def mark_region(self, scene: Scene, region: str, unknown: bool = True) -> Scene:
        """A region of the template marked as unknown."""
        if region not in self.regions:
            raise ValueError(f"region '{region}': the model has {', '.join(self.regions) or 'none'}")
        return self.mark(scene, self.regions[region], unknown)

    def near(self, scene: Scene, point: FloatArray, radius: float) -> IntArray:
        """Vertices of the shape within `radius` mm of a point."""
        return np.flatnonzero(np.linalg.norm(self.vertices(scene) - point, axis=1) <= radius)

    def near_way(self, scene: Scene, start: FloatArray, end: FloatArray, radius: float) -> IntArray:
        """Vertices of the shape within `radius` mm of the straight way between two points: a continuous stroke."""
        points, way = self.vertices(scene) - start, np.asarray(end) - start
        along = np.clip(points @ way / max(float(way @ way), 1e-12), 0, 1)
        return np.flatnonzero(np.linalg.norm(points - along[:, None] * way, axis=1) <= radius)

    def require_marked(self, scene: Scene) -> None:
        """`InfaceError` where no vertex of the shape is marked as unknown."""
        if shape_of(scene).unknown is None:
            raise InfaceError("nothing is marked as unknown; mark a region or paint one first")

    def complete(self, scene: Scene) -> Scene:
        """The marked vertices of the opened mesh (or of the shape itself) filled in from all the others."""
        model, shape = self.known_model, shape_of(scene)
        self.require_marked(scene)
        mask = np.zeros(len(model.mean_vertices), bool)
        mask[shape.unknown] = True
        if mask.all():
            raise InfaceError("every vertex is marked as unknown; leave some to complete the shape from")
        base = scene.opened_as(shape.source).mesh.vertices if shape.source else self.vertices(scene)
        opened = Mesh(base, model.triangles)
        moves = bool(shape.source)  # an opened mesh is only about in the model's frame: its pose belongs to the fit
        made = model.reconstruct(opened, mask, back_match_known_vertices="biharmonic", align=moves, check=False)
        latent = np.asarray(made.latent, float)
        detail = made.mesh.vertices - model.decode(latent)
        std = None
        if made.vertex_std is not None:
            std = np.where(mask, np.linalg.norm(made.vertex_std, axis=1), 0.0)
        return replace(scene, shape=replace(shape, latent=latent, detail=detail, keep_detail=True, std=std, seed=None))

    def _unique(self, scene: Scene, name: str) -> str:
        taken = {MODEL, *(one.name for one in scene.opened)}
        candidates = [name, *(f"{name} ({k})" for k in range(2, len(taken) + 3))]
        return next(candidate for candidate in candidates if candidate not in taken)

    # --- what is seen

    def vertices(self, scene: Scene) -> FloatArray:
        """The shape `(V, 3)` in the model's dtype, with the child's own detail where that is wanted."""
        shape = shape_of(scene)
        made = self.known_model.decode(shape.latent)
        if shape.keep_detail and shape.detail is not None:
            made = made + shape.detail.astype(made.dtype)
        return made

    def mesh(self, scene: Scene) -> Mesh:
        """The shape as a mesh, with the model's colours and landmarks."""
        mesh = self.known_model.decode_mesh(shape_of(scene).latent)
        return mesh.with_vertices(self.vertices(scene))

    def partner_vertices(self, scene: Scene) -> FloatArray | None:
        """The second model's shape, or None."""
        if self.partner is None:
            return None
        return self.partner.model.decode(self.partner.regressor(shape_of(scene).latent))


def shape_of(scene: Scene) -> Shape:
    """The scene's shape; `InfaceError` where only meshes are open."""
    if scene.shape is None:
        raise InfaceError("no model is open, only meshes; start the viewer with a model to do this")
    return scene.shape
