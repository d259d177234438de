"""The verbs that turn one mesh into one mesh: an edit of a model, by its name and keywords."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inface.cli import batch
from inface.mesh import Mesh
from inface.model_reference import ModelReference


@dataclass(frozen=True)
class Edit:
    """`model.EDIT(mesh, *arguments, **keywords)` of the mesh in a file."""

    model: ModelReference
    edit: str
    keywords: Mapping[str, Any] = field(default_factory=dict)
    arguments: tuple[Any, ...] = ()

    def __call__(self, path: Path) -> Mesh:
        """The edited mesh."""
        return getattr(self.model.load(), self.edit)(Mesh.load(path), *self.arguments, **self.keywords)


def write_mesh(mesh: Mesh, target: Path) -> None:
    """Write a result."""
    mesh.export(target)


def each_mesh(
    meshes: list[str], out: Path, work: Any, run: batch.RunOptions, options: batch.WriteOptions, label: str
) -> None:
    """Every mesh through `work`, under its own name and in its own format into `out`."""
    files = batch.Files(meshes, out, None, options.format)
    batch.each_file(files, work, write_mesh, run=run, label=label, as_json=options.as_json)
