"""Networks as modules that round little: every layer works on the difference from its values at the mean face.

Model files lift their codes by some tens so that they pass a leaky ReLU unchanged. A product with such numbers rounds
to a part of THEM; `W (h - h0) + (W h0 + b)` rounds to a part of what is different from the mean face.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from inface._optional import require
from inface._validate import FloatArray

if TYPE_CHECKING:
    import torch
else:
    torch = require("torch", "a model as a torch layer")


def perceptron(layers: Iterable["torch.nn.Module"], x: "torch.Tensor", slope: float, *, last: bool) -> "torch.Tensor":
    """Layers one after the other with a leaky ReLU between them, and after the last one where `last`."""
    waiting = False
    for layer in layers:
        if waiting:
            x = torch.nn.functional.leaky_relu(x, slope)
        x, waiting = layer(x), slope < 1
    return torch.nn.functional.leaky_relu(x, slope) if last and waiting else x


class CentredLinear(torch.nn.Module):
    """`weight @ (x - center) + value`: `weight (out, in)`, `center (in,)`, and `value (out,)`, what comes out there."""

    weight: "torch.Tensor"
    center: "torch.Tensor"
    value: "torch.Tensor"

    def __init__(self, weight: "torch.Tensor", center: "torch.Tensor", value: "torch.Tensor", trainable: bool) -> None:
        super().__init__()
        hold(self, {"weight": weight, "value": value}, trainable)
        hold(self, {"center": center}, False)

    def forward(self, x: "torch.Tensor") -> "torch.Tensor":
        """`(..., in)` to `(..., out)`."""
        return torch.nn.functional.linear(x - self.center, self.weight, self.value)

    def some(self, x: "torch.Tensor", rows: "torch.Tensor") -> "torch.Tensor":
        """The outputs `rows (n,)` alone: `(..., in)` to `(..., n)`."""
        return torch.nn.functional.linear(x - self.center, self.weight[rows], self.value[rows])


class CentredNetwork(torch.nn.Module):
    """Centred layers with leaky ReLU between; `last`: after the last one too, as in encoders."""

    def __init__(self, layers: list[CentredLinear], slope: float, last: bool) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(layers)
        self.slope, self.last = slope, last

    def forward(self, x: "torch.Tensor") -> "torch.Tensor":
        """`(..., in)` to `(..., out)`."""
        return perceptron(self.layers, x, self.slope, last=self.last)

    def some(self, x: "torch.Tensor", rows: "torch.Tensor") -> "torch.Tensor":
        """The outputs `rows (n,)` alone, of a network without activation at its end."""
        if len(self.layers) > 1:
            x = perceptron(list(self.layers)[:-1], x, self.slope, last=True)
        return self.layers[-1].some(x, rows)  # type: ignore[operator]


class Basis(torch.nn.Module):
    """`x @ components + mean`: `components (K, n)`, `mean (n,)`; and back."""

    components: "torch.Tensor"
    mean: "torch.Tensor"

    def __init__(self, components: "torch.Tensor", mean: "torch.Tensor", trainable: bool) -> None:
        super().__init__()
        hold(self, {"components": components, "mean": mean}, trainable)

    def forward(self, x: "torch.Tensor") -> "torch.Tensor":
        """`(..., K)` to `(..., n)`."""
        flat = torch.addmm(self.mean, x.reshape(-1, x.shape[-1]), self.components)
        return flat.reshape(*x.shape[:-1], self.mean.shape[0])

    def some(self, x: "torch.Tensor", rows: "torch.Tensor") -> "torch.Tensor":
        """The outputs `rows` alone."""
        return x @ self.components[:, rows] + self.mean[rows]

    def project(self, y: "torch.Tensor") -> "torch.Tensor":
        """`(..., n)` to `(..., K)`."""
        return (y - self.mean) @ self.components.T


def hold(module: "torch.nn.Module", tensors: dict[str, "torch.Tensor"], trainable: bool) -> None:
    """Tensors as parameters of a module, or as buffers."""
    for name, tensor in tensors.items():
        if trainable:
            module.register_parameter(name, torch.nn.Parameter(tensor))
        else:
            module.register_buffer(name, tensor)


def centred(
    weights: Iterable[FloatArray], biases: Iterable[FloatArray], slope: float, at: FloatArray, dtype: np.dtype
) -> list[dict[str, FloatArray]]:
    """ "weight", "center" and "value" of each layer, centred at the values that an input `at (in,)` gives.

    The values are found in float64 for the centers as they are stored, so that the layers are the same function.
    """
    out, here = [], np.asarray(at, np.float64)
    for weight, bias in zip(weights, biases, strict=True):
        center = here.astype(dtype)
        value = weight.astype(np.float64) @ center.astype(np.float64) + bias
        out.append({"weight": weight.astype(dtype), "center": center, "value": value.astype(dtype)})
        here = np.where(value > 0, value, slope * value) if slope < 1 else value
    return out
