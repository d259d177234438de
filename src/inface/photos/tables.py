"""Where the points of mediapipe's face mesh lie on our template: a vertex each, and how far they stray.

The table is ours: `python -m inface.photos.tables` draws synthetic heads before known cameras, runs the detector on the
pictures, and lets each of the 468 points vote for the place of the template that lies under it.
"""

import argparse
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import as_file, files
from typing import Any

import numpy as np

from inface._validate import FloatArray, IntArray
from inface.codecs import atomic_write
from inface.photos.points import MEDIAPIPE

FILE = "mediapipe_table.npz"
TOGETHER = 30  # neighbouring points of a detector err alike: so many count as one
SPREADS = (1.0, 12.0)  # mm: least spread of a point; points that stray farther are not used


@dataclass(frozen=True, eq=False)
class PointTable:
    """Vertices `(n,)` of mediapipe's first n points, their spread `(n,)` in mm, and the topology they belong to."""

    vertices: IntArray
    spreads: FloatArray
    topology: str


@lru_cache(maxsize=1)
def mediapipe_table() -> PointTable | None:
    """The shipped table."""
    entry = files("inface.photos") / FILE
    if not entry.is_file():
        return None
    with as_file(entry) as path, np.load(path, allow_pickle=False) as held:
        return PointTable(held["vertices"].astype(int), held["spreads"].astype(float), str(held["topology"]))


def further_points(model: Any) -> dict[str, tuple[int, float]]:
    """Name `mp_000` ... -> vertex and spread in mm, for a model on the shipped template; none for any other."""
    table = mediapipe_table()
    if table is None or model.template.hash != table.topology:
        return {}
    rows = zip(MEDIAPIPE, table.vertices, table.spreads, strict=False)
    return {n: (int(v), max(float(s), SPREADS[0])) for n, v, s in rows if np.isfinite(s) and s <= SPREADS[1]}


def main() -> None:
    """Make the table from drawings of synthetic heads; needs the extra 'photo'."""
    from inface.photos.detect import detect
    from inface.photos.drawings import random_drawing
    from inface.synthetic import cohort, template

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--heads", type=int, default=150)
    parser.add_argument("--seed", type=int, default=4100)
    parser.add_argument("--out", required=True, help="the file to write, as a rule src/inface/photos/" + FILE)
    arguments = parser.parse_args()
    ground = template()
    heads = cohort(arguments.heads, 1, arguments.seed)
    votes = []
    for i, shape in enumerate(heads.shapes):
        rng = np.random.default_rng([arguments.seed, i])
        drawing = random_drawing(rng, np.asarray(shape, float), ground)
        try:
            found = detect(drawing.image)
        except ValueError:
            continue
        votes.append(drawing.places_under(np.array(list(found.values())), ground))
        print(f"{i + 1} of {len(heads)}: {len(votes)} found", flush=True)
    places = np.array(votes)
    middle = np.nanmedian(places, axis=0)
    off = np.linalg.norm(places - middle, axis=2)
    spread = 1.4826 * np.nanmedian(off, axis=0) / np.sqrt(2)
    spread[np.isfinite(off).sum(0) < 10] = np.nan
    usable = np.setdiff1d(np.arange(len(ground.mesh.vertices)), ground.regions["mouth_inside"])
    near = ((ground.mesh.vertices[usable][None] - np.nan_to_num(middle)[:, None]) ** 2).sum(2).argmin(1)
    with atomic_write(arguments.out) as path, open(path, "wb") as stream:
        np.savez_compressed(stream, vertices=usable[near].astype(np.uint16), spreads=spread.astype(np.float32),
                            topology=np.array(ground.hash))  # fmt: skip


if __name__ == "__main__":
    main()
