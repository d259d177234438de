"""Pictures of the infant template: front, three-quarter, profile, below and back; in skin and in clay.

python examples/infant_template.py [folder]      (default: the current folder; needs the extra `render`)
"""

import sys
from pathlib import Path

import numpy as np

from inface.mesh import Mesh
from inface.pictures import render
from inface.synthetic import template


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    made = template()
    views = ["front", "three-quarter", "left", (25.0, -35.0), "back", "top"]
    for style in ("colour", "clay"):
        render(made.mesh, folder / f"template_{style}.png", views=views, style=style, columns=3, size=(1500, 1100))
    # the face alone, large, and its triangles
    near = np.zeros(len(made.mesh.vertices), bool)
    near[np.concatenate([made.regions[n] for n in ("face", "eyes", "mouth_inside")])] = True
    face = Mesh(made.mesh.vertices, made.mesh.triangles[near[made.mesh.triangles].all(1)], made.mesh.colors)
    render(face, folder / "template_face.png", views=["front", (40.0, 5.0)], size=(1600, 900))
    render(face, folder / "template_triangles.png", views=["front", (40.0, 5.0)], size=(1600, 900), wireframe=True)
    for path in sorted(folder.glob("template_*.png")):
        print(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path())
