"""`inface share`: a model with its sliders as one HTML file."""

from pathlib import Path
from typing import Annotated

import typer

from inface.cli import batch
from inface.cli.progress import bar


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("share")(share)


def share(
    model: batch.ModelArgument,
    out: Annotated[Path, typer.Argument(metavar="OUT.html", help="File to write.")],
    title: Annotated[str | None, typer.Option(help="Title of the page.")] = None,
) -> None:
    """Write a model with its sliders as one HTML file that needs neither Python nor a network."""
    from inface.reports.sharing import share as write

    batch.spare([out], model)
    with bar(f"share {out.name}"):
        error = write(batch.load_model(model), out, title=title)
    size = out.stat().st_size / 1e6
    typer.echo(f"{out}: {size:.1f} MB; its vertices agree with this program's to {error:.4f} mm")
