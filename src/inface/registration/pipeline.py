"""`register`: what the caller asked for, checked, and handed to the run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from inface._validate import BoolArray, FloatArray, vertex_mask
from inface.errors import ConvergenceError
from inface.mesh import Mesh
from inface.registration.landmark_check import collect
from inface.registration.prior import ShapePrior, prior_of
from inface.registration.refine import Curve
from inface.registration.result import Registration
from inface.registration.run import Asked, Run
from inface.registration.scope import Scope
from inface.registration.settings import Settings
from inface.registration.transfer import with_scan_colors
from inface.transforms import Similarity
from inface.units import MM_PER_UNIT


class RegistrationError(ConvergenceError):
    """A registration failed and `on_failure="raise"` was asked for; `registration` holds the record."""

    def __init__(self, registration: Registration) -> None:
        super().__init__("the registration failed: " + "; ".join(registration.reasons))
        self.registration = registration


# options: the one public call; each keyword is a choice of the user's, most are left alone
def register(
    scan: Mesh,
    model: Any = "pca",
    landmarks: Mapping[str, ArrayLike] | Iterable[tuple[str, ArrayLike]] | None = None,
    start: Similarity | None = None,
    *,
    unit: str | None = None,
    scale: float | None = None,
    cap: bool | None = None,
    scope: Scope | None = None,
    ignore: ArrayLike | Sequence[str] | None = None,
    stiffness: Mapping[str, float] | None = None,
    curves: Sequence[Curve] = (),
    settings: Settings | None = None,
    on_failure: Literal["record", "raise"] = "record",
) -> Registration:
    """Bring a raw scan into correspondence with a model; the verdict says whether to believe the result.

    Args:
        scan: a triangle mesh or point cloud in any pose and unit, as it comes.
        model: a model, or the name of a shipped one.
        landmarks: name -> point in the scan's frame and unit (names of the model's template); three or more give the
            pose. None: the pose is found from the shape.
        start: a pose from the model's frame (mm) to the scan's frame and unit.
        unit: "mm", "cm", "m" or "inch"; None: found from the size.
        scale: millimetres in one unit of the scan, where it has none of these units.
        cap: True: a cap is worn; False: the head is bare; None: as `settings` say, by default decided from the scan.
        scope: "head", "face" or "vault": what must be shown; None: as `settings` say, by default whatever is.
        ignore: what must match nothing: names of template regions, or a mask `(V,)`.
        stiffness: region -> factor on the stiffness of the refinement.
        curves: lines of template vertices to draw onto polylines given in the scan's frame and unit.
        on_failure: "record" (look at `verdict`) or "raise" `RegistrationError`.

    Raises:
        ValueError: arguments that make no sense (unknown unit, region, one landmark at two places). A bad scan raises
            nothing: its verdict is "failed".

    Examples:
        >>> from inface import Mesh, register
        >>> print(register(Mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])))
        failed: the scan has 3 vertices that belong to a triangle; at least 100 are needed
    """
    settings = settings or Settings()
    settings = settings if cap is None else replace(settings, cap=cap)
    settings = settings if scope is None else replace(settings, scope=scope)
    if on_failure not in ("record", "raise"):
        raise ValueError(f"on_failure: expected 'record' or 'raise', got '{on_failure}'")
    if unit is not None and unit not in MM_PER_UNIT:
        raise ValueError(f"unit: expected one of {', '.join(MM_PER_UNIT)}, got '{unit}'")
    if scale is not None and (unit is not None or not 0 < scale < np.inf):
        raise ValueError(f"scale: expected millimetres in one unit of the scan, and then no unit; got {scale}, {unit}")
    if isinstance(model, str):
        from inface.embedded import load_default_model

        model = load_default_model(model)
    prior = prior_of(model)
    if settings.modes is not None:
        prior = prior.truncated(settings.modes)
    asked = Asked(
        collect(landmarks) if landmarks is not None else {}, start, unit, scale, _ignored(prior, ignore),
        _stiffness(prior, stiffness), curves,
    )  # fmt: skip
    result = with_scan_colors(Run(prior, settings, asked).register(scan), scan)
    if result.verdict == "failed" and on_failure == "raise":
        raise RegistrationError(result)
    return result


def _ignored(prior: ShapePrior, ignore) -> BoolArray | None:
    if ignore is None:
        return None
    if isinstance(ignore, str) or (len(ignore) and isinstance(ignore[0], str)):
        mask = np.zeros(len(prior.mean), bool)
        for name in [ignore] if isinstance(ignore, str) else ignore:
            if name not in prior.regions:
                raise ValueError(f"ignore: the template has no region '{name}'; it has {', '.join(prior.regions)}")
            mask[prior.regions[name]] = True
        return mask
    return vertex_mask("ignore", ignore, len(prior.mean))


def _stiffness(prior: ShapePrior, regions: Mapping[str, float] | None) -> FloatArray | None:
    if not regions:
        return None
    factor = np.ones(len(prior.mean))
    for name, value in regions.items():
        if name not in prior.regions or not value > 0:
            raise ValueError(f"stiffness: expected regions of the template and factors above 0, got {name!r}: {value}")
        factor[prior.regions[name]] = value
    return factor
