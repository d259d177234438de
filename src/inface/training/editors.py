"""Models in the span of the data as `inface.evaluation.Editor`s: trained networks, and the baseline they must beat."""

import numpy as np

from inface._validate import FloatArray
from inface.models.span import SpanModel
from inface.training.components import PrincipalComponents
from inface.training.twofactor import TwoFactor, solve_codes


class SpanEditor:
    """A `SpanModel` with its modes: the same answers as the folded model, without its large layers."""

    def __init__(self, model: SpanModel, span: PrincipalComponents) -> None:
        self.model, self.span = model, span
        ends = np.cumsum([0] + [len(net.skip) for net in model.encoders.values()]).tolist()
        self.blocks = {
            name: slice(a, b) for name, a, b in zip(model.encoders, ends[:-1], ends[1:], strict=True) if name
        }

    def encode(self, shapes: FloatArray) -> FloatArray:
        """Codes `(n, k)` of shapes `(n, V, 3)`."""
        return self.model.encode(self.span.project(shapes.reshape(len(shapes), -1)))

    def decode(self, codes: FloatArray) -> FloatArray:
        """Shapes `(n, V, 3)` of codes."""
        return self.span.expand(self.model.decode(codes)).reshape(len(codes), -1, 3)

    def age_codes(self, months: FloatArray) -> FloatArray | None:
        """Age block `(n, 1)` of ages in months."""
        calibration = self.model.extras.get("age_calibration")
        if calibration is None:
            return None
        return np.interp(months, calibration.months, calibration.codes)[:, None]

    def neutral_code(self) -> FloatArray:
        """The stored code of "neutral"."""
        return np.asarray(self.model.extras["expressions"]["neutral"])


class TwoFactorEditor:
    """The strong linear baseline: mean growth curve, identity that grows with the head, linear codes at a given age.

    Not a model of the file layout: growth is a polynomial here and the encoders depend on the age they estimate.
    `neutral` are the coefficients `(n, K)` of neutral training scans.
    """

    def __init__(
        self,
        factors: TwoFactor,
        span: PrincipalComponents,
        training: FloatArray,
        months: FloatArray,
        neutral: FloatArray,
    ) -> None:
        self.factors, self.span = factors, span
        widths = (len(factors.identity), len(factors.expression))
        self.blocks = {
            "identity": slice(0, widths[0]),
            "expression": slice(widths[0], sum(widths)),
            "age": slice(sum(widths), sum(widths) + 1),
        }
        if factors.growth is None:
            raise ValueError("the two-factor baseline needs ages")
        self.growth = factors.growth
        code = self.growth.code(months)
        gram = training.T @ training
        self.age = np.linalg.solve(gram + 1e-9 * np.trace(gram) * np.eye(len(gram)), training.T @ code)
        self.neutral = self._encode(neutral)[:, self.blocks["expression"]].mean(0)

    def _encode(self, coefficients: FloatArray) -> FloatArray:
        f, code = self.factors, coefficients @ self.age
        left = coefficients - f.mean(code)
        out = np.empty((len(left), len(f.identity) + len(f.expression) + 1))
        out[:, -1] = code
        near = np.round(code * 20) / 20
        for value in np.unique(near):
            chosen = near == value
            directions = np.concatenate([f.identity_at(f.identity, np.full(len(f.identity), value)), f.expression])
            out[chosen, :-1] = left[chosen] @ solve_codes(directions, f.rest).T
        return out

    def encode(self, shapes: FloatArray) -> FloatArray:
        """Codes `(n, k)` of shapes `(n, V, 3)`."""
        return self._encode(self.span.project(shapes.reshape(len(shapes), -1)))

    def decode(self, codes: FloatArray) -> FloatArray:
        """Shapes `(n, V, 3)` of codes."""
        f, code = self.factors, codes[:, -1]
        child = f.identity_at(codes[:, self.blocks["identity"]] @ f.identity, code)
        coefficients = f.mean(code) + child + codes[:, self.blocks["expression"]] @ f.expression
        return self.span.expand(coefficients).reshape(len(codes), -1, 3)

    def age_codes(self, months: FloatArray) -> FloatArray:
        """Age block `(n, 1)` of ages in months."""
        return self.growth.code(months)[:, None]

    def neutral_code(self) -> FloatArray:
        """Mean code of the neutral scans."""
        return self.neutral
