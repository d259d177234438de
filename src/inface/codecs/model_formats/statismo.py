"""Statismo and Scalismo models (`.h5`, `.h5.json`) [luethi2018], and the Basel Face Model 2017 and 2019 [gerig2018].

One layout under one or several roots: `model/mean`, `model/pcaBasis (3V, k)`, `model/pcaVariance`,
`model/noiseVariance`, and a representer: points `(3, V)` and cells `(3, T)` since version 0.9, the bytes of a VTK file
before. Until version 0.8 the basis was scaled by the standard deviations. The Basel models stand under `shape`,
`expression` and `color`. Scalismo's newer `.h5.json` is the same tree in HDF5/JSON.
"""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from inface._validate import FloatArray, IntArray
from inface.codecs.files import atomic_write
from inface.codecs.mesh_formats import vtk
from inface.codecs.mesh_formats.data import unit_colors
from inface.codecs.model_formats.data import ModelData
from inface.codecs.model_formats.linear import LinearModel, Modes, triangles_of, vertices_of
from inface.errors import FileWarning, FormatError

_ROOTS = ("", "shape/")


def is_own(keys: set[str]) -> bool:
    """Whether the paths of a file's arrays are those of this layout."""
    return any(root + "model/pcaBasis" in keys for root in _ROOTS)


def read(arrays: Mapping[str, Any]) -> LinearModel:
    """A model from a file's arrays by their paths."""
    root = next(root for root in _ROOTS if root + "model/pcaBasis" in arrays)
    points, triangles = _reference(arrays, root)
    mean, modes = _modes(arrays, root)
    if len(points) != len(mean):
        raise FormatError(f"the mean has {len(mean)} vertices, but the reference has {len(points)}")
    card = {"data": "a statismo model" if not root else "a Basel Face Model", "layout": _version(arrays, root)}
    blocks = {"": modes}
    if "expression/model/pcaBasis" in arrays:
        offset, expression = _modes(arrays, "expression/")
        if offset.shape != mean.shape:
            raise FormatError("the expression model has another number of vertices than the shape model")
        mean = mean + offset
        blocks = {"identity": modes, "expression": expression}
    colors = None
    if "color/model/mean" in arrays:
        colors = unit_colors(vertices_of(arrays["color/model/mean"], "color/model/mean"))
        card["not kept"] = "of its colour model only the mean is kept"
    noise = arrays.get(root + "model/noiseVariance")
    return LinearModel(
        mean,
        triangles,
        blocks,
        None if noise is None else float(np.asarray(noise).reshape(-1)[0]),
        colors,
        _landmarks(arrays, points),
        card=card,
    )


def write(path: str | Path, data: ModelData) -> None:
    """Write a PCA model in the layout of version 0.9, which statismo and Scalismo read.

    What the layout can't hold (landmarks, regions, mirror pairs, colours, the card) is said in a `FileWarning`.

    Raises:
        FormatError: the model is no PCA model.
    """
    if data.kind != "pca" or data.components is None or data.eigenvalues is None:
        raise FormatError("statismo's layout holds PCA models only; write an autoencoder as .npz")
    lost = [
        name
        for name, value in (
            ("landmarks", data.landmarks),
            ("regions", data.regions),
            ("mirror pairs", data.mirror is not None),
            ("colours", data.colors is not None),
            ("names of blocks", data.blocks),
            ("card", data.card),
        )
        if value
    ]
    if lost:
        warnings.warn(f"'{path}': statismo's layout has no place for: {', '.join(lost)}", FileWarning, stacklevel=2)
    mean = np.asarray(data.mean_vertices, np.float32)
    with atomic_write(path) as temporary, h5py.File(temporary, "w", locking=False) as file:
        file["model/mean"] = mean.reshape(-1)
        file["model/pcaBasis"] = np.asarray(data.components, np.float32).T
        file["model/pcaVariance"] = np.asarray(data.eigenvalues, np.float32)
        file["model/noiseVariance"] = np.float32((data.noise_std or 0.0) ** 2)
        file["representer/points"] = mean.T
        file["representer/cells"] = np.asarray(data.triangles, np.int32).T
        file["version/majorVersion"], file["version/minorVersion"] = 0, 9
        file.create_group("modelinfo")
        representer = file["representer"]
        representer.attrs["name"] = "itkStandardMeshRepresenter"
        representer.attrs["version/majorVersion"], representer.attrs["version/minorVersion"] = 0, 1
        representer.attrs["datasetType"] = "POLYGON_MESH"


