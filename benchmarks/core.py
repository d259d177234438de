"""Speed of the core beside the plain way and the floor of the same run.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/core.py

CPU time (`time.process_time`), one BLAS thread, medians; float32 weights and inputs; random models of the layouts in
use: PCA with 200 modes, autoencoder 3V-512-256-97, three such encoders when disentangled. Absolute times depend on the
machine and its other guests: quote the ratios. Writes `core.json` and `core.md` beside this file (`--out` elsewhere).
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import plain

from inface.fitting import LinearFitter
from inface.geometry.adjacency import adjacency
from inface.geometry.deform import SmoothFill
from inface.mesh import Mesh
from inface.models.autoencoder import AEMorphableModel
from inface.models.latent import LatentSpace
from inface.models.network import Network
from inface.models.pca import PCAMorphableModel

HERE = Path(__file__).parent


@dataclass
class Row:
    """One line of the table; times in CPU milliseconds, NaN where a column does not apply."""

    vertices: int
    operation: str
    plain: float
    ours: float
    floor: float
    difference: float  # largest difference of the two results, mm or latent units
    target: str
    reached: bool | None

    @property
    def ratio(self) -> float:
        return self.plain / self.ours

    @property
    def above_floor(self) -> float:
        return self.ours / self.floor


def cpu_ms(call: Callable[[], object], repeats: int, calls: int = 1) -> float:
    """Median CPU time of one call, over `repeats` runs of `calls` calls."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        for _ in range(calls):
            call()
        times.append((time.process_time() - start) / calls)
    return float(np.median(times) * 1e3)


