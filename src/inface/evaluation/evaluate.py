"""One call that measures a model: shape figures, leakage where there are labels, edit errors where truth is known."""

from collections.abc import Sequence
from concurrent.futures import Executor

import numpy as np

from inface._validate import FloatArray, IntArray
from inface.evaluation.factors import ModelEditor, Truth, edit_errors, synthetic_truth
from inface.evaluation.figures import Figure, mean_figure, r2_figure
from inface.evaluation.leakage import hits, network, ridge
from inface.evaluation.report import Evaluation
from inface.evaluation.shape import compactness, completion, generalisation, specificity
from inface.models import MorphableModel, PCAMorphableModel
from inface.population import Population
from inface.units import growth_clock

_PARTS = {
    "plain": "plain",
    "detail": "detail kept",
    "represent": "cannot represent",
    "leak": "leaks",
    "nothing": "doing nothing",
}
LEARNT_FROM = 3000  # training scans, at most, that the probes learn from
COMPLETION = "completion of a hidden region"
HIDDEN_REGIONS = ("face", "nose", "lips", "eyes", "chin", "cranium", "ears")


# options: each chooses a figure; the call is public
def evaluate(
    model: MorphableModel,
    population: Population,
    *,
    train: Population | None = None,
    truth: Truth | None = None,
    hidden_regions: Sequence[str] | None = None,
    samples: int = 100,
    completed: int = 10,
    seed: int = 0,
    executor: Executor | None = None,
) -> Evaluation:
    """Measure a model on shapes it was not trained on.

    Args:
        population: held-out shapes; labels (`subject`, `age_months`, `expression`) add the figures that need them.
        train: shapes to learn the leakage probes from (3,000 of them at most), and that samples are compared with.
            None: the probes are learnt on half of the held-out subjects and judged on the others, and samples compared
            with `population`.
        truth: the true shapes for swapped factors; None takes the generator's where the population is synthetic.
        hidden_regions: regions of the template to hide and complete; None takes those of a fixed list that exist.
        samples, completed: drawn shapes for specificity, and scans to complete.
        executor: where shapes are rebuilt and completed (`inface.batches.open_executor`); None: here. The figures are
            the same, to the last digit.

    Raises:
        ValueError: fewer than two shapes, NaN in the shapes, another topology than the model's.

    Examples:
        >>> import numpy as np
        >>> from inface import Mesh, Population, Template, evaluate, fit_pca
        >>> random = np.random.default_rng(0)
        >>> child, scan = random.standard_normal((12, 1, 20, 3)), random.standard_normal((12, 3, 20, 3))
        >>> shapes = (50 * random.standard_normal((20, 3)) + 3 * child + scan).reshape(36, 20, 3)
        >>> names = np.repeat([f"child {i}" for i in range(12)], 3)
        >>> population = Population(Template(Mesh(shapes[0], [[0, 1, 2]])), shapes, subject=names)
        >>> model = fit_pca(population.subset(names != "child 0"), 5)
        >>> report = evaluate(model, population.subset(names == "child 0"), samples=5)
        >>> {figure.group for figure in report.figures} >= {"compactness", "generalisation", "specificity"}
        True
    """
    _check(model, population)
    figures: list[Figure] = []
    curves: dict[str, dict] = {}
    shapes, subject = population.shapes, population.subject
    if isinstance(model, PCAMorphableModel):
        share = compactness(model)
        curves["Compactness"] = _curve(np.arange(1, len(share) + 1), share, "modes", "share of the kept variance")
        for count in (1, 5, 10, 20, 50):
            if count < len(share):
                figures.append(Figure("compactness", f"{count} modes", float(share[count - 1]), "share"))
    modes = [m for m in (1, 2, 5, 10, 20, 32, 50, 75, 97, 120, 150) if m < len(model.latent)]
    errors = generalisation(model, shapes, modes, executor=executor)
    for count, values in errors.items():
        figures.append(mean_figure("generalisation", f"{count} codes", values, subject))
    if len(errors) > 1:
        curves["Generalisation"] = _curve(list(errors), [v.mean() for v in errors.values()], "modes", "mm")
    reference = (train or population).shapes
    drawn = specificity(model, reference[: min(len(reference), 1500)], samples=samples, seed=seed)
    figures.append(mean_figure("specificity", f"{samples} samples", drawn, None))
    face = population.template.regions.get("face", np.zeros(0, np.int64))
    figures += _completion(model, population, hidden_regions, completed, executor)
    notes = [] if any(f.group == COMPLETION for f in figures) else [f"{COMPLETION}: the template names no regions"]
    if model.blocks:
        figures += _leakage(model, population, train, seed, notes)
        figures += _factors(model, population, truth, face, seed, notes)
    name = f"{type(model).__name__}, {len(model.latent)} codes"
    described = f"{len(population)} scans" + ("" if subject is None else f" of {len(np.unique(subject))} subjects")
    return Evaluation(name, described, figures, curves, notes)


def _check(model: MorphableModel, population: Population) -> None:
    if len(population) < 2:
        raise ValueError(f"expected at least 2 shapes to evaluate on, got {len(population)}")
    if population.template.hash != model.template.hash:
        raise ValueError(
            f"the population has another topology ({len(population.template.mesh.vertices)} vertices) than the model "
            f"({len(model.mean_vertices)} vertices); evaluate on meshes in correspondence with the model"
        )
    bad = [i for i in range(len(population)) if not np.isfinite(population.shapes[i]).all()]
    if bad:
        first = f"number {bad[0]}" if population.name is None else f"'{population.name[bad[0]]}'"
        raise ValueError(f"{len(bad)} shapes hold NaN or infinity (the first is {first}); leave them out")


