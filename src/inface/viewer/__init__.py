"""See it and shape it: the browser viewer, pictures, animations and self-contained pages.

`show` opens meshes in the browser, `view` a model with its sliders; `write_page` and `share` write one HTML file that
needs neither Python nor a network. Everything here is imported on first use, so `import inface` stays light.
"""

from importlib import import_module
from typing import Any

_WHERE = {
    "animate": "inface.viewer.animations",
    "show": "inface.viewer.app",
    "view": "inface.viewer.app",
    "Panel": "inface.viewer.page",
    "render": "inface.viewer.pictures",
    "share": "inface.viewer.sharing",
    "write_page": "inface.viewer.page",
}

__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'inface.viewer' has no attribute '{name}'")
    return getattr(import_module(_WHERE[name]), name)
