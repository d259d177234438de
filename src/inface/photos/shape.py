"""A model as a Gaussian over shapes, with room beside it for what the model does not know.

`x = mean + modes @ b + misfit @ c` with `b`, `c` standard normal: `modes` are the model's own directions, one standard
deviation each (the tangent at a latent of choice where the decoder is not linear); `misfit` are smooth fields over the
skin that stand for how far real heads lie beside every model [luthi2018].
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from inface._validate import FloatArray, IntArray
from inface.geometry.adjacency import adjacency, vertex_normals

STRETCHES, STRETCH = 6, 1 / 60  # their number with that of the size; for a mm of misfit at 60 mm from the centroid
SUPPORT, FIELDS = 260, 45  # points that carry the misfit's kernel; smooth fields kept of it, even and odd ones each
SMOOTHED = 6
SKEW = 0.35  # how far left and right may differ in the misfit, over how far they may differ from the model together


@dataclass(frozen=True, eq=False)
class ShapeModes:
    """The model's directions about one latent, and how a head may be stretched beside them.

    Attributes:
        model: the model.
        origin: `(K,)` standardised latent at which `mean` and `modes` were taken; zeros for linear models.
        mean: `(V, 3)` mm.
        modes: `(K + 6, V, 3)` float32, what one standard deviation of each latent entry moves; then five stretches of
            the whole head that keep its size; then zero, for the size, which no photograph shows.
    """

    model: Any
    origin: FloatArray
    mean: FloatArray
    modes: FloatArray

    @classmethod
    def of(cls, model: Any) -> "ShapeModes":
        """The modes of a model at its mean; those of the last few models are kept."""
        return _modes_of(model)

    def at(self, b: FloatArray) -> "ShapeModes":
        """The tangent at standardised entries `b (K + 6,)`; the modes themselves for linear models."""
        return self if self.model.is_linear else _tangent(self.model, b[:-STRETCHES])

    def shape(self, b: FloatArray) -> FloatArray:
        """Vertices `(V, 3)`, float64, of standardised entries `b (K + 6,)`, linearly from `origin`."""
        flat = self.modes.reshape(len(self.modes), -1)
        return self.mean + (np.asarray(self.step(b), flat.dtype) @ flat).reshape(self.mean.shape)

    def step(self, b: FloatArray) -> FloatArray:
        """`(K + 6,)` how far standardised entries `b (K + 6,)`, those of stretches and size last, are from `origin`."""
        return b - np.concatenate([self.origin, np.zeros(STRETCHES)])

    @cached_property
    def normals(self) -> FloatArray:
        """Normals `(V, 3)` of the mean, smoothed over `SMOOTHED` rounds of neighbours: where skin looks at large."""
        out = vertex_normals(self.mean, self.model.triangles)
        beside = adjacency(self.model.triangles, len(out))
        for _ in range(SMOOTHED):
            out = out + beside @ out
            out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)
        return out

    def latent(self, b: FloatArray) -> FloatArray:
        """The model's own latent `(K,)` of standardised entries `(K + 6,)`."""
        return np.asarray(self.model.latent_mean, float) + np.asarray(self.model.latent_std, float) * b[:-STRETCHES]


@lru_cache(maxsize=3)
def _modes_of(model: Any) -> ShapeModes:
    return _tangent(model, np.zeros(len(model.latent)))


def _tangent(model: Any, b: FloatArray) -> ShapeModes:
    """Mean and derivative of the decoder at `b`: exact for linear models, by differences elsewhere."""
    std = np.asarray(model.latent_std, float)
    centre = np.asarray(model.latent_mean, float) + std * b
    mean = np.asarray(model.decode(centre), np.float64)
    if model.is_linear:
        modes = np.asarray(model.mode_offsets(len(std)), np.float32)
    else:
        step = 0.25
        modes = np.asarray((model.decode(centre + step * np.diag(std)) - mean) / step, np.float32)
    modes = np.concatenate([modes, _stretches(np.asarray(model.mean_vertices, float))])
    return ShapeModes(model, np.array(b, float), mean, np.ascontiguousarray(modes))


