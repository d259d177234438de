"""The command line: one module a verb, each with `register(app)`.

Exit codes: 0 all done; 1 something failed (named on stderr; what could be done was done); 2 wrong usage.
"""

import importlib
import itertools
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout

import typer

from inface.cli.records import warnings_as_lines
from inface.errors import InfaceError

VERBS = (
    "info",
    "sample",
    "reconstruct",
    "neutralize",
    "transfer",
    "express",
    "age",
    "encode",
    "decode",
    "translate",
    "correct",
    "convert",
    "export",
    "view",
    "render",
    "animate",
    "share",
    "demo",
    "synth",
    "pack",
    "train",
    "train_attributes",
    "evaluate",
    "register",
    "photo",
    "annotate",
    "measure",
    "example",
    "help",
)


HELP = """3D statistical shape models of infant faces and heads.

Each verb takes one or many files, folders and globs; `inface help VERB` tells its options. `inface example DIR` writes
files to try everything on.
"""


def build_app() -> typer.Typer:
    """The application with every verb registered."""
    app = typer.Typer(
        name="inface",
        help=HELP,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback(invoke_without_command=True)
    def _root(
        version: bool = typer.Option(False, "--version", "-V", help="Print the version and stop."),
        quiet: bool = typer.Option(False, "--quiet", "-q", help="Print nothing but errors (and what --json asks for)."),
        verbose: bool = typer.Option(False, "--verbose", "-v", help="Of an error, tell also where it came from."),
    ) -> None:
        if version:
            from inface import __version__

            typer.echo(f"inface {__version__}")
            raise typer.Exit()

    for verb in VERBS:
        importlib.import_module(f"inface.cli.{verb}").register(app)
    return app


def run(arguments: list[str] | None = None) -> None:
    """Parse and run; expected errors become one sentence on stderr and exit code 1."""
    words = sys.argv[1:] if arguments is None else arguments
    first = list(itertools.takewhile(lambda word: word.startswith("-"), words))  # before the verb
    with ExitStack() as stack:
        _console_of_any_encoding()
        if {"-q", "--quiet"} & set(first):
            stack.enter_context(_quiet(keep="--json" in words))
        stack.enter_context(warnings_as_lines())
        try:
            build_app()(args=words)
        except (InfaceError, ValueError, OSError) as error:
            if {"-v", "--verbose"} & set(first):
                traceback.print_exc()
            print(f"inface: {error}", file=sys.stderr)
            raise SystemExit(1) from None
        except KeyboardInterrupt:
            print("inface: stopped", file=sys.stderr)
            raise SystemExit(1) from None


def _console_of_any_encoding() -> None:
    """Names that the console can't show (a Windows code page, an ASCII locale) are escaped; no batch stops at one."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure") and (stream.encoding or "").lower().replace("-", "") != "utf8":
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def _quiet(*, keep: bool) -> Iterator[None]:
    """No bars (workers neither), no warnings, and no reports but JSON."""
    before = os.environ.get("TTY_COMPATIBLE")
    os.environ["TTY_COMPATIBLE"] = "0"  # what rich asks before it draws
    try:
        with ExitStack() as stack:
            if not keep:
                stack.enter_context(redirect_stdout(stack.enter_context(open(os.devnull, "w", encoding="utf-8"))))
            yield
    finally:
        if before is None:
            del os.environ["TTY_COMPATIBLE"]
        else:
            os.environ["TTY_COMPATIBLE"] = before
