"""Known lengths: distances between landmarks, and the circumference of the head, with their gradients."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import ConvexHull

from inface._validate import FloatArray, IntArray
from inface.geometry.adjacency import edges
from inface.template import Template

CIRCUMFERENCE = "circumference"


@dataclass(frozen=True, eq=False)
class Length:
    """A length that is known.

    Attributes:
        name: as the user gave it.
        value: mm.
        spread: standard deviation, mm.
        ends: `(m, 2)` pairs of vertices whose mean distance it is; none for the circumference.
    """

    name: str
    value: float
    spread: float
    ends: IntArray


def lengths_of(known: Mapping[str, Any], template: Template, spread: float) -> tuple[Length, ...]:
    """Known lengths by name: `"ex_l-ex_r"` (two landmarks), `"circumference"`; mm, or (mm, standard deviation).

    Raises `ValueError` for a name of no landmarks, a length of zero or less, or one that is no number.
    """
    out = []
    for name, given in known.items():
        value, sd = given if isinstance(given, tuple | list) and len(given) == 2 else (given, spread)
        try:
            value, sd = float(value), float(sd)
        except (TypeError, ValueError):
            raise ValueError(f"known length '{name}': expected millimetres or (mm, sd), got {given!r}") from None
        if not (np.isfinite(value) and value > 0 and np.isfinite(sd) and sd > 0):
            raise ValueError(f"known length '{name}': expected more than 0 mm, got {given!r}")
        ends = np.zeros((0, 2), int) if name == CIRCUMFERENCE else np.array(_ends(name, template.landmarks))
        if name == CIRCUMFERENCE:
            missing = [one for one in ("g", "op", "t_l", "t_r") if one not in template.landmarks]
            if missing:
                raise ValueError(f"known length '{name}': the model has no landmark '{missing[0]}'")
        out.append(Length(str(name), value, sd, ends))
    return tuple(out)


def _ends(name: str, landmarks: Mapping[str, int]) -> list[tuple[int, int]]:
    a, _, b = name.partition("-")
    if a in landmarks and b in landmarks and a != b:
        return [(landmarks[a], landmarks[b])]
    if a == b and f"{a}_l" in landmarks and f"{a}_r" in landmarks:
        return [(landmarks[f"{a}_l"], landmarks[f"{a}_r"])]
    raise ValueError(
        f"known length '{name}': expected two landmarks of the model joined by '-', such as 'ex_l-ex_r', or "
        f"'{CIRCUMFERENCE}'; landmarks are {', '.join(n for n in landmarks if not n.startswith('ibug_'))}"
    )


def gradient(length: Length, vertices: FloatArray, template: Template) -> tuple[float, IntArray, FloatArray]:
    """The length on a head `(V, 3)`, the vertices `(n,)` it hangs on, and its derivative `(n, 3)` by each."""
    if not len(length.ends):
        return _circumference(vertices, template)
    a, b = length.ends.T
    off = vertices[a] - vertices[b]
    size = np.linalg.norm(off, axis=1)
    by = off / (len(off) * size[:, None])
    return float(size.mean()), np.concatenate([a, b]), np.concatenate([by, -by])


def _circumference(vertices: FloatArray, template: Template) -> tuple[float, IntArray, FloatArray]:
    """The tape round the plane through g, op and the direction between the tragia, ears left out; its corners ride on
    edges, and the plane is held while the gradient is taken."""
    marks = template.landmarks
    g, op = vertices[marks["g"]], vertices[marks["op"]]
    forward = (g - op) / np.linalg.norm(g - op)
    left = vertices[marks["t_l"]] - vertices[marks["t_r"]]
    left = left - forward * (left @ forward)
    left /= np.linalg.norm(left)
    height = (vertices - g) @ np.cross(forward, left)
    pairs = edges(template.mesh.triangles)
    ears = np.asarray(template.regions.get("ears", []), int)
    pairs = pairs[~np.isin(pairs, ears).any(1)]
    a, b = pairs[(height[pairs[:, 0]] < 0) != (height[pairs[:, 1]] < 0)].T
    part = (height[a] / (height[a] - height[b]))[:, None]
    crossing = vertices[a] * (1 - part) + vertices[b] * part
    corner = ConvexHull(np.stack([(crossing - op) @ forward, (crossing - op) @ left], 1)).vertices
    points, a, b, part = crossing[corner], a[corner], b[corner], part[corner]
    ahead, behind = np.roll(points, -1, 0) - points, points - np.roll(points, 1, 0)
    long, before = np.linalg.norm(ahead, axis=1, keepdims=True), np.linalg.norm(behind, axis=1, keepdims=True)
    by = behind / np.maximum(before, 1e-9) - ahead / np.maximum(long, 1e-9)
    return float(long.sum()), np.concatenate([a, b]), np.concatenate([by * (1 - part), by * part])
