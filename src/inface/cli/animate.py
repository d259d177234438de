"""`inface animate`: a model in motion as GIF, WebP or MP4."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from inface.cli import batch


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("animate")(animate)


def animate(
    model: batch.ModelArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="GIF, WebP or MP4 file to write.")] = Path("animation.gif"),
    storyboard: Annotated[Path | None, typer.Option(help="YAML file of key frames; see docs/viewer.md.")] = None,
    children: Annotated[int, typer.Option(min=1, help="Without a storyboard: how many random children.")] = 3,
    size: Annotated[str | None, typer.Option(help="Width and height in pixels.")] = None,
    fps: Annotated[int | None, typer.Option(min=1, max=60, help="Pictures a second.")] = None,
    clay: Annotated[bool, typer.Option("--clay", help="Clay instead of colours.")] = False,
    seed: batch.SeedOption = 1,
) -> None:
    """Draw random children through expressions and ages, or a storyboard of your own."""
    from inface.cli import viewing
    from inface.pictures import animations
    from inface.pictures import storyboard as boards

    batch.spare([out], model, storyboard)
    loaded = batch.load_model(model)
    board = boards.read_storyboard(storyboard) if storyboard else boards.teaser(loaded, children, seed)
    if size is not None:
        board = replace(board, size=viewing.pixels(size))
    if fps is not None:
        board = replace(board, fps=fps)
    if clay:
        board = replace(board, style="clay")
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("drawing", total=None)
        count = animations.animate(
            loaded, out, board, tell=lambda done, total: progress.update(task, completed=done, total=total)
        )
    typer.echo(f"{out}: {count} pictures, {out.stat().st_size / 1e6:.1f} MB")
