"""The loop of the verbs that turn one mesh into one mesh."""

from collections.abc import Callable
from pathlib import Path

from inface.cli import batch
from inface.mesh import Mesh


def each_mesh(
    inputs: list[str],
    change: Callable[[Mesh], Mesh],
    *,
    out: Path,
    format: str | None,
    label: str,
    as_json: bool,
) -> None:
    """Load every mesh, change it, write it under its own name in `out`."""
    paths = batch.expand(inputs)
    target = batch.Output.of(out, format, len(paths))
    names = dict(zip(paths, batch.stems(paths), strict=True))

    def work(path: Path) -> dict:
        result = change(Mesh.load(path))
        written = target.file(names[path], path.suffix.lower(), path)
        result.export(written)
        return {"output": str(written)}

    batch.each(paths, work, label=label, as_json=as_json)
