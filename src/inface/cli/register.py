"""`inface register`: raw scans to the model's topology."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from inface.cli import batch
from inface.cli.progress import verdict_bar
from inface.errors import InfaceError


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("register")(batch.flat(register_scans))


def register_scans(
    scans: Annotated[list[str], typer.Argument(metavar="SCAN...", help="Scan files, folders or globs.")],
    run: batch.RunOptions,
    model: Annotated[str, typer.Option(help="A model file, or an embedded model's name.")] = "pca",
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")] = Path("registered"),
    settings: Annotated[Path | None, typer.Option(help="Settings (YAML), as written beside earlier results.")] = None,
    landmarks: Annotated[bool, typer.Option("--landmarks", help="Use the landmark file beside each scan.")] = False,
    unit: Annotated[str | None, typer.Option(help="mm, cm, m or inch; found when not given.")] = None,
    scale: Annotated[float | None, typer.Option(help="Millimetres in one unit, where it is none of these.")] = None,
    cap: Annotated[bool | None, typer.Option("--cap/--bare", help="A cap is worn, or none; decided from each.")] = None,
    scope: Annotated[str | None, typer.Option(help="head, face or vault: what must be shown.")] = None,
    pictures: Annotated[bool, typer.Option(help="Write a picture of each.")] = True,
) -> None:
    """Register scans; report.csv and index.html list the doubtful ones first. Exits 1 when one failed."""
    from inface.registration import Settings
    from inface.registration.batch import register_folder
    from inface.registration.settings_file import read_settings

    chosen_run = run.run()
    paths = batch.expand(scans)
    loaded = batch.load_model(model)
    chosen = Settings() if settings is None else read_settings(settings)
    try:
        chosen = chosen if cap is None else replace(chosen, cap=cap)
        chosen = chosen if scope is None else replace(chosen, scope=scope)  # type: ignore[arg-type]
    except ValueError as error:
        raise InfaceError(str(error)) from None
    with batch.warnings_as_lines(), verdict_bar("register", len(chosen_run.of(paths))) as progress:
        rows = register_folder(
            paths, out, loaded, settings=chosen, use_landmarks=landmarks, unit=unit, scale=scale,
            run=chosen_run, pictures=pictures, label=Path(model).name, progress=progress,
        )  # fmt: skip
    for row in rows:
        typer.echo(f"{row['verdict']:8s} {row['name']}  {row['reasons']}".rstrip())
    counts = Counter(row["verdict"] for row in rows)
    see = f"see {out / 'index.html'}" if chosen_run.part is None else "the whole, or --join, writes the report"
    typer.echo(f"{counts['ok']} ok, {counts['partial']} partial, {counts['failed']} failed; {see}")
    if counts["failed"]:
        raise typer.Exit(1)
