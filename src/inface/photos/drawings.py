"""Drawings that stand for photographs: synthetic heads with skin, light and ground before a known camera.

For tests, benchmarks and the table of mediapipe's points; no photograph of a real child is needed anywhere.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inface._validate import BoolArray, FloatArray
from inface.geometry.adjacency import vertex_normals
from inface.photos.camera import FACING, Camera, turn_of
from inface.photos.perspective import draw
from inface.template import Template

SIZE = (512, 512)
SKINS = ((1.0, 1.0, 1.0), (0.86, 0.76, 0.66), (0.68, 0.54, 0.44), (0.46, 0.35, 0.28), (1.05, 0.98, 0.95))
MM_HIGH = 135.0  # of a face from brow to chin and a little more


@dataclass(frozen=True, eq=False)
class Drawing:
    """A drawn photograph and its truth.

    Attributes:
        image: `(h, w, 3)` bytes.
        mask: `(h, w)` True on the head.
        camera: before which the head stands.
        vertices: `(V, 3)` the head, mm.
        places: `(h, w, 3)` where on the template's own mesh each pixel lies; 0 beside the head.
    """

    image: NDArray[np.uint8]
    mask: BoolArray
    camera: Camera
    vertices: FloatArray
    places: FloatArray

    def places_under(self, pixels: FloatArray, template: Template) -> FloatArray:
        """Place `(n, 3)` on the template's mesh under pixels `(n, 2)`; NaN beside the head."""
        size = np.array(self.camera.size)
        cell = np.clip(np.round(pixels).astype(int), 0, size - 1)
        out = self.places[cell[:, 1], cell[:, 0]].copy()
        out[~self.mask[cell[:, 1], cell[:, 0]]] = np.nan
        return out


def camera_at(yaw: float, pitch: float = 0, roll: float = 0, distance: float = 600, face_px: float = 270) -> Camera:
    """A camera `distance` mm from the face, towards the subject's left by `yaw` degrees and above it by `pitch`; the
    face is about `face_px` high in a picture of `SIZE`."""
    rotation = FACING @ turn_of(np.radians([pitch, 0, 0])) @ turn_of(np.radians([0, -yaw, 0]))
    rotation = turn_of(np.radians([0, 0, roll])) @ rotation
    middle = rotation @ np.array([0, -10.0, 45.0])
    focal = face_px / MM_HIGH * distance
    return Camera(rotation, np.array([0, 0, distance]) - middle, focal, (np.array(SIZE) - 1) / 2, SIZE)


def random_drawing(rng: np.random.Generator, vertices: FloatArray, template: Template) -> Drawing:
    """A head before a camera, in a light and on a ground, all drawn at random."""
    camera = camera_at(
        rng.uniform(-60, 60), rng.normal(0, 10), rng.normal(0, 8), rng.uniform(350, 900), rng.uniform(220, 300)
    )
    skin = np.array(SKINS[rng.integers(len(SKINS))])
    light = turn_of(np.radians([rng.uniform(-40, 10), rng.uniform(-50, 50), 0])) @ np.array([0, 0, 1.0])
    return drawing_of(vertices, template, camera, skin, light, rng)


def drawing_of(
    vertices: FloatArray,
    template: Template,
    camera: Camera,
    skin: FloatArray | tuple[float, float, float] = SKINS[0],
    light: FloatArray | tuple[float, float, float] = (0.2, 0.4, 0.9),
    rng: np.random.Generator | None = None,
) -> Drawing:
    """A head drawn; `light` comes from that direction of the model's frame; `rng` makes ground and grain."""
    rng = rng or np.random.default_rng(0)
    mesh = template.mesh
    colours = np.clip((mesh.colors if mesh.colors is not None else np.full((len(vertices), 3), 0.8)) * skin, 0, 1)
    normals = vertex_normals(vertices, mesh.triangles)
    direction = np.asarray(light) / np.linalg.norm(light)
    shade = 0.45 + 0.65 * np.clip(normals @ direction, 0, 1)
    values = np.hstack([colours * shade[:, None], mesh.vertices])
    drawn = draw(camera, vertices, mesh.triangles, values)
    head = np.isfinite(drawn.depth)
    width, height = camera.size
    ground = ndimage.gaussian_filter(rng.random((height, width, 3)), (40, 40, 0))
    ground = 0.3 + 0.6 * (ground - ground.min()) / np.ptp(ground)
    picture = np.where(head[:, :, None], np.clip(drawn.values[:, :, :3], 0, 1), ground)
    picture = ndimage.gaussian_filter(picture, (0.7, 0.7, 0)) + rng.normal(0, 0.012, picture.shape)
    image = (255 * np.clip(picture, 0, 1)).round().astype(np.uint8)
    return Drawing(image, head, camera, vertices, drawn.values[:, :, 3:])
