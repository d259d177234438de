"""`inface help`: what the program or one of its verbs does, as `--help` tells it."""

from typing import Annotated

import typer

from inface.errors import InfaceError


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("help")(show_help)


def show_help(
    context: typer.Context,
    verb: Annotated[str | None, typer.Argument(metavar="[VERB]", help="A verb; without one, all are listed.")] = None,
) -> None:
    """Tell what the program does, or what a verb takes."""
    root = context.find_root()
    if verb is None:
        typer.echo(root.get_help())
        return
    command = root.command.get_command(root, verb)  # type: ignore[attr-defined]
    if command is None:
        known = ", ".join(root.command.list_commands(root))  # type: ignore[attr-defined]
        raise InfaceError(f"no verb '{verb}'; there are {known}")
    with command.make_context(verb, [], parent=root, resilient_parsing=True) as inner:
        typer.echo(inner.get_help())
