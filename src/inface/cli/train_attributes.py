"""`inface train attributes` and `inface train regressor`: what measures and other models' latents are, from latents."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from inface.cli import batch
from inface.cli.progress import bar
from inface.cli.train import UnitOption, WorkersOption, train
from inface.errors import InfaceError
from inface.models import MorphableModel
from inface.population import Population, load_population
from inface.transforms import procrustes

AlignOption = Annotated[bool, typer.Option("--align", help="Bring each mesh rigidly to its model's frame first.")]


def register(app: typer.Typer) -> None:
    """The verbs join those of `train`."""


@train.command("attributes")
def attributes(
    model: batch.ModelArgument,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Meshes in correspondence; manifest.csv for ages.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The attribute file to write.")] = Path("attributes.json"),
    labels: Annotated[
        Path | None, typer.Option(help="CSV with `name` and a column a label, beside the measures.")
    ] = None,
    align: AlignOption = False,
    unit: UnitOption = "mm",
    workers: WorkersOption = None,
) -> None:
    """Learn measures (CI, CVAI_signed, ...) and age as functions of a latent, in the reference's file format."""
    from inface.training import fit_attributes
    from inface.training.attributes import describe, labels_of

    _check_file(out)
    loaded = batch.load_model(model)
    population = _shapes(folder, loaded, unit, workers, align)
    with bar("measure") as progress:
        known = labels_of(population, progress=progress)
    assert population.name is not None  # a folder names its files
    if labels is not None:
        known |= _labels(labels, [str(name) for name in population.name])
    regressor, learnt = fit_attributes(loaded, population, known)
    regressor.save(out)
    typer.echo(describe(learnt))
    typer.echo(f"{out}: {len(learnt)} attributes of {len(population)} shapes; errors are those on folds left out")


@train.command("regressor")
def regressor(
    source: Annotated[str, typer.Argument(metavar="MODEL_A", help="A model file, or an embedded model's name.")],
    target: Annotated[str, typer.Argument(metavar="MODEL_B", help="A model file, or an embedded model's name.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR_A", help="Meshes in correspondence with A.")],
    other: Annotated[
        Path | None, typer.Argument(metavar="DIR_B", help="The same children, by file name, in correspondence with B.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for regressor_A_to_B.json and back.")] = Path("."),
    align: AlignOption = False,
    unit: UnitOption = "mm",
    workers: WorkersOption = None,
) -> None:
    """Learn to translate latents between two models, both ways, from the same children's meshes in both."""
    from inface.training import fit_regressor

    models = [batch.load_model(name) for name in (source, target)]
    folders = [folder, other or folder]
    if not out.is_dir():
        raise InfaceError(f"--out '{out}': expected a folder that exists")
    populations = [_shapes(f, m, unit, workers, align) for f, m in zip(folders, models, strict=True)]
    names = [{str(n): i for i, n in enumerate(p.name if p.name is not None else ())} for p in populations]
    common = [name for name in names[0] if name in names[1]]
    if not common:
        raise InfaceError(f"'{folders[0]}' and '{folders[1]}' have no file name in common; pairs are told by name")
    left = len(names[0]) + len(names[1]) - 2 * len(common)
    if left:
        typer.echo(f"inface: {left} meshes have no partner of their name and are left out", err=True)
    shapes = [np.asarray(p.shapes)[[n[name] for name in common]] for p, n in zip(populations, names, strict=True)]
    stems = [Path(name).stem for name in (source, target)]
    if stems[0] == stems[1]:
        stems = [f"{stems[0]}_a", f"{stems[1]}_b"]
    for a, b in ((0, 1), (1, 0)):
        fitted = fit_regressor(models[a], models[b], (shapes[a], shapes[b]))
        path = out / f"regressor_{stems[a]}_to_{stems[b]}.json"
        fitted.regressor.save(path)
        typer.echo(
            f"{path}: {len(common)} pairs, alpha {fitted.alpha:g}, {fitted.distance:.3f} ± {fitted.spread:.3f} mm"
        )


def _shapes(folder: Path, model: MorphableModel, unit: str, workers: int | None, align: bool) -> Population:
    """The folder's meshes in their own pose, as a model will be given them, or each brought to the model's frame."""
    if not folder.is_dir():
        raise InfaceError(f"no folder '{folder}': expected one with meshes in correspondence")
    with batch.warnings_as_lines():
        population = load_population(folder, template=model.template, unit=unit, align=False, workers=workers)
    if not align:
        return population
    goal = model.template.mesh.vertices
    shapes = [procrustes(np.asarray(shape, np.float64), goal).apply(shape) for shape in population.shapes]
    return replace(population, shapes=np.array(shapes))


def _check_file(out: Path) -> None:
    if out.is_dir() or not out.parent.is_dir():
        raise InfaceError(f"--out '{out}': expected a file name in a folder that exists, such as attributes.json")


def _labels(path: Path, names: list[str]) -> dict[str, np.ndarray]:
    """Label -> `(N,)` out of a table with a column `name`; empty cells are unknown."""
    from inface.reports.tables import read_table

    row_of = {name: i for i, name in enumerate(names)}
    out: dict[str, np.ndarray] = {}
    for line, row in read_table(path, "name"):
        stem = Path(row["name"]).stem
        if stem not in row_of:
            raise InfaceError(f"'{path}', line {line}: no mesh is called '{row['name']}'")
        for label, text in row.items():
            if label != "name" and text:
                values = out.setdefault(label, np.full(len(names), np.nan))
                try:
                    values[row_of[stem]] = float(text.replace(",", "."))
                except ValueError:
                    raise InfaceError(f"'{path}', line {line}: {label}: expected a number, got '{text}'") from None
    return out
