"""`inface evaluate`: figures of a model on held-out meshes."""

from pathlib import Path
from typing import Annotated

import typer

from inface.batches import open_executor
from inface.cli import batch
from inface.cli.train import FolderArgument, UnitOption, read_population


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("evaluate")(evaluate)


def evaluate(
    model: batch.ModelArgument,
    folder: FolderArgument,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder for evaluation.json and .html.")] = None,
    train: Annotated[Path | None, typer.Option(help="Folder the model was trained on, for the leakage probes.")] = None,
    seed: batch.SeedOption = 0,
    unit: UnitOption = "mm",
    workers: Annotated[int | None, typer.Option("--workers", "-j", min=1, help="Processes on this machine.")] = None,
    cluster: batch.ClusterOption = None,
    as_json: batch.JsonOption = False,
) -> None:
    """Compactness, generalisation, specificity, completion; with labels also leakage, retrieval and errors of edits.

    Where manifest.csv marks scans "test", only those of DIR are measured, and only the others of --train learnt from.
    """
    from inface.evaluation import evaluate as measure
    from inface.population import training_part

    if out is not None:
        batch.Output.of(out, None, 2)  # made, or refused, before the work
        batch.spare([out / "evaluation.json", out / "evaluation.html"], model, folder, train)
    loaded = batch.load_model(model)
    held_out = read_population(folder, loaded.template, unit, workers)
    if held_out.split is not None and (held_out.split == "test").any():
        typer.echo(f"inface: of {len(held_out)} scans those marked test are measured", err=True)
        held_out = held_out.subset(held_out.split == "test")
    seen = None if train is None else training_part(read_population(train, loaded.template, unit, workers))
    with batch.warnings_as_lines(), open_executor(cluster, workers=workers or 1) as executor:
        result = measure(loaded, held_out, train=seen, seed=seed, executor=executor)
    typer.echo(result.to_json() if as_json else result.table())
    if out is not None:
        result.save_json(out / "evaluation.json")
        result.save_html(out / "evaluation.html")
