"""Labels of attributes and the scores that are linear in the latent: both ways of a `LabelMap`."""

import numpy as np
from numpy.typing import ArrayLike

from inface._validate import FloatArray
from inface.codecs.regression_json import LabelMap


def to_score(mapping: LabelMap | None, label: ArrayLike) -> FloatArray:
    """Scores of labels; outside the knots the last knot's score is held.

    Raises `ValueError` for a label that the map has no score for (below zero under a root, at most zero under a
    logarithm).
    """
    y = np.asarray(label, np.float64)
    if mapping is None:
        return y
    if mapping.kind == "knots":
        assert mapping.labels is not None and mapping.scores is not None
        return np.interp(y, mapping.labels, mapping.scores)
    if mapping.kind == "exp":
        return mapping.number**y
    if (y < 0).any() or (mapping.kind == "log" and (y <= 0).any()):
        raise ValueError(f"label: {float(y.min()):g} has no {mapping.kind} score; expected a positive number")
    return y**mapping.number if mapping.kind == "power" else np.log(y) / np.log(mapping.number)


def to_label(mapping: LabelMap | None, score: ArrayLike) -> FloatArray:
    """Labels of scores: the inverse of `to_score`; a score that no label has gives the nearest label."""
    s = np.asarray(score, np.float64)
    if mapping is None:
        return s
    if mapping.kind == "knots":
        assert mapping.labels is not None and mapping.scores is not None
        return np.interp(s, mapping.scores, mapping.labels)
    if mapping.kind == "log":
        return mapping.number**s
    positive = np.maximum(s, 0 if mapping.kind == "power" else 1e-300)
    return positive ** (1 / mapping.number) if mapping.kind == "power" else np.log(positive) / np.log(mapping.number)
