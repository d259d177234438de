"""`inface export`: a model for Blender, three.js and game engines, or its modes as meshes."""

from pathlib import Path
from typing import Annotated

import typer

from inface.cli import batch
from inface.codecs import write_glb_morphs
from inface.errors import InfaceError


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("export")(export)


def export(
    model: batch.ModelArgument,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A .glb file (morph targets), or a folder of meshes.")],
    modes: Annotated[int, typer.Option(min=1, help="How many modes.")] = 20,
    deviations: Annotated[float, typer.Option(help="Standard deviations of a full morph.")] = 1.0,
    format: batch.FormatOption = None,
    as_json: batch.JsonOption = False,
) -> None:
    """OUT.glb: the mean with one morph target a mode (linear models). OUT a folder: meshes at -/+ deviations."""
    batch.spare([out], model)
    loaded = batch.load_model(model)
    names = mode_names(loaded)[:modes]
    if out.suffix.lower() == ".glb":
        if not loaded.is_linear:
            raise InfaceError(
                f"morph targets add up linearly and '{model}' does not; export its modes to a folder instead"
            )
        base = loaded.decode_mesh(loaded.latent_mean)
        write_glb_morphs(out, base, loaded.mode_offsets(len(names), deviations), names)
        batch.each_item([out], lambda path: {"output": str(path), "modes": len(names)}, label="export", as_json=as_json)
        return
    target = batch.Output.of(out, format, 2 * len(names))

    def work(item: tuple[int, int]) -> dict:
        index, sign = item
        latent = loaded.latent_mean.copy()
        latent[index] += sign * deviations * loaded.latent_std[index]
        path = target.file(f"{names[index]}_{'plus' if sign > 0 else 'minus'}", ".ply")
        loaded.decode_mesh(latent).export(path)
        return {"output": str(path)}

    pairs = [(i, s) for i in range(len(names)) for s in (-1, 1)]
    batch.each_item(pairs, work, label="export", as_json=as_json, name=lambda pair: names[pair[0]])


def mode_names(model) -> list[str]:
    """`identity_00 ... expression_00 ...` by block, or `mode_000 ...`."""
    if not model.blocks:
        return [f"mode_{i:03d}" for i in range(len(model.latent))]
    return [f"{name}_{i:02d}" for name, block in model.blocks.items() for i in range(block.stop - block.start)]
