"""`inface example`: the files that the commands of the README name."""

from pathlib import Path
from typing import Annotated

import typer

from inface.errors import InfaceError


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("example")(example)


def example(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write; must be new or empty.")],
) -> None:
    """Write the files that the README's commands name: a scan, a mask, faces, expressions, raw scans to register."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InfaceError(f"'{folder}' holds something already; name a new folder")
    from inface.cli.example_files import write_example

    for path, what in write_example(folder):
        typer.echo(f"{path.relative_to(folder)!s:24} {what}")
    typer.echo(f"now: cd {folder}, and paste the README's block of commands")
