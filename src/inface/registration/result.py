"""The record of a registration."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from inface._validate import BoolArray, FloatArray
from inface.mesh import Mesh
from inface.reasons import Reason
from inface.registration.cap import Cap
from inface.registration.parts import Part
from inface.registration.scope import Scope
from inface.registration.verdict import Verdict
from inface.transforms import Similarity


@dataclass(frozen=True)
class Stage:
    """What one stage did: its name, CPU seconds, measures by name, and notes in words."""

    name: str
    seconds: float
    measures: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Registration:
    """A scan brought into correspondence with a model. Look at `verdict` first.

    Attributes:
        verdict: "ok", "partial" (parts are the model's guess, or something is odd) or "failed" (do not use).
        because: why not "ok", each with a kind, a value and a limit for programs; empty when ok.
        mesh: the model's topology on the scan, in the scan's frame and unit; None when nothing could be fitted.
        model_mesh: the same in the model's frame, millimetres; what `model.encode` reads.
        latent: `(K,)` of the model fit (before the free refinement), in the model's own units.
        fitted: `(V, 3)` the model fit alone, in the model's frame.
        covariance: `(K, K)` of `latent` given the scan, pose included, in the same units: where the scan shows nothing
            it is the model's own spread.
        pose_covariance: `(6, 6)` of the pose given the scan, shape included: rotation vector (radians, about the
            model's origin, in the model's frame) and translation (mm, in the model's frame).
        transform: from the model's frame (mm) to the scan's frame and unit.
        unit: "mm", "cm", "m" or "inch", as found; "" when the scan's own scale was given.
        scope: "head", "face" or "vault": what the scan shows.
        parts: part of the head -> `Part`: seen, extrapolated or doubtful.
        cap: whether a cap was taken to be worn, and why.
        size: how many times as large as the model's head the scan's is; 1 unless it was an adult's face.
        misfit: mm that the model lacks here, told as a smooth field (see `ModelFit.misfit`).
        support: `(V,)` True where the scan shows the vertex; False: extrapolated.
        distance: `(V,)` distance of each vertex from the scan, mm.
        vertex_std: `(V,)` standard deviation of each vertex given the scan, mm: what to expect where nothing is seen.
        stages: what was done, in order.
        measures: score, explained, coverage, face_coverage, gap, sigma, mahalanobis, largest, likeness, worst_part,
            mean_distance, and others.
        notes: what was repaired or looks odd but is no reason against the result.
        model_hash: hash of the model's contents.
    """

    verdict: Verdict
    because: tuple[Reason, ...] = ()
    mesh: Mesh | None = None
    model_mesh: Mesh | None = None
    latent: FloatArray | None = None
    fitted: FloatArray | None = None
    covariance: FloatArray | None = None
    pose_covariance: FloatArray | None = None
    transform: Similarity | None = None
    unit: str | None = None
    scope: Scope | None = None
    parts: Mapping[str, Part] = field(default_factory=dict)
    cap: Cap | None = None
    size: float = 1.0
    misfit: float = np.nan
    support: BoolArray | None = None
    distance: FloatArray | None = None
    vertex_std: FloatArray | None = None
    stages: tuple[Stage, ...] = ()
    measures: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    model_hash: str = ""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why not "ok", in words; empty when ok."""
        return tuple(str(reason) for reason in self.because)

    @property
    def seconds(self) -> float:
        """CPU seconds of all stages."""
        return sum(stage.seconds for stage in self.stages)

    def __str__(self) -> str:
        words = "; ".join(self.reasons) or "nothing speaks against it"
        lines = [f"{self.verdict}: {words}", *(f"  note: {note}" for note in self.notes)]
        return "\n".join(lines)

    def save(self, path: str | Path) -> None:
        """Write the whole record to one file (`.npz`); `Registration.load` gives it back."""
        from inface.registration.record_file import write_registration

        write_registration(path, self)

    @classmethod
    def load(cls, path: str | Path) -> "Registration":
        """Read a record written by `save` or by `inface register`.

        Raises:
            FormatError: the file is no record of a registration, or damaged.
        """
        from inface.registration.record_file import read_registration

        return read_registration(path)
