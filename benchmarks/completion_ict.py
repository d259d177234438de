"""Real input: complete faces of which a blob over nose and mouth is hidden.

    INFACE_SHARED_DATA=<folder> python benchmarks/completion_ict.py

200 faces are drawn from the ICT-FaceKit Light model (adults; identity modes N(0, 1), expression weights of about a
tenth of the shapes at a time), a PCA model is fitted to them exactly and saved in the INFACE reference's layout, and 30
other faces, of which 30 % of the vertices round nose and mouth are hidden, are completed with back matching. Reported is
the distance in mm over the hidden part, of the mean face, of plain least squares, and of the posterior mean with noise
levels that the fit itself gives. Writes `completion_ict.json` and `completion_ict.md` beside this file.
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


def fitted_model(data, folder: Path, *, faces: int = 200, components: int = 150) -> PCAMorphableModel:
    """The model of random faces, by way of a file in the reference's layout (four arrays, nothing of ours)."""
    template = Template(Mesh(data["mean"], data["triangles"]))
    made = fit_pca(Population(template, draw_faces(data, faces, seed=1)), components)
    tree = {name: getattr(made, name) for name in ("components", "eigenvalues", "mean_vertices", "triangles")}
    write_model(folder / "ict_pca.h5", tree, {})
    return PCAMorphableModel(folder / "ict_pca.h5").with_extras(noise_std=made.noise_std)


def complete(model: PCAMorphableModel, faces: np.ndarray, hidden: np.ndarray, noise_std: float) -> dict:
    """Errors `(faces,)` over the hidden part, mm, and how often the truth lies within one standard deviation."""
    errors, rigid, inside = [], [], []
    for face in faces.astype(np.float64):
        scan = Mesh(np.where(hidden[:, None], np.nan, face), model.triangles)
        record = model.reconstruct(scan, hidden, back_match_known_vertices=True, noise_std=noise_std, check=False)
        distance = np.linalg.norm(record.mesh.vertices - face, axis=1)
        assert not distance[~hidden].any(), "back matching moved a known vertex"
        errors.append(distance[hidden].mean())
        rigid.append(distance[hidden].max())
        if record.vertex_std is not None:
            band = np.hypot(record.vertex_std, noise_std)
            shape = model.decode(record.latent)
            inside.append((np.abs(shape - face) <= band)[hidden].mean())
    return {
        "mean_mm": float(np.mean(errors)),
        "standard_error_mm": float(np.std(errors) / np.sqrt(len(errors) - 1)),
        "worst_vertex_mm": float(np.max(rigid)),
        "inside_one_std": float(np.mean(inside)) if inside else None,
    }


def run(data, *, faces: int = 200, components: int = 150, tests: int = 30, extra_noise: float = 0.0) -> dict:
    """All figures. `extra_noise` mm of scanner noise is put on the known vertices' coordinates."""
    hidden = nose_and_mouth(data)
    with tempfile.TemporaryDirectory() as folder:
        model = fitted_model(data, Path(folder), faces=faces, components=components)
    others = draw_faces(data, tests, seed=2)
    if extra_noise:
        others += np.random.default_rng(3).normal(size=others.shape).astype(np.float32) * np.float32(extra_noise)
    noise = float(np.hypot(model.noise_std, extra_noise))
    levels = {"the fit's own": noise, "0.5 mm": 0.5, "1 mm": 1.0, "2 mm": 2.0}
    mean_face = np.linalg.norm(others - model.mean_vertices, axis=2)[:, hidden].mean(1)
    return {
        "vertices": len(hidden),
        "hidden": int(hidden.sum()),
        "modes": len(model.eigenvalues),
        "own_noise_std_mm": noise,
        "mean_face_mm": float(mean_face.mean()),
        "least_squares": complete(model, others, hidden, 0.0),
        "posterior": {name: complete(model, others, hidden, level) for name, level in levels.items()},
    }


def table(result: dict) -> str:
    def line(name: str, figures: dict) -> str:
        inside = "" if figures["inside_one_std"] is None else f"{100 * figures['inside_one_std']:.0f} %"
        return (
            f"| {name} | {figures['mean_mm']:.3f} ± {figures['standard_error_mm']:.3f} "
            f"| {figures['worst_vertex_mm']:.1f} | {inside} |"
        )

    return "\n".join(
        [
            f"{result['modes']} modes of 200 faces, {result['hidden']} of {result['vertices']} vertices hidden, 30 other "
            "faces, back matched (harmonic); ± is the standard error of the mean.",
            "",
            "| method | mean error over the hidden part, mm | worst vertex, mm | truth within one std |",
            "|---|---|---|---|",
            f"| mean face | {result['mean_face_mm']:.3f} | | |",
            line("plain least squares", result["least_squares"]),
            *(
                line(f"posterior, noise {name}" + (f" ({result['own_noise_std_mm']:.2f} mm)" if "own" in name else ""), f)
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
    results = {"clean": run(data), "noisy": run(data, extra_noise=0.5)}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "completion_ict.json").write_text(json.dumps(results, indent=1) + "\n")
    text = "Made by `python benchmarks/completion_ict.py` on ICT-FaceKit Light (adults, not infants).\n\n"
    text += "## Clean faces\n\n" + table(results["clean"])
    text += "\n## Faces with 0.5 mm of noise on each coordinate\n\n" + table(results["noisy"])
    (options.out / "completion_ict.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
