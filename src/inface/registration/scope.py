"""What a scan shows of a head: all of it, a face, or a vault."""

from typing import Literal

import numpy as np

from inface.registration.prior import ShapePrior
from inface.registration.quality import Quality

Scope = Literal["head", "face", "vault"]
SCOPES: tuple[Scope, ...] = ("head", "face", "vault")
MASK = 0.45  # of the whole model, in the mask of a face; a scan that shows more shows a head
LITTLE = 0.35  # of the whole model, in any scan of a face
NO_FACE = 0.2  # of the face, in a vault


def scope_of(prior: ShapePrior, quality: Quality, mask: bool) -> Scope:
    """The scope of a scan. A patch model's scope is "face": it has nothing else."""
    if prior.patch:
        return "face"
    if quality.coverage < (MASK if mask else LITTLE) and quality.face_coverage > NO_FACE:
        return "face"
    if quality.face_coverage < NO_FACE and vault_coverage(prior, quality) > 0.4:
        return "vault"
    return "head"


def vault_coverage(prior: ShapePrior, quality: Quality) -> float:
    """Share of the cranium that the scan shows; NaN where the template does not name it."""
    ids = prior.region("scalp")
    if not len(ids):
        return np.nan
    return float(prior.area[ids] @ quality.support[ids] / prior.area[ids].sum())