def side_by_side(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Medians of several calls measured in turn, so that a slow spell of the machine meets all of them."""
    for call in calls.values():
        call()
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            times[name].append(cpu_ms(call, 1))
    return {name: float(np.median(t)) for name, t in times.items()}


def sgemm_rate() -> float:
    """Floating point operations a CPU millisecond of a 1024 x 1024 x 1024 float32 product."""
    a, b = (np.random.default_rng(i).random((1024, 1024), np.float32) for i in (0, 1))
    a @ b
    return 2 * 1024**3 / cpu_ms(lambda: a @ b, 7)


def product_ms(left: np.ndarray, right: np.ndarray, repeats: int) -> float:
    """CPU time of the float32 matrix product of the very shape that a batch needs: its floor."""
    out = left @ right
    return cpu_ms(lambda: np.matmul(left, right, out=out), repeats)


def read_ms(matrix: np.ndarray, repeats: int) -> float:
    """CPU time of reading a matrix once: the fastest of its sum and the matrix-vector products in both directions."""
    left, right = np.ones(len(matrix), np.float32), np.ones(matrix.shape[1], np.float32)
    ways = {
        "left": lambda: left @ matrix,
        "right": lambda: matrix @ right,
        "rows": lambda: np.vecdot(matrix, right),
        "sum": matrix.sum,
    }
    return min(side_by_side(ways, repeats).values())


def sphere(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Exactly `count` points on a sphere of 60 mm and their outward triangles (a spiral, triangulated by its hull)."""
    from scipy.spatial import ConvexHull

    i = np.arange(count) + 0.5
    polar, turn = np.arccos(1 - 2 * i / count), np.pi * (1 + 5**0.5) * i
    points = np.stack([np.cos(turn) * np.sin(polar), np.cos(polar), np.sin(turn) * np.sin(polar)], 1)
    triangles = ConvexHull(points).simplices
    a, b, c = points[triangles].transpose(1, 0, 2)
    inward = np.einsum("ij,ij->i", np.cross(b - a, c - a), a) < 0
    triangles[inward] = triangles[inward, ::-1]
    return (60 * points).astype(np.float32), triangles.astype(np.int32)


def pca_model(points, triangles, k: int) -> PCAMorphableModel:
    rng = np.random.default_rng(1)
    random = rng.standard_normal((3 * len(points), k), dtype=np.float32)
    components = np.ascontiguousarray(np.linalg.qr(random)[0].T)
    variances = (40 * 0.97 ** np.arange(k)) ** 2
    return PCAMorphableModel(components=components, eigenvalues=variances, mean_vertices=points, triangles=triangles)


def ae_model(points, triangles, hidden=(512, 256), blocks=None) -> AEMorphableModel:
    rng = np.random.default_rng(2)
    blocks = blocks or {"": 97}
    wide = 3 * len(points)

    def network(widths) -> Network:
        shapes = list(zip(widths[1:], widths[:-1], strict=True))
        weights = tuple(rng.standard_normal(s, dtype=np.float32) / np.float32(s[1] ** 0.5) for s in shapes)
        return Network(weights, tuple(np.zeros(s[0], np.float32) for s in shapes), 0.2)

    encoders = {name: network((wide, *hidden, width)) for name, width in blocks.items()}
    total, start, slices = sum(blocks.values()), 0, {}
    for name, width in blocks.items():
        slices[name] = slice(start, start + width)
        start += width
    return AEMorphableModel(
        encoders=encoders,
        decoder=network((total, *hidden[::-1], wide)),
        mean_vertices=points,
        triangles=triangles,
        latent=LatentSpace(np.zeros(total, np.float32), np.ones(total, np.float32), {} if "" in slices else slices),
    )


def judge(row: Row, reached: bool | None) -> Row:
    row.reached = reached
    return row


def largest(a, b) -> float:
    return float(np.abs(np.asarray(a, float) - np.asarray(b, float)).max())


def loop_ms(call: Callable[[int], object], count: int, sample: int) -> float:
    """CPU time of `call(i)` for `count` items, one at a time, from the median of `sample` of them."""
    call(0)
    return count * float(np.median([cpu_ms(lambda i=i: call(i), 1) for i in range(sample)]))


def pca_rows(points, triangles, k: int, batch: int, repeats: int, rate: float) -> Iterator[Row]:
    model = pca_model(points, triangles, k)
    count = len(points)
    components, mean = model.components, model.mean_vertices
    rng = np.random.default_rng(3)
    latents = (rng.standard_normal((batch, k)) * model.latent_std).astype(np.float32)
    meshes = np.asarray(model.decode(latents), np.float32)
    meshes += 0.3 * rng.standard_normal(meshes.shape, dtype=np.float32)
    one, mesh = latents[0], meshes[0]

    ours = model.decode(one)
    t = side_by_side(
        {"plain": lambda: plain.pca_decode(components, mean, one), "ours": lambda: model.decode(one)}, repeats
    )
    floor = read_ms(components, repeats)
    row = Row(count, "PCA decode 1", t["plain"], t["ours"], floor,
              largest(ours, plain.pca_decode(components, mean, one)), "at most 1.3 x floor", None)  # fmt: skip
    yield judge(row, row.above_floor <= 1.3)

    flat = meshes.reshape(batch, -1)
    products = {
        "decode": product_ms(latents, components, repeats),
        "encode": product_ms(flat, components.T, repeats),
    }
    for name, slow, fast in (
        ("decode", lambda i: plain.pca_decode(components, mean, latents[i]), lambda: model.decode(latents)),
        ("encode", lambda i: plain.pca_encode(components, mean, meshes[i]), lambda: model.encode(meshes, check=False)),
    ):
        difference = max(largest(fast()[i], slow(i)) for i in range(min(3, batch)))
        row = Row(count, f"PCA {name} {batch}", loop_ms(slow, batch, repeats), cpu_ms(fast, repeats), products[name],
                  difference, "at least 80 % of sgemm", None)  # fmt: skip
        yield judge(row, row.floor / row.ours >= 0.8)

    # partial encoding, 30 % unknown: a blob that is one piece of the sphere
    known = points[:, 1] < np.quantile(points[:, 1], 0.7)
    unknown = ~known
    slow = cpu_ms(lambda: plain.pca_partial_encode(components, mean, mesh, known), 1 if count > 5000 else repeats)
    expected = plain.pca_partial_encode(components, mean, mesh, known)
    start = time.process_time()
    found = model.encode(mesh, unknown_vertex_mask=unknown, check=False)
    first = (time.process_time() - start) * 1e3
    yield Row(count, "PCA partial encode, first of a model", slow, first, np.nan,
              largest(found, expected), "", None)  # fmt: skip
    shifts = [np.roll(unknown, 7 * (i + 1)) for i in range(repeats)]
    news = iter(shifts)
    new = cpu_ms(lambda: model.encode(mesh, unknown_vertex_mask=next(news), check=False), repeats)
    difference = largest(model.encode(mesh, unknown_vertex_mask=shifts[0], check=False),
                         plain.pca_partial_encode(components, mean, mesh, ~shifts[0]))  # fmt: skip
    few = int(min(known.sum(), unknown.sum()))
    row = Row(count, "PCA partial encode, new mask", slow, new, 3 * few * k**2 / rate, difference, "28 x plain", None)
    yield judge(row, row.ratio >= 28)
    again = cpu_ms(lambda: model.encode(mesh, unknown_vertex_mask=unknown, check=False), repeats)
    row = Row(
        count, "PCA partial encode, known mask", slow, again, floor, largest(found, expected), "300 x plain", None
    )
    yield judge(row, row.ratio >= 300)
    wide = LinearFitter(components.astype(np.float64), mean.astype(np.float64), model.latent_mean, model.latent_std)
    exact = wide.fit(mesh, known).latent
    yield Row(count, "... the same with float64 weights", slow, cpu_ms(lambda: wide.fit(mesh, known), repeats),
              2 * floor, largest(exact, expected), "", None)  # fmt: skip

    # back matching
    reconstruction = np.asarray(model.decode(found), np.float64)
    neighbours = adjacency(triangles, count)
    slow = cpu_ms(lambda: plain.back_match(neighbours, reconstruction, mesh, known), min(repeats, 3))
    expected = plain.back_match(neighbours, reconstruction, mesh, known)
    fill = SmoothFill(count, triangles)
    news = iter(shifts)
    fill.back_match(reconstruction, mesh, known)
    new = cpu_ms(lambda: fill.back_match(reconstruction, mesh, ~next(news)), repeats)
    fill.back_match(reconstruction, mesh, known)
    row = Row(count, "back match, new mask", slow, new, np.nan,
              largest(fill.back_match(reconstruction, mesh, known), expected), "12 x plain", None)  # fmt: skip
    yield judge(row, row.ratio >= 12)
    light = cpu_ms(lambda: plain.back_match(neighbours, reconstruction, mesh, known, drop_zeros=True), min(repeats, 3))
    yield Row(count, "... beside the plain way with its zeros dropped", light, new, np.nan, row.difference, "", None)
    factor = fill.system(known).factor
    right = rng.standard_normal((factor.shape[0], 3))
    t = side_by_side(
        {"ours": lambda: fill.back_match(reconstruction, mesh, known), "floor": lambda: factor.solve(right)},
        4 * repeats,
    )
    row = Row(count, "back match, known mask", slow, t["ours"], t["floor"], row.difference,
              "at most 1.5 x the two triangular solves", None)  # fmt: skip
    yield judge(row, row.above_floor <= 1.5)

    scan = Mesh(mesh, triangles)

    def together():
        return model.reconstruct_mesh(scan, unknown_vertex_mask=unknown, back_match_known_vertices=True)

    def plainly():
        latent = plain.pca_partial_encode(components, mean, mesh, known)
        return plain.back_match(neighbours, plain.pca_decode(components, mean, latent), mesh, known)

    difference = largest(together().vertices, plainly())
    yield Row(count, "reconstruct + back match, known mask", cpu_ms(plainly, 1), cpu_ms(together, repeats), np.nan,
              difference, "", None)  # fmt: skip


def ae_rows(points, triangles, hidden, batch: int, repeats: int) -> Iterator[Row]:
    model = ae_model(points, triangles, hidden)
    count, width = len(points), len(model.latent)
    rng = np.random.default_rng(4)
    latents = rng.standard_normal((batch, width), dtype=np.float32)
    meshes = points + rng.standard_normal((batch, count, 3), dtype=np.float32)
    (encoder,), decoder = model.encoders.values(), model.decoder
    for name, net, slow, fast, single in (
        ("decode", decoder, lambda i: plain.ae_decode(model, latents[i]), lambda: model.decode(latents),
         lambda: model.decode(latents[0])),
        ("encode", encoder, lambda i: plain.ae_encode(model, meshes[i]), lambda: model.encode(meshes, check=False),
         lambda: model.encode(meshes[0], check=False)),
    ):  # fmt: skip
        widest = net.weights[-1] if name == "decode" else net.weights[0]
        t = side_by_side({"plain": lambda slow=slow: slow(0), "ours": single}, repeats)
        row = Row(count, f"autoencoder {name} 1", t["plain"], t["ours"], read_ms(widest, repeats),
                  largest(single(), slow(0)), "at most 1.4 x floor", None)  # fmt: skip
        yield judge(row, row.above_floor <= 1.4)
        inputs = (np.zeros((batch, w.shape[1]), np.float32) for w in net.weights)
        product = sum(product_ms(x, w.T, repeats) for x, w in zip(inputs, net.weights, strict=True))
        difference = max(largest(fast()[i], slow(i)) for i in range(min(3, batch)))
        row = Row(count, f"autoencoder {name} {batch}", loop_ms(slow, batch, repeats), cpu_ms(fast, repeats), product,
                  difference, "at least 75 % of sgemm", None)  # fmt: skip
        yield judge(row, row.floor / row.ours >= 0.75)
    unknown = points[:, 1] >= np.quantile(points[:, 1], 0.7)
    shape = np.asarray(model.decode(latents[0]), np.float32)
    start = time.process_time()
    model.encode(shape, unknown_vertex_mask=unknown, check=False)
    new = (time.process_time() - start) * 1e3
    again = cpu_ms(lambda: model.encode(shape, unknown_vertex_mask=unknown, check=False), min(repeats, 3))
    yield Row(count, "autoencoder masked fit, first of a model", np.nan, new, np.nan, np.nan, "", None)
    yield Row(count, "autoencoder masked fit, known mask", np.nan, again, np.nan, np.nan, "", None)


def disentangled_rows(points, triangles, hidden, repeats: int) -> Iterator[Row]:
    model = ae_model(points, triangles, hidden, {"identity": 32, "expression": 64, "age": 1})
    rng = np.random.default_rng(5)
    source, target = (points + rng.standard_normal(points.shape, dtype=np.float32) for _ in range(2))
    a, b = Mesh(source, triangles), Mesh(target, triangles)
    t = side_by_side(
        {
            "plain": lambda: plain.transfer_expression(model, source, target),
            "ours": lambda: model.transfer_expression(a, b),
        },
        repeats,
    )
    encoders = sum(read_ms(net.weights[0], repeats) for net in model.encoders.values())
    floor = encoders + read_ms(model.decoder.weights[-1], repeats)
    difference = largest(model.transfer_expression(a, b).vertices, plain.transfer_expression(model, source, target))
    row = Row(len(points), "transfer_expression 1", t["plain"], t["ours"], floor, difference, "12 x plain", None)
    yield judge(row, row.ratio >= 12)


def adjacency_row(count: int, triangles, repeats: int) -> Row:
    expected = plain.adjacency_lists(count, triangles)
    found = adjacency(triangles, count)
    wrong = sum(set(found.indices[found.indptr[i] : found.indptr[i + 1]]) != expected[i] for i in range(count))
    slow = cpu_ms(lambda: plain.adjacency_lists(count, triangles), min(repeats, 3))
    fast = cpu_ms(lambda: adjacency(triangles, count), repeats)
    row = Row(count, "adjacency", slow, fast, np.nan, float(wrong), "30 x plain", None)
    return judge(row, row.ratio >= 30)


_OPEN_AND_DECODE = """
import sys
import inface
model = inface.load_model(sys.argv[1])
model.decode(model.latent_mean)
with open("/proc/self/status") as status:  # getrusage would count the memory of the process that started this one
    print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
"""


def large_file(points, triangles, hidden, folder: Path) -> dict:
    """Peak memory of a fresh process that opens a disentangled file and decodes one latent."""
    path = folder / "disentangled.h5"
    ae_model(points, triangles, hidden, {"identity": 32, "expression": 64, "age": 1}).save(path)
    code = [sys.executable, "-c", _OPEN_AND_DECODE, str(path)]
    peak = int(subprocess.run(code, check=True, capture_output=True, text=True).stdout) * 1024
    size = path.stat().st_size
    path.unlink()
    return {"file_bytes": size, "peak_bytes": peak, "peak_over_file": peak / size, "target": 0.8,
            "reached": peak < 0.8 * size}  # fmt: skip


def import_seconds(repeats: int) -> dict:
    """Time of `import inface` beyond `import numpy`, in fresh processes (CPU seconds, medians)."""

    def seconds(code: str) -> float:
        times = []
        for _ in range(repeats):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "-c", code], check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        return float(np.median(times))

    beyond = seconds("import numpy, inface") - seconds("import numpy")
    return {"seconds_beyond_numpy": beyond, "target": 0.3, "reached": beyond < 0.3}


