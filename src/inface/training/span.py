"""From shapes to the span of their modes and back: what every model trained there begins and is finished with."""

import numpy as np

from inface._validate import FloatArray
from inface.models.ages import AgeCalibration
from inface.models.autoencoder import AEMorphableModel
from inface.models.parts import ModelExtras
from inface.models.span import SpanModel
from inface.population import Population, flat_rows
from inface.training.components import PrincipalComponents
from inface.training.pca import principal_components
from inface.training.twofactor import Growth


def project(population: Population, span: int | PrincipalComponents) -> tuple[FloatArray, PrincipalComponents]:
    """Coefficients `(N, K)` of the shapes in the span of their first K modes (or of modes given), and those modes.

    Shapes with missing vertices (NaN) get their most probable coefficients given the vertices that are known.
    """
    rows = flat_rows(population.shapes)
    fit = span
    if not isinstance(fit, PrincipalComponents):
        fit = principal_components(rows, min(fit, len(rows) - 1, rows.shape[1]), population.weight)
    out = np.empty((len(rows), len(fit.eigenvalues)))
    for start in range(0, len(rows), 512):
        part = rows[start : start + 512]
        known = np.isfinite(part)
        out[start : start + 512] = fit.project(np.where(known, part, fit.mean))
        for i in np.flatnonzero(~known.all(1)):
            out[start + i] = fit.conditional(part[i], known[i])
    return out, fit


def known_ages(population: Population) -> FloatArray | None:
    """Ages in months of every scan, or None where the population has none.

    Raises `ValueError` when only some are known, when they are all the same, negative, or look like days.
    """
    ages = population.age_months
    if ages is None or np.isnan(ages).all():
        return None
    if np.isnan(ages).any():
        raise ValueError(
            f"age_months: {int(np.isnan(ages).sum())} of {len(ages)} scans have no age; give all of them, leave those "
            "scans out, or drop the column to train without age"
        )
    if (ages < 0).any():
        raise ValueError(f"age_months: expected ages of zero or more, got {ages.min():g}")
    if np.ptp(ages) == 0:
        raise ValueError(f"age_months: all scans are {ages[0]:g} months old, so age cannot be learnt; drop the column")
    if np.median(ages) > 120:
        raise ValueError(
            f"age_months: the median is {np.median(ages):g}, which looks like days; give ages in months (days / 30.44)"
        )
    return np.asarray(ages, np.float64)


def finish(
    model: SpanModel, coefficients: FloatArray, population: Population, span: PrincipalComponents, growth: Growth | None
) -> SpanModel:
    """The model with mean and spread of its codes, named expressions, age calibration, noise and card.

    A named expression is the mean code of the scans that bear its name; "neutral" that of the scans marked neutral.
    """
    codes = model.encode(coefficients)
    left = coefficients - model.decode(codes)
    variance = span.total_variance - span.eigenvalues.sum() + (left**2).sum(1).mean()
    extras: ModelExtras = {"noise_std": float(np.sqrt(max(variance, 0) / len(span.mean)))}
    if "expression" in model.encoders:
        widths = {name: len(net.skip) for name, net in model.encoders.items()}
        block = slice(widths["identity"], widths["identity"] + widths["expression"])
        extras["expressions"] = {name: codes[chosen, block].mean(0) for name, chosen in _labelled(population).items()}
    months = population.age_months
    if growth is not None and months is not None and "age" in model.encoders:
        ends = np.array([np.floor(months.min()), np.ceil(months.max())])
        low, high = growth.code(ends)
        codes_at = np.linspace(low, high, 61)
        extras["age_calibration"] = AgeCalibration(np.ones(1), codes_at, growth.months(codes_at))
    subjects = "unnamed" if population.subject is None else str(len(np.unique(population.subject)))
    extras["card"] = {"training": f"{len(population)} scans, {subjects} subjects"}
    return SpanModel(model.encoders, model.decoder, codes.mean(0), codes.std(0), extras)


def _labelled(population: Population) -> dict[str, FloatArray]:
    """Expression name -> which scans bear it; "mixed" names no expression of its own."""
    out: dict[str, FloatArray] = {}
    if population.expression is not None:
        names = [str(name) for name in np.unique(population.expression) if name not in ("", "mixed")]
        out = {name: population.expression == name for name in names}
    if population.neutral is not None and population.neutral.any():
        out["neutral"] = np.asarray(population.neutral)
    return out


def fold(model: SpanModel, population: Population, span: PrincipalComponents) -> AEMorphableModel:
    """The full model over the population's template."""
    template = population.template
    return model.folded(
        span.components,
        span.mean.reshape(-1, 3).astype(np.float32),
        template.mesh.triangles,
        template=template,
        colors=template.mesh.colors,
    )
