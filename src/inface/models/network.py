"""A fully connected network with leaky ReLU, as plain arrays."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from inface._validate import FloatArray, finite
from inface.codecs.model_formats import NetworkData

_BLOCK = 4096  # coordinates of a batch that are centred at a time
_LARGE = 2**20  # entries of a matrix that no cache holds
_ROWS = 4  # rows of a wide matrix that are read side by side


def stored_floats(name: str, value) -> FloatArray:
    """Weights as they are kept: C-contiguous, native float32 or float64; anything narrower or whole is widened.

    float32 stays float32, so that a product never copies the weights; NaN and infinity are refused.
    """
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{name}: expected real numbers, got dtype {array.dtype}")
    single = array.dtype.kind == "f" and array.dtype.itemsize < 8
    wanted = np.dtype(np.float32 if single else np.float64)
    array = finite(name, np.ascontiguousarray(array, dtype=wanted).reshape(array.shape)).view()
    array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class Network:
    """Layers `h = weights[i] @ h + biases[i]`, each followed by leaky ReLU where the caller wants it.

    Attributes:
        weights: `(out_i, in_i)` each; the first `in` and the last `out` are the network's widths.
        biases: `(out_i,)` each.
        slope: factor of negative values in the leaky ReLU; 1 or more means no activation (a linear network).
    """

    weights: tuple[FloatArray, ...]
    biases: tuple[FloatArray, ...]
    slope: float = 0.2

    def __post_init__(self) -> None:
        if not self.weights or len(self.weights) != len(self.biases):
            raise ValueError(
                f"network: expected as many biases as weight matrices, at least one; "
                f"got {len(self.weights)} matrices and {len(self.biases)} biases"
            )
        factor = np.asarray(self.slope)
        if factor.size != 1 or factor.dtype.kind not in "fiu" or not np.isfinite(factor).all():
            raise ValueError(f"network: expected one finite number as the slope of the leaky ReLU, got {self.slope!r}")
        slope = float(factor.reshape(()))
        weights = [stored_floats(f"weights of layer {i}", w) for i, w in enumerate(self.weights)]
        dtype = np.result_type(*weights)
        width = None
        for i, (weight, bias) in enumerate(zip(weights, self.biases, strict=True)):
            if weight.ndim != 2 or np.shape(bias) != weight.shape[:1] or width not in (None, weight.shape[1]):
                wanted = "(out, in)" if width is None else f"(out, {width})"
                raise ValueError(
                    f"layer {i}: expected weights {wanted} and bias (out,), got {weight.shape} and {np.shape(bias)}"
                )
            width = weight.shape[0]
        object.__setattr__(self, "weights", tuple(w.astype(dtype, copy=False) for w in weights))
        biases = (stored_floats(f"bias of layer {i}", b).astype(dtype, copy=False) for i, b in enumerate(self.biases))
        object.__setattr__(self, "biases", tuple(biases))
        object.__setattr__(self, "slope", slope)

    @classmethod
    def of(cls, data: NetworkData) -> "Network":
        """From the arrays of a file."""
        return cls(data.weights, data.biases, data.slope)

    def data(self) -> NetworkData:
        """The arrays as they stand in a file."""
        return NetworkData(self.weights, self.biases, self.slope)

    @property
    def input_width(self) -> int:
        """Width of what goes in."""
        return self.weights[0].shape[1]

    @property
    def output_width(self) -> int:
        """Width of what comes out."""
        return self.weights[-1].shape[0]

    @property
    def dtype(self) -> np.dtype:
        """float32 or float64: the weights' type, which every result has."""
        return self.weights[0].dtype

    @property
    def linear(self) -> bool:
        """True when no activation is applied."""
        return self.slope >= 1

    def hidden(self, x: FloatArray) -> FloatArray:
        """What goes into the last layer `(..., in_last)`, for `x (..., in)`; `x` is cast, never the weights."""
        h = np.asarray(x, dtype=self.dtype)
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            h = self._activate(_affine(weight, h, bias))
        return h

    def encode(self, x: FloatArray, origin: FloatArray | None = None) -> FloatArray:
        """`(..., in)` to `(..., out)` with the activation after every layer, the last one included.

        With `origin (in,)` the network sees `x - origin`; see `centred_product`.
        """
        if origin is None:
            return self._activate(self.decode(x))
        h = centred_product(self.weights[0], x, origin)
        h += self.biases[0]
        self._activate(h)
        for weight, bias in zip(self.weights[1:], self.biases[1:], strict=True):
            h = self._activate(_affine(weight, h, bias))
        return h

    def decode(self, x: FloatArray, offset: FloatArray | None = None) -> FloatArray:
        """`(..., in)` to `(..., out)` without activation after the last layer.

        `offset (out,)` stands in for the last bias: the model adds its mean shape in the same pass.
        """
        return _affine(self.weights[-1], self.hidden(x), self.biases[-1] if offset is None else offset)

    def _activate(self, h: FloatArray) -> FloatArray:
        """Leaky ReLU in place: `max(h, slope * h)` for a slope under 1."""
        return h if self.linear else np.maximum(h, h * h.dtype.type(self.slope), out=h)


