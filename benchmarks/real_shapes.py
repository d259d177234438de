"""Registration of real shapes and of objects that are none: verdicts, agreement between shapes, pictures.

    python benchmarks/real_shapes.py heads --rotations 20     # the two infant heads, each turned 20 times
    python benchmarks/real_shapes.py faces --rotations 1      # nine adult faces in correspondence
    python benchmarks/real_shapes.py objects                  # fifty-odd objects; none may be better than failed
    python benchmarks/real_shapes.py heads --pictures out/real

Where a model vertex lands on shape A and on shape B must be the same place of their common mesh: the truth for shapes
in correspondence is agreement. Needs the shared data (`INFACE_SHARED_DATA`); pictures go to a folder that git ignores.
"""

import argparse
import itertools
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from inface.codecs import atomic_write
from inface.embedded import load_default_model
from inface.geometry.adjacency import vertex_normals
from inface.geometry.proximity import SurfaceIndex
from inface.geometry.rotations import random_rotation
from inface.mesh import Mesh
from inface.pictures.shade import png_bytes, shade, view_rotation
from inface.registration import register

SHARED = Path(os.environ.get("INFACE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
REGIONS = ("face", "nose", "lips", "lids", "ears", "forehead", "scalp", "cheeks", "chin")
LINES = (("lid_edges", (0, 0.2, 0.9)), ("vermilion", (0.9, 0, 0.1)), ("brows", (0.3, 0.6, 0.2)))
POINTS = ("n", "prn", "sn", "pg", "gn", "en_l", "en_r", "ex_l", "ex_r", "ch_l", "ch_r", "al_l", "al_r", "t_l", "t_r")


def heads() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Name -> vertices, triangles of the two infant heads."""
    data = np.load(SHARED / "kit_infant_means.npz")
    return {name: (data[name].astype(float), data["triangles"]) for name in ("sagittal", "metopic")}


def faces() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Name -> vertices, triangles of the nine adult faces."""
    data = np.load(SHARED / "meshmonk_simulated_faces.npz")
    return {f"face {k}": (v.astype(float), data["triangles"]) for k, v in enumerate(data["vertices"])}


def run(model, shapes, rotations: int, pictures: Path | None) -> list[dict]:
    """Register each shape in each rotation; where each vertex lands on the common mesh."""
    common = next(iter(shapes.values()))[0]
    rows = []
    for (name, (points, triangles)), seed in itertools.product(shapes.items(), range(rotations)):
        rng = np.random.default_rng([7, seed])
        turn, shift = random_rotation(rng), rng.uniform(-200, 200, 3)
        start = time.process_time()
        done = register(Mesh(points @ turn.T + shift, triangles), model)
        row = {"name": name, "seed": seed, "verdict": done.verdict, "cpu": time.process_time() - start, "done": done}
        if done.mesh is not None:
            row["own"] = (done.mesh.vertices - shift) @ turn
            found = SurfaceIndex(points, triangles).closest(row["own"])
            row["place"] = np.einsum("nk,nkd->nd", found.weights, common[triangles[found.triangle]])
            row["near"] = (found.distance < 3) & done.support
        rows.append(row)
        print(f"{name} {seed} {done.verdict} {done.scope} cpu {row['cpu']:.1f} {'; '.join(done.reasons)}", flush=True)
        if pictures is not None and done.mesh is not None:
            pictures.mkdir(parents=True, exist_ok=True)
            with atomic_write(pictures / f"{name.replace(' ', '_')}_{seed}.png") as temporary:
                temporary.write_bytes(png_bytes(picture(model, done, points @ turn.T + shift, triangles)))
    return rows


def agreement(model, rows: list[dict]) -> None:
    """Mean distance on the common mesh between where two registrations put a vertex, by region: within and between."""
    rows = [row for row in rows if "place" in row]
    for word, same in (("rotations of one shape", True), ("between shapes", False)):
        pairs = [(a, b) for a, b in itertools.combinations(rows, 2) if (a["name"] == b["name"]) == same]
        told = []
        for region in REGIONS:
            ids = model.template.regions[region]
            apart = [
                np.linalg.norm(a["place"] - b["place"], axis=1)[ids[a["near"][ids] & b["near"][ids]]].mean()
                for a, b in pairs
                if (a["near"] & b["near"])[ids].any()
            ]
            told.append(f"{region} {np.mean(apart):.2f}" if apart else f"{region} -")
        print(f"{word} ({len(pairs)} pairs), mm: {', '.join(told)}")


def picture(model, done, scan, triangles, pixels: int = 400) -> np.ndarray:
    """The scan from the front and both sides with the model's lids, lips, brows and landmarks on it, and the fit."""
    scan, fit = done.transform.inverse().apply(scan), done.model_mesh.vertices
    centre, half = (fit.min(0) + fit.max(0)) / 2, float(np.ptp(fit, axis=0).max()) * 0.5
    images = []
    for azimuth in (0, 60, -60):
        view = view_rotation(azimuth)
        image = shade(scan, triangles, view=view, centre=centre, half_width=half, pixels=pixels).copy()
        eye, facing = (fit - centre) @ view.T, vertex_normals(fit, model.triangles) @ view[2] > 0.1
        marks = [(model.template.regions[name], colour, 0) for name, colour in LINES]
        marks.append((np.array([model.template.landmarks[name] for name in POINTS]), (1, 0.75, 0), 2))
        for ids, colour, size in marks:
            for x, y in (eye[ids[facing[ids]], :2] * [1, -1] * pixels / (2 * half) + pixels / 2).astype(int):
                if 3 < x < pixels - 3 and 3 < y < pixels - 3:
                    image[y - size : y + size + 1, x - size : x + size + 1] = np.array(colour) * 255
        images.append(image)
    images.append(shade(fit, model.triangles, view=view_rotation(20), centre=centre, half_width=half, pixels=pixels))
    return np.hstack(images)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["heads", "faces", "objects"])
    parser.add_argument("--rotations", type=int, default=3)
    parser.add_argument("--pictures", type=Path)
    given = parser.parse_args()
    model = load_default_model("pca")
    if given.what == "objects":
        from objects import OBJECTS

        wrong = []
        for name, make in OBJECTS.items():
            done = register(make(), model)
            print(f"{name:16s} {done.verdict:8s} {'; '.join(done.reasons)[:160]}", flush=True)
            wrong += [name] if done.verdict != "failed" else []
        print(f"{len(OBJECTS)} objects, not failed: {', '.join(wrong) or 'none'}")
        return
    rows = run(model, heads() if given.what == "heads" else faces(), given.rotations, given.pictures)
    agreement(model, rows)


if __name__ == "__main__":
    main()
