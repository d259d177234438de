"""`inface translate`: a mesh or latent through a regressor into another model (head to skull and back)."""

from pathlib import Path
from typing import Annotated

import typer

from inface.cli import batch
from inface.codecs.latents import LATENT_SUFFIXES, is_latent, read_latent, write_latent
from inface.errors import CorrespondenceError
from inface.mesh import Mesh


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("translate")(translate)


def translate(
    model: batch.ModelArgument,
    regressor: Annotated[Path, typer.Argument(metavar="REGRESSOR", help="Linear regressor (.json).")],
    other: Annotated[str, typer.Argument(metavar="OTHER_MODEL", help="The model to arrive in.")],
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT...", help="Meshes of MODEL, or latents (.npy; .json with a latent).")
    ],
    out: batch.OutOption = Path("translated"),
    latents: Annotated[bool, typer.Option("--latents", help="Write latents instead of meshes.")] = False,
    align: batch.AlignOption = False,
    no_check: batch.SkipCheckOption = False,
    format: batch.FormatOption = None,
    as_json: batch.JsonOption = False,
) -> None:
    """Encode in MODEL, pass through the regressor, and write what OTHER_MODEL makes of it, in its own frame."""
    from inface import LinearRegressor

    first, second = batch.load_model(model), batch.load_model(other)
    bridge = LinearRegressor.load(regressor)
    paths = batch.expand(inputs, (*batch.MESH_SUFFIXES, *LATENT_SUFFIXES))
    target = batch.Output.of(out, format, len(paths))
    names = dict(zip(paths, batch.stems(paths), strict=True))

    def work(path: Path) -> dict:
        if is_latent(path):
            own, suffix = read_latent(path), ".ply"
        else:
            own, suffix = first.encode(Mesh.load(path), align=align, check=not no_check), path.suffix.lower()
        code = bridge(own)
        if len(code) != len(second.latent):
            raise CorrespondenceError(
                f"the regressor gives {len(code)} numbers, the latent of '{other}' has {len(second.latent)}; "
                "is it another model's regressor?"
            )
        written = target.file(names[path], ".json" if latents else suffix, path)
        if latents:
            write_latent(written, code)
        else:
            second.decode_mesh(code).export(written)
        return {"output": str(written), "latent": code.tolist()}

    batch.each(paths, work, label="translate", as_json=as_json)
