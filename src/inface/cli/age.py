"""`inface age`: estimate ages, or make children older and younger."""

from pathlib import Path
from typing import Annotated

import typer

from inface.cli import batch, edit
from inface.mesh import Mesh


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("age")(age)


def age(
    model: batch.ModelArgument,
    meshes: batch.MeshesArgument,
    months: Annotated[float | None, typer.Option(help="The age to give each child, in months.")] = None,
    current_months: Annotated[float | None, typer.Option(help="The age each child has now, where known.")] = None,
    code: Annotated[
        list[float] | None, typer.Option(help="A raw age code instead of months; repeat it for a wider block.")
    ] = None,
    out: batch.OutOption = Path("aged"),
    keep_detail: batch.DetailOption = False,
    align: batch.AlignOption = False,
    no_check: batch.SkipCheckOption = False,
    format: batch.FormatOption = None,
    as_json: batch.JsonOption = False,
) -> None:
    """Without --months or --code: print each child's estimated age. With: write the children at that age."""
    if months is not None and code:
        raise typer.BadParameter("give --months or --code, not both")
    if current_months is not None and months is None:
        raise typer.BadParameter("--current-months goes with --months")
    loaded = batch.load_model(model)
    if months is None and not code:
        paths = batch.expand(meshes)

        def estimate(path: Path) -> dict:
            return {"age_months": float(loaded.age(Mesh.load(path), align=align, check=not no_check))}

        batch.each(paths, estimate, label="age", as_json=as_json)
        return

    options = {"keep_detail": keep_detail, "align": align, "check": not no_check}

    def change(mesh: Mesh) -> Mesh:
        if code:
            return loaded.adjust_age(mesh, code[0] if len(code) == 1 else code, **options)
        return loaded.set_age(mesh, months=months, current_months=current_months, **options)

    edit.each_mesh(meshes, change, out=out, format=format, label="age", as_json=as_json)
