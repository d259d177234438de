"""Figures of training: errors against the truth, three seeds, variants, baselines, real faces, and costs.

    OMP_NUM_THREADS=1 python benchmarks/training.py cohort   # errors on held-out synthetic children (about 15 minutes)
    OMP_NUM_THREADS=1 python benchmarks/training.py permutation   # the same with the children's names shuffled
    OMP_NUM_THREADS=1 python benchmarks/training.py floor    # what 32 identity codes cannot represent
    OMP_NUM_THREADS=1 python benchmarks/training.py real     # ICT faces, from INFACE_SHARED_DATA
    OMP_NUM_THREADS=1 python benchmarks/training.py cost     # epoch in the span, PCA against scikit-learn

Each prints a table and writes `benchmarks/training_<part>.json`. Times are CPU seconds of one process.
"""

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from inface.evaluation import edit_errors, network_r2, retrieval, ridge_r2, synthetic_truth
from inface.mesh import Mesh
from inface.population import Population
from inface.synthetic import shapes_for, template
from inface.synthetic.cohort import CohortPlan, draw_factors
from inface.template import Template
from inface.training.autoencoder import fit_autoencoder
from inface.training.editors import SpanEditor, TwoFactorEditor
from inface.training.embedded import SCANS, SEED, SUBJECTS, TEST_SHARE, training_cohort
from inface.training.linear import BLOCKS, linear_start
from inface.training.pca import principal_components
from inface.training.settings import LossWeights, Settings
from inface.training.span import finish, project

HERE = Path(__file__).parent
SHUFFLED = {
    "network, subjects as they are": {"steps": 1000},
    "network, subjects shuffled (the figures must collapse)": {"steps": 1000, "shuffled": True},
}
VARIANTS = {
    "network, seed 0 (shipped)": {},
    "network, seed 1": {"seed": 1},
    "network, seed 2": {"seed": 2},
    "neutral scans not marked": {"unmarked": True},
    "no losses of edits (detail, pair)": {"detail": 0.0, "pair": 0.0},
    "expression codes held together ten times as much": {"consistent": 2.0, "reconstruct": 1.0},
    "1,500 children": {"children": 1500},
    "linear networks, re-projected": {"linear": True},
    "reconstruction and age only": {"consistent": 0.0, "twin": 0.0, "swap": 0.0, "detail": 0.0, "pair": 0.0},
}


def _truths(truth):
    """The truth asked for again is not made again: the same questions are put to every model."""
    kept = {}

    def remembered(identity_of, expression_of, months):
        key = (identity_of.tobytes(), None if expression_of is None else expression_of.tobytes(), months.tobytes())
        if key not in kept:
            kept[key] = truth(identity_of, expression_of, months)
        return kept[key]

    return remembered


def figures(editor, codes, train, test, truth, face) -> dict:
    """The issue's figures of one model; `codes` are its codes of the training scans."""
    out: dict = {}
    for e in edit_errors(editor, test, truth, face):
        for part in ("plain", "detail", "nothing", "represent", "leak"):
            values = getattr(e, part)
            if values:
                out[f"{e.name} {part}"] = [round(float(values[r].mean()), 3) for r in ("head", "face")]
    judged = editor.encode(test.shapes)
    identity, expression = editor.blocks["identity"], editor.blocks["expression"]
    weights = [p.factors["expression_weights"] for p in (train, test)] if train.factors else None
    pick = np.random.default_rng(0).permutation(len(train))[:3000]
    if train.age_months is not None:
        logs = [np.log(p.age_months + 2) for p in (train, test)]
        for name, block in editor.blocks.items():
            out[f"age R2 {name}"] = [
                round(ridge_r2(codes[:, block], logs[0], judged[:, block], logs[1]), 3),
                round(network_r2(codes[pick][:, block], logs[0][pick], judged[:, block], logs[1]), 3),
            ]
    if weights is not None:
        for name, block in (("identity", identity), ("expression", expression)):
            out[f"expression R2 {name}"] = [
                round(ridge_r2(codes[:, block], weights[0], judged[:, block], weights[1]), 3),
                round(network_r2(codes[pick][:, block], weights[0][pick], judged[:, block], weights[1]), 3),
            ]
    for name, block in (("identity", identity), ("expression", expression)):
        few = np.isin(test.subject, np.unique(test.subject)[:80])  # a gallery of 80 children
        out[f"rank-1 {name}"] = round(retrieval(judged[few][:, block], test.subject[few]), 3)
    return out


def _write(part: str, result: dict) -> None:
    (HERE / f"training_{part}.json").write_text(json.dumps(result, indent=1))


def _say(name: str, row: dict) -> None:
    print(f"\n{name}")
    print("  " + "; ".join(f"{key} {value}" for key, value in row.items()), flush=True)


def _settings(change: dict) -> Settings:
    """The recipe with some entries changed, its own or those of its losses."""
    losses = {name: change[name] for name in change if name in LossWeights.__dataclass_fields__}
    own = {name: value for name, value in change.items() if name not in losses}
    return replace(Settings(), weights=replace(LossWeights(), **losses), **own)


