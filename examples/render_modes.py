"""Pictures of a model's strongest modes, of its ages, and of what an edit changes.

    python examples/render_modes.py disentangled docs/pictures

writes `modes.png` (each block's strongest mode at -3, 0 and +3 standard deviations), `ages.png` (one child at several
ages) and `change.png` (how far the skin moves from the youngest to the oldest age, in mm).
"""

import sys
from pathlib import Path

import numpy as np

import inface
from inface.pictures import render
from inface.viewer.editor import SceneEditor


def main(model_name: str = "disentangled", folder: str = "pictures") -> None:
    """Draw the pictures of a model."""
    path = Path(model_name)
    model = inface.load_model(path) if path.exists() else inface.load_default_model(model_name)
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    render(model, out / "modes.png", modes=1, size=(900, 300 * max(1, len(model.blocks))))
    editor = SceneEditor(model)
    if editor.months_range is None:
        return
    low, high = editor.months_range
    child = editor.random_child(editor.start(), 2)
    ages = [low, *np.geomspace(max(low, 2), high, 4)] if low < 2 else np.geomspace(low, high, 5)
    meshes = {f"{age:.0f} months": editor.mesh(editor.set_months(child, age)) for age in ages}
    render(meshes, out / "ages.png", size=(1500, 360), columns=len(meshes))
    (_, first), *_, (oldest, last) = meshes.items()
    moved = np.linalg.norm(last.vertices - first.vertices, axis=1)
    render(
        {oldest: last}, out / "change.png", size=(900, 420), views=("front", "left"),
        heat=moved, legend="growth, mm",
    )  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
