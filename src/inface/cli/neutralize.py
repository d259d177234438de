"""`inface neutralize`: take the expression out of faces."""

from pathlib import Path

import typer

from inface.cli import batch
from inface.cli.edit import Edit, each_mesh


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("neutralize")(batch.flat(neutralize))


def neutralize(
    model: batch.ModelArgument,
    meshes: batch.MeshesArgument,
    edit: batch.EditOptions,
    write: batch.WriteOptions,
    run: batch.RunOptions,
    out: batch.OutOption = Path("neutral"),
) -> None:
    """Give each face a neutral expression, its identity and age kept."""
    each_mesh(meshes, out, Edit(batch.reference(model), "neutralize", edit.keywords()), run, write, "neutralize")