def _curve(x, y, x_label: str, y_label: str) -> dict:
    return {"x": np.asarray(x).tolist(), "y": np.asarray(y, float).tolist(), "x_label": x_label, "y_label": y_label}


def _completion(
    model: MorphableModel,
    population: Population,
    wanted: Sequence[str] | None,
    count: int,
    executor: Executor | None,
) -> list[Figure]:
    regions = population.template.regions
    names = [n for n in HIDDEN_REGIONS if n in regions] if wanted is None else list(wanted)
    missing = [n for n in names if n not in regions]
    if missing:
        raise ValueError(f"no region '{missing[0]}' in the template; it has {', '.join(regions) or 'none'}")
    out = []
    rows = np.linspace(0, len(population) - 1, min(count, len(population))).astype(int)
    subject = None if population.subject is None else population.subject[rows]
    for name in names:
        hidden = np.zeros(len(model.mean_vertices), bool)
        hidden[regions[name]] = True
        if hidden.all() or not hidden.any():
            continue
        shapes = population.shapes[rows]
        values = completion(model, shapes, hidden, executor=executor)
        mean = np.linalg.norm(shapes[:, hidden] - model.mean_vertices[hidden], axis=2).mean()
        note = f"the mean shape: {mean:.2f} mm"
        out.append(mean_figure(COMPLETION, name, values, subject, note=note))
    return out


def _leakage(
    model: MorphableModel, population: Population, train: Population | None, seed: int, notes: list[str]
) -> list[Figure]:
    """What each block tells of age, expression and child; `notes` gets what could not be told."""
    editor = ModelEditor(model)
    if population.subject is None:
        notes.append("leakage: the population does not name its subjects")
        return []
    codes, target, children = editor.encode(population.shapes), population, population.subject
    if train is None:
        names = np.random.default_rng(seed).permutation(np.unique(population.subject))
        learn = np.isin(population.subject, names[: len(names) // 2])
        known, known_codes = population.subset(learn), codes[learn]
        target, judged, children = population.subset(~learn), codes[~learn], children[~learn]
    else:
        if len(train) > LEARNT_FROM:
            train = train.subset(np.random.default_rng(seed).choice(len(train), LEARNT_FROM, replace=False))
        known, known_codes, judged = train, editor.encode(train.shapes), codes
    out = []

    def probe(name: str, block: slice, learnt: FloatArray, wanted: FloatArray) -> None:
        fewest = min(len(learnt), len(wanted))
        if fewest < 20:
            note = f"leakage: {fewest} scans on one side, fewer than 20; give more, or the training set"
            notes.extend([] if note in notes else [note])
            return
        if not np.ptp(wanted) > 0:
            notes.append(f"leakage, {name}: it is the same in all scans")
            return
        a, b = known_codes[:, block], judged[:, block]
        for way, predicted in (("ridge", ridge(a, learnt, b)), ("network", network(a, learnt, b, seed=seed))):
            out.append(r2_figure("leakage", f"{name}, {way}", predicted, wanted, children))

    ages = (known.age_months, target.age_months)
    if ages[0] is not None and ages[1] is not None and np.isfinite(ages[0]).all() and np.isfinite(ages[1]).all():
        for name, block in model.blocks.items():
            probe(f"log age from {name}", block, growth_clock(ages[0]), growth_clock(ages[1]))
    else:
        notes.append("leakage of age: not every scan has its age")
    if "identity" in model.blocks and "expression" in model.blocks:
        labels = _expression_labels(known, target)
        if labels is not None:
            for name in ("identity", "expression"):
                probe(f"expression from {name}", model.blocks[name], *labels)
        else:
            notes.append("leakage of expression: the population does not say which faces are neutral")
        subjects = len(np.unique(population.subject))
        if subjects > 1 and len(population) > subjects:
            for name in ("identity", "expression"):
                child, rate = hits(codes[:, model.blocks[name]], population.subject, seed=seed)
                note = f"gallery of {subjects}, chance {1 / subjects:.3f}"
                out.append(mean_figure("leakage", f"child from {name}, rank 1", rate, child, unit="rate", note=note))
        else:
            notes.append("retrieval of children: no two children, or none with two scans")
    return out


def _expression_labels(known: Population, target: Population) -> tuple[FloatArray, FloatArray] | None:
    """What both populations know of the expressions: weights of units, or 1 for neutral and 0 for others."""
    if all("expression_weights" in p.factors for p in (known, target)):
        weights = [np.asarray(p.factors["expression_weights"], float) for p in (known, target)]
        if weights[0].shape[1] == weights[1].shape[1]:
            return weights[0], weights[1]
    if known.neutral is None or target.neutral is None:
        return None
    return known.neutral.astype(float)[:, None], target.neutral.astype(float)[:, None]


def _factors(
    model: MorphableModel, population: Population, truth: Truth | None, face: IntArray, seed: int, notes: list[str]
) -> list[Figure]:
    if truth is None and not {"identity", "expression_weights", "deformity"} <= set(population.factors):
        notes.append("errors of edits: the true shapes are known of a synthetic cohort alone")
        return []
    truth = truth or synthetic_truth(population)
    out = []
    for error in edit_errors(ModelEditor(model), population, truth, face, seed):
        for region in error.plain:
            for part in _PARTS:
                values = getattr(error, part).get(region)
                if values is None:
                    continue
                nothing = error.nothing.get(region, values)
                note = (
                    ""
                    if nothing is values or not nothing.any()
                    else f"{values.mean() / nothing.mean():.2f} of doing nothing"
                )
                name = _PARTS[part]
                out.append(mean_figure(f"{error.name}, {region}", name, values, population.subject, note=note))
    return out
