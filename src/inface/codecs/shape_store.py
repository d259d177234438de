"""Shapes of one topology on disk, `NAME.shapes/`: files of some hundred shapes, mapped into memory, never read whole.

The folder holds `store.json` (format, unit, count, and the rows and hash of each part) and `parts/00017.npy`, float32
`(256, V, 3)`. A part is one task's work and one atomic file, so that many processes write a store without a lock.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inface._validate import FloatArray, IntArray
from inface.codecs.files import atomic_write
from inface.codecs.text_files import read_json, write_json
from inface.errors import FormatError

FORMAT = 1
SUFFIX = ".shapes"
PART_ROWS = 256
_OPEN = 4  # parts mapped at a time; a process may have some hundred files open, a store may have thousands


def part_file(folder: str | Path, number: int) -> Path:
    """The file of part `number` of a store."""
    return Path(folder) / "parts" / f"{number:05d}.npy"


def write_part(folder: str | Path, number: int, shapes: FloatArray) -> dict[str, Any]:
    """Write shapes `(n, V, 3)` as a part, float32, atomically; returns its entry for `write_store`."""
    path = part_file(folder, number)
    path.parent.mkdir(parents=True, exist_ok=True)
    block = np.ascontiguousarray(shapes, np.float32)
    with atomic_write(path) as temporary, open(temporary, "wb") as stream:
        np.save(stream, block)
    return {"rows": len(block), "sha256": hashlib.sha256(block.tobytes()).hexdigest()}


def write_store(folder: str | Path, parts: Sequence[Mapping[str, Any]], shape: tuple[int, int], **notes: Any) -> None:
    """Write `store.json`, last of all: a folder without it is no store. `shape` is `(V, 3)`."""
    known = {"format": FORMAT, "unit": "mm", "count": sum(part["rows"] for part in parts), "shape": list(shape)}
    write_json(Path(folder) / "store.json", {**known, **notes, "parts": [dict(part) for part in parts]})


def is_store(folder: str | Path) -> bool:
    """Whether the folder is a store, finished or not."""
    return Path(folder).is_dir() and (Path(folder).suffix == SUFFIX or (Path(folder) / "store.json").is_file())


def read_store(folder: str | Path) -> tuple["MappedShapes", dict[str, Any]]:
    """The shapes of a store, and what `store.json` says.

    Raises:
        FormatError: no `store.json` (packing was stopped), one of a later version, parts that are missing or cut short.
    """
    folder = Path(folder)
    path = folder / "store.json"
    if not path.is_file():
        raise FormatError(f"'{folder}': no store.json; the packing was stopped, or is going on: run the same command")
    notes = read_json(path)
    if not isinstance(notes, dict) or notes.get("format") != FORMAT:
        found = notes.get("format") if isinstance(notes, dict) else None
        raise FormatError(f"'{path}': expected a store of format {FORMAT}, found {found}; made by another version")
    try:
        rows = [int(part["rows"]) for part in notes["parts"]]
        width = int(notes["shape"][0])
        if not rows or any(n != rows[0] for n in rows[:-1]) or sum(rows) != notes["count"] or rows[-1] > rows[0]:
            raise ValueError("parts of unequal size")
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise FormatError(f"'{path}': damaged ({error!r}); pack the meshes again") from None
    files = [part_file(folder, i) for i in range(len(rows))]
    for file, count in zip(files, rows, strict=True):
        expected = 128 + 4 * count * width * 3
        size = file.stat().st_size if file.is_file() else None
        if size != expected:
            what = "is missing" if size is None else f"has {size} bytes, not {expected}"
            raise FormatError(f"'{file}': the part {what}; pack the meshes again, or copy the folder again, whole")
    return MappedShapes(tuple(map(str, files)), rows[0], (width, 3), np.arange(sum(rows))), notes


def damaged_parts(folder: str | Path) -> list[Path]:
    """Parts whose bytes are not those that were written (all of them are read)."""
    shapes, notes = read_store(folder)
    bad = []
    for file, part in zip(shapes.files, notes["parts"], strict=True):
        if hashlib.sha256(np.load(file, mmap_mode="r").tobytes()).hexdigest() != part["sha256"]:
            bad.append(Path(file))
    return bad


class MappedShapes:
    """Shapes `(N, V, 3)` float32 over the parts of a store: indexed like an array, in memory only where indexed.

    It pickles as names of files, so that it travels to workers at no cost.

    Args:
        files: the parts, all of `rows` shapes but the last.
        rows: shapes in a part.
        shape: `(V, 3)`.
        index: `(N,)` numbers of the shapes that are meant, of all those in the files.
    """

    dtype = np.dtype(np.float32)
    ndim = 3

    def __init__(self, files: tuple[str, ...], rows: int, shape: tuple[int, int], index: IntArray) -> None:
        self.files, self.rows, self.index = files, rows, index
        self.shape = (len(index), *shape)
        self._mapped: OrderedDict[int, NDArray] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_mapped": OrderedDict()}

    def __len__(self) -> int:
        return len(self.index)

    @property
    def nbytes(self) -> int:
        """Bytes of all shapes."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def select(self, index: Any) -> "MappedShapes":
        """The shapes at `index` (a slice, a mask, integers), still on disk."""
        return MappedShapes(self.files, self.rows, self.shape[1:], self.index[index])

    def __getitem__(self, key: Any) -> FloatArray:
        first, rest = (key[0], key[1:]) if isinstance(key, tuple) else (key, ())
        if isinstance(first, int | np.integer):
            return np.array(self._one(self.index[first])[rest])
        wanted = self.index[first]
        which, place = np.divmod(wanted, self.rows)
        out: FloatArray | None = None
        for part in np.unique(which):
            here = np.flatnonzero(which == part)
            block = self._part(int(part))[place[here]]
            block = block[(slice(None), *rest)] if rest else block
            if out is None:
                out = np.empty((len(wanted), *block.shape[1:]), self.dtype)
            out[here] = block
        if out is None:
            return np.empty((0, *self.shape[1:]), self.dtype)[(slice(None), *rest)]
        return out

    def __iter__(self) -> Iterator[FloatArray]:
        for i in range(len(self)):
            yield self[i]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> FloatArray:
        whole = self[:]
        return whole if dtype is None else whole.astype(dtype)

    def _one(self, number: int) -> FloatArray:
        part, place = divmod(int(number), self.rows)
        return self._part(part)[place]

    def _part(self, number: int) -> FloatArray:
        if number in self._mapped:
            self._mapped.move_to_end(number)
            return self._mapped[number]
        try:
            block = np.load(self.files[number], mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise FormatError(f"'{self.files[number]}': cannot be mapped ({error}); pack the meshes again") from None
        self._mapped[number] = block
        while len(self._mapped) > _OPEN:
            self._mapped.popitem(last=False)
        return block
