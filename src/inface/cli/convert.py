"""`inface convert`: meshes from one format to another, vertex order and count kept."""

from pathlib import Path

import typer

from inface.cli import batch
from inface.cli.edit import each_mesh
from inface.mesh import Mesh


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("convert")(batch.flat(convert))


def convert(
    meshes: batch.MeshesArgument,
    write: batch.WriteOptions,
    run: batch.RunOptions,
    out: batch.OutOption = Path("converted"),
) -> None:
    """Write each mesh in another format (--format obj, or --out file.obj)."""
    each_mesh(meshes, out, Mesh.load, run, write, "convert")
