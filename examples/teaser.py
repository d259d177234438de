"""The animation of the README: random infants through expressions and ages.

    python examples/teaser.py disentangled docs/images/teaser.webp

The suffix says the format: .webp, .gif or .mp4. Another storyboard: `inface animate MODEL --storyboard file.yaml`.
"""

import sys
from dataclasses import replace
from pathlib import Path

import inface
from inface.pictures import animate
from inface.pictures.storyboard import teaser


def main(model_name: str = "disentangled", out: str = "teaser.webp", children: str = "2", size: str = "360") -> None:
    """Draw the animation of a model."""
    path = Path(model_name)
    model = inface.load_model(path) if path.exists() else inface.load_default_model(model_name)
    board = replace(teaser(model, children=int(children)), size=(int(size), int(size)), fps=15)
    count = animate(model, out, board)
    print(f"{out}: {count} pictures, {Path(out).stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
