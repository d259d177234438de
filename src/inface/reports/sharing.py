"""A model with its sliders in one HTML file: the page decodes by itself, without Python and without a network."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from inface._validate import FloatArray, IntArray
from inface.errors import InfaceError
from inface.models.modes import groups, sliders
from inface.pages.blob import Blob
from inface.pages.shapes import save_page
from inface.reports.shared_meshes import described

if TYPE_CHECKING:
    from inface.models.base import MorphableModel

ACCURACY = 0.05  # mm by which the page's vertices may differ from Python's, checked on every page written
_AIM = 0.025  # mm to which the weights are rounded, which leaves room for the page's float32 arithmetic
_CODES = 48  # random latents of that check
_RANK_ERROR = 0.005  # mm lost at most by storing a last layer in fewer columns
_RANK_STEP = 4
# mm at one standard deviation by which a vertex moves in one step of the stored weights, tried from coarse to fine
_STEPS = (0.016, 0.012, 0.008, 0.006, 0.004, 0.003, 0.002, 0.001, 0.0005, 0.0002)


class Layer(NamedTuple):
    """`out = inputs @ (scales[:, None] * steps) + bias`, then leaky ReLU where `activate`.

    `steps (in, out)` in int16 or float32; `scales (in,)`; `bias (out,)`.
    """

    steps: np.ndarray
    scales: FloatArray
    bias: FloatArray
    activate: bool


class Tree:
    """A walk over the surface in which every vertex comes after a neighbour: fields on it change little from a vertex
    to its neighbour, so the differences are small numbers that compress well.

    Attributes:
        order: `(V,)` vertices as they are visited.
        parents: `(V,)` for each of them the neighbour visited before, itself where a piece of the surface begins.
    """

    def __init__(self, vertex_count: int, triangles: IntArray) -> None:
        t = np.asarray(triangles, np.int64)
        rows, columns = np.concatenate([t[:, [0, 1]], t[:, [1, 2]], t[:, [2, 0]]]).T
        shape = (vertex_count, vertex_count)
        graph = sparse.csr_matrix((np.ones(len(rows), np.int8), (rows, columns)), shape=shape)
        pieces = csgraph.connected_components(graph, directed=False)[1]
        order, parents = [], []
        for start in np.unique(pieces, return_index=True)[1]:
            walk, before = csgraph.breadth_first_order(graph, start, directed=False)
            order.append(walk)
            parents.append(np.where(before[walk] < 0, walk, before[walk]))
        self.order, self.parents = np.concatenate(order), np.concatenate(parents)

    def add(self, row: np.ndarray, blob: Blob) -> list:
        """Store int16 numbers `(3V,)` as differences along the walk, axis by axis; they wrap at 16 bits."""
        at = row.reshape(-1, 3)
        roots = self.order == self.parents
        with np.errstate(over="ignore"):
            change = at[self.order] - np.where(roots[:, None], np.int16(0), at[self.parents])
        return blob.add_planes(np.ascontiguousarray(change.T).reshape(-1))


def share(model: "MorphableModel", path: str | Path, *, title: str | None = None, name: str = "") -> float:
    """Write `model` with grouped sliders as one HTML file that decodes in the page.

    Linear models and autoencoders alike. The weights are rounded to steps as coarse as the agreement with
    `model.decode` allows; the largest difference in mm over random and extreme latents is returned. The page says
    which model it is from: `name` (such as its file's), kind, size, data, hash.

    Raises:
        InfaceError: the stored weights would differ by more than 0.05 mm from the model's own.
    """
    layers, slope, error = page_layers(model)
    if error > ACCURACY:
        raise InfaceError(
            f"the page's vertices would differ from the model's by {error:.3f} mm, more than {ACCURACY} mm; "
            "the model cannot be shared as a page"
        )
    blob = Blob()
    card = dict(model.card)
    heading = title or card.get("name") or card.get("title") or "Shape model"
    data = {"panels": [], "model": _describe(model, layers, slope, blob)}
    save_page(
        path,
        blob,
        data,
        title=heading,
        subtitle=f"Move the sliders to shape the head. {described(model, name)}.",
        extra=("share.js",),
    )
    return error


def page_layers(model: "MorphableModel") -> tuple[list[Layer], float, float]:
    """The decoder as the page stores it, the slope of its leaky ReLU, and the largest difference in mm to the model.

    The last layer is rounded so that each row's step moves the surface by the same small distance at one standard
    deviation of that row's input: rows that hardly matter then hold few different numbers, which compress well.
    """
    first, rows, bias, spread, slope = _decoder(model)
    codes = _codes(model, _CODES, seed=2)
    wanted = model.decode(codes)
    for step in _STEPS:
        layers = [*first, _rounded(rows, bias, step / np.maximum(spread, 1e-12))]
        error = _distance((decode_layers(layers, slope, codes) - wanted).reshape(len(codes), -1))
        if error <= _AIM:
            break
    return layers, slope, error


def _decoder(model: "MorphableModel") -> tuple[list[Layer], FloatArray, FloatArray, FloatArray, float]:
    """The layers before the last one, and the last one: rows `(in, 3V)`, bias with the mean shape, spread of its
    inputs; and the slope."""
    mean = model.mean_vertices.reshape(-1).astype(np.float64)
    if model.kind == "pca":
        return [], model.components, mean, np.asarray(model.latent_std, np.float64), 1.0  # type: ignore[attr-defined]
    net = model.decoder  # type: ignore[attr-defined]
    pairs = list(zip(net.weights, net.biases, strict=True))
    layers = [_floats(weight.T, bias, activate=not net.linear) for weight, bias in pairs[:-1]]
    weight, offset = pairs[-1][0], pairs[-1][1].astype(np.float64) + mean
    inputs = np.asarray(net.hidden(_codes(model, 512, seed=1)), np.float64)
    centre = inputs.mean(0)
    narrow, basis = _narrowed(weight, inputs - centre)
    if basis is None:
        return layers, weight.T, offset, np.sqrt((inputs**2).mean(0)), net.slope
    middle = _floats(narrow.T, -narrow @ centre, activate=False)
    spread = np.sqrt((((inputs - centre) @ narrow.T) ** 2).mean(0))
    return [*layers, middle], basis.T, offset + weight.astype(np.float64) @ centre, spread, net.slope


def decode_layers(layers: list[Layer], slope: float, latents: FloatArray) -> FloatArray:
    """Vertices `(n, V, 3)` of latents `(n, K)` by the page's arithmetic, in float64."""
    h = np.asarray(latents, np.float64)
    for layer in layers:
        out = (h * layer.scales) @ layer.steps.astype(np.float64) + layer.bias
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
    return Layer(rows.astype(np.float32), np.ones(len(rows)), bias.astype(np.float32), activate)


def _rounded(rows: FloatArray, bias: FloatArray, scales: FloatArray) -> Layer:
    """A layer in whole steps of `scales (in,)`, coarser where 16 bits do not reach."""
    reach = np.abs(rows).max(axis=1).astype(np.float64)
    scales = np.maximum(np.minimum(scales, np.maximum(reach, 1e-30)), reach / 32767).astype(np.float32)
    steps = np.round(rows / scales[:, None].astype(np.float64)).clip(-32767, 32767).astype(np.int16)
    return Layer(steps, scales.astype(np.float64), bias.astype(np.float32), False)


def _codes(model: "MorphableModel", count: int, seed: int) -> FloatArray:
    """Random latents with a spread of 1.5, every entry alone at -3 and +3, and the mean."""
    mean, std = np.asarray(model.latent_mean, np.float64), np.asarray(model.latent_std, np.float64)
    random = mean + 1.5 * std * np.random.default_rng(seed).standard_normal((count, len(mean)))
    extreme = np.concatenate([mean + 3 * np.diag(std), mean - 3 * np.diag(std)])
    return np.concatenate([random, extreme, mean[None]])


def _describe(model: "MorphableModel", layers: list[Layer], slope: float, blob: Blob) -> dict[str, Any]:
    mesh = model.template.mesh
    tree = Tree(len(mesh.vertices), mesh.triangles)
    calibration = model.age_calibration
    block = model.blocks.get("expression")
    return {
        "tree": [blob.add(tree.order.astype("<u4")), blob.add(tree.parents.astype("<u4"))],
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
                "rows": [tree.add(row, blob) if row.dtype == np.int16 else blob.add(row) for row in layer.steps],
                "tree": layer.steps.dtype == np.int16,
                "scales": blob.add(layer.scales.astype("<f4")),
                "bias": blob.add(layer.bias.astype("<f4")),
                "activate": layer.activate,
            }
            for layer in layers
        ],
    }
