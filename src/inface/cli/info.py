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

    batch.each_item(items, work, label="info", as_json=as_json, text=described)


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


def described(record: dict) -> str:
    """A record of a model or a mesh, for a reader."""
    rows = _model_rows(record) if "kind" in record else _mesh_rows(record)
    width = max(len(name) for name, _ in rows)
    return "\n".join([str(record["input"]), *(f"  {name:<{width}}  {value}" for name, value in rows)])


def _model_rows(record: dict) -> list[tuple[str, str]]:
    blocks = ", ".join(f"{name} {stop - start}" for name, (start, stop) in record["blocks"].items())
    months = record["age_months"]
    noise = record["noise_std_mm"]
    rows = [
        ("kind", f"{record['kind']}, {record['latent']} latent numbers" + (f" ({blocks})" if blocks else "")),
        ("mesh", f"{record['vertices']:,} vertices, {record['triangles']:,} triangles"),
        ("ages", f"{months[0]:g} to {months[1]:g} months" if months else "no calibration"),
        ("expressions", ", ".join(record["expressions"]) or "none"),
        ("left out", "unknown" if noise is None else f"{noise:.2f} mm a coordinate"),
        ("template", f"{record['landmarks']} landmarks, {len(record['regions'])} regions"),
        ("precision", record["dtype"]),
        ("hash", record["hash"]),
    ]
    return rows + [(name, str(text)) for name, text in record["card"].items()]


def _mesh_rows(record: dict) -> list[tuple[str, str]]:
    size = " x ".join(f"{side:.4g}" for side in record["size"])
    flaws = ("unknown_vertices", "unused_vertices", "zero_area_triangles", "repeated_index_triangles")
    told = [f"{record[name]:,} {name.replace('_', ' ')}" for name in flaws if record[name]]
    extras = [*(["colours"] if record["colors"] else []), f"{record['landmarks']} landmarks"]
    return [
        ("mesh", f"{record['vertices']:,} vertices, {record['triangles']:,} triangles"),
        ("pieces", f"{record['components']}, with {record['border_loops']} borders"),
        ("size", f"{size} {record['unit'] or 'of no unit that fits a head'}"),
        ("holds", ", ".join(extras)),
        ("flaws", ", ".join(told) or "none"),
        ("order", "kept" if record["correspondence"] else "lost (STL keeps no vertices)"),
    ]
