"""`inface train`: models from registered meshes."""

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from inface.cli import batch
from inface.cli.progress import bar
from inface.errors import InfaceError

train = typer.Typer(help="Train a model on a folder of registered meshes.", no_args_is_help=True)

FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="Registered meshes; manifest.csv is optional.")]
ModelOut = Annotated[Path, typer.Option("--out", "-o", help="The model file to write.")]
LikeOption = Annotated[
    str | None, typer.Option("--like", help="A model whose landmarks, regions and mirror pairs the meshes share.")
]
UnitOption = Annotated[str, typer.Option(help="Unit of the files: mm, cm or m.")]
IdentityOption = Annotated[int, typer.Option(min=1, help="Width of the identity block.")]
ExpressionOption = Annotated[int, typer.Option(min=1, help="Width of the expression block.")]
MirrorOption = Annotated[bool, typer.Option("--mirrored", help="Train on mirror images too (needs --like).")]
WorkersOption = Annotated[int | None, typer.Option(help="Threads that read.")]


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.add_typer(train, name="train")


@train.command("pca")
def pca(
    folder: FolderArgument,
    out: ModelOut = Path("model.h5"),
    components: Annotated[str, typer.Option(help="A number of modes, or a share of the variance below 1.")] = "0.98",
    like: LikeOption = None,
    mirrored: MirrorOption = False,
    unit: UnitOption = "mm",
    workers: WorkersOption = None,
) -> None:
    """Principal component analysis."""
    from inface.training import fit_pca

    _check_out(out, folder, like)
    model = fit_pca(_population(folder, like, unit, workers, mirrored), components=_components(components))
    model.save(out)
    typer.echo(f"{out}: {len(model.latent)} modes, noise {model.noise_std or 0:.3g} mm")


@train.command("linear")
def linear(
    folder: FolderArgument,
    out: ModelOut = Path("model.h5"),
    identity: IdentityOption = 32,
    expression: ExpressionOption = 64,
    like: LikeOption = None,
    mirrored: MirrorOption = False,
    unit: UnitOption = "mm",
    workers: WorkersOption = None,
) -> None:
    """The linear disentangled model: identity, expression, age (needs subject and age_months in manifest.csv)."""
    from inface.training import fit_linear

    _check_out(out, folder, like)
    population = _population(folder, like, unit, workers, mirrored)
    _say_limits(population)
    model = fit_linear(population, {"identity": identity, "expression": expression, "age": 1})
    model.save(out)
    typer.echo(f"{out}: {model!r}")


@train.command("autoencoder")
def autoencoder(
    folder: FolderArgument,
    out: ModelOut = Path("model.h5"),
    identity: IdentityOption = 32,
    expression: ExpressionOption = 64,
    plain: Annotated[int | None, typer.Option(help="One block of this width: not disentangled.")] = None,
    linear_network: Annotated[bool, typer.Option("--linear", help="Linear networks, blocks re-projected.")] = False,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps at most; by default those of the recipe.")] = None,
    validation: Annotated[
        float | None, typer.Option(help="Share of the subjects held out to stop early; 0 for none.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same model.")] = 0,
    checkpoint: Annotated[Path | None, typer.Option(help="File to resume from and write to as it goes.")] = None,
    like: LikeOption = None,
    mirrored: MirrorOption = False,
    unit: UnitOption = "mm",
    workers: WorkersOption = None,
) -> None:
    """An autoencoder, disentangled into identity, expression and age unless --plain (needs the extra `train`)."""
    from inface.training import Settings, fit_autoencoder

    blocks: dict[str, int] | int = (
        {"identity": identity, "expression": expression, "age": 1} if plain is None else plain
    )
    _check_out(out, folder, like)
    batch.spare([out.with_suffix(".json")], folder, like)
    population = _population(folder, like, unit, workers, mirrored)
    if plain is None:
        _say_limits(population)
    recipe = Settings()
    settings = replace(
        recipe,
        steps=recipe.steps if steps is None else steps,
        validation=recipe.validation if validation is None else validation,
    )
    with _plain_warnings(), bar("train") as progress:
        trained = fit_autoencoder(
            population,
            blocks,
            settings=settings,
            linear=linear_network,
            seed=seed,
            checkpoint=checkpoint,
            progress=lambda step, losses: progress(step, settings.steps, _losses(losses)),
        )
    trained.model.save(out)
    trained.save_record(out.with_suffix(".json"))
    typer.echo(f"{out}: {trained.model!r}; the run's record stands in {out.with_suffix('.json')}")


