"""A first guess of the landmarks: mediapipe's face mesh, whose weights lie in its package; it runs on the device alone.

It is trained on adults, so what a fit makes of its points alone is not good: `docs/photos.md` says how good.
"""

import contextlib
import os

import numpy as np
from numpy.typing import NDArray

from inface import _optional
from inface._validate import FloatArray
from inface.photos.points import MEDIAPIPE

CONFIDENCE = 0.5


def detect(image: NDArray[np.uint8]) -> dict[str, FloatArray]:
    """Points `mp_000` ... `mp_467` -> pixel `(u, v)` of the one face in a photograph `(h, w, 3)`, tried at four turns.

    Raises:
        ValueError: no face, or more than one.
        MissingDependencyError: without the extra `photo` (and on Python 3.13 or newer, for which it has no package).
    """
    mesh_module = _optional.require("mediapipe.python.solutions.face_mesh", "finding landmarks", "photo")
    height, width = image.shape[:2]
    best: tuple[float, int, FloatArray] | None = None
    points: FloatArray
    with _quiet(), mesh_module.FaceMesh(
        static_image_mode=True, max_num_faces=2, refine_landmarks=False, min_detection_confidence=CONFIDENCE
    ) as finder:  # fmt: skip
        for turns in range(4):
            turned = np.ascontiguousarray(np.rot90(image, turns))
            faces = finder.process(turned).multi_face_landmarks or []
            if len(faces) > 1 and turns == 0:
                raise ValueError(f"detector: expected one face, found {len(faces)}; crop the photograph to the child")
            if not faces:
                continue
            points = np.array([(p.x * turned.shape[1], p.y * turned.shape[0]) for p in faces[0].landmark]) - 0.5
            upright = _upright(points)
            if best is None or upright > best[0]:
                best = (upright, turns, points)
            if turns == 0 and upright > 0.7:
                break
    if best is None:
        raise ValueError("detector: no face was found; mark the landmarks by hand")
    _, turns, points = best
    for _ in range(turns):  # undo the turns: a quarter turn against the clock took (u, v) to (v, width - 1 - u)
        now_width = width if turns % 2 == 0 else height
        points = np.stack([now_width - 1 - points[:, 1], points[:, 0]], 1)
        turns -= 1
    return dict(zip(MEDIAPIPE, points, strict=False))


def _upright(points: FloatArray) -> float:
    """Cosine between "from forehead to chin" and down."""
    down = points[152] - points[10]
    return float(down[1] / max(np.linalg.norm(down), 1e-9))


@contextlib.contextmanager
def _quiet():
    """The library writes its log to the process's own standard error; keep it from the user's."""
    kept, sink = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)
