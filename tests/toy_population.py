"""A tiny population whose factors are known: growth in log age, identities that grow with the head, expressions."""

import numpy as np

from inface.mesh import Mesh
from inface.population import Population
from inface.template import Template


class ToyWorld:
    """Shapes `(n, V, 3)` of identity, expression and age; a sphere-like cloud of 42 vertices with mirror pairs."""

    def __init__(self, seed=0, identities=5, expressions=3, half=20):
        random = np.random.default_rng(seed)
        side = random.standard_normal((half, 3))
        side *= 60 / np.linalg.norm(side, axis=1, keepdims=True)
        side[:, 0] = np.abs(side[:, 0]) + 5
        middle = np.array([[0.0, 50.0, 30.0], [0.0, -50.0, 30.0]])
        self.mean = np.concatenate([side, side * [-1, 1, 1], middle])
        count = len(self.mean)
        self.mirror = np.concatenate([np.arange(half) + half, np.arange(half), [count - 2, count - 1]])
        self.triangles = np.stack([np.arange(count - 2), np.arange(1, count - 1), np.arange(2, count)], 1)
        self.identity = 2.0 * random.standard_normal((identities, count, 3))
        self.expression = np.zeros((expressions, count, 3))
        self.expression[:, :12] = 2.0 * random.standard_normal((expressions, 12, 3))
        self.growth = random.standard_normal((count, 3))

    def shapes(self, identity, expression, months):
        months = np.atleast_1d(months)
        size = 0.7 + 0.1 * np.log(months + 2)
        still = self.mean + np.tensordot(identity, self.identity, 1)
        bend = 0.3 * (np.log(months + 2) - 2.5)[:, None, None] ** 2 * self.growth
        return size[:, None, None] * still + bend + np.tensordot(expression, self.expression, 1)

    def template(self):
        mesh = Mesh(self.mean, self.triangles, colors=np.full((len(self.mean), 3), 0.5))
        return Template(mesh, {"top": len(self.mean) - 2}, {"face": np.arange(12)}, self.mirror)

    def population(self, subjects=60, scans=4, seed=1, noise=0.02):
        random = np.random.default_rng(seed)
        count = subjects * scans
        subject = np.repeat(np.arange(subjects), scans)
        identity = random.standard_normal((subjects, len(self.identity)))[subject]
        expression = random.standard_normal((count, len(self.expression)))
        neutral = random.random(count) < 0.3
        expression[neutral] = 0
        label = np.where(neutral, "neutral", "")
        smiling = ~neutral & (random.random(count) < 0.3)
        expression[smiling] = np.eye(len(self.expression))[0] * 1.5
        label = np.where(smiling, "smiling", label)
        months = random.uniform(0, 36, count)
        shapes = self.shapes(identity, expression, months) + noise * random.standard_normal((count, len(self.mean), 3))
        return Population(
            self.template(),
            shapes.astype(np.float32),
            subject=np.array([f"s{i:03d}" for i in subject]),
            age_months=months,
            expression=label,
            neutral=neutral,
            factors={"identity": identity, "expression_weights": expression},
        )

    def truth(self, population, identity_of, expression_of, months):
        """The shapes with identity, expression of those rows of `population`, at ages `months`."""
        factors = population.factors
        return self.shapes(factors["identity"][identity_of], factors["expression_weights"][expression_of], months)
