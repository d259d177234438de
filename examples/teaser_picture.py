"""The still picture of the README: children, ages, expressions, and half a face completed by the model.

    python examples/teaser_picture.py docs/images/teaser.png

Needs the extra `render`. The last two heads of the second row are the left half of a face of a child that the model
never saw, and the head that a PCA model of 300 heads completes it to.
"""

import sys
from pathlib import Path

from PIL import Image

import inface
from inface.pictures import render
from inface.synthetic import cohort, head, template
from inface.training import fit_pca


def completed_half() -> tuple[inface.Mesh, inface.Mesh]:
    """Half a head, and what the model makes of it."""
    model = fit_pca(cohort(150, 2, seed=1, ages=(3, 14)), 0.98)
    whole = head(7, "female", 5012)
    unknown = whole.vertices[:, 0] < 0
    made = model.reconstruct_mesh(whole, unknown_vertex_mask=unknown, back_match_known_vertices=True)
    kept = whole.triangles[~unknown[whole.triangles].any(1)]
    return inface.Mesh(whole.vertices, kept, whole.colors), made.with_colors(template().mesh.colors)


def main(out: Path) -> None:
    """Draw two rows of six heads and save them with 256 colours."""
    half, made = completed_half()
    children = [(3, None, 21), (5, None, 4), (8, None, 13), (11, None, 30), (18, None, 3), (30, None, 17)]
    rows = {f"{age} months": head(age, sex, seed) for age, sex, seed in children}
    for name, seed in (("smiling", 4), ("crying", 4), ("surprised", 13), ("asleep", 21)):
        rows[name] = head(6, None, seed, name)
    rows |= {"half a face": half, "completed": made}
    out.parent.mkdir(parents=True, exist_ok=True)
    drawn = render(rows, views=[(16.0, 4.0)], columns=6, size=(1500, 620))
    Image.fromarray(drawn).convert("RGB").quantize(256, kmeans=4).save(out, optimize=True)
    print(f"{out}: {out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("teaser.png"))