@train.command("template-from")
def template_from(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Raw scans of one kind of subject.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the registrations and model.h5.")] = Path(
        "template"
    ),
    model: Annotated[str, typer.Option(help="The model to begin with.")] = "pca",
    rounds: Annotated[int, typer.Option(min=1, help="How often to register and fit.")] = 2,
    components: Annotated[str, typer.Option(help="A number of modes, or a share of the variance below 1.")] = "0.98",
    workers: Annotated[int, typer.Option("--workers", "-j", min=1, help="Processes.")] = 1,
) -> None:
    """Register scans, build a PCA model of them, and register again with it."""
    from inface.training.template_from import template_from as run

    batch.spare([out / "model.h5"], model)
    scans = batch.expand([str(folder)])
    with bar("template-from") as progress:
        made = run(
            scans, out, batch.load_model(model), rounds=rounds, components=_components(components), workers=workers,
            progress=progress,
        )  # fmt: skip
    made.model.save(out / "model.h5")
    for number, (used, distance) in enumerate(made.rounds, 1):
        typer.echo(f"round {number}: {used} of {len(scans)} scans used, {distance:.2f} mm from their surfaces")
    for name, why in made.left_out.items():
        typer.echo(f"left out of round {rounds}: {name}, {why}")
    typer.echo(f"{out / 'model.h5'}: {len(made.model.latent)} modes")


def _losses(losses: Mapping[str, float]) -> str:
    return " ".join(f"{name} {value:.3g}" for name, value in losses.items())


def _components(text: str) -> int | float:
    try:
        return int(text) if "." not in text else float(text)
    except ValueError:
        raise typer.BadParameter(f"--components {text}: expected a number of modes or a share such as 0.98") from None


def _population(folder: Path, like: str | None, unit: str, workers: int | None, mirror: bool):
    from inface.population import mirrored

    template = None if like is None else batch.load_model(like).template
    if mirror and (template is None or template.mirror is None):
        raise InfaceError("--mirrored needs --like with a model whose template knows its mirror pairs")
    population = read_population(folder, template, unit, workers)
    return mirrored(population) if mirror else population


def read_population(folder: Path, template, unit: str, workers: int | None):
    """`load_population`, whose warnings become lines on stderr."""
    from inface.population import load_population

    if not folder.is_dir():
        raise InfaceError(f"no folder '{folder}': expected one with registered meshes")
    with _plain_warnings():
        return load_population(folder, template=template, unit=unit, workers=workers)


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Warnings as lines on stderr, without the place in the code."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    for warning in caught:
        typer.echo(f"inface: warning: {warning.message}", err=True)


def _check_out(out: Path, *inputs: str | Path | None) -> None:
    """Refuse before the work what could not be written after it, or would be written over what it is made from."""
    batch.spare([out], *inputs)
    if out.is_dir():
        raise InfaceError(f"--out '{out}' is a folder; name the model file, such as '{out / 'model.h5'}'")
    if not out.parent.is_dir():
        raise InfaceError(f"--out '{out}': the folder '{out.parent}' does not exist; make it first")
    if not os.access(out.parent, os.W_OK):
        raise InfaceError(f"--out '{out}': the folder '{out.parent}' is not writable; choose another")


def _say_limits(population) -> None:
    from inface.population import limits

    for sentence in limits(population):
        typer.echo(f"inface: {sentence}", err=True)
