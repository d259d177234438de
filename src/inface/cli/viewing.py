"""What the verbs `view`, `render`, `animate` and `share` have in common: which inputs are a model, sizes, angles."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inface.cli import batch
from inface.errors import InfaceError
from inface.mesh import Mesh
from inface.viewer.scene_file import is_scene

_MODEL_SUFFIXES = (".h5", ".hdf5")


def is_model(text: str) -> bool:
    """Whether an input names an embedded model or a model file."""
    from inface.embedded import EMBEDDED

    return text in EMBEDDED or Path(text).suffix.lower() in _MODEL_SUFFIXES


def is_scene_file(text: str) -> bool:
    """Whether an input is a saved scene."""
    path = Path(text)
    if path.suffix.lower() != ".json" or not path.is_file():
        return False
    with path.open("rb") as file:
        return is_scene(file.read(200))


def load_meshes(inputs: Sequence[str]) -> dict[str, Mesh]:
    """Meshes of files, folders and globs under distinct names."""
    paths = batch.expand(inputs)
    return {name: Mesh.load(path) for name, path in zip(batch.stems(paths), paths, strict=True)}


def model_or_meshes(inputs: Sequence[str]) -> tuple[Any, bool]:
    """The one model that is named, or the meshes; and which of the two it is."""
    if is_model(inputs[0]):
        if len(inputs) > 1:
            raise InfaceError("give one model, or meshes, not both")
        return batch.load_model(inputs[0]), True
    return load_meshes(inputs), False


def pixels(text: str) -> tuple[int, int]:
    """`1280x720` as width and height."""
    found = re.fullmatch(r"\s*(\d+)\s*[xX,]\s*(\d+)\s*", text)
    if not found:
        raise InfaceError(f"--size '{text}': expected width and height such as 1280x720")
    return int(found[1]), int(found[2])


def view_angles(text: str) -> str | tuple[float, float]:
    """A view's name, or `YAW,PITCH` in degrees."""
    if "," not in text:
        return text
    try:
        yaw, pitch = (float(part) for part in text.split(","))
    except ValueError:
        raise InfaceError(f"--view '{text}': expected a name, or two numbers such as 30,10") from None
    return yaw, pitch
