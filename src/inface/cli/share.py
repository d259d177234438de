"""`inface share`: a model with its sliders, or meshes of children, as one HTML file."""

from pathlib import Path
from typing import Annotated

import typer

from inface.cli.progress import bar
from inface.errors import InfaceError


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("share")(share)


def share(
    inputs: Annotated[
        list[str], typer.Argument(metavar="MODEL|MESH... OUT.html", help="A model or meshes, then the file to write.")
    ],
    title: Annotated[str | None, typer.Option(help="Title of the page.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="The meshes show a person, and I may share this face.")] = False,
) -> None:
    """Write a model with its sliders, or meshes, as one HTML file that needs neither Python nor a network."""
    from inface.cli import batch, viewing

    *given, last = inputs
    out = Path(last)
    if not given or out.suffix.lower() not in (".html", ".htm"):
        raise InfaceError(
            "expected a model or meshes and then the page to write, such as: inface share child.ply page.html"
        )
    if viewing.is_model(given[0]):
        if len(given) > 1:
            raise InfaceError("give one model, or meshes, not both")
        from inface.reports.sharing import share as write

        batch.spare([out], given[0])
        with bar(f"share {out.name}"):
            error = write(batch.load_model(given[0]), out, title=title, name=Path(given[0]).name)
        size = out.stat().st_size / 1e6
        typer.echo(f"{out}: {size:.1f} MB; its vertices agree with this program's to {error:.4f} mm")
        return
    from inface.reports.origin import drawn_by
    from inface.reports.shared_meshes import share_meshes

    paths = batch.expand(given)
    batch.spare([out], *paths)
    drawn = all(drawn_by(path) for path in paths)
    share_meshes(viewing.load_meshes(given), out, drawn=drawn, allowed=yes, title=title or "")
    typer.echo(f"{out}: {out.stat().st_size / 1e6:.1f} MB; " + ("synthetic" if drawn else "a scan of a person"))
