"""`inface encode`: meshes to latent codes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from inface.cli import batch
from inface.codecs.latents import write_latent
from inface.codecs.masks import read_mask
from inface.mesh import Mesh
from inface.model_reference import ModelReference


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("encode")(batch.flat(encode))


@dataclass(frozen=True)
class _Encode:
    model: ModelReference
    unknown: np.ndarray | None
    keywords: Mapping[str, Any]

    def __call__(self, path: Path) -> np.ndarray:
        return self.model.load().encode(Mesh.load(path), self.unknown, **self.keywords)


def _write(latent: np.ndarray, target: Path) -> dict[str, Any]:
    write_latent(target, latent)
    return {"latent": [float(v) for v in latent]}


def encode(
    model: batch.ModelArgument,
    meshes: batch.MeshesArgument,
    fit: batch.FitOptions,
    write: batch.WriteOptions,
    run: batch.RunOptions,
    mask: Annotated[Path | None, typer.Option(help="Mask of unknown vertices (.npy, .txt).")] = None,
    invert_mask: Annotated[bool, typer.Option("--invert-mask", help="The mask marks the KNOWN vertices.")] = False,
    noise_std: Annotated[
        str | None,
        typer.Option(help="Noise of the known coordinates, mm, or 'auto': the model's misfit, learnt or estimated."),
    ] = None,
    out: batch.OutOption = Path("latents"),
) -> None:
    """Write each mesh's latent code (.json by default, or --format npy)."""
    unknown = None if mask is None else read_mask(mask)
    keywords = {"invert_mask": invert_mask, "noise_std": batch.noise_level(noise_std), **fit.keywords()}
    work = _Encode(batch.reference(model), unknown, keywords)
    files = batch.Files(meshes, out, ".json", write.format, also=(mask,))
    batch.each_file(files, work, _write, run=run, label="encode", as_json=write.as_json)
