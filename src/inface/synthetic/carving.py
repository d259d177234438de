"""The left half of the template as a mesh: sculpture, feature lines, openings, density, and which vertex is what."""

from dataclasses import dataclass

import numpy as np

from inface._validate import BoolArray, FloatArray, IntArray
from inface.geometry import adjacency
from inface.synthetic import meshing, openings
from inface.synthetic.meshing import Magnifier
from inface.synthetic.profile import profile_landmarks
from inface.synthetic.sculpture import NECK_CUT, above_neck_cut, signed_distance
from inface.synthetic.sculpture_face import MOUTH_CORNER, vermilion

STEP = 1.0  # mm, marching cubes
LENGTH = 7.3  # edge of the remesher in magnified space
NECK_STATIONS = 28
LID_EDGE = 0.75  # mm, front view: width of the lid margin
MAGNIFIERS = (
    Magnifier((0, -6, 52), 46, 1.85),  # face
    Magnifier((24, 12.5, 60), 13, 2.9),  # eyes
    Magnifier((-24, 12.5, 60), 13, 2.9),
    Magnifier((0, -26, 70), 15, 2.0),  # mouth
    Magnifier((0, -6, 72), 12, 1.8),  # nose
    Magnifier((57, 6, -4), 22, 3.1),  # ears
    Magnifier((-57, 6, -4), 22, 3.1),
)


@dataclass(frozen=True)
class Half:
    """Left half of the head (x >= 0) and the ids of its parts; loops and lines are in their own order."""

    vertices: FloatArray
    triangles: IntArray
    midline: BoolArray
    lid_edge: IntArray  # as `openings.lid_loop`
    lid_margin: IntArray
    upper_line: IntArray  # where the lips meet, midline to corner
    lower_line: IntArray
    eye_parts: dict[str, IntArray]  # eyes, iris, iris_edge, pupil
    mouth_inside: IntArray
    vermilion: IntArray
    profile: dict[str, int]  # landmarks of the midline


def _solid(points: FloatArray) -> FloatArray:
    return np.maximum(signed_distance(points), (-4.0 - above_neck_cut(points)).astype(np.float32))


def front_depth(xy: FloatArray) -> FloatArray:
    """z `(N,)` where lines of sight from the front, at places `(N, 2)`, first meet the sculpture."""
    z = np.arange(95.0, 35.0, -0.25)
    points = np.stack([*np.broadcast_arrays(xy[:, :1], xy[:, 1:], z[None])], -1)
    inside = signed_distance(points.reshape(-1, 3)).reshape(len(xy), -1) < 0
    high = z[inside.argmax(1)] + 0.25
    low = high - 0.25
    for _ in range(20):
        middle = 0.5 * (low + high)
        hit = signed_distance(np.c_[xy, middle]) < 0
        low, high = np.where(hit, middle, low), np.where(hit, high, middle)
    return 0.5 * (low + high)


def neck_stations() -> FloatArray:
    """Points `(NECK_STATIONS, 3)` of the left half of the neck's border, front to back, equally spaced."""
    t = np.linspace(0, np.pi, 721)
    direction = np.c_[np.sin(t), NECK_CUT[1] * np.cos(t), np.cos(t)]
    start = np.array([0, NECK_CUT[0] - 10 * NECK_CUT[1], -10])
    low, high = np.zeros(len(t)), np.full(len(t), 100.0)
    for _ in range(40):
        middle = 0.5 * (low + high)
        hit = signed_distance(start + middle[:, None] * direction) < 0
        low, high = np.where(hit, middle, low), np.where(hit, high, middle)
    ring = start + low[:, None] * direction
    along = np.r_[0, np.cumsum(np.linalg.norm(np.diff(ring, axis=0), axis=1))]
    even = np.linspace(0, along[-1], NECK_STATIONS)
    stations = np.stack([np.interp(even, along, ring[:, k]) for k in range(3)], 1)
    stations[[0, -1], 0] = 0
    return stations


def _front(vertices: FloatArray, low: tuple[float, float, float], high: tuple[float, float, float]) -> IntArray:
    return np.flatnonzero(((vertices > low) & (vertices < high)).all(1))


