"""`inface synth`: synthetic heads, cohorts and scans on disk."""

from pathlib import Path
from typing import Annotated

import typer

from inface.cli import batch
from inface.cli.options import age_in_months
from inface.cli.progress import batch_bar, done_bar
from inface.errors import InfaceError

synth = typer.Typer(help="Synthetic infants: one head, a cohort, simulated scans.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.add_typer(synth, name="synth")


@synth.command("head")
def head(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The mesh file to write.")],
    age: Annotated[
        float, typer.Option(parser=age_in_months, metavar="AGE", help="Months, 183d, 1y; 0 to 36 months.")
    ] = 6.0,
    sex: Annotated[str | None, typer.Option(help="male or female; without it, between the two.")] = None,
    identity: Annotated[int, typer.Option(help="Seed of the child.")] = 0,
    expression: Annotated[str, typer.Option(help="A preset (crying) or a unit (smile).")] = "neutral",
    deformity: Annotated[str | None, typer.Option(help="Name of a deformity.")] = None,
) -> None:
    """Write one head."""
    from inface.synthetic import head as make

    make(age=age, sex=sex, identity=identity, expression=expression, deformity=deformity).export(out)
    typer.echo(str(out))


@synth.command("cohort")
@batch.flat
def cohort(
    run: batch.RunOptions,
    out: batch.OutOption = Path("cohort"),
    subjects: Annotated[int, typer.Option(min=1, help="Children.")] = 200,
    scans: Annotated[int, typer.Option(min=1, help="Scans of each child.")] = 3,
    seed: batch.SeedOption = 0,
) -> None:
    """Write PLY files and manifest.csv, the layout that training reads; a stopped run goes on where it was.

    With --out NAME.shapes the heads are packed as they are made (see `inface pack`), and no mesh file is written.
    """
    from inface.codecs.shape_store import SUFFIX
    from inface.synthetic.cohort import plan_of
    from inface.synthetic.cohort_files import write_cohort
    from inface.synthetic.cohort_packed import pack_cohort

    if out.suffix == SUFFIX:
        if run.part or run.join:
            raise InfaceError(
                "a packed cohort is made as one run: give --workers or --cluster, without --part and --join"
            )
        with batch.warnings_as_lines(), batch_bar("cohort") as shown:
            pack_cohort(plan_of(subjects, scans, seed, {}), out, run=run.run(), progress=shown)
        typer.echo(str(out))
        return
    with batch.warnings_as_lines(), done_bar("cohort", subjects * scans) as progress:
        manifest = write_cohort(out, subjects, scans, seed, progress=progress, run=run.run())
    typer.echo(str(manifest) if run.part is None else f"part {run.part} of {out}; the whole writes the manifest")


@synth.command("scans")
@batch.flat
def scans(
    run: batch.RunOptions,
    out: batch.OutOption = Path("scans"),
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="How many scans.")] = 10,
    seed: batch.SeedOption = 0,
    format: batch.FormatOption = None,
) -> None:
    """Write what a clinic's camera would give, and beside each scan its truth (.truth.npz)."""
    from inface.synthetic.scan_files import write_scans

    suffix = "." + (format or "ply").lstrip(".")
    with batch.warnings_as_lines(), done_bar("scans", number) as progress:
        written = write_scans(out, number, seed=seed, suffix=suffix, progress=progress, run=run.run())
    typer.echo(f"{len(written)} scans in {out}" if run.part is None else f"part {run.part} of {number} scans in {out}")
