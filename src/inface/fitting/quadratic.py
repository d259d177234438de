"""What is left to be minimised once everything linear beside the latent is integrated out."""

from dataclasses import dataclass

from inface._validate import BoolArray, FloatArray


@dataclass(frozen=True, eq=False)
class Quadratic:
    """`|B h - r|^2 = h^T gram h - 2 right^T h + square` as a function of h alone, `(H,)`."""

    gram: FloatArray
    right: FloatArray
    square: float

    def value(self, h: FloatArray) -> float:
        """The sum of squares at h, not below zero."""
        return max(float(h @ (self.gram @ h) - 2 * self.right @ h) + self.square, 0.0)


@dataclass(frozen=True, eq=False)
class Minimum:
    """A minimum of a quadratic plus `weight |u|^2` over standardised latents u.

    Attributes:
        latent: `(K,)`; hidden: `(H,)` what multiplies the basis there.
        derivative: `(H, K)` of the hidden by u.
        standardised: `(K,)` u.
        converged, iterations: how the search went.
        value: the least sum that was found.
    """

    latent: FloatArray
    hidden: FloatArray
    derivative: FloatArray
    standardised: FloatArray
    converged: BoolArray | bool = True
    iterations: int = 0
    value: float = float("nan")
