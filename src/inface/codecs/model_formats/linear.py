"""Linear models of others as `ModelData`: unit and frame, an orthonormal basis, two blocks on one decoder."""

import itertools
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from inface import _validate
from inface._validate import FloatArray, IntArray
from inface.codecs.model_formats.data import ModelData, NetworkData
from inface.errors import FileWarning, FormatError
from inface.units import MM_PER_UNIT, mm_per_unit

# rows: where x (subject's left), y (up) and z (front) of this package lie in the frame of a file
FRAMES = {
    "left-up-front": np.eye(3),
    "LPS": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
    "RAS": np.array([[-1.0, 0, 0], [0, 0, 1], [0, 1, 0]]),
}
_SIZES = (("mm", 35, 1000), ("cm", 3, 35), ("m", 0.03, 1))  # the largest side of a head, a face, a part of it


@dataclass(frozen=True, eq=False)
class Modes:
    """A block of modes: `(3V, k)` displacements for a code of 1, and the codes' spread `(k,)`."""

    basis: FloatArray
    std: FloatArray


@dataclass(frozen=True, eq=False)
class LinearModel:
    """What a file of another program holds, in its own unit and frame.

    Attributes:
        mean: `(V, 3)`; triangles: `(T, 3)`.
        blocks: name -> modes; one block named "" is a PCA model.
        noise_variance: of each coordinate, in squared units of the file, or None.
        colors: `(V, 3)` in [0, 1], or None.
        landmarks: name -> vertex.
        expressions: name -> code of the block "expression".
        card: what the file says of itself, and what of it is not kept.
    """

    mean: FloatArray
    triangles: IntArray
    blocks: Mapping[str, Modes]
    noise_variance: float | None = None
    colors: FloatArray | None = None
    landmarks: Mapping[str, int] = field(default_factory=dict)
    expressions: Mapping[str, FloatArray] = field(default_factory=dict)
    card: Mapping[str, str] = field(default_factory=dict)


def to_model_data(model: LinearModel, path: Path, unit: str | None, frame: str | None) -> ModelData:
    """The model in millimetres, x to the subject's left, y up, z to the front.

    Args:
        unit: of the file; None: found by the size of the mean as that of a head or face.
        frame: a key of `FRAMES`; None: taken as ours. Both are said in a `FileWarning` where they were not given.

    Raises:
        FormatError: shapes that do not fit, numbers that are not finite, or a size that is no head's in any unit.
    """
    model = _checked(model)
    found = unit or _unit_of(model.mean)
    try:
        scale = mm_per_unit(found)
    except ValueError as error:
        raise FormatError(str(error)) from None
    if frame is not None and frame not in FRAMES:
        raise FormatError(f"frame: expected one of {', '.join(FRAMES)}, got '{frame}'")
    said = [f"its unit was found by its size: {found}"] if unit is None else []
    said += ["its frame was not given: taken as x left, y up, z front"] if frame is None else []
    for words in [*said, *([model.card["not kept"]] if "not kept" in model.card else [])]:
        warnings.warn(f"'{path}': {words}", FileWarning, stacklevel=4)
    turn = FRAMES[frame or "left-up-front"] * scale
    card = {**model.card, "unit of the file": found, "frame of the file": frame or "left-up-front (not given)"}
    common: dict[str, Any] = {
        "mean_vertices": model.mean @ turn.T,
        "triangles": model.triangles,
        "colors": model.colors,
        "landmarks": dict(model.landmarks),
        "noise_std": None if model.noise_variance is None else float(np.sqrt(max(model.noise_variance, 0)) * scale),
        "card": card,
    }
    turned = {name: Modes(_turned(modes.basis, turn), modes.std) for name, modes in model.blocks.items()}
    if list(turned) == [""]:
        components, eigenvalues = orthonormal(turned[""])
        return ModelData("pca", components=components, eigenvalues=eigenvalues, **common)
    return _two_blocks(turned, {**common, "expressions": dict(model.expressions)})


def orthonormal(modes: Modes) -> tuple[FloatArray, FloatArray]:
    """Components `(k, 3V)` and variances `(k,)` of modes in any scaling, the widest first; none without variance.

    The same shapes with the same probabilities: the principal axes of the covariance that the modes make.
    """
    scaled = modes.basis * modes.std
    variances, turn = np.linalg.eigh(scaled.T @ scaled)
    order = np.argsort(variances)[::-1]
    variances, turn = variances[order], turn[:, order]
    keep = variances > 1e-12 * max(float(variances[0]) if len(variances) else 0.0, 1e-300)
    components = (scaled @ (turn[:, keep] / np.sqrt(variances[keep]))).T
    # once more, for the last digits
    q, r = np.linalg.qr(components.T)
    return np.ascontiguousarray((q * np.sign(np.diag(r))).T), variances[keep]


