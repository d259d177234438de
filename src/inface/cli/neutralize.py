"""`inface neutralize`: take the expression out of faces."""

from pathlib import Path

import typer

from inface.cli import batch, edit


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("neutralize")(neutralize)


def neutralize(
    model: batch.ModelArgument,
    meshes: batch.MeshesArgument,
    out: batch.OutOption = Path("neutral"),
    keep_detail: batch.DetailOption = False,
    align: batch.AlignOption = False,
    no_check: batch.SkipCheckOption = False,
    format: batch.FormatOption = None,
    as_json: batch.JsonOption = False,
) -> None:
    """Give each face a neutral expression, its identity and age kept."""
    loaded = batch.load_model(model)
    edit.each_mesh(
        meshes,
        lambda mesh: loaded.neutralize(mesh, keep_detail=keep_detail, align=align, check=not no_check),
        out=out,
        format=format,
        label="neutralize",
        as_json=as_json,
    )
