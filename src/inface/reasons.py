"""Why a result is not plainly good: a sentence for a person, and the same for a program."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """One thing that speaks against a result.

    Attributes:
        kind: what was looked at, one word for a program ("gap", "likeness", "nose"); the same in every version.
        sentence: the same in words, with what came and what was expected.
        value: what came; None where there is no number.
        limit: what it was held against; None where there is none.

    >>> reason = Reason("gap", "another pose explains the scan nearly as well", 0.02, 0.06)
    >>> f"{reason} ({reason.value} < {reason.limit})"
    'another pose explains the scan nearly as well (0.02 < 0.06)'
    """

    kind: str
    sentence: str
    value: float | None = None
    limit: float | None = None

    def __str__(self) -> str:
        return self.sentence
