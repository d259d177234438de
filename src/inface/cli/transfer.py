"""`inface transfer`: one child's expression on other children."""

from pathlib import Path
from typing import Annotated

import typer

from inface.cli import batch, edit
from inface.mesh import Mesh


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("transfer")(transfer)


def transfer(
    model: batch.ModelArgument,
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="The mesh whose expression is taken.")],
    targets: batch.MeshesArgument,
    out: batch.OutOption = Path("transferred"),
    keep_detail: batch.DetailOption = False,
    align: batch.AlignOption = False,
    no_check: batch.SkipCheckOption = False,
    format: batch.FormatOption = None,
    as_json: batch.JsonOption = False,
) -> None:
    """Put the expression of SOURCE on each of the other meshes."""
    loaded = batch.load_model(model)
    giver = Mesh.load(source)
    edit.each_mesh(
        targets,
        lambda mesh: loaded.transfer_expression(giver, mesh, keep_detail=keep_detail, align=align, check=not no_check),
        out=out,
        format=format,
        label="transfer",
        as_json=as_json,
    )
