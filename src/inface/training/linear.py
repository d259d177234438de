"""The two-factor model as a linear disentangled autoencoder, and what every trained model is finished with."""

from collections.abc import Mapping

import numpy as np

from inface._validate import FloatArray
from inface.errors import CorrespondenceError
from inface.models.ages import AgeCalibration
from inface.models.autoencoder import AEMorphableModel
from inface.models.base import ModelExtras
from inface.models.compact import SkipNetwork, SpanModel
from inface.population import Population, training_part
from inface.training.pca import PrincipalComponents, principal_components
from inface.training.random_effects import fit_two_factor
from inface.training.twofactor import Growth, TwoFactor, solve_codes

BLOCKS = {"identity": 32, "expression": 64, "age": 1}


def fit_linear(
    population: Population, blocks: Mapping[str, int] | None = None, *, span: int | PrincipalComponents = 200
) -> AEMorphableModel:
    """A linear disentangled model, without any iteration: the moments of the two-factor model (see `twofactor`).

    Encoders give the posterior mean of identity, expression and age; the decoder adds the three. Growth is linear in
    log age here: the quadratic and cubic part of the mean growth curve, and that faces move more in bigger heads, stay
    out of a linear model, which therefore ages and decodes worse than a network (figures: docs/training_results.md).

    Shapes whose `split` is "test" are left out.

    Raises:
        CorrespondenceError: no subjects, or no subject with repeated scans.
        ValueError: blocks wider than the span of the data, unusable ages.
    """
    population = training_part(population)
    coefficients, fit = project(population, span)
    start = linear_start(coefficients, population, fit, dict(blocks or BLOCKS))
    model = finish(start.span_model(), coefficients, population, fit, start.factors.growth)
    return fold(model, population, fit)


def project(population: Population, span: int | PrincipalComponents) -> tuple[FloatArray, PrincipalComponents]:
    """Coefficients `(N, K)` of the shapes in the span of their first K modes (or of modes given), and those modes.

    Shapes with missing vertices (NaN) get their most probable coefficients given the vertices that are known.
    """
    rows = population.shapes.reshape(len(population), 3 * len(population.template.mesh.vertices))  # none may be there
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


def shrinkage(covariance: FloatArray, count: int) -> float:
    """What to add to each variance of a sample covariance `(K, K)` of `count` shapes [chen2010].

    The oracle-approximating weight times the mean variance. The last modes of a sample hold hardly any variance in the
    sample itself and more in new shapes: without this, codes of new children follow those modes too closely.
    """
    size = len(covariance)
    total, square = float(np.trace(covariance)), float((covariance**2).sum())
    above = (1 - 2 / size) * square + total**2
    below = (count + 1 - 2 / size) * (square - total**2 / size)
    return min(above / below if below > 0 else 1.0, 1.0) * total / size


class LinearStart:
    """Linear encoders and decoder of the two-factor model, in the span of the data, mm.

    Attributes:
        factors: the moments.
        encoders: block -> `(w, K)`; directions: `(k, K)`, one row a code entry of unit spread.
    """

    def __init__(self, factors: TwoFactor, coefficients: FloatArray, months: FloatArray | None, age: int) -> None:
        self.factors = factors
        self.months = months
        rows, rest = [factors.identity, factors.expression], factors.rest.copy()
        if age:
            growth = factors.growth
            if growth is None or months is None:
                rows.append(np.zeros((1, rest.shape[0])))
            else:
                code = growth.code(months)
                slope = code @ coefficients / (code @ code)
                bend = growth.mean(code) - code[:, None] * slope
                rest += np.cov(bend.T)
                rows.append(slope[None])
        self.directions = np.concatenate(rows)
        floor = shrinkage(self.directions.T @ self.directions + rest, len(coefficients))
        matrix = solve_codes(self.directions, rest + floor * np.eye(len(rest)))
        ends = np.cumsum([0] + [len(r) for r in rows])
        self.encoders = {name: matrix[a:b] for name, a, b in zip(BLOCKS, ends[:-1], ends[1:], strict=False)}

    def span_model(self) -> SpanModel:
        """As networks without hidden layers; mean and spread of the codes are filled in by `finish`."""
        encoders = {name: SkipNetwork(matrix, np.zeros(len(matrix))) for name, matrix in self.encoders.items()}
        width = len(self.directions)
        decoder = SkipNetwork(self.directions.T, np.zeros(self.directions.shape[1]))
        return SpanModel(encoders, decoder, np.zeros(width), np.ones(width))


def linear_start(
    coefficients: FloatArray, population: Population, span: PrincipalComponents, blocks: Mapping[str, int]
) -> LinearStart:
    """The two-factor model of a population with its linear encoders; refuses what cannot be disentangled."""
    if set(blocks) != set(BLOCKS) or blocks["age"] != 1 or min(blocks.values()) < 1:
        raise ValueError(
            f"blocks: expected widths of 'identity' and 'expression' and 'age': 1 (as in {BLOCKS}), got {dict(blocks)}"
        )
    if population.subject is None:
        raise CorrespondenceError(
            "the population does not say which scans are of one subject, so identity and expression cannot be told "
            "apart; add a column 'subject' to manifest.csv, or fit a PCA model or a plain autoencoder"
        )
    most = coefficients.shape[1]
    if max(blocks.values()) > most:
        raise ValueError(
            f"blocks: at most {most} codes a block (the span of the {len(coefficients)} scans), got {dict(blocks)}; "
            "ask for narrower blocks, or add scans"
        )
    months = known_ages(population)
    factors = fit_two_factor(
        coefficients,
        population.subject,
        months,
        span,
        neutral=population.neutral,
        identity=blocks["identity"],
        expression=blocks["expression"],
    )
    return LinearStart(factors, coefficients, months, blocks["age"])


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
