"""Figures of packed populations and of components by blocks. Ratios of one run, one BLAS thread.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/scaling_population.py [N]

writes benchmarks/scaling_population.json. The rows are random, with 200 modes of very unequal size and noise, as long
as those of the embedded models; the eigenvalues found by blocks are held against exact ones.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from inface import Mesh, load_default_model
from inface.codecs import read_mesh
from inface.codecs.shape_store import read_store, write_part, write_store
from inface.training.pca import principal_components

HERE = Path(__file__).parent


def rows_of(count: int, dimension: int = 38_517, rank: int = 200, seed: int = 0) -> np.ndarray:
    """Rows `(count, dimension)` float32."""
    random = np.random.default_rng(seed)
    modes = random.standard_normal((rank, dimension), dtype=np.float32) / np.sqrt(dimension)
    scale = (300 * np.exp(-6 * np.arange(rank) / rank) * random.uniform(0.6, 1.4, rank)).astype(np.float32)
    out = np.empty((count, dimension), np.float32)
    for start in range(0, count, 500):
        part = out[start : start + 500]
        codes = random.standard_normal((len(part), rank), dtype=np.float32) * scale
        part[:] = codes @ modes + 0.05 * random.standard_normal(part.shape, dtype=np.float32) + 50
    return out


def reading(count: int = 200) -> dict:
    """A mesh file against a shape of a store that was written just now."""
    model = load_default_model("pca")
    with tempfile.TemporaryDirectory() as home:
        meshes = [Path(home) / f"{i}.ply" for i in range(count)]
        shapes = model.decode(model.sample_latents(count, seed=1))
        for path, shape in zip(meshes, shapes, strict=True):
            Mesh(shape, model.triangles).export(path)
        store = Path(home) / "all.shapes"
        write_store(store, [write_part(store, 0, shapes)], shapes.shape[1:])
        packed = read_store(store)[0]
        begin = time.process_time()
        for path in meshes:
            read_mesh(path)
        middle = time.process_time()
        for i in range(count):
            packed[i]
        end = time.process_time()
        size = meshes[0].stat().st_size / (shapes[0].size * 4)
    return {
        "PLY / packed, time to read": round((middle - begin) / (end - middle)),
        "PLY / packed, bytes": round(size, 1),
    }


def components(count: int, kept: int = 50) -> dict:
    """Blocks against the Gram matrix."""
    rows = rows_of(count)
    found = {}
    for method in ("exact", "blocks"):
        begin = time.process_time()
        found[method] = principal_components(rows, kept, method=method).eigenvalues
        found[f"{method} s"] = time.process_time() - begin
    error = np.abs(found["blocks"] / found["exact"] - 1).max()
    return {
        "rows": count,
        "modes": kept,
        "largest relative error of a kept eigenvalue": float(f"{error:.1e}"),
        "CPU, blocks / exact": round(found["blocks s"] / found["exact s"], 2),
        "blocks, CPU s": round(found["blocks s"], 1),
    }


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    out = {"reading": reading(), "components": components(count)}
    print(json.dumps(out, indent=1))
    (HERE / "scaling_population.json").write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
