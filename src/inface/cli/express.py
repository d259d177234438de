"""`inface express`: set an expression."""

from pathlib import Path
from typing import Annotated

import typer

from inface.cli import batch
from inface.cli.edit import Edit, each_mesh
from inface.codecs.latents import read_latent


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("express")(batch.flat(express))


def express(
    model: batch.ModelArgument,
    meshes: batch.MeshesArgument,
    expression: Annotated[
        str, typer.Option("--expression", "-e", help="Name of a stored expression, or a latent file (.npy, .json).")
    ],
    edit: batch.EditOptions,
    write: batch.WriteOptions,
    run: batch.RunOptions,
    strength: Annotated[float, typer.Option(help="0 neutral, 1 the expression, more exaggerates.")] = 1.0,
    out: batch.OutOption = Path("expressions"),
) -> None:
    """Give each face the expression named or coded."""
    reference = batch.reference(model)
    named = expression in reference.load().expressions or not Path(expression).exists()
    code = expression if named else read_latent(expression)
    work = Edit(reference, "set_expression", edit.keywords(), (code, strength))
    each_mesh(meshes, out, work, run, write, "express")