def json_arrays(path: Path) -> dict[str, Any] | None:
    """The arrays of an HDF5/JSON file by their paths; None when the file is JSON of another kind."""
    try:
        tree = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise FormatError(f"the JSON is damaged or cut short ({error})") from None
    if not isinstance(tree, dict) or not isinstance(tree.get("datasets"), dict):
        return None
    out: dict[str, Any] = {}
    for entry in tree["datasets"].values():
        if isinstance(entry, dict) and "value" in entry:
            for alias in entry.get("alias", []):
                out[str(alias).strip("/")] = np.asarray(entry["value"])
    return out


def _version(arrays: Mapping[str, Any], root: str) -> str:
    for place in (root, ""):
        if place + "version/majorVersion" in arrays:
            numbers = [arrays[place + f"version/{part}Version"] for part in ("major", "minor")]
            return ".".join(str(int(np.asarray(n).reshape(-1)[0])) for n in numbers)
    return "0.8" if root + "representer/reference" in arrays else "0.9"


def _modes(arrays: Mapping[str, Any], root: str) -> tuple[FloatArray, Modes]:
    mean = vertices_of(np.asarray(arrays[root + "model/mean"]).reshape(-1), root + "model/mean")
    basis = np.asarray(arrays[root + "model/pcaBasis"], np.float64)
    if root + "model/pcaVariance" not in arrays:
        raise FormatError(f"the model lacks '{root}model/pcaVariance'")
    std = np.sqrt(np.maximum(np.asarray(arrays[root + "model/pcaVariance"], np.float64).reshape(-1), 0))
    if basis.ndim != 2 or basis.shape != (mean.size, len(std)):
        raise FormatError(f"'{root}model/pcaBasis' should have shape ({mean.size}, {len(std)}), got {basis.shape}")
    version = _version(arrays, root)
    if version == "0.8":  # columns of length sqrt(variance)
        keep = std > 0
        return mean, Modes(basis[:, keep] / std[keep], std[keep])
    if version not in ("0.9",) and not version.startswith("1."):
        raise FormatError(f"statismo's layout {version} is unknown; known are 0.8, 0.9 and 1.x")
    return mean, Modes(basis, std)


def _reference(arrays: Mapping[str, Any], root: str) -> tuple[FloatArray, IntArray]:
    base = root + "representer/"
    if base + "points" in arrays and base + "cells" in arrays:
        points = vertices_of(_columns(arrays[base + "points"]), base + "points")
        return points, triangles_of(_columns(arrays[base + "cells"]), len(points))[0]
    if base + "reference" in arrays:
        mesh = vtk.parse(np.asarray(arrays[base + "reference"]).astype(np.uint8).tobytes())
        return mesh.vertices, mesh.triangles
    raise FormatError(f"the model has no reference mesh: expected '{base}points' and '{base}cells'")


def _columns(values: Any) -> Any:
    """Rows of three from `(3, n)`, which is how the layout keeps them, even for n = 3."""
    array = np.asarray(values)
    return array.T if array.ndim == 2 and array.shape[0] == 3 else array


def _landmarks(arrays: Mapping[str, Any], points: FloatArray) -> dict[str, int]:
    """Landmarks of the Basel models, at the vertices nearest to their coordinates on the reference."""
    raw = arrays.get("metadata/landmarks/json")
    if raw is None:
        return {}
    text = np.asarray(raw).reshape(-1)[0]
    try:
        entries = json.loads(text.decode("utf-8") if isinstance(text, bytes) else str(text))
        return {
            str(e["id"]): int(((points - np.asarray(e["coordinates"], float)) ** 2).sum(1).argmin()) for e in entries
        }
    except (ValueError, KeyError, TypeError):
        return {}
