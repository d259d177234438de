"""What a batch prints: a line or a JSON record a result, a sentence a failure, and the exit code."""

import json
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer

from inface.batches import Outcome


class Printer:
    """Records on stdout, failures on stderr, and the exit code."""

    def __init__(self, names: dict[str, tuple[str, str]], as_json: bool, text: Callable[[dict[str, Any]], str]) -> None:
        self._names, self._as_json, self._text = names, as_json, text
        self._outcomes: dict[str, Outcome] = {}

    def take(self, outcome: Outcome) -> None:
        """Take up what became of one; a result is printed at once, unless all are printed as JSON at the end."""
        self._outcomes[outcome.key] = outcome
        if outcome.ok and not self._as_json:
            typer.echo(self._text(self._record(outcome)))

    def _record(self, outcome: Outcome) -> dict[str, Any]:
        source, target = self._names[outcome.key]
        if not outcome.ok:
            return {"input": source, "error": outcome.reason}
        told = {k: v for k, v in outcome.value.items() if k != "files"}
        return {"input": source, **told, **({"output": target} if target and "output" in told else {})}

    def end(self) -> list[Outcome]:
        """The outcomes in the order of the files; raises `typer.Exit(1)` when one failed, after it is named."""
        outcomes = [self._outcomes[key] for key in self._names if key in self._outcomes]
        if self._as_json:
            typer.echo(json.dumps([self._record(one) for one in outcomes], indent=1))
        failed = [one for one in outcomes if not one.ok]
        for one in failed:
            print(f"inface: {self._names[one.key][0]}: {one.reason}", file=sys.stderr)
        states = Counter(one.state for one in outcomes)
        if states["kept"]:
            print(
                f"inface: {states['kept']} of {len(outcomes)} stood already; --again makes them again", file=sys.stderr
            )
        if failed:
            if len(outcomes) > 1:
                print(
                    f"inface: {len(failed)} of {len(outcomes)} failed, {len(outcomes) - len(failed)} done",
                    file=sys.stderr,
                )
            raise typer.Exit(1)
        return outcomes


@contextmanager
def warnings_as_lines() -> Iterator[None]:
    """Warnings of the block as lines on stderr, at once and without the place in the code."""

    def show(message: Any, *_: Any, **__: Any) -> None:
        print(f"inface: {message}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show
        yield


def line(record: dict[str, Any]) -> str:
    """One line of text for a record: `input -> output  key value ...`."""
    head = str(record["input"]) + (f" -> {record['output']}" if "output" in record else "")
    rest = [f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in record.items() if _plain(k, v)]
    return "  ".join([head, *rest])


def _plain(key: str, value: Any) -> bool:
    return key not in ("input", "output") and not isinstance(value, dict | list) and value is not None
