"""What a run's results depend on, as plain values, read off the dataclass that does the work."""

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from inface import __version__
from inface.model_reference import ModelReference


def settings_of(work: Any) -> dict[str, Any]:
    """Plain values that name all that the work's results depend on besides its file: version, options, models."""
    return {"version": __version__, "work": _plain(work)}


def move_models(work: Any, folder: Path) -> Any:
    """The work with each model in a folder that other machines see."""
    if not is_dataclass(work) or isinstance(work, type):
        return work
    models = {
        one.name: value.shared(folder)
        for one in fields(work)
        if isinstance(value := getattr(work, one.name), ModelReference)
    }
    return replace(work, **models)


def _plain(value: Any) -> Any:
    if isinstance(value, ModelReference):
        return {"model": value.hash}
    if is_dataclass(value) and not isinstance(value, type):
        named = {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
        return {"is": type(value).__qualname__, **named}
    if isinstance(value, functools.partial):
        return [_plain(value.func), _plain(value.args), _plain(value.keywords)]
    if isinstance(value, np.ndarray):
        return {"array": hashlib.sha256(value.tobytes()).hexdigest()[:16], "shape": list(value.shape)}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    if isinstance(value, Path):
        state = value.stat() if value.exists() else None
        return [str(value), None if state is None else [state.st_size, state.st_mtime_ns]]
    if callable(value):
        return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value).__qualname__)}"
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(getattr(value, "hash", None) or repr(value))
