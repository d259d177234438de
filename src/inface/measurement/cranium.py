"""Head circumference, cephalic index and asymmetry of the cranial vault, measured on the plane through g and op.

The plane holds glabella (g), opisthocranion (op) and the direction from the right tragus to the left. Its section is
measured as a tape measures: over the convex outline, ears left out. Definitions [schnabel2025]:

- circumference: length of the outline (mm);
- length: the distance g-op; width: the longest chord parallel to the tragus line; cephalic index: 100 width / length;
- CVA: the longest chord 30 degrees to the left of the direction op-g less the one 30 degrees to the right (mm);
- CVAI: 100 CVA / the SHORTER of the two [loveday2001]; a right-sided flattening of the back shortens the chord that
  runs from back right to front left, and gives a negative sign.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from inface._validate import FloatArray, IntArray, finite, floats
from inface.geometry.adjacency import edges as mesh_edges
from inface.geometry.sections import Outline, section_points
from inface.template import Template


@dataclass(frozen=True, eq=False)
class CranialMeasures:
    """Measures of `(...)` heads, each an array of the batch shape; mm, per cent for the indices.

    `cvai` is signed (negative: flattened at the back right); its size grades a plagiocephaly.
    """

    circumference: FloatArray
    length: FloatArray
    width: FloatArray
    cephalic_index: FloatArray
    diagonal_left: FloatArray
    diagonal_right: FloatArray

    @property
    def cva(self) -> FloatArray:
        """Cranial vault asymmetry, signed (mm)."""
        return self.diagonal_left - self.diagonal_right

    @property
    def cvai(self) -> FloatArray:
        """Cranial vault asymmetry index, signed (per cent of the shorter diagonal)."""
        return 100 * self.cva / np.minimum(self.diagonal_left, self.diagonal_right)


def cranial_outline(vertices: FloatArray, edges: IntArray, landmarks: Mapping[str, int]) -> tuple[Outline, FloatArray]:
    """The tape round one head `(V, 3)` and the point g; first flat axis op -> g (forward), second to the left."""
    g, op = vertices[landmarks["g"]], vertices[landmarks["op"]]
    left = vertices[landmarks["t_l"]] - vertices[landmarks["t_r"]]
    forward = (g - op) / np.linalg.norm(g - op)
    left = left - forward * (left @ forward)
    left /= np.linalg.norm(left)
    points = section_points(vertices, edges, g, np.cross(forward, left)) - op
    return Outline.around(np.stack([points @ forward, points @ left], 1)), g


def cranial_measures(template: Template, vertices: FloatArray) -> CranialMeasures:
    """Measure heads `vertices (..., V, 3)` in correspondence with `template`, in any pose.

    Needs the landmarks g, op, t_l, t_r; leaves the region "ears" out. Raises `KeyError` naming a missing landmark.
    """
    count = len(template.mesh.vertices)
    heads = finite("vertices", floats("vertices", vertices, (count, 3)))
    missing = [name for name in ("g", "op", "t_l", "t_r") if name not in template.landmarks]
    if missing:
        raise KeyError(f"cranial measures need the landmark '{missing[0]}'; there are: {', '.join(template.landmarks)}")
    edges = vault_edges(template)
    rows = []
    for head in heads.reshape(-1, count, 3):
        outline, g = cranial_outline(head, edges, template.landmarks)
        cos, sin = np.cos(np.pi / 6), np.sin(np.pi / 6)
        length = float(np.linalg.norm(g - head[template.landmarks["op"]]))
        width = outline.longest_chord(np.array([0.0, 1.0]))
        left, right = (outline.longest_chord(np.array([cos, side * sin])) for side in (1, -1))
        rows.append((outline.perimeter, length, width, 100 * width / length, left, right))
    columns = np.array(rows).reshape(*heads.shape[:-2], 6)
    return CranialMeasures(*np.moveaxis(columns, -1, 0))


@lru_cache(maxsize=8)
def vault_edges(template: Template) -> IntArray:
    """Edges `(E, 2)` of the template that a circumference may cross: those without a vertex of the ears."""
    edges = mesh_edges(template.mesh.triangles)
    ears = template.regions.get("ears")
    if ears is None or not len(ears):
        return edges
    return edges[~np.isin(edges, ears).any(1)]
