"""`inface pack`: registered meshes to one folder that training reads without loading it."""

from pathlib import Path
from typing import Annotated

import typer

from inface.cli import batch
from inface.cli.progress import batch_bar
from inface.errors import InfaceError


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("pack")(batch.flat(pack))


def pack(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Registered meshes, or what `register` wrote.")],
    run: batch.RunOptions,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="NAME.shapes", help="The folder to make.")] = None,
    like: Annotated[
        str | None, typer.Option("--like", help="A model whose landmarks, regions and mirror pairs the meshes share.")
    ] = None,
    unit: Annotated[str, typer.Option(help="Unit of the files: mm, cm, m or inch.")] = "mm",
    no_align: Annotated[bool, typer.Option("--no-align", help="Leave every mesh in its own pose.")] = False,
) -> None:
    """Pack a folder of registered meshes into NAME.shapes, which `train` and `evaluate` take in its place.

    A stopped run goes on where it was. The folder holds the table (manifest.csv), which may be filled in later.
    """
    from inface.population.pack import pack_population

    if not folder.is_dir():
        raise InfaceError(f"no folder '{folder}': expected one with registered meshes")
    if run.part or run.join:
        raise InfaceError("pack aligns all meshes together, so it has no --part; use --workers or --cluster")
    target = out or folder.with_name(folder.name + ".shapes")
    template = None if like is None else batch.load_model(like).template
    with batch.warnings_as_lines(), batch_bar("pack") as shown:
        made = pack_population(
            folder, target, template=template, unit=unit, align=not no_align, run=run.run(), progress=shown
        )
    typer.echo(str(made))
