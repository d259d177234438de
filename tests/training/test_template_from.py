"""From raw scans to a model of their own."""

import numpy as np
import pytest
from toy_head import PLAIN, toy_model, toy_template

from inface.errors import ConvergenceError
from inface.mesh import Mesh
from inface.registration import Settings
from inface.synthetic.scanner import simulate_scan
from inface.training.template_from import template_from


@pytest.mark.slow
def test_a_model_of_scans_is_nearer_to_them_than_the_one_it_began_with(tmp_path):
    base = toy_model(toy_template())
    rng = np.random.default_rng(5)
    truth = []
    for k in range(5):
        latent = base.latent_std * rng.normal(size=12)
        latent[1] += 2.5 * base.latent_std[1]  # a population the first model is not the mean of
        head = base.decode_mesh(latent).with_landmarks(None)
        truth.append(head.vertices)
        scan = simulate_scan(head, k, views="full", unit="mm", template=base.template, **PLAIN)
        scan.mesh.export(tmp_path / f"child_{k}.ply")
    Mesh(rng.normal(size=(2000, 3)), []).export(tmp_path / "noise.ply")
    steps = []
    scans = sorted(tmp_path.glob("*.ply"))
    run = template_from(scans, tmp_path / "out", base, progress=lambda d, n: steps.append((d, n)))
    assert run.used == tuple(f"child_{k}" for k in range(5)) and len(run.rounds) == 2
    assert steps[-1] == (12, 12)
    mean = np.mean(truth, axis=0)
    mean -= mean.mean(0)

    def off(vertices):
        return np.linalg.norm(vertices - vertices.mean(0) - mean, axis=1).mean()

    assert off(run.model.mean_vertices) < 0.5 * off(base.mean_vertices)
    assert run.model.template.landmarks == base.template.landmarks


def test_too_few_scans_are_refused(tmp_path):
    Mesh(np.random.default_rng(0).normal(size=(500, 3)), []).export(tmp_path / "noise.ply")
    base = toy_model(toy_template())
    with pytest.raises(ConvergenceError, match="0 of 1 scans were registered well, 3 are needed"):
        template_from([tmp_path / "noise.ply"], tmp_path / "out", base, settings=Settings(refine=False))
    with pytest.raises(ValueError, match="rounds"):
        template_from([tmp_path / "noise.ply"], tmp_path / "out", base, rounds=0)
