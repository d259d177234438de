"""A population on disk, `NAME.shapes/`: shapes in mapped files; the table, the template and the factors beside them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inface.codecs import atomic_write
from inface.codecs.shape_store import read_store, write_store
from inface.errors import FormatError
from inface.mesh import Mesh
from inface.population.manifest import read_table, write_manifest
from inface.population.population import Population
from inface.template import Template

TABLE, TEMPLATE, FACTORS = "manifest.csv", "template.npz", "factors.npz"


def open_packed(folder: str | Path) -> Population:
    """A packed population; its shapes stay on disk until they are indexed.

    Raises:
        FormatError: not a packed population, one that is not finished, or damaged.
    """
    folder = Path(folder)
    shapes, notes = read_store(folder)
    template = read_template(folder / TEMPLATE)
    if template.hash != notes.get("template"):
        raise FormatError(f"'{folder / TEMPLATE}': another topology than the shapes'; pack the meshes again")
    names, columns = read_table(folder / TABLE)
    if len(names) != len(shapes):
        raise FormatError(
            f"'{folder / TABLE}': {len(names)} rows for {len(shapes)} shapes; a row may be filled in, but none added, "
            "taken out or moved"
        )
    factors: dict[str, NDArray] = {}
    if (folder / FACTORS).is_file():
        with np.load(folder / FACTORS, allow_pickle=False) as file:
            factors = {name: file[name] for name in file}
    return Population(template, shapes, **columns, name=np.array(names), factors=factors)


def write_covering(
    folder: Path,
    template: Template,
    parts: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    columns: Mapping[str, NDArray],
    factors: Mapping[str, NDArray],
) -> None:
    """Write what stands beside the parts of a store, `store.json` last."""
    write_template(folder / TEMPLATE, template)
    write_manifest(folder / TABLE, names, columns)
    if factors:
        with atomic_write(folder / FACTORS) as temporary, open(temporary, "wb") as stream:
            np.savez(stream, **factors)  # type: ignore[arg-type]
    write_store(folder, parts, (len(template.mesh.vertices), 3), template=template.hash)


def write_template(path: Path, template: Template) -> None:
    """Write a template with its landmarks, regions and mirror pairs, exactly."""
    mesh = template.mesh
    arrays: dict[str, Any] = {"vertices": mesh.vertices, "triangles": mesh.triangles}
    if mesh.colors is not None:
        arrays["colors"] = mesh.colors
    if template.mirror is not None:
        arrays["mirror"] = template.mirror
    arrays |= {f"region/{name}": ids for name, ids in template.regions.items()}
    notes = {"landmarks": {name: int(i) for name, i in template.landmarks.items()}, "unit": template.unit}
    arrays["notes"] = np.frombuffer(json.dumps(notes).encode(), np.uint8)
    with atomic_write(path) as temporary, open(temporary, "wb") as stream:
        np.savez_compressed(stream, **arrays)


def read_template(path: Path) -> Template:
    """The template that `write_template` wrote."""
    try:
        with np.load(path, allow_pickle=False) as file:
            notes = json.loads(file["notes"].tobytes())
            mesh = Mesh(file["vertices"], file["triangles"], file.get("colors"))
            regions = {key[7:]: file[key] for key in file if key.startswith("region/")}
            mirror = file.get("mirror")
            return Template(mesh, notes["landmarks"], regions, mirror, notes["unit"])
    except (OSError, KeyError, ValueError) as error:
        raise FormatError(f"'{path}': not the template of a packed population, or damaged ({error})") from None
