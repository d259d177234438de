"""`ModelData` <-> HDF5 files of INFACE's layouts, with what only this package knows beside them.

The keys are those of the INFACE reference. What only this package knows stands in attributes of the file (format,
format_version, kind, unit, template_hash, card) and in the group `inface`; the reference's reader passes over both.
"""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from inface.codecs.model_formats.data import ModelData, NetworkData
from inface.codecs.model_formats.h5_tree import ModelFile, open_model_file, write_model
from inface.errors import FormatError

FORMAT, FORMAT_VERSION = "inface", 1
# name of an encoder in a file -> its block; one plain encoder has no block
ENCODERS = {"encoder": "", "id_encoder": "identity", "exp_encoder": "expression", "age_encoder": "age"}
RELU_FACTOR = 0.2
MISFIT = ("counts", "vertex_std", "shares", "cluster", "widening")


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


def kind_of(file: ModelFile) -> str:
    """ "pca" or "autoencoder"."""
    return "pca" if file.layout == "pca" else "autoencoder"


def read_data(file: ModelFile) -> ModelData:
    """What an open file holds. The encoders are read when they are called, so the file stays open until then.

    Raises `FormatError` for parts that are damaged or of another form.
    """
    common = _common(file)
    if kind_of(file) == "pca":
        return ModelData("pca", components=file["components"], eigenvalues=np.asarray(file["eigenvalues"]), **common)
    names = {block: name for name, block in ENCODERS.items() if name in file}
    return ModelData(
        "autoencoder",
        latent_mean=np.asarray(file["latent_mean"]),
        latent_std=np.asarray(file["latent_std"]),
        decoder=_network(file, "decoder"),
        encoders={block: partial(_network, file, name) for block, name in names.items()},
        encoder_widths={block: _output_width(file, name) for block, name in names.items()},
        **common,
    )


def write_data(path: str | Path, data: ModelData, template_hash: str) -> None:
    """Write a model atomically in our versioned layout, which the INFACE reference opens too."""
    write_model(path, contents(data), attributes_of(data, template_hash))


def attributes_of(data: ModelData, template_hash: str) -> dict[str, Any]:
    """What a file says of itself beside the arrays."""
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "kind": data.kind,
        "unit": data.unit,
        "template_hash": template_hash,
        "card": json.dumps(dict(data.card)),
    }


def contents(data: ModelData) -> dict[str, Any]:
    """The nested dictionary of a model's arrays, as it stands in a file."""
    tree: dict[str, Any] = _weights(data)
    tree |= {"mean_vertices": data.mean_vertices, "triangles": data.triangles}
    if data.regions:
        tree["indices"] = dict(data.regions)
    if data.colors is not None:
        tree["colors"] = data.colors
    own: dict[str, Any] = {
        "blocks": json.dumps({name: [block.start, block.stop] for name, block in data.blocks.items()})
    }
    if data.landmarks:
        own["landmarks"] = json.dumps({name: int(index) for name, index in data.landmarks.items()})
    if data.mirror is not None:
        own["mirror"] = data.mirror
    if data.noise_std is not None:
        own["noise_std"] = data.noise_std
    if data.misfit is not None:
        own |= {f"misfit_{name}": np.asarray(data.misfit[name]) for name in MISFIT}
    if data.expressions:
        own["expression_names"] = json.dumps(list(data.expressions))
        own["expression_codes"] = np.stack(list(data.expressions.values()))
    if data.age is not None:
        own |= dict(zip(("age_direction", "age_codes", "age_months"), data.age, strict=True))
    return tree | {"inface": own}


def _weights(data: ModelData) -> dict[str, Any]:
    if data.kind == "pca":
        return {"components": data.components, "eigenvalues": data.eigenvalues}
    names = {block: name for name, block in ENCODERS.items()}
    networks = {names[block]: read() for block, read in data.encoders.items()} | {"decoder": data.decoder}
    tree: dict[str, Any] = {"latent_mean": data.latent_mean, "latent_std": data.latent_std}
    for name, network in networks.items():
        assert network is not None
        tree[name] = {
            "matrix_mults": list(network.weights),
            "biases": list(network.biases),
            "relu_factor": network.slope,
        }
    return tree


def _common(file: ModelFile) -> dict[str, Any]:
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
    if "misfit_counts" in own:
        out["misfit"] = {name: np.asarray(own[f"misfit_{name}"]) for name in MISFIT}
    if "expression_names" in own:
        out["expressions"] = dict(zip(json.loads(own["expression_names"]), own["expression_codes"], strict=True))
    if "age_direction" in own:
        out["age"] = own["age_direction"], own["age_codes"], own["age_months"]
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


def _network(file: ModelFile, name: str) -> NetworkData:
    group = file[name]
    return NetworkData(tuple(group["matrix_mults"]), tuple(group["biases"]), group.get("relu_factor", RELU_FACTOR))


def _output_width(file: ModelFile, name: str) -> int:
    lengths = [shape for path, shape in file.shapes.items() if path.startswith(f"{name}/biases/")]
    last = file.shapes[f"{name}/biases/item_{len(lengths) - 1}"] if lengths else ()
    if len(last) != 1:
        raise FormatError(f"'{file.path}': {name}: expected a list of biases (out,), the last has shape {last}")
    return last[0]
