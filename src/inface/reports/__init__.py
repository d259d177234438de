"""What is handed on: a model as a page with sliders, the demo. (Everything here is imported on first use.)"""

from importlib import import_module
from typing import Any

_WHERE = {"share": "inface.reports.sharing", "write_demo": "inface.reports.demo"}

__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'inface.reports' has no attribute '{name}'")
    return getattr(import_module(_WHERE[name]), name)
