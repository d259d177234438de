"""A model as a plain `.npz`: the tree of our HDF5 files, one array a path, for programs that read numpy and no HDF5.

Nothing is lost. Names are paths (`mean_vertices`, `components`, `decoder/matrix_mults/item_0`, `inface/landmarks`);
texts are JSON in unicode arrays; nothing is pickled.
"""

import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from inface.codecs.files import atomic_write
from inface.codecs.model_formats.data import ModelData
from inface.codecs.model_formats.inface_h5 import attributes_of, contents, read_data


def is_plain(keys: set[str]) -> bool:
    """Whether the names in a `.npz` are those of such a file."""
    return {"mean_vertices", "triangles"} <= keys and bool({"eigenvalues", "latent_mean"} & keys)


def write_plain(path: str | Path, data: ModelData, template_hash: str) -> None:
    """Write a model, atomically; the same model gives the same bytes."""
    arrays = dict(_flat(contents(data)))
    arrays |= {f"attributes/{name}": np.array(value) for name, value in attributes_of(data, template_hash).items()}
    with atomic_write(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            stream = io.BytesIO()
            np.lib.format.write_array(stream, np.asanyarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(name + ".npy", (1980, 1, 1, 0, 0, 0)), stream.getvalue())


def read_plain(file: Mapping[str, Any]) -> ModelData:
    """The model in such a file."""
    tree: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    for name in file:
        value = file[name]
        if value.dtype.kind == "U":
            value = str(value)
        elif not value.ndim:
            value = value.item()
        *folders, last = name.split("/")
        if folders == ["attributes"]:
            attributes[last] = value
            continue
        place = tree
        for folder in folders:
            place = place.setdefault(folder, {})
        place[last] = value
    return read_data(_Tree(_lists(tree), attributes))  # type: ignore[arg-type]


class _Tree(Mapping[str, Any]):
    """A nested dictionary as `read_data` sees an open HDF5 file."""

    path = Path("the .npz")

    def __init__(self, tree: Mapping[str, Any], attributes: Mapping[str, Any]) -> None:
        self._tree, self.attributes = tree, attributes
        self.layout = "pca" if "eigenvalues" in tree else "autoencoder"
        self.shapes = {name: np.shape(value) for name, value in _flat(tree)}

    def __getitem__(self, key: str) -> Any:
        return self._tree[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tree)

    def __len__(self) -> int:
        return len(self._tree)


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, list):
            value = {f"item_{i}": item for i, item in enumerate(value)}
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}/")
        else:
            yield prefix + name, np.asarray(value)


def _lists(tree: Any) -> Any:
    """Groups whose keys all begin with `item_` as lists, in the order of their numbers."""
    if not isinstance(tree, dict):
        return tree
    if tree and all(key.startswith("item_") for key in tree):
        return [_lists(tree[f"item_{i}"]) for i in range(len(tree))]
    return {key: _lists(value) for key, value in tree.items()}