def _two_blocks(blocks: Mapping[str, Modes], common: Mapping[str, Any]) -> ModelData:
    """One linear decoder on the joined codes, and an encoder that is its least squares."""
    joined = np.concatenate([modes.basis for modes in blocks.values()], 1)
    gram = joined.T @ joined
    inverse = np.linalg.pinv(gram, rcond=1e-10, hermitian=True) @ joined.T
    ends = np.cumsum([0] + [len(modes.std) for modes in blocks.values()]).tolist()
    encoder = NetworkData((np.ascontiguousarray(inverse),), (np.zeros(len(inverse)),), 1.0)
    return ModelData(
        "autoencoder",
        latent_mean=np.zeros(len(inverse)),
        latent_std=np.concatenate([modes.std for modes in blocks.values()]),
        decoder=NetworkData((np.ascontiguousarray(joined),), (np.zeros(len(joined)),), 1.0),
        encoders={"": lambda: encoder},
        encoder_widths={"": len(inverse)},
        blocks={name: slice(*pair) for name, pair in zip(blocks, itertools.pairwise(ends), strict=True)},
        **common,
    )


def _checked(model: LinearModel) -> LinearModel:
    try:
        mean = _validate.finite("mean", _validate.floats("mean", model.mean, (None, 3)))
        triangles = _validate.triangles("triangles", model.triangles, len(mean))
        blocks = {}
        for name, modes in model.blocks.items():
            basis = _validate.finite("modes", _validate.floats("modes", modes.basis, (mean.size, None)))
            std = _validate.finite("spread", _validate.floats("spread", modes.std, (basis.shape[1],)))
            blocks[name] = Modes(basis, std)
    except ValueError as error:
        raise FormatError(str(error)) from None
    if not blocks or any(not len(modes.std) for modes in blocks.values()):
        raise FormatError("the model has no modes")
    outside = [name for name, vertex in model.landmarks.items() if not 0 <= vertex < len(mean)]
    if outside:
        raise FormatError(f"the landmark '{outside[0]}' is no vertex of the model")
    return LinearModel(
        mean, triangles, blocks, model.noise_variance, model.colors, model.landmarks, model.expressions, model.card
    )


def _turned(basis: FloatArray, turn: FloatArray) -> FloatArray:
    vertices = basis.reshape(-1, 3, basis.shape[1])
    return np.einsum("ij,vjk->vik", turn, vertices).reshape(basis.shape)


def _unit_of(mean: FloatArray) -> str:
    extent = float(np.ptp(mean, axis=0).max())
    for unit, low, high in _SIZES:
        if low <= extent < high:
            return unit
    raise FormatError(
        f"the mean is {extent:.3g} units wide, which is no head in mm, cm or m; say the unit: one of "
        f"{', '.join(MM_PER_UNIT)}"
    )


def vertices_of(values: FloatArray, name: str) -> FloatArray:
    """`(V, 3)` of a vector `x0 y0 z0 x1 ...`, of `(V, 3)`, or of `(3, V)`."""
    array = np.asarray(values, np.float64)
    if array.ndim == 2 and array.shape[0] == 3 and array.shape[1] != 3:
        return np.ascontiguousarray(array.T)
    if array.ndim == 2 and array.shape[1] == 3:
        return array
    if array.size % 3 or not array.size:
        raise FormatError(f"'{name}' should hold three numbers a vertex, got shape {array.shape}")
    return array.reshape(-1, 3)


def triangles_of(values: Any, vertex_count: int, *, one_based: bool | None = False) -> tuple[IntArray, int]:
    """`(T, 3)` from `(T, 3)` or `(3, T)`, and what was taken off each index; None: 1 where no triangle names 0."""
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[0] == 3 and array.shape[1] != 3:
        array = array.T
    if array.ndim != 2 or array.shape[1] != 3 or (array.size and not np.array_equal(array, np.rint(array))):
        raise FormatError(f"the triangles should be three whole numbers each, got shape {array.shape}")
    array = array.astype(np.int64)
    base = int(one_based if one_based is not None else bool(array.size and array.min() == 1))
    array = array - base
    if array.size and (array.min() < 0 or array.max() >= vertex_count):
        raise FormatError(f"a triangle names vertex {int(array.max())} of {vertex_count}")
    return array, base


def need(file: Mapping[str, Any], names: Sequence[str], what: str) -> list[Any]:
    """The entries of those names; `FormatError` that lists what is there."""
    missing = [name for name in names if name not in file]
    if missing:
        raise FormatError(f"{what} lacks '{missing[0]}'; it has: {', '.join(sorted(map(str, file)))[:200]}")
    return [file[name] for name in names]
