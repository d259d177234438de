"""Small shaded pictures of meshes with numpy alone, and their PNG bytes: contact sheets need no graphics card."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from inface._validate import FloatArray, IntArray
from inface.geometry.adjacency import triangle_normals

BACK = np.array([0.55, 0.45, 0.45])


def view_rotation(azimuth: float, elevation: float = 0.0) -> FloatArray:
    """Rotation `(3, 3)` from the model's frame to that of a camera at these degrees (plus: at the subject's left)."""
    a, e = -np.radians(azimuth), np.radians(elevation)
    turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    tilt = np.array([[1, 0, 0], [0, np.cos(e), -np.sin(e)], [0, np.sin(e), np.cos(e)]])
    return tilt @ turn


def shade(
    vertices: FloatArray,
    triangles: IntArray,
    *,
    colors: FloatArray | None = None,
    view: FloatArray | None = None,
    centre: FloatArray | None = None,
    half_width: float | None = None,
    pixels: int = 200,
) -> NDArray[np.uint8]:
    """An orthographic, shaded picture `(pixels, pixels, 3)`.

    Args:
        vertices: `(V, 3)`; triangles `(T, 3)`, or none: then points are drawn.
        colors: `(V, 3)` in [0, 1]; None: clay.
        view: rotation into the camera's frame (x right, y up, z towards the eye).
        centre, half_width: what the picture shows, in the vertices' frame and unit; None: all of it.
    """
    view = np.eye(3) if view is None else view
    centre = (vertices.min(0) + vertices.max(0)) / 2 if centre is None else centre
    eye = (vertices - centre) @ view.T
    half_width = float(np.abs(eye[:, :2]).max()) * 1.05 if half_width is None else half_width
    scale = pixels / (2 * half_width)
    place = eye[:, :2] * [scale, -scale] + pixels / 2
    image = np.ones((pixels * pixels, 3))
    if len(triangles) == 0:
        points, depth = place, eye[:, 2]
        tint = np.full((len(points), 3), 0.6) if colors is None else colors
    else:
        points, depth, tint = _samples(place, eye, triangles, colors)
    pixel = np.floor(points).astype(int)
    inside = ((pixel >= 0) & (pixel < pixels)).all(1)
    cell = pixel[inside, 1] * pixels + pixel[inside, 0]
    order = np.argsort(depth[inside], kind="stable")  # the nearest is written last
    image[cell[order]] = tint[inside][order]
    return (image.reshape(pixels, pixels, 3) * 255).astype(np.uint8)


def _samples(place, eye, triangles, colors):
    """Points about half a pixel apart on every triangle, with depth and shaded colour."""
    normal = triangle_normals(eye, triangles)
    normal = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    light = 0.25 + 0.75 * np.clip(normal @ [0.35, 0.45, 0.82], 0, 1)
    flat = np.full((len(triangles), 3), [0.86, 0.82, 0.78]) if colors is None else colors[triangles].mean(1)
    flat = np.where(normal[:, 2:] < 0, BACK, flat) * np.where(normal[:, 2] < 0, 0.8, light)[:, None]
    corners = place[triangles]
    steps = np.clip(np.ceil(np.ptp(corners, axis=1).max(1) * 1.5), 1, 60).astype(int)
    points, depth, tint = [], [], []
    for n in np.unique(steps):
        chosen = triangles[steps == n]
        grid = np.array([(i, j) for i in range(n + 1) for j in range(n + 1 - i)]) / n
        weight = np.column_stack([1 - grid.sum(1), grid])
        points.append((weight @ place[chosen]).reshape(-1, 2))
        depth.append((eye[chosen][..., 2] @ weight.T).ravel())
        tint.append(np.repeat(flat[steps == n], len(grid), 0))
    return np.concatenate(points), np.concatenate(depth), np.concatenate(tint)


def ramp(values: FloatArray, top: float) -> FloatArray:
    """Colours `(n, 3)` of distances: pale at 0, red at `top` and above, grey where not finite."""
    t = np.clip(np.nan_to_num(values / top, nan=0), 0, 1)[:, None]
    colors = (1 - t) * [0.85, 0.9, 0.85] + t * [0.85, 0.1, 0.1]
    return np.where(np.isfinite(values)[:, None], colors, 0.6)


def png_bytes(image: NDArray[np.uint8]) -> bytes:
    """The picture `(h, w, 3)` as a PNG file's bytes."""
    height, width, _ = image.shape

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + image[i].tobytes() for i in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 6)) + chunk(b"IEND", b"")
