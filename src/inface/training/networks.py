"""The networks of the autoencoder in the span of the data: small perceptrons beside a linear path."""

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from inface._optional import require
from inface.torch_layer.modules import perceptron

if TYPE_CHECKING:
    import torch
else:
    torch = require("torch", "training an autoencoder")

SLOPE = 0.2


class SkipPerceptron(torch.nn.Module):
    """`matrix @ x + bias + perceptron(x)`: the linear path carries what generalises, the perceptron what bends.

    `hidden` are the widths of the hidden layers; without any the network is linear. The last layer of the perceptron
    starts ten times smaller than usual, so that training starts at the linear model.
    """

    def __init__(self, matrix: np.ndarray, hidden: tuple[int, ...]) -> None:
        super().__init__()
        out, into = matrix.shape
        self.skip = torch.nn.Linear(into, out)
        with torch.no_grad():
            self.skip.weight.copy_(torch.as_tensor(matrix))
            self.skip.bias.zero_()
        widths = (into, *hidden, out) if hidden else ()
        self.layers = torch.nn.ModuleList(torch.nn.Linear(a, b) for a, b in itertools.pairwise(widths))
        if hidden:
            with torch.no_grad():
                for parameter, factor in zip(self.layers[-1].parameters(), (0.1, 0.0), strict=True):
                    parameter.mul_(factor)

    def forward(self, x: "torch.Tensor") -> "torch.Tensor":
        """`(..., in)` to `(..., out)`."""
        straight = self.skip(x)
        return straight + perceptron(self.layers, x, SLOPE, last=False) if len(self.layers) else straight


class SpanAutoencoder(torch.nn.Module):
    """One encoder a block and one decoder on the joined code; inputs and outputs are scaled coefficients `(..., K)`.

    `encoders` maps block names (or "" for a plain autoencoder) to start matrices `(k, K)`; `decoder` is `(K, sum k)`.
    """

    def __init__(
        self, encoders: Mapping[str, np.ndarray], decoder: np.ndarray, hidden: tuple[int, ...] = (192, 192)
    ) -> None:
        super().__init__()
        self.names = tuple(encoders)
        self.widths = tuple(len(matrix) for matrix in encoders.values())
        self.encoders = torch.nn.ModuleList(SkipPerceptron(matrix, hidden) for matrix in encoders.values())
        self.decoder = SkipPerceptron(decoder, hidden)

    def encode(self, x: "torch.Tensor") -> "torch.Tensor":
        """Joined code `(..., sum k)`."""
        return torch.cat([encoder(x) for encoder in self.encoders], -1)

    def decode(self, code: "torch.Tensor") -> "torch.Tensor":
        """Scaled coefficients `(..., K)`."""
        return self.decoder(code)

    def forward(self, x: "torch.Tensor") -> "torch.Tensor":
        """Reconstruction."""
        return self.decode(self.encode(x))
