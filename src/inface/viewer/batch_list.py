"""A folder of meshes or of registrations, gone through one by one."""

import csv
from dataclasses import dataclass, replace
from pathlib import Path

from inface.codecs import MESH_SUFFIXES
from inface.errors import InfaceError
from inface.mesh import Mesh
from inface.viewer.editor import SceneEditor
from inface.viewer.scene import Scene

REPORT = "report.csv"


@dataclass(frozen=True)
class Entry:
    """One mesh of a folder.

    Attributes:
        name: as the report has it, or the file's stem.
        mesh: its file; None where a registration gave none.
        verdict, reasons: of its registration; "" for a plain mesh.
    """

    name: str
    mesh: Path | None
    verdict: str = ""
    reasons: str = ""

    @property
    def label(self) -> str:
        """What a list shows."""
        return f"{self.name} · {self.verdict}" if self.verdict else self.name


def read_folder(folder: str | Path) -> tuple[Entry, ...]:
    """The entries of a folder: the rows of its `report.csv` in their order, else its mesh files by name.

    Raises:
        InfaceError: no folder, nothing in it, or a report that is none.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InfaceError(f"no folder '{folder}'")
    report = folder / REPORT
    if report.is_file():
        with report.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        if not rows or not {"name", "verdict", "mesh"} <= set(rows[0]):
            raise InfaceError(
                f"'{report}': expected rows with name, verdict and mesh, as `inface register` writes them"
            )
        return tuple(
            Entry(r["name"], _inside(folder, r["mesh"]), r["verdict"], r.get("reasons") or "")
            for r in rows
            if r["name"]
        )
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in MESH_SUFFIXES and not p.name.startswith("."))
    if not found:
        raise InfaceError(f"folder '{folder}': expected a {REPORT} or mesh files, found neither")
    return tuple(Entry(p.stem, p) for p in found)


def opened(editor: SceneEditor, scene: Scene, entry: Entry) -> tuple[Scene, str]:
    """The scene with that entry alone opened, and a sentence on it."""
    scene = replace(scene, opened=(), marks=type(scene.marks)(), shape=editor.start().shape)
    if entry.mesh is None:
        raise InfaceError(f"{entry.name}: {entry.verdict or 'no mesh'}; {entry.reasons or 'there is nothing to show'}")
    scene, said = editor.open(scene, entry.name, Mesh.load(entry.mesh))
    if not entry.verdict:
        return scene, said
    told = replace(scene.opened[-1], verdict=entry.verdict, words=entry.reasons)
    words = f"{entry.name}: {entry.verdict}" + (f"; {entry.reasons}" if entry.reasons else "")
    return replace(scene, opened=(*scene.opened[:-1], told)), words


def _inside(folder: Path, name: str) -> Path | None:
    """The file of that name in the folder; None where there is none. A report leads nowhere else."""
    path = folder / Path(name).name if name else None
    return path if path is not None and path.is_file() else None
