"""Work for the tests of batches; a module that worker processes can import."""

import ctypes
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import typer

from inface.batches import WorkerUnfit, written
from inface.cli import batch
from inface.codecs.text_files import write_text
from inface.mesh import Mesh


@dataclass(frozen=True)
class Item:
    """An item that may go wrong: what happens when it is worked on, and a stamp."""

    key: str
    does: str = ""
    stamp: str = ""


@dataclass(frozen=True)
class Task:
    """Writes `KEY.txt` into a folder, unless the item says otherwise."""

    out: str
    seconds: float = 0.0
    settings: str = ""

    def __call__(self, item: Item) -> dict:
        with open(Path(self.out) / "begun.log", "a") as log:  # one short line at once: no two mix
            log.write(f"{item.key}\n")
        time.sleep(self.seconds)
        if item.does == "meet":  # over only when another worker is at the other of the pair
            (Path(self.out) / f"{item.key}.here").touch()
            other = item.key.translate(str.maketrans("ab", "ba"))
            until = time.monotonic() + 60
            while not (Path(self.out) / f"{other}.here").exists():
                if time.monotonic() > until:
                    raise TimeoutError("alone")
                time.sleep(0.01)
        if item.does == "raise":
            raise ValueError(f"no good: {item.key}")
        if item.does == "memory":
            raise MemoryError
        if item.does == "kill":
            os.kill(os.getpid(), 9)
        if item.does == "segfault":
            ctypes.string_at(0)
        if item.does == "exit":
            raise SystemExit(3)
        if item.does == "unfit":
            raise WorkerUnfit("it is not fit")
        if item.does == "unpicklable":
            return {"no": lambda: 0}
        file = Path(self.out) / f"{item.key}.txt"
        write_text(file, f"{item.key} {self.settings}\n")
        return {"files": written(file), "pid": os.getpid()}


def begun(out: Path) -> list[str]:
    """Keys in the order in which they were begun."""
    log = out / "begun.log"
    return log.read_text().split() if log.exists() else []


@dataclass(frozen=True)
class ToObj:
    """A scan to OBJ; one whose name says so ends the process, as a library that crashes does."""

    def __call__(self, path: Path) -> Mesh:
        if "poison" in path.name:
            ctypes.string_at(0)
        return Mesh.load(path)


def save_mesh(mesh: Mesh, target: Path) -> None:
    """Write a result."""
    mesh.export(target)


def soak(folder: str, out: str, workers: str, cluster: str = "") -> None:
    """The run of the soak test, as a command."""
    run = batch.RunOptions(workers=int(workers), cluster=cluster or None)
    try:
        batch.each_file(batch.Files([f"{folder}/*/*.ply"], Path(out), ".obj"), ToObj(), save_mesh, run=run,
                        label="soak", as_json=True)  # fmt: skip
    except typer.Exit as end:
        sys.exit(end.exit_code)


if __name__ == "__main__":
    import batch_work

    batch_work.soak(*sys.argv[1:])  # by the module's own name, which the workers know too
