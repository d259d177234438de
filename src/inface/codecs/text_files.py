"""Small text and JSON files, read with clear errors and written atomically."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from inface.codecs.files import atomic_write
from inface.errors import FormatError


def read_text(path: str | Path) -> str:
    """The text of a UTF-8 file."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file '{path}'")
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FormatError(f"'{path}': expected a text file, but it holds binary data") from None


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def read_json(path: str | Path) -> Any:
    """What a JSON file holds."""
    text = read_text(path)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"'{path}': the JSON is damaged or cut short ({error})") from None


def write_json(path: str | Path, contents: Any) -> None:
    """Write JSON atomically; arrays become lists; NaN is refused, since JSON has none."""
    write_text(path, json.dumps(contents, allow_nan=False, default=_listed))


def read_npy(path: str | Path) -> np.ndarray:
    """The array of an `.npy` file; one that holds objects (a pickle) is never loaded."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file '{path}'")
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError, SyntaxError, TypeError, KeyError, MemoryError, OverflowError) as error:
        raise FormatError(f"'{path}': damaged, or no array of plain numbers, so it is not loaded ({error})") from None
    if not isinstance(array, np.ndarray):
        raise FormatError(f"'{path}': expected one array (.npy), got an archive of arrays (.npz)")
    return array


def _listed(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"JSON can't hold a {type(value).__name__}")
