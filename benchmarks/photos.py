"""How good fits to photographs are: unseen synthetic children, and adult heads of another model, before known cameras.

    python benchmarks/photos.py synthetic --heads 30 --seed 9000        # second setting of the generator
    python benchmarks/photos.py synthetic --heads 30 --seed 9000 --usual
    python benchmarks/photos.py ict --heads 20 --seed 9000              # needs the data named in docs/photos.md

Prints a row for each arrangement of photographs: mean error over the face after a similarity (shape) and a rigid motion
(metric), how often the 90 % intervals hold, the curve of coverage, CPU seconds; with the mean of the age as baseline.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
from photo_trials import IBUG, SIZE, errors, random_camera, seen_landmarks
from scipy.stats import norm

import inface
from inface.measurement import landmark_distances
from inface.photos.age_prior import age_prior_of
from inface.photos.contour import jaw_strips
from inface.photos.lengths import lengths_of
from inface.photos.solve import length_row
from inface.transforms import procrustes

DISTANCES = ("en-en", "al-al", "ch-ch", "n-sn", "n-gn", "zy-zy", "ft-ft", "sn-prn")
LEVELS = (0.5, 0.8, 0.9, 0.95)
ROWS = (([0], False), ([30], False), ([-40, 0, 40], False), ([-60, -30, 0, 30, 60], False), ([-40, 0, 40], True))
ICT_PAIRS = (
    (39, 42),
    (36, 45),
    (31, 35),
    (48, 54),
    (27, 33),
    (36, 39),
    (33, 51),
    (27, 30),
    (30, 33),
    (17, 26),
    (36, 48),
)


def synthetic(heads: int, seed: int, usual: bool) -> None:
    from inface.synthetic import SECOND_SETTING, cohort

    model = inface.load_default_model("pca")
    children = cohort(heads, 1, seed, variation=None if usual else SECOND_SETTING)
    face, strips, prior = model.template.regions["face"], jaw_strips(model), age_prior_of(model)
    print("photos | ex-ex known | shape (p90) | metric | held of 50, 80, 90, 95 % | ok | CPU s")
    for yaws, ruled in ROWS:
        off, z, seconds, fine = [], [], [], []
        for i, shape in enumerate(children.shapes):
            rng, truth = np.random.default_rng([seed, i, len(yaws)]), shape.astype(float)
            photos = [
                inface.Photo(SIZE, seen_landmarks(rng, truth, random_camera(rng, truth, yaw), model, strips, 2.0))
                for yaw in yaws
            ]
            true = landmark_distances(truth, model.template.landmarks, (*DISTANCES, "ex-ex"))
            known = {"ex_l-ex_r": float(true["ex-ex"])} if ruled else None
            began = time.process_time()
            fit = inface.fit_photos(photos, model, float(children.age_months[i]), known, noise_px=2.0)
            seconds.append(time.process_time() - began)
            off.append(errors(fit.mesh.vertices, truth, face))
            found = fit.measures()
            z += [(found[d].value - float(true[d])) / found[d].std for d in DISTANCES]
            fine.append(fit.verdict == "ok")
        _row(f"{yaws}", ruled, np.array(off), np.array(z), np.mean(fine), np.median(seconds))
    mean = [
        errors(model.decode(prior.mean(m) * model.latent_std).astype(float), s.astype(float), face)
        for m, s in zip(children.age_months, children.shapes, strict=True)
    ]
    print(f"mean of the age: shape {np.mean(mean, 0)[0]:.2f}, metric {np.mean(mean, 0)[1]:.2f} mm")


def ict(heads: int, seed: int) -> None:
    place = Path(os.environ.get("INFACE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
    data = np.load(place / "ict_face_light.npz")
    model = inface.load_default_model("pca")
    marks = model.template.landmarks
    print("photos | error of 51 landmarks after a similarity | held of 50, 80, 90, 95 % | not ok | CPU s")
    for yaws in ([0], [30], [-40, 0, 40]):
        off, z, seconds, fine = [], [], [], []
        for i in range(heads):
            rng = np.random.default_rng([seed, i])
            head = data["mean"] + np.tensordot(rng.standard_normal(100), data["identity"], 1)
            truth = head[data["landmarks68"]].astype(float)
            truth = truth - truth[:36].mean(0) + [0, 0, 40]
            photos = []
            for yaw in yaws:
                pixels = random_camera(rng, truth, yaw).project(truth)
                pixels = pixels + 2.0 * rng.standard_normal((68, 2))
                photos.append(inface.Photo(SIZE, dict(zip(IBUG, pixels, strict=True))))
            ruler = float(np.linalg.norm(truth[36] - truth[45]))
            began = time.process_time()
            fit = inface.fit_photos(photos, model, known={"ibug_36-ibug_45": ruler}, noise_px=2.0)
            seconds.append(time.process_time() - began)
            places = fit.mesh.vertices[[marks[n] for n in IBUG[17:]]]
            moved = procrustes(places, truth[17:], scale=True).apply(places)
            off.append((float(np.linalg.norm(moved - truth[17:], axis=1).mean()), np.nan))
            for a, b in ICT_PAIRS:
                (length,) = lengths_of({f"{IBUG[a]}-{IBUG[b]}": 1.0}, model.template, 1.0)
                value, row = length_row(fit.problem, fit.state, length)
                z.append((value - np.linalg.norm(truth[a] - truth[b])) / np.sqrt(row @ fit.spread @ row))
            fine.append(fit.verdict != "ok")
        _row(f"{yaws}", True, np.array(off), np.array(z), np.mean(fine), np.median(seconds))


def _row(name, ruled, off, z, fine, seconds) -> None:
    held = " ".join(f"{(np.abs(z) < norm.ppf((1 + level) / 2)).mean():.2f}" for level in LEVELS)
    print(f"{name} | {'yes' if ruled else 'no'} | {off[:, 0].mean():.2f} ({np.quantile(off[:, 0], 0.9):.2f}) | "
          f"{off[:, 1].mean():.2f} | {held} | {fine:.2f} | {seconds:.2f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("synthetic", "ict"))
    parser.add_argument("--heads", type=int, default=30)
    parser.add_argument("--seed", type=int, default=9000)
    parser.add_argument("--usual", action="store_true", help="the generator's usual setting")
    chosen = parser.parse_args()
    if chosen.what == "synthetic":
        synthetic(chosen.heads, chosen.seed, chosen.usual)
    else:
        ict(chosen.heads, chosen.seed)
