"""The reference's way of making a model: classes that are made from a path, or from arrays by keyword."""

from abc import ABCMeta
from pathlib import Path
from typing import Any


class PathOrArrays(ABCMeta):
    """A class that is made from a file, `Kind("model.h5")` (its `from_file`), or from arrays by keyword."""

    def __call__(cls, path: str | Path | Any = None, **arguments: Any) -> Any:
        """One keyword argument or more, or the path of a file and nothing else."""
        if path is None and not arguments:
            raise TypeError(f"{cls.__name__}: give a path, or arrays by keyword")
        if path is None:
            return super().__call__(**arguments)
        if arguments:
            raise TypeError(f"{cls.__name__}: give a path or arrays, not both ('{min(arguments)}' came with a path)")
        return cls.from_file(path)  # type: ignore[attr-defined]
