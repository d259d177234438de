"""Raw scans in a scene: framed in mm, registered to the model, told in words."""

from dataclasses import replace

import numpy as np

from inface._validate import FloatArray
from inface.mesh import Mesh
from inface.registration import Registration
from inface.transforms import Similarity
from inface.units import MM_PER_UNIT

_HEAD = (90.0, 500.0)  # mm: the longest side of a scan of an infant's face or head, with shoulders
_WORDS = {
    "ok": "The registration can be used everywhere that is not grey.",
    "partial": "Use it only where the scan supports it.",
    "failed": "The registration failed; do not use it.",
}


def framed_scan(mesh: Mesh, centre: FloatArray) -> tuple[Mesh, Similarity, str]:
    """A mesh in mm about `centre`, the way from there to its own frame and unit, and what was found, in words."""
    known = mesh.vertices[np.isfinite(mesh.vertices).all(axis=1)]
    low, high = np.percentile(known, (1, 99), axis=0)
    size, middle = float((high - low).max()), (low + high) / 2
    fits = [unit for unit in MM_PER_UNIT if _HEAD[0] <= size * MM_PER_UNIT[unit] <= _HEAD[1]]
    unit = fits[0] if fits else "mm"
    factor = MM_PER_UNIT[unit]
    points = (mesh.vertices - middle) * factor + centre
    to_file = Similarity(np.eye(3), middle - centre / factor, 1 / factor)
    words = f"{len(mesh.vertices):,} vertices, {len(mesh.triangles):,} triangles, {size * factor:.0f} mm long"
    if not fits:
        words += f" if its unit is mm; a head is {_HEAD[0]:.0f} to {_HEAD[1]:.0f} mm, so look at its unit."
    else:
        words += f" (its unit is taken as {unit})."
    return mesh.with_vertices(points), to_file, words


def verdict_words(result: Registration) -> str:
    """The verdict and its reasons as sentences."""
    reasons = "; ".join(result.reasons)
    return f"Verdict: {result.verdict}. {_WORDS[result.verdict]}" + (f" Because: {reasons}." if reasons else "")


def placed_scan(scan: Mesh, to_file: Similarity | None, result: Registration) -> Mesh:
    """A scan in the model's frame, in mm, as a registration found it; `to_file` leads from its frame to its file's."""
    if result.transform is None:
        return scan
    own = scan.vertices if to_file is None else to_file.apply(scan.vertices)
    return scan.with_vertices(result.transform.inverse().apply(own))


def in_file_frame(scan: Mesh, to_file: Similarity | None) -> Mesh:
    """A scan as its file has it."""
    mesh = scan if to_file is None else scan.with_vertices(to_file.apply(scan.vertices))
    return replace(mesh, landmarks=None)
