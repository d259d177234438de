"""`inface info`: what a model or mesh file holds."""

from pathlib import Path
from typing import Annotated

import typer

from inface.cli import batch
from inface.mesh import Mesh


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("info")(info)


def info(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Models, embedded names, meshes, folders.")],
    as_json: batch.JsonOption = False,
) -> None:
    """Describe models (kind, blocks, ages, expressions) and meshes (counts, defects, size, likely unit)."""
    from inface.embedded import EMBEDDED

    items: list[str | Path] = []
    for name in files:
        items += [name] if name in EMBEDDED else batch.expand([name], (*batch.MESH_SUFFIXES, ".h5", ".hdf5"))

    def work(item: str | Path) -> dict:
        if isinstance(item, str) or item.suffix.lower() in (".h5", ".hdf5"):
            return model_record(batch.load_model(str(item)))
        return Mesh.load(item).info().as_dict()

    def text(record: dict) -> str:
        rows = [f"  {key.replace('_', ' ')}: {value}" for key, value in record.items() if key != "input"]
        return "\n".join([str(record["input"]), *rows])

    batch.each_item(items, work, label="info", as_json=as_json, text=text)


def model_record(model) -> dict:
    """What `inface info` tells of a model."""
    calibration = model.age_calibration
    return {
        "kind": model.kind,
        "vertices": len(model.mean_vertices),
        "triangles": len(model.triangles),
        "latent": len(model.latent),
        "blocks": {name: [block.start, block.stop] for name, block in model.blocks.items()},
        "expressions": sorted(model.expressions),
        "age_months": None if calibration is None else [float(m) for m in calibration.months_range],
        "noise_std_mm": model.noise_std,
        "landmarks": len(model.template.landmarks),
        "regions": sorted(model.template.regions),
        "dtype": str(model.dtype),
        "template": model.template.hash,
        "hash": model.hash,
        "card": dict(model.card),
    }
