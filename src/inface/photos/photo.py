"""A photograph as `fit_photos` takes it: its pixels or its size, and where landmarks of the child are seen in it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from inface import _validate
from inface._validate import FloatArray

MARGIN = 0.5  # of the photograph's size: how far outside it a landmark may lie (a crop may cut the face)


@dataclass(frozen=True, eq=False)
class Photo:
    """One photograph of a child, or its size and landmarks alone.

    Pixels have their centres at whole numbers: the first is (0, 0), u to the right, v down.

    Args:
        image_or_size: pixels `(h, w, 3)` or `(h, w)`, bytes 0 to 255 or numbers 0 to 1; or `(width, height)`; or the
            path of an image file (needs the extra `photo`; turned upright as its EXIF says).
        landmarks: landmark name of the model's template (`ibug_36`, `prn`, ...) -> `(u, v)`; NaN = hidden.
        focal_px: focal length in pixels, where it is known (a file's EXIF is used when it has one).
        mask: `(h, w)` True on the child's bare head, for its outline.
        visible: names of the landmarks that are seen, or name -> bool; the others are left out. None: the fit drops
            those on skin that looks away from the camera.
        centre: principal point `(cx, cy)`; None: the middle of the photograph. Give it for a crop.

    Attributes:
        image: `(h, w, 3)` bytes, or None when only the size is known.
        size: `(width, height)`.
        names, points: the landmarks that may be used, and their pixels `(n, 2)`.

    Raises:
        ValueError: an image of another kind, no finite landmark, a mask of another size, a focal length of zero.

    Example:
        >>> photo = Photo((640, 480), {"prn": (320, 250), "ex_l": (372, 201), "ex_r": (268, 203)})
        >>> photo.size, len(photo.names)
        ((640, 480), 3)
    """

    image_or_size: Any
    landmarks: Mapping[str, ArrayLike]
    focal_px: float | None = None
    mask: ArrayLike | None = None
    visible: Collection[str] | Mapping[str, bool] | None = None
    centre: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        given = self.image_or_size
        focal = self.focal_px
        if isinstance(given, str | Path):
            from inface.photos.files import read_photo

            given, seen = read_photo(given)
            focal = seen if focal is None else focal
        image, size = _image_and_size(given)
        if focal is not None and not (np.isfinite(focal) and focal > 0):
            raise ValueError(f"focal_px: expected more than 0 pixels, got {focal}")
        mask = self.mask
        if mask is not None:
            mask = np.asarray(mask)
            if mask.shape[:2] != (size[1], size[0]) or mask.ndim != 2:
                raise ValueError(f"mask: expected shape {(size[1], size[0])} as the photograph, got {mask.shape}")
            mask = _validate.frozen(mask > (127 if mask.dtype == np.uint8 and mask.max(initial=0) > 1 else 0), None)
        names, points = _seen(self.landmarks, self.visible, size)
        values: dict[str, Any] = {"image_or_size": size if image is None else image, "focal_px": focal, "mask": mask}
        values |= {"landmarks": {n: (float(p[0]), float(p[1])) for n, p in zip(names, points, strict=True)}}
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def image(self) -> np.ndarray | None:
        """`(h, w, 3)` bytes, or None."""
        return self.image_or_size if isinstance(self.image_or_size, np.ndarray) else None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        image = self.image
        return self.image_or_size if image is None else (image.shape[1], image.shape[0])

    @property
    def names(self) -> tuple[str, ...]:
        """The landmarks that may be used."""
        return tuple(self.landmarks)

    @property
    def points(self) -> FloatArray:
        """`(n, 2)` their pixels."""
        return np.array([self.landmarks[name] for name in self.landmarks], float).reshape(-1, 2)

    @property
    def principal_point(self) -> FloatArray:
        """`(2,)` where the camera's axis meets the photograph."""
        if self.centre is not None:
            return _validate.finite("centre", _validate.floats("centre", self.centre, (2,)))
        return (np.array(self.size, float) - 1) / 2

    def with_landmarks(self, landmarks: Mapping[str, ArrayLike]) -> "Photo":
        """The same photograph with other landmarks."""
        return Photo(self.image_or_size, landmarks, self.focal_px, self.mask, self.visible, self.centre)


def _image_and_size(given: Any) -> tuple[np.ndarray | None, tuple[int, int]]:
    if isinstance(given, tuple | list) and len(given) == 2 and all(np.ndim(x) == 0 for x in given):
        width, height = given
        if not (float(width) == int(width) > 0 and float(height) == int(height) > 0):
            raise ValueError(f"photo: expected a size (width, height) of whole pixels above 0, got {given}")
        return None, (int(width), int(height))
    if given is None:
        raise ValueError("photo: expected an image, a path, or a size (width, height), got None")
    array = np.asarray(given)
    if array.ndim == 2:
        array = np.repeat(array[:, :, None], 3, 2)
    if array.ndim != 3 or array.shape[2] not in (3, 4) or 0 in array.shape:
        raise ValueError(f"photo: expected pixels (h, w, 3) or a size (width, height), got an array {array.shape}")
    array = array[:, :, :3]
    if array.dtype.kind == "f" and np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1:
        array = np.round(array * 255).astype(np.uint8)
    if array.dtype != np.uint8:
        raise ValueError(f"photo: expected bytes 0 to 255 or numbers 0 to 1, got {array.dtype}; convert it to 8 bits")
    return _validate.frozen(np.ascontiguousarray(array), given), (array.shape[1], array.shape[0])


def _seen(landmarks: Any, visible: Any, size: tuple[int, int]) -> tuple[list[str], list[FloatArray]]:
    """Names and pixels of the landmarks that may be used."""
    if not isinstance(landmarks, Mapping):
        raise ValueError(f"landmarks: expected a mapping of names to pixels (u, v), got {type(landmarks).__name__}")
    names, points = [], []
    shown = {name for name, yes in visible.items() if yes} if isinstance(visible, Mapping) else visible
    for name, place in landmarks.items():
        point = _validate.floats(f"landmark '{name}'", place, (2,))
        if point.shape != (2,) or np.isinf(point).any():
            raise ValueError(f"landmark '{name}': expected a pixel (u, v) or NaN (hidden), got {place!r}")
        if np.isnan(point).any() or (shown is not None and name not in shown):
            continue
        names.append(str(name))
        points.append(point)
    if not names:
        raise ValueError("landmarks: expected at least six that are seen, all are NaN, hidden, or there are none")
    limit = np.array(size, float)
    outside = (np.array(points) < -MARGIN * limit) | (np.array(points) > (1 + MARGIN) * limit)
    if outside.any():
        first = names[int(np.argmax(outside.any(1)))]
        raise ValueError(
            f"landmarks: {int(outside.any(1).sum())} lie outside the photograph of {size[0]} x {size[1]} pixels, the "
            f"first is '{first}'; were they marked in a photograph of another size?"
        )
    return names, points
