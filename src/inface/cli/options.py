"""Options that verbs share, each written once: dataclasses whose fields become options of the verb."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from inface.ages import months_of
from inface.batches import Part, Run

ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="A model file, or an embedded model's name.")]
MeshesArgument = Annotated[list[str], typer.Argument(metavar="MESH...", help="Mesh files, folders or globs.")]
OutOption = Annotated[Path, typer.Option("--out", "-o", help="Folder for the results; a file when there is one.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the results as JSON on stdout.")]
SeedOption = Annotated[int, typer.Option("--seed", help="The same seed gives the same result.")]
FormatOption = Annotated[str | None, typer.Option("--format", help="Suffix of the results, such as ply or obj.")]

_MANY = "Many files"  # heading in the help of a verb

ClusterOption = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="WHERE",
        help="Other machines: tcp://HOST:PORT, file:SCHEDULER.json, local:N, slurm (extra: distributed).",
        rich_help_panel=_MANY,
    ),
]


def age_in_months(text: str) -> float:
    """Months of an age as people write it, for `typer.Option(parser=...)`."""
    try:
        return months_of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


@dataclass(frozen=True)
class RunOptions:
    """How many files are worked through: `--workers`, `--cluster`, `--part`, `--join`, `--again`.

    A verb takes it as a parameter `run: RunOptions` under `@flat` and hands it to `each_file`.
    """

    workers: Annotated[
        int, typer.Option("--workers", "-j", min=1, help="Processes on this machine.", rich_help_panel=_MANY)
    ] = 1
    cluster: ClusterOption = None
    part: Annotated[
        str | None,
        typer.Option("--part", metavar="K/N", help="Only part K of N, for array jobs.", rich_help_panel=_MANY),
    ] = None
    join: Annotated[
        bool, typer.Option("--join", help="Only put together what the parts have made.", rich_help_panel=_MANY)
    ] = False
    again: Annotated[
        bool, typer.Option("--again", help="Make all again, also what stands already.", rich_help_panel=_MANY)
    ] = False

    def run(self) -> Run:
        """The same as a `batches.Run`; raises `InfaceError` for a part that is none."""
        return Run(self.workers, self.cluster, Part.parse(self.part) if self.part else None, self.join, self.again)


@dataclass(frozen=True)
class WriteOptions:
    """`--format` and `--json`."""

    format: FormatOption = None
    as_json: JsonOption = False


@dataclass(frozen=True)
class EditOptions:
    """How a mesh is taken into a model and out again: `--keep-detail`, `--align`, `--no-check`."""

    keep_detail: Annotated[bool, typer.Option("--keep-detail", help="Add back what the model cannot express.")] = False
    align: Annotated[bool, typer.Option("--align", help="Bring meshes rigidly to the model's frame first.")] = False
    no_check: Annotated[bool, typer.Option("--no-check", help="Skip the check of pose.")] = False

    def keywords(self, detail: bool = True) -> dict[str, Any]:
        """Keywords of the models' edits; without `keep_detail` those of `encode`."""
        plain = {"align": self.align, "check": not self.no_check}
        return {"keep_detail": self.keep_detail, **plain} if detail else plain


@dataclass(frozen=True)
class FitOptions:
    """`--align` and `--no-check`, for verbs that do not write what the model cannot express."""

    align: Annotated[bool, typer.Option("--align", help="Bring meshes rigidly to the model's frame first.")] = False
    no_check: Annotated[bool, typer.Option("--no-check", help="Skip the check of pose.")] = False

    def keywords(self) -> dict[str, Any]:
        """Keywords of `encode` and `reconstruct`."""
        return {"align": self.align, "check": not self.no_check}


def flat(verb: Callable[..., None]) -> Callable[..., None]:
    """A verb whose parameters that are dataclasses are given field by field on the command line.

    Typer reads signatures; the one that it sees here has each dataclass's fields in the place of the dataclass.
    """
    hints = get_type_hints(verb, include_extras=True)
    records = {name: kind for name, kind in hints.items() if is_dataclass(kind)}
    shown: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(verb).parameters.items():
        if name not in records:
            shown.append(parameter.replace(annotation=hints[name], kind=parameter.KEYWORD_ONLY))
            continue
        inside = get_type_hints(records[name], include_extras=True)
        for one in fields(records[name]):  # type: ignore[arg-type]
            default = parameter.empty if one.default is MISSING else one.default
            shown.append(
                inspect.Parameter(one.name, parameter.KEYWORD_ONLY, default=default, annotation=inside[one.name])
            )

    def called(**given: Any) -> None:
        own = {k: v for k, v in given.items() if k in hints and k not in records}
        for name, kind in records.items():
            own[name] = kind(**{one.name: given[one.name] for one in fields(kind)})  # type: ignore[arg-type,operator]
        verb(**own)

    called.__name__, called.__doc__, called.__module__ = verb.__name__, verb.__doc__, verb.__module__
    called.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    return called
