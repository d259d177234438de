"""`inface reconstruct`: complete partial meshes, or project whole ones into the model."""

from pathlib import Path
from typing import Annotated, get_args

import typer

from inface.cli import batch
from inface.codecs.masks import read_mask
from inface.geometry.deform import FillKind
from inface.mesh import Mesh


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("reconstruct")(reconstruct)


def reconstruct(
    model: batch.ModelArgument,
    meshes: batch.MeshesArgument,
    mask: Annotated[Path | None, typer.Option(help="Mask of unknown vertices (.npy, .txt) for all meshes.")] = None,
    invert_mask: Annotated[bool, typer.Option("--invert-mask", help="The mask marks the KNOWN vertices.")] = False,
    back_match: Annotated[
        str | None, typer.Option(help="Keep known vertices exactly; the seam is 'harmonic' or 'biharmonic'.")
    ] = None,
    noise_std: Annotated[float | None, typer.Option(help="Noise of the known coordinates, mm.", min=0)] = None,
    out: batch.OutOption = Path("reconstructed"),
    align: batch.AlignOption = False,
    no_check: batch.SkipCheckOption = False,
    format: batch.FormatOption = None,
    as_json: batch.JsonOption = False,
) -> None:
    """Fit the model to what is known of each mesh and write the whole."""
    if back_match not in (None, *get_args(FillKind)):
        raise typer.BadParameter(f"--back-match {back_match}: expected {' or '.join(get_args(FillKind))}")
    loaded = batch.load_model(model)
    unknown = None if mask is None else read_mask(mask)
    paths = batch.expand(meshes)
    target = batch.Output.of(out, format, len(paths))
    names = dict(zip(paths, batch.stems(paths), strict=True))

    def work(path: Path) -> dict:
        result = loaded.reconstruct(
            Mesh.load(path),
            unknown_vertex_mask=unknown,
            invert_mask=invert_mask,
            back_match_known_vertices=back_match or False,
            noise_std=noise_std,
            align=align,
            check=not no_check,
        )
        written = target.file(names[path], path.suffix.lower(), path)
        result.mesh.export(written)
        return {
            "output": str(written),
            "residual_mm": result.residual_mean,
            "converged": result.converged,
            "latent": result.latent.tolist(),
        }

    batch.each(paths, work, label="reconstruct", as_json=as_json)
