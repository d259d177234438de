"""`inface correct`: bring attributes (such as the cephalic index) to targets with others held fixed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from inface.cli import batch
from inface.cli.inputs import once
from inface.mesh import Mesh
from inface.model_reference import ModelReference
from inface.models import AttributeRegressor


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("correct")(batch.flat(correct))


@dataclass(frozen=True)
class _Correct:
    model: ModelReference
    attributes: Path
    wanted: Mapping[str, float | None]
    fixed: list[str]
    keywords: Mapping[str, Any]

    def __call__(self, path: Path) -> Any:
        return once(AttributeRegressor.load, self.attributes).correct_mesh(
            self.model.load(), Mesh.load(path), dict(self.wanted), self.fixed, **self.keywords
        )


def _write(result: Any, target: Path) -> dict[str, Any]:
    result.mesh.export(target)
    return {name: {k: float(v) for k, v in getattr(result, name).items()} for name in ("before", "after")}


def correct(
    model: batch.ModelArgument,
    attributes: Annotated[Path, typer.Argument(metavar="ATTRIBUTES", help="Attribute file (.json).")],
    meshes: batch.MeshesArgument,
    target: Annotated[
        list[str], typer.Option("--target", help="NAME=VALUE, or NAME alone for the population's mean; repeatable.")
    ],
    edit: batch.EditOptions,
    write: batch.WriteOptions,
    run: batch.RunOptions,
    fix: Annotated[list[str] | None, typer.Option("--fix", help="An attribute to hold as it is; repeatable.")] = None,
    out: batch.OutOption = Path("corrected"),
) -> None:
    """Estimate each mesh's attributes and write the nearest mesh that meets the targets."""
    AttributeRegressor.load(attributes)  # refused here, before the work, if it is none
    wanted = dict(parse_target(text) for text in target)

    def text(record: dict) -> str:
        changes = [f"{name} {record['before'][name]:.4g} -> {record['after'][name]:.4g}" for name in wanted]
        return "  ".join([f"{record['input']} -> {record['output']}", *changes])

    work = _Correct(batch.reference(model), attributes.resolve(), wanted, fix or [], edit.keywords())
    files = batch.Files(meshes, out, None, write.format)
    batch.each_file(files, work, _write, run=run, label="correct", as_json=write.as_json, text=text)


def parse_target(text: str) -> tuple[str, float | None]:
    """`NAME=VALUE` or `NAME` (the mean of the population)."""
    name, sign, value = text.partition("=")
    if not sign:
        return name, None
    try:
        return name, float(value)
    except ValueError:
        raise typer.BadParameter(f"--target {text}: expected NAME=NUMBER") from None
