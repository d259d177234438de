"""The fitted head over its photograph."""

import numpy as np
from numpy.typing import NDArray

from inface._validate import FloatArray
from inface.mesh import Mesh
from inface.photos.camera import Camera
from inface.photos.perspective import draw, reduced
from inface.pictures.shade import png_bytes

MOST = 1600  # pixels of the longer side
HEAD, GIVEN, FITTED = (0.55, 0.78, 0.95), (255, 214, 0), (40, 200, 80)
COVER = 0.55


def overlay_png(
    image: NDArray[np.uint8] | None, mesh: Mesh, camera: Camera, given: FloatArray, fitted: FloatArray
) -> bytes:
    """PNG of the photograph `image (h, w, 3)` or blank ground, the head over it half transparent, given landmarks
    yellow, fitted ones green."""
    camera, factor = reduced(camera, MOST)
    width, height = camera.size
    picture = np.full((height, width, 3), 245.0)
    if image is not None:
        rows = np.minimum(((np.arange(height) + 0.5) / factor).astype(int), image.shape[0] - 1)
        columns = np.minimum(((np.arange(width) + 0.5) / factor).astype(int), image.shape[1] - 1)
        picture = image[rows][:, columns].astype(float)
    towards = camera.eye - mesh.vertices
    towards = towards / np.linalg.norm(towards, axis=1, keepdims=True)
    light = np.clip(0.25 + 0.75 * np.einsum("ij,ij->i", mesh.vertex_normals, towards), 0, 1)
    drawn = draw(camera, mesh.vertices, mesh.triangles, light[:, None])
    head = np.isfinite(drawn.depth)
    shade = 255 * drawn.values[head] * np.array(HEAD)
    cover = COVER if image is not None else 1.0
    picture[head] = (1 - cover) * picture[head] + cover * shade
    out = picture.round().clip(0, 255).astype(np.uint8)
    size = max(1, round(max(width, height) / 400))
    for points, colour in ((given, GIVEN), (fitted, FITTED)):
        for u, v in np.round((points + 0.5) * factor - 0.5).astype(int):
            out[max(v - size, 0) : max(v + size, 0), max(u - size, 0) : max(u + size, 0)] = colour
    return png_bytes(out)
