"""One page for a whole batch: a picture of scan, fit and distance and the verdict of each, the doubtful ones first."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inface._validate import FloatArray
from inface.mesh import Mesh
from inface.pages.document import Html, element, figure, image, write_document
from inface.pictures.shade import ramp, shade, view_rotation
from inface.registration.result import Registration

FAR = 2.0  # mm shown as full red
_ORDER = {"failed": 0, "partial": 1, "ok": 2}
_KIND = {"failed": "bad", "partial": "doubtful", "ok": "good"}


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
    said = (
        f"{len(rows)} scans: {counts['failed']} failed, {counts['partial']} partial, {counts['ok']} ok; the doubtful "
        "ones first. Each picture: scan, fit, distance of the fit from the scan "
        f"(red: {FAR:g} mm and more; grey: extrapolated) from the front and in profile."
    )
    words = (
        "Verdicts: ok, the fit can be used everywhere that is not grey; partial, use it only where the scan supports "
        "it; failed, do not use it. Score: 0 is a perfect fit, 1 nowhere near. Likeness: the "
        "correlation of the bends of the faces of scan and fit, 1 is best. Worst part, mean distance: mm between fit "
        "and scan."
    )
    sheet = element("div", *(_entry(row) for row in sorted(rows, key=doubt)), class_="sheet")
    write_document(path, title, element("p", words, class_="quiet"), sheet, subtitle=said)


def _entry(row: Mapping[str, Any]) -> Html:
    """One scan: its picture, verdict, reasons and numbers."""
    numbers = ", ".join(
        f"{key.replace('_', ' ')} {row[key]:.2f}"
        for key in ("score", "likeness", "worst_part", "mean_distance")
        if isinstance(row.get(key), float)
    )
    told = (("scope", "shows a"), ("cap", "cap"), ("extrapolated", "guessed"), ("doubtful", "in doubt"))
    shown = "; ".join(f"{word}: {row[key]}" for key, word in told if row.get(key))
    kind = _KIND.get(row["verdict"], "bad")
    return figure(
        image(row["picture"], row["name"]) if row.get("picture") else Html(""),
        element("b", row["name"]),
        " ",
        element("b", row["verdict"], class_=kind),
        f" {row.get('reasons') or ''} ",
        element("span", f"{shown} ({numbers})" if numbers else shown, class_="quiet"),
    )