def _affine(weight: FloatArray, h: FloatArray, bias: FloatArray) -> FloatArray:
    """`weight @ h + bias` over any leading axes: one matrix-vector or one matrix-matrix product."""
    if h.ndim == 1:
        out = matrix_vector(weight, h)
    else:
        out = (h.reshape(-1, h.shape[-1]) @ weight.T).reshape(*h.shape[:-1], weight.shape[0])
    out += bias
    return out


def matrix_vector(weight: FloatArray, x: FloatArray) -> FloatArray:
    """`weight @ x` for `weight (out, in)` and `x (in,)` of one type.

    A large matrix is read in the order in which it lies in memory, row by row or a few rows at a time; BLAS walks
    through many rows at once and gets 50 to 70 % of the memory's bandwidth.
    """
    if weight.size < _LARGE:
        return weight @ x
    if weight.shape[0] > weight.shape[1]:
        return np.vecdot(weight, x)
    out = np.empty(len(weight), weight.dtype)
    for start in range(0, len(weight), _ROWS):
        rows = slice(start, start + _ROWS)
        np.matmul(weight[rows], x, out=out[rows])
    return out


def centred_product(weight: FloatArray, x: FloatArray, origin: FloatArray) -> FloatArray:
    """`weight @ (x - origin)` for `weight (out, in)` and `x (..., in)`, in the weight's type.

    The difference is taken in the wider type of `x` and `origin`, then cast. A batch goes block by block of
    coordinates, so that the differences stay in the processor's cache and no copy of the batch is made.
    """
    if x.ndim == 1:
        return matrix_vector(weight, np.subtract(x, origin, out=np.empty(x.shape, weight.dtype), casting="same_kind"))
    rows = x.reshape(-1, x.shape[-1])
    out = np.zeros((len(rows), len(weight)), weight.dtype)
    block = np.empty((len(rows), min(_BLOCK, x.shape[-1])), weight.dtype)
    for start in range(0, x.shape[-1], _BLOCK):
        part = slice(start, min(start + _BLOCK, x.shape[-1]))
        difference = block[:, : part.stop - start]
        np.subtract(rows[:, part], origin[part], out=difference, casting="same_kind")
        out += difference @ weight[:, part].T
    return out.reshape(*x.shape[:-1], len(weight))


class LazyNetworks(Mapping[str, Network]):
    """Networks by name, each read when it is first asked for and kept from then on.

    `widths` gives each network's output width without reading it.
    """

    def __init__(self, readers: Mapping[str, Callable[[], Network]], widths: Mapping[str, int]) -> None:
        self._readers = dict(readers)
        self._loaded: dict[str, Network] = {}
        self.widths = dict(widths)

    @classmethod
    def of(cls, networks: Mapping[str, Network]) -> "LazyNetworks":
        """From networks that are in memory already."""
        lazy = cls({}, {name: network.output_width for name, network in networks.items()})
        lazy._loaded = dict(networks)
        return lazy

    def __reduce__(self):
        return LazyNetworks.of, (dict(self),)  # an open file cannot travel to another process

    def __getitem__(self, name: str) -> Network:
        if name not in self._loaded:
            if name not in self._readers:
                raise KeyError(name)
            self._loaded[name] = self._readers[name]()
            del self._readers[name]  # the last one lets go of the file
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.widths)

    def __len__(self) -> int:
        return len(self.widths)
