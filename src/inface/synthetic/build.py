"""Make the shipped template from the formulas, or check that they still give it bit for bit.

    python -m inface.synthetic.build            writes src/inface/synthetic/template.npz
    python -m inface.synthetic.build --check    rebuilds and compares; exit status 1 when anything differs

Needs the extra `build` (scikit-image, gpytoolbox, libigl); the package itself needs only the file.
"""

import argparse
import sys

import numpy as np

from inface.mesh import Mesh
from inface.synthetic import anatomy, meshing
from inface.synthetic.carving import carve_half
from inface.synthetic.colours import skin_colours
from inface.synthetic.template import TEMPLATE_FILE, pack_template
from inface.template import Template


def build_template() -> Template:
    """The template from scratch, about 20 s on one core."""
    half = carve_half()
    vertices, triangles, partner = meshing.mirrored(half.vertices, half.triangles, half.midline)
    landmarks = anatomy.name_landmarks(half, partner)
    regions = anatomy.name_regions(half, partner)
    colours = skin_colours(vertices, regions)
    mesh = Mesh(np.round(vertices, 4), triangles, colours)
    return Template(mesh, landmarks, regions, partner, unit="mm")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m inface.synthetic.build", description="Build the infant template.")
    parser.add_argument("--check", action="store_true", help="compare with the shipped file instead of writing it")
    options = parser.parse_args(arguments)
    made = pack_template(build_template())
    if not options.check:
        np.savez_compressed(TEMPLATE_FILE, **made)  # type: ignore[arg-type]
        print(f"{TEMPLATE_FILE}: {TEMPLATE_FILE.stat().st_size} bytes")
        return 0
    with np.load(TEMPLATE_FILE, allow_pickle=False) as shipped:
        kept = {name: shipped[name] for name in shipped.files}
    wrong = [
        n for n in made.keys() | kept.keys() if n not in made or n not in kept or not np.array_equal(made[n], kept[n])
    ]
    for name in sorted(wrong):
        print(f"{name}: the rebuilt template differs from the shipped file")
    print("the shipped template is what its formulas make" if not wrong else f"{len(wrong)} arrays differ")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
