"""Cohorts: many children, several scans of each, every factor known."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from inface._validate import FloatArray, finite, floats
from inface.batches import run_batch
from inface.errors import InfaceError
from inface.population import Population
from inface.synthetic.anthropometry import AGE_RANGE, check_age
from inface.synthetic.deformity import DEFORMITIES, check_amounts
from inface.synthetic.expression import PRESETS, UNITS, check_weights, expression_weights
from inface.synthetic.head import head_maker
from inface.synthetic.identity import Variation

# Share of each expression among scans that are not neutral; strengths are drawn from 0.6 to 1 and mixed with others.
EXPRESSIVE = {"crying": 0.3, "smiling": 0.25, "surprised": 0.15, "whining": 0.1, "asleep": 0.1, "mixed": 0.1}
_MIX_WITH = 0.35  # largest strength of the other units drawn on top
BATCH = 32  # fixed, so that the same heads are computed together whatever the number of workers


@dataclass(frozen=True)
class CohortPlan:
    """What a cohort is drawn from; the same plan gives the same cohort, byte for byte.

    Attributes:
        subjects: number of children.
        scans_per_subject: scans of each, at ages of their own.
        seed: child k of a seed is the same child whatever the number of children.
        ages: youngest and oldest age in months; drawn evenly in its square root (young ages are denser).
        neutral_share: share of scans with a neutral face.
        plagiocephaly_share, brachycephaly_share: share of children with these; severities as in clinics' cohorts.
        synostosis_share: share of children with scaphocephaly or trigonocephaly.
        test_share: share of children whose scans are marked "test".
        expressions: shares of presets and "mixed" among the scans that are not neutral.
        variation: kernels and amplitudes of what makes children differ; a mapping is turned into a `Variation`.
    """

    subjects: int = 200
    scans_per_subject: int = 3
    seed: int = 0
    ages: tuple[float, float] = AGE_RANGE
    neutral_share: float = 0.4
    plagiocephaly_share: float = 0.15
    brachycephaly_share: float = 0.05
    synostosis_share: float = 0.0
    test_share: float = 0.2
    expressions: Mapping[str, float] = field(default_factory=lambda: dict(EXPRESSIVE))
    variation: Variation | Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        for name in ("subjects", "scans_per_subject"):
            if not (isinstance(getattr(self, name), int | np.integer) and getattr(self, name) >= 1):
                raise ValueError(f"{name}: expected a whole number of 1 or more, got {getattr(self, name)!r}")
        if not (isinstance(self.seed, int | np.integer) and self.seed >= 0):
            raise ValueError(f"seed: expected a whole number of 0 or more, got {self.seed!r}")
        ages = check_age(self.ages)
        if np.shape(ages) != (2,) or ages[0] > ages[1]:
            raise ValueError(f"ages: expected (youngest, oldest) in months, got {self.ages!r}")
        for name in ("neutral_share", "plagiocephaly_share", "brachycephaly_share", "synostosis_share", "test_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected a share from 0 to 1, got {getattr(self, name)}")
        if self.plagiocephaly_share + self.brachycephaly_share + self.synostosis_share > 1:
            raise ValueError("the shares of the deformities: expected a sum of at most 1")
        unknown = [name for name in self.expressions if name not in (*PRESETS, "mixed")]
        if unknown:
            raise ValueError(f"no expression '{unknown[0]}'; there are: {', '.join(PRESETS)}, mixed")
        object.__setattr__(self, "variation", Variation.of(self.variation))
        if not self.expressions or min(self.expressions.values()) < 0 or not sum(self.expressions.values()) > 0:
            raise ValueError("expressions: expected names with shares of 0 or more, not all 0")


@dataclass(frozen=True, eq=False)
class Factors:
    """The factors of N scans: all that shapes are made from."""

    subject: np.ndarray
    scan: np.ndarray
    identity: FloatArray
    age: FloatArray
    sex: np.ndarray
    expression: np.ndarray
    expression_weights: FloatArray
    deformity: FloatArray
    split: np.ndarray

    @property
    def name(self) -> list[str]:
        """A name for each scan: the child's and the scan's number."""
        return [f"{s}_{k}" for s, k in zip(self.subject, self.scan, strict=True)]

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """What is known of each scan, as the columns of a `Population`."""
        neutral = np.logical_not(self.expression_weights.any(1))
        known = {"subject": self.subject, "age_months": self.age, "sex": self.sex, "expression": self.expression}
        return known | {"neutral": neutral, "split": self.split}


def draw_factors(plan: CohortPlan) -> Factors:
    """Draw the factors of every scan; each child from a stream of its own."""
    size = head_maker().identity.size
    rows: dict[str, list[Any]] = {name: [] for name in Factors.__dataclass_fields__}
    for child in range(plan.subjects):
        rng = np.random.default_rng([plan.seed, child])
        identity = rng.standard_normal(size)
        sex = ("male", "female")[int(rng.random() < 0.5)]
        split = "test" if rng.random() < plan.test_share else "train"
        deformity = _draw_deformity(plan, rng)
        low, high = np.sqrt(plan.ages)
        for scan in range(plan.scans_per_subject):
            name, weights = _draw_expression(plan, rng)
            rows["subject"].append(f"child-{child:05d}")
            rows["scan"].append(scan)
            rows["identity"].append(identity)
            rows["age"].append(np.clip(rng.uniform(low, high) ** 2, *plan.ages))
            rows["sex"].append(sex)
            rows["expression"].append(name)
            rows["expression_weights"].append(weights)
            rows["deformity"].append(deformity)
            rows["split"].append(split)
    return Factors(**{name: np.array(values) for name, values in rows.items()})


def _draw_deformity(plan: CohortPlan, rng: np.random.Generator) -> FloatArray:
    names = list(DEFORMITIES)
    amounts = np.zeros(len(names))
    place, severity, other = rng.random(), rng.random(), rng.random()
    if place < plan.plagiocephaly_share:  # most are mild, two thirds right-sided [mawji2013]
        amounts[names.index("plagiocephaly")] = (-1 if other < 0.632 else 1) * (3.5 + 9.5 * severity**1.8)
    elif place < plan.plagiocephaly_share + plan.brachycephaly_share:
        amounts[names.index("brachycephaly")] = 4 + 9 * severity
    elif place < plan.plagiocephaly_share + plan.brachycephaly_share + plan.synostosis_share:
        name, amount = ("scaphocephaly", 5 + 8 * severity) if other < 0.8 else ("trigonocephaly", 0.4 + 0.6 * severity)
        amounts[names.index(name)] = amount
    return amounts


def _draw_expression(plan: CohortPlan, rng: np.random.Generator) -> tuple[str, FloatArray]:
    neutral, which, strength = rng.random(), rng.random(), rng.uniform(0.6, 1)
    extra = rng.random(len(UNITS)) ** 3 * _MIX_WITH
    units = rng.choice(len(UNITS), 2, replace=False)
    pair = rng.uniform(0.4, 1, 2)
    if neutral < plan.neutral_share:
        return "neutral", np.zeros(len(UNITS))
    names, shares = list(plan.expressions), np.array(list(plan.expressions.values()), float)
    name = names[int(np.searchsorted(np.cumsum(shares) / shares.sum(), which, side="right"))]
    if name == "mixed":
        weights = np.zeros(len(UNITS))
        weights[units] = pair
        return name, weights
    if name == "neutral":
        return name, np.zeros(len(UNITS))
    if name == "asleep":
        return name, expression_weights("asleep") * np.where(np.array(UNITS) == "eyes_closed", 1, strength)
    return name, np.clip(expression_weights(name) * strength + extra, 0, 1)


def shapes_for(
    identity: ArrayLike,
    age: ArrayLike,
    sex: ArrayLike | None = None,
    expression_weights: ArrayLike | None = None,
    deformity: ArrayLike | None = None,
    *,
    workers: int = 1,
    variation: Variation | Mapping[str, Any] | None = None,
) -> FloatArray:
    """The true shapes `(N, V, 3)` float32 of any factors: the way to ask "this child, neutral" or "a year older".

    Arguments broadcast over N: `identity (N, K)`, `age (N,)` months, `sex (N,)`, `expression_weights (N, 10)` in the
    order of `UNITS`, `deformity (N, 4)` in the order of `DEFORMITIES`; all but the first two may be None.
    `variation`: that of the cohort (`CohortPlan.variation`) where it was not the usual one.

    Raises:
        ValueError: arrays of other shapes, ages outside 0-36 months, weights outside 0 to 1, impossible severities.

    Examples:
        >>> from inface.synthetic import cohort, shapes_for
        >>> child = cohort(1, 1, seed=1)
        >>> row = child.factors["identity"][0]
        >>> shapes_for(row, [6, 12, 24], "female").shape  # this child, neutral, at three ages
        (3, 12839, 3)
    """
    maker = head_maker(variation)
    arrays = [
        np.atleast_2d(finite("identity", floats("identity", identity, (maker.identity.size,)))),
        np.atleast_1d(check_age(age)),
        np.atleast_1d(np.asarray("" if sex is None else sex, np.str_)),
        np.atleast_2d(check_weights(np.zeros(len(UNITS)) if expression_weights is None else expression_weights)),
        np.atleast_2d(check_amounts(np.zeros(len(DEFORMITIES)) if deformity is None else deformity)),
    ]
    count = max(map(len, arrays))
    wrong = [len(a) for a in arrays if len(a) not in (1, count)]
    if wrong:
        raise ValueError(f"factors: expected 1 or {count} rows each, got {wrong[0]}")
    full = [np.broadcast_to(a, (count, *a.shape[1:])) for a in arrays]
    batches = batches_of(full, range(0, count, BATCH))
    out = np.empty((count, len(maker.template.mesh.vertices), 3), np.float32)
    make = MakeShapes(Variation.of(variation))
    for made in run_batch(make, batches, workers=min(checked_workers(workers), len(batches)), chunk=1):
        if not made.ok:
            raise InfaceError(f"the shapes from number {made.key} on could not be made: {made.reason}")
        out[int(made.key) : int(made.key) + BATCH] = made.value
    return out


def checked_workers(workers: int) -> int:
    """Raises `ValueError` for anything but a whole number of 1 or more."""
    if not (isinstance(workers, int | np.integer) and workers >= 1):
        raise ValueError(f"workers: expected a whole number of 1 or more, got {workers!r}")
    return int(workers)


@dataclass(frozen=True, eq=False)
class Batch:
    """Some scans that are computed together, always the same ones: the first one's number, and the factors of each."""

    start: int
    columns: tuple[np.ndarray, ...]

    @property
    def key(self) -> str:
        """Name of the batch in a run."""
        return f"{self.start}"


