"""What the verbs share: which files are meant, where results go, and one bad mesh in the way of none."""

import glob
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from inface.cli.progress import columns
from inface.codecs import MESH_FORMATS
from inface.errors import InfaceError

MESH_SUFFIXES = tuple(MESH_FORMATS)

ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="A model file, or an embedded model's name.")]
MeshesArgument = Annotated[list[str], typer.Argument(metavar="MESH...", help="Mesh files, folders or globs.")]
OutOption = Annotated[Path, typer.Option("--out", "-o", help="Folder for the results; a file when there is one.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the results as JSON on stdout.")]
SeedOption = Annotated[int, typer.Option("--seed", help="The same seed gives the same result.")]
FormatOption = Annotated[str | None, typer.Option("--format", help="Suffix of the results, such as ply or obj.")]
AlignOption = Annotated[bool, typer.Option("--align", help="Bring meshes rigidly to the model's frame first.")]
DetailOption = Annotated[bool, typer.Option("--keep-detail", help="Add back what the model cannot express.")]
SkipCheckOption = Annotated[bool, typer.Option("--no-check", help="Skip the check of pose.")]


def load_model(name_or_path: str):
    """The embedded model of that name, or the model file at that path."""
    import inface
    from inface.embedded import EMBEDDED

    if name_or_path in EMBEDDED:
        return inface.load_default_model(name_or_path)
    if not Path(name_or_path).exists():
        raise InfaceError(
            f"no model '{name_or_path}': expected a model file or one of the embedded models {', '.join(EMBEDDED)}"
        )
    return inface.load_model(name_or_path)


def expand(inputs: Sequence[str], suffixes: Sequence[str] = MESH_SUFFIXES) -> list[Path]:
    """Files named by paths, folders (their files of the given suffixes, by name) and globs, each once."""
    found: list[Path] = []
    for text in inputs:
        path = Path(text)
        if path.is_dir():
            seen = (p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))  # no leftovers of a kill
            inside = sorted(p for p in seen if p.suffix.lower() in suffixes)
            if not inside:
                raise InfaceError(f"folder '{path}': expected files with one of {', '.join(suffixes)}, found none")
            found += inside
        elif path.exists():
            found.append(path)
        elif any(c in text for c in "*?["):
            matches = [Path(p) for p in sorted(glob.glob(text, recursive=True))]
            if not matches:
                raise InfaceError(f"nothing matches '{text}'")
            found += [p for p in matches if p.is_file()]
        else:
            raise InfaceError(f"no such file or folder: '{text}'")
    return list(dict.fromkeys(found))


@dataclass(frozen=True)
class Output:
    """Where results go: a folder, or the one file that was named."""

    path: Path
    suffix: str | None
    single: bool

    @classmethod
    def of(cls, out: Path, suffix: str | None, count: int) -> "Output":
        """`out` is a file when it has a suffix, else a folder that is made; several results need a folder."""
        wanted = None if suffix is None else "." + suffix.lower().lstrip(".")
        single = bool(out.suffix) and not out.is_dir()
        if single and count != 1:
            raise InfaceError(f"--out '{out}' is one file but there are {count} results; name a folder")
        if not single:
            try:
                out.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise InfaceError(f"cannot make the folder '{out}' for the results: {error.strerror}") from None
        return cls(out, wanted, single)

    def file(self, stem: str, default_suffix: str, source: Path | None = None) -> Path:
        """The file for the result called `stem`; refuses to write over `source`, the file it is made from."""
        path = self.path if self.single else self.path / (stem + (self.suffix or default_suffix))
        if source is not None and path.exists() and path.samefile(source):
            raise InfaceError(f"the result would overwrite its input '{source}'; name another --out")
        return path


def stems(paths: Sequence[Path]) -> list[str]:
    """A distinct name for each path: its stem, with the parent's name in front where stems repeat."""
    names = [p.stem for p in paths]
    unique = [
        n if names.count(n) == 1 else f"{p.parent.name}_{p.name.replace('.', '_')}"
        for n, p in zip(names, paths, strict=True)
    ]
    if len(set(unique)) != len(unique):
        raise InfaceError("two inputs would write the same result; process their folders one after the other")
    return unique


def each(
    items: Sequence[Any],
    work: Callable[[Any], dict[str, Any]],
    *,
    label: str,
    as_json: bool,
    name: Callable[[Any], str] = str,
    text: Callable[[dict[str, Any]], str] | None = None,
) -> None:
    """Run `work` on every item; a failed one is named at the end and the others go on. Exits 1 if any failed.

    `work` returns a JSON-able record, printed as it comes (text) or all at the end (`--json`).
    """
    records: list[dict[str, Any]] = []
    failures: list[tuple[str, str]] = []
    console = Console(stderr=True)
    with Progress(*columns(), console=console, transient=True, disable=not console.is_terminal) as progress:
        for item in progress.track(items, description=label):
            try:
                record = {"input": name(item), **work(item)}
            except (InfaceError, ValueError, OSError) as error:
                failures.append((name(item), str(error)))
                records.append({"input": name(item), "error": str(error)})
                continue
            records.append(record)
            if not as_json:
                typer.echo((text or line)(record))
    if as_json:
        typer.echo(json.dumps(records, indent=1))
    if failures:
        for failed, reason in failures:
            print(f"inface: {failed}: {reason}", file=sys.stderr)
        if len(items) > 1:
            print(f"inface: {len(failures)} of {len(items)} failed, {len(items) - len(failures)} done", file=sys.stderr)
        raise typer.Exit(1)


def line(record: dict[str, Any]) -> str:
    """One line of text for a record: `input -> output  key value ...`."""
    head = str(record["input"]) + (f" -> {record['output']}" if "output" in record else "")
    rest = [f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in record.items() if _plain(k, v)]
    return "  ".join([head, *rest])


def _plain(key: str, value: Any) -> bool:
    return key not in ("input", "output") and not isinstance(value, dict | list) and value is not None
