"""`inface correct`: bring attributes (such as the cephalic index) to targets with others held fixed."""

from pathlib import Path
from typing import Annotated

import typer

from inface.cli import batch
from inface.mesh import Mesh


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("correct")(correct)


def correct(
    model: batch.ModelArgument,
    attributes: Annotated[Path, typer.Argument(metavar="ATTRIBUTES", help="Attribute file (.json).")],
    meshes: batch.MeshesArgument,
    target: Annotated[
        list[str], typer.Option("--target", help="NAME=VALUE, or NAME alone for the population's mean; repeatable.")
    ],
    fix: Annotated[list[str] | None, typer.Option("--fix", help="An attribute to hold as it is; repeatable.")] = None,
    out: batch.OutOption = Path("corrected"),
    keep_detail: batch.DetailOption = False,
    align: batch.AlignOption = False,
    no_check: batch.SkipCheckOption = False,
    format: batch.FormatOption = None,
    as_json: batch.JsonOption = False,
) -> None:
    """Estimate each mesh's attributes and write the nearest mesh that meets the targets."""
    from inface import AttributeRegressor

    loaded = batch.load_model(model)
    regressor = AttributeRegressor.load(attributes)
    wanted = dict(parse_target(text) for text in target)
    paths = batch.expand(meshes)
    output = batch.Output.of(out, format, len(paths))
    names = dict(zip(paths, batch.stems(paths), strict=True))

    def work(path: Path) -> dict:
        result = regressor.correct_mesh(
            loaded, Mesh.load(path), wanted, fix or [], keep_detail=keep_detail, align=align, check=not no_check
        )
        written = output.file(names[path], path.suffix.lower(), path)
        result.mesh.export(written)
        return {"output": str(written), "before": result.before, "after": result.after}

    def text(record: dict) -> str:
        changes = [f"{name} {record['before'][name]:.4g} -> {record['after'][name]:.4g}" for name in wanted]
        return "  ".join([f"{record['input']} -> {record['output']}", *changes])

    batch.each(paths, work, label="correct", as_json=as_json, text=text)


def parse_target(text: str) -> tuple[str, float | None]:
    """`NAME=VALUE` or `NAME` (the mean of the population)."""
    name, sign, value = text.partition("=")
    if not sign:
        return name, None
    try:
        return name, float(value)
    except ValueError:
        raise typer.BadParameter(f"--target {text}: expected NAME=NUMBER") from None
