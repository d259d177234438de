"""Landmarks that cannot be a face as they are named, and what would make them one: sides exchanged, rows shifted.

The mean head is laid on the points by scaled orthography, never looking away from the camera. Right landmarks lie a few
millimetres off it; where they do not, each way of naming them wrongly is undone and tried again.
"""

from dataclasses import dataclass, replace

import numpy as np

from inface._validate import FloatArray
from inface.photos.problem import View
from inface.photos.start import start_camera

ODD, FAR = (
    4.0,
    8.0,
)  # mm within which half of the landmarks lie from the mean head: above, mistakes are looked for; no face
BETTER = 0.68  # undoing a mistake must leave less than this share of the distance


@dataclass(frozen=True)
class Doubt:
    """Why landmarks are doubted.

    Attributes:
        kind: "exchanged", "y_up", "shifted", "not_a_face".
        distance: mm within which half of them lie from the mean head, as they are.
        undone: mm after the mistake is undone; None when nothing helps.
    """

    kind: str
    distance: float
    undone: float | None


def doubt(view: View, points: dict[str, FloatArray]) -> Doubt | None:
    """What is wrong with the landmarks of a photograph, given the mean's landmarks by name; None when nothing is."""
    seen = _distance(view, points)
    if seen <= ODD:
        return None
    tries = {
        "exchanged": _renamed(view, {name: other_side(name) for name in view.names}, points),
        "y_up": replace(view, pixels=view.pixels * [1, -1] + [0, view.size[1] - 1]),
        "shifted": _renamed(view, {name: _shifted(name, 1) for name in view.names}, points),
        "shifted back": _renamed(view, {name: _shifted(name, -1) for name in view.names}, points),
    }
    found = {kind: _distance(other, points) for kind, other in tries.items() if other is not None}
    upright = start_camera(tries["y_up"], _places(tries["y_up"], points)).rotation[1, 1] < 0  # type: ignore[arg-type]
    if not upright:
        found.pop("y_up")
    elif found.get("exchanged", np.inf) < FAR:
        found.pop("exchanged")  # the same points, but upside down
    best = min(found, key=lambda kind: found[kind])
    if found[best] > BETTER * seen or found[best] > FAR:
        return Doubt("not_a_face", seen, None) if seen > FAR else None
    return Doubt(best.split()[0], seen, found[best])


def _distance(view: View, points: dict[str, FloatArray]) -> float:
    """mm within which half of the points lie from the mean head laid on them; the jaw left out where there are more."""
    if (~view.jaw).sum() >= 6:
        keep = ~view.jaw
        view = replace(view, names=tuple(np.array(view.names)[keep]), pixels=view.pixels[keep], noise=view.noise[keep],
                       ids=view.ids[keep], jaw=view.jaw[keep])  # fmt: skip
    places = _places(view, points)
    camera = start_camera(view, places)
    off = camera.project(places) - view.pixels
    return float(np.median(np.linalg.norm(off, axis=1)) / camera.scale)


def _places(view: View, points: dict[str, FloatArray]) -> FloatArray:
    return np.array([points[name] for name in view.names])


def _renamed(view: View, names: dict[str, str | None], points: dict[str, FloatArray]) -> View | None:
    """The view with other names on the same pixels; points without one are left out."""
    keep = np.array([names[name] in points for name in view.names])
    if keep.sum() < 6:
        return None
    fresh = tuple(str(names[name]) for name, k in zip(view.names, keep, strict=True) if k)
    return replace(view, names=fresh, pixels=view.pixels[keep], noise=view.noise[keep], ids=view.ids[keep],
                   jaw=view.jaw[keep])  # fmt: skip


def other_side(name: str) -> str:
    """The landmark on the other side: `en_l` and `en_r`, `ibug_36` and `ibug_45`; itself in the middle."""
    if name.endswith(("_l", "_r")):
        return name[:-1] + ("r" if name.endswith("l") else "l")
    if name.startswith("ibug_"):
        return f"ibug_{MIRRORED[int(name[5:])]:02d}"
    return name


def _shifted(name: str, by: int) -> str | None:
    return f"ibug_{int(name[5:]) + by:02d}" if name.startswith("ibug_") else name


MIRRORED = (*range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, *range(35, 30, -1),
            45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40, *range(54, 47, -1), *range(59, 54, -1),
            64, 63, 62, 61, 60, 67, 66, 65)  # fmt: skip
