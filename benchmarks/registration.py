"""How well `register` finds the true correspondence of simulated scans, beside trimesh's functions; when it says no.

    python benchmarks/registration.py scans --count 60      # accuracy of 60 scans
    python benchmarks/registration.py peers --count 2       # beside trimesh nricp_amberg and _sumner (needs rtree)
    python benchmarks/registration.py verdicts              # wrong starts, balls, boxes, halves, adults ...
    python benchmarks/registration.py real                  # the adult scan with a model of the ICT data

The scans are simulated from heads of OTHER identity kernels, ages and expressions than the model was trained on, but
by the same generator: real infants are farther from any model. One BLAS thread; CPU seconds.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import trimesh
from trimesh.registration import nricp_amberg, nricp_sumner

from inface.codecs.landmark_files import IBUG
from inface.geometry.adjacency import triangle_normals
from inface.geometry.proximity import SurfaceIndex
from inface.geometry.rotations import from_vectors
from inface.mesh import Mesh
from inface.models import PCAMorphableModel
from inface.population import Population
from inface.registration import register
from inface.registration.prior import prior_of
from inface.synthetic import UNITS, cohort, simulate_scan, template
from inface.synthetic.head import HeadMaker
from inface.synthetic.scanner import SimulatedScan
from inface.template import Template
from inface.training.pca import fit_pca
from inface.transforms import Similarity, generalised_procrustes, procrustes

SHARED = Path(os.environ.get("INFACE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
LANDMARKS = ("n", "prn", "gn", "ex_l", "ex_r", "ch_l", "ch_r")
OTHER_KERNELS = {"kernels": ((1.1, 45.0), (0.75, 22.0)), "face_kernel": (0.65, 11.0), "asymmetry": 0.2}


def trained_model(subjects: int = 350) -> PCAMorphableModel:
    """A model of the shipped generator's cohort, 99.98 % of the variance (age alone is most of it)."""
    population = cohort(subjects, 2, seed=1, plagiocephaly_share=0.3)
    aligned = generalised_procrustes(population.shapes).astype(np.float32)
    return fit_pca(Population(population.template, aligned, subject=population.subject), 0.9998)


class Strangers:
    """Heads that the model has not seen: other kernels, ages evenly to 36 months, mixed expressions of any units."""

    def __init__(self) -> None:
        self.maker = HeadMaker(template(), OTHER_KERNELS)

    def head(self, seed: int) -> Mesh:
        rng = np.random.default_rng([99, seed])
        weights = np.zeros(len(UNITS))
        if rng.random() < 0.6:
            weights[rng.choice(len(UNITS), 2, replace=False)] = rng.uniform(0.3, 0.9, 2)
        deformity = np.zeros(4)
        identity = rng.standard_normal(self.maker.identity.size)
        sex = rng.choice(["male", "female"])
        points = self.maker.shapes(identity, rng.uniform(0, 36), sex, weights, deformity)[0].astype(float)
        base = self.maker.template.mesh
        return Mesh(points, base.triangles, base.colors)

    def scan(self, seed: int) -> SimulatedScan:
        """Odd seeds bring the hard parts: a cap, shoulders, large holes, no back, metres, by turns."""
        hard: dict = {}
        if seed % 2:
            rng = np.random.default_rng([98, seed])
            hard = {"holes": float(rng.uniform(0.03, 0.08)), "islands": 6, "unit": str(rng.choice(["m", "mm"]))}
            hard["cap"], hard["shoulders"] = bool(rng.random() < 0.6), bool(rng.random() < 0.6)
            hard["views"] = str(rng.choice(["front", "no_back", "full"]))
        else:
            hard = {"cap": False, "shoulders": False}
        return simulate_scan(self.head(seed), seed, **hard)


def correspondence(mesh: Mesh, scan: SimulatedScan) -> np.ndarray:
    """Distance of each vertex from its true place, mm."""
    return np.linalg.norm(mesh.vertices - scan.truth, axis=1) / scan.pose.scale


