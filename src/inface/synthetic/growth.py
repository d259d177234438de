"""Growth: the mean head of either sex at any age from birth to 36 months.

At nine ages the control points are solved for, so that every measure takes the value of the tables (`anthropometry`);
between them they follow monotone cubics in the square root of age. Circumference and cephalic index are met as
`inface.measurement` measures them on the surface.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.interpolate import PchipInterpolator

from inface._validate import FloatArray
from inface.measurement import cranial_measures
from inface.synthetic import anthropometry
from inface.synthetic.anthropometry import ROWS
from inface.synthetic.controls import Controls
from inface.synthetic.targets import Measured
from inface.template import Template

ANCHOR_AGES = (0.0, 1.0, 3.0, 6.0, 9.0, 12.0, 18.0, 24.0, 36.0)
_SEXES = ("", "male", "female")


@dataclass(frozen=True, eq=False)
class Growth:
    """Mean control points by age and sex over one template."""

    template: Template
    controls: Controls
    measured: Measured
    basis: FloatArray

    @cached_property
    def template_values(self) -> FloatArray:
        """Measures `(M,)` of the template itself."""
        return self.measured.values(self.controls.position)

    def wanted(self, age: float, sex: str) -> FloatArray:
        """Target of every measure `(M,)` by the tables: mm, per cent for the cephalic index."""
        out = [anthropometry.circumference(age, sex)[0], anthropometry.cephalic_index(age)[0]]
        for own, (name, row) in zip(self.template_values[2:], ROWS.items(), strict=True):
            value = anthropometry.size(name, age, sex)
            out.append(own + value if row.shift else own * value if row.relative else value)
        return np.array(out)

    def _start(self, age: float, sex: str) -> FloatArray:
        """A first guess `(L, 3)`: the vault scaled as the circumference, the face as its height, width and depth."""
        p, row = self.controls.position, self.controls.row
        scaling = [name for name, row in ROWS.items() if not row.shift]
        ratio = {name: anthropometry.size(name, age, sex) / anthropometry.size(name, 6) for name in scaling}
        vault = anthropometry.circumference(age, sex)[0] / anthropometry.circumference(6)[0]
        n = p[row["n"]]
        level = n[1] * ratio["eye level"]
        face = np.column_stack(
            [
                p[:, 0] * (ratio["zy-zy"] + ratio["t-t"]) / 2,
                level + (p[:, 1] - n[1]) * ratio["n-gn"],
                p[:, 2] * ratio["t-n"],
            ]
        )
        share = self.controls.face_share[:, None]
        points = face * share + p * vault * (1 - share)
        for side, sign in (("_l", 1), ("_r", -1)):
            ear, tragion = self.controls.ear & (sign * p[:, 0] > 0), row["t" + side]
            points[ear] = points[tragion] + (p[ear] - p[tragion]) * ratio["sa-sba"]
        return points

    def surface(self, points: FloatArray) -> FloatArray:
        """The template's vertices under the warp to control points `(..., L, 3)`: `(..., V, 3)`."""
        return self.template.mesh.vertices + self.basis @ (points - self.controls.position)

    @cached_property
    def _anchors(self) -> tuple[FloatArray, FloatArray]:
        """Control points `(3, A, L, 3)` and the factors `(3, A, 2)` from the ring's measures to the surface's."""
        points = np.zeros((len(_SEXES), len(ANCHOR_AGES), *self.controls.position.shape))
        factor = np.ones((len(_SEXES), len(ANCHOR_AGES), 2))
        for s, sex in enumerate(_SEXES):
            for a, age in enumerate(ANCHOR_AGES):
                wanted, start = self.wanted(age, sex), self._start(age, sex)
                factor[s, a] = factor[0, a]
                guess = None
                for rounds in (5, 2, 1):
                    goal = wanted.copy()
                    goal[:2] /= factor[s, a]
                    points[s, a] = guess = self.measured.solve(start, goal, guess=guess, rounds=rounds)
                    real = cranial_measures(self.template, self.surface(guess))
                    factor[s, a] = np.array([real.circumference, real.cephalic_index]) / self.measured.values(guess)[:2]
        return points, factor

    @cached_property
    def _curves(self) -> tuple[list[PchipInterpolator], list[PchipInterpolator]]:
        points, factor = self._anchors
        root = np.sqrt(ANCHOR_AGES)
        return [PchipInterpolator(root, p) for p in points], [PchipInterpolator(root, f) for f in factor]

    def points(self, age: FloatArray, sex: np.ndarray) -> FloatArray:
        """Mean control points `(N, L, 3)` at ages `(N,)` of sexes `(N,)` ("male", "female", "")."""
        return self._pick(self._curves[0], age, sex)

    def ring_factor(self, age: FloatArray, sex: np.ndarray) -> FloatArray:
        """Circumference and cephalic index of the surface over those of the ring of control: `(N, 2)`."""
        return self._pick(self._curves[1], age, sex)

    @staticmethod
    def _pick(curves, age: FloatArray, sex: np.ndarray) -> FloatArray:
        root = np.sqrt(age)
        out = curves[0](root)
        for s, name in enumerate(_SEXES[1:], 1):
            chosen = sex == name
            if chosen.any():
                out[chosen] = curves[s](root[chosen])
        return out
