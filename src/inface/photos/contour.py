"""The jaw's landmarks do not sit on vertices: in each photograph they lie where the face ends.

For each of the 17 jaw points of the iBUG scheme there is a strip of vertices, 2 mm either side of the half-plane from
the mouth through the jaw's vertex, from that vertex forwards; the point is the vertex of its strip that lies outermost
in the photograph. The method is that of contour landmarks in [bas2017], found anew at every step.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from inface._validate import FloatArray, IntArray
from inface.photos.camera import Camera

JAW = tuple(f"ibug_{i:02d}" for i in range(17))
WIDTH = 2.0  # mm, half the width of a strip
_INSIDE = ("mouth_inside", "eyes")


@dataclass(frozen=True, eq=False)
class JawStrips:
    """Strips of candidate vertices for the points of the jaw.

    Attributes:
        vertices: `(n,)` all vertices of strips and mouth, ascending.
        table: `(17, m)` rows of `vertices` that make up each strip, the jaw's own vertex first and repeated at the end.
        mouth: rows of `vertices`, about whose mean "outermost" is meant.
    """

    vertices: IntArray
    table: IntArray
    mouth: IntArray

    def outermost(self, points: FloatArray, camera: Camera) -> dict[str, int]:
        """The vertex of each strip that lies outermost in the photograph; `points (n, 3)`: where `vertices` are."""
        pixels = camera.project(points)
        middle = pixels[self.mouth].mean(0)
        place = pixels[self.table] - middle
        out = (place * place[:, :1]).sum(2)
        best = np.nan_to_num(out, nan=-np.inf).argmax(1)
        found = self.vertices[self.table[np.arange(len(best)), best]]
        return {name: int(vertex) for name, vertex in zip(JAW, found, strict=True)}


@lru_cache(maxsize=4)
def jaw_strips(model: Any) -> JawStrips | None:
    """The strips of a model's template; None where it lacks the landmarks of jaw and mouth."""
    landmarks = model.template.landmarks
    if any(name not in landmarks for name in (*JAW, "ibug_48", "ibug_54")):
        return None
    vertices = np.asarray(model.mean_vertices, float)
    usable = np.zeros(len(vertices), bool)
    usable[np.asarray(model.triangles)] = True
    for region in _INSIDE:
        usable[model.template.regions.get(region, [])] = False
    mouth = np.array([landmarks["ibug_48"], landmarks["ibug_54"]])
    middle = vertices[mouth].mean(0)
    strips = []
    for name in JAW:
        jaw = vertices[landmarks[name]]
        along = (jaw - middle) * [1, 1, 0]
        along /= np.linalg.norm(along)
        off = vertices - middle
        across = np.abs(off[:, :2] @ [-along[1], along[0]])
        reach = float((jaw - middle) @ along)
        near = usable & (across < WIDTH) & (off @ along > 0.4 * reach) & (vertices[:, 2] >= jaw[2] - 1e-6)
        near[landmarks[name]] = False
        strips.append(np.concatenate([[landmarks[name]], np.flatnonzero(near)]))
    used = np.unique(np.concatenate([mouth, *strips]))
    widest = max(len(strip) for strip in strips)
    padded = np.array([np.concatenate([strip, np.repeat(strip[:1], widest - len(strip))]) for strip in strips])
    return JawStrips(used, np.searchsorted(used, padded), np.searchsorted(used, mouth))
