"""`inface decode`: latent codes to meshes."""

from pathlib import Path

import typer

from inface.cli import batch
from inface.codecs.latents import LATENT_SUFFIXES, read_latent


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("decode")(decode)


def decode(
    model: batch.ModelArgument,
    latents: batch.MeshesArgument,
    out: batch.OutOption = Path("decoded"),
    format: batch.FormatOption = None,
    as_json: batch.JsonOption = False,
) -> None:
    """Write the mesh of each latent code (.json or .npy files, folders or globs)."""
    loaded = batch.load_model(model)
    paths = batch.expand(latents, LATENT_SUFFIXES)
    target = batch.Output.of(out, format, len(paths))
    names = dict(zip(paths, batch.stems(paths), strict=True))

    def work(path: Path) -> dict:
        written = target.file(names[path], ".ply", path)
        loaded.decode_mesh(read_latent(path)).export(written)
        return {"output": str(written)}

    batch.each(paths, work, label="decode", as_json=as_json)
