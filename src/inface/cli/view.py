"""`inface view`: the browser viewer."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inface.errors import InfaceError

if TYPE_CHECKING:
    from inface.viewer.editor import Partner


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("view")(view)


def view(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL] [MESH...]", help="A model file or name, meshes, or a saved scene."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; this machine only by default.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; the next free one when it is in use.")] = 8080,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open a browser window.")] = True,
    second: Annotated[Path | None, typer.Option("--with", help="A second model that follows the first.")] = None,
    regressor: Annotated[
        Path | None, typer.Option(help="JSON regressor from the first model's latent to the second's.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="A folder of registrations or meshes, gone through one by one.")
    ] = None,
    state: Annotated[
        Path | None, typer.Option("--state", help="A folder in which sessions are kept, readable by you alone.")
    ] = None,
    path_to_hdf5_file: Annotated[
        str | None, typer.Option("--path_to_hdf5_file", help="The same as MODEL, as INFACE's scripts call it.")
    ] = None,
) -> None:
    """Shape a model and look at meshes in the browser; Ctrl-C stops it.

    Without a model or mesh, the embedded disentangled model opens.
    """
    from inface.cli import batch, viewing
    from inface.embedded import EMBEDDED
    from inface.viewer import scene_file
    from inface.viewer.app import view as open_view

    names = list(inputs or [])
    if path_to_hdf5_file is not None:
        names.insert(0, path_to_hdf5_file)
    saved = next((n for n in names if viewing.is_scene_file(n)), None)
    if saved is not None:
        names.remove(saved)
    models = [n for n in names if viewing.is_model(n)]
    if len(models) > 1:
        raise InfaceError(f"one model at a time, got {', '.join(models)}; a second one is given with --with")
    model_name = models[0] if models else ""
    if saved is not None and not models:
        model_name = scene_file.from_json(Path(saved).read_bytes())[1]
    elif not names:
        model_name = next((n for n in ("disentangled", "pca", *EMBEDDED) if n in EMBEDDED), "")
    open_view(
        batch.load_model(model_name) if model_name else None,
        viewing.load_meshes([n for n in names if n not in models]) if len(names) > len(models) else {},
        host=host,
        port=port,
        open_browser=open_browser,
        block=True,
        partner=_partner(second, regressor),
        scene=saved,
        model_name=model_name,
        state=state,
        folder=folder,
    )


def _partner(second: Path | None, regressor: Path | None) -> "Partner | None":
    """The second model and the way to its latent, which belong together."""
    from inface.models import LinearRegressor, load_model
    from inface.viewer.editor import Partner

    if second is None and regressor is None:
        return None
    if second is None or regressor is None:
        raise InfaceError("--with and --regressor belong together: the second model and the way to its latent")
    return Partner(load_model(second), LinearRegressor.load(regressor), second.stem)
