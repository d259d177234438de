"""FLAME and SMPL-X style `.npz` [li2017], BabyFaceModel `.mat` [morales2025], ICT-FaceKit folders [li2020], and
plain folders of meshes in correspondence."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from inface.codecs.meshes import MESH_SUFFIXES, read_mesh
from inface.codecs.model_formats.linear import LinearModel, Modes, need, triangles_of, vertices_of
from inface.errors import FormatError

_NEUTRAL = "generic_neutral_mesh.obj"
_EXPRESSION_SPREAD = 0.3  # of blend shape weights in [0, 1], about that of an even spread


def is_flame(keys: set[str]) -> bool:
    """Whether the names in a `.npz` are those of FLAME, SMPL or SMPL-X."""
    return {"v_template", "shapedirs"} <= keys


def read_flame(file: Mapping[str, Any]) -> LinearModel:
    """The linear part of FLAME or SMPL-X: shape and expression; joints, skinning and pose correctives are left out.

    The directions are scaled so that codes spread by 1. Of 400 directions the first 300 are shape, of SMPL-X's 20 the
    first 10; an array of another width is all shape, unless `expressiondirs` (or `exprdirs`) stands beside it.
    """
    template, dirs = need(file, ("v_template", "shapedirs"), "the file")
    mean = vertices_of(template, "v_template")
    dirs = np.asarray(dirs, np.float64)
    if dirs.ndim != 3 or dirs.shape[:2] != mean.shape:
        raise FormatError(f"'shapedirs' should have shape ({len(mean)}, 3, n), got {dirs.shape}")
    key = next((k for k in ("f", "faces", "triangles") if k in file), "f")
    triangles, _ = triangles_of(need(file, (key,), "the file")[0], len(mean))
    flat = dirs.reshape(mean.size, -1)
    width = flat.shape[1]
    other = next((k for k in ("expressiondirs", "exprdirs", "expr_dirs") if k in file), None)
    if other is not None:
        parts = [flat, np.asarray(file[other], np.float64).reshape(mean.size, -1)]
    elif width == 400 or (width == 20 and len(mean) == 10475):
        parts = np.split(flat, [300 if width == 400 else 10], axis=1)
    else:
        parts = [flat]
    names = ("identity", "expression") if len(parts) == 2 else ("",)
    blocks = {n: Modes(part, np.ones(part.shape[1])) for n, part in zip(names, parts, strict=True)}
    card = {
        "data": "a model of FLAME's or SMPL-X's layout",
        "not kept": "joints, skinning weights and pose correctives are left out",
    }
    return LinearModel(mean, triangles, blocks, card=card)


def is_babyface(keys: set[str]) -> bool:
    """Whether the fields of a `.mat` are those of the BabyFaceModel."""
    return {"refShape", "eigenFunctions", "eigenValues"} <= keys


def read_babyface(file: Mapping[str, Any]) -> LinearModel:
    """BabyFaceModel: shape = refShape + meanDeformation + eigenFunctions (sqrt(eigenValues) * code)."""
    reference, triangles, functions, values = need(
        file, ("refShape", "triang", "eigenFunctions", "eigenValues"), "the file"
    )
    mean = vertices_of(reference, "refShape")
    if "meanDeformation" in file:
        offset = vertices_of(file["meanDeformation"], "meanDeformation")
        if offset.shape != mean.shape:
            raise FormatError(f"'meanDeformation' should have {mean.size} numbers, got {offset.size}")
        mean = mean + offset
    triangles, base = triangles_of(triangles, len(mean), one_based=None)
    variances = np.asarray(values, np.float64)
    if variances.ndim == 2 and variances.shape[0] == variances.shape[1] > 1:
        variances = np.diag(variances)
    variances = variances.reshape(-1)
    basis = np.asarray(functions, np.float64)
    if basis.ndim == 3:  # (3, V, k) or (V, 3, k)
        basis = (basis.transpose(1, 0, 2) if basis.shape[0] == 3 else basis).reshape(mean.size, -1)
    if basis.shape == (len(variances), mean.size) != (mean.size, len(variances)):
        basis = basis.T
    if basis.shape != (mean.size, len(variances)):
        raise FormatError(f"'eigenFunctions' should have shape ({mean.size}, {len(variances)}), got {basis.shape}")
    landmarks = {}
    if "landmark_names" in file and "landmark_verts" in file:
        names = [str(n).strip() for n in np.asarray(file["landmark_names"], object).reshape(-1)]
        ids = np.asarray(file["landmark_verts"]).reshape(-1).astype(int) - base
        landmarks = dict(zip(names, ids.tolist(), strict=False))
    modes = Modes(basis, np.sqrt(np.maximum(variances, 0)))
    return LinearModel(mean, triangles, {"": modes}, landmarks=landmarks, card={"data": "the BabyFaceModel"})


def is_ict(folder: Path) -> bool:
    """Whether a folder is ICT-FaceKit, or its `FaceXModel`."""
    return (folder / _NEUTRAL).is_file() or (folder / "FaceXModel" / _NEUTRAL).is_file()


def read_ict(folder: Path) -> LinearModel:
    """ICT-FaceKit: identity modes for codes that spread by 1, and blend shapes of expressions for weights of 0 to 1."""
    if not (folder / _NEUTRAL).is_file():
        folder = folder / "FaceXModel"
    neutral = read_mesh(folder / _NEUTRAL)
    files = sorted(p for p in folder.glob("*.obj") if p.name != _NEUTRAL)
    identity = [p for p in files if p.stem.startswith("identity")]
    expression = [p for p in files if not p.stem.startswith("identity")]
    if not identity:
        raise FormatError(f"'{folder}': expected ICT-FaceKit's identity000.obj, ... beside {_NEUTRAL}")
    blocks = {}
    for name, paths, spread in (("identity", identity, 1.0), ("expression", expression, _EXPRESSION_SPREAD)):
        if paths:
            offsets = [_same(read_mesh(p), neutral, p) - neutral.vertices for p in paths]
            blocks[name] = Modes(np.stack([o.reshape(-1) for o in offsets], 1), np.full(len(paths), spread))
    codes = {p.stem: row for p, row in zip(expression, np.eye(len(expression)), strict=True)}
    if not expression:
        blocks = {"": blocks["identity"]}
    return LinearModel(neutral.vertices, neutral.triangles, blocks, expressions=codes, card={"data": "ICT-FaceKit"})


def read_meshes(folder: Path) -> LinearModel:
    """Meshes in correspondence: their mean and all their principal components."""
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in MESH_SUFFIXES and not p.name.startswith("."))
    if len(paths) < 3:
        raise FormatError(f"'{folder}': expected a model's folder, or three meshes in correspondence or more")
    first = read_mesh(paths[0])
    if not first.correspondence:
        raise FormatError(f"'{paths[0]}': STL keeps no order of vertices, so its meshes are in no correspondence")
    shapes = np.stack([first.vertices, *(_same(read_mesh(p), first, p) for p in paths[1:])]).reshape(len(paths), -1)
    if not np.isfinite(shapes).all():
        raise FormatError(f"'{folder}': a mesh has unknown (NaN) vertices; complete it first")
    mean = shapes.mean(0)
    _, spread, rows = np.linalg.svd(shapes - mean, full_matrices=False)
    count = int((spread > 1e-9 * max(spread[0], 1e-300)).sum())
    modes = Modes(rows[:count].T, spread[:count] / np.sqrt(len(paths) - 1))
    card = {"data": f"{len(paths)} meshes of the folder {folder.name}"}
    return LinearModel(mean.reshape(-1, 3), first.triangles, {"": modes}, colors=first.colors, card=card)


def _same(mesh: Any, first: Any, path: Path) -> Any:
    if mesh.vertices.shape != first.vertices.shape or not np.array_equal(mesh.triangles, first.triangles):
        raise FormatError(
            f"'{path}': its {len(mesh.vertices)} vertices and {len(mesh.triangles)} triangles are not those of the "
            f"first mesh ({len(first.vertices)}, {len(first.triangles)}), so the meshes are in no correspondence"
        )
    return mesh.vertices
