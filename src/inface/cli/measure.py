"""`inface measure`: what a clinic asks of a head, with errors, norms and a page to hand over."""

from pathlib import Path
from typing import Annotated

import typer

from inface.cli import batch
from inface.cli.progress import batch_bar
from inface.errors import InfaceError


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("measure")(batch.flat(measure))


def measure(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="Meshes in correspondence, raw scans, folders of `inface register`."),
    ],
    run: batch.RunOptions,
    age: Annotated[str | None, typer.Option(help="183d, 26w, 6m, 1y; a bare number is months.")] = None,
    sex: Annotated[str | None, typer.Option(help="female or male; for the WHO score.")] = None,
    gestation: Annotated[float | None, typer.Option(help="Weeks at birth; corrects the age below 37.")] = None,
    id: Annotated[str, typer.Option("--id", help="Label on the page; by default a running number, never a name.")] = "",
    date: Annotated[str, typer.Option(help="Date of the visit, shown on the page.")] = "",
    children: Annotated[
        Path | None, typer.Option(help="Table (CSV) with file, label, age, sex, gestation, date.")
    ] = None,
    compare: Annotated[list[Path] | None, typer.Option(help="Earlier report.json of the child; repeatable.")] = None,
    cap: Annotated[bool | None, typer.Option("--cap/--bare", help="A cap was worn, or the head was bare.")] = None,
    model: Annotated[str, typer.Option(help="A model file, or an embedded model's name.")] = "pca",
    unit: Annotated[str | None, typer.Option(help="mm, cm, m or inch; found when not given.")] = None,
    samples: Annotated[int, typer.Option(min=0, help="Of the posterior, for the errors of scans; 0: none.")] = 30,
    pdf: Annotated[bool, typer.Option("--pdf", help="Also report.pdf (extra: pdf).")] = False,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the report.")] = Path("report"),
) -> None:
    """Measure heads; writes report.html, report.json, report.csv. Exits 1 when a file or a registration failed.

    Meshes in correspondence are measured as they are; raw scans are registered first; a folder that `register` wrote
    gives the errors too. No diagnosis.
    """
    from inface.ages import days_of
    from inface.measurement.norms import Child
    from inface.reports.children import sex_of, visits_of, with_table
    from inface.reports.measure_files import MeasureFile, earlier_visits, measure_files

    if out.suffix:
        raise InfaceError(f"--out '{out}': name a folder, such as '{out.with_suffix('')}'")
    written = [out / f"report.{suffix}" for suffix in ("html", "json", "csv", "pdf")]
    batch.spare([*written, out.with_name(out.name + ".labels.csv")], *files, children, *(compare or []), model)
    child = Child(None if age is None else days_of(age, "--age"), sex_of(sex or ""), gestation)
    paths = _paths(files)
    visits = visits_of(paths, child, id, date)
    if children is not None:
        visits = with_table(visits, children)
    earlier = earlier_visits(compare or [], visits)
    work = MeasureFile(batch.reference(model), unit, cap, samples, earlier)
    chosen = run.run()
    mine = len(chosen.of(visits))
    with batch.warnings_as_lines(), batch_bar("measure", mine) as bar:
        done = measure_files(visits, out, work, run=chosen, progress=bar, pdf=pdf)
    for one in done.measured:
        shown = "  ".join(f"{name} {one[name].text()}" for name in ("circ.ml", "ci.ml", "cvai.30.short"))
        typer.echo(f"{one.verdict:8s} {one.label}  {shown}")
    for file, reason in done.failed.items():
        typer.echo(f"inface: {file}: {reason}", err=True)
    wrong = len(done.failed) + sum(one.verdict == "failed" for one in done.measured)
    see = f"see {out / 'report.html'}" if chosen.part is None else "the whole, or --join, writes the report"
    typer.echo(f"{mine - wrong} of {mine} measured; {see}")
    if wrong:
        raise typer.Exit(1)


def _paths(files: list[str]) -> list[Path]:
    from inface.reports.measure_files import registered_in

    paths: list[Path] = []
    for text in files:
        records = registered_in(text)
        suffixes = (*batch.MESH_SUFFIXES, ".npz")
        paths += records or batch.expand([text], suffixes)
    return list(dict.fromkeys(paths))
