"""The two-factor model by EM: against dense Gaussian conditioning, and against worlds whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest
from toy_population import ToyWorld

from inface.training import random_effects
from inface.training.random_effects import fit_two_factor
from inface.training.span import project
from inface.training.twins import Twins
from inface.training.twofactor import posterior


def covariance(random, width, scale):
    a = random.standard_normal((width, 2 * width))
    return scale * a @ a.T / width


def test_posterior_is_gaussian_conditioning_of_all_scans_at_once():
    random = np.random.default_rng(0)
    width, between = 6, covariance(random, 6, 3.0)
    within = [covariance(random, 6, 0.2), covariance(random, 6, 1.0)]
    which = np.array([0, 0, 0, 1, 1, 2])
    sort = np.array([0, 1, 1, 0, 0, 1])
    size = np.sqrt(np.array([1.0, 0.8, 1.2, 0.6, 1.0, 1.4]))  # sums of squares on the grid that groups are rounded to
    left = random.standard_normal((6, width))
    weights = np.array([[1.0, 0.5], [1.0, -2.0], [1.0, 3.0]])
    means, sums = posterior(left, size, which, sort, between, within, weights)
    covariances = []
    for child in range(3):
        rows = np.flatnonzero(which == child)
        design = np.concatenate([size[r] * np.eye(width) for r in rows])
        noise = np.zeros((len(design), len(design)))
        for k, r in enumerate(rows):
            part = slice(k * width, (k + 1) * width)
            noise[part, part] = within[sort[r]]
        gain = between @ design.T @ np.linalg.inv(design @ between @ design.T + noise)
        np.testing.assert_allclose(means[child], gain @ left[rows].reshape(-1), rtol=1e-8)
        covariances.append(between - gain @ design @ between)
    for k in range(2):
        wanted = sum(w * p for w, p in zip(weights[:, k], covariances, strict=True))
        np.testing.assert_allclose(sums[k], wanted, rtol=1e-8, atol=1e-12)


@pytest.fixture(scope="module")
def drawn():
    """A world, 400 children of it with 4 scans each, their coefficients and the span."""
    world = ToyWorld()
    population = world.population(subjects=400)
    return world, population, *project(population, 20)


def aged(world, population, coefficients, span, neutral):
    """Error of twins that are the same child with the same expression at another age, against the truth."""
    months = population.age_months
    factors = fit_two_factor(coefficients, population.subject, months, span, neutral=neutral, identity=5, expression=3)
    twins = Twins(coefficients, population.subject, months, neutral, factors, np.ones(20))
    rows, other = np.arange(len(population)), np.random.default_rng(3).permutation(months)
    got = twins.remade(rows, factors.growth.code(other), twins.means[twins.which])
    truth = world.truth(population, rows, rows, other)
    return np.linalg.norm(span.expand(got).reshape(truth.shape) - truth, axis=2).mean(), factors


def test_twins_at_another_age_come_near_the_truth(drawn):
    """They are some eighty times nearer than another scan, with neutral marks and without."""
    nothing = np.linalg.norm(drawn[1].shapes[1:] - drawn[1].shapes[:-1], axis=2).mean()
    for neutral, sorts in ((drawn[1].neutral, 2), (None, 1)):
        error, factors = aged(*drawn, neutral)
        assert error < 0.015 * nothing and len(factors.sorts) == sorts


def test_neutral_marks_tell_the_child_from_its_faces():
    """With two scans a child and many expressions, marks lower the error by a third; wrong ones do not."""
    world = ToyWorld(identities=3, expressions=6)
    population = world.population(subjects=300, scans=2)
    coefficients, span = project(population, 20)
    months, marks = population.age_months, population.neutral
    which = np.unique(population.subject, return_inverse=True)[1]
    own = (
        np.tensordot(population.factors["identity"], world.identity, 1)
        * (0.7 + 0.1 * np.log(months + 2))[:, None, None]
    )
    own = (own - own.mean(0)).reshape(len(own), -1)

    def error(neutral):
        factors = fit_two_factor(coefficients, population.subject, months, span, neutral=neutral, identity=5)
        means = factors.subject_means(coefficients, which, months, neutral)
        found = factors.identity_at(means[which], factors.code(months, len(which))) @ span.components
        return np.sqrt(((found - found.mean(0) - own) ** 2).sum(1)).mean()

    right, none, wrong = error(marks), error(None), error(np.random.default_rng(0).permutation(marks))
    assert right < 0.75 * none and right < 0.6 * wrong


def test_variances_between_and_within_children_are_recovered(monkeypatch):
    """Drawn from the model itself, three scans a child, one neutral: as many numbers as were put in come out."""
    monkeypatch.setattr(random_effects, "ROUNDS", 60)  # till it settles
    random = np.random.default_rng(0)
    between, calm, lively = (covariance(random, 8, scale) for scale in (4.0, 0.3, 2.0))

    def draw(matrix, count):
        return random.standard_normal((count, 8)) @ np.linalg.cholesky(matrix).T

    subject, neutral = np.repeat(np.arange(600), 3), np.tile([True, False, False], 600)
    shapes = draw(between, 600)[subject] + np.where(neutral[:, None], draw(calm, 1800), draw(lively, 1800) + 1.5)
    found = fit_two_factor(shapes - shapes.mean(0), subject, None, None, neutral=neutral, identity=4, expression=4)
    for got, put in ((found.between, between), (found.sorts[0].within, calm), (found.sorts[1].within, lively)):
        assert np.trace(got) == pytest.approx(np.trace(put), rel=0.05)
    np.testing.assert_allclose(found.sorts[1].offset - found.sorts[0].offset, 1.5, atol=0.15)


def test_what_turns_with_age_is_found_and_nothing_where_nothing_turns(drawn):
    """The codes of children are known only so well: taken for exact, a turn is found where there is none."""
    world, population, _, _ = drawn
    months, identity = population.age_months, population.factors["identity"]
    logs = np.log(months + 2)
    code = (logs - logs.mean()) / logs.std()
    turning = np.random.default_rng(5).standard_normal(world.mean.shape)
    size = {}
    for strength in (0.0, 1.0):
        still = world.shapes(identity, population.factors["expression_weights"], months)
        moved = still + strength * (code * identity[:, 0])[:, None, None] * turning
        other = replace(population, shapes=moved.astype(np.float32))
        coefficients, span = project(other, 20)
        factors = fit_two_factor(
            coefficients, population.subject, months, span, neutral=population.neutral, identity=5, expression=3
        )
        which = np.unique(population.subject, return_inverse=True)[1]
        means = factors.subject_means(coefficients, which, months, population.neutral)
        late, early = (factors.identity_at(means, np.full(len(means), u)) for u in (1.0, -1.0))
        grown = means * (factors.head_size(np.ones(1)) - factors.head_size(-np.ones(1)))
        size[strength] = np.sqrt(((late - early - grown) ** 2).sum(1)).mean()
        true = 2 * np.abs(identity[::4, 0]).mean() * np.linalg.norm(turning)
    assert size[1.0] == pytest.approx(true, rel=0.2) and size[0.0] < 0.1 * true, (size, true)


def test_marks_that_say_nothing_are_not_used(drawn):
    """Of either sort there must be enough scans to learn from."""
    _, population, coefficients, span = drawn
    few = np.arange(len(population)) < 29
    for marks in (few, ~few, np.zeros(len(population), bool)):
        factors = fit_two_factor(coefficients, population.subject, population.age_months, span, neutral=marks)
        assert len(factors.sorts) == 1


def test_size_of_expressions_is_found(drawn):
    """Expressions drawn to shrink by a third from u = -1 to u = 1, while heads grow, are found and re-aged so."""
    world, population, _, _ = drawn
    faces = population.factors["expression_weights"]
    months = population.age_months
    logs = np.log(months + 2)
    code = (logs - logs.mean()) / logs.std()
    grown = (1 - 0.2 * code)[:, None] * faces
    shapes = world.shapes(population.factors["identity"], grown, population.age_months)
    coefficients, span = project(replace(population, shapes=shapes.astype(np.float32)), 20)
    factors = fit_two_factor(
        coefficients, population.subject, months, span, neutral=population.neutral, identity=5, expression=3
    )
    low, high = factors.expression_size(np.array([-1.0, 1.0]))
    assert high / low == pytest.approx(0.8 / 1.2, abs=0.05)
    twins = Twins(coefficients, population.subject, months, population.neutral, factors, np.ones(20))
    older = np.full(len(months), 30.0)
    got = twins.remade(np.arange(len(months)), factors.growth.code(older), twins.means[twins.which])
    size = 1 - 0.2 * (np.log(32.0) - logs.mean()) / logs.std()
    truth = world.shapes(population.factors["identity"], size * faces, older)
    off = np.linalg.norm(span.expand(got).reshape(truth.shape) - truth, axis=2)[:, :12].mean()
    assert (
        off
        < 0.15
        * np.linalg.norm(truth - world.shapes(population.factors["identity"], 0 * faces, older), axis=2)[:, :12].mean()
    )


def test_one_child_more_scans_than_another_is_no_matter(drawn):
    """Children with 2 to 4 scans: their means are as near the truth as their scans allow, none is left at zero."""
    _, population, coefficients, span = drawn
    kept = np.ones(len(population), bool)
    kept[1:400:4] = kept[2:200:4] = False
    part = population.subset(kept)
    factors = fit_two_factor(
        coefficients[kept], part.subject, part.age_months, span, neutral=part.neutral, identity=5, expression=3
    )
    which = np.unique(part.subject, return_inverse=True)[1]
    means = factors.subject_means(coefficients[kept], which, part.age_months, part.neutral)
    truth = population.factors["identity"][::4]
    map_to = np.linalg.lstsq(means, truth, rcond=None)[0]
    assert 1 - ((truth - means @ map_to) ** 2).sum() / (truth**2).sum() > 0.97