def flipped(vertices: np.ndarray, scan: SimulatedScan, triangles: np.ndarray, among: np.ndarray) -> int:
    """Triangles between the vertices `among (V,)` that point against the true head's."""
    inside = among[triangles].all(1)
    a, b = triangle_normals(vertices, triangles[inside]), triangle_normals(scan.truth, triangles[inside])
    return int((np.einsum("ij,ij->i", a, b) < 0).sum())


def scans(model, first: int, count: int, with_landmarks: bool) -> list[dict]:
    strangers, rows = Strangers(), []
    regions = model.template.regions
    skin = np.ones(len(model.mean_vertices), bool)
    skin[regions["mouth_inside"]] = False
    face, eyes, mouth = (np.zeros_like(skin) for _ in range(3))
    face[regions["face"]], eyes[regions["eyes"]] = True, True
    mouth[np.concatenate([regions["lips"], regions["chin"]])] = True
    for seed in range(first, first + count):
        scan = strangers.scan(seed)
        given = {n: scan.truth[model.template.landmarks[n]] for n in LANDMARKS} if with_landmarks else None
        start = time.process_time()
        done = register(scan.mesh, model, given)
        cpu = time.process_time() - start
        row = {"seed": seed, "verdict": done.verdict, "cpu": cpu, "reasons": list(done.reasons), "unit": scan.unit}
        row |= {k: scan.drawn[k] for k in ("views", "cap", "shoulders")} | {
            k: float(v) for k, v in done.measures.items()
        }
        if done.mesh is not None:
            error = correspondence(done.mesh, scan)
            fit = correspondence(Mesh(done.transform.apply(done.fitted), done.mesh.triangles), scan)
            shown = scan.seen & skin
            row |= {
                "seen": error[shown].mean(), "p95": np.percentile(error[shown], 95), "face": error[shown & face].mean(),
                "mouth": error[shown & skin & mouth].mean() if (shown & skin & mouth).any() else np.nan,
                "all": error[skin].mean(), "fit_seen": fit[shown].mean(),
                "flipped_skin": flipped(done.mesh.vertices, scan, done.mesh.triangles, skin & ~eyes),
                "flipped_eye": flipped(done.mesh.vertices, scan, done.mesh.triangles, skin),  # eyeballs, their rims
                "right": bool(error[shown].mean() < 5), "unit_right": done.unit == scan.unit,
                "stages": {s.name: round(s.seconds, 2) for s in done.stages},
            }  # fmt: skip
            row["flipped_eye"] -= row["flipped_skin"]
        rows.append(row)
        print(_line(row), flush=True)
    _summary(rows)
    return rows


def peers(model, first: int, count: int) -> list[dict]:
    """Ours and trimesh's two functions (defaults, seven true landmarks, from the aligned mean) on the same scans."""
    strangers, rows = Strangers(), []
    mean = trimesh.Trimesh(model.mean_vertices, model.triangles, process=False)
    marks = np.array([model.template.landmarks[n] for n in LANDMARKS])
    for seed in range(first, first + count):
        scan = strangers.scan(seed)
        mm = scan.pose.inverse().scale
        goal = trimesh.Trimesh(scan.mesh.vertices * mm, scan.mesh.triangles, process=False)
        places = scan.truth[marks] * mm
        start = procrustes(mean.vertices[marks], places)
        source = trimesh.Trimesh(start.apply(np.asarray(mean.vertices)), mean.faces, process=False)

        def ours(scan=scan):
            given = {n: scan.truth[model.template.landmarks[n]] for n in LANDMARKS}
            return register(scan.mesh, model, given).mesh.vertices

        def amberg(source=source, goal=goal, places=places, mm=mm):
            return nricp_amberg(source, goal, source_landmarks=marks, target_positions=places) / mm

        def sumner(source=source, goal=goal, places=places, mm=mm):
            return nricp_sumner(source, goal, source_landmarks=marks, target_positions=places) / mm

        for name, run in {"inface": ours, "nricp_amberg": amberg, "nricp_sumner": sumner}.items():
            begin = time.process_time()
            vertices = run()
            cpu = time.process_time() - begin
            error = correspondence(Mesh(vertices, model.triangles), scan)
            row = {"seed": seed, "method": name, "seen": error[scan.seen].mean(), "cpu": cpu}
            row["p95"] = np.percentile(error[scan.seen], 95)
            rows.append(row)
            print(f"{seed} {name:13s} seen {row['seen']:.2f}  p95 {row['p95']:.2f}  cpu {cpu:.1f}", flush=True)
    for name in ("inface", "nricp_amberg", "nricp_sumner"):
        own = [r for r in rows if r["method"] == name]
        means = "  ".join(f"{k} {np.mean([r[k] for r in own]):.2f}" for k in ("seen", "p95", "cpu"))
        print(f"{name:13s} mean of {len(own)}: {means}")
    return rows


