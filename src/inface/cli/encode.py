"""`inface encode`: meshes to latent codes."""

from pathlib import Path
from typing import Annotated

import typer

from inface.cli import batch
from inface.codecs.latents import write_latent
from inface.codecs.masks import read_mask
from inface.mesh import Mesh


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("encode")(encode)


def encode(
    model: batch.ModelArgument,
    meshes: batch.MeshesArgument,
    mask: Annotated[Path | None, typer.Option(help="Mask of unknown vertices (.npy, .txt).")] = None,
    invert_mask: Annotated[bool, typer.Option("--invert-mask", help="The mask marks the KNOWN vertices.")] = False,
    noise_std: Annotated[float | None, typer.Option(help="Noise of the known coordinates, mm.", min=0)] = None,
    out: batch.OutOption = Path("latents"),
    align: batch.AlignOption = False,
    no_check: batch.SkipCheckOption = False,
    format: batch.FormatOption = None,
    as_json: batch.JsonOption = False,
) -> None:
    """Write each mesh's latent code (.json by default, or --format npy)."""
    loaded = batch.load_model(model)
    unknown = None if mask is None else read_mask(mask)
    paths = batch.expand(meshes)
    target = batch.Output.of(out, format, len(paths))
    names = dict(zip(paths, batch.stems(paths), strict=True))

    def work(path: Path) -> dict:
        latent = loaded.encode(
            Mesh.load(path), unknown, invert_mask, noise_std=noise_std, align=align, check=not no_check
        )
        written = target.file(names[path], ".json", path)
        write_latent(written, latent)
        return {"output": str(written), "latent": [float(v) for v in latent]}

    batch.each(paths, work, label="encode", as_json=as_json)
