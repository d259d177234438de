"""Landmarks by name, never by order."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from inface._validate import FloatArray, floats


@dataclass(frozen=True, eq=False)
class LandmarkSet(Mapping[str, FloatArray]):
    """Named points `(L, 3)` in the unit and frame of the mesh they belong to; NaN marks an undefined point.

    Paired landmarks end in `_l` / `_r`, the subject's side.
    """

    names: tuple[str, ...]
    points: FloatArray

    def __post_init__(self) -> None:
        names = tuple(str(n) for n in self.names)
        if len(set(names)) != len(names):
            twice = sorted({n for n in names if names.count(n) > 1})
            raise ValueError(f"landmarks: the name '{twice[0]}' stands more than once; names must be unique")
        points = floats("landmarks", self.points if len(names) else np.zeros((0, 3)), (len(names), 3))
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "points", points)

    def __getitem__(self, name: str) -> FloatArray:
        if name not in self.names:
            raise KeyError(f"no landmark '{name}'; there are: {', '.join(self.names) or 'none'}")
        return self.points[self.names.index(name)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def of(cls, points: Mapping[str, FloatArray]) -> "LandmarkSet":
        """From a mapping of name to point."""
        return cls(tuple(points), np.array(list(points.values()), float).reshape(len(points), 3))

    def with_points(self, points: FloatArray) -> "LandmarkSet":
        """The same names at other places."""
        return LandmarkSet(self.names, points)