@dataclass(frozen=True)
class MakeShapes:
    """The shapes of a batch; what a worker is given."""

    variation: Variation

    def __call__(self, batch: Batch) -> FloatArray:
        """Shapes `(n, V, 3)` float32."""
        return head_maker(self.variation).shapes(*batch.columns)


def batches_of(columns: Sequence[np.ndarray], starts: Sequence[int]) -> list[Batch]:
    """The batches that begin at `starts`, of the columns identity, age, sex, expression weights, deformity."""
    return [Batch(start, tuple(column[start : start + BATCH] for column in columns)) for start in starts]


def population_of(factors: Factors, shapes: FloatArray) -> Population:
    """Shapes and factors as a `Population`."""
    return Population(
        head_maker().template,
        shapes,
        **factors.columns,
        name=np.array(factors.name),
        factors={
            "identity": factors.identity,
            "expression_weights": factors.expression_weights,
            "deformity": factors.deformity,
        },
    )


def cohort(
    subjects: int = 200, scans_per_subject: int = 3, seed: int = 0, *, workers: int = 1, **options
) -> Population:
    """A population of synthetic children, several scans of each, with every factor kept.

    `options` are those of `CohortPlan` (ages, neutral_share, plagiocephaly_share, ...). The same arguments give the
    same bytes, whatever `workers`. `factors` of the result: `identity (N, K)`, `expression_weights (N, 10)` in the
    order of `UNITS`, `deformity (N, 4)` in the order of `DEFORMITIES`; `shapes_for` makes the truth for others.

    Examples:
        >>> from inface.synthetic import cohort
        >>> children = cohort(3, 2, seed=1, ages=(3, 14))
        >>> len(children), children.subject.tolist()[:3], sorted(children.factors)
        (6, ['child-00000', 'child-00000', 'child-00001'], ['deformity', 'expression_weights', 'identity'])
    """
    plan = plan_of(subjects, scans_per_subject, seed, options)
    factors = draw_factors(plan)
    shapes = shapes_for(
        factors.identity,
        factors.age,
        factors.sex,
        factors.expression_weights,
        factors.deformity,
        workers=workers,
        variation=plan.variation,
    )
    return population_of(factors, shapes)


def plan_of(subjects: int, scans_per_subject: int, seed: int, options: Mapping[str, Any]) -> CohortPlan:
    """The plan of these options; raises `ValueError` for an unknown one (the message lists the known ones)."""
    known = [one.name for one in fields(CohortPlan)][3:]
    unknown = [name for name in options if name not in known]
    if unknown:
        raise ValueError(f"no option '{unknown[0]}' of a cohort; there are: {', '.join(known)}")
    return CohortPlan(subjects, scans_per_subject, seed, **options)


def plan_record(plan: CohortPlan) -> dict[str, Any]:
    """The plan as plain values, for a manifest."""
    return asdict(plan)
