"""`inface transfer`: one child's expression on other children."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from inface.cli import batch
from inface.cli.edit import each_mesh
from inface.cli.inputs import once
from inface.mesh import Mesh
from inface.model_reference import ModelReference


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("transfer")(batch.flat(transfer))


@dataclass(frozen=True)
class _Transfer:
    model: ModelReference
    source: Path
    keywords: Mapping[str, Any]

    def __call__(self, path: Path) -> Mesh:
        return self.model.load().transfer_expression(once(Mesh.load, self.source), Mesh.load(path), **self.keywords)


def transfer(
    model: batch.ModelArgument,
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="The mesh whose expression is taken.")],
    targets: batch.MeshesArgument,
    edit: batch.EditOptions,
    write: batch.WriteOptions,
    run: batch.RunOptions,
    out: batch.OutOption = Path("transferred"),
) -> None:
    """Put the expression of SOURCE on each of the other meshes."""
    Mesh.load(source)  # refused here, before the work, if it is no mesh
    work = _Transfer(batch.reference(model), source.resolve(), edit.keywords())
    each_mesh(targets, out, work, run, write, "transfer")
