"""The classical figures of a shape model: compactness, generalisation, specificity, completion [davies2008]."""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from inface._validate import BoolArray, FloatArray
from inface.batches import values_in_order
from inface.evaluation.figures import distances
from inface.mesh import Mesh
from inface.model_reference import ModelReference
from inface.models import MorphableModel, PCAMorphableModel
from inface.population import Population


def compactness(model: PCAMorphableModel) -> FloatArray:
    """`(k,)` share of the kept variance that the first 1, 2, ... modes hold."""
    return np.cumsum(model.eigenvalues) / model.eigenvalues.sum()


BLOCK = 64  # shapes judged at once; fixed, so that the numbers do not depend on who judges them


def generalisation(
    model: MorphableModel, shapes: FloatArray, modes: Sequence[int] = (), *, executor: Executor | None = None
) -> dict[int, FloatArray]:
    """Number of codes -> errors `(n,)` mm of held-out shapes `(n, V, 3)` rebuilt from so many.

    A PCA model is cut to each number in `modes`; any model is also judged with all its codes. `executor`: where blocks
    of shapes are judged (None: here); the numbers are the same.
    """
    total = len(model.latent)
    wanted = [m for m in modes if m < total] if isinstance(model, PCAMorphableModel) else []
    judge = _Rebuilt(ModelReference.for_executor(model, executor), (*wanted, total))
    blocks = (np.asarray(shapes[i : i + BLOCK]) for i in range(0, len(shapes), BLOCK))
    parts = list(values_in_order(judge, blocks, executor))
    return {count: np.concatenate([part[count] for part in parts]) for count in judge.counts}


@dataclass(frozen=True)
class _Rebuilt:
    model: ModelReference
    counts: tuple[int, ...]

    def __call__(self, shapes: FloatArray) -> dict[int, FloatArray]:
        """Number of codes -> errors of a block of shapes."""
        model = self.model.load()
        codes = model.encode(shapes, check=False)
        out = {}
        for count in self.counts:
            kept = codes.copy()
            if isinstance(model, PCAMorphableModel):
                kept[:, count:] = 0
            out[count] = distances(model.decode(kept), shapes).mean(1)
        return out


def leave_one_out(population: Population, modes: Sequence[int]) -> dict[int, FloatArray]:
    """Number of modes -> errors `(N,)` mm of each shape under the PCA of all shapes but its subject's.

    Exact: the shapes are rotated to their own span first, so that each refit is small.
    """
    rows = population.shapes.reshape(len(population), -1).astype(np.float64)
    mean = rows.mean(0)
    u, s, basis = np.linalg.svd(rows - mean, full_matrices=False)
    codes = u * s
    names = np.arange(len(rows)) if population.subject is None else population.subject
    out: dict[int, FloatArray] = {count: np.empty(len(rows)) for count in modes}
    for name in np.unique(names):
        left, rest = codes[names == name], codes[names != name]
        center = rest.mean(0)
        directions = np.linalg.svd(rest - center, full_matrices=False)[2]
        for count in modes:
            kept = directions[:count]
            away = left - center
            residual = (away - away @ kept.T @ kept) @ basis
            out[count][names == name] = np.linalg.norm(residual.reshape(len(left), -1, 3), axis=2).mean(1)
    return out


def specificity(
    model: MorphableModel, training: FloatArray, *, samples: int = 200, seed: int = 0, candidates: int = 8
) -> FloatArray:
    """`(samples,)` mm from each drawn shape to the nearest training shape `(n, V, 3)`.

    Of the `candidates` nearest in root mean square, the one of the smallest mean vertex distance.
    """
    codes = model.sample_latents(samples, seed=seed)
    drawn = np.concatenate([model.decode(codes[i : i + 64]) for i in range(0, samples, 64)]).reshape(samples, -1)
    flat = np.asarray(training, np.float32).reshape(len(training), -1)
    center = flat.mean(0)
    flat, drawn = flat - center, (drawn - center).astype(np.float32)
    squared = (flat**2).sum(1) - 2 * drawn @ flat.T
    near = np.argsort(squared, 1)[:, :candidates]
    out = np.empty(samples)
    for i, rows in enumerate(near):
        difference = (flat[rows] - drawn[i]).reshape(len(rows), -1, 3)
        out[i] = np.linalg.norm(difference, axis=2).mean(1).min()
    return out


def completion(
    model: MorphableModel, shapes: FloatArray, hidden: BoolArray, *, executor: Executor | None = None
) -> FloatArray:
    """`(n,)` mm over the vertices `hidden (V,)` of shapes `(n, V, 3)` completed from the others.

    A fit of an autoencoder that does not settle counts with the best shape it found. `executor`: where it is done.
    """
    judge = _Completed(ModelReference.for_executor(model, executor), np.asarray(hidden))
    return np.array(list(values_in_order(judge, shapes, executor)))


@dataclass(frozen=True, eq=False)
class _Completed:
    model: ModelReference
    hidden: BoolArray

    def __call__(self, shape: FloatArray) -> float:
        """Mean error over the hidden vertices of one shape."""
        model, hidden = self.model.load(), self.hidden
        damaged = Mesh(np.where(hidden[:, None], np.nan, shape), model.triangles)
        done = model.reconstruct(damaged, hidden, check=False).mesh.vertices
        return float(np.linalg.norm(done[hidden] - shape[hidden], axis=1).mean())
