"""What `inface example` writes: synthetic infants of the embedded models, small, from one seed."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from inface.codecs.masks import write_mask
from inface.mesh import Mesh


def write_example(folder: Path) -> Iterator[tuple[Path, str]]:
    """Write the files, and yield each with a word on what it is."""
    from inface.embedded import load_default_model

    model = load_default_model("disentangled")
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("faces", "scans"):
        (folder / name).mkdir(exist_ok=True)
    children = model.sample_meshes(3, seed=1)

    unknown = children[0].vertices[:, 1] < np.median(children[0].vertices[:, 1])
    hidden = children[0].vertices.copy()
    hidden[unknown] = np.nan
    children[0].with_vertices(hidden).export(folder / "scan.ply")
    yield folder / "scan.ply", "a head of which only the upper half was scanned"
    write_mask(folder / "unknown.npy", unknown)
    yield folder / "unknown.npy", "which of its vertices are unknown"
    model.set_expression(children[0], "crying").export(folder / "crying.ply")
    yield folder / "crying.ply", "a child that cries"
    for name, child in zip(("anna", "ben"), children[1:], strict=True):
        child.export(folder / "faces" / f"{name}.ply")
        yield folder / "faces" / f"{name}.ply", "a child"
        _raw(child, seed=len(name)).export(folder / "scans" / f"{name}.ply")
        yield folder / "scans" / f"{name}.ply", "the same child as a raw scan: turned, in metres, of other triangles"


def _raw(child: Mesh, seed: int) -> Mesh:
    """The mesh as a scanner would give it: in another pose and in metres, its vertices in another order."""
    random = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(random.normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    order = random.permutation(len(child.vertices))
    place = np.empty(len(order), int)
    place[order] = np.arange(len(order))
    points = (child.vertices + random.normal(0, 0.1, child.vertices.shape)) @ turn.T / 1000
    return Mesh(points[order], place[child.triangles], None if child.colors is None else child.colors[order])
