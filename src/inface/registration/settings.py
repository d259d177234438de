"""Settings of a registration."""

from dataclasses import dataclass, field

from inface.registration.refine import LEVELS
from inface.registration.scope import SCOPES, Scope
from inface.registration.verdict import Limits


@dataclass(frozen=True)
class Settings:
    """How to register; written beside the results of a batch.

    Attributes:
        noise: least standard deviation of the scan's distances, mm. 0.02 for scans without noise.
        correlation: neighbouring distances are alike; each counts as one of this many.
        landmark_noise: standard deviation of given landmarks, mm.
        landmark_beyond: how far, in mm, the skin may slide under given landmarks beyond what the model allows; 0: not.
        modes: use this many of the model's modes; None: all.
        refine: leave the model's space after the fit.
        levels: (stiffness, reach mm, steps) of the refinement.
        outside: in the refinement of scalp, forehead, ears and neck, what lies outside the skin by this many mm or more
            is taken for cloth or hair.
        hard_landmarks: hold given landmarks exactly in the refinement.
        use_landmarks_in_fit: draw the fit to the landmarks; False: they only give the pose.
        check_pose: with a given start or landmarks, look for a better pose all the same.
        smallest: share of the surface below which a loose piece of the scan is dropped.
        smooth_normals: rounds of averaging the scan's normals, against noise; 0 for clean meshes.
        plausible: how unlikely a shape may be before the distances are believed less (see `Weighing`); None: they never
            are.
        cap: True: a cap is worn; False: the head is bare; None: decided from the scan.
        scope: "head", "face" or "vault" when that must be shown; None: whatever the scan shows.
        limits: when to say "partial" or "failed".
    """

    noise: float = 0.4
    correlation: float = 2.5
    landmark_noise: float = 2.0
    landmark_beyond: float = 0.7
    modes: int | None = None
    refine: bool = True
    levels: tuple[tuple[float, float, int], ...] = LEVELS
    outside: float = 1.0
    hard_landmarks: bool = False
    use_landmarks_in_fit: bool = True
    check_pose: bool = True
    smallest: float = 0.02
    smooth_normals: int = 2
    limits: Limits = field(default_factory=Limits)
    plausible: float | None = 2.5
    cap: bool | None = None
    scope: Scope | None = None

    def __post_init__(self) -> None:
        if self.scope is not None and self.scope not in SCOPES:
            raise ValueError(f"scope: expected one of {', '.join(SCOPES)}, got '{self.scope}'")
        if self.cap is not None and not isinstance(self.cap, bool):
            raise ValueError(f"cap: expected True, False or None, got {self.cap!r}")
