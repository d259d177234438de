"""A model as a nested dictionary, the form in which it stands in a file, and back.

The keys are those of the INFACE reference. What only this package knows stands in attributes of the file (format,
format_version, kind, unit, template_hash, card) and in the group `inface`; the reference's reader passes over both.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inface.codecs import ModelFile, open_model_file, write_model
from inface.errors import FormatError
from inface.models.ages import AgeCalibration
from inface.models.latent import LatentSpace
from inface.models.network import LazyNetworks, Network

if TYPE_CHECKING:
    from inface.models.autoencoder import AEMorphableModel
    from inface.models.base import MorphableModel
    from inface.models.pca import PCAMorphableModel

FORMAT, FORMAT_VERSION = "inface", 1
CARD_LIMIT = 60_000  # characters; an HDF5 attribute holds 64 KiB
# name of an encoder in a file -> its block; one plain encoder has no block
ENCODERS = {"encoder": "", "id_encoder": "identity", "exp_encoder": "expression", "age_encoder": "age"}
RELU_FACTOR = 0.2


def pca_arguments(file: ModelFile) -> dict[str, Any]:
    """Keywords of `PCAMorphableModel` from an open file; `FormatError` when it holds another kind."""
    _expect(file, "pca")
    extras = _extras(file)
    blocks = extras.pop("blocks", {})
    eigenvalues = np.asarray(file["eigenvalues"])
    latent = LatentSpace(np.zeros(len(eigenvalues)), np.sqrt(np.maximum(eigenvalues, 0)), blocks) if blocks else None
    return {"components": file["components"], "eigenvalues": eigenvalues, "latent": latent, **extras}


def autoencoder_arguments(file: ModelFile) -> dict[str, Any]:
    """Keywords of `AEMorphableModel` from an open file; the encoders are read from it when first used."""
    _expect(file, "autoencoder", "disentangled autoencoder")
    extras = _extras(file)
    names = {block: name for name, block in ENCODERS.items() if name in file}
    widths = {block: _output_width(file, name) for block, name in names.items()}
    encoders = LazyNetworks({block: _Reader(file, name) for block, name in names.items()}, widths)
    blocks = extras.pop("blocks", None) or blocks_of(widths)
    latent = LatentSpace(np.asarray(file["latent_mean"]), np.asarray(file["latent_std"]), blocks)
    return {"encoders": encoders, "decoder": _network(file, "decoder"), "latent": latent, **extras}


def blocks_of(widths: Mapping[str, int]) -> dict[str, slice]:
    """Blocks of a latent that is the encoders' outputs one after the other; none for a single plain encoder."""
    if set(widths) == {""}:
        return {}
    ends = np.cumsum(list(widths.values())).tolist()
    return {name: slice(end - widths[name], end) for name, end in zip(widths, ends, strict=True)}


def open_model(path: str | Path | ModelFile) -> ModelFile:
    """The open file of a path; an open one passes through. Refuses a version later than this package knows."""
    file = path if isinstance(path, ModelFile) else open_model_file(path)
    version = file.attributes.get("format_version", 0)
    if file.attributes.get("format") == FORMAT and not version <= FORMAT_VERSION:
        file.close()
        raise FormatError(
            f"'{file.path}': written in version {version} of the inface format, this package reads up to "
            f"{FORMAT_VERSION}; update it with: pip install -U inface"
        )
    return file


def save(model: "MorphableModel", path: str | Path) -> None:
    """Write a model atomically in our versioned layout, which the INFACE reference opens too."""
    attributes = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "kind": model.kind,
        "unit": model.template.unit,
        "template_hash": model.template.hash,
        "card": json.dumps(dict(model.card)),
    }
    write_model(path, contents(model), attributes)


def contents(model: "MorphableModel") -> dict[str, Any]:
    """The nested dictionary of a model's arrays, as `save` writes it."""
    tree: dict[str, Any] = model._weights()
    tree |= {"mean_vertices": model.mean_vertices, "triangles": model.triangles}
    if model.template.regions:
        tree["indices"] = dict(model.template.regions)
    if model.colors is not None:
        tree["colors"] = model.colors
    own: dict[str, Any] = {
        "blocks": json.dumps({name: [block.start, block.stop] for name, block in model.blocks.items()})
    }
    if model.template.landmarks:
        own["landmarks"] = json.dumps({name: int(index) for name, index in model.template.landmarks.items()})
    if model.template.mirror is not None:
        own["mirror"] = model.template.mirror
    if model.noise_std is not None:
        own["noise_std"] = model.noise_std
    if model.expressions:
        own["expression_names"] = json.dumps(list(model.expressions))
        own["expression_codes"] = np.stack(list(model.expressions.values()))
    if model.age_calibration is not None:
        age = model.age_calibration
        own |= {"age_direction": age.direction, "age_codes": age.codes, "age_months": age.months}
    return tree | {"inface": own}


