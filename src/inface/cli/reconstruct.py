"""`inface reconstruct`: complete partial meshes, or project whole ones into the model."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args

import numpy as np
import typer

from inface.cli import batch
from inface.codecs.masks import read_mask
from inface.geometry.deform import FillKind
from inface.mesh import Mesh
from inface.model_reference import ModelReference


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("reconstruct")(batch.flat(reconstruct))


@dataclass(frozen=True)
class _Reconstruct:
    model: ModelReference
    unknown: np.ndarray | None
    keywords: Mapping[str, Any]

    def __call__(self, path: Path) -> Any:
        return self.model.load().reconstruct(Mesh.load(path), unknown_vertex_mask=self.unknown, **self.keywords)


def _write(result: Any, target: Path) -> dict[str, Any]:
    result.mesh.export(target)
    told = {"residual_mm": float(result.residual_mean), "converged": bool(result.converged)}
    return {**told, "latent": result.latent.tolist()}


def reconstruct(
    model: batch.ModelArgument,
    meshes: batch.MeshesArgument,
    fit: batch.FitOptions,
    write: batch.WriteOptions,
    run: batch.RunOptions,
    mask: Annotated[Path | None, typer.Option(help="Mask of unknown vertices (.npy, .txt) for all meshes.")] = None,
    invert_mask: Annotated[bool, typer.Option("--invert-mask", help="The mask marks the KNOWN vertices.")] = False,
    back_match: Annotated[
        str | None, typer.Option(help="Keep known vertices exactly; the seam is 'harmonic' or 'biharmonic'.")
    ] = None,
    noise_std: Annotated[
        str | None,
        typer.Option(help="Noise of the known coordinates, mm, or 'auto': the model's misfit, learnt or estimated."),
    ] = None,
    out: batch.OutOption = Path("reconstructed"),
) -> None:
    """Fit the model to what is known of each mesh and write the whole."""
    if back_match not in (None, *get_args(FillKind)):
        raise typer.BadParameter(f"--back-match {back_match}: expected {' or '.join(get_args(FillKind))}")
    keywords = {
        "invert_mask": invert_mask,
        "back_match_known_vertices": back_match or False,
        "noise_std": batch.noise_level(noise_std),
        **fit.keywords(),
    }
    work = _Reconstruct(batch.reference(model), None if mask is None else read_mask(mask), keywords)
    files = batch.Files(meshes, out, None, write.format, also=(mask,))
    batch.each_file(files, work, _write, run=run, label="reconstruct", as_json=write.as_json)
