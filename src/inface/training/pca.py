"""Principal components of a population: exact, or by blocks of a stack larger than memory."""

from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np

from inface._validate import FloatArray
from inface.models.pca import PCAMorphableModel
from inface.population import MEMORY_LIMIT, Population, flat_rows, training_part
from inface.training.block_pca import Where, block_components
from inface.training.components import PrincipalComponents, checked_number, has_nan, normalised
from inface.training.exact_pca import exact_components
from inface.training.missing import fit_with_missing

EXACT_LIMIT = 8192
METHODS = {"auto": "auto", "exact": "exact", "blocks": "blocks", "randomised": "blocks"}  # the last: its former name


# options: the public call, whose keywords users have in their scripts
def fit_pca(
    population: Population,
    components: int | float = 0.98,
    noise: float | str = "auto",
    *,
    method: str = "auto",
    seed: int = 0,
    workers: int = 1,
    executor: Executor | None = None,
    scratch: str | Path | None = None,
) -> PCAMorphableModel:
    """Fit a PCA model to shapes in correspondence.

    `components` is a number of modes, or the fraction of the variance that the fewest possible modes shall reach.
    `noise` is the model's `noise_std` in mm; "auto" stores the discarded variance, spread over the coordinates
    [tipping1999]. `method` "exact" uses the Gram matrix of the shapes (or the covariance of the coordinates where that
    is smaller): float32 products of blocks for float32 shapes, summed in float64. "blocks" ("randomised" by its former
    name) reads a stack block by block, two or three times, with memory that does not depend on N, see `block_pca`;
    "auto" takes it above 8,192 shapes. Shapes may be a memory map or those of a packed population, of which blocks
    may be done by `workers` processes, or by an `executor` whose workers see the folder `scratch`; the bytes do not
    depend on either. `seed` is kept for calls of old: no way here draws random numbers. Vertices that are NaN are
    estimated by expectation maximisation; `population.weight` weighs the shapes. Mean colours are those of the
    template, or the mean of the factor "colors" where the population has it. Shapes whose `split` is "test" are left
    out.

    Raises:
        ValueError: fewer than two shapes, all shapes equal, too many components, a vertex no shape knows.

    Examples:
        >>> import numpy as np
        >>> from inface import Mesh, Population, Template, fit_pca
        >>> random = np.random.default_rng(0)
        >>> child, scan = random.standard_normal((12, 1, 20, 3)), random.standard_normal((12, 3, 20, 3))
        >>> shapes = (50 * random.standard_normal((20, 3)) + 3 * child + scan).reshape(36, 20, 3)
        >>> names = np.repeat([f"child {i}" for i in range(12)], 3)
        >>> population = Population(Template(Mesh(shapes[0], [[0, 1, 2]])), shapes, subject=names)
        >>> model = fit_pca(population, 5)
        >>> model.encode(shapes[0], check=False).shape
        (5,)
    """
    population = training_part(population)
    where = Where(workers, executor, scratch)
    fit = principal_components(flat_rows(population.shapes), components, population.weight, method=method, where=where)
    noise_std = fit.noise_std if noise == "auto" else float(noise)
    if not noise_std >= 0:
        raise ValueError(f"noise: expected 'auto' or millimetres, zero or more, got {noise!r}")
    template = population.template
    colors = template.mesh.colors
    if "colors" in population.factors:
        weight = np.ones(len(population)) if population.weight is None else population.weight
        colors = np.einsum("n,nvc->vc", weight / weight.sum(), population.factors["colors"])
    subjects = len(population) if population.subject is None else len(np.unique(population.subject))
    kept = fit.eigenvalues.sum() / fit.total_variance
    return PCAMorphableModel(
        components=fit.components,
        eigenvalues=fit.eigenvalues,
        mean_vertices=fit.mean.reshape(-1, 3),
        triangles=template.mesh.triangles,
        template=template,
        colors=colors,
        noise_std=noise_std,
        card={
            "training": f"{len(population)} shapes of {subjects} subjects",
            "method": f"PCA, {len(fit.eigenvalues)} modes, {100 * kept:.2f} % of the variance",
        },
    )


def principal_components(
    rows: Any,
    components: int | float,
    weights: FloatArray | None = None,
    *,
    method: str = "auto",
    where: Where | None = None,
) -> PrincipalComponents:
    """Modes of flattened shapes `(N, D)`; see `fit_pca`."""
    count, dimension = rows.shape
    if count < 2:
        raise ValueError(f"expected at least 2 shapes to fit a PCA model, got {count}")
    if method not in METHODS:
        raise ValueError(f"method: expected 'auto', 'exact' or 'blocks', got {method!r}")
    wanted = checked_number(components, min(count - 1, dimension))
    share = normalised(weights, count)
    method = METHODS[method]
    if method == "auto":
        small = min(count, dimension) <= EXACT_LIMIT and (isinstance(rows, np.ndarray) or rows.nbytes <= MEMORY_LIMIT)
        method = "exact" if small else "blocks"

    def solve(full: Any) -> PrincipalComponents:
        if method == "blocks":
            return block_components(full, wanted, share, where or Where())
        return exact_components(full if isinstance(full, np.ndarray) else np.asarray(full), wanted, share)

    return fit_with_missing(rows, share, solve) if has_nan(rows) else solve(rows)