def ict_model(draws: int = 2000, share: float = 0.999) -> PCAMorphableModel:
    """A face model of `draws` random heads of the ICT data, expressions on now and then."""
    data = np.load(SHARED / "ict_face_light.npz")
    rng = np.random.default_rng(0)
    identity, on = rng.normal(size=(draws, 100)), rng.random((draws, 53)) < 0.08
    shapes = data["mean"] + np.tensordot(identity, data["identity"], 1)
    shapes = shapes + np.tensordot(on * rng.uniform(0, 1, (draws, 53)), data["expression"], 1)
    marks = {name: int(i) for name, i in zip(IBUG, data["landmarks68"], strict=True)}
    face = Template(Mesh(data["mean"], data["triangles"]), marks)
    return fit_pca(Population(face, shapes.astype(np.float32)), share)


def real() -> list[dict]:
    """The raw adult scan by a face model of the ICT data: with 51 landmarks, without, and with every second given."""
    raw = np.load(SHARED / "scan_menpo3d_james.npz")
    model = ict_model()
    ids = np.array([model.template.landmarks[name] for name in IBUG])
    scan, places = Mesh(raw["vertices"], raw["triangles"]), raw["landmarks68"]
    rows, found = [], []
    for name, given in (("51 landmarks", dict(zip(IBUG[17:], places[17:], strict=True))), ("no landmarks", None)):
        begin = time.process_time()
        done = register(scan, model, given)
        cpu = time.process_time() - begin
        hit = SurfaceIndex(done.mesh.vertices, done.mesh.triangles).closest(scan.vertices)
        rim = prior_of(model).border[model.triangles[hit.triangle]].any(1)
        inside = hit.distance[~rim & (hit.distance < 10)]
        off = (done.mesh.vertices[ids] - places) @ done.transform.rotation  # x to the left, y up, z forward
        same, other = symmetric_part(off)
        row = {"run": name, "verdict": done.verdict, "scan_to_surface": inside.mean(), "p95": np.percentile(inside, 95)}
        row |= {"landmarks_51": mean_length(off[17:]), "landmarks_68": mean_length(off), "cpu": cpu}
        row |= {"alike_51": mean_length(same[17:]), "unlike_51": mean_length(other[17:])}
        row |= {"alike_jaw": mean_length(same[:17]), "unlike_jaw": mean_length(other[:17])}
        row |= {name: mean_length(off[first:end]) for name, (first, end) in PARTS.items()}
        rows.append(row)
        found.append(done.mesh.vertices)
        print("  ".join(f"{k} {v:.2f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()))
    print(f"the two runs differ by {np.linalg.norm(found[0] - found[1], axis=1).mean():.2f} mm on average")
    off = np.empty(68)
    for first in (0, 1):
        told = {IBUG[k]: places[k] for k in range(first, 68, 2)}
        hidden = np.arange(1 - first, 68, 2)
        off[hidden] = np.linalg.norm(register(scan, model, told).mesh.vertices[ids] - places, axis=1)[hidden]
    print(f"every second of 68 given, the others: 17 to 67 {off[17:].mean():.2f}, all {off.mean():.2f}")
    return rows


PARTS = {"jaw": (0, 17), "brows": (17, 27), "nose": (27, 36), "eyes": (36, 48), "lips": (48, 68)}
# the landmark at the other side of the face, for each of the 68
OTHER_SIDE = np.array(
    [*range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31, 45, 44, 43, 42, 47, 46, 39, 38, 37, 36]
    + [41, 40, 54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65]
)


def symmetric_part(off: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Offsets `(68, 3)` as what is alike at both sides of the face (definition, a wrong mouth) and the rest."""
    alike = (off + off[OTHER_SIDE] * [-1, 1, 1]) / 2
    return alike, off - alike


def mean_length(vectors: np.ndarray) -> float:
    """Mean length of vectors `(n, 3)`."""
    return float(np.linalg.norm(vectors, axis=1).mean())


def _line(row: dict) -> str:
    keys = ("seen", "p95", "face", "mouth", "all", "fit_seen", "score", "explained", "face_coverage", "gap", "sigma")
    keys = (*keys, "worst_part", "flipped_skin", "flipped_eye", "cpu")
    numbers = "  ".join(f"{k} {row[k]:.2f}" for k in keys if k in row)
    clothes = " cap" * row["cap"] + " shoulders" * row["shoulders"]
    return f"{row['seed']:4d} {row['verdict']:8s} {row['views']:8s}{clothes}  {numbers}"


def _summary(rows: list[dict]) -> None:
    right = [r for r in rows if r.get("right")]
    print(f"\nright {len(right)} of {len(rows)}; unit right {sum(r.get('unit_right', False) for r in rows)}")
    if not right:
        return
    kept = np.mean([r["verdict"] != "failed" for r in right])
    print(f"of the right ones not called failed: {kept:.1%}; without a flipped skin triangle: "
          f"{sum(r['flipped_skin'] == 0 for r in right)}")  # fmt: skip
    for odd, name in enumerate(("plain", "hard")):
        those = [r for r in right if r["seed"] % 2 == odd]
        means = "  ".join(f"{k} {np.mean([r[k] for r in those] or np.nan):.2f}" for k in ("seen", "p95", "face", "all"))
        print(f"  {len(those)} {name}: {means}")
    for key in ("seen", "p95", "face", "all", "fit_seen", "flipped_skin", "flipped_eye", "cpu"):
        values = np.array([r[key] for r in right])
        print(f"  {key:12s} mean {values.mean():.3f}  median {np.median(values):.3f}  worst {values.max():.3f}")


def part(mesh: Mesh, keep: np.ndarray) -> Mesh:
    """The triangles between kept vertices."""
    return Mesh(mesh.vertices, mesh.triangles[keep[mesh.triangles].all(1)])


def verdict_cases(strangers: Strangers, first: int):
    """(kind, mesh, options, allowed verdicts, scan or None): what must never be ok, and what must not be failed."""
    rng = np.random.default_rng([97, first])
    never = ("failed", "partial")
    for k in range(20):
        scan = strangers.scan(first + k % 5)
        axis = rng.normal(size=3)
        turn = Similarity(_turn(axis, rng.uniform(45, 180)), rng.normal(0, 8, 3))
        yield "wrong start", scan.mesh, {"start": scan.pose.compose(turn)}, never, None
    for radius in rng.uniform(60, 100, 4):
        ball = trimesh.creation.icosphere(subdivisions=5, radius=radius)
        yield "ball", Mesh(ball.vertices, ball.faces), {}, never, None
        squeezed = ball.vertices * rng.uniform(0.75, 1.1, 3)
        yield "egg", Mesh(squeezed, ball.faces), {}, never, None
    for _ in range(2):
        box = trimesh.creation.box(rng.uniform(110, 200, 3)).subdivide_to_size(6)
        yield "box", Mesh(box.vertices, box.faces), {}, never, None
    can = trimesh.creation.capsule(height=90, radius=60)
    yield "capsule", Mesh(can.vertices, can.faces), {}, never, None
    noise = rng.normal(0, 60, (20000, 3))
    yield "cloud of noise", Mesh(noise, []), {}, never, None
    yield "soup of noise", Mesh(noise, rng.integers(0, len(noise), (30000, 3))), {}, never, None
    yield "empty", Mesh([], []), {}, ("failed",), None
    yield "ten vertices", Mesh(noise[:10], [[0, 1, 2], [2, 3, 4], [5, 6, 7]]), {}, ("failed",), None
    adults = SHARED / "ict_head_light_f16.npz"
    if adults.exists():
        data = np.load(adults)
        for k in range(6):
            weights = rng.normal(size=40)
            points = data["mean"] + np.tensordot(weights, data["identity"][:40].astype(float), 1)
            bust = simulate_scan(Mesh(points, data["triangles"]), first + k, cap=False, collar=False)
            yield "adult head", bust.mesh, {}, never, None
        james = np.load(SHARED / "scan_menpo3d_james.npz")
        yield "adult face", Mesh(james["vertices"], james["triangles"]), {}, never, None
    for k in range(4):
        scan = strangers.scan(first + 20 + 2 * k)
        own = scan.pose.inverse().apply(scan.mesh.vertices)
        flip = np.array([-1.0, 1, 1])
        yield "left half", part(scan.mesh, own[:, 0] > 0), {}, ("partial",), scan
        yield "back alone", part(scan.mesh, own[:, 2] < -5), {}, never, None
        yield "mirrored", Mesh(scan.mesh.vertices * flip, scan.mesh.triangles[:, ::-1]), {}, ("ok",), None
        yield "inside out", Mesh(scan.mesh.vertices, scan.mesh.triangles[:, ::-1]), {}, ("ok",), scan
    dense = simulate_scan(strangers.head(first + 30), first, vertices=100000, views="full", cap=False, collar=False)
    for _ in range(2):
        finer = trimesh.Trimesh(dense.mesh.vertices, dense.mesh.triangles, process=False).subdivide()
        dense = SimulatedScan(Mesh(finer.vertices, finer.faces), dense.truth, dense.seen, dense.pose, dense.unit)
    yield "a million vertices", dense.mesh, {}, ("ok",), dense


def _turn(axis: np.ndarray, degrees: float) -> np.ndarray:
    return from_vectors(axis / np.linalg.norm(axis) * np.radians(degrees))


def verdicts(model, first: int) -> list[dict]:
    strangers, rows = Strangers(), []
    for kind, mesh, options, allowed, scan in verdict_cases(strangers, first):
        start = time.process_time()
        done = register(mesh, model, **options)
        row = {"kind": kind, "verdict": done.verdict, "good": done.verdict in allowed, "reasons": list(done.reasons)}
        row |= {k: float(v) for k, v in done.measures.items()} | {"cpu": time.process_time() - start}
        if scan is not None and done.mesh is not None:
            row["seen"] = float(correspondence(done.mesh, scan)[scan.seen].mean())
        if kind == "inside out":
            row["good"] &= any("inside out" in note for note in done.notes)
        rows.append(row)
        keys = (
            "score",
            "explained",
            "coverage",
            "face_coverage",
            "gap",
            "sigma",
            "mahalanobis",
            "largest",
            "seen",
            "cpu",
        )
        numbers = "  ".join(f"{k} {row[k]:.2f}" for k in keys if k in row)
        print(f"{'   ' if row['good'] else 'BAD'} {kind:18s} {row['verdict']:8s} {numbers}", flush=True)
    for kind in dict.fromkeys(r["kind"] for r in rows):
        those = [r for r in rows if r["kind"] == kind]
        said = {v: sum(r["verdict"] == v for r in those) for v in ("ok", "partial", "failed")}
        print(f"| {kind} | {len(those)} | {' | '.join(map(str, said.values()))} | {sum(r['good'] for r in those)} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["scans", "peers", "verdicts", "real"])
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument(
        "--first", type=int, default=100, help="seed of the first scan; 0 to 59 were used to set limits"
    )
    parser.add_argument("--landmarks", action="store_true", help="give seven landmarks")
    parser.add_argument("--model", type=Path, help="keep the trained model here and use it again")
    parser.add_argument("--json", type=Path, help="write the rows here")
    given = parser.parse_args()
    if given.what == "real":
        real()
        return
    if given.model and given.model.exists():
        model = PCAMorphableModel(given.model)
    else:
        model = trained_model()
        if given.model:
            model.save(given.model)
    print(model)
    if given.what == "scans":
        rows = scans(model, given.first, given.count, given.landmarks)
    elif given.what == "peers":
        rows = peers(model, given.first, given.count)
    else:
        rows = verdicts(model, given.first)
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1, default=float))


if __name__ == "__main__":
    sys.exit(main())
