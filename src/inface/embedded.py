"""The models that ship with the package."""

from functools import cache
from importlib.resources import as_file, files

from inface.models import AttributeRegressor, MorphableModel, load_model
from inface.models.store import compact_names, read_compact


def _embedded() -> dict[str, str]:
    """Name -> file in `inface/data`: an `.h5` holds the model it is named after, an `.npz` several by name."""
    found: dict[str, str] = {}
    for entry in sorted(files("inface.data").iterdir(), key=lambda entry: entry.name):
        stem, _, suffix = entry.name.rpartition(".")
        if suffix == "h5":
            found[stem] = entry.name
        elif suffix == "npz":
            with as_file(entry) as path:
                found |= dict.fromkeys(compact_names(path), entry.name)
    return found


EMBEDDED = _embedded()


@cache
def load_default_model(name: str = "pca") -> MorphableModel:
    """An embedded model by name; the same object at every call.

    Its `card` says what it was made from and by which command. Raises `ValueError` naming the models there are.

    Examples:
        >>> import inface
        >>> model = inface.load_default_model("disentangled")
        >>> list(model.blocks), model.template.unit
        (['identity', 'expression', 'age'], 'mm')
    """
    if name not in EMBEDDED:
        known = ", ".join(EMBEDDED) or "none"
        raise ValueError(f"no embedded model '{name}'; there are: {known}; a file is opened with inface.load_model")
    with as_file(files("inface.data") / EMBEDDED[name]) as path:
        return load_model(path) if path.suffix == ".h5" else read_compact(path, name)


def load_default_attributes(name: str = "pca") -> AttributeRegressor:
    """The attributes that ship with an embedded model: the reference's names, learnt on synthetic children.

    Raises `ValueError` naming those there are.

    Examples:
        >>> attributes = load_default_attributes("pca")
        >>> model = load_default_model("pca")
        >>> round(float(attributes.estimate(model, model.latent_mean, ["CI"])["CI"]))
        84
    """
    file = files("inface.data") / "attributes" / f"{name}.json"
    if not file.is_file():
        there = sorted(f.name.removesuffix(".json") for f in (files("inface.data") / "attributes").iterdir())
        raise ValueError(f"no embedded attributes for '{name}'; there are: {', '.join(there) or 'none'}")
    with as_file(file) as path:
        return AttributeRegressor.load(path)
