"""`inface demo`: everything once, on synthetic infants."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from inface.cli import batch


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("demo")(demo)


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the meshes and the page.")] = Path("demo"),
    seed: batch.SeedOption = 1,
) -> None:
    """Sample, complete, neutralise, transfer and age; write meshes and a page that opens offline."""
    from inface.reports.demo import write_demo

    console = Console(stderr=True)
    with console.status("demo") as status:
        page = write_demo(out, seed=seed, tell=lambda step: status.update(f"demo: {step}"))
    typer.echo(f"open {page} in a browser; the meshes lie beside it")
