"""`inface annotate`: our landmarks, regions and mirror pairs for a model of another topology."""

from pathlib import Path
from typing import Annotated

import typer

from inface.cli import batch
from inface.errors import InfaceError


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("annotate")(annotate_model)


def annotate_model(
    model: batch.ModelArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="The model file to write (.h5).")],
) -> None:
    """Give a model of another topology landmarks, regions and mirror pairs, so that scans can be registered with it."""
    from inface.registration.annotate import annotate

    if out.exists() and Path(model).exists() and out.samefile(model):
        raise InfaceError(f"the result would overwrite its input '{model}'; name another --out")
    try:
        done = annotate(batch.load_model(model))
    except ValueError as error:
        raise InfaceError(str(error)) from None
    done.save(out)
    template = done.template
    paired = 0 if template.mirror is None else int((template.mirror != range(len(template.mirror))).sum())
    marks, regions = len(template.landmarks), len(template.regions)
    typer.echo(f"{out}: {marks} landmarks, {regions} regions, {paired} vertices in mirror pairs")
