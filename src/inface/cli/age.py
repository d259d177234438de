"""`inface age`: estimate ages, or make children older and younger."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from inface.cli import batch
from inface.cli.edit import Edit, each_mesh
from inface.cli.options import age_in_months
from inface.mesh import Mesh
from inface.model_reference import ModelReference


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("age")(batch.flat(age))


@dataclass(frozen=True)
class _Estimate:
    model: ModelReference
    keywords: Mapping[str, Any]

    def __call__(self, path: Path) -> dict[str, float]:
        return {"age_months": float(self.model.load().age(Mesh.load(path), **self.keywords))}


def age(
    model: batch.ModelArgument,
    meshes: batch.MeshesArgument,
    edit: batch.EditOptions,
    write: batch.WriteOptions,
    run: batch.RunOptions,
    months: Annotated[
        float | None,
        typer.Option(parser=age_in_months, metavar="AGE", help="The age to give each child: months, 183d, 1y."),
    ] = None,
    current_months: Annotated[
        float | None, typer.Option(parser=age_in_months, metavar="AGE", help="The age each child has now, where known.")
    ] = None,
    code: Annotated[
        list[float] | None, typer.Option(help="A raw age code instead of months; repeat it for a wider block.")
    ] = None,
    out: batch.OutOption = Path("aged"),
) -> None:
    """Without --months or --code: print each child's estimated age. With: write the children at that age."""
    if months is not None and code:
        raise typer.BadParameter("give --months or --code, not both")
    if current_months is not None and months is None:
        raise typer.BadParameter("--current-months goes with --months")
    reference = batch.reference(model)
    if code:
        wanted = code[0] if len(code) == 1 else code
        each_mesh(meshes, out, Edit(reference, "adjust_age", edit.keywords(), (wanted,)), run, write, "age")
    elif months is not None:
        keywords = {"months": months, "current_months": current_months, **edit.keywords()}
        each_mesh(meshes, out, Edit(reference, "set_age", keywords), run, write, "age")
    else:
        work = _Estimate(reference, edit.keywords(detail=False))
        batch.each_file(batch.Files(meshes), work, run=run, label="age", as_json=write.as_json)
