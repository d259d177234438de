"""The models that ship with the package."""

from functools import cache
from importlib.resources import as_file, files

from inface.models import MorphableModel, load_model

# name -> file in `inface/data`
EMBEDDED = {
    entry.name.removesuffix(".h5"): entry.name
    for entry in sorted(files("inface.data").iterdir(), key=lambda entry: entry.name)
    if entry.name.endswith(".h5")
}


@cache
def load_default_model(name: str = "pca") -> MorphableModel:
    """An embedded model by name; the same object at every call.

    Its `card` says what it was made from and by which command. Raises `ValueError` naming the models there are.
    """
    if name not in EMBEDDED:
        known = ", ".join(EMBEDDED) or "none"
        raise ValueError(f"no embedded model '{name}'; there are: {known}; a file is opened with inface.load_model")
    with as_file(files("inface.data") / EMBEDDED[name]) as path:
        return load_model(path)
