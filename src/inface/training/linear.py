"""The two-factor model as a linear disentangled autoencoder: a model by itself, and the start of the networks."""

from collections.abc import Mapping

import numpy as np

from inface._validate import FloatArray
from inface.errors import CorrespondenceError
from inface.models.autoencoder import AEMorphableModel
from inface.models.span import SkipNetwork, SpanModel
from inface.population import Population, training_part
from inface.training.components import PrincipalComponents
from inface.training.random_effects import fit_two_factor
from inface.training.span import finish, fold, known_ages, project
from inface.training.twofactor import TwoFactor, solve_codes

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

    Examples:
        >>> import numpy as np
        >>> from inface import Mesh, Population, Template, fit_linear
        >>> random = np.random.default_rng(0)
        >>> child, scan = random.standard_normal((12, 1, 20, 3)), random.standard_normal((12, 3, 20, 3))
        >>> shapes = (50 * random.standard_normal((20, 3)) + 3 * child + scan).reshape(36, 20, 3)
        >>> names = np.repeat([f"child {i}" for i in range(12)], 3)
        >>> population = Population(Template(Mesh(shapes[0], [[0, 1, 2]])), shapes, subject=names)
        >>> model = fit_linear(population, {"identity": 4, "expression": 3, "age": 1}, span=10)
        >>> model.blocks["expression"]
        slice(4, 7, None)
    """
    population = training_part(population)
    coefficients, fit = project(population, span)
    start = linear_start(coefficients, population, fit, dict(blocks or BLOCKS))
    model = finish(start.span_model(), coefficients, population, fit, start.factors.growth)
    return fold(model, population, fit)


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