def _stretches(vertices: FloatArray) -> FloatArray:
    """`(6, V, 3)`: the five symmetric stretches without trace, of `STRETCH` for each mm of misfit, about the centroid;
    and zero for the size."""
    a, b = np.sqrt([1 / 2, 1 / 6])
    ways = np.zeros((STRETCHES, 3, 3))
    ways[0], ways[1] = np.diag([a, -a, 0]), np.diag([b, b, -2 * b])
    for k, (i, j) in enumerate(((0, 1), (1, 2), (2, 0)), 2):
        ways[k, i, j] = ways[k, j, i] = a if 0 not in (i, j) else a * SKEW
    return (STRETCH * (vertices - vertices.mean(0)) @ ways).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Misfit:
    """Smooth fields that stand for what heads have beside a model.

    Attributes:
        fields: `(F, V)` float32 scalar fields: mirror-even ones, then odd ones; their squares sum to 1 at a vertex.
        amounts: `(F, 3)` standard deviation of each in x, y, z: faces are more alike left and right than free.
    """

    fields: FloatArray
    amounts: FloatArray


def no_misfit(model: Any) -> Misfit:
    """None at all: the head is what the model can be."""
    return Misfit(np.zeros((0, len(model.mean_vertices)), np.float32), np.zeros((0, 3)))


@lru_cache(maxsize=6)
def misfit_of(model: Any, lengths: tuple[float, ...], region: str = "face") -> Misfit:
    """The misfit of a model, correlated over `lengths` mm of the mean.

    The kernel is the mean of `exp(-d^2 / 2 length^2)` over the lengths, split into its mirror-even and odd parts, in
    its low-rank form [rasmussen2006, Nystroem]; two thirds of its support lies on the face, which photographs show.
    """
    vertices = np.asarray(model.mean_vertices, float)
    flip = np.array([-1.0, 1, 1])
    face = np.asarray(model.template.regions.get(region, np.arange(len(vertices))))
    support = np.unique(np.concatenate([_spread(vertices, face, 2 * SUPPORT // 3),
                                        _spread(vertices, np.arange(len(vertices)), SUPPORT // 3)]))  # fmt: skip
    at = vertices[support]
    inner, inner_crossed = _kernel(at, at, lengths), _kernel(at, at * flip, lengths)
    outer, outer_crossed = _kernel(vertices, at, lengths), _kernel(vertices, at * flip, lengths)
    fields, amounts = [], []
    for sign, share in ((1, FIELDS), (-1, FIELDS)):
        values, vectors = np.linalg.eigh((inner + sign * inner_crossed) / 2)
        keep = values.argsort()[::-1][: min(share, len(values))]
        keep = keep[values[keep] > 1e-6 * values.max()]
        fields.append(((outer + sign * outer_crossed) / 2 @ (vectors[:, keep] / np.sqrt(values[keep]))).T)
        even = np.array([SKEW, 1.0, 1.0] if sign == 1 else [1.0, SKEW, SKEW])
        amounts.append(np.tile(even, (len(keep), 1)))
    return Misfit(np.ascontiguousarray(np.concatenate(fields), np.float32), np.concatenate(amounts))


def _kernel(a: FloatArray, b: FloatArray, lengths: tuple[float, ...]) -> FloatArray:
    square = ((a * a).sum(1)[:, None] + (b * b).sum(1)[None] - 2 * a @ b.T).clip(0)
    return np.mean([np.exp(-square / (2 * length**2)) for length in lengths], axis=0)


def _spread(vertices: FloatArray, ids: IntArray, count: int) -> IntArray:
    """`count` of the vertices `ids`, each far from those before it, beginning with the foremost."""
    points = vertices[ids]
    chosen = [int(points[:, 2].argmax())]
    away = ((points - points[chosen[0]]) ** 2).sum(1)
    for _ in range(min(count, len(ids)) - 1):
        chosen.append(int(away.argmax()))
        away = np.minimum(away, ((points - points[chosen[-1]]) ** 2).sum(1))
    return ids[chosen]
