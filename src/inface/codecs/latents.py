"""Latent codes: `.npy` (as the reference's sample expressions are) or JSON, a list or `{"latent": [...]}`."""

from pathlib import Path

import numpy as np

from inface._validate import FloatArray, finite, floats
from inface.codecs.files import atomic_write
from inface.codecs.text_files import read_json, read_npy, write_json
from inface.errors import FormatError

LATENT_SUFFIXES = (".json", ".npy")


def read_latent(path: str | Path) -> FloatArray:
    """The code `(K,)` in a file, float32 or float64 as it stands there (JSON: float64)."""
    if _suffix(path) == ".npy":
        values = read_npy(path)
    else:
        values = read_json(path)
        if isinstance(values, dict):
            if "latent" not in values:
                raise FormatError(f"'{path}': expected a list of numbers or an object with 'latent'")
            values = values["latent"]
    try:
        code = finite("latent", floats("latent", values, (None,), dtype=None))
    except ValueError as error:
        raise FormatError(f"'{path}': {error}") from None
    if code.ndim != 1:
        raise FormatError(f"'{path}': expected one latent code, got an array of shape {code.shape}")
    return code


def is_latent(path: str | Path) -> bool:
    """Whether a file holds a latent code: every `.npy`, and a JSON that is no mesh but a list or has 'latent'."""
    suffix = Path(path).suffix.lower()
    if suffix != ".json":
        return suffix == ".npy"
    content = read_json(path)
    return isinstance(content, list) or (isinstance(content, dict) and "latent" in content)


def write_latent(path: str | Path, latent: FloatArray) -> None:
    """Write one code `(K,)`; it comes back bit for bit."""
    latent = finite("latent", floats("latent", latent, (None,), dtype=None))
    if _suffix(path) == ".npy":
        with atomic_write(path) as temporary, open(temporary, "wb") as stream:
            np.save(stream, latent, allow_pickle=False)
    else:
        write_json(path, {"latent": latent})


def _suffix(path: str | Path) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in LATENT_SUFFIXES:
        raise FormatError(f"'{path}': unknown latent suffix '{suffix}'; known are {', '.join(LATENT_SUFFIXES)}")
    return suffix
