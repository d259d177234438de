"""What fills the openings of the half mesh: the visible eyeball inside the lids, and the mouth behind the lips."""

import numpy as np
from scipy.spatial import Delaunay

from inface._validate import FloatArray, IntArray
from inface.synthetic import sculpture_eye as eye
from inface.synthetic.sculpture_face import MOUTH_CORNER, mouth_line

LID_STATIONS = 22  # steps along each lid, from canthus to canthus
MOUTH_STATIONS = 15  # steps along the mouth, from the midline to the corner
_BAG = ((1.2, 0.25, 0.985), (3.5, 1.5, 0.95), (7.5, 4.0, 0.90), (13.0, 6.0, 0.85))  # depth, half height, width


def lid_loop(offset: float = 0.0) -> FloatArray:
    """Front-view outline `(2 * LID_STATIONS, 2)` of the fissure, from the medial canthus along the upper lid, back
    along the lower; stations crowd towards the canthi. `offset`: mm outwards."""
    t = np.linspace(0, 1, LID_STATIONS + 1)
    u = 0.76 * (0.5 - 0.5 * np.cos(np.pi * t)) + 0.24 * t
    x, upper, lower = eye.fissure(u)
    loop = np.r_[np.c_[x, upper][:-1], np.c_[x, lower][:0:-1]]
    if offset:
        tangent = np.roll(loop, -1, 0) - np.roll(loop, 1, 0)
        tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
        loop = loop + offset * np.c_[-tangent[:, 1], tangent[:, 0]]
    return loop


def mouth_stations() -> FloatArray:
    """Front-view stations `(MOUTH_STATIONS + 1, 2)` of the line where the lips meet, midline to corner."""
    t = np.linspace(0, 1, MOUTH_STATIONS + 1)
    x = MOUTH_CORNER * np.sin(1.3 * t) / np.sin(1.3)
    return np.c_[x, mouth_line(x)]


def outline_distance(points: FloatArray, line: FloatArray, closed: bool) -> FloatArray:
    """Distance `(N,)` in the plane to a polyline; negative inside when it is closed (even-odd rule)."""
    a = line if closed else line[:-1]
    b = np.roll(line, -1, 0) if closed else line[1:]
    along = b - a
    t = np.clip(((points[:, None] - a) * along).sum(2) / (along**2).sum(1), 0, 1)
    distance = np.linalg.norm(points[:, None] - a - t[..., None] * along, axis=2).min(1)
    if not closed:
        return distance
    x, y = points[:, :1], points[:, 1:]
    straddles = (a[:, 1] > y) != (b[:, 1] > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        hits = straddles & (x < a[:, 0] + (y - a[:, 1]) * along[:, 0] / along[:, 1])
    return np.where(hits.sum(1) % 2 == 1, -distance, distance)


def _circle(radius: float, count: int) -> FloatArray:
    t = 2 * np.pi * np.arange(count) / count
    return np.asarray(eye.IRIS_CENTRE) + radius * np.c_[np.cos(t), np.sin(t)]


def eyeball(count: int, rim: IntArray) -> tuple[FloatArray, IntArray, IntArray, dict[str, IntArray]]:
    """The lid margin and the eyeball inside the rim of the lids.

    `count`: vertices so far; `rim`: ids of the outer lid edge, ordered as `lid_loop`. Returns the new vertices, the
    new triangles, the ids of the inner loop (where lid meets eyeball), and the ids of "eyes" (without that loop),
    "iris", "iris_edge" and "pupil".
    """
    loop = lid_loop()
    hexagons = np.array([(i + 0.5 * (j % 2), j * 0.866) for i in range(-12, 13) for j in range(-8, 9)]) * 1.25
    from_iris = np.linalg.norm(hexagons, axis=1) - eye.IRIS_RADIUS
    rings = [_circle(0.01, 1), _circle(1.1, 6), _circle(eye.PUPIL_RADIUS, 14), _circle(eye.PUPIL_RADIUS + 0.45, 14)]
    rings += [_circle(3.7, 20), _circle(eye.IRIS_RADIUS - 0.4, 28), _circle(eye.IRIS_RADIUS + 0.1, 28)]
    rings.append(hexagons[from_iris > 0.9] + eye.IRIS_CENTRE)
    inside = np.concatenate(rings)
    inside = inside[outline_distance(inside, loop, closed=True) < -1.2]
    seam = lid_loop(-0.6)
    seam = seam[outline_distance(seam, loop, closed=True) < -0.45]
    plane = np.r_[loop, seam, inside]
    faces = Delaunay(plane).simplices
    faces = faces[outline_distance(plane[faces].mean(1), loop, closed=True) < -1e-6]
    area = np.cross(plane[faces[:, 1]] - plane[faces[:, 0]], plane[faces[:, 2]] - plane[faces[:, 0]])
    faces[area < 0] = faces[area < 0][:, ::-1]
    faces = faces[np.abs(area) > 1e-9]
    vertices = np.c_[plane, eye.eyeball_depth(*plane.T)]
    inner = count + np.arange(len(loop))
    a, b, c, d = rim, np.roll(rim, -1), inner, np.roll(inner, -1)
    strip = np.r_[np.c_[b, a, c], np.c_[b, c, d]]
    from_pupil = np.linalg.norm(plane - eye.IRIS_CENTRE, axis=1)
    within = np.arange(len(plane)) >= len(loop)
    parts: dict[str, IntArray] = {
        "eyes": count + np.flatnonzero(within),
        "iris_edge": count + np.flatnonzero(within & (np.abs(from_pupil - eye.IRIS_RADIUS + 0.4) < 0.2)),
        "iris": count + np.flatnonzero(within & (from_pupil < eye.IRIS_RADIUS - 0.2)),
        "pupil": count + np.flatnonzero(within & (from_pupil < eye.PUPIL_RADIUS + 0.1)),
    }
    return vertices, np.r_[strip, faces + count], inner, parts


def mouth_bag(vertices: FloatArray, upper: IntArray, lower: IntArray) -> tuple[FloatArray, IntArray]:
    """The inside of the mouth (left half): new vertices, new triangles.

    `upper`, `lower`: ids of the lip line from the midline to the corner; both end with the same corner vertex. The
    last ring is closed by a strip, so that the mouth is a bag behind the lips.
    """
    corner_x = vertices[upper[-1], 0]
    made: list[FloatArray] = []
    faces: list[tuple[int, int, int]] = []
    above, below = list(upper), list(lower)
    for depth, height, width in _BAG:
        next_above, next_below = [], []
        for j, start in enumerate(upper):
            x, y, z = vertices[start]
            arch = max(1 - (x / corner_x) ** 2, 0.0)
            back = z - depth * (0.35 + 0.65 * np.sqrt(arch))
            next_above.append(len(vertices) + len(made))
            made.append(np.array([x * width, y + height * arch, back]))
            if j == len(upper) - 1:
                next_below.append(next_above[-1])
            else:
                next_below.append(len(vertices) + len(made))
                made.append(np.array([x * width, y - height * arch, back]))
        for j in range(len(upper) - 1):
            faces += [(above[j + 1], above[j], next_above[j]), (next_above[j + 1], above[j + 1], next_above[j])]
            faces += [(next_below[j], below[j], below[j + 1]), (next_below[j], below[j + 1], next_below[j + 1])]
        above, below = next_above, next_below
    for j in range(len(upper) - 1):
        faces.append((above[j + 1], above[j], below[j]))
        if above[j + 1] != below[j + 1]:
            faces.append((above[j + 1], below[j], below[j + 1]))
    return np.array(made), np.array(faces)
