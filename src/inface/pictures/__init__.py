"""Pictures without a screen: shaded and rendered meshes, colour maps with legends, animations."""

from importlib import import_module
from typing import Any

_WHERE = {
    "animate": "inface.pictures.animations",
    "Legend": "inface.pictures.colours",
    "render": "inface.pictures.rendering",
    "RenderOptions": "inface.pictures.rendering",
}

__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'inface.pictures' has no attribute '{name}'")
    return getattr(import_module(_WHERE[name]), name)
