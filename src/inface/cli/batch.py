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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inface.batches import Outcome, Run, open_executor, run_batch, run_in_folder, written
from inface.cli.inputs import MESH_SUFFIXES, expand, paths_in, spare, stems
from inface.cli.options import (
    ClusterOption,
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
from inface.codecs.files import refuse_overwriting
from inface.errors import InfaceError
from inface.model_reference import ModelReference

__all__ = [
    "MESH_SUFFIXES",
    "ClusterOption",
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
    "noise_level",
    "reference",
    "refuse_overwriting",
    "spare",
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
        also: further files that are read (a mask, a table) and must not be written over.
    """

    inputs: Sequence[str]
    out: Path | None = None
    suffix: str | None = None
    format: str | None = None
    suffixes: Sequence[str] = MESH_SUFFIXES
    instead: Mapping[str, str] = field(default_factory=dict)
    also: tuple[Path | None, ...] = ()


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
    chosen = run.run()
    paths = expand(files.inputs, files.suffixes)
    items = _items(files, paths)
    if write is not None:
        refuse_overwriting([item.target for item in items], [*paths, *paths_in(work), *filter(None, files.also)])
    folder = files.out if write is not None and files.out is not None and files.out.is_dir() else None
    many = len(items) > 1 or run.cluster or run.part or run.join
    if run.join and folder is None:
        raise InfaceError("--join needs the folder that the parts wrote to (--out)")
    mine = chosen.of(items)
    shown = {item.key: (str(path), _shown(files, item)) for item, path in zip(items, paths, strict=True)}
    printer = Printer({item.key: shown[item.key] for item in mine}, as_json, text or line)
    one = _OneFile(work, write)
    with warnings_as_lines(), batch_bar(label, len(mine), resumes=bool(folder and many)) as bar:
        for outcome in _outcomes(one, items, chosen, folder, bool(many), bar):
            printer.take(outcome)
    return printer.end()


def _outcomes(
    work: _OneFile, items: list[_Item], run: Run, folder: Path | None, many: bool, bar: BatchBar
) -> Iterator[Outcome]:
    """The batch, where `run` says; models go to other machines by way of the shared folder."""
    if folder is not None and many:
        settings = settings_of(work)
        if run.cluster:
            work = _OneFile(move_models(work.work, folder / ".run"), work.write)
        yield from run_in_folder(work, items, folder, settings, run, progress=bar)
        return
    mine = run.of(items)
    with open_executor(run.cluster, workers=min(run.workers, max(1, len(mine))), folder=folder) as executor:
        yield from run_batch(work, mine, executor=executor, progress=bar)


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


def _shown(files: Files, item: _Item) -> str:
    """A result as the user's own words name it."""
    out = files.out or Path()
    return str(out / Path(item.target).name if out.is_dir() else out)


def noise_level(text: str | None) -> Any:
    """Millimetres, "auto" or None."""
    if text in (None, "auto"):
        return text
    try:
        return float(text)
    except ValueError:
        raise InfaceError(f"--noise-std {text}: expected millimetres or auto") from None
