"""Registration settings as a YAML file, written beside the results with the model's hash."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from inface._optional import require
from inface.codecs.text_files import read_text, write_text
from inface.errors import FormatError
from inface.registration.settings import Settings
from inface.registration.verdict import Limits

PURPOSE = "reading and writing registration settings"


def read_settings(path: str | Path) -> Settings:
    """Settings from YAML; what the file does not name keeps its default. `model` and `model_hash` are not looked at.

    Raises `FormatError` for a name that is no setting (the message lists them) or a value of another kind.
    """
    yaml = require("yaml", PURPOSE)
    try:
        content = yaml.safe_load(read_text(path)) or {}
    except yaml.YAMLError as error:
        raise FormatError(f"'{path}': no YAML ({error})") from None
    if not isinstance(content, dict):
        raise FormatError(f"'{path}': expected 'setting: value' lines, got {type(content).__name__}")
    content = {k: v for k, v in content.items() if k not in ("model", "model_hash", "inface")}
    limits = _known(path, content.pop("limits", None) or {}, Limits)
    values = _known(path, content, Settings)
    if "levels" in values:
        values["levels"] = tuple((float(a), float(b), int(c)) for a, b, c in values["levels"])
    try:
        return Settings(**values, limits=Limits(**limits))
    except ValueError as error:
        raise FormatError(f"'{path}': {error}") from None


def write_settings(path: str | Path, settings: Settings, model: str, model_hash: str) -> None:
    """Write all settings, the model's name and its hash; `read_settings` gives the same settings back."""
    import inface

    yaml = require("yaml", PURPOSE)
    values = asdict(settings)
    values["levels"] = [list(level) for level in settings.levels]
    head = {"inface": inface.__version__, "model": model, "model_hash": model_hash}
    write_text(path, yaml.safe_dump(head | values, sort_keys=False))


def _known(path: str | Path, values: Mapping[str, Any], kind: type) -> dict[str, Any]:
    defaults = {f.name: getattr(kind(), f.name) for f in fields(kind)}
    for name, value in values.items():
        if name not in defaults:
            raise FormatError(f"'{path}': no setting '{name}'; there are: {', '.join(defaults)}")
        default = defaults[name]
        number = isinstance(default, float | int) and not isinstance(default, bool)
        if number and (isinstance(value, bool) or not isinstance(value, float | int)):
            raise FormatError(f"'{path}': setting '{name}': expected a number, got {value!r}")
        if isinstance(default, bool) and not isinstance(value, bool):
            raise FormatError(f"'{path}': setting '{name}': expected true or false, got {value!r}")
    return dict(values)
