"""`inface express`: set an expression."""

from pathlib import Path
from typing import Annotated

import typer

from inface.cli import batch, edit
from inface.codecs.latents import read_latent


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("express")(express)


def express(
    model: batch.ModelArgument,
    meshes: batch.MeshesArgument,
    expression: Annotated[
        str, typer.Option("--expression", "-e", help="Name of a stored expression, or a latent file (.npy, .json).")
    ],
    strength: Annotated[float, typer.Option(help="0 neutral, 1 the expression, more exaggerates.")] = 1.0,
    out: batch.OutOption = Path("expressions"),
    keep_detail: batch.DetailOption = False,
    align: batch.AlignOption = False,
    no_check: batch.SkipCheckOption = False,
    format: batch.FormatOption = None,
    as_json: batch.JsonOption = False,
) -> None:
    """Give each face the expression named or coded."""
    loaded = batch.load_model(model)
    code = expression if expression in loaded.expressions or not Path(expression).exists() else read_latent(expression)
    edit.each_mesh(
        meshes,
        lambda mesh: loaded.set_expression(
            mesh, code, strength, keep_detail=keep_detail, align=align, check=not no_check
        ),
        out=out,
        format=format,
        label="express",
        as_json=as_json,
    )
