"""The one loop of the verbs that take many files: `each_file`.

A verb for many files is a frozen dataclass that does one file, and a call::

    @dataclass(frozen=True)
    class Measure:                                    # at module level: it travels to the workers
        model: ModelReference                         # options are its fields: plain values, arrays, paths, models
        unit: str | None

        def __call__(self, path: Path) -> Measurements:
            return measure(Mesh.load(path), self.model.load(), unit=self.unit)

    def save(value: Measurements, target: Path) -> dict:        # writes one result, returns what is printed
        value.save(target)
        return {"head_mm": value.head}

    @flat                                             # the fields of RunOptions become --workers, --cluster, ...
    def measure_files(model: ModelArgument, meshes: MeshesArgument, run: RunOptions, out: OutOption = Path("m"),
                      as_json: JsonOption = False) -> None:
        each_file(Files(meshes, out, ".json"), Measure(reference(model), None), save, run=run, label="measure",
                  as_json=as_json)

With that the verb has workers, clusters, parts, resume, a journal, the bar with counts, the sentence of Ctrl-C, one
bad file in the way of none, and no result is ever written over an input.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inface.batches import Journal, Outcome, Part, open_executor, open_journal, run_batch, written
from inface.batches.journal import settled_by_parts
from inface.cli.inputs import MESH_SUFFIXES, expand, paths_in, refuse_overwriting, stems
from inface.cli.options import (
    EditOptions,
    FitOptions,
    FormatOption,
    JsonOption,
    MeshesArgument,
    ModelArgument,
    OutOption,
    RunOptions,
    SeedOption,
    WriteOptions,
    flat,
)
from inface.cli.progress import BatchBar, batch_bar
from inface.cli.records import Printer, line, warnings_as_lines
from inface.cli.settings_of import move_models, settings_of
from inface.errors import InfaceError
from inface.model_reference import ModelReference

__all__ = [
    "MESH_SUFFIXES",
    "EditOptions",
    "Files",
    "FitOptions",
    "FormatOption",
    "JsonOption",
    "MeshesArgument",
    "ModelArgument",
    "OutOption",
    "Output",
    "RunOptions",
    "SeedOption",
    "WriteOptions",
    "each_file",
    "each_item",
    "expand",
    "flat",
    "line",
    "load_model",
    "reference",
    "refuse_overwriting",
    "stems",
    "warnings_as_lines",
]

_HERE = RunOptions()


def reference(name_or_path: str) -> ModelReference:
    """The embedded model of that name, or the model file at that path, loaded and as a reference for workers."""
    return ModelReference.named(name_or_path)


def load_model(name_or_path: str):
    """The embedded model of that name, or the model file at that path."""
    return reference(name_or_path).load()


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

    def file(self, stem: str, default_suffix: str) -> Path:
        """The file for the result called `stem`."""
        return self.path if self.single else self.path / (stem + (self.suffix or default_suffix))


@dataclass(frozen=True)
class Files:
    """Which files are meant, and where their results go.

    Attributes:
        inputs: files, folders and globs, as given on the command line.
        out: folder of the results, or the one file; None: nothing is written.
        suffix: of the results; None: that of each input.
        format: what the user gave as `--format`, which overrules `suffix`.
        suffixes: which files of a folder are meant.
        instead: suffixes of results for those of inputs, where the input's own will not do.
    """

    inputs: Sequence[str]
    out: Path | None = None
    suffix: str | None = None
    format: str | None = None
    suffixes: Sequence[str] = MESH_SUFFIXES
    instead: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Item:
    """One file: its name in the run, where it is, where its result goes, and what it was when the run began."""

    key: str
    source: str
    target: str
    stamp: str


@dataclass(frozen=True)
class _OneFile:
    """On the worker: load and work, write, and say what was written."""

    work: Callable[[Path], Any]
    write: Callable[[Any, Path], dict[str, Any] | None] | None

    def __call__(self, item: _Item) -> dict[str, Any]:
        value = self.work(Path(item.source))
        if self.write is None:
            return dict(value)
        told = self.write(value, Path(item.target)) or {}
        return {"output": item.target, **told, "files": written(item.target)}


def each_file(
    files: Files,
    work: Callable[[Path], Any],
    write: Callable[[Any, Path], dict[str, Any] | None] | None = None,
    *,
    run: RunOptions = _HERE,
    label: str,
    as_json: bool = False,
    text: Callable[[dict[str, Any]], str] | None = None,
) -> list[Outcome]:
    """Do `work` on every file and `write` its result; a failed one is named at the end and the others go on.

    Where there are several files and `files.out` is a folder, the run is kept in `OUT/.run`: the same command again
    does only what is missing, what failed, and what has changed (the file, the options, the model, the version).

    Args:
        work: called with the file's path on the worker; a frozen dataclass at module level whose fields are the
            options. Models are `ModelReference`s in it. Without `write` it returns a JSON-able dict.
        write: called with what `work` returned and the file to write; returns what is printed of it, JSON-able.
        run: the options of `RunOptions`.
        label: of the bar.
        as_json: print all records as one JSON list at the end, in the order of the files.
        text: a line for a record; None: `line`.

    Raises:
        InfaceError: no such files, a result that would be written over an input, another run at work in the folder.
        typer.Exit: code 1 when a file failed, after all others are done; 130 after Ctrl-C.
    """
    part = Part.parse(run.part) if run.part else None
    if part and run.join:
        raise InfaceError("--join puts together what all parts have made; give it without --part")
    paths = expand(files.inputs, files.suffixes)
    items = _items(files, paths)
    if write is not None:
        refuse_overwriting([Path(item.target) for item in items], [*paths, *paths_in(work)])
    mine = items if part is None else part.of(items)
    folder = files.out if write is not None and files.out is not None and files.out.is_dir() else None
    kept_in = folder if len(items) > 1 or run.cluster or part or run.join else None
    if run.join and kept_in is None:
        raise InfaceError("--join needs the folder that the parts wrote to (--out)")
    shown_as = {
        item.key: (str(path), shown) for item, path, shown in zip(items, paths, _shown(files, items), strict=True)
    }
    printer = Printer({item.key: shown_as[item.key] for item in mine}, as_json, text or line)
    with ExitStack() as stack:
        journal = None
        if kept_in is not None:
            journal = stack.enter_context(open_journal(kept_in, settings_of(_OneFile(work, write)), part))
        shown = stack.enter_context(batch_bar(label, len(mine), resumes=journal is not None))
        if run.join:
            outcomes: Iterator[Outcome] = iter(settled_by_parts(journal, mine))  # type: ignore[arg-type]
        else:
            outcomes = _outcomes(_OneFile(work, write), mine, run, journal, shown, stack, folder)
        for outcome in outcomes:
            printer.take(outcome)
    return printer.end()


def each_item(
    items: Sequence[Any],
    work: Callable[[Any], dict[str, Any]],
    *,
    label: str,
    as_json: bool,
    name: Callable[[Any], str] = str,
    text: Callable[[dict[str, Any]], str] | None = None,
) -> None:
    """The same for a few things that are made or told here and now, which are no files to be worked through."""
    printer = Printer({str(item): (name(item), "") for item in items}, as_json, text or line)
    with batch_bar(label, len(items), resumes=False) as shown:
        for outcome in run_batch(work, items, progress=shown):
            printer.take(outcome)
    printer.end()


def _outcomes(
    work: _OneFile,
    items: list[_Item],
    run: RunOptions,
    journal: Journal | None,
    shown: BatchBar,
    stack: ExitStack,
    folder: Path | None,
) -> Iterator[Outcome]:
    """The batch, where `run` says; models go to the other machines by way of the shared folder."""
    if journal is not None and run.again:
        journal.forget(items)
    if run.cluster and folder is not None:
        work = _OneFile(move_models(work.work, folder / ".run"), work.write)
    workers = min(run.workers, max(1, len(items)))
    stack.enter_context(warnings_as_lines())
    executor = stack.enter_context(open_executor(run.cluster, workers=workers, folder=folder))
    return run_batch(work, items, executor=executor, journal=journal, progress=shown)


def _items(files: Files, paths: list[Path]) -> list[_Item]:
    target = None if files.out is None else Output.of(files.out, files.format, len(paths))
    out = []
    for path, name in zip(paths, stems(paths), strict=True):
        own = path.suffix.lower()
        suffix = files.suffix or files.instead.get(own, own)
        end = "" if target is None else str(target.file(name, suffix).absolute())
        state = path.stat()
        stamp = f"{path.name} {state.st_size} {state.st_mtime_ns} {Path(end).name}"
        out.append(_Item(name, str(path.absolute()), end, stamp))
    return out


def _shown(files: Files, items: list[_Item]) -> list[str]:
    """Results as the user's own words name them."""
    out = files.out or Path()
    return [str(out / Path(item.target).name if out.is_dir() else out) for item in items]
