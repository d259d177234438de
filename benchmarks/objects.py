"""Fifty-odd objects of about a head's size that are no heads: bodies of revolution, animals, toys, tools, furniture.

`OBJECTS`: name -> a function that makes the mesh (mm). Needs trimesh and scikit-image.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import trimesh
from scipy.interpolate import PchipInterpolator
from skimage.measure import marching_cubes

from inface.mesh import Mesh

# (radius, height) from top to bottom
PROFILES = {
    "mushroom": [(0, 100), (55, 90), (85, 55), (80, 30), (35, 25), (28, -20), (30, -80), (0, -85)],
    "wide mushroom": [(0, 70), (70, 60), (110, 25), (100, 8), (30, 10), (22, -40), (28, -75), (0, -78)],
    "tall mushroom": [(0, 120), (45, 108), (62, 80), (58, 55), (38, 50), (34, 0), (36, -110), (0, -112)],
    "vase": [(40, 110), (30, 90), (35, 70), (75, 20), (80, -30), (50, -90), (0, -92)],
    "bottle": [(0, 150), (16, 148), (16, 90), (50, 60), (55, -100), (0, -104)],
    "wine glass": [(0, 60), (45, 62), (50, 30), (40, -5), (6, -15), (6, -85), (45, -95), (0, -98)],
    "pawn": [(0, 95), (35, 85), (45, 55), (28, 25), (40, 18), (25, 5), (40, -60), (60, -80), (0, -85)],
    "bulb": [(0, 80), (50, 65), (62, 30), (45, -15), (26, -45), (26, -85), (0, -90)],
    "pear": [(0, 95), (30, 85), (38, 50), (60, 0), (75, -45), (55, -85), (0, -95)],
    "egg": [(0, 95), (45, 80), (70, 30), (75, -15), (55, -70), (0, -85)],
    "bowl": [(90, 10), (85, -20), (60, -60), (0, -75), (55, -55), (80, -18), (86, 10)],
    "dome": [(0, 80), (40, 70), (68, 40), (78, 5), (80, -20)],
    "spindle": [(0, 120), (40, 60), (15, 10), (50, -40), (10, -100), (0, -105)],
    "bell": [(0, 90), (20, 88), (40, 70), (48, 10), (80, -60), (85, -70)],
    "cone": [(0, 110), (80, -80), (0, -82)],
    "plate": [(0, 12), (60, 10), (100, -2), (105, -4)],
    "apple": [(0, 55), (20, 68), (55, 60), (78, 15), (70, -35), (40, -65), (12, -60), (0, -52)],
    "skittle": [(0, 130), (24, 118), (30, 95), (18, 70), (26, 30), (48, -30), (42, -90), (30, -110), (0, -112)],
    "lamp": [(0, 90), (30, 88), (75, 20), (70, 15), (8, 12), (8, -80), (50, -92), (0, -95)],
    "top": [(0, 80), (10, 75), (12, 40), (80, 10), (60, -20), (10, -80), (0, -90)],
}


def sides(*rows):
    """Each capsule (from, to, radius) on both sides."""
    return [((s * a[0], *a[1:]), (s * b[0], *b[1:]), r) for s in (-1, 1) for a, b, r in rows]


def quadruped(body: float, head: float, legs: float, leg: float = 14, ear: float = 12):
    """Capsules of an animal on four legs."""
    parts = [((0, 0, -body), (0, 0, body), 40), ((0, 10, body), (0, head, body + 40), 20)]
    parts += [((0, head, body + 40), (0, head - 8, body + 75), 24), ((0, 15, -body), (0, -20, -body - 50), 7)]
    for z in (-body + 10, body - 10):
        parts += sides(((22, -10, z), (24, -legs, z), leg))
    return parts + sides(((15, head + 15, body + 35), (24, head + 25 + ear, body + 30), 8))


# capsules (from, to, radius), smoothly joined
CREATURES = {
    "cow": quadruped(70, 55, 95),
    "dog": quadruped(55, 70, 80, ear=20),
    "horse": quadruped(70, 110, 130, leg=12),
    "sheep": [*quadruped(50, 50, 75), ((0, 5, -45), (0, 5, 45), 52)],
    "elephant": [*quadruped(65, 45, 85, leg=22), ((0, 30, 130), (0, -60, 150), 12)],
    "bunny": [
        ((0, -20, -20), (0, -10, 20), 55), ((0, 55, 30), (0, 55, 40), 38), ((0, -40, -75), (0, -40, -75), 18),
        *sides(((15, 85, 20), (22, 150, 5), 12), ((30, -65, 30), (30, -65, 55), 16)),
    ],
    "cat": [
        ((0, -50, 0), (0, 0, 0), 45), ((0, 60, 10), (0, 60, 20), 34), ((0, 52, 48), (0, 52, 52), 12),
        ((0, -85, -40), (70, -80, -20), 9),
        *sides(((20, 90, 12), (24, 105, 12), 8), ((15, -60, 30), (15, -95, 45), 12)),
    ],
    "teddy bear": [
        ((0, -50, 0), (0, -20, 0), 48), ((0, 60, 0), (0, 60, 5), 45), ((0, 48, 42), (0, 48, 48), 18),
        *sides(((38, 98, 0), (40, 100, 0), 16), ((45, 0, 10), (80, -20, 20), 16), ((28, -85, 10), (35, -95, 50), 20)),
    ],
    "bird": [
        ((0, 0, -40), (0, 15, 30), 42), ((0, 60, 45), (0, 60, 50), 26), ((0, 58, 75), (0, 55, 95), 6),
        ((0, 0, -60), (0, 10, -120), 14), *sides(((15, -35, 0), (15, -80, 5), 5)),
    ],
    "fish": [
        ((0, 0, -50), (0, 0, 40), 42), ((0, 0, 60), (0, 0, 75), 25), ((0, 0, -80), (0, 40, -120), 12),
        ((0, 0, -80), (0, -40, -120), 12), ((0, 40, 0), (0, 65, -15), 8),
    ],
    "hand": [((0, -30, 0), (0, 20, 0), 38), ((35, -20, 5), (70, 25, 15), 12)]
    + [((x, 45, 0), (x * 1.5, y, 6), 10) for x, y in ((-28, 95), (-9, 110), (10, 105), (28, 90))],
    "femur": [
        ((0, -110, 0), (0, 100, 0), 16), ((-20, -125, 0), (20, -125, 0), 24), ((18, 112, 5), (30, 118, 5), 24),
        ((-18, 95, 0), (-18, 100, 0), 16),
    ],
    "wrench": [
        ((0, -90, 0), (0, 70, 0), 13), ((0, -100, 0), (0, -100, 0), 26), *sides(((22, 95, 0), (18, 120, 0), 14)),
    ],
    "drill": [
        ((0, 40, -60), (0, 40, 60), 34), ((0, 40, 90), (0, 40, 120), 10), ((0, 20, -25), (0, -80, -40), 22),
        ((0, -90, -60), (0, -90, 10), 26),
    ],
    "egg with a nose": [((0, 0, -15), (0, 20, 10), 70), ((0, -10, 85), (0, -14, 92), 10)],
    "snowman": [
        ((0, -60, 0), (0, -60, 0), 60), ((0, 35, 0), (0, 35, 0), 44), ((0, 105, 0), (0, 105, 0), 30),
        ((0, 105, 30), (0, 100, 55), 6),
    ],
    "car": [((0, 0, -80), (0, 0, 80), 34), ((0, 30, -35), (0, 30, 25), 30)]
    + sides(((32, -28, -55), (34, -28, -55), 22), ((32, -28, 55), (34, -28, 55), 22)),
    "shoe": [((0, -20, -70), (0, -25, 80), 30), ((0, 20, -60), (0, 60, -60), 32), ((8, -15, 60), (5, -20, 95), 26)],
    "pistol": [((0, 30, -60), (0, 30, 110), 16), ((0, 20, -50), (0, -70, -75), 20)],
}  # fmt: skip

# boxes (size, place) joined as they are
BOXES = {
    "box": [((120, 170, 140), (0, 0, 0))],
    "brick": [((90, 60, 200), (0, 0, 0))],
    "chair": [((110, 12, 110), (0, 0, 0)), ((110, 110, 10), (0, 60, -50))]
    + [((12, 90, 12), (x, -50, z)) for x in (-48, 48) for z in (-48, 48)],
    "table": [((180, 12, 120), (0, 0, 0))] + [((12, 110, 12), (x, -60, z)) for x in (-80, 80) for z in (-50, 50)],
    "bed": [((120, 40, 200), (0, 0, 0)), ((120, 90, 12), (0, 30, -100))],
    "shelf": [((140, 10, 60), (0, y, 0)) for y in (-80, -25, 30, 85)] + [((10, 180, 60), (x, 0, 0)) for x in (-70, 70)],
    "hammer": [((36, 36, 120), (0, 0, 0)), ((20, 220, 20), (0, -120, 0))],
    "stairs": [((120, 30 * k, 40), (0, 15 * k - 60, 40 * k - 100)) for k in range(1, 5)],
}


def revolved(profile, turns: int = 96) -> Mesh:
    """The surface of revolution about y through the profile's points."""
    p, t, fine = np.array(profile, float), np.linspace(0, 1, len(profile)), np.linspace(0, 1, 120)
    radius = np.maximum(PchipInterpolator(t, p[:, 0])(fine), 0.01)[:, None]
    height = np.repeat(PchipInterpolator(t, p[:, 1])(fine)[:, None], turns, 1)
    angle = np.linspace(0, 2 * np.pi, turns, endpoint=False)
    points = np.stack([radius * np.sin(angle), height, radius * np.cos(angle)], 2).reshape(-1, 3)
    i, j = np.meshgrid(np.arange(119), np.arange(turns), indexing="ij")
    a, b = i * turns + j, i * turns + (j + 1) % turns
    c, d = a + turns, b + turns
    return Mesh(points, np.concatenate([np.stack(t, -1).reshape(-1, 3) for t in ((a, b, c), (b, d, c))]))


