"""A share of a batch: part k of n, for array jobs and machines that know nothing of each other."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Part:
    """Part `number` of `count`, counted from 1.

    >>> Part.parse("2/3").of(["a", "b", "c", "d", "e"])
    ['b', 'e']
    """

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> "Part":
        """`3/40`; raises `ValueError` for anything that is not a part of something."""
        found = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise ValueError(f"part: expected k/n with 1 <= k <= n, such as 3/40, got '{text}'")
        return cls(int(found[1]), int(found[2]))

    def of(self, items: Sequence[T]) -> list[T]:
        """Every n-th of the items, beginning with the k-th; the n parts together are all of them, each once."""
        return list(items[self.number - 1 :: self.count])

    @property
    def name(self) -> str:
        """Part of the names of the files that this part alone writes."""
        return f"{self.number}-of-{self.count}"
