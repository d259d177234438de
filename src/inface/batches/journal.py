"""The files of a run, in `OUT/.run`: what was settled, so that a stopped run goes on, and who is at work.

`run.json` says what the run is; `journal.jsonl` has one line an outcome and is written by the client alone;
`lock` names the client. A part of an array job has a journal and a lock of its own; all journals are read.
"""

import hashlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from inface.batches.executors import refuse_unguarded_script
from inface.batches.outcome import Outcome, key_of, stamp_of
from inface.batches.parts import Part
from inface.codecs.text_files import write_json
from inface.errors import FileAccessError, InfaceError

FORMAT = "inface-run-1"
_BEAT = 30.0  # seconds between signs of life of a lock
_STALE = 600.0  # seconds without one after which a lock of another machine counts for nothing


class Journal:
    """Outcomes of this run and of earlier ones in one folder. `open_journal` makes it."""

    def __init__(self, folder: Path, settings: str, path: Path) -> None:
        self.folder = folder  # where results are
        self.settings = settings
        self._path = path
        self._known: dict[tuple[str, str], dict[str, Any]] = {}
        self._stream: Any = None
        self._last: dict[
            str, tuple[float, str]
        ] = {}  # a result's file -> when it was written last, and for which stamp
        self._torn = False
        self.unwritten = 0  # outcomes that a full disk kept out of the journal
        for file in sorted(path.parent.glob("journal*.jsonl")):
            self._read(file)
        self._sizes = _sizes(folder)

    def kept(self, item: Any) -> Outcome | None:
        """The outcome of an earlier run, if it was made from the same things and its files are there."""
        line = self.latest(item)
        if line is None or line["state"] != "done":
            return None
        files = _files(line)
        if any(self._sizes.get(name) != size or self._last[name][1] != line["stamp"] for name, size in files):
            return None
        return Outcome(key_of(item), "kept", line["value"], "", line["attempts"], line["seconds"], line["worker"])

    def latest(self, item: Any) -> dict[str, Any] | None:
        """The last line on this item made with these settings; also of one that failed."""
        return self._known.get((key_of(item), self._stamp(item)))

    def write(self, item: Any, outcome: Outcome) -> None:
        """Add a line; one that the disk has no room for is left out, and the item is done again by the next run."""
        line = {"key": outcome.key, "stamp": self._stamp(item), "state": outcome.state, "value": outcome.value}
        line |= {"reason": outcome.reason, "attempts": outcome.attempts, "seconds": round(outcome.seconds, 4)}
        line |= {"worker": outcome.worker, "at": round(time.time(), 3)}
        text = ("\n" if self._torn else "") + json.dumps(line, default=_plain) + "\n"
        content = text.encode()
        try:
            if self._stream is None:
                self._stream = open(self._path, "ab", buffering=0)  # noqa: SIM115
            self._torn = self._stream.write(content) != len(content)
        except OSError:
            self._torn = True
        self.unwritten += self._torn

    def forget(self, items: Iterable[Any]) -> None:
        """Make the items again, whatever earlier runs have made of them."""
        for item in items:
            self._known.pop((key_of(item), self._stamp(item)), None)

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _stamp(self, item: Any) -> str:
        return hashlib.sha256(f"{self.settings}\n{stamp_of(item)}".encode()).hexdigest()[:16]

    def _read(self, file: Path) -> None:
        """Take up the lines of a journal; a torn one counts for nothing."""
        with open(file, encoding="utf-8", errors="replace") as stream:
            for text in stream:
                self._torn = file == self._path and not text.endswith("\n")
                try:
                    line = json.loads(text)
                    self._known[line["key"], line["stamp"]] = line
                    for name, _ in _files(line):
                        self._last[name] = max(self._last.get(name, (0.0, "")), (line["at"], line["stamp"]))
                except (ValueError, KeyError, TypeError):
                    continue


@contextmanager
def open_journal(folder: str | Path, settings: Mapping[str, Any], part: Part | None = None) -> Iterator[Journal]:
    """Take the folder for one run and yield its journal; leftovers of killed runs (`.tmp-*`) are swept.

    Args:
        folder: where the results go; made if missing.
        settings: plain values that every result depends on (options, hash of the model, version); results made with
            others do not count.
        part: the part of an array job; other parts may be at work in the same folder.

    Raises:
        InfaceError: another run is at work in the folder, or its files are of a later version of the package.
        FileAccessError: the folder can't be made or written.
    """
    refuse_unguarded_script()
    home = Path(folder) / ".run"
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileAccessError(f"cannot make the folder '{home}': {error.strerror or error}") from error
    suffix = "" if part is None else "-" + part.name
    lock = home / f"lock{suffix}"
    with _locked(lock):
        told = json.dumps(settings, sort_keys=True, default=str)
        _check_format(home / "run.json")
        if not any(is_live(other) for other in home.glob("lock*") if other != lock):
            _sweep(Path(folder))
            _sweep(home)
        write_json(home / "run.json", {"format": FORMAT, "settings": json.loads(told)})
        journal = Journal(Path(folder), told, home / f"journal{suffix}.jsonl")
        try:
            yield journal
        finally:
            journal.close()
            if not any(is_live(other) for other in home.glob("lock*") if other != lock):
                _sweep(Path(folder))


