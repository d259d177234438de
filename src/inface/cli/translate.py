"""`inface translate`: a mesh or latent through a regressor into another model (head to skull and back)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from inface.cli import batch
from inface.cli.inputs import once
from inface.codecs.latents import LATENT_SUFFIXES, is_latent, read_latent, write_latent
from inface.errors import CorrespondenceError
from inface.mesh import Mesh
from inface.model_reference import ModelReference
from inface.models import LinearRegressor


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("translate")(batch.flat(translate))


@dataclass(frozen=True)
class _Translate:
    model: ModelReference
    regressor: Path
    other: ModelReference
    keywords: Mapping[str, Any]

    def __call__(self, path: Path) -> tuple[np.ndarray, ModelReference]:
        if is_latent(path):
            own = read_latent(path)
        else:
            own = self.model.load().encode(Mesh.load(path), **self.keywords)
        code = once(LinearRegressor.load, self.regressor)(own)
        width = len(self.other.load().latent)
        if len(code) != width:
            raise CorrespondenceError(
                f"the regressor gives {len(code)} numbers, the latent of '{self.other.source}' has {width}; "
                "is it another model's regressor?"
            )
        return code, self.other


def _write_latent(made: tuple[np.ndarray, ModelReference], target: Path) -> dict[str, Any]:
    write_latent(target, made[0])
    return {"latent": made[0].tolist()}


def _write_mesh(made: tuple[np.ndarray, ModelReference], target: Path) -> dict[str, Any]:
    made[1].load().decode_mesh(made[0]).export(target)
    return {"latent": made[0].tolist()}


def translate(
    model: batch.ModelArgument,
    regressor: Annotated[Path, typer.Argument(metavar="REGRESSOR", help="Linear regressor (.json).")],
    other: Annotated[str, typer.Argument(metavar="OTHER_MODEL", help="The model to arrive in.")],
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT...", help="Meshes of MODEL, or latents (.npy; .json with a latent).")
    ],
    fit: batch.FitOptions,
    write: batch.WriteOptions,
    run: batch.RunOptions,
    out: batch.OutOption = Path("translated"),
    latents: Annotated[bool, typer.Option("--latents", help="Write latents instead of meshes.")] = False,
) -> None:
    """Encode in MODEL, pass through the regressor, and write what OTHER_MODEL makes of it, in its own frame."""
    LinearRegressor.load(regressor)  # refused here, before the work, if it is none
    work = _Translate(batch.reference(model), regressor.resolve(), batch.reference(other), fit.keywords())
    suffixes = (*batch.MESH_SUFFIXES, *LATENT_SUFFIXES)
    instead = {suffix: ".ply" for suffix in LATENT_SUFFIXES}
    files = batch.Files(inputs, out, ".json" if latents else None, write.format, suffixes, instead)
    save = _write_latent if latents else _write_mesh
    batch.each_file(files, work, save, run=run, label="translate", as_json=write.as_json)
