"""One infant, or many: from factors (age, sex, identity, expression, deformity) to shapes."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from inface._validate import FloatArray, finite, floats
from inface.landmarks import LandmarkSet
from inface.mesh import Mesh
from inface.synthetic.anthropometry import check_age, check_sex
from inface.synthetic.controls import Controls
from inface.synthetic.deformity import DEFORMITIES, Deformities, Deformity, check_amounts, deformity_amounts
from inface.synthetic.expression import UNITS, Expressions, check_weights, expression_weights
from inface.synthetic.growth import Growth
from inface.synthetic.identity import Identity, Variation
from inface.synthetic.targets import Measured
from inface.synthetic.template import template
from inface.synthetic.warp import carried
from inface.template import Template

_BATCH = 32


@dataclass(frozen=True, eq=False)
class HeadMaker:
    """Everything that turns factors into shapes over one template; parts are computed at first use and kept.

    `variation`: how children differ (kernels, amplitudes), a `Variation` or a mapping of its attributes.
    """

    template: Template
    variation: Variation | Mapping[str, Any] | None = None

    @cached_property
    def controls(self) -> Controls:
        return Controls.of(self.template)

    @cached_property
    def basis(self) -> FloatArray:
        """The warp's basis at the template's vertices `(V, L)`, made exactly mirror-symmetric."""
        mirror = self.template.mirror
        assert mirror is not None
        basis = self.controls.warp.basis(self.template.mesh.vertices)
        partner = {int(v): k for k, v in enumerate(self.controls.ids)}
        swap = np.array([partner[int(mirror[v])] for v in self.controls.ids])
        return (basis + basis[mirror][:, swap]) / 2

    @cached_property
    def growth(self) -> Growth:
        return Growth(self.template, self.controls, Measured(self.controls), self.basis)

    @cached_property
    def identity(self) -> Identity:
        return Identity(self.growth, Variation.of(self.variation))

    @cached_property
    def expressions(self) -> Expressions:
        return Expressions(self.template, self.controls)

    @cached_property
    def deformities(self) -> Deformities:
        return Deformities(self.template, self.controls)

    @cached_property
    def _surface(self) -> tuple[FloatArray, FloatArray]:
        """`(V, L + 120)`: what control points and detail do; and the template with the points at zero."""
        product = np.hstack([self.basis, self.identity.detail])
        rest = self.template.mesh.vertices - self.basis @ self.controls.position + self.identity.shift
        return product, rest

    def varied(self, variation: Variation) -> "HeadMaker":
        """A maker of children who differ otherwise; all that does not depend on it is shared."""
        other = HeadMaker(self.template, variation)
        shared = {name: getattr(self, name) for name in ("controls", "basis", "growth", "expressions", "deformities")}
        other.__dict__.update(shared)
        return other

    def shapes(
        self,
        identity: ArrayLike,
        age: ArrayLike,
        sex: ArrayLike | None = None,
        expression: ArrayLike | None = None,
        deformity: ArrayLike | None = None,
    ) -> FloatArray:
        """Shapes `(N, V, 3)` float32 in mm, the origin midway between the tragia, from factors that broadcast over N.

        `identity (N, K)`; `age (N,)` months; `sex (N,)` "male", "female" or ""; `expression (N, 10)` weights in the
        order of `UNITS`; `deformity (N, 4)` amounts in the order of `DEFORMITIES`. None: both sexes' mean, neutral,
        none. A head has the same bytes whatever others are made beside it.
        """
        vectors = np.atleast_2d(finite("identity", floats("identity", identity, (self.identity.size,))))
        ages = np.atleast_1d(check_age(age))
        sexes = np.atleast_1d(np.asarray("" if sex is None else sex, dtype=np.str_))
        for name in np.unique(sexes):
            check_sex(str(name))
        faces = np.atleast_2d(check_weights(np.zeros(len(UNITS)) if expression is None else expression))
        forms = np.atleast_2d(check_amounts(np.zeros(len(DEFORMITIES)) if deformity is None else deformity))
        count = max(len(x) for x in (vectors, ages, sexes, faces, forms))
        for name, x in (
            ("identity", vectors),
            ("age", ages),
            ("sex", sexes),
            ("expression", faces),
            ("deformity", forms),
        ):
            if len(x) not in (1, count):
                raise ValueError(f"{name}: expected 1 or {count} rows, got {len(x)}")
        vectors, faces, forms = (np.broadcast_to(x, (count, x.shape[1])) for x in (vectors, faces, forms))
        ages, sexes = np.broadcast_to(ages, count), np.broadcast_to(sexes, count)
        out = np.empty((count, len(self.template.mesh.vertices), 3), np.float32)
        for start in range(0, count, _BATCH):
            part = slice(start, start + _BATCH)
            out[part] = self._batch(vectors[part], ages[part], sexes[part], faces[part], forms[part])
        return out

    def _batch(self, vectors, ages, sexes, faces, forms) -> FloatArray:
        points, weights = self.identity.place(vectors, ages, sexes)
        product, rest = self._surface
        moves = np.concatenate([points, weights], 1)
        heads: FloatArray = carried(product, moves) + rest
        heads = self.deformities.apply(heads, forms)
        return self.expressions.apply(heads, points, faces)


def head_maker(variation: Variation | Mapping[str, Any] | None = None) -> HeadMaker:
    """The maker of heads over the shipped template; the last few are kept."""
    return _maker_of(Variation.of(variation))


@lru_cache(maxsize=4)
def _maker_of(variation: Variation) -> HeadMaker:
    usual = Variation()
    if variation == usual:
        return HeadMaker(template(), variation)
    return _maker_of(usual).varied(variation)


def identity_vector(identity: int | ArrayLike | None, size: int) -> FloatArray:
    """An identity vector `(K,)`: drawn from a seed, given as it is, or zero (the mean child) for None."""
    if identity is None:
        return np.zeros(size)
    if isinstance(identity, int | np.integer) and not isinstance(identity, bool):
        if identity < 0:
            raise ValueError(f"identity: expected a seed of 0 or more, got {identity}")
        return np.random.default_rng([7, int(identity)]).standard_normal(size)
    try:
        vector = np.asarray(identity, float)
    except (TypeError, ValueError):
        raise ValueError(f"identity: expected a seed, {size} numbers or None, got {identity!r}") from None
    if vector.shape != (size,) or isinstance(identity, bool):
        got = f"shape {vector.shape}" if vector.ndim else repr(identity)
        raise ValueError(f"identity: expected a seed (a whole number), {size} numbers or None, got {got}")
    return finite("identity", vector)


def head(
    age: float = 6,
    sex: str | None = None,
    identity: int | ArrayLike | None = 0,
    expression: str | Mapping[str, float] = "neutral",
    deformity: str | Deformity | Mapping[str, float] | None = None,
    *,
    variation: Variation | Mapping[str, Any] | None = None,
) -> Mesh:
    """One infant head as a mesh over the shipped template, with colours and landmarks, in mm.

    Args:
        age: months, 0 to 36.
        sex: "male", "female" or None (both sexes' mean).
        identity: a seed, a vector of standard normal numbers, or None for the mean child.
        expression: a preset ("crying", "smiling", ...), a unit's name (at strength 1), or weights of units, e.g.
            `{"smile": 0.8, "jaw_open": 0.3}`.
        deformity: a name, a `Deformity(name, severity, side)`, a mapping of names to severities, or None.
        variation: kernels and amplitudes of what makes children differ, e.g. `{"asymmetry": 0, "skew": 0}`; None: the
            usual ones, see `Variation`.

    Raises:
        ValueError: an age outside 0-36 months, an unknown name (the message lists the known), an impossible severity.

    Examples:
        >>> from inface.synthetic import head
        >>> baby = head(age=6, sex="female", identity=3, expression="crying")
        >>> older = head(age=24, sex="female", identity=3)  # the same child
        >>> bool(older.vertices.std() > baby.vertices.std())
        True
    """
    maker = head_maker(variation)
    if np.ndim(age):
        raise ValueError(f"age: expected one age in months, got an array of shape {np.shape(age)}; see shapes_for")
    vertices = maker.shapes(
        identity_vector(identity, maker.identity.size),
        check_age(age),
        check_sex(sex),
        expression_weights(expression),
        deformity_amounts(deformity),
    )[0].astype(np.float64)
    base = maker.template
    landmarks = LandmarkSet.of({name: vertices[i] for name, i in base.landmarks.items()})
    return Mesh(vertices, base.mesh.triangles, base.mesh.colors, landmarks)
