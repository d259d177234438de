"""`inface decode`: latent codes to meshes."""

from dataclasses import dataclass
from pathlib import Path

import typer

from inface.cli import batch
from inface.cli.edit import write_mesh
from inface.codecs.latents import LATENT_SUFFIXES, read_latent
from inface.mesh import Mesh
from inface.model_reference import ModelReference


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("decode")(batch.flat(decode))


@dataclass(frozen=True)
class _Decode:
    model: ModelReference

    def __call__(self, path: Path) -> Mesh:
        return self.model.load().decode_mesh(read_latent(path))


def decode(
    model: batch.ModelArgument,
    latents: batch.MeshesArgument,
    write: batch.WriteOptions,
    run: batch.RunOptions,
    out: batch.OutOption = Path("decoded"),
) -> None:
    """Write the mesh of each latent code (.json or .npy files, folders or globs)."""
    files = batch.Files(latents, out, ".ply", write.format, LATENT_SUFFIXES)
    work = _Decode(batch.reference(model))
    batch.each_file(files, work, write_mesh, run=run, label="decode", as_json=write.as_json)
