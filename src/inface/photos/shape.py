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
from inface.geometry.adjacency import vertex_normals

STRETCHES, STRETCH = 5, 0.02  # their number, and the standard deviation of each
SUPPORT, FIELDS = 260, 90  # points that carry the misfit's kernel, and the smooth fields kept of it


@dataclass(frozen=True, eq=False)
class ShapeModes:
    """The model's directions about one latent, and how a head may be stretched beside them.

    Attributes:
        model: the model.
        origin: `(K,)` standardised latent at which `mean` and `modes` were taken; zeros for linear models.
        mean: `(V, 3)` mm.
        modes: `(K + 5, V, 3)` float32, what one standard deviation of each latent entry moves; then five stretches of
            the whole head along other axes, which keep its size.
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
        """The tangent at standardised entries `b (K + 5,)`; the modes themselves for linear models."""
        return self if self.model.is_linear else _tangent(self.model, b[:-STRETCHES])

    def shape(self, b: FloatArray) -> FloatArray:
        """Vertices `(V, 3)`, float64, of standardised entries `b (K + 5,)`, linearly from `origin`."""
        flat = self.modes.reshape(len(self.modes), -1)
        return self.mean + (np.asarray(self.step(b), flat.dtype) @ flat).reshape(self.mean.shape)

    def step(self, b: FloatArray) -> FloatArray:
        """`(K + 5,)` how far standardised entries `b (K + 5,)`, those of the stretches last, are from `origin`."""
        return b - np.concatenate([self.origin, np.zeros(STRETCHES)])

    @cached_property
    def normals(self) -> FloatArray:
        """Unit normals `(V, 3)` of the mean."""
        return vertex_normals(self.mean, self.model.triangles)

    def latent(self, b: FloatArray) -> FloatArray:
        """The model's own latent `(K,)` of standardised entries `(K + 5,)`."""
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
    """`(5, V, 3)`: the symmetric stretches without trace, of `STRETCH` each, about the centroid."""
    a, b = np.sqrt([1 / 2, 1 / 6])
    ways = np.zeros((STRETCHES, 3, 3))
    ways[0], ways[1] = np.diag([a, -a, 0]), np.diag([b, b, -2 * b])
    for k, (i, j) in enumerate(((0, 1), (1, 2), (2, 0)), 2):
        ways[k, i, j] = ways[k, j, i] = a
    return np.float32(STRETCH * (vertices - vertices.mean(0)) @ ways)


@lru_cache(maxsize=6)
def misfit_fields(model: Any, lengths: tuple[float, ...], region: str = "face") -> FloatArray:
    """`(F, V)` float32 smooth scalar fields, unit variance in all, correlated over `length` mm of the mean.

    The kernel `exp(-d^2 / 2 length^2)` over the mean shape in its low-rank form [rasmussen2006, Nystroem]; two thirds
    of its support lies on the face, where photographs show most.
    """
    vertices = np.asarray(model.mean_vertices, float)
    face = np.asarray(model.template.regions.get(region, np.arange(len(vertices))))
    support = np.unique(np.concatenate([_spread(vertices, face, 2 * SUPPORT // 3),
                                        _spread(vertices, np.arange(len(vertices)), SUPPORT // 3)]))  # fmt: skip
    inner = _kernel(vertices[support], vertices[support], lengths)
    values, vectors = np.linalg.eigh(inner)
    keep = values.argsort()[::-1][: min(FIELDS, len(values))]
    keep = keep[values[keep] > 1e-6 * values.max()]
    fields = _kernel(vertices, vertices[support], lengths) @ (vectors[:, keep] / np.sqrt(values[keep]))
    return np.ascontiguousarray(fields.T, np.float32)


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
