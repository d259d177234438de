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
    attributes: str
    wanted: Mapping[str, float | None]
    fixed: list[str]
    keywords: Mapping[str, Any]
    optimum: bool = False

    def __call__(self, path: Path) -> Any:
        regressor, model, mesh = attributes_named(self.attributes), self.model.load(), Mesh.load(path)
        if not self.optimum:
            return regressor.correct_mesh(model, mesh, dict(self.wanted), self.fixed, **self.keywords)
        from inface.reports.correction import correct_to_optimum

        return correct_to_optimum(model, mesh, regressor, targets=self.wanted, fixed=self.fixed, keywords=self.keywords)


def attributes_named(name_or_path: str) -> AttributeRegressor:
    """The attribute file at that path, or the one that ships with the embedded model of that name."""
    from inface.embedded import EMBEDDED, load_default_attributes

    if name_or_path in EMBEDDED and not Path(name_or_path).exists():
        return load_default_attributes(name_or_path)
    return once(AttributeRegressor.load, Path(name_or_path))


def _write(result: Any, target: Path) -> dict[str, Any]:
    result.mesh.export(target)
    return {name: {k: float(v) for k, v in getattr(result, name).items()} for name in ("before", "after")}


def _write_optimum(found: Any, target: Path) -> dict[str, Any]:
    from inface.reports.correction import write_correction

    told = _write(found.correction, target)
    return told | write_correction(found, target.with_suffix("")) | {"targets": dict(found.targets)}


def correct(
    model: batch.ModelArgument,
    attributes: Annotated[
        str, typer.Argument(metavar="ATTRIBUTES", help="Attribute file (.json), or an embedded model's name.")
    ],
    meshes: batch.MeshesArgument,
    edit: batch.EditOptions,
    write: batch.WriteOptions,
    run: batch.RunOptions,
    target: Annotated[
        list[str] | None,
        typer.Option("--target", help="NAME=VALUE, or NAME alone for the population's mean; repeatable."),
    ] = None,
    fix: Annotated[list[str] | None, typer.Option("--fix", help="An attribute to hold as it is; repeatable.")] = None,
    optimum: Annotated[
        bool,
        typer.Option(
            "--optimum",
            help="The normal head of this child: CI 80, asymmetry 0, ratios 1, others the mean; age and volume held. "
            "Also writes NAME_difference.ply, coloured over +-5 mm, and NAME_numbers.json.",
        ),
    ] = False,
    out: batch.OutOption = Path("corrected"),
) -> None:
    """Estimate each mesh's attributes and write the nearest mesh that meets the targets, or the optima."""
    if not target and not optimum:
        raise typer.BadParameter("give --target NAME=VALUE, or --optimum")
    attributes_named(attributes)  # refused here, before the work, if it is none
    wanted = dict(parse_target(text) for text in target or [])

    def text(record: dict) -> str:
        shown = record.get("targets", wanted)
        changes = [f"{name} {record['before'][name]:.4g} -> {record['after'][name]:.4g}" for name in shown]
        return "  ".join([f"{record['input']} -> {record['output']}", *changes])

    there = str(Path(attributes).resolve()) if Path(attributes).exists() else attributes
    work = _Correct(batch.reference(model), there, wanted, fix or [], edit.keywords(), optimum)
    files = batch.Files(meshes, out, None, write.format)
    writer = _write_optimum if optimum else _write
    batch.each_file(files, work, writer, run=run, label="correct", as_json=write.as_json, text=text)


def parse_target(text: str) -> tuple[str, float | None]:
    """`NAME=VALUE` or `NAME` (the mean of the population)."""
    name, sign, value = text.partition("=")
    if not sign:
        return name, None
    try:
        return name, float(value)
    except ValueError:
        raise typer.BadParameter(f"--target {text}: expected NAME=NUMBER") from None