def run_all(part, train, test, truth, face, variants) -> dict:
    """Baselines and variants on one split, each written as soon as it is there; `truth` as for `edit_errors`."""
    coefficients, span = project(train, 200)
    out: dict = {}
    start = linear_start(coefficients, train, span, BLOCKS)
    growth = start.factors.growth
    linear = finish(start.span_model(), coefficients, train, span, growth)
    editor = SpanEditor(linear, span)
    out["linear two-factor model"] = figures(editor, linear.encode(coefficients), train, test, truth, face)
    _say("linear two-factor model", out["linear two-factor model"])
    if growth is not None:
        base = TwoFactorEditor(start.factors, span, coefficients, train.age_months, coefficients[train.neutral])
        row = figures(base, base._encode(coefficients), train, test, truth, face)
        out["two-factor, polynomial growth (no file layout)"] = row
        _say("two-factor, polynomial growth", row)
    for name, change in variants.items():
        change = dict(change)
        options = {key: change.pop(key) for key in ("seed", "linear") if key in change}
        data = train
        if change.pop("shuffled", False):
            data = replace(train, subject=np.random.default_rng(0).permutation(train.subject))
        if change.pop("unmarked", False):
            data = replace(train, neutral=None)
        if "children" in change:
            data = train.subset(np.isin(train.subject, np.unique(train.subject)[: change.pop("children")]))
        before = time.process_time()
        trained = fit_autoencoder(data, settings=_settings(change), span=span, **options)
        seconds = time.process_time() - before
        model = trained.span_model
        out[name] = figures(SpanEditor(model, span), model.encode(coefficients), train, test, truth, face)
        out[name] |= {"cpu seconds": round(seconds), "best step": trained.record["best_step"]}
        _say(name, out[name])
        _write(part, out)
    residual = test.shapes.reshape(len(test), -1)
    for count in (32, 97):
        cut = span.project(residual)
        cut[:, count:] = 0
        error = np.linalg.norm((span.expand(cut) - residual).reshape(test.shapes.shape), axis=2)
        mean = [round(float(e.mean()), 3) for e in (error, error[:, face])]
        out[f"PCA {count}"] = {"reconstruct plain": mean}
        _say(f"PCA, {count} modes", out[f"PCA {count}"])
    return out


def cohort_part(subjects: int, only: int | None = None, variants: dict | None = None) -> dict:
    """Held-out synthetic children."""
    population = training_cohort(subjects)
    train, test = (population.subset(population.split == s) for s in ("train", "test"))
    del population  # it is some gigabytes
    print(f"{len(train)} scans to train on, {len(test)} of {len(np.unique(test.subject))} children held out")
    variants = dict(list((VARIANTS if variants is None else variants).items())[:only])
    truth = _truths(synthetic_truth(test))
    return run_all("cohort", train, test, truth, train.template.regions["face"], variants)


def floor_part(subjects: int) -> dict:
    """Neutral heads of the held-out children at 12 months, cut to the best 32, 64 or 96 directions of 3,000 others."""
    factors = draw_factors(CohortPlan(subjects, SCANS, SEED, test_share=TEST_SHARE))
    first = np.unique(factors.subject, return_index=True)[1]
    held = factors.split[first] == "test"
    seen, new = (
        shapes_for(factors.identity[rows], 12.0, factors.sex[rows], None, factors.deformity[rows])
        for rows in (first[~held][:3000], first[held])
    )
    span = principal_components(seen.reshape(len(seen), -1), 96)
    face = template().regions["face"]
    out = {}
    for count in (32, 64, 96):
        cut = span.project(new.reshape(len(new), -1))
        cut[:, count:] = 0
        error = np.linalg.norm(span.expand(cut).reshape(new.shape) - new, axis=2)
        out[f"{count} directions"] = [round(float(e.mean()), 3) for e in (error, error[:, face])]
        _say(f"{count} directions", {"left of neutral heads of held-out children": out[f"{count} directions"]})
    return out


def real_part() -> dict:
    """ICT faces: 300 identities x 4 expressions, 60 identities held out, no ages."""
    folder = Path(os.environ.get("INFACE_SHARED_DATA", HERE.parents[1] / "shared" / "data"))
    data = np.load(folder / "ict_face_light.npz")
    random = np.random.default_rng(0)
    subject = np.repeat(np.arange(300), 4)
    identity = random.standard_normal((300, len(data["identity"])))[subject]
    count = len(subject)
    weights = np.where(random.random((count, 53)) < 0.25, 0.7 * random.beta(2, 2, (count, 53)), 0.0)
    neutral = np.arange(count) % 4 == 0
    weights[neutral] = 0

    def shapes(z, e):
        return (data["mean"] + np.tensordot(z, data["identity"], 1) + np.tensordot(e, data["expression"], 1)).astype(
            np.float32
        )

    template = Template(Mesh(data["mean"], data["triangles"]))
    names = np.array([f"face-{i:03d}" for i in subject])
    whole = Population(
        template, shapes(identity, weights), subject=names, neutral=neutral, factors={"expression_weights": weights}
    )
    held = subject >= 240
    train, test = whole.subset(~held), whole.subset(held)
    z, e = identity[held], weights[held]

    def truth(identity_of, expression_of, months):
        return shapes(z[identity_of], np.zeros((len(months), 53)) if expression_of is None else e[expression_of])

    face = data["fitting_vertices"]
    variants = {"network, seed 0": {}, "seed 1": {"seed": 1}, "seed 2": {"seed": 2}, "1,000 steps": {"steps": 1000}}
    return run_all("real", train, test, truth, face, variants)


def cost_part() -> dict:
    """See `training_cost`."""
    from training_cost import costs

    out = costs()
    for key, value in out.items():
        _say(key, value if isinstance(value, dict) else {"": value})
    return out


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("cohort", "permutation", "floor", "real", "cost"))
    parser.add_argument("--subjects", type=int, default=SUBJECTS)
    parser.add_argument("--variants", type=int, default=None, help="only the first so many variants")
    chosen = parser.parse_args()
    result = {
        "cohort": lambda: cohort_part(chosen.subjects, chosen.variants),
        "permutation": lambda: cohort_part(chosen.subjects, variants=SHUFFLED),
        "floor": lambda: floor_part(chosen.subjects),
        "real": real_part,
        "cost": cost_part,
    }[chosen.part]()
    _write(chosen.part, result)


if __name__ == "__main__":
    main()