# long: one recipe in the order of its steps; each step is a call
def carve_half() -> Half:
    """Make the half mesh. Deterministic: the same numbers on every run."""
    v, f = meshing.iso_surface(_solid, (0, -76, -84), (80, 116, 94), STEP)

    # the red of the lips: a line for the remesher to keep
    value = np.full(len(v), -5.0)
    i = _front(v, (-1, -40, 52), (MOUTH_CORNER + 3, -14, 90))
    top, bottom = vermilion(v[i, 0])
    value[i] = np.minimum(np.minimum(top - v[i, 1], v[i, 1] - bottom), MOUTH_CORNER - v[i, 0])
    v, f, value = meshing.insert_level(v, f, value)
    red_edges = meshing.level_edges(f, value)

    # openings, each with a rim of fixed stations
    outline = openings.lid_loop(LID_EDGE)
    value = np.full(len(v), 5.0)
    i = _front(v, (5, -5, 48), (45, 30, 90))
    value[i] = openings.outline_distance(v[i, :2], outline, closed=True) - 0.7
    v, f, lid_edge = meshing.rim(v, f, value, np.c_[outline, front_depth(outline)], closed=True)

    line = openings.mouth_stations()
    value = np.full(len(v), 5.0)
    i = _front(v, (-1, -40, 52), (26, -14, 90))
    value[i] = openings.outline_distance(v[i, :2], line, closed=False) - 0.7
    lips = np.c_[line, front_depth(line)]
    apart = np.r_[lips + [0, 0.6, 0], lips[-2::-1] - [0, 0.6, 0]]
    v, f, mouth = meshing.rim(v, f, value, np.r_[lips, lips[-2::-1]], closed=False, guide=apart)

    v, f, neck = meshing.rim(v, f, above_neck_cut(v) - 1.5, neck_stations(), closed=False)
    v, f, new = meshing.compact(v, f)
    lid_edge, mouth, neck, red_edges = new[lid_edge], new[mouth], new[neck], new[red_edges]

    # the whole head, remeshed; then the left half of it
    midline = v[:, 0] == 0
    profile = profile_landmarks(v, midline)
    rims = np.r_[lid_edge, mouth, neck]
    fixed = np.r_[rims, list(profile.values())]
    whole, faces, partner = meshing.mirrored(v, f, midline)
    ends = adjacency.edges(f)
    middle_edges = ends[midline[ends].all(1)]
    present = {tuple(e) for e in ends.tolist()}
    red_edges = np.array([e for e in np.sort(red_edges, 1).tolist() if tuple(e) in present])
    lines = np.r_[middle_edges, red_edges, partner[red_edges]]
    other = partner[fixed[~midline[fixed]]]
    whole, faces = meshing.remesh(whole, faces, MAGNIFIERS, LENGTH, np.r_[fixed, other], lines)
    whole[np.abs(whole[:, 0]) < 0.02, 0] = 0
    v, f, _ = meshing.compact(whole, faces[whole[faces][:, :, 0].mean(1) > 0])
    lid_edge, mouth, neck = np.split(np.arange(len(rims)), np.cumsum([len(lid_edge), len(mouth)]))
    profile = dict(zip(profile, range(len(rims), len(fixed)), strict=True))
    border = np.unique(adjacency.border_edges(f))
    midline = np.zeros(len(v), bool)
    midline[np.setdiff1d(border, np.r_[lid_edge, mouth[1:-1], neck[1:-1]])] = True
    v[midline, 0] = 0

    # onto the surface
    free = np.ones(len(v), bool)
    free[: len(rims)] = False
    top, bottom = vermilion(v[:, 0])
    red = (
        free
        & (v[:, 2] > 55)
        & (v[:, 0] < MOUTH_CORNER)
        & (np.minimum(abs(v[:, 1] - top), abs(v[:, 1] - bottom)) < 0.03)
    )
    v[free] = meshing.project(signed_distance, v[free], midline[free])
    v = meshing.relax(signed_distance, v, f, free & ~red & ~midline, midline)
    v[~midline, 0] = np.maximum(v[~midline, 0], 0.1)

    # eyeball and mouth
    globe, globe_faces, margin, parts = openings.eyeball(len(v), lid_edge)
    v, f = np.r_[v, globe], np.r_[f, globe_faces]
    upper = mouth[: len(line)]
    lower = mouth[: len(line) - 2 : -1]
    bag, bag_faces = openings.mouth_bag(v, upper, lower)
    inside = len(v) + np.arange(len(bag))
    v, f = np.r_[v, bag], np.r_[f, bag_faces]
    midline = np.r_[midline, np.zeros(len(globe), bool), bag[:, 0] == 0]
    return Half(v, f, midline, lid_edge, margin, upper, lower, parts, inside, np.flatnonzero(red), profile)
