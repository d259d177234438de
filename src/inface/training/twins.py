"""Virtual twins: real scans re-aged along the mean growth curve and given part of another child's identity.

Two scans of one child differ in expression AND age, so swapping codes between them cannot tell the two apart, and the
expression code swallows age. A twin is a pseudo-truth for what data never show: the same child's face with the same
expression at another age, or on another child.
"""

from dataclasses import dataclass

import numpy as np

from inface._validate import FloatArray, IntArray
from inface.training.twofactor import TwoFactor


@dataclass(frozen=True, eq=False)
class TwinBatch:
    """Scaled coefficients `(B, K)` and standardised log ages `(B,)`, float32 (ages zero where not known).

    `real (2B, K)` are the drawn scans a and b themselves; see `Twins.draw` for the others.
    """

    real: FloatArray
    real_age: FloatArray
    same_child: FloatArray
    same_child_age: FloatArray
    same_expression: FloatArray
    same_expression_age: FloatArray
    target: FloatArray
    target_age: FloatArray


class Twins:
    """Draws batches of twins from scans of children.

    Args:
        coefficients: `(N, K)` mm.
        subject: `(N,)` names.
        months: `(N,)` or None.
        neutral: `(N,)` marks neutral scans, or None.
        factors: the two-factor model, for growth and identities.
        scale: `(K,)`; coefficients are divided by it.
    """

    def __init__(self, coefficients, subject, months, neutral, factors: TwoFactor, scale) -> None:
        which, counts = np.unique(subject, return_inverse=True, return_counts=True)[1:]
        self.which = which
        self.coefficients, self.scale, self.factors = coefficients, scale, factors
        self.aged = months is not None
        self.code = factors.code(months, len(which))
        self.means = factors.subject_means(coefficients, which, months, neutral)
        order = np.argsort(which, kind="stable")
        self.scans = np.split(order, np.cumsum(counts)[:-1])
        self.repeated = np.flatnonzero(counts > 1)
        values, vectors = np.linalg.eigh(np.cov(self.means.T))
        self.spread = (vectors * np.sqrt(values.clip(0))).T

    def remade(self, scans: IntArray, code: FloatArray, identity: FloatArray) -> FloatArray:
        """Scans (their rows, `(B,)`) at ages `code (B,)`, on children of `identity (B, K)`: what is neither mean growth
        nor the child stays, and grows as expressions do."""
        factors, old, mine = self.factors, self.code[scans], self.means[self.which[scans]]
        rest = self.coefficients[scans] - factors.mean(old) - factors.identity_at(mine, old)
        ratio = factors.expression_size(code) / factors.expression_size(old)
        return factors.mean(code) + factors.identity_at(identity, code) + rest * ratio[:, None]

    def draw(self, random: np.random.Generator, size: int) -> TwinBatch:
        """A batch of `size` children. Of each child two scans a and b are chosen; the target is b with a new identity.

        `same_child` is a with that identity at a third age, `same_expression` is b on another child at another age:
        the target's identity can be had from the first, its expression only from the second.
        """
        child = random.choice(self.repeated, size, replace=len(self.repeated) < size)
        pair = np.stack([random.choice(self.scans[c], 2, replace=False) for c in child])
        a, b = pair.T

        def shift(partial: bool) -> FloatArray:
            """From the child to a freshly drawn one; where `partial`, half the time only some of the way."""
            others = random.standard_normal((3, size, len(self.spread))) @ self.spread
            replaced = others[0] - self.means[child]
            if partial:
                along, across = random.uniform(-0.3, 1.0, (size, 1)), random.uniform(0.0, 0.7, (size, 1))
                mixed = along * replaced + across * (others[1] - others[2])
                replaced = np.where(random.random((size, 1)) < 0.5, replaced, mixed)
            return replaced * (random.random((size, 1)) < 0.8)

        def age(rows):
            if not self.aged:
                return self.code[rows]
            other = self.code[random.integers(0, len(self.code), size)]
            return np.where(random.random(size) < 0.7, other, self.code[rows])

        own = self.means[child]
        identity, decoy = own + shift(True), own + shift(False)
        age_a, age_b = age(a), age(b)
        x, code = self.coefficients, self.code
        parts = {
            "real": x[np.concatenate([a, b])],
            "same_child": self.remade(a, age_a, identity),
            "same_expression": self.remade(b, age_b, decoy),
            "target": self.remade(b, code[b], identity),
        }
        ages = {
            "real_age": code[np.concatenate([a, b])],
            "same_child_age": age_a,
            "same_expression_age": age_b,
            "target_age": code[b],
        }
        return TwinBatch(
            **{name: (rows / self.scale).astype(np.float32) for name, rows in parts.items()},
            **{name: values.astype(np.float32) for name, values in ages.items()},
        )
