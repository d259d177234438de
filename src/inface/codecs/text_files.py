"""Small text and JSON files, read with clear errors and written atomically."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from inface.codecs.files import atomic_write
from inface.errors import FormatError

_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe\0\0", "utf-32"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def without_mark(content: bytes) -> bytes:
    """The contents without a byte order mark; text in UTF-16 or UTF-32, as Windows tools save it, as UTF-8."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            if encoding == "utf-8":
                return content if b"\0" in content[:84] else content[len(mark) :]  # a binary STL may begin so
            try:
                return content.decode(encoding).encode("utf-8")
            except UnicodeDecodeError:
                return content
    return content


def read_text(path: str | Path) -> str:
    """The text of a file in UTF-8, in UTF-16 with its mark, or else in the Windows code page 1252 (Excel's CSV)."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file '{path}'")
    content = without_mark(path.read_bytes())
    for encoding in ("utf-8", "cp1252"):
        with suppress(UnicodeDecodeError):
            text = content.decode(encoding)
            if "\0" not in text and (encoding == "utf-8" or not any(c < " " and c not in "\t\n\r\f" for c in text)):
                return text
    raise FormatError(f"'{path}': expected a text file, but it holds binary data")


def safe_xml(content: bytes) -> ElementTree.Element:
    """The root of an XML document; entities of its own, which can grow without end, are refused."""
    if b"<!ENTITY" in content:
        raise FormatError("the XML declares entities, which no such file needs; it is not read")
    try:
        return ElementTree.fromstring(content)
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise FormatError(f"the XML is damaged or cut short ({error})") from None


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
