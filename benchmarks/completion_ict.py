"""Real input: complete faces of which a blob over nose and mouth is hidden.

    INFACE_SHARED_DATA=<folder> python benchmarks/completion_ict.py

200 faces are drawn from the ICT-FaceKit Light model (adults; identity modes N(0, 1), each expression with a weight in
[0, 1] in one face of ten), a PCA model is fitted to them exactly and saved in the INFACE reference's layout, and 30
other faces, of which 30 % of the vertices round nose and mouth are hidden, are completed with harmonic back matching.
Reported is the distance in mm over the hidden part: of the mean face, of plain least squares, and of the posterior mean
with several noise levels: that of the fit itself, fixed ones, and one chosen on 30 further faces. Writes
`completion_ict.json` and `completion_ict.md` beside this file.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path

import numpy as np

from inface.codecs import write_model
from inface.mesh import Mesh
from inface.models import PCAMorphableModel
from inface.population import Population
from inface.template import Template
from inface.training.pca import fit_pca

HERE = Path(__file__).parent
DATA = Path(os.environ.get("INFACE_SHARED_DATA", HERE.parents[1] / "shared" / "data"))
HIDDEN_SHARE = 0.3
LEVELS = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0)  # noise levels to choose from, mm


def draw_faces(data, count: int, seed: int) -> np.ndarray:
    """`(count, V, 3)` float32 faces, mm: random identities with a few random expressions each."""
    rng = np.random.default_rng(seed)
    identity = rng.normal(size=(count, len(data["identity"]))).astype(np.float32)
    expression = rng.random((count, len(data["expression"]))) * (rng.random((count, len(data["expression"]))) < 0.1)
    faces = data["mean"] + np.tensordot(identity, data["identity"], 1)
    return (faces + np.tensordot(expression.astype(np.float32), data["expression"], 1)).astype(np.float32)


def nose_and_mouth(data) -> np.ndarray:
    """`(V,)` the 30 % of the vertices nearest to a point between nose and mouth (iBUG landmarks 33, 51, 57)."""
    mean = data["mean"]
    centre = mean[data["landmarks68"][[33, 51, 57]]].mean(0)
    distance = np.linalg.norm(mean - centre, axis=1)
    return distance <= np.quantile(distance, HIDDEN_SHARE)


def fitted_model(data, folder: Path, *, faces: int, components: int | float) -> PCAMorphableModel:
    """The model of random faces, by way of a file in the reference's layout (four arrays, nothing of ours)."""
    template = Template(Mesh(data["mean"], data["triangles"]))
    made = fit_pca(Population(template, draw_faces(data, faces, seed=1)), components)
    tree = {name: getattr(made, name) for name in ("components", "eigenvalues", "mean_vertices", "triangles")}
    write_model(folder / "ict_pca.h5", tree, {})
    return PCAMorphableModel(folder / "ict_pca.h5").with_extras(noise_std=made.noise_std)


def complete(model: PCAMorphableModel, faces: np.ndarray, hidden: np.ndarray, noise_std: float) -> dict:
    """Mean distance `(faces,)` over the hidden part, mm, and how often the truth lies within one standard deviation."""
    errors, inside = [], []
    for face in faces.astype(np.float64):
        scan = Mesh(np.where(hidden[:, None], np.nan, face), model.triangles)
        record = model.reconstruct(scan, hidden, back_match_known_vertices=True, noise_std=noise_std, check=False)
        distance = np.linalg.norm(record.mesh.vertices - face, axis=1)
        assert not distance[~hidden].any(), "back matching moved a known vertex"
        errors.append(distance[hidden].mean())
        if record.vertex_std is not None:
            band = np.hypot(record.vertex_std, noise_std)
            inside.append((np.abs(model.decode(record.latent) - face) <= band)[hidden].mean())
    return {"errors_mm": errors, "inside_one_std": float(np.mean(inside)) if inside else None}


def run(data, *, faces: int = 200, components: int | float = 0.99, tests: int = 30) -> dict:
    """All figures of one model; the noise level is chosen on `tests` further faces that are in neither set."""
    hidden = nose_and_mouth(data)
    with tempfile.TemporaryDirectory() as folder:
        model = fitted_model(data, Path(folder), faces=faces, components=components)
    held_out, validation = draw_faces(data, tests, seed=2), draw_faces(data, tests, seed=4)
    chosen = min(LEVELS, key=lambda level: np.mean(complete(model, validation, hidden, level)["errors_mm"]))
    levels = {"of the fit itself": model.noise_std, "chosen on other faces": chosen}
    levels |= {f"{level:g} mm": level for level in (0.5, 1.0, 2.0)}
    mean_face = np.linalg.norm(held_out - model.mean_vertices, axis=2)[:, hidden].mean(1)
    return {
        "faces": faces,
        "vertices": len(hidden),
        "hidden": int(hidden.sum()),
        "tests": tests,
        "modes": len(model.eigenvalues),
        "mean_face": {"errors_mm": mean_face.tolist(), "inside_one_std": None},
        "least_squares": complete(model, held_out, hidden, 0.0),
        "posterior": {
            name: complete(model, held_out, hidden, level) | {"noise_std_mm": level} for name, level in levels.items()
        },
    }


def table(result: dict) -> str:
    plain = np.array(result["least_squares"]["errors_mm"])

    def line(name: str, figures: dict) -> str:
        errors = np.array(figures["errors_mm"])
        gain = errors - plain
        inside = "" if figures["inside_one_std"] is None else f"{100 * figures['inside_one_std']:.0f} %"
        spread = gain.std(ddof=1) / np.sqrt(len(gain))
        difference = f"{gain.mean():+.3f} ± {spread:.3f}" if gain.any() else ""
        return f"| {name} | {errors.mean():.3f} | {difference} | {inside} |"

    return "\n".join(
        [
            f"{result['modes']} modes of {result['faces']} faces; {result['hidden']} of {result['vertices']} vertices "
            f"hidden on {result['tests']} other faces.",
            "",
            "| method | mean error over the hidden part, mm | against plain least squares (paired, ± standard error) "
            "| truth within one std |",
            "|---|---|---|---|",
            line("mean face", result["mean_face"]),
            line("plain least squares", result["least_squares"]),
            *(
                line(f"posterior, noise {name}" + ("" if "mm" in name else f" ({f['noise_std_mm']:.2f} mm)"), f)
                for name, f in result["posterior"].items()
            ),
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE)
    options = parser.parse_args()
    path = DATA / "ict_face_light.npz"
    if not path.exists():
        parser.error(f"'{path}' not found; set INFACE_SHARED_DATA to the folder that holds it")
    with np.load(path) as archive:
        data = dict(archive)
    results = {"99 % of the variance": run(data, components=0.99), "100 modes": run(data, components=100)}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "completion_ict.json").write_text(json.dumps(results, indent=1) + "\n")
    text = "Made by `python benchmarks/completion_ict.py` on ICT-FaceKit Light (adults, not infants).\n"
    for name, result in results.items():
        text += f"\n## {name}\n\n{table(result)}"
    (options.out / "completion_ict.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
