"""Measures of a fitted head with their errors: linear in the unknowns of the fit about its end."""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from inface._validate import FloatArray
from inface.measurement import LANDMARK_MEASURES
from inface.photos.lengths import CIRCUMFERENCE, Length, lengths_of
from inface.photos.problem import Problem, State
from inface.photos.solve import length_row

NINETY = 1.6449  # standard deviations either side that hold 90 % of a normal distribution


@dataclass(frozen=True)
class Measured:
    """A measure in mm, its standard deviation, and the ends of its 90 % interval."""

    value: float
    std: float
    low: float
    high: float


def measured(problem: Problem, state: State, spread: FloatArray) -> dict[str, Measured]:
    """Every landmark distance whose landmarks the template has, and the circumference."""
    template = problem.modes.model.template
    out = {}
    for length in _lengths(template):
        value, row = length_row(problem, state, length)
        std = float(np.sqrt(row @ spread @ row))
        out[length.name] = Measured(value, std, value - NINETY * std, value + NINETY * std)
    return out


def _lengths(template) -> list[Length]:
    marks = template.landmarks
    found = []
    for name, (a, b) in LANDMARK_MEASURES.items():
        if a in marks and b in marks:
            found.append(Length(name, 0.0, 1.0, np.array([(marks[a], marks[b])])))
            continue
        ends = [[end if end in marks else end + side for end in (a, b)] for side in ("_l", "_r")]
        if all(end in marks for pair in ends for end in pair):
            found.append(Length(name, 0.0, 1.0, np.array([[marks[x], marks[y]] for x, y in ends])))
    with suppress(ValueError):  # a face patch has none
        found += lengths_of({CIRCUMFERENCE: 1.0}, template, 1.0)
    return found
