"""Numbers as programs write them into text files: NaN in the spellings of Windows, and words for what is no number."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inface._validate import FloatArray
from inface.errors import FormatError

_NAN = re.compile(rb"[-+]?(?:nan(?:\([^)]*\))?|1\.?#(?:s|q)?(?:nan|ind)\d*|1\.#j)", re.IGNORECASE)
_INFINITY = re.compile(rb"[-+]?(?:1\.?#inf\d*|inf(?:inity)?)", re.IGNORECASE)
_COMMA = re.compile(rb"[-+]?\d+,\d+(?:e[-+]?\d+)?", re.IGNORECASE)


def floats_of(words: Sequence[bytes] | Sequence[Sequence[bytes]] | NDArray) -> FloatArray:
    """Words of a text file as float64, in the shape they come in.

    Not-a-number is understood as C (`nan`, `-nan(ind)`, `nan(snan)`) and as old Windows programs (`1.#QNAN`,
    `-1.#IND00`) write it. Raises `FormatError` that names the first word that is no number, and decimal commas as such.
    """
    table = np.asarray(words, "S")
    if not table.size:
        return np.zeros(table.shape)
    try:
        values = table.astype(np.float64)
    except ValueError:
        flat = [_one(word) for word in table.reshape(-1).tolist()]
        return np.array(flat).reshape(table.shape)
    if np.char.find(table, b"_").max() >= 0:  # Python reads 1_000 as a number; no file means that
        raise _no_number(table.reshape(-1)[int(np.char.find(table, b"_").argmax())])
    return values


def _one(word: bytes) -> float:
    if _NAN.fullmatch(word):
        return float("nan")
    if _INFINITY.fullmatch(word):
        return float("-inf") if word.startswith(b"-") else float("inf")
    try:
        if b"_" in word:
            raise ValueError
        return float(word)
    except ValueError:
        raise _no_number(word) from None


def _no_number(word: bytes) -> FormatError:
    shown = word[:30].decode("utf-8", "replace")
    if _COMMA.fullmatch(word):
        return FormatError(f"'{shown}' has a decimal comma; write it again with decimal points")
    return FormatError(f"expected a number, got '{shown}'")


UNITS_MM = {
    "m": 1000.0, "meter": 1000.0, "metre": 1000.0, "cm": 10.0, "centimeter": 10.0, "centimetre": 10.0, "mm": 1.0,
    "millimeter": 1.0, "millimetre": 1.0, "um": 1e-3, "µm": 1e-3, "μm": 1e-3, "micron": 1e-3, "micrometer": 1e-3,
    "micrometre": 1e-3, "nm": 1e-6, "inch": 25.4, "inches": 25.4, "in": 25.4, "[in_i]": 25.4, "ft": 304.8,
    "foot": 304.8, "feet": 304.8, "[ft_i]": 304.8,
}  # fmt: skip


def millimetres(unit: str) -> float:
    """Millimetres in a unit as a file states it (`m`, `cm`, `Millimeters`, `[in_i]` ...)."""
    word = unit.strip().lower()
    for spelling in (word, word.removesuffix("s")):
        if spelling in UNITS_MM:
            return UNITS_MM[spelling]
    raise FormatError(f"the file states the unit '{unit[:30]}', which is unknown; known are mm, cm, m, um, inch")


_STATED = re.compile(r"(?:file\s+|coordinate\s*|length\s*)?units?\s*[:=]?\s*([\w\[\]µμ]+)\s*", re.IGNORECASE)


def stated_unit(comment: str) -> float | None:
    """Millimetres in the unit that a comment such as `File units = centimeters` states; None when it states none."""
    found = _STATED.fullmatch(comment.strip().lstrip("#").strip())
    if not found:
        return None
    try:
        return millimetres(found[1])
    except FormatError:
        return None
