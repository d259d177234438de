"""The compact file of a PCA model and autoencoders in its span: the basis once, in 16 bits, and small networks."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from inface.codecs.files import atomic_write
from inface.codecs.model_formats.data import ModelData, SkipData, SpanData
from inface.errors import FormatError

VERSION = 1
MISFIT = ("counts", "vertex_std", "shares", "cluster", "widening")


def write_compact_data(path: str | Path, pca: ModelData, models: Mapping[str, SpanData]) -> None:
    """Write a PCA model and autoencoders in its span to one file: the basis once, 16 bits a number, each row with its
    own scale (rounding at most 1 / 65534 of a row's largest entry), the networks in float32.
    """
    assert pca.components is not None and pca.eigenvalues is not None
    peak = np.abs(pca.components).max(1).astype(np.float32)
    arrays: dict[str, Any] = {
        "basis": np.round(pca.components / peak[:, None] * 32767).astype(np.int16),
        "basis_peak": peak,
        "eigenvalues": pca.eigenvalues,
        "mean_vertices": pca.mean_vertices.astype(np.float32),
        "triangles": pca.triangles,
    }
    if pca.mirror is not None:
        arrays["mirror"] = pca.mirror
    if pca.colors is not None:
        arrays["colors"] = pca.colors.astype(np.float32)
    arrays |= {f"region/{name}": ids for name, ids in pca.regions.items()}
    notes: dict[str, Any] = {
        "version": VERSION,
        "unit": pca.unit,
        "landmarks": {name: int(index) for name, index in pca.landmarks.items()},
        "pca": {"noise_std": pca.noise_std, "card": dict(pca.card)},
    }
    arrays |= _misfit_parts("pca", pca.misfit)
    for name, model in models.items():
        notes[name], own = _span_parts(name, model)
        arrays |= own
    arrays["notes"] = np.frombuffer(json.dumps(notes).encode(), np.uint8)
    with atomic_write(path) as temporary, open(temporary, "wb") as stream:
        np.savez_compressed(stream, **arrays)


def _span_parts(name: str, model: SpanData) -> tuple[dict[str, Any], dict[str, Any]]:
    """The note and the arrays of one autoencoder."""
    arrays: dict[str, Any] = {}
    networks = {f"encoder:{block}": net for block, net in model.encoders.items()} | {"decoder": model.decoder}
    for key, net in networks.items():
        parts = {"skip": net.skip, "bias": net.bias}
        parts |= {f"weight{i}": w for i, w in enumerate(net.weights)}
        parts |= {f"bias{i}": b for i, b in enumerate(net.biases)}
        arrays |= {f"{name}/{key}/{part}": np.asarray(value, np.float32) for part, value in parts.items()}
    arrays[f"{name}/latent_mean"], arrays[f"{name}/latent_std"] = model.latent_mean, model.latent_std
    note: dict[str, Any] = {"networks": {key: [len(net.weights), net.slope] for key, net in networks.items()}}
    note |= {"noise_std": model.noise_std, "card": dict(model.card)}
    arrays |= {f"{name}/expression/{key}": np.asarray(code) for key, code in model.expressions.items()}
    if model.age is not None:
        direction, codes, months = model.age
        arrays[f"{name}/age"] = np.stack([codes, months])
        arrays[f"{name}/age_direction"] = direction
    return note, arrays | _misfit_parts(name, model.misfit)


def _misfit_parts(name: str, misfit: Mapping[str, Any] | None) -> dict[str, Any]:
    if misfit is None:
        return {}
    narrow = {"vertex_std": np.float16}
    return {f"{name}/misfit/{key}": np.asarray(misfit[key], narrow.get(key, np.float64)) for key in MISFIT}


def _misfit(file: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    if f"{name}/misfit/counts" not in file:
        return None
    return {key: np.asarray(file[f"{name}/misfit/{key}"], np.float64) for key in MISFIT}


def read_compact_data(path: str | Path, name: str) -> tuple[ModelData, SpanData | None]:
    """The PCA model of a compact file, and the autoencoder `name` (None for "pca").

    Raises `FormatError` for another or a damaged file, or an unknown name (the sentence lists the known ones).
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            notes = json.loads(file["notes"].tobytes())
            if notes["version"] != VERSION:
                raise FormatError(f"'{path}': compact version {notes['version']}, this package reads {VERSION}")
            if name not in notes:
                raise FormatError(f"no model '{name}' in the compact file; it has {', '.join(_names(notes))}")
            return _pca(file, notes), None if name == "pca" else _span(file, notes[name], name)
    except (OSError, KeyError, ValueError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"'{path}': not a compact model file, or damaged ({error})") from error


def add_misfits(path: str | Path, misfits: Mapping[str, Mapping[str, Any]]) -> None:
    """Write a compact file anew, with what unseen shapes have beside its models: name of a model -> its misfit."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {key: file[key] for key in file}
    for name, misfit in misfits.items():
        arrays |= _misfit_parts(name, misfit)
    with atomic_write(path) as temporary, open(temporary, "wb") as stream:
        np.savez_compressed(stream, **arrays)


def compact_names(path: str | Path) -> list[str]:
    """The names of the models in a compact file."""
    with np.load(path, allow_pickle=False) as file:
        return _names(json.loads(file["notes"].tobytes()))


def _names(notes: Mapping[str, Any]) -> list[str]:
    return [key for key, value in notes.items() if isinstance(value, dict) and "card" in value]


def _pca(file: Mapping[str, Any], notes: dict[str, Any]) -> ModelData:
    return ModelData(
        "pca",
        file["mean_vertices"],
        file["triangles"],
        components=file["basis"] * (file["basis_peak"][:, None] / np.float32(32767)),
        eigenvalues=file["eigenvalues"],
        colors=file.get("colors"),
        regions={key[7:]: file[key] for key in file if key.startswith("region/")},
        landmarks=notes["landmarks"],
        mirror=file.get("mirror"),
        unit=notes["unit"],
        noise_std=notes["pca"]["noise_std"],
        misfit=_misfit(file, "pca"),
        card=notes["pca"]["card"],
    )


def _span(file: Mapping[str, Any], note: dict[str, Any], name: str) -> SpanData:
    networks = {}
    for key, (depth, slope) in note["networks"].items():
        part = f"{name}/{key}/"
        weights, biases = (tuple(file[f"{part}{kind}{i}"] for i in range(depth)) for kind in ("weight", "bias"))
        networks[key] = SkipData(file[f"{part}skip"], file[f"{part}bias"], weights, biases, slope)
    decoder = networks.pop("decoder")
    prefix = f"{name}/expression/"
    return SpanData(
        {key.removeprefix("encoder:"): net for key, net in networks.items()},
        decoder,
        file[f"{name}/latent_mean"],
        file[f"{name}/latent_std"],
        noise_std=note["noise_std"],
        misfit=_misfit(file, name),
        expressions={key[len(prefix) :]: file[key] for key in file if key.startswith(prefix)},
        age=(file[f"{name}/age_direction"], *file[f"{name}/age"]) if f"{name}/age" in file else None,
        card=note["card"],
    )
