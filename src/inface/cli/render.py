"""`inface render`: pictures of meshes, or of a model's modes, without a screen."""

from pathlib import Path
from typing import Annotated

import typer

from inface.errors import InfaceError
from inface.mesh import Mesh


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("render")(render)


def render(
    inputs: Annotated[list[str], typer.Argument(metavar="MODEL|MESH...", help="One model, or mesh files.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="PNG file to write.")] = Path("picture.png"),
    size: Annotated[str | None, typer.Option(help="Width and height in pixels; found when not given.")] = None,
    view: Annotated[
        list[str] | None,
        typer.Option(help="front, three-quarter, left, right, back, top, or degrees as YAW,PITCH; may be repeated."),
    ] = None,
    clay: Annotated[bool, typer.Option("--clay", help="Clay instead of colours.")] = False,
    wireframe: Annotated[bool, typer.Option("--wireframe", help="Draw the triangles' edges.")] = False,
    transparent: Annotated[bool, typer.Option("--transparent", help="No background.")] = False,
    modes: Annotated[int, typer.Option(min=1, help="Of a model: how many modes of each block.")] = 3,
    block: Annotated[str | None, typer.Option(help="Of a model: only this block's modes.")] = None,
    against: Annotated[
        Path | None, typer.Option(help="Colour by the distance in mm to this mesh, with a legend.")
    ] = None,
    limit: Annotated[float | None, typer.Option(help="Distance in mm at the top of the legend.")] = None,
    turntable: Annotated[int, typer.Option(min=0, help="This many views all round instead of --view.")] = 0,
) -> None:
    """Draw meshes, or a model's strongest modes at -3, 0 and +3 standard deviations, into a PNG file."""
    from inface.cli import batch, viewing
    from inface.pictures import rendering as pictures

    batch.spare([out], *inputs, against)
    what, is_model = viewing.model_or_meshes(inputs)
    heat = None
    if against is not None:
        if is_model:
            raise InfaceError("--against compares meshes; give mesh files, not a model")
        heat = pictures.distances(what, Mesh.load(against))
    views = pictures.turntable(turntable) if turntable else [viewing.view_angles(v) for v in view or ["three-quarter"]]
    pictures.render(
        what,
        out,
        size=_size(what, views, modes, block) if size is None and is_model else viewing.pixels(size or "1280x720"),
        views=views,
        style="clay" if clay else "colour",
        heat=heat,
        limit=limit,
        transparent=transparent,
        wireframe=wireframe,
        modes=modes,
        group=block,
    )
    typer.echo(str(out))


def _size(model, views: list, modes: int, block: str | None) -> tuple[int, int]:
    """A picture in which each head of a model's modes is 300 pixels high, at most 6,000 in all."""
    groups = [block] if block else list(model.blocks) or [""]
    rows = sum(min(modes, model.blocks[g].stop - model.blocks[g].start) if g in model.blocks else modes for g in groups)
    height = min(300, 6000 // max(rows, 1))
    return 3 * len(views) * height, rows * height
