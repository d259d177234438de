"""Completion of half-seen heads: error beside mirroring and the mean, and how often intervals hold.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/completion.py [--children 8] [--model pca]

Heads that the embedded model never saw, of the generator's usual and of its second setting (no model was trained on
that), are completed with a half of the face, nose and mouth, a cap of the skull or a random ball hidden, with the pose
known and unknown. Synthetic heads: the figures are not clinical ones. Writes `completion.json`, `completion.md` and
the calibration curve `../docs/images/completion_calibration.png`.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation
from scipy.special import ndtri

import inface
from inface.synthetic import SECOND_SETTING, cohort
from inface.transforms import Similarity, procrustes

HERE = Path(__file__).parent
LEVELS = np.array([0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99])
SAID = 6  # which of them stands in the table


def holes(template, rng) -> dict[str, np.ndarray]:
    """Masks of unknown vertices, from the names of the template's landmarks."""
    points = template.mesh.vertices
    at = {name: points[i] for name, i in template.landmarks.items()}
    ball = rng.integers(len(points))
    return {
        "half face": (points[:, 0] > 0) & (points[:, 2] > 10),
        "nose and mouth": np.linalg.norm(points - (at["prn"] + at["sn"]) / 2, axis=1) < 38,
        "cap": points[:, 1] > points[:, 1].max() - 45,
        "ball": np.linalg.norm(points - points[ball], axis=1) < 40,
    }


def mirrored(shape, hidden, mirror) -> np.ndarray:
    """The reflection, laid rigidly onto what is known of both sides; NaN where the other side is hidden too."""
    other = shape[mirror] * [-1, 1, 1]
    both = ~hidden & ~hidden[mirror]
    moved = procrustes(other[both], shape[both]).apply(other)
    return np.where(hidden[mirror][:, None], np.nan, moved)


def run(model, shapes, setting: str) -> list[dict]:
    template, rng, rows = model.template, np.random.default_rng(5), []
    for number, shape in enumerate(np.asarray(shapes, float)):
        motion = Similarity(Rotation.random(random_state=number).as_matrix(), rng.normal(size=3) * 40)
        for name, hidden in holes(template, rng).items():
            mirror = np.linalg.norm((mirrored(shape, hidden, template.mirror) - shape)[hidden], axis=1)
            mean = procrustes(model.mean_vertices[~hidden].astype(float), shape[~hidden]).apply(model.mean_vertices)
            for pose in ("known", "unknown"):
                came = shape if pose == "known" else motion.apply(shape)
                started = time.process_time()
                done = model.reconstruct(
                    came, hidden, back_match_known_vertices=True, align=pose == "unknown", check=False, noise_std="auto"
                )
                spent = time.process_time() - started
                off = (done.mesh.vertices - came)[hidden]
                ratio = np.abs(off) / done.vertex_std[hidden]
                rows.append(
                    {
                        "setting": setting,
                        "hole": name,
                        "pose": pose,
                        "error": float(np.linalg.norm(off, axis=1).mean()),
                        "mirror": float(np.nanmean(mirror)) if np.isfinite(mirror).any() else float("nan"),
                        "mean": float(np.linalg.norm((mean - shape)[hidden], axis=1).mean()),
                        "width": float(2 * 1.96 * done.vertex_std[hidden].mean()),
                        "holds": [float((ratio < -ndtri((1 - level) / 2)).mean()) for level in LEVELS],
                        "seconds": spent,
                    }
                )
    return rows


def table(rows: list[dict]) -> str:
    lines = [
        "| heads | hidden | pose | error, mm | mirrored, mm | mean head, mm | 95 % intervals hold | their width, mm |",
        "|---|---|---|---|---|---|---|---|",
    ]
    keys = list(dict.fromkeys((row["setting"], row["hole"], row["pose"]) for row in rows))
    for key in keys:
        mine = [row for row in rows if (row["setting"], row["hole"], row["pose"]) == key]
        mirror = np.array([row["mirror"] for row in mine])
        figures = [np.mean([row[name] for row in mine]) for name in ("error", "mean", "width")]
        held = 100 * np.mean([row["holds"][SAID] for row in mine])
        reflected = f"{np.nanmean(mirror):.2f}" if np.isfinite(mirror).any() else ""
        lines.append(
            f"| {' | '.join(key)} | {figures[0]:.2f} | {reflected} | {figures[1]:.2f} "
            f"| {held:.1f} % | {figures[2]:.2f} |"
        )
    return "\n".join(lines)


def curve(rows: list[dict], path: Path) -> None:
    """Said against held, one line a setting and pose."""
    import pyvista

    chart = pyvista.Chart2D(x_label="interval says, %", y_label="holds, %")
    chart.line([0, 100], [0, 100], color="gray", style="--", label="exact")
    colours = iter(("#1b6ca8", "#6fb1dd", "#c4512d", "#e8a58e"))
    for setting in dict.fromkeys(row["setting"] for row in rows):
        for pose in ("known", "unknown"):
            held = [row["holds"] for row in rows if row["setting"] == setting and row["pose"] == pose]
            label = f"{setting}, pose {pose}"
            chart.line(100 * LEVELS, 100 * np.mean(held, 0), color=next(colours), width=2.5, label=label)
    legend = chart.GetLegend()
    legend.SetVerticalAlignment(4)  # at the bottom, where no line runs
    plotter = pyvista.Plotter(off_screen=True, window_size=(900, 650))
    plotter.add_chart(chart)
    plotter.screenshot(path)
    plotter.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--children", type=int, default=8)
    parser.add_argument("--model", default="pca")
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--picture", type=Path, default=HERE.parent / "docs" / "images" / "completion_calibration.png")
    parser.add_argument("--redraw", action="store_true", help="only the picture, of the record that is there")
    chosen = parser.parse_args()
    if chosen.redraw:
        curve(json.loads((chosen.out / "completion.json").read_text())["rows"], chosen.picture)
        return
    model = inface.load_default_model(chosen.model)
    rows = run(model, cohort(chosen.children, 1, seed=1001).shapes, "usual setting")
    rows += run(model, cohort(chosen.children, 1, seed=1002, variation=SECOND_SETTING).shapes, "second setting")
    chosen.out.mkdir(parents=True, exist_ok=True)
    record = {"model": chosen.model, "children": chosen.children, "levels": LEVELS.tolist(), "rows": rows}
    (chosen.out / "completion.json").write_text(json.dumps(record, indent=1))
    seconds = np.median([row["seconds"] for row in rows])
    text = (
        f"{table(rows)}\n\n{chosen.children} heads of each setting, model `{chosen.model}`; {seconds:.2f} CPU s each.\n"
    )
    (chosen.out / "completion.md").write_text(text)
    print(text)
    curve(rows, chosen.picture)


if __name__ == "__main__":
    main()
