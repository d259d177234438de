"""See it and shape it: the browser viewer.

`show` opens meshes in the browser, `view` a model with its sliders. Pictures, animations and pages are made in
`inface.pictures`, `inface.pages` and `inface.reports`; their names stay here too. Everything is imported on first use,
so `import inface` stays light.
"""

from importlib import import_module
from typing import Any

_WHERE = {
    "animate": "inface.pictures.animations",
    "show": "inface.viewer.app",
    "view": "inface.viewer.app",
    "Panel": "inface.pages.shapes",
    "render": "inface.pictures.rendering",
    "share": "inface.reports.sharing",
    "write_page": "inface.pages.shapes",
}

__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'inface.viewer' has no attribute '{name}'")
    return getattr(import_module(_WHERE[name]), name)
