"""Latent codes on disk: `.npy` (one axis) or JSON (`[...]` or `{"latent": [...]}`)."""

import json
from pathlib import Path

import numpy as np

from inface._validate import FloatArray, finite, floats
from inface.codecs.files import atomic_write
from inface.errors import FormatError

LATENT_SUFFIXES = (".json", ".npy")


def read_latent(path: str | Path) -> FloatArray:
    """The code `(K,)` in a file; raises `FormatError` for anything but one row of finite numbers."""
    path = Path(path)
    if path.suffix.lower() not in LATENT_SUFFIXES:
        raise FormatError(f"'{path}': expected a latent file ({', '.join(LATENT_SUFFIXES)}), got '{path.suffix}'")
    try:
        if path.suffix.lower() == ".npy":
            values = np.load(path, allow_pickle=False)
        else:
            content = json.loads(path.read_text(encoding="utf-8"))
            values = content["latent"] if isinstance(content, dict) else content
        code = finite("latent", floats("latent", values, (None,)))
    except (ValueError, KeyError, EOFError, UnicodeDecodeError) as error:
        raise FormatError(f"'{path}': expected one row of numbers, a latent code ({error})") from None
    if code.ndim != 1:
        raise FormatError(f"'{path}': expected one latent code, got an array of shape {code.shape}")
    return code


def write_latent(path: str | Path, latent: FloatArray) -> None:
    """Write one code `(K,)`; the suffix names the format."""
    path = Path(path)
    code = finite("latent", floats("latent", latent, (None,)))
    if path.suffix.lower() == ".npy":
        with atomic_write(path) as temporary, open(temporary, "wb") as stream:
            np.save(stream, code)
    elif path.suffix.lower() == ".json":
        with atomic_write(path) as temporary:
            Path(temporary).write_text(json.dumps({"latent": code.tolist()}), encoding="utf-8")
    else:
        raise FormatError(f"'{path}': expected a suffix of {', '.join(LATENT_SUFFIXES)}, got '{path.suffix}'")
