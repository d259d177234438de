"""`inface sample`: random infants."""

from pathlib import Path
from typing import Annotated

import typer

from inface.cli import batch


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("sample")(sample)


def sample(
    model: batch.ModelArgument,
    count: Annotated[int, typer.Option("--number", "-n", min=1, help="How many.")] = 5,
    deviation: Annotated[float, typer.Option(help="Spread relative to the model's own.", min=0)] = 1.0,
    out: batch.OutOption = Path("samples"),
    seed: batch.SeedOption = 0,
    format: batch.FormatOption = None,
    as_json: batch.JsonOption = False,
) -> None:
    """Draw random infants and write them as meshes."""
    from inface.reports.origin import say_drawn

    loaded = batch.load_model(model)
    target = batch.Output.of(out, format, count)
    meshes = loaded.sample_meshes(count, deviation_factor=deviation, seed=seed)

    def work(index: int) -> dict:
        path = target.file(f"sample_{index:0{len(str(count - 1))}d}", ".ply")
        meshes[index].export(path)
        say_drawn(path, loaded)
        return {"output": str(path)}

    batch.each_item(range(count), work, label="sample", as_json=as_json)
