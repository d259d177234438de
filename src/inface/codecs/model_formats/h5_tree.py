"""HDF5 model files <-> nested dictionaries of arrays.

Layout (of the INFACE reference, `docs/` has the table): a group is a dictionary; a group whose keys all start with
`item_` is a list, ordered by number. What only this package knows (versions, card, landmarks, calibration) stands in
attributes of the file and in the group `inface`, which the reference's reader passes over.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType

import h5py
import numpy as np

from inface.codecs.files import atomic_write, require_space
from inface.errors import FormatError

Tree = dict[str, "Tree | list | np.ndarray | str | float | int"]

_NETWORK = ("biases", "matrix_mults")
_COMMON = {"mean_vertices", "triangles"}
_OPTIONAL = {"indices", "colors", "inface"}
HEADERS = 2**14  # bytes that HDF5 needs beside the arrays, about
ENCODERS = ("id_encoder", "exp_encoder", "age_encoder")
LAYOUTS = {
    "pca": _COMMON | {"components", "eigenvalues"},
    "autoencoder": _COMMON | {"latent_mean", "latent_std", "encoder", "decoder"},
    "disentangled autoencoder": _COMMON | {"latent_mean", "latent_std", "decoder", *ENCODERS},
}


class ModelFile(Mapping[str, object]):
    """An open model file: shapes are known at once, arrays are read when asked for.

    `file["decoder"]` reads a whole group, `file["decoder/biases"]` a list, `file["triangles"]` an array. Close it, or
    use it in a `with` block. The file is opened once; a file that replaces it on disk later is not seen.

    Attributes:
        path: of the file.
        layout: "pca", "autoencoder" or "disentangled autoencoder"; a key of `LAYOUTS`.
        attributes: of the root; str, int, float, bool or arrays.
        shapes: path of each array -> its shape, without reading it.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise FileNotFoundError(f"there is no model file '{path}'")
        try:
            self._file = open_h5(self.path)
        except (OSError, RuntimeError) as error:
            raise FormatError(f"'{path}': {why_not_hdf5(self.path, error)} ({_short(error)})") from None
        try:
            self.shapes: dict[str, tuple[int, ...]] = {}
            self._file.visititems(self._note)
            self.attributes = {name: _plain(value) for name, value in self._file.attrs.items()}
            self.layout = _layout(set(self._file.keys()))
            self._check_networks()
        except FormatError as error:
            self.close()
            raise FormatError(f"'{path}': {error}") from None
        except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
            self.close()
            raise FormatError(f"'{path}': the HDF5 file is damaged ({_short(error)})") from error

    def __getitem__(self, key: str):
        if self._closed():
            raise ValueError(f"'{self.path}': the model file is closed")
        try:
            node = self._file[key]
        except KeyError:
            raise KeyError(f"'{self.path}': no '{key}' in the model file; it has {', '.join(self)}") from None
        try:
            return _read(node)
        except FormatError as error:
            raise FormatError(f"'{self.path}': {error}") from None
        except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
            raise FormatError(f"'{self.path}': '{key}' is damaged ({_short(error)})") from error

    def __contains__(self, key: object) -> bool:
        return key in self._file

    def __iter__(self) -> Iterator[str]:
        return iter(self._file.keys())

    def __len__(self) -> int:
        return len(self._file)

    def __enter__(self) -> "ModelFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; arrays that were read stay valid."""
        self._file.close()

    def _closed(self) -> bool:
        return not self._file.id.valid

    def _note(self, name: str, node: h5py.Dataset | h5py.Group) -> None:
        if isinstance(node, h5py.Dataset):
            self.shapes[name] = node.shape

    def _check_networks(self) -> None:
        for name in LAYOUTS[self.layout]:
            is_network = name.endswith("coder")
            if is_network != isinstance(self._file[name], h5py.Group):
                raise FormatError(f"'{name}' should be {'a group' if is_network else 'an array'}")
            for part in _NETWORK if is_network else ():
                if not isinstance(self._file[name].get(part), h5py.Group):
                    raise FormatError(f"'{name}' lacks its list '{part}'")
                _items(self._file[name][part])


def open_model_file(path: str | Path) -> ModelFile:
    """Open a model file without reading its arrays.

    Raises:
        FormatError: not HDF5, truncated, or not one of the known layouts (missing or surplus keys are named).
        FileNotFoundError: there is no such file.
    """
    return ModelFile(path)


def read_model(path: str | Path) -> tuple[Tree, dict]:
    """Everything in a model file: `(nested dictionary, attributes)`."""
    with open_model_file(path) as file:
        return {key: file[key] for key in file}, dict(file.attributes)