def measure(sizes, *, k, hidden, batch, repeats, folder: Path, judged: bool) -> dict:
    """All rows and the two single figures."""
    rows: list[Row] = []
    rate = sgemm_rate()
    for size in sizes:
        points, triangles = sphere(size)
        for group in (
            [adjacency_row(size, triangles, repeats)],
            pca_rows(points, triangles, k, batch, repeats, rate),
            ae_rows(points, triangles, hidden, batch, repeats),
            disentangled_rows(points, triangles, hidden, repeats),
        ):
            for row in group:
                row.reached = row.reached if judged else None
                rows.append(row)
                print(line(row), flush=True)
    return {
        "machine": {"processor": platform.machine(), "python": platform.python_version(), "numpy": np.__version__},
        "sgemm_gflops": rate / 1e6,
        "rows": [{**asdict(r), "ratio": r.ratio, "above_floor": r.above_floor} for r in rows],
        "large_file": large_file(points, triangles, hidden, folder),
        "import": import_seconds(min(repeats, 5)),
    }


HEADER = (
    "| V | operation | plain, ms | ours, ms | plain / ours | floor, ms | ours / floor | largest difference | target "
    "| reached |\n|---|---|---|---|---|---|---|---|---|---|"
)


def line(row: Row) -> str:
    def number(value: float, form: str) -> str:
        return "" if np.isnan(value) else format(value, form)

    reached = {True: "yes", False: "NO", None: ""}[row.reached]
    return (
        f"| {row.vertices} | {row.operation} | {number(row.plain, '.4g')} | {number(row.ours, '.3g')} "
        f"| {number(row.ratio, '.3g')} | {number(row.floor, '.3g')} | {number(row.above_floor, '.2f')} "
        f"| {number(row.difference, '.1e')} | {row.target} | {reached} |"
    )


