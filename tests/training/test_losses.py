"""The losses of the disentangled autoencoder, computed again in numpy from the definition of each."""

import numpy as np
import pytest
from toy_population import ToyWorld

torch = pytest.importorskip("torch", reason="training needs PyTorch")

from inface.training.linear import linear_start  # noqa: E402
from inface.training.losses import TwinLoss  # noqa: E402
from inface.training.networks import SpanAutoencoder  # noqa: E402
from inface.training.settings import LossWeights  # noqa: E402
from inface.training.span import project  # noqa: E402
from inface.training.twins import Twins  # noqa: E402

WIDTHS = {"identity": 5, "expression": 3, "age": 1}


def test_every_loss_is_what_its_words_say():
    population = ToyWorld().population(subjects=40)
    coefficients, span = project(population, 20)
    start = linear_start(coefficients, population, span, WIDTHS)
    twins = Twins(
        coefficients, population.subject, population.age_months, population.neutral, start.factors, np.ones(20)
    )
    drawn = twins.draw(np.random.default_rng(0), 6)
    net = SpanAutoencoder(start.encoders, start.directions.T, (8, 8))
    metric = np.random.default_rng(1).uniform(0.5, 2, 20)
    clean = np.concatenate([drawn.target, drawn.same_child, drawn.same_expression, drawn.real])
    batch = {name: torch.as_tensor(value) for name, value in vars(drawn).items()}
    told = np.arange(6)[:, None] % 2 == 0
    batch |= {"noisy": torch.as_tensor(clean), "told": torch.as_tensor(told), "aged": torch.tensor(True)}
    weights = LossWeights(3.0, 4.0, 0.5, 2.0, 7.0, 0.25, 10.0, 1.0)
    got = {name: float(value.detach()) for name, value in TwinLoss(net, metric, weights)(batch).items()}

    def run(part, x):
        with torch.no_grad():
            return getattr(net, part)(torch.as_tensor(np.asarray(x, np.float32))).numpy()

    def squared(a, b):
        return float((((a - b) ** 2) * metric).sum(-1).mean())

    def joined(identity, expression, age):
        return np.concatenate([identity[:, :5], expression[:, 5:8], np.reshape(age, (-1, 1))], 1)

    target, child, other, a, b = np.split(clean, 5)
    t, c, o, ca, cb = (run("encode", x) for x in (target, child, other, a, b))
    age_t = np.where(told, drawn.target_age[:, None], t[:, 8:])
    age_c = np.where(told, drawn.same_child_age[:, None], c[:, 8:])
    age_a, age_b = np.split(drawn.real_age, 2)
    edited = run("decode", joined(c, o, drawn.target_age)) - run("decode", joined(c, c, drawn.same_child_age))
    grown = run("decode", joined(ca, cb, age_b)) - run("decode", joined(ca, ca, age_a))
    spread = np.concatenate([t, c, o])[:, 5:8].std(0, ddof=1) + 1e-4
    ages = np.concatenate([drawn.target_age, drawn.same_child_age, drawn.same_expression_age])
    wanted = {
        "reconstruct": 3 * squared(run("decode", np.concatenate([t, c, o])), np.concatenate([target, child, other])),
        "twin": 4 * squared(run("decode", joined(c, o, age_t)), target),
        "swap": 0.5
        * (squared(run("decode", joined(c, t, age_t)), target) + squared(run("decode", joined(t, c, age_c)), child)),
        "detail": 2 * squared(child + edited, target),
        "pair": 7 * squared(a + grown, b),
        "consistent": 0.25 * float((((t - o)[:, 5:8] / spread) ** 2).mean()),
        "age": 10 * float(((np.concatenate([ca, cb])[:, 8] - drawn.real_age) ** 2).mean()),
        "twin_age": float(((np.concatenate([t, c, o])[:, 8] - ages) ** 2).mean()),
    }
    assert got.keys() == wanted.keys()
    for name, value in wanted.items():
        assert got[name] == pytest.approx(value, rel=1e-4), name
