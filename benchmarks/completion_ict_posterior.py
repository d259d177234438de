"""Intervals on adult faces of another generator: draws of the ICT model, completed by a PCA model of other draws.

    INFACE_SHARED_DATA=<folder> python benchmarks/completion_ict_posterior.py

80 modes of 200 draws; the misfit is learnt on 40 others, or (`auto`) estimated from the known vertices of each face
alone; 5 further faces are completed without nose and mouth, and without the left half. Prints a table.
"""

import numpy as np
from completion_ict import DATA, draw_faces, nose_and_mouth

from inface.mesh import Mesh
from inface.population import Population
from inface.template import Template
from inface.training.misfit import with_misfit
from inface.training.pca import fit_pca

FACES = 5


def main() -> None:
    data = np.load(DATA / "ict_face_light.npz")
    template = Template(Mesh(data["mean"], data["triangles"]))
    plain = fit_pca(Population(template, draw_faces(data, 200, 1)), 80)
    models = {"learnt": with_misfit(plain, draw_faces(data, 40, 2), cautions=(1.0, 2.0)), "auto": plain}
    faces = draw_faces(data, FACES, 3).astype(float)
    print("| hidden | pose | misfit | error, mm | 95 % intervals hold | least of a face |\n|---|---|---|---|---|---|")
    for name, hidden in (("nose and mouth", nose_and_mouth(data)), ("left half", data["mean"][:, 0] > 0)):
        for align in (False, True):
            for misfit, model in models.items():
                errors, held = [], []
                for face in faces:
                    done = model.reconstruct(
                        face, hidden, back_match_known_vertices=True, noise_std="auto", align=align, check=False
                    )
                    off = (done.mesh.vertices - face)[hidden]
                    errors.append(np.linalg.norm(off, axis=1).mean())
                    held.append(100 * (np.abs(off) < 1.96 * done.vertex_std[hidden]).mean())
                pose = "unknown" if align else "known"
                figures = f"{np.mean(errors):.2f} | {np.mean(held):.1f} % | {np.min(held):.1f} %"
                print(f"| {name} | {pose} | {misfit} | {figures} |")


if __name__ == "__main__":
    main()
