"""Make the embedded models from nothing: `python -m inface.training.embedded [--subjects 6000] [--out DIR]`.

A synthetic cohort is drawn, and from it come a PCA model, an autoencoder and a disentangled autoencoder, in one compact
file; the sample expressions are written beside it. The same arguments give the same models on one machine.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

import inface.data
from inface._validate import FloatArray
from inface.codecs import atomic_write
from inface.models.pca import PCAMorphableModel
from inface.models.span import SpanModel
from inface.models.store import read_compact, write_compact
from inface.population import Population, training_part
from inface.synthetic import PRESETS, cohort, expression_weights, shapes_for
from inface.synthetic.cohort import draw_factors, plan_of
from inface.training.autoencoder import TrainedAutoencoder, fit_autoencoder
from inface.training.components import PrincipalComponents
from inface.training.misfit import add_to_embedded
from inface.training.pca import fit_pca
from inface.training.settings import Settings

SUBJECTS, SCANS, SEED, TEST_SHARE, SPAN, PLAIN_WIDTH = 6000, 4, 11, 0.06, 200, 97
SAMPLES = ("crying", "smiling", "surprised", "whining")
FILE = "embedded.npz"


def training_cohort(subjects: int = SUBJECTS, workers: int = 1) -> Population:
    """The cohort the embedded models come from; `split` "test" marks the children kept for evaluation."""
    return cohort(subjects, SCANS, seed=SEED, test_share=TEST_SHARE, workers=workers)


def unseen_shapes(count: int = 160, subjects: int = SUBJECTS) -> FloatArray:
    """Shapes `(count, V, 3)` of children of that cohort whom the models never saw."""
    plan = plan_of(subjects, SCANS, SEED, {"test_share": TEST_SHARE})
    factors = draw_factors(plan)
    unseen = np.flatnonzero(factors.split == "test")
    rows = unseen[np.linspace(0, len(unseen) - 1, min(count, len(unseen))).astype(int)]
    chosen = (factors.identity, factors.age, factors.sex, factors.expression_weights, factors.deformity)
    return shapes_for(*(column[rows] for column in chosen))


def preset_codes(
    model: SpanModel, span: PrincipalComponents, train: Population, children: int = 60
) -> dict[str, FloatArray]:
    """Expression name -> code `(w,)`: the mean over children of the codes of their faces with the preset."""
    subject, months, sex = train.subject, train.age_months, train.sex
    assert subject is not None and months is not None and sex is not None
    start = len(model.encoders["identity"].skip)
    block = slice(start, start + len(model.encoders["expression"].skip))
    first = np.unique(subject, return_index=True)[1][:children]
    factors = train.factors
    out = {}
    for name in PRESETS:
        weights = np.broadcast_to(expression_weights(name), (len(first), len(expression_weights(name))))
        shapes = shapes_for(factors["identity"][first], months[first], sex[first], weights, factors["deformity"][first])
        out[name] = model.encode(span.project(shapes.reshape(len(shapes), -1)))[:, block].mean(0)
    return out


def build(
    out: Path,
    *,
    subjects: int = SUBJECTS,
    workers: int = 1,
    settings: Settings | None = None,
    misfit: bool = True,
    say: Callable = print,
) -> None:
    """Write `embedded.npz`, `embedded.json` (records of the runs) and `sample_expressions/` into `out`."""
    started = time.time()
    population = training_cohort(subjects, workers)
    train, count = training_part(population), len(population)
    del population  # it is some gigabytes
    say(f"cohort: {count} scans, {len(train)} of them to train on ({time.time() - started:.0f} s)")
    pca = fit_pca(train, min(SPAN, len(train) - 1))
    span = PrincipalComponents(
        pca.mean_vertices.reshape(-1).astype(np.float64),
        pca.components,
        pca.eigenvalues.astype(np.float64),
        float(pca.eigenvalues.sum()) + (pca.noise_std or 0) ** 2 * (pca.components.shape[1] - len(pca.eigenvalues)),
        len(train),
    )
    say(f"PCA: {len(pca.eigenvalues)} modes ({time.time() - started:.0f} s)")
    card = _card(train, subjects)
    models: dict[str, SpanModel] = {}
    records = {}
    for name, blocks in (("autoencoder", PLAIN_WIDTH), ("disentangled", None)):
        chosen = settings or Settings()
        if name == "autoencoder":  # noise only costs it: it has no blocks to keep apart
            chosen = replace(chosen, noise=0.0)
        trained = fit_autoencoder(train, blocks, settings=chosen, span=span)
        models[name] = _with_card(trained, span, train, card)
        records[name] = trained.record
        say(f"{name}: best after {trained.record['best_step']} steps ({time.time() - started:.0f} s)")
    out.mkdir(parents=True, exist_ok=True)
    described = pca.with_extras(card={**pca.card, **card})
    assert isinstance(described, PCAMorphableModel)
    write_compact(out / FILE, described, models)
    if misfit:
        add_to_embedded(out / FILE, unseen_shapes(subjects=subjects), say)
    with atomic_write(out / "embedded.json") as temporary:
        Path(temporary).write_text(json.dumps(records, indent=1), encoding="utf-8")
    (out / "sample_expressions").mkdir(exist_ok=True)
    expressions = read_compact(out / FILE, "disentangled").expressions
    for name in SAMPLES:
        with atomic_write(out / "sample_expressions" / f"{name}_expression.npy") as temporary:
            np.save(temporary, expressions[name].astype(np.float64))
    say(f"{out / FILE}: {(out / FILE).stat().st_size / 1e6:.1f} MB ({time.time() - started:.0f} s)")


def _with_card(trained: TrainedAutoencoder, span: PrincipalComponents, train: Population, card) -> SpanModel:
    model = trained.span_model
    extras = model.extras.copy()
    extras["card"] = {**extras["card"], **card}
    if "expression" in model.encoders:
        extras["expressions"] = preset_codes(model, span, train)
    return replace(model, extras=extras)


def _card(train: Population, subjects: int) -> dict[str, str]:
    ages = train.age_months
    assert ages is not None
    return {
        "data": f"synthetic children of inface.synthetic.cohort({subjects}, {SCANS}, seed={SEED}, "
        f"test_share={TEST_SHARE}): {len(train)} scans, {ages.min():.1f} to {ages.max():.1f} months; no real child",
        "command": f"python -m inface.training.embedded --subjects {subjects}",
        "licence": "MIT",
        "use": "trying the software, teaching, tests; not for clinical decisions: no figure on it is a clinical figure",
        "limits": "noise-free shapes from one generator; what it does not draw (clefts, ethnicity) is not modelled",
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=SUBJECTS)
    parser.add_argument("--steps", type=int, default=Settings.steps)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(inface.data.__file__).parent)
    parser.add_argument("--only-misfit", action="store_true", help="add the misfit to the models that are there")
    chosen = parser.parse_args()
    if chosen.only_misfit:
        add_to_embedded(chosen.out / FILE, unseen_shapes(subjects=chosen.subjects))
        return
    build(chosen.out, subjects=chosen.subjects, workers=chosen.workers, settings=Settings(steps=chosen.steps))


if __name__ == "__main__":
    main()
