"""One page for a whole batch: a picture of scan, fit and distance and the verdict of each, the doubtful ones first."""

import html
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inface._validate import FloatArray
from inface.codecs.text_files import write_text
from inface.mesh import Mesh
from inface.registration.pictures import ramp, shade, view_rotation
from inface.registration.result import Registration

FAR = 2.0  # mm shown as full red
_ORDER = {"failed": 0, "partial": 1, "ok": 2}
_STYLE = """body{font:14px/1.4 system-ui,sans-serif;margin:24px;background:#fff;color:#222}
h1{font-size:20px}figure{display:inline-block;margin:0 14px 18px 0;vertical-align:top;width:640px;max-width:100%}
img{display:block;width:100%;box-sizing:border-box;border:1px solid #ccc}figcaption{padding:4px 0}
.failed{color:#b00020}.partial{color:#9a6200}.ok{color:#1b6e2c}.n{color:#777}"""


def doubt(row: Mapping[str, Any]) -> tuple[int, float, str]:
    """Sort key: failed, then partial, then ok; in each the worst score first."""
    score = row.get("score")
    return (
        _ORDER.get(row["verdict"], 0),
        -(score if isinstance(score, float) and np.isfinite(score) else 2.0),
        row["name"],
    )


def picture(scan: Mesh, registration: Registration, pixels: int = 200) -> NDArray[np.uint8]:
    """Scan, fit, distance of the fit from the scan (red: 2 mm and more; grey: extrapolated), and the fit in profile."""
    finite = np.asarray(np.isfinite(scan.vertices).all(axis=1))
    triangles = scan.triangles[finite[scan.triangles].all(1)] if len(scan.triangles) else scan.triangles
    points = np.where(finite[:, None], scan.vertices, 0)
    if registration.mesh is None or registration.transform is None or registration.model_mesh is None:
        if not finite.any():
            return np.full((pixels, 4 * pixels, 3), 255, np.uint8)
        size = float(np.percentile(np.abs(points[finite] - np.median(points[finite], 0)), 99)) * 1.2 or 1.0
        middle = np.median(points[finite], 0)
        return np.hstack(
            [
                shade(points, triangles, view=view_rotation(a), centre=middle, half_width=size, pixels=pixels)
                for a in (0, 90, 180, 270)
            ]
        )
    placed = registration.transform.inverse().apply(points)
    fit = registration.model_mesh
    look = partial(
        shade,
        centre=(fit.vertices.min(0) + fit.vertices.max(0)) / 2,
        half_width=float(np.ptp(fit.vertices, axis=0).max()) * 0.58,
        pixels=pixels,
    )
    front = view_rotation(20)
    return np.hstack(
        [
            look(placed, triangles, view=front),
            look(fit.vertices, fit.triangles, view=front),
            look(fit.vertices, fit.triangles, colors=distance_colors(registration), view=front),
            look(fit.vertices, fit.triangles, colors=distance_colors(registration), view=view_rotation(90)),
        ]
    )


def distance_colors(registration: Registration) -> FloatArray:
    """Colours `(V, 3)`: pale on the scan to red at 2 mm from it, grey where extrapolated."""
    assert registration.distance is not None and registration.support is not None
    return ramp(np.where(registration.support, registration.distance, np.nan), FAR)


def write_contact_sheet(path: str | Path, rows: Sequence[Mapping[str, Any]], title: str) -> None:
    """Write the page; each row has `name`, `verdict`, `reasons` (words), perhaps `picture` (relative) and measures."""
    counts = {v: sum(row["verdict"] == v for row in rows) for v in _ORDER}
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(title)}</title><style>{_STYLE}</style>",
        f"<h1>{html.escape(title)}</h1><p>{len(rows)} scans: {counts['failed']} failed, {counts['partial']} partial, "
        f"{counts['ok']} ok; the doubtful ones first. Each picture: scan, fit, distance of the fit from the scan "
        f"(red: {FAR:g} mm and more; grey: extrapolated) from the front and in profile.</p>",
    ]
    for row in sorted(rows, key=doubt):
        name, verdict = html.escape(row["name"]), html.escape(row["verdict"])
        image = f'<img loading=lazy src="{html.escape(row["picture"])}" alt="{name}">' if row.get("picture") else ""
        shown = "; ".join(
            f"{word}: {html.escape(str(row[key]))}"
            for key, word in (("scope", "shows"), ("cap", "cap"), ("extrapolated", "guessed"), ("doubtful", "in doubt"))
            if row.get(key)
        )
        numbers = ", ".join(
            f"{key} {row[key]:.2f}"
            for key in ("score", "likeness", "worst_part", "mean_distance")
            if isinstance(row.get(key), float)
        )
        parts.append(
            f"<figure>{image}<figcaption><b>{name}</b> <b class={verdict}>{verdict}</b> "
            f"{html.escape(row.get('reasons') or '')} <span class=n>{shown} ({numbers})</span></figcaption></figure>"
        )
    write_text(path, "\n".join(parts) + "\n")
