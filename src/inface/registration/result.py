"""The record of a registration."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from inface._validate import BoolArray, FloatArray
from inface.mesh import Mesh
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
        reasons: why not "ok", in words; empty when ok.
        mesh: the model's topology on the scan, in the scan's frame and unit; None when nothing could be fitted.
        model_mesh: the same in the model's frame, millimetres; what `model.encode` reads.
        latent: `(K,)` of the model fit (before the free refinement), in the model's own units.
        fitted: `(V, 3)` the model fit alone, in the model's frame.
        transform: from the model's frame (mm) to the scan's frame and unit.
        unit: "mm", "cm", "m" or "inch", as found.
        support: `(V,)` True where the scan shows the vertex; False: extrapolated.
        distance: `(V,)` distance of each vertex from the scan, mm.
        vertex_std: `(V,)` standard deviation of each vertex given the scan, mm: what to expect where nothing is seen.
        stages: what was done, in order.
        measures: score, explained, coverage, face_coverage, gap, sigma, mahalanobis, largest, worst_part,
            mean_distance.
        notes: what was repaired or looks odd but is no reason against the result.
        model_hash: hash of the model's contents.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    mesh: Mesh | None = None
    model_mesh: Mesh | None = None
    latent: FloatArray | None = None
    fitted: FloatArray | None = None
    transform: Similarity | None = None
    unit: str | None = None
    support: BoolArray | None = None
    distance: FloatArray | None = None
    vertex_std: FloatArray | None = None
    stages: tuple[Stage, ...] = ()
    measures: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    model_hash: str = ""

    @property
    def seconds(self) -> float:
        """CPU seconds of all stages."""
        return sum(stage.seconds for stage in self.stages)

    def __str__(self) -> str:
        words = "; ".join(self.reasons) or "nothing speaks against it"
        lines = [f"{self.verdict}: {words}", *(f"  note: {note}" for note in self.notes)]
        return "\n".join(lines)
