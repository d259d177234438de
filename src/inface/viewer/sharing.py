"""A model with its sliders in one HTML file: the page decodes by itself, without Python and without a network."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from inface._validate import FloatArray
from inface.errors import InfaceError
from inface.viewer.page import Blob, save_page
from inface.viewer.sliders import groups, sliders

if TYPE_CHECKING:
    from inface.models.base import MorphableModel

ACCURACY = 0.05  # mm by which the page's vertices may differ from Python's, checked on every page written
_CODES = 64  # random latents of that check
_RANK_ERROR = 0.005  # mm lost at most by storing a last layer in fewer columns
_RANK_STEP = 4
_BYTE_ERROR = 0.003  # mm (root of the summed squares, at 3 standard deviations) lost by storing rows in 8 bits


class Layer(NamedTuple):
    """`out = inputs @ (scales[:, None] * steps) + bias`, then leaky ReLU where `activate`.

    `steps` is a list of `(out,)` rows in int8, int16 or float32, one an input; `scales (in,)`.
    """

    steps: list[np.ndarray]
    scales: FloatArray
    bias: FloatArray
    activate: bool


def share(model: "MorphableModel", path: str | Path, *, title: str | None = None) -> float:
    """Write `model` with grouped sliders as one HTML file that decodes in the page.

    Linear models and autoencoders alike. The weights are stored in 8 or 16 bits so that the vertices agree with
    `model.decode`; the largest difference in mm over random and extreme latents is returned.

    Raises:
        InfaceError: the stored weights would differ by more than 0.05 mm from the model's own.
    """
    layers, slope = page_layers(model)
    error = _largest_error(model, layers, slope)
    if error > ACCURACY:
        raise InfaceError(
            f"the page's vertices would differ from the model's by {error:.3f} mm, more than {ACCURACY} mm; "
            "the model cannot be shared as a page"
        )
    blob = Blob()
    card = dict(model.card)
    name = title or card.get("name") or card.get("title") or "Shape model"
    data = {"panels": [], "model": _describe(model, layers, slope, blob)}
    save_page(path, blob, data, title=name, subtitle="Move the sliders to shape the head.", extra=("share.js",))
    return error


def page_layers(model: "MorphableModel") -> tuple[list[Layer], float]:
    """The decoder as the page stores it, and the slope of its leaky ReLU. The last bias is the mean shape."""
    if model.kind == "pca":
        spread = np.asarray(model.latent_std, np.float64)
        return [_rows(model.components, model.mean_vertices.reshape(-1), spread)], 1.0  # type: ignore[attr-defined]
    net = model.decoder  # type: ignore[attr-defined]
    pairs = list(zip(net.weights, net.biases, strict=True))
    layers = [_floats(weight.T, bias, activate=not net.linear) for weight, bias in pairs[:-1]]
    inputs = np.asarray(net.hidden(_codes(model, 512, seed=1)), np.float64)
    offset = pairs[-1][1].astype(np.float64) + model.mean_vertices.reshape(-1)
    narrow, basis = _narrowed(pairs[-1][0], inputs)
    if basis is None:
        return [*layers, _rows(pairs[-1][0].T, offset, np.sqrt((inputs**2).mean(0)))], net.slope
    middle = _floats(narrow.T, np.zeros(len(narrow)), activate=False)
    return [*layers, middle, _rows(basis.T, offset, np.sqrt(((inputs @ narrow.T) ** 2).mean(0)))], net.slope


def decode_layers(layers: list[Layer], slope: float, latents: FloatArray) -> FloatArray:
    """Vertices `(n, V, 3)` of latents `(n, K)` by the page's arithmetic."""
    h = np.asarray(latents, np.float64)
    for layer in layers:
        out = np.tile(layer.bias.astype(np.float64), (len(h), 1))
        for k, row in enumerate(layer.steps):
            out += (h[:, k] * layer.scales[k])[:, None] * row
        h = np.maximum(out, slope * out) if layer.activate else out
    return h.reshape(len(h), -1, 3)


def _narrowed(weight: FloatArray, inputs: FloatArray) -> tuple[FloatArray, FloatArray | None]:
    """A last layer `(3V, h)` as `basis (3V, r) @ narrow (r, h)`, r as small as the error bound allows; no basis when
    that would save nothing. The basis spans what the layer gives for typical `inputs (n, h)`, strongest first."""
    fit, held = inputs[::2], inputs[1::2]
    root = np.linalg.svd(fit / np.sqrt(len(fit)), full_matrices=False)
    mixed = weight.astype(np.float64) @ (root[2].T * root[1])  # (3V, h): the layer after its inputs are whitened
    power, directions = np.linalg.eigh(mixed.T @ mixed)
    order = np.argsort(-power)
    order = order[power[order] > power.max() * 1e-13]
    basis = mixed @ (directions[:, order] / np.sqrt(power[order]))
    narrow = basis.T @ weight
    left = held @ weight.T.astype(np.float64)
    for rank in range(_RANK_STEP, weight.shape[1], _RANK_STEP):
        added = slice(rank - _RANK_STEP, rank)
        left -= (held @ narrow[added].T) @ basis[:, added].T
        if _distance(left) <= _RANK_ERROR:
            return narrow[:rank], basis[:, :rank]
    return weight, None


