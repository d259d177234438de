"""The demo: what the package does, on its own synthetic infants, as mesh files and one page."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from inface._validate import BoolArray, FloatArray
from inface.embedded import load_default_model
from inface.errors import InfaceError
from inface.mesh import Mesh
from inface.models import MorphableModel, PCAMorphableModel, modes
from inface.pages import Panel, write_page
from inface.pictures.colours import Legend
from inface.synthetic import head
from inface.transforms import procrustes

UNSEEN = 9_000_000  # seeds from here on name children that no embedded model was trained on
WIDTH = 1.96  # standard deviations on each side of a 95 % interval
AGES = (0, 3, 6, 12, 24, 36)
SUBTITLE = "Every child on this page is synthetic; nothing here is a clinical figure."


def write_demo(out: str | Path, seed: int = 1, tell: Callable[[str], None] = lambda step: None) -> Path:
    """Sample, complete, neutralise, transfer and age synthetic infants; write the meshes and `index.html`.

    Args:
        out: folder, made when missing.
        seed: the same seed gives the same children.
        tell: called with the name of each step as it begins.

    Returns:
        the page, which opens offline.
    """
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    pca, model = load_default_model("pca"), load_default_model("disentangled")
    if not isinstance(pca, PCAMorphableModel):
        raise InfaceError("the embedded model 'pca' is not a PCA model; the installation is damaged, install it again")
    panels = []
    for title, step in (
        ("Random children", lambda: _samples(model, seed)),
        ("Completed", lambda: _completion(pca, seed)),
        ("Expressions", lambda: _expressions(model, seed)),
        ("Neutralised", lambda: _neutralised(model, seed)),
        ("Transferred", lambda: _transferred(model, seed)),
        ("Ages", lambda: _ages(model, seed)),
    ):
        tell(title)
        panel = step()
        panels.append(panel)
        for name, mesh in panel.meshes.items():
            mesh.export(folder / f"{title}_{name}.ply".lower().replace(" ", "_"))
    page = folder / "index.html"
    write_page(page, panels, title="inface: synthetic infants", subtitle=SUBTITLE)
    return page


def _samples(model: MorphableModel, seed: int) -> Panel:
    meshes = {}
    for i, (age, smile) in enumerate(zip((3, 6, 9, 14, 20, 30), (0.0, 0.35, 0.0, 0.45, 0.25, 0.35), strict=True)):
        latent = modes.random_identity(model, modes.rest(model), seed + i)
        latent = modes.with_expression(model, modes.with_months(model, latent, age), "smiling", strength=smile)
        meshes[f"child {i + 1}"] = model.decode_mesh(latent)
    return Panel(
        "Random children",
        "Six children drawn at random from the embedded model, 3 to 30 months old, calm or with the beginning of a "
        "smile. The model was trained on synthetic infants.",
        meshes,
    )


def _completion(model: PCAMorphableModel, seed: int) -> Panel:
    child = head(age=8, identity=UNSEEN + seed)
    skin, unknown = _left_half(model)
    partial = child.with_vertices(np.where(unknown[:, None], np.nan, child.vertices))
    result = model.reconstruct(partial, unknown, back_match_known_vertices=True, align=True)
    if result.vertex_std is None:
        raise InfaceError("the embedded model 'pca' carries no misfit; the installation is damaged, install it again")
    mirrored = child.with_vertices(_mirrored(model, child.vertices, unknown))
    off, half = result.mesh.vertices - child.vertices, WIDTH * result.vertex_std
    error, interval = np.linalg.norm(off, axis=1), np.linalg.norm(half, axis=1)
    reflected = np.linalg.norm(mirrored.vertices - child.vertices, axis=1)
    held = np.abs(off[skin]) <= half[skin]
    legend = Legend("error and interval, mm", 0.0, _top(error, interval))
    return Panel(
        "Completed",
        _unbroken(
            "A synthetic child that no model was trained on; the left half of its face is hidden and filled in by the "
            "PCA model, which finds the pose in the same fit. Mean error over the hidden skin: "
            f"{error[skin].mean():.2f} mm completed, {reflected[skin].mean():.2f} mm by mirroring the known half. "
            f"Of {held.size:,} intervals of 95 % (one for each coordinate) {held.sum():,} hold on this child: "
            f"{100 * held.mean():.0f} %. The last two heads, on one scale: distance from the truth, and half the "
            "interval's width (x, y and z together)."
        ),
        {
            "known part": partial,
            "completed": result.mesh,
            "truth": child,
            "mirrored": mirrored,
            "error": result.mesh.with_colors(legend.colors(error)),
            "interval": result.mesh.with_colors(legend.colors(interval)),
        },
        legend,
    )


def _left_half(model: MorphableModel) -> tuple[BoolArray, BoolArray]:
    """The skin `(V,)` of the left half of the face, and all that is hidden with it: that half's eye and mouth."""
    regions, x = model.template.regions, model.mean_vertices[:, 0]
    left = x > x[model.template.mirror]  # one of each pair, never the midline
    skin, inner = np.zeros((2, len(x)), bool)
    skin[regions["face"]] = True
    inner[np.concatenate([regions["eyes"], regions["mouth_inside"]])] = True
    return left & skin & ~inner, left & (skin | inner)


