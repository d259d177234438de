"""Several visits of one child: what has changed, whether it is more than the error, what growth was to be expected."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from inface.errors import CorrespondenceError
from inface.measurement.catalogue import CATALOGUE
from inface.measurement.norms import circumference_curve, circumference_score
from inface.measurement.results import Measurements
from inface.measurement.uncertainty import SURE


@dataclass(frozen=True)
class Change:
    """One measure at two visits.

    Attributes:
        id: of the measure; both visits by the same definition.
        before, after: values; change: after less before.
        std: standard deviation of the change's error, sqrt(2) repeat_std; None where no error is known.
        beyond_error: whether |change| is more than 1.96 std; None where no error is known.
        expected: the change that a child who keeps its WHO score would have; circumference only.
    """

    id: str
    unit: str
    before: float
    after: float
    std: float | None = None
    beyond_error: bool | None = None
    expected: float | None = None

    @property
    def change(self) -> float:
        return self.after - self.before


@dataclass(frozen=True)
class Comparison:
    """Visits of one child in order of age, and the changes between the first and the last.

    Attributes:
        visits: as given.
        changes: id -> change, of the measures that both the first and the last visit have.
        notes: what a reader must know.
    """

    visits: tuple[Measurements, ...]
    changes: dict[str, Change]
    notes: tuple[str, ...] = ()

    def table(self) -> str:
        """A plain table of the changes."""
        rows = ["measure         before    after   change   error  expected"]
        for c in self.changes.values():
            error = "" if c.std is None else f"±{c.std:.2f}"
            mark = {True: "  beyond error", False: "  within error", None: ""}[c.beyond_error]
            expected = "" if c.expected is None else f"{c.expected:+.1f}"
            rows.append(
                f"{c.id:14s} {c.before:8.2f} {c.after:8.2f} {c.change:+8.2f} {error:>7s} {expected:>9s} {c.unit}{mark}"
            )
        return "\n".join(rows)


def compare(visits: Sequence[Measurements]) -> Comparison:
    """Compare two or more visits of one child, oldest last.

    The change's error is sqrt(2) times the standard deviation between scans of one child, which is smaller than that of
    a value: part of a value's error comes back at every visit. Expected growth keeps the child's WHO score of the first
    visit.

    Raises:
        ValueError: fewer than two visits, visits in another order than their ages, or of both sexes.
        CorrespondenceError: visits measured on two topologies, whose landmarks are not the same points.

    Examples:
        >>> import inface
        >>> mesh = inface.load_default_model("pca").template.mesh
        >>> one, two = (inface.measure(mesh, age_months=age, sex="male") for age in (3, 6))
        >>> found = inface.compare([one, two])
        >>> found.changes["circ.ml"].change, round(found.changes["circ.ml"].expected, 1)
        (0.0, 30.2)
    """
    if len(visits) < 2:
        raise ValueError(f"visits: expected two or more of one child, got {len(visits)}")
    ages = [v.child.age_days for v in visits]
    for k, (one, other) in enumerate(pairwise(ages)):
        if one is not None and other is not None and other < one:
            raise ValueError(
                f"visits: expected them in order of age, but visit {k + 2} is at {other:.0f} days and visit {k + 1} at "
                f"{one:.0f} days; give the earlier one first"
            )
    if len({v.child.sex for v in visits} - {None}) > 1:
        raise ValueError("visits: expected one child, but one visit says male and another female")
    topologies = {v.versions.get("topology") for v in visits} - {None}
    if len(topologies) > 1:
        raise CorrespondenceError(
            "visits: they were measured on two topologies, whose landmarks are not the same points; register both "
            "scans with one model"
        )
    first, last = visits[0], visits[-1]
    changes = {}
    for id in first:
        if id in last.measures and CATALOGUE.get(id) is not None:
            a, b = first[id], last[id]
            if a.value is None or b.value is None:
                continue
            std = None if b.repeat_std is None and a.repeat_std is None else _root2(a.repeat_std, b.repeat_std)
            beyond = None if std is None else bool(abs(b.value - a.value) > SURE * std)
            changes[id] = Change(id, b.unit, a.value, b.value, std, beyond, _expected(first, last, id))
    notes = []
    if None in ages:
        notes.append("a visit has no age, so no growth can be expected of it")
    if {v.verdict for v in visits} - {"ok", "mesh"}:
        notes.append("a registration was not ok: see its reasons before a change is believed")
    return Comparison(tuple(visits), changes, tuple(notes))


def _root2(a: float | None, b: float | None) -> float:
    a, b = (a if a is not None else b), (b if b is not None else a)
    assert a is not None and b is not None
    return math.hypot(a, b)


def _expected(first: Measurements, last: Measurements, id: str) -> float | None:
    if id != "circ.ml":
        return None
    one, other = first[id].value, last.child
    assert one is not None
    score = circumference_score(one, first.child)
    days = other.norm_days
    sex = first.child.sex
    if score.z is None or days is None or sex is None or not 0 <= round(days) <= 1856:
        return None
    return float(circumference_curve(sex, days, score.z)) - one  # type: ignore[arg-type]
