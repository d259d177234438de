"""`inface convert`: meshes from one format to another, vertex order and count kept."""

from pathlib import Path

import typer

from inface.cli import batch, edit


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("convert")(convert)


def convert(
    meshes: batch.MeshesArgument,
    out: batch.OutOption = Path("converted"),
    format: batch.FormatOption = None,
    as_json: batch.JsonOption = False,
) -> None:
    """Write each mesh in another format (--format obj, or --out file.obj)."""
    edit.each_mesh(meshes, lambda mesh: mesh, out=out, format=format, label="convert", as_json=as_json)