def _distance(flat: FloatArray) -> float:
    """Largest vertex distance of differences `(n, 3V)`."""
    return float(np.sqrt((flat.reshape(len(flat), -1, 3) ** 2).sum(-1).max()))


def _floats(rows: FloatArray, bias: FloatArray, *, activate: bool) -> Layer:
    """A layer kept in float32; `rows (in, out)`."""
    return Layer(list(rows.astype(np.float32)), np.ones(len(rows)), bias.astype(np.float32), activate)


def _rows(rows: FloatArray, bias: FloatArray, spread: FloatArray) -> Layer:
    """A layer quantised row by row to 16 bits, and to 8 where rows whose inputs have this `spread (in,)` move the
    vertices so little that it does not show."""
    reach = np.abs(rows).max(1).astype(np.float64)
    loss = 3 * spread * reach / 127 / np.sqrt(12)
    order = np.argsort(loss)
    bytes_ = np.zeros(len(rows), bool)
    bytes_[order[np.sqrt(np.cumsum(loss[order] ** 2)) <= _BYTE_ERROR]] = True
    scales = np.where(reach > 0, reach, 1) / np.where(bytes_, 127, 32767)
    scales = scales.astype(np.float32).astype(np.float64)
    kinds = [np.int8 if small else np.int16 for small in bytes_]
    top = [127 if small else 32767 for small in bytes_]
    steps = [
        np.clip(np.round(row / s), -t, t).astype(kind) for row, s, t, kind in zip(rows, scales, top, kinds, strict=True)
    ]
    return Layer(steps, scales, bias.astype(np.float32), False)


def _codes(model: "MorphableModel", count: int, seed: int) -> FloatArray:
    """Random latents with a spread of 1.5, every entry alone at -3 and +3, and the mean."""
    mean, std = np.asarray(model.latent_mean, np.float64), np.asarray(model.latent_std, np.float64)
    random = mean + 1.5 * std * np.random.default_rng(seed).standard_normal((count, len(mean)))
    extreme = np.concatenate([mean + 3 * np.diag(std), mean - 3 * np.diag(std)])
    return np.concatenate([random, extreme, mean[None]])


def _largest_error(model: "MorphableModel", layers: list[Layer], slope: float) -> float:
    worst = 0.0
    for part in np.array_split(codes := _codes(model, _CODES, seed=2), -(-len(codes) // 16)):
        difference = decode_layers(layers, slope, part) - model.decode(part)
        worst = max(worst, _distance(difference.reshape(len(part), -1)))
    return worst


def _describe(model: "MorphableModel", layers: list[Layer], slope: float, blob: Blob) -> dict[str, Any]:
    mesh = model.template.mesh
    calibration = model.age_calibration
    block = model.blocks.get("expression")
    return {
        "topology": blob.topology(len(mesh.vertices), mesh.triangles),
        "colors": None if mesh.colors is None else blob.add(np.round(mesh.colors * 255).astype("u1").reshape(-1)),
        "landmarks": [[name, int(index)] for name, index in model.template.landmarks.items()],
        "mean": blob.add(np.asarray(model.latent_mean, "<f4")),
        "std": blob.add(np.asarray(model.latent_std, "<f4")),
        "groups": {name: [part.start, part.stop] for name, part in groups(model).items()},
        "sliders": [[s.index, s.group, s.label, round(s.movement, 4)] for s in sliders(model)],
        "expressions": {name: np.asarray(code, float).tolist() for name, code in model.expressions.items()},
        "neutral": None if block is None else np.asarray(model.neutral_code(), float).tolist(),
        "age": calibration
        and {
            "direction": calibration.direction.tolist(),
            "codes": calibration.codes.tolist(),
            "months": calibration.months.tolist(),
        },
        "slope": slope,
        "layers": [
            {
                "rows": [blob.add(row) for row in layer.steps],
                "scales": blob.add(layer.scales.astype("<f4")),
                "bias": blob.add(layer.bias.astype("<f4")),
                "activate": layer.activate,
            }
            for layer in layers
        ],
    }
