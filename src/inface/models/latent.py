"""The latent space: mean, spread and named blocks; the blocks are the disentanglement."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np

from inface._validate import FloatArray, finite, floats
from inface.errors import MissingBlockError


@dataclass(frozen=True, eq=False)
class LatentSpace:
    """Mean and spread of a model's latent codes, in the model's own units, and its named blocks.

    Attributes:
        mean: `(K,)`.
        std: `(K,)`, non-negative.
        blocks: name ("identity", "expression", "age") -> slice; disjoint and in order. Empty: not disentangled.
    """

    mean: FloatArray
    std: FloatArray
    blocks: Mapping[str, slice] = field(default_factory=dict)

    def __post_init__(self) -> None:
        mean = finite("latent_mean", floats("latent_mean", self.mean, (None,), dtype=None))
        std = finite("latent_std", floats("latent_std", self.std, (len(mean),), dtype=None))
        if (std < 0).any():
            raise ValueError("latent_std: expected non-negative numbers")
        end = 0
        for name, block in self.blocks.items():
            if not (end <= block.start < block.stop <= len(mean)):
                raise ValueError(f"block '{name}': [{block.start}, {block.stop}) does not fit in [{end}, {len(mean)})")
            end = block.stop
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "std", std)

    def __len__(self) -> int:
        return len(self.mean)

    def block(self, name: str) -> slice:
        """The slice of a block; raises `MissingBlockError` naming the blocks there are."""
        if name not in self.blocks:
            known = ", ".join(f"'{b}' ({s.stop - s.start})" for b, s in self.blocks.items())
            raise MissingBlockError(
                f"the model has no block '{name}'; "
                + (f"its blocks are {known}" if known else "its latent space is not disentangled into blocks")
            )
        return self.blocks[name]

    def parts(self, skip: Collection[str]) -> list[slice]:
        """The slices that make up the latent code without the blocks named in `skip`."""
        keep = np.ones(len(self) + 2, bool)
        keep[[0, -1]] = False
        for name in skip:
            block = self.blocks[name]
            keep[block.start + 1 : block.stop + 1] = False
        edges = np.flatnonzero(np.diff(keep)).reshape(-1, 2).tolist()
        return [slice(start, stop) for start, stop in edges]

    def standardise(self, latent: FloatArray) -> FloatArray:
        """`(latent - mean) / std` over `(..., K)`; entries without spread become 0."""
        safe = np.where(self.std > 0, self.std, 1)
        return np.where(self.std > 0, (latent - self.mean) / safe, 0.0)