def settled_by_parts(journal: Journal, items: list[Any]) -> list[Outcome]:
    """What the parts have made of the items, in their order; what none has done is failed, with that as its reason."""
    out = []
    for item in items:
        kept, line = journal.kept(item), journal.latest(item)
        if kept is not None:
            out.append(kept)
        elif line is not None and line["state"] in ("failed", "lost"):
            out.append(Outcome(key_of(item), line["state"], None, line["reason"], line["attempts"]))
        else:
            reason = "no part has done it; run the part it belongs to, or the whole without --part and --join"
            out.append(Outcome(key_of(item), "failed", None, reason))
    return [replace(one) for one in out]


def folder_in_use(folder: str | Path) -> str | None:
    """Who is at work in the folder, in words; None when nobody is."""
    for lock in sorted((Path(folder) / ".run").glob("lock*")):
        if is_live(lock):
            return _owner(lock)
    return None


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _files(line: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Name and size of what the work wrote; see `outcome.written`."""
    return line["value"].get("files", []) if isinstance(line["value"], Mapping) else []


def _sizes(folder: Path) -> dict[str, int]:
    with os.scandir(folder) as entries:
        return {entry.name: entry.stat().st_size for entry in entries if entry.is_file()}


def _check_format(path: Path) -> None:
    try:
        found = json.loads(path.read_text(encoding="utf-8")).get("format")
    except (OSError, ValueError, AttributeError):
        return
    if found != FORMAT:
        raise InfaceError(
            f"'{path}': expected the format {FORMAT}, found {found}: the folder was written by another version of "
            "inface; give another folder, or remove its '.run'"
        )


def _sweep(folder: Path) -> None:
    for leftover in folder.glob(".tmp-*"):
        with suppress(OSError):
            leftover.unlink()


@contextmanager
def _locked(lock: Path) -> Iterator[None]:
    for _ in range(2):
        try:
            with open(lock, "x", encoding="utf-8") as file:
                json.dump({"host": socket.gethostname(), "process": os.getpid(), "since": time.ctime()}, file)
            break
        except FileExistsError:
            if is_live(lock):
                raise InfaceError(
                    f"another run is at work in '{lock.parent.parent}' ({_owner(lock)}); wait for it, or give another "
                    f"folder. If you are sure that it is over, remove '{lock}'"
                ) from None
            with suppress(OSError):
                lock.unlink()
        except OSError as error:
            raise FileAccessError(f"cannot write '{lock}': {error.strerror or error}") from error
    else:
        raise InfaceError(f"another run has just begun in '{lock.parent.parent}'; wait for it, or give another folder")
    over = threading.Event()

    def beat() -> None:
        while not over.wait(_BEAT):
            with suppress(OSError):
                os.utime(lock)

    threading.Thread(target=beat, daemon=True).start()
    try:
        yield
    finally:
        over.set()
        with suppress(OSError):
            lock.unlink()


def is_live(lock: Path) -> bool:
    """Whether the client that a lock names is still at work: a live process here, a recent sign of life elsewhere."""
    try:
        age = _now(lock.parent) - lock.stat().st_mtime
        owner = json.loads(lock.read_text(encoding="utf-8"))
        host, process = owner["host"], int(owner["process"])
    except FileNotFoundError:
        return False
    except (OSError, ValueError, KeyError, TypeError):
        return age < 5  # being written at this moment, or a leftover
    if age > _STALE:
        return False
    if host != socket.gethostname() or os.name == "nt":  # Windows has no harmless signal
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _now(folder: Path) -> float:
    """The time by the clock of the machine that holds the folder."""
    probe = folder / f".tmp-now-{os.getpid()}-{threading.get_ident()}"
    try:
        probe.touch()
        return probe.stat().st_mtime
    finally:
        with suppress(OSError):
            probe.unlink()


def _owner(lock: Path) -> str:
    try:
        owner = json.loads(lock.read_text(encoding="utf-8"))
        return f"host {owner['host']}, process {owner['process']}, since {owner['since']}"
    except (OSError, ValueError, KeyError):
        return "an unknown process"
