"""The synthetic infants in pictures, and their measures as the table of docs/infant_population.md.

python examples/infant_population.py [folder]        pictures into the folder (needs the extra `render`)
python examples/infant_population.py --docs          the pictures shown in the docs, small, into docs/images
python examples/infant_population.py --table         writes the table anew into the docs
"""

import sys
import tempfile
from pathlib import Path

from PIL import Image

from inface.pictures import render
from inface.synthetic import DEFORMITIES, PRESETS, UNITS, head
from inface.synthetic.statistics import measure_table

DOCS = Path(__file__).parents[1] / "docs" / "infant_population.md"
TABLE_START, TABLE_END = "<!-- measures -->", "<!-- end of measures -->"


def pictures(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    ages = {f"{age} months": head(age, None, None) for age in (0, 3, 6, 12, 24, 36)}
    for view in ("front", "three-quarter", "left"):
        for style in ("colour", "clay"):
            name = f"population_growth_{view}_{style}.png"
            render(ages, folder / name, views=view, style=style, columns=6, size=(1800, 380))
    children = {f"child {seed}, {age} mo": head(age, None, seed) for seed, age in enumerate([1, 2, 4, 5, 6, 8] * 2)}
    for view in ("front", "three-quarter", "left"):
        render(children, folder / f"population_children_{view}.png", views=view, columns=6, size=(1800, 760))
    for style in ("colour", "clay"):
        units = {unit: head(6, None, None, {unit: 1.0}) for unit in UNITS}
        presets = {name: head(9, "female", 5, name) for name in PRESETS}
        render(units, folder / f"population_units_{style}.png", views="front", style=style, columns=5, size=(1800, 840))
        render(
            presets,
            folder / f"population_presets_{style}.png",
            views=["front", "three-quarter"],
            style=style,
            columns=6,
            size=(1800, 840),
        )
    shapes = {"none": head(6, None, None)} | {name: head(6, None, None, deformity=name) for name in DEFORMITIES}
    render(shapes, folder / "population_deformities_top.png", views="top", style="clay", columns=5, size=(1800, 420))
    render(
        shapes, folder / "population_deformities.png", views="three-quarter", style="clay", size=(1800, 420), columns=5
    )
    for path in sorted(folder.glob("population_*.png")):
        print(path)


SHOWN = (
    "growth_front_colour",
    "growth_left_clay",
    "children_three-quarter",
    "units_colour",
    "presets_colour",
    "deformities_top",
    "deformities",
)


def docs_pictures() -> None:
    """Draw everything and keep what the docs show as JPEG."""
    images = DOCS.parent / "images"
    images.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        pictures(Path(folder))
        for name in SHOWN:
            picture = Image.open(Path(folder) / f"population_{name}.png").convert("RGB")
            picture.save(images / f"population_{name}.jpg", quality=88, optimize=True)


def table() -> None:
    text = DOCS.read_text(encoding="utf-8")
    before, after = text.split(TABLE_START)[0], text.split(TABLE_END)[1]
    DOCS.write_text(f"{before}{TABLE_START}\n\n{measure_table()}\n{TABLE_END}{after}", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] == ["--table"]:
        table()
    elif sys.argv[1:] == ["--docs"]:
        docs_pictures()
    else:
        pictures(Path(sys.argv[1]) if len(sys.argv) > 1 else Path())
