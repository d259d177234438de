"""`inface evaluate`: figures of a model on held-out meshes."""

from pathlib import Path
from typing import Annotated

import typer

from inface.cli import batch
from inface.cli.train import FolderArgument, UnitOption, WorkersOption


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
    workers: WorkersOption = None,
    as_json: batch.JsonOption = False,
) -> None:
    """Compactness, generalisation, specificity, completion; with labels also leakage and retrieval."""
    from inface.evaluation import evaluate as measure
    from inface.training import load_population

    loaded = batch.load_model(model)
    held_out = load_population(folder, template=loaded.template, unit=unit, workers=workers)
    if held_out.split is not None and (held_out.split == "test").any():
        held_out = held_out.subset(held_out.split == "test")
    seen = None if train is None else load_population(train, template=loaded.template, unit=unit, workers=workers)
    result = measure(loaded, held_out, train=seen, seed=seed)
    typer.echo(result.to_json() if as_json else result.table())
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        result.save_json(out / "evaluation.json")
        result.save_html(out / "evaluation.html")
