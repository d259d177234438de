"""The shipped infant template: the 6-month mean head, read from `template.npz` beside this file.

The file is made by `python -m inface.synthetic.build` from formulas alone; nothing in it comes from a scan.
"""

from functools import cache
from pathlib import Path

import numpy as np

from inface._validate import FloatArray
from inface.errors import FormatError
from inface.mesh import Mesh
from inface.template import Template

FORMAT = "inface-synthetic-template"
FORMAT_VERSION = 1
UNIT_PER_MM = 10_000  # coordinates are stored as whole numbers of 0.1 micrometres
CLAY = (0.74, 0.70, 0.67)

TEMPLATE_FILE = Path(__file__).with_name("template.npz")


@cache
def template() -> Template:
    """The 6-month mean infant: mesh in millimetres with skin colours, landmarks, regions and mirror pairs.

    Landmarks carry Farkas' names (`n`, `prn`, `en_l`, ...) and, as further names of the same kind of vertex ids, the
    iBUG-68 names `ibug_00` to `ibug_67`. See `docs/infant_template.md` for the rules behind them and the regions.

    Examples:
        >>> from inface.synthetic import template
        >>> infant = template()
        >>> infant.unit, infant.mesh.vertices[infant.landmarks["prn"]].round().tolist()
        ('mm', [0.0, -3.0, 80.0])
    """
    return read_template(TEMPLATE_FILE)


def template_colours(look: str = "skin") -> FloatArray:
    """Vertex colours `(V, 3)` in [0, 1] of the template: "skin" (as the template's own mesh) or "clay" (one grey)."""
    looks = {"skin": lambda mesh: mesh.colors, "clay": lambda mesh: np.tile(CLAY, (len(mesh.vertices), 1))}
    if look not in looks:
        raise ValueError(f"look: expected one of {', '.join(looks)}, got '{look}'")
    return looks[look](template().mesh)


def read_template(path: Path) -> Template:
    """Read a template file as `pack_template` lays it out; raises `FormatError` for anything else."""
    with np.load(path, allow_pickle=False) as file:
        if "format" not in file or str(file["format"]) != FORMAT:
            raise FormatError(f"{path.name}: expected the format '{FORMAT}', got the keys {', '.join(file.files)}")
        if int(file["format_version"]) != FORMAT_VERSION:
            raise FormatError(
                f"{path.name}: expected format version {FORMAT_VERSION}, got {int(file['format_version'])}; "
                "rebuild it with: python -m inface.synthetic.build"
            )
        mesh = Mesh(file["vertices"] / UNIT_PER_MM, file["triangles"].astype(np.int32), file["colors"] / 255.0)
        landmarks = dict(zip(file["landmark_names"].tolist(), file["landmark_ids"].tolist(), strict=True))
        parts = np.split(file["region_ids"].astype(np.int32), np.cumsum(file["region_sizes"])[:-1])
        regions = dict(zip(file["region_names"].tolist(), parts, strict=True))
        return Template(mesh, landmarks, regions, file["mirror"].astype(np.int32), unit="mm")


def pack_template(made: Template) -> dict[str, np.ndarray]:
    """The arrays of the file: whole numbers only, so that one recipe gives one file on every platform."""
    assert made.mirror is not None and made.mesh.colors is not None
    return {
        "format": np.array(FORMAT),
        "format_version": np.array(FORMAT_VERSION, np.int32),
        "vertices": np.round(made.mesh.vertices * UNIT_PER_MM).astype(np.int32),
        "triangles": made.mesh.triangles.astype(np.uint16),
        "colors": np.round(made.mesh.colors * 255).astype(np.uint8),
        "mirror": made.mirror.astype(np.uint16),
        "landmark_names": np.array(list(made.landmarks)),
        "landmark_ids": np.array(list(made.landmarks.values()), np.uint16),
        "region_names": np.array(list(made.regions)),
        "region_sizes": np.array([len(ids) for ids in made.regions.values()], np.int32),
        "region_ids": np.concatenate([np.asarray(ids) for ids in made.regions.values()]).astype(np.uint16),
    }
