"""How well identity, expression and age come apart: errors of edits against the truth, in mm."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from inface._validate import FloatArray, IntArray
from inface.evaluation.figures import distances
from inface.models import MorphableModel
from inface.population import Population
from inface.synthetic import shapes_for
from inface.transforms import procrustes

# rows whose identity, rows whose expression (None: neutral), months -> true shapes (n, V, 3)
Truth = Callable[[IntArray, IntArray | None, FloatArray], FloatArray]


class Editor(Protocol):
    """What an edit needs: a model, or a baseline with a nonlinear age."""

    blocks: dict[str, slice]

    def encode(self, shapes: FloatArray) -> FloatArray:
        """Codes `(n, K)` of shapes `(n, V, 3)`."""

    def decode(self, codes: FloatArray) -> FloatArray:
        """Shapes `(n, V, 3)` of codes `(n, K)`."""

    def age_codes(self, months: FloatArray) -> FloatArray | None:
        """Age blocks `(n, w)` of ages in months; None without age calibration."""

    def neutral_code(self) -> FloatArray:
        """Expression block `(w,)` of a neutral face."""


class ModelEditor:
    """A disentangled `MorphableModel` as an `Editor`, in batches of 64."""

    def __init__(self, model: MorphableModel) -> None:
        self.model = model
        self.blocks = dict(model.latent.blocks)

    def encode(self, shapes: FloatArray) -> FloatArray:
        """See `Editor`."""
        parts = [self.model.encode(shapes[i : i + 64], check=False) for i in range(0, len(shapes), 64)]
        return np.concatenate(parts).astype(np.float64)

    def decode(self, codes: FloatArray) -> FloatArray:
        """See `Editor`."""
        return np.concatenate([self.model.decode(codes[i : i + 64]) for i in range(0, len(codes), 64)])

    def age_codes(self, months: FloatArray) -> FloatArray | None:
        """See `Editor`; months outside the calibration are taken to its end."""
        calibration = self.model.age_calibration
        if calibration is None:
            return None
        code = np.interp(months, calibration.months, calibration.codes)
        return code[:, None] * calibration.direction

    def neutral_code(self) -> FloatArray:
        """See `Editor`."""
        return self.model.neutral_code()


@dataclass(frozen=True, eq=False)
class EditError:
    """One edit over n scans; each array `(n,)` mm, mean over the vertices (`head`) or those of the face (`face`).

    Attributes:
        name: of the edit.
        plain: decode(edited codes) against the truth; detail: scan + decode(edited) - decode(own) against it.
        nothing: the untouched scan against the truth: what doing nothing costs.
        represent: decode(encode(truth)) against the truth: what the model cannot represent.
        leak: decode(edited codes) against decode(encode(truth)): what the codes mix up.
    """

    name: str
    plain: dict[str, FloatArray]
    detail: dict[str, FloatArray]
    nothing: dict[str, FloatArray]
    represent: dict[str, FloatArray]
    leak: dict[str, FloatArray]


def synthetic_truth(population: Population) -> Truth:
    """The truth of a synthetic cohort, from its factors.

    Where the population was aligned (as `load_population` does), each true shape is brought rigidly onto the mean of
    the population, the pose it would have had among them.

    Raises:
        ValueError: the population lacks the factors, or its shapes are not those that they describe.
    """
    factors = population.factors
    missing = {"identity", "expression_weights", "deformity"} - set(factors)
    if missing or population.age_months is None:
        raise ValueError(
            f"the population lacks {', '.join(sorted(missing)) or 'ages'}; only a synthetic cohort has all factors"
        )

    def made(identity_of: IntArray, expression_of: IntArray | None, months: FloatArray) -> FloatArray:
        weights = None if expression_of is None else factors["expression_weights"][expression_of]
        sex = None if population.sex is None else population.sex[identity_of]
        return shapes_for(factors["identity"][identity_of], months, sex, weights, factors["deformity"][identity_of])

    few = np.unique(np.linspace(0, len(population) - 1, 3).astype(int))
    own, shapes = made(few, few, population.age_months[few]), np.asarray(population.shapes[few], np.float64)
    if own.shape == shapes.shape and np.abs(own - shapes).max() < 0.01:
        return made
    posed = [procrustes(a, b).apply(a) for a, b in zip(own, shapes, strict=True)] if own.shape == shapes.shape else []
    if not posed or np.abs(np.array(posed) - shapes).max() > 0.05:
        raise ValueError(
            "the shapes are not those that the population's factors describe (another version of the generator, or "
            "meshes that were changed); remove the factors (factors.json)"
        )
    mean = population.shapes.mean(0, dtype=np.float64)

    def aligned(identity_of: IntArray, expression_of: IntArray | None, months: FloatArray) -> FloatArray:
        return np.stack([procrustes(x, mean).apply(x) for x in made(identity_of, expression_of, months)])

    return aligned


def edit_errors(editor: Editor, population: Population, truth: Truth, face: IntArray, seed: int = 0) -> list[EditError]:
    """Errors of reconstruction, transfer, neutralising and ageing on held-out scans.

    Each scan gets the expression of a scan of another child; a neutral face; and another scan's age, its own age and
    the new one being known. What needs a block that the model lacks, or ages that are not known, is left out.
    """
    shapes, count = population.shapes, len(population)
    rows = np.arange(count)
    own = editor.encode(shapes)
    decoded = editor.decode(own)
    out = [EditError("reconstruct", _errors(decoded, shapes, face), {}, {}, {}, {})]
    if "expression" not in editor.blocks:
        return out
    months = np.zeros(count) if population.age_months is None else population.age_months
    random = np.random.default_rng(seed)
    giver = _other_child(population, random)
    block = editor.blocks["expression"]

    def judge(name: str, codes: FloatArray, before: FloatArray, wanted: FloatArray) -> None:
        after = editor.decode(codes)
        best = editor.decode(editor.encode(wanted))
        out.append(
            EditError(
                name,
                _errors(after, wanted, face),
                _errors(shapes + (after - before), wanted, face),
                _errors(shapes, wanted, face),
                _errors(best, wanted, face),
                _errors(after, best, face),
            )
        )

    judge("transfer", _put(own, block, own[giver][:, block]), decoded, truth(rows, giver, months))
    judge("neutralise", _put(own, block, editor.neutral_code()), decoded, truth(rows, None, months))
    wanted_months = random.permutation(months)
    present, future = editor.age_codes(months), editor.age_codes(wanted_months)
    if population.age_months is not None and "age" in editor.blocks and present is not None and future is not None:
        age = editor.blocks["age"]
        before = editor.decode(_put(own, age, present))
        judge("age", _put(own, age, future), before, truth(rows, rows, wanted_months))
    return out


def _put(codes: FloatArray, block: slice, value: FloatArray) -> FloatArray:
    out = codes.copy()
    out[:, block] = value
    return out


def _other_child(population: Population, random: np.random.Generator) -> IntArray:
    """For each scan a scan of another child."""
    if population.subject is None:
        raise ValueError("the population does not name its subjects, so no other child can be chosen")
    out = np.empty(len(population), np.int64)
    for i, name in enumerate(population.subject):
        others = np.flatnonzero(population.subject != name)
        if not len(others):
            raise ValueError(f"expected scans of two subjects or more, got only '{name}'")
        out[i] = random.choice(others)
    return out


def _errors(got: FloatArray, wanted: FloatArray, face: IntArray) -> dict[str, FloatArray]:
    distance = distances(np.asarray(got, np.float32), np.asarray(wanted, np.float32))
    return {"head": distance.mean(1), "face": distance[:, face].mean(1) if len(face) else distance.mean(1)}
