"""Photographs from files: turned upright, their focal length where they tell it; nothing else of their EXIF is read."""

import warnings
from pathlib import Path

import numpy as np

from inface import _optional
from inface._validate import BoolArray
from inface.errors import FormatError

ORIENTED, CAMERA_TAGS, FOCAL_35MM = 274, 0x8769, 0xA405
FILM_DIAGONAL = 43.27  # mm of the 36 x 24 mm film that the focal length "in 35 mm film" belongs to


def read_photo(path: str | Path) -> tuple[np.ndarray, float | None]:
    """Pixels `(h, w, 3)` as bytes, upright, and the focal length in pixels from the EXIF, None when it has none.

    Raises:
        FormatError: no image, one of 16 bits or without pixels, or a kind that can't be read (HEIC).
        FileNotFoundError: there is no such file.
        MissingDependencyError: without the extra `photo`.
    """
    image_module = _optional.require("PIL.Image", "reading photographs", "photo")
    turn = _optional.require("PIL.ImageOps", "reading photographs", "photo").exif_transpose
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no photograph '{path}'")
    if path.suffix.lower() in (".heic", ".heif"):
        raise FormatError(f"'{path}': HEIC is not read; save the photograph as JPEG or PNG")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", image_module.DecompressionBombWarning)
            with image_module.open(path) as opened:
                if opened.mode.startswith("I") or opened.mode == "F":
                    raise FormatError(f"'{path}': expected 8 bits a colour, got the kind '{opened.mode}'; convert it")
                focal = _focal(opened)
                pixels = np.asarray(turn(opened).convert("RGB"))
    except FormatError:
        raise
    except Exception as error:  # Pillow raises many kinds for damaged files
        raise FormatError(f"'{path}': no photograph that can be read ({error}); save it as JPEG or PNG") from None
    if focal is not None:
        focal *= float(np.hypot(*pixels.shape[:2])) / FILM_DIAGONAL
    return pixels, focal


def read_mask(path: str | Path) -> BoolArray:
    """`(h, w)` True where a mask image is bright. Raises as `read_photo`."""
    return read_photo(path)[0].mean(2) > 127


def _focal(opened) -> float | None:
    """Focal length in mm of 35 mm film; None where the file does not say."""
    try:
        value = float(opened.getexif().get_ifd(CAMERA_TAGS).get(FOCAL_35MM, 0))
    except Exception:  # damaged EXIF says nothing
        return None
    return value if np.isfinite(value) and 5 <= value <= 2000 else None
