"""Settings of a fit to photographs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PhotoSettings:
    """How to fit; the defaults are those of `docs/photos.md`.

    Attributes:
        steps: Gauss-Newton steps.
        coarse: steps that move the pose and the first ten modes only.
        robust_from: step from which far points are believed less (Cauchy weights).
        robust_at: standard deviations at which a point counts half.
        jaw: factor of the jaw points' noise over that of the others.
        floor_mm: least standard deviation of a point, in mm on the face: nobody marks a face better.
        marking: factor by which points are believed less than their noise says.
        misfit_mm: standard deviation of what heads have beside the model, mm; None: as much as the photographs tell.
        misfit_lengths: mm over which that is alike; half of its variance each.
        distance_mm: usual distance of a camera, for photographs of unknown focal length.
        distance_spread: standard deviation of its logarithm.
        focal_spread: relative standard deviation of a focal length that is given.
        known_mm: standard deviation of a known length, mm.
        prior: weight of the model's own prior; 0 only for tests.
    """

    steps: int = 16
    coarse: int = 5
    robust_from: int = 3
    robust_at: float = 3.0
    jaw: float = 3.0
    floor_mm: float = 0.5
    marking: float = 1.2
    misfit_mm: float | None = None
    misfit_lengths: tuple[float, ...] = (15.0, 45.0)
    distance_mm: float = 600.0
    distance_spread: float = 0.4
    focal_spread: float = 0.02
    known_mm: float = 0.5
    prior: float = 1.0
