"""Meshes of children as one page to hand on; a person's face only where somebody says that it may be."""

from collections.abc import Mapping
from pathlib import Path

from inface.errors import InfaceError
from inface.mesh import Mesh
from inface.models import MorphableModel
from inface.pages.shapes import Panel, write_page
from inface.pictures.colours import Legend

_SYNTHETIC = "Synthetic: drawn by a shape model; this is no person."
_PERSON = "A scan of a person. A face identifies who it is of: hand this page on only to those who may see it."


def share_meshes(
    meshes: Mapping[str, Mesh],
    path: str | Path,
    *,
    drawn: bool,
    allowed: bool = False,
    title: str = "",
    legend: Legend | None = None,
) -> None:
    """Write meshes as one HTML file that opens offline and shows them in 3D.

    Args:
        meshes: name -> mesh.
        path: file to write, atomically.
        drawn: whether a model drew every one of them; the page then says "synthetic".
        allowed: whether somebody said that a person's face may be shared.
        title: of the page.
        legend: when given, vertex colours are a heat map and this says what they mean.

    Raises:
        InfaceError: the meshes may show a person and nobody said that they may be shared.
    """
    if not drawn and not allowed:
        raise InfaceError(
            f"{', '.join(meshes)}: no file says that a model drew it, so it may show a person, and a face identifies; "
            "share it only where you may, with --yes"
        )
    caption = _SYNTHETIC if drawn else _PERSON
    name = title or ", ".join(meshes)
    write_page(path, [Panel("Shapes", caption, dict(meshes), legend)], title=name, subtitle=caption)


def described(model: MorphableModel, name: str = "") -> str:
    """What a page says of the model it comes from: its name, kind, size, data and hash."""
    parts = [name or str(model.card.get("name", "")) or "Shape model"]
    parts.append(f"{model.kind}, {len(model.latent)} codes, {len(model.mean_vertices):,} vertices")
    data = str(model.card.get("data", ""))
    if data.startswith("synthetic"):
        parts.append("trained on synthetic children, no real child")
    else:
        parts.append(f"trained on {data}" if data else "its file does not say what it was trained on")
    return "; ".join([*parts, f"hash {model.hash[:12]}"])
