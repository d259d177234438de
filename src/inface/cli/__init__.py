"""The command line: one module a verb, each with `register(app)`.

Exit codes: 0 all done; 1 something failed (named on stderr; what could be done was done); 2 wrong usage.
"""

import importlib
import sys

import typer

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
    "train",
    "evaluate",
    "register",
    "photo",
)


def build_app() -> typer.Typer:
    """The application with every verb registered."""
    app = typer.Typer(
        name="inface",
        help="3D statistical shape models of infant faces and heads.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )

    @app.callback(invoke_without_command=True)
    def _root(version: bool = typer.Option(False, "--version", help="Print the version and stop.")) -> None:
        if version:
            from inface import __version__

            typer.echo(f"inface {__version__}")
            raise typer.Exit()

    for verb in VERBS:
        importlib.import_module(f"inface.cli.{verb}").register(app)
    return app


def run(arguments: list[str] | None = None) -> None:
    """Parse and run; expected errors become one sentence on stderr and exit code 1."""
    try:
        build_app()(args=arguments)
    except (InfaceError, ValueError, OSError) as error:
        print(f"inface: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        print("inface: stopped", file=sys.stderr)
        raise SystemExit(1) from None