def pca_weights(model: "PCAMorphableModel") -> dict[str, Any]:
    """The part of `contents` that only a PCA model has."""
    return {"components": model.components, "eigenvalues": model.eigenvalues}


def autoencoder_weights(model: "AEMorphableModel") -> dict[str, Any]:
    """The part of `contents` that only an autoencoder has."""
    names = {block: name for name, block in ENCODERS.items()}
    tree: dict[str, Any] = {"latent_mean": model.latent.mean, "latent_std": model.latent.std}
    networks = {names[block]: network for block, network in model.encoders.items()} | {"decoder": model.decoder}
    for name, network in networks.items():
        tree[name] = {
            "matrix_mults": list(network.weights),
            "biases": list(network.biases),
            "relu_factor": network.slope,
        }
    return tree


def contents_hash(tree: Mapping[str, Any]) -> str:
    """Hash of a nested dictionary of arrays, texts and numbers: names, types, shapes and bytes."""
    digest = hashlib.sha256()

    def visit(name: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for key in sorted(value):
                visit(f"{name}/{key}", value[key])
        elif isinstance(value, list):
            for i, item in enumerate(value):
                visit(f"{name}/{i}", item)
        elif isinstance(value, str):
            digest.update(f"{name}={value};".encode())
        else:
            array = np.asarray(value)
            digest.update(f"{name}:{array.dtype.str}{array.shape};".encode())
            digest.update(np.ascontiguousarray(array).data)

    visit("", tree)
    return digest.hexdigest()[:16]


def _expect(file: ModelFile, *layouts: str) -> None:
    if file.layout not in layouts:
        raise FormatError(f"'{file.path}' holds a model of kind {file.layout}; open it with inface.load_model")


def _extras(file: ModelFile) -> dict[str, Any]:
    """What every kind of model may have beside its weights."""
    out: dict[str, Any] = {"mean_vertices": file["mean_vertices"], "triangles": file["triangles"]}
    out["unit"] = file.attributes.get("unit", "mm")
    out["card"] = json.loads(file.attributes.get("card", "{}"))
    if "colors" in file:
        out["colors"] = file["colors"]
    if "indices" in file:
        if "indices" in file.shapes:
            raise FormatError(f"'{file.path}': 'indices' should be a group of named vertex lists, not an array")
        out["regions"] = _flat(file["indices"])
    own: Any = file.get("inface", {})
    if "blocks" in own:
        out["blocks"] = {name: slice(*ends) for name, ends in json.loads(own["blocks"]).items()}
    if "landmarks" in own:
        out["landmarks"] = json.loads(own["landmarks"])
    for name in ("mirror", "noise_std"):
        if name in own:
            out[name] = own[name]
    if "expression_names" in own:
        out["expressions"] = dict(zip(json.loads(own["expression_names"]), own["expression_codes"], strict=True))
    if "age_direction" in own:
        out["age_calibration"] = AgeCalibration(own["age_direction"], own["age_codes"], own["age_months"])
    return out


def _flat(indices: Any, prefix: str = "") -> dict[str, Any]:
    """The named index arrays of a group, those of inner groups under `outer/inner`."""
    pairs = indices.items() if isinstance(indices, Mapping) else ((f"item_{i}", v) for i, v in enumerate(indices))
    out: dict[str, Any] = {}
    for name, value in pairs:
        if isinstance(value, Mapping | list):
            out |= _flat(value, f"{prefix}{name}/")
        else:
            out[prefix + name] = np.asarray(value)
    return out


def _network(file: ModelFile, name: str) -> Network:
    group = file[name]
    try:
        return Network(tuple(group["matrix_mults"]), tuple(group["biases"]), group.get("relu_factor", RELU_FACTOR))
    except ValueError as error:
        raise FormatError(f"'{file.path}': {name}: {error}") from None


def _output_width(file: ModelFile, name: str) -> int:
    lengths = [shape for path, shape in file.shapes.items() if path.startswith(f"{name}/biases/")]
    last = file.shapes[f"{name}/biases/item_{len(lengths) - 1}"] if lengths else ()
    if len(last) != 1:
        raise FormatError(f"'{file.path}': {name}: expected a list of biases (out,), the last has shape {last}")
    return last[0]


class _Reader:
    """Reads one network of an open file when called."""

    def __init__(self, file: ModelFile, name: str) -> None:
        self.file, self.name = file, name

    def __call__(self) -> Network:
        return _network(self.file, self.name)
