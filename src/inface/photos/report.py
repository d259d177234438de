"""A fit to photographs as plain values for a file: nothing of the photographs, no path, no name of a person."""

from typing import Any

import numpy as np

from inface.photos.result import PhotoFit
from inface.reasons import Reason

SCHEMA = "inface-photo-fit-1"
NOTE = "No clinical figure and no diagnosis. Intervals hold 90 % on synthetic children; see docs/photos.md."


def record_of(fit: PhotoFit) -> dict[str, Any]:
    """Verdict, reasons, cameras, residuals, latent and measures as JSON-able values."""
    return {
        "schema": SCHEMA,
        "note": NOTE,
        "verdict": fit.verdict,
        "reasons": [_reason(reason) for reason in fit.reasons],
        "model_hash": fit.problem.modes.model.hash,
        "size_sd_percent": _short(fit.size_sd),
        "misfit_mm": _short(fit.state.misfit),
        "prior_widened": _short(fit.problem.width),
        "latent": [float(x) for x in fit.latent],
        "cameras": [_camera(fit, i) for i in range(len(fit.photos))],
        "measures_mm": {
            name: {"value": _short(m.value), "std": _short(m.std), "low90": _short(m.low), "high90": _short(m.high)}
            for name, m in fit.measures().items()
        },
    }


def _camera(fit: PhotoFit, photo: int) -> dict[str, Any]:
    camera = fit.cameras[photo]
    return {
        "size_px": [int(x) for x in camera.size],
        "K": np.round(camera.K, 4).tolist(),
        "R": np.round(camera.R, 8).tolist(),
        "t_mm": np.round(camera.t, 4).tolist(),
        "residuals_px": {name: [_short(u), _short(v)] for name, (u, v) in fit.residuals[photo].items()},
        "hidden": list(fit.hidden[photo]),
    }


def _reason(reason: Reason) -> dict[str, Any]:
    value = None if reason.value is None else _short(float(reason.value))
    return {"kind": reason.kind, "sentence": str(reason), "value": value, "limit": reason.limit}


def _short(number: float) -> float:
    return float(f"{number:.5g}")
