"""Work for the tests of batches; a module that worker processes can import."""

import ctypes
import os
import time
from dataclasses import dataclass
from pathlib import Path

from inface.batches import WorkerUnfit, written
from inface.codecs.text_files import write_text


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