def _mirrored(model: MorphableModel, vertices: FloatArray, unknown: BoolArray) -> FloatArray:
    """Vertices `(V, 3)` whose unknown ones are the other side's, reflected and laid rigidly onto what is known."""
    mirror = model.template.mirror
    other, both = vertices[mirror] * [-1, 1, 1], ~unknown & ~unknown[mirror]
    return np.where(unknown[:, None], procrustes(other[both], vertices[both]).apply(other), vertices)


def _unbroken(sentence: str) -> str:
    """Numbers stay on one line with their unit."""
    return sentence.replace(" mm", "\u00a0mm").replace(" %", "\u00a0%")


def _top(*sizes: FloatArray) -> float:
    """The end of a scale in mm that divides into four even numbers: 1, 2, 4, ..."""
    return float(2 ** max(0, np.ceil(np.log2(np.percentile(np.concatenate(sizes), 99)))))


def _expressions(model: MorphableModel, seed: int) -> Panel:
    child = _calm_child(model, seed + 2)
    return Panel(
        "Expressions",
        "The stored expressions, each set on the same child.",
        {name: model.set_expression(child, name, keep_detail=True) for name in sorted(model.expressions)},
    )


def _neutralised(model: MorphableModel, seed: int) -> Panel:
    crying = model.set_expression(_calm_child(model, seed + 3), "crying")
    calm = model.neutralize(crying, keep_detail=True)
    moved = np.linalg.norm(calm.vertices - crying.vertices, axis=1)
    legend = Legend.of(moved, "moved by, mm")
    return Panel(
        "Neutralised",
        "A crying child, the same child with the expression taken out, and what moved.",
        {"crying": crying, "neutralised": calm, "difference": calm.with_colors(legend.colors(moved))},
        legend,
    )


def _transferred(model: MorphableModel, seed: int) -> Panel:
    source = model.set_expression(_calm_child(model, seed + 4), "smiling")
    others = [_calm_child(model, seed + 5 + i) for i in range(2)]
    meshes: dict[str, Mesh] = {"source": source}
    for i, child in enumerate(others):
        meshes[f"child {i + 1}"] = child
        meshes[f"child {i + 1} smiling"] = model.transfer_expression(source, child, keep_detail=True)
    return Panel("Transferred", "The first child's smile on two other children.", meshes)


def _ages(model: MorphableModel, seed: int) -> Panel:
    child = _calm_child(model, seed + 8)
    return Panel(
        "Ages",
        "One child at six ages, in months; all at one scale.",
        {f"{months} months": model.set_age(child, months=months) for months in AGES},
    )


def _calm_child(model: MorphableModel, seed: int) -> Mesh:
    """A random child of six months without expression."""
    child = model.neutralize(model.sample_meshes(1, seed=seed)[0])
    return model.set_age(child, months=6)