def write_model(path: str | Path, contents: Mapping, attributes: Mapping | None = None) -> None:
    """Write a nested dictionary of arrays, strings, numbers and lists of arrays, atomically.

    Arrays keep their type; lists (and tuples) become groups `item_0, item_1, ...`; empty dictionaries are left out
    (the reference would take them for lists).

    Raises:
        FormatError: the contents are of no known layout.
        FileAccessError: the place can't be written; see `atomic_write`.
    """
    _layout(set(contents))
    with atomic_write(path) as temporary:
        require_space(temporary, _bytes(contents) + HEADERS)
        with h5py.File(temporary, "w", locking=False) as file:  # a name that no other process knows
            for name, value in (attributes or {}).items():
                file.attrs[name] = value
            _write(file, contents)


def _bytes(value) -> int:
    """Size of the arrays in nested contents."""
    if isinstance(value, Mapping):
        return sum(_bytes(inner) for inner in value.values())
    if isinstance(value, list | tuple):
        return sum(_bytes(inner) for inner in value)
    return 0 if isinstance(value, str) else np.asarray(value).nbytes


def _write(group: h5py.Group, contents: Mapping) -> None:
    for name, value in contents.items():
        if isinstance(value, Mapping):
            if value:
                _write(group.create_group(name), value)
        elif isinstance(value, list | tuple):
            _write(group.create_group(name), {f"item_{i}": np.asarray(item) for i, item in enumerate(value)})
        elif isinstance(value, str):
            group.create_dataset(name, data=value, dtype=h5py.string_dtype())
        else:
            group.create_dataset(name, data=np.asarray(value))


def _read(node: h5py.Dataset | h5py.Group):
    if isinstance(node, h5py.Group):
        if len(node) and all(key.startswith("item_") for key in node):
            return [_read(item) for item in _items(node)]
        return {key: _read(item) for key, item in node.items()}
    return _plain(node[()])


def _items(group: h5py.Group) -> list[h5py.Dataset]:
    wanted = [f"item_{i}" for i in range(len(group))]
    if set(wanted) != set(group):
        missing = next(name for name in wanted if name not in group)
        raise FormatError(f"the list '{group.name[1:]}' lacks '{missing}'; it has {', '.join(group)}")
    return [group[name] for name in wanted]


def _plain(value):
    """Text as str, scalars as Python numbers, arrays as they are."""
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray) and value.dtype.kind in "OS":
        return [entry.decode("utf-8") if isinstance(entry, bytes) else str(entry) for entry in value.ravel()]
    return value


def _layout(keys: set[str]) -> str:
    """Which layout a set of top-level keys is; `FormatError` with the difference to the nearest one."""
    missing = {name: wanted - keys for name, wanted in LAYOUTS.items()}
    surplus = {name: keys - wanted - _OPTIONAL for name, wanted in LAYOUTS.items()}
    for name in LAYOUTS:
        if not missing[name] and not surplus[name]:
            return name
    nearest = min(LAYOUTS, key=lambda name: len(missing[name]) + len(surplus[name]))
    if not keys & (LAYOUTS[nearest] - _COMMON):
        found = ", ".join(sorted(keys)[:12]) or "none"
        raise FormatError(f"the HDF5 file holds no INFACE model; its keys are: {found}")
    parts = []
    if missing[nearest]:
        parts.append("lacks " + ", ".join(sorted(missing[nearest])))
    if surplus[nearest]:
        parts.append("has the unknown " + ", ".join(sorted(surplus[nearest])))
    raise FormatError(f"the keys are nearest to those of a model of kind {nearest}, but it {' and '.join(parts)}")


def open_h5(path: Path) -> h5py.File:
    """An HDF5 file open for reading; without a lock where the file system has none or another process holds it.

    A file that another process is writing in the way of its newer versions can't be opened so either, and raises.
    """
    try:
        return h5py.File(path, "r", locking="best-effort")
    except OSError as error:
        if not _is_lock(error):
            raise
        return h5py.File(path, "r", locking=False)


def _is_lock(error: Exception) -> bool:
    return "lock" in str(error).lower()


def why_not_hdf5(path: Path, error: Exception) -> str:
    """What is the matter with a file that HDF5 can't open."""
    if _is_lock(error):
        return "another program holds a lock on the file; close it there"
    if "already open for" in str(error):
        return (
            "another program has the file open for writing; close it there (or, if none has, it was not closed "
            "properly: h5clear -s FILE mends its mark)"
        )
    size = path.stat().st_size
    if size == 0:
        return "the file is empty"
    with open(path, "rb") as stream:
        magic = stream.read(8)
    if magic != b"\x89HDF\r\n\x1a\n":
        return "expected an HDF5 model file, but this is no HDF5"
    return "the HDF5 file is cut short or damaged; copy it again"


def _short(error: Exception) -> str:
    return str(error).splitlines()[0][:160] if str(error) else type(error).__name__
