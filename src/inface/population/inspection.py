"""What the owner of a population should look at: duplicates, outliers, what it cannot teach."""

import hashlib
import warnings
from dataclasses import dataclass

import numpy as np

from inface.population.manifest import Manifest
from inface.population.population import Population
from inface.units import growth_clock


class PopulationWarning(UserWarning):
    """Something about a population that its owner should look at: duplicates, outliers."""


@dataclass(frozen=True)
class Findings:
    """What `inspect` noticed; names of shapes.

    Attributes:
        duplicates: groups of shapes that are the same to 1e-4 mm.
        outliers: (name, robust z) of shapes whose distance from the mean is far from the others'.
    """

    duplicates: tuple[tuple[str, ...], ...]
    outliers: tuple[tuple[str, float], ...]


def inspect(population: Population, *, limit: float = 6.0) -> Findings:
    """Duplicates, and outliers: shapes whose root-mean-square distance from the mean has a robust z above `limit`.

    With ages known, the distance is that from the straight line in log age, so that newborns are not outliers.
    """
    names = np.arange(len(population)).astype(str) if population.name is None else population.name
    groups: dict[bytes, list[str]] = {}
    for name, shape in zip(names, population.shapes, strict=True):
        rounded = np.round(np.asarray(shape, np.float64), 4) + 0.0  # no negative zeros
        groups.setdefault(hashlib.sha256(rounded.tobytes()).digest(), []).append(str(name))
    ages = population.age_months
    design = np.ones((len(population), 1))
    if ages is not None and np.isfinite(ages).all() and (ages > -2).all() and np.ptp(ages) > 0:
        design = np.stack([np.ones(len(ages)), growth_clock(ages)], 1)
    solve = np.linalg.pinv(design)
    fit = sum(np.multiply.outer(solve[:, i], np.nan_to_num(population.shapes[i])) for i in range(len(population)))
    distance = np.empty(len(population))
    for i, shape in enumerate(population.shapes):
        difference = shape - np.tensordot(design[i], fit, 1)
        distance[i] = np.sqrt(np.nanmean(difference**2))
    middle = np.median(distance)
    z = (distance - middle) / max(1.4826 * float(np.median(np.abs(distance - middle))), 1e-9)
    far = np.argsort(-z)[: int((z > limit).sum())]
    return Findings(
        tuple(tuple(group) for group in groups.values() if len(group) > 1),
        tuple((str(names[i]), float(z[i])) for i in far),
    )


def limits(population: Population) -> tuple[str, ...]:
    """What the population cannot teach a model with blocks, and what stands in its place; one sentence each."""
    out = []
    if population.age_months is None or np.isnan(population.age_months).all():
        out.append("no ages (column age_months): the age block learns nothing, and ages cannot be set in months")
    marked = population.neutral is not None and population.neutral.any()
    named = population.expression is not None and (population.expression == "neutral").any()
    if not (marked or named):
        out.append("no neutral faces (column neutral): the mean expression stands for neutral")
    if population.expression is None or (population.expression == "").all():
        out.append("no named expressions (column expression): the model knows none by name")
    return tuple(out)


def warn_of_findings(findings: Findings) -> None:
    """A `PopulationWarning` for duplicates and one for outliers."""
    for group in findings.duplicates:
        warnings.warn(f"the same shape stands in {', '.join(group)}", PopulationWarning, stacklevel=3)
    if findings.outliers:
        names = ", ".join(f"{name} (z {z:.0f})" for name, z in findings.outliers[:10])
        more = f" and {len(findings.outliers) - 10} more" if len(findings.outliers) > 10 else ""
        warnings.warn(f"far from the others: {names}{more}; look at them", PopulationWarning, stacklevel=3)


def warn_of_table(manifest: Manifest, population: Population) -> None:
    """A `PopulationWarning` for meshes the table does not list, and for ages that look like days."""
    if manifest.unlisted:
        names = ", ".join(manifest.unlisted[:3]) + (", ..." if len(manifest.unlisted) > 3 else "")
        words = (
            f"{len(manifest.unlisted)} meshes of the folder stand in no row of manifest.csv and are not read: {names}"
        )
        warnings.warn(words, PopulationWarning, stacklevel=3)
    ages = population.age_months
    if ages is not None and np.isfinite(ages).any() and np.nanmedian(ages) > 120:
        words = f"age_months: the median is {np.nanmedian(ages):g}, which looks like days; months are days / 30.44"
        warnings.warn(words, PopulationWarning, stacklevel=3)
