"""What a network is trained to do, in mm^2 a vertex: rebuild scans, and rebuild twins from swapped codes."""

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from inface._optional import require
from inface.training.networks import SpanAutoencoder
from inface.training.settings import LossWeights

if TYPE_CHECKING:
    import torch
else:
    torch = require("torch", "training an autoencoder")

Losses = dict[str, Any]


class PlainLoss(torch.nn.Module):
    """Reconstruction alone, for an autoencoder without blocks. `metric (K,)`: scaled coefficients to mm^2 a vertex."""

    def __init__(self, net: SpanAutoencoder, metric: np.ndarray, weights: LossWeights) -> None:
        super().__init__()
        self.net = net
        self.weights = weights
        self.register_buffer("metric", torch.as_tensor(metric, dtype=torch.float32))

    metric: "torch.Tensor"

    def squared(self, got: "torch.Tensor", wanted: "torch.Tensor") -> "torch.Tensor":
        """Mean squared distance of a vertex, mm^2."""
        return ((got - wanted) ** 2 * self.metric).sum(-1).mean()

    def forward(self, batch: Mapping[str, Any]) -> Losses:
        """`batch`: "clean" and "noisy" `(B, K)`."""
        return {"reconstruct": self.weights.reconstruct * self.squared(self.net(batch["noisy"]), batch["clean"])}


class TwinLoss(PlainLoss):
    """The losses of a disentangled autoencoder on a `TwinBatch`.

    - reconstruct: the target and the two twins from their own codes.
    - twin: the target from the identity of `same_child`, the expression of `same_expression` and its age, which is
      the true one half of the time and the encoded one otherwise.
    - swap: target and `same_child` exchange expressions AND ages; each must come out as the other's child.
    - detail: `same_child` + decode(edited) - decode(own) is the target: the edit is right even where the codes hold
      only part of the child.
    - pair: the same between the real scans a and b of a child, whose ages are known: what no twin can teach, for a
      twin grows as the two-factor model says.
    - consistent: target and `same_expression` differ in child and age, so their expression codes must agree. This is
      what keeps identity and age out of the expression code (without it a child is known by its expression code).
    - age, twin_age: the age code is the standardised log age, of real scans and of twins.
    """

    def forward(self, batch: Mapping[str, Any]) -> Losses:
        """`batch`: the arrays of a `TwinBatch`, the "noisy" inputs of its four parts in order, "told" `(B, 1)`."""
        net, w = self.net, self.weights
        identity, expression, age = (slice(a, b) for a, b in _edges(net.widths))
        size = len(batch["target"])
        clean = torch.cat([batch["target"], batch["same_child"], batch["same_expression"]])
        codes = net.encode(batch["noisy"])
        target, child, other = codes[: 3 * size].split(size)
        real = codes[3 * size :]
        before, after = real.split(size)
        real_ages = batch["real_age"][:, None].split(size)
        ages = [batch[f"{name}_age"][:, None] for name in ("target", "same_child", "same_expression")]
        told = batch["told"].bool()
        target_age = torch.where(told, ages[0], target[:, age])
        child_age = torch.where(told, ages[1], child[:, age])
        mixed = torch.cat(
            [
                codes[: 3 * size],
                torch.cat([child[:, identity], other[:, expression], target_age], 1),
                torch.cat([child[:, identity], target[:, expression], target_age], 1),
                torch.cat([target[:, identity], child[:, expression], child_age], 1),
                torch.cat([child[:, identity], other[:, expression], ages[0]], 1),
                torch.cat([child[:, identity], child[:, expression], ages[1]], 1),
                torch.cat([before[:, identity], after[:, expression], real_ages[1]], 1),
                torch.cat([before[:, identity], before[:, expression], real_ages[0]], 1),
            ]
        )
        out = net.decode(mixed)
        rebuilt, twin, here, there, edited, own, later, earlier = out.split([3 * size] + 7 * [size])
        a, b = batch["real"].split(size)
        spread = codes[: 3 * size, expression].detach().std(0) + 1e-4
        away = (target - other)[:, expression] / spread
        swapped = self.squared(here, batch["target"]) + self.squared(there, batch["same_child"])
        losses = {
            "reconstruct": w.reconstruct * self.squared(rebuilt, clean),
            "twin": w.twin * self.squared(twin, batch["target"]),
            "swap": w.swap * swapped,
            "detail": w.detail * self.squared(batch["same_child"] + edited - own, batch["target"]),
            "pair": w.pair * self.squared(a + later - earlier, b),
            "consistent": w.consistent * (away**2).mean(),
        }
        if bool(batch["aged"]):
            losses["age"] = w.age * ((real[:, age] - batch["real_age"][:, None]) ** 2).mean()
            losses["twin_age"] = w.twin_age * ((codes[: 3 * size, age] - torch.cat(ages)) ** 2).mean()
        return losses


def _edges(widths: tuple[int, ...]) -> list[tuple[int, int]]:
    ends = np.cumsum([0, *widths]).tolist()
    return list(itertools.pairwise(ends))