def joined(capsules, step: float = 5.0, sharpness: float = 0.15) -> Mesh:
    """The smooth union of capsules."""
    start, end = (np.array([part[k] for part in capsules], float) for k in (0, 1))
    radius = np.array([part[2] for part in capsules], float)
    low = (np.minimum(start, end) - radius[:, None]).min(0) - 15
    high = (np.maximum(start, end) + radius[:, None]).max(0) + 15
    axes = [np.arange(a, b, step) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    total = np.zeros(grid.shape[:3])
    for a, b, r in zip(start, end, radius, strict=True):
        along = np.clip((grid - a) @ (b - a) / max((b - a) @ (b - a), 1e-9), 0, 1)
        total += np.exp(-sharpness * (np.linalg.norm(grid - a - along[..., None] * (b - a), axis=-1) - r))
    vertices, triangles, _, _ = marching_cubes(-np.log(np.maximum(total, 1e-300)) / sharpness, 0.0)
    return Mesh(vertices * step + low, triangles[:, ::-1])


def boxes(parts, edge: float = 5.0) -> Mesh:
    """Boxes with triangles no longer than `edge` mm."""
    made = []
    for size, place in parts:
        box = trimesh.creation.box(size)
        made.append(trimesh.Trimesh(*trimesh.remesh.subdivide_to_size(box.vertices + place, box.faces, edge)))
    whole = trimesh.util.concatenate(made)
    return Mesh(whole.vertices, whole.faces)


def solid(make: Callable, stretch=(1, 1, 1)) -> Mesh:
    """A solid of trimesh, stretched."""
    shape = make()
    fine = trimesh.remesh.subdivide_to_size(shape.vertices * np.array(stretch), shape.faces, 5.0)
    return Mesh(*fine)


def shield() -> Mesh:
    """A bent sheet with a ridge: as large as a face, with a nose of a kind, and no face."""
    x, y = np.meshgrid(np.linspace(-75, 75, 100), np.linspace(-95, 95, 120))
    z = 60 - (x / 11) ** 2 - (y / 16) ** 2 + 14 * np.exp(-((x / 9) ** 2) - (y / 60) ** 2)
    i, j = np.meshgrid(np.arange(119), np.arange(99), indexing="ij")
    a = (i * 100 + j).ravel()
    triangles = np.concatenate([np.stack([a, a + 1, a + 100], 1), np.stack([a + 1, a + 101, a + 100], 1)])
    return Mesh(np.stack([x.ravel(), y.ravel(), z.ravel()], 1), triangles)


OBJECTS: dict[str, Callable[[], Mesh]] = {
    **{name: partial(revolved, profile) for name, profile in PROFILES.items()},
    **{name: partial(joined, capsules) for name, capsules in CREATURES.items()},
    **{name: partial(boxes, parts) for name, parts in BOXES.items()},
    "ball": partial(solid, partial(trimesh.creation.icosphere, subdivisions=4, radius=80)),
    "ellipsoid": partial(solid, partial(trimesh.creation.icosphere, subdivisions=4, radius=80), (0.85, 1.05, 1.1)),
    "ring": partial(solid, partial(trimesh.creation.torus, 70, 35)),
    "can": partial(solid, partial(trimesh.creation.cylinder, 60, 150, sections=96)),
    "capsule": partial(solid, partial(trimesh.creation.capsule, 70, 62)),
    "shield": shield,
}
