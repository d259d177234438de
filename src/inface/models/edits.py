"""Edits of a mesh through the blocks of its latent code: expression, age."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from inface._validate import FloatArray
from inface.errors import MissingBlockError
from inface.mesh import Mesh
from inface.models import codes, correspondence
from inface.models.ages import AgeCalibration
from inface.models.latent import LatentSpace
from inface.template import Template

IMPLAUSIBLE = (
    6.0  # standard deviations of a typical distance (0.7 each, whatever the number of entries) to be warned of
)


class PlausibilityWarning(UserWarning):
    """A mesh lies far from what the model was made of; its edit is hardly supported."""


class BlockEdits(ABC):
    """The edits of a model. Each takes a mesh in correspondence and returns a new one in the same frame.

    Colours stay; landmarks move with the surface. Keywords of every edit:

    - `keep_detail`: add back what the model cannot express, `mesh + decode(edited) - decode(own code)`; the edit then
      keeps the child's own detail. Without it the result is the model's own shape, as in the reference.
    - `align`, `check`: see `models.correspondence.check`.

    An edit whose block the model lacks raises `MissingBlockError`, which names the blocks there are.
    """

    template: Template
    latent: LatentSpace
    expressions: Mapping[str, FloatArray]
    age_calibration: AgeCalibration | None
    dtype: np.dtype

    @abstractmethod
    def decode(self, latent: ArrayLike) -> FloatArray: ...

    @abstractmethod
    def check(
        self,
        shape: Any,
        mask: ArrayLike | None = None,
        *,
        invert_mask: bool = False,
        align: bool | str = False,
        check: bool = True,
    ) -> correspondence.Checked: ...

    @abstractmethod
    def encode_checked(self, vertices: FloatArray, skip: frozenset[str] = frozenset()) -> FloatArray: ...

    def set_expression(
        self,
        mesh: Mesh,
        code: ArrayLike | str,
        strength: float = 1,
        *,
        keep_detail: bool = False,
        align: bool = False,
        check: bool = True,
    ) -> Mesh:
        """The mesh with another expression.

        Args:
            code: a block-long `(w,)` or full-long `(K,)` code, or the name of a stored expression.
            strength: 0 is neutral (`neutral_code`), 1 the code itself; in between weaker, above 1 exaggerated.

        Examples:
            >>> import inface
            >>> model = inface.load_default_model("disentangled")
            >>> child = model.sample_meshes(1, deviation_factor=0.5, seed=1)[0]
            >>> crying = model.set_expression(child, "crying")
            >>> len(crying.vertices) == len(child.vertices)
            True
        """
        wanted = self.expression_code(code)
        if strength != 1:
            wanted = codes.strengthened(wanted, self.neutral_code(), strength)
        arrival = self.check(mesh, align=align, check=check)
        return self._with_block(arrival, "expression", wanted, keep_detail)

    def transfer_expression(
        self, source: Mesh, target: Mesh, *, keep_detail: bool = False, align: bool = False, check: bool = True
    ) -> Mesh:
        """The target mesh with the source's expression.

        Examples:
            >>> import inface
            >>> model = inface.load_default_model("disentangled")
            >>> child = model.sample_meshes(1, deviation_factor=0.5, seed=1)[0]
            >>> other = model.sample_meshes(2, deviation_factor=0.5, seed=1)[1]
            >>> smiling = model.set_expression(other, "smiling")
            >>> both = model.transfer_expression(smiling, child, keep_detail=True)  # the child, with the other's smile
            >>> both.vertices.shape == child.vertices.shape
            True
        """
        block = self.latent.block("expression")
        giver = self.check(source, align=align, check=check)
        others = frozenset(self.latent.blocks) - {"expression"}
        code = self.encode_checked(giver.vertices, skip=others)[block]
        arrival = self.check(target, align=align, check=check)
        return self._with_block(arrival, "expression", code, keep_detail)

    def neutralize(self, mesh: Mesh, *, keep_detail: bool = False, align: bool = False, check: bool = True) -> Mesh:
        """The mesh with the neutral expression; see `neutral_code`.

        Examples:
            >>> import inface
            >>> model = inface.load_default_model("disentangled")
            >>> child = model.sample_meshes(1, deviation_factor=0.5, seed=1)[0]
            >>> calm = model.neutralize(child, keep_detail=True)  # the child's own detail stays
            >>> calm.vertices.shape == child.vertices.shape
            True
        """
        return self.set_expression(mesh, self.neutral_code(), keep_detail=keep_detail, align=align, check=check)

    def neutral_code(self) -> FloatArray:
        """`(w,)`: the stored expression "neutral", or else the block's latent mean."""
        block = self.latent.block("expression")
        return self.expressions.get("neutral", self.latent.mean[block])

    def expression_code(self, code: ArrayLike | str) -> FloatArray:
        """`(w,)` of a stored expression's name, or of a block-long or full-long code."""
        block = self.latent.block("expression")
        if isinstance(code, str):
            if code not in self.expressions:
                known = ", ".join(self.expressions) or "none"
                raise ValueError(f"expression '{code}': not stored in the model; it has: {known}")
            return self.expressions[code]
        wanted = codes.block_code("expression code", code, block, len(self.latent))
        if wanted.ndim != 1:
            raise ValueError(f"expression code: expected one code, got shape {wanted.shape}")
        return wanted

    def adjust_age(
        self, mesh: Mesh, value: ArrayLike, *, keep_detail: bool = False, align: bool = False, check: bool = True
    ) -> Mesh:
        """The mesh with another age code, as in the reference: raw values of the age block.

        A number for a block one wide; a vector of the block's width for a wider one, where a number is refused (the
        reference would change one of the entries). For ages in months see `set_age`.

        Examples:
            >>> import inface
            >>> model = inface.load_default_model("disentangled")
            >>> child = model.sample_meshes(1, deviation_factor=0.5, seed=1)[0]
            >>> code = model.latent_mean[model.blocks["age"]] + 1  # a raw code, one deviation older than the mean
            >>> model.age(model.adjust_age(child, code)) > 12  # months
            True
        """
        block = self.latent.block("age")
        width = block.stop - block.start
        if np.shape(value) != (width,) and not (width == 1 and np.size(value) == 1):
            wanted = "a number" if width == 1 else f"a vector of {width} numbers (the age block's width)"
            came = "a number" if np.ndim(value) == 0 else f"shape {np.shape(value)}"
            raise ValueError(f"age code: expected {wanted}, got {came}")
        code = codes.block_code("age code", np.reshape(value, -1), block, len(self.latent))
        arrival = self.check(mesh, align=align, check=check)
        return self._with_block(arrival, "age", code, keep_detail)

    def age(self, mesh: Mesh, *, align: bool = False, check: bool = True) -> float:
        """The age in months that the mesh looks like.

        Outside the calibrated ages it is extrapolated with an `ExtrapolationWarning`; far outside: `ValueError`.

        Examples:
            >>> import inface
            >>> model = inface.load_default_model("disentangled")
            >>> child = model.sample_meshes(1, deviation_factor=0.5, seed=1)[0]
            >>> 0 < model.age(child) < 40  # months
            True
        """
        calibration, block = self._calibrated()
        arrival = self.check(mesh, align=align, check=check)
        latent = self.encode_checked(arrival.vertices, skip=frozenset(self.latent.blocks) - {"age"})
        return calibration.to_months(float(calibration.code(latent[block])))

    def set_age(
        self,
        mesh: Mesh,
        months: float,
        current_months: float | None = None,
        *,
        keep_detail: bool = False,
        align: bool = False,
        check: bool = True,
    ) -> Mesh:
        """The mesh at another age in months.

        The age block moves along the calibrated direction only. Without `current_months` its age code becomes that of
        `months`. With it (better: a child large for its age stays large) the code is raised by the calibration's
        difference between the two ages; with `keep_detail` too, the change put on the scan is the model's between
        those two ages.

        Examples:
            >>> import inface
            >>> model = inface.load_default_model("disentangled")
            >>> child = model.sample_meshes(1, deviation_factor=0.5, seed=1)[0]
            >>> older = model.set_age(child, months=24)
            >>> abs(model.age(older) - 24) < 2
            True
        """
        calibration, block = self._calibrated()
        target = calibration.to_code(months)
        present = None if current_months is None else calibration.to_code(current_months)
        arrival = self.check(mesh, align=align, check=check)
        own = self.encode_checked(arrival.vertices)
        self._warn_implausible(own)

        def at(code: float) -> FloatArray:
            moved = calibration.moved(own[block], code - float(calibration.code(own[block])))
            return codes.put(own, block, moved)

        if present is None:
            return self.mesh_of(arrival, at(target), own if keep_detail else None)
        if keep_detail:
            return self.mesh_of(arrival, at(target), at(present))
        raised = codes.put(own, block, calibration.moved(own[block], target - present))
        return self.mesh_of(arrival, raised, None)

    def plausibility(self, mesh: Mesh, *, align: bool = False, check: bool = True) -> dict[str, float]:
        """Mahalanobis distance of the mesh's code per block, and of the whole under "overall".

        The root of the sum of squared standardised entries: a typical shape has about the root of the number of
        entries. Entries without spread are left out.

        Examples:
            >>> import inface
            >>> model = inface.load_default_model("disentangled")
            >>> child = model.sample_meshes(1, deviation_factor=0.5, seed=1)[0]
            >>> list(model.plausibility(child))  # standard deviations: of each block, and of all
            ['identity', 'expression', 'age', 'overall']
        """
        arrival = self.check(mesh, align=align, check=check)
        z = self.latent.standardise(self.encode_checked(arrival.vertices).astype(np.float64))
        out = {name: float(np.linalg.norm(z[block])) for name, block in self.latent.blocks.items()}
        return out | {"overall": float(np.linalg.norm(z))}

    def _calibrated(self) -> tuple[AgeCalibration, slice]:
        block = self.latent.block("age")
        if self.age_calibration is None:
            raise MissingBlockError(
                "the model has an age block but no calibration, so its age code has no months and no known direction; "
                "set the code itself with adjust_age"
            )
        return self.age_calibration, block

    def _warn_implausible(self, own: FloatArray, skipped: Collection[str] = ()) -> None:
        """Warn where a mesh's code is far from what the model was made of; blocks in `skipped` were not encoded."""
        z = self.latent.standardise(np.asarray(own, np.float64))
        for name in skipped:
            z[self.latent.blocks[name]] = 0
        count = int(np.count_nonzero(z))
        far = float(np.linalg.norm(z))
        if far > np.sqrt(count) + IMPLAUSIBLE:
            warnings.warn(
                f"the mesh's code lies {far:.0f} standard deviations from the model's mean, where {np.sqrt(count):.0f} "
                "are usual: what the model says of it is hardly supported; check correspondence, unit and pose",
                PlausibilityWarning,
                stacklevel=4,
            )

    def _with_block(self, arrival: correspondence.Checked, name: str, code: FloatArray, keep_detail: bool) -> Mesh:
        """The shape decoded with `code` in one block; the block's own encoder runs only where detail is kept."""
        own = self.encode_checked(arrival.vertices, skip=frozenset() if keep_detail else frozenset({name}))
        self._warn_implausible(own, () if keep_detail else (name,))
        edited = codes.put(own, self.latent.blocks[name], code)
        return self.mesh_of(arrival, edited, own if keep_detail else None)

    def mesh_of(self, arrival: correspondence.Checked, edited: FloatArray, own: FloatArray | None) -> Mesh:
        """The mesh of an edited code, in the frame it came in; with `own`, the code the detail is measured from."""
        if own is None:
            vertices: FloatArray = np.asarray(self.decode(edited), np.float64)
        else:
            after, before = self.decode(np.stack([edited, own]))
            vertices = codes.with_detail(arrival.vertices, before, after)
        return arrival.mesh_of(arrival.to_own_frame(vertices), self.template.mesh.triangles)
