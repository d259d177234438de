"""How fast meshes are read, written and indexed, beside the floor and the plain way, in CPU seconds of one core.

Run: `OMP_NUM_THREADS=1 python benchmarks/files.py` (about a minute). Absolute times depend on the machine: quote
ratios.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from inface.codecs import MESH_FORMATS, MeshData, read_mesh, write_mesh
from inface.geometry import adjacency


def sheet(columns: int, rows: int) -> MeshData:
    """A wavy sheet of `columns * rows` vertices in random order of triangles, with colours."""
    rng = np.random.default_rng(0)
    x, y = np.meshgrid(np.arange(columns), np.arange(rows))
    vertices = np.stack([x.ravel(), y.ravel(), rng.normal(size=x.size)], 1) / 3
    a = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    lower, upper = np.stack([a, a + 1, a + columns + 1], 1), np.stack([a, a + columns + 1, a + columns], 1)
    triangles = rng.permutation(np.concatenate([lower, upper])).astype(np.int32)
    return MeshData(vertices, triangles, rng.integers(0, 256, vertices.shape) / 255)


def seconds(work: Callable[[], object], repeats: int = 9) -> float:
    """Median CPU time of a call."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return float(np.median(times))


def plain_neighbours(triangles: np.ndarray, count: int) -> list[list[int]]:
    """The plain way: unique edges as rows, then a Python loop over them."""
    sides = np.vstack([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = np.unique(np.sort(sides, 1), axis=0)
    near: list[list[int]] = [[] for _ in range(count)]
    for edge in edges:
        near[edge[0]].append(edge[1])
        near[edge[1]].append(edge[0])
    return near


def main() -> None:
    mesh = sheet(250, 200)
    bare = MeshData(mesh.vertices, mesh.triangles)
    print(f"{len(mesh.vertices)} vertices, {len(mesh.triangles)} triangles; milliseconds of CPU time\n")
    with tempfile.TemporaryDirectory() as folder:
        raw = [Path(folder, name) for name in ("vertices.bin", "triangles.bin")]

        def write_raw() -> None:
            mesh.vertices.tofile(raw[0])
            mesh.triangles.tofile(raw[1])

        def read_raw() -> None:
            np.fromfile(raw[0])
            np.fromfile(raw[1], np.int32)

        floor = seconds(write_raw), seconds(read_raw)
        print("| file | write | read | write / tofile | read / fromfile |\n|---|---|---|---|---|")
        print(f"| numpy tofile, fromfile | {floor[0] * 1e3:.2f} | {floor[1] * 1e3:.2f} | 1 | 1 |")
        cases = [("PLY", ".ply", bare), *((f.name + ", colours", f.suffix, mesh) for f in MESH_FORMATS.values())]
        for name, suffix, data in cases:
            path = Path(folder, "mesh" + suffix)
            both = seconds(lambda p=path, d=data: write_mesh(p, d)), seconds(lambda p=path: read_mesh(p))
            ratios = both[0] / floor[0], both[1] / floor[1]
            print(f"| {name} | {both[0] * 1e3:.2f} | {both[1] * 1e3:.2f} | {ratios[0]:.1f} | {ratios[1]:.1f} |")
    for columns, rows in ((200, 100), (250, 200)):
        triangles, count = sheet(columns, rows).triangles, columns * rows
        plain = seconds(lambda t=triangles, n=count: plain_neighbours(t, n), 3)
        ours = seconds(lambda t=triangles, n=count: adjacency.adjacency(t, n))
        print(
            f"\nadjacency, {count} vertices: plain way {plain * 1e3:.0f}, ours {ours * 1e3:.1f}: {plain / ours:.0f} x"
        )


if __name__ == "__main__":
    main()
