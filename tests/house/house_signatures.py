"""What a caller may rely on: the parameters of every public call, as plain data.

`python tests/house/house_signatures.py` writes `public_signatures.json` anew: only when a call was changed on purpose.
"""

import importlib
import inspect
import json
from pathlib import Path

FILE = Path(__file__).with_name("public_signatures.json")
ROOMS = ("inface", "inface.synthetic", "inface.training", "inface.evaluation", "inface.registration", "inface.viewer")


def parameters(call) -> list[list]:
    """[name, kind, default as text or None] of each parameter."""
    return [
        [p.name, p.kind.name, None if p.default is p.empty else repr(p.default)]
        for p in inspect.signature(call).parameters.values()
    ]


def public_calls() -> dict[str, list[list]]:
    """'room.name' or 'room.Class.method' -> its parameters."""
    found: dict[str, list[list]] = {}
    for room in ROOMS:
        module = importlib.import_module(room)
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isclass(thing):
                if not issubclass(thing, Exception):
                    found |= _of_class(f"{room}.{name}", thing)
            elif inspect.isfunction(thing):
                found[f"{room}.{name}"] = parameters(thing)
    return found


def _of_class(name: str, thing: type) -> dict[str, list[list]]:
    found = {name: parameters(thing)}
    for method, _ in inspect.getmembers(thing):
        raw = inspect.getattr_static(thing, method)
        if method.startswith("_") or not callable(getattr(raw, "__func__", raw)):
            continue
        if getattr(getattr(raw, "__func__", raw), "__module__", "").startswith("inface"):
            found[f"{name}.{method}"] = parameters(getattr(thing, method))
    return found


if __name__ == "__main__":
    rows = [f"{json.dumps(name)}: {json.dumps(call)}" for name, call in sorted(public_calls().items())]
    FILE.write_text("{\n" + ",\n".join(rows) + "\n}\n")