def table(result: dict) -> str:
    fields = Row.__dataclass_fields__
    rows = [Row(**{name: r[name] for name in fields}) for r in result["rows"]]
    file, light = result["large_file"], result["import"]
    return "\n".join(
        [
            "Made by `OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/core.py`: CPU milliseconds, medians, "
            f"one BLAS thread; sgemm in the same run {result['sgemm_gflops']:.0f} GFLOP/s.",
            "",
            HEADER,
            *map(line, rows),
            "",
            f"Disentangled file of {file['file_bytes'] / 1e9:.2f} GB opened and decoded: peak memory "
            f"{file['peak_over_file']:.2f} x its size (target under 0.8: {'yes' if file['reached'] else 'NO'}).",
            "",
            f"`import inface`: {light['seconds_beyond_numpy']:.3f} CPU seconds beyond numpy "
            f"(target under 0.3: {'yes' if light['reached'] else 'NO'}).",
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="tiny models: only shows that everything still runs")
    parser.add_argument("--sizes", type=int, nargs="+", help="numbers of vertices (20000 50000)")
    parser.add_argument("--out", type=Path, default=HERE, help="folder for core.json and core.md")
    options = parser.parse_args()
    if not options.quick and {os.environ.get(name) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")} != {"1"}:
        # two threads on a loaded machine spin, which inflates CPU time up to 30 times
        parser.error("set OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 before the command")
    sizes = options.sizes or ([400] if options.quick else [20000, 50000])
    shape = {"k": 12, "hidden": (24, 16), "batch": 8, "repeats": 2} if options.quick else {
        "k": 200, "hidden": (512, 256), "batch": 256, "repeats": 7}  # fmt: skip
    print(HEADER)
    with tempfile.TemporaryDirectory() as folder:
        result = measure(sizes, folder=Path(folder), judged=not options.quick, **shape)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "core.json").write_text(json.dumps(result, indent=1) + "\n")
    (options.out / "core.md").write_text(table(result))
    print(table(result).split("\n\n", 2)[2])


if __name__ == "__main__":
    main()
