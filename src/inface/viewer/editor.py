"""Acts on a scene: move a slider, open a mesh, neutralise, complete; each returns a new scene."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from inface._validate import FloatArray, IntArray
from inface.editing import put
from inface.errors import CorrespondenceError, InfaceError
from inface.geometry.proximity import surface_distance
from inface.mesh import Mesh
from inface.models import LinearRegressor, MorphableModel, door, modes
from inface.models.modes import Slider
from inface.pictures.colours import Legend
from inface.pictures.surfaces import known_vertices
from inface.viewer.scene import Blend, Opened, Scene, Shape

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
    def _model(self) -> MorphableModel:
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

    @cached_property
    def _rest(self) -> FloatArray:
        """The mean latent with the neutral expression: where everything starts and is reset to."""
        return modes.rest(self._model)

    # --- sliders

    def deviation(self, scene: Scene, index: int) -> float:
        """Standard deviations of one latent entry from the mean."""
        return modes.deviation(self._model, _shape(scene).latent, index)

    def set_deviation(self, scene: Scene, index: int, value: float) -> Scene:
        """One latent entry at `value` standard deviations."""
        return scene.with_shape(latent=modes.with_deviation(self._model, _shape(scene).latent, index, value), seed=None)

    def months(self, scene: Scene) -> float:
        """Age in months of the shape, held inside the calibrated range."""
        return modes.months(self._model, _shape(scene).latent)

    def set_months(self, scene: Scene, months: float) -> Scene:
        """The shape at another age."""
        return scene.with_shape(latent=modes.with_months(self._model, _shape(scene).latent, months), seed=None)

    def set_blend(self, scene: Scene, blend: Blend) -> Scene:
        """The expression on the way from one preset to another."""
        latent = modes.with_expression(self._model, _shape(scene).latent, blend.end, blend.start, blend.strength)
        return scene.with_shape(latent=latent, blend=blend, seed=None)

    def random_child(self, scene: Scene, seed: int) -> Scene:
        """Another child; expression and age stay. One seed, one child."""
        latent = modes.random_identity(self._model, _shape(scene).latent, seed)
        return replace(scene, shape=Shape(latent, _shape(scene).blend, seed=int(seed)))

    def reset(self, scene: Scene, group: str | None = None) -> Scene:
        """Back to the mean: one group of sliders, or everything that was made of the shape."""
        if group is None:
            return replace(scene, shape=self.start().shape)
        block = self.groups[group]
        shape = scene.with_shape(latent=put(_shape(scene).latent, block, self._rest[block]), seed=None)
        return shape.with_shape(blend=Blend()) if group == "expression" else shape

    # --- meshes

    def open(self, scene: Scene, name: str, mesh: Mesh) -> tuple[Scene, str]:
        """The scene with a mesh opened, and a sentence on what happened.

        A mesh that corresponds to the model is brought into its frame when it is out of it, and the shape jumps to its
        code; its NaN vertices become the unknown ones. Any other mesh is only shown.
        """
        name = self._unique(scene, name)
        if not known_vertices(mesh).any():
            raise InfaceError(f"{name}: the mesh has no known vertex, so there is nothing to show")
        if self.model is None:
            return replace(scene, opened=(*scene.opened, Opened(name, mesh))), f"{name} opened."
        try:
            vertices, latent, aligned = self._encoded(mesh)
        except CorrespondenceError as error:
            one = Opened(name, mesh)
            return replace(scene, opened=(*scene.opened, one)), f"{name} is shown but not encoded: {error}"
        shown = mesh.with_vertices(vertices)
        if not len(shown.triangles):
            shown = Mesh(shown.vertices, self.model.triangles, shown.colors, shown.landmarks)
        one = Opened(name, shown, latent)
        scene = self.start_from(replace(scene, opened=(*scene.opened, one)), name)
        return scene, f"{name} encoded" + (" after bringing it into the model's frame." if aligned else ".")

    def _encoded(self, mesh: Mesh) -> tuple[FloatArray, FloatArray, bool]:
        """Vertices in the model's frame, the code, and whether the mesh had to be moved."""
        model = self._model
        known = known_vertices(mesh)
        mask = None if known.all() else ~known
        if mask is not None and len(mask) != len(model.mean_vertices):
            mask = None  # the door names the wrong count
        try:
            arrival, aligned = door.admit(model.template, mesh, mask), False
        except CorrespondenceError:
            arrival, aligned = door.admit(model.template, mesh, mask, align=True), True
        return arrival.vertices, np.asarray(model.encode(arrival.vertices, mask), float), aligned

    def start_from(self, scene: Scene, name: str) -> Scene:
        """The shape becomes that of an opened mesh."""
        one = scene.opened_as(name)
        if one.latent is None:
            raise InfaceError(f"{name} does not correspond to the model, so it has no latent to start from")
        known = known_vertices(one.mesh)
        detail = np.where(known[:, None], one.mesh.vertices - self._model.decode(one.latent), 0.0)
        unknown = None if known.all() else np.flatnonzero(~known)
        keep = _shape(scene).keep_detail
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
        one, block = scene.opened_as(name), self._model.latent.block("expression")
        if one.latent is None:
            raise InfaceError(f"{name} does not correspond to the model, so its expression cannot be transferred")
        return scene.with_shape(latent=put(_shape(scene).latent, block, one.latent[block]), seed=None)

    def mark(self, scene: Scene, vertices: Sequence[int] | IntArray, unknown: bool = True) -> Scene:
        """Vertices marked as unknown, or as known again."""
        before = _shape(scene).unknown
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

    def complete(self, scene: Scene) -> Scene:
        """The marked vertices of the opened mesh (or of the shape itself) filled in from all the others."""
        model, shape = self._model, _shape(scene)
        if shape.unknown is None:
            raise InfaceError("nothing is marked as unknown; mark a region or paint one first")
        mask = np.zeros(len(model.mean_vertices), bool)
        mask[shape.unknown] = True
        if mask.all():
            raise InfaceError("every vertex is marked as unknown; leave some to complete the shape from")
        base = scene.opened_as(shape.source).mesh.vertices if shape.source else self.vertices(scene)
        made = model.reconstruct(Mesh(base, model.triangles), mask, back_match_known_vertices="biharmonic", check=False)
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
        shape = _shape(scene)
        made = self._model.decode(shape.latent)
        if shape.keep_detail and shape.detail is not None:
            made = made + shape.detail.astype(made.dtype)
        return made

    def mesh(self, scene: Scene) -> Mesh:
        """The shape as a mesh, with the model's colours and landmarks."""
        mesh = self._model.decode_mesh(_shape(scene).latent)
        return mesh.with_vertices(self.vertices(scene))

    def heat(self, scene: Scene, vertices: FloatArray) -> tuple[FloatArray, str] | None:
        """Numbers `(V,)` in mm to colour the shape by, and what they are; None when there are none to show."""
        look, shape = scene.look, scene.shape
        if shape is None:
            return None
        if look.colours == "uncertainty" and shape.std is not None:
            return shape.std, "uncertainty (1 SD), mm"
        if look.colours == "change":
            return np.linalg.norm(vertices - self._model.mean_vertices, axis=1), "distance from the mean, mm"
        if look.colours == "distance" and scene.opened:
            source = shape.source or scene.opened[-1].name
            other = scene.opened_as(source).mesh
            if other.vertices.shape == vertices.shape and scene.opened_as(source).latent is not None:
                return np.linalg.norm(vertices - other.vertices, axis=1), f"distance to {source}, mm"
            return _surface_distance(vertices, other), f"distance to {source}, mm"
        return None

    def legend(self, scene: Scene, values: FloatArray, label: str) -> Legend:
        """The legend of a heat map under the look's limit; never finer than a tenth of a millimetre."""
        legend = Legend.of(values, label, limit=scene.look.limit, signed=False)
        return legend if scene.look.limit or legend.high >= 0.1 else replace(legend, high=0.1)

    def partner_vertices(self, scene: Scene) -> FloatArray | None:
        """The second model's shape, or None."""
        if self.partner is None:
            return None
        return self.partner.model.decode(self.partner.regressor(_shape(scene).latent))


def _shape(scene: Scene) -> Shape:
    if scene.shape is None:
        raise InfaceError("no model is open, only meshes; start the viewer with a model to do this")
    return scene.shape


def _surface_distance(points: FloatArray, mesh: Mesh) -> FloatArray:
    known = known_vertices(mesh)
    triangles = mesh.triangles[known[mesh.triangles].all(axis=1)]
    if len(triangles):
        return surface_distance(np.asarray(points, float), mesh.vertices, triangles)
    return np.asarray(cKDTree(mesh.vertices[known]).query(points)[0])
