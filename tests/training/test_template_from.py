"""From raw scans to a model of their own."""

import numpy as np
import pytest
from toy_head import PLAIN, toy_model, toy_template

from inface.embedded import load_default_model
from inface.errors import ConvergenceError
from inface.mesh import Mesh
from inface.registration import Settings
from inface.synthetic import head, simulate_scan
from inface.training.template_from import template_from
from inface.transforms import procrustes


@pytest.mark.slow
def test_a_model_of_scans_is_nearer_to_them_than_the_one_it_began_with(tmp_path):
    base = load_default_model("pca")
    truth = []
    for k in range(4):
        child = head(age=33, identity=500 + k)  # far from the mean of the first model, which has all ages
        truth.append(child.vertices)
        scan = simulate_scan(child, k, views="full", unit="mm", **PLAIN)
        scan.mesh.export(tmp_path / f"child_{k}.ply")
    Mesh(np.random.default_rng(5).normal(size=(2000, 3)), []).export(tmp_path / "noise.ply")
    steps = []
    scans = sorted(tmp_path.glob("*.ply"))
    run = template_from(scans, tmp_path / "out", base, progress=lambda d, n: steps.append((d, n)))
    assert run.used == tuple(f"child_{k}" for k in range(4)) and len(run.rounds) == 2
    assert steps[-1] == (10, 10) and set(run.left_out) == {"noise"}
    mean = np.mean(truth, axis=0)
    skin = np.setdiff1d(np.arange(len(mean)), base.template.regions["mouth_inside"])

    def off(vertices):
        return np.linalg.norm((procrustes(vertices, mean).apply(vertices) - mean)[skin], axis=1).mean()

    assert off(run.model.mean_vertices) < 0.5 * off(base.mean_vertices)
    assert run.model.template.landmarks == base.template.landmarks


def test_too_few_scans_are_refused(tmp_path):
    Mesh(np.random.default_rng(0).normal(size=(500, 3)), []).export(tmp_path / "noise.ply")
    base = toy_model(toy_template())
    with pytest.raises(ConvergenceError, match="0 of 1 scans were registered well, 3 are needed"):
        template_from([tmp_path / "noise.ply"], tmp_path / "out", base, settings=Settings(refine=False))
    with pytest.raises(ValueError, match="rounds"):
        template_from([tmp_path / "noise.ply"], tmp_path / "out", base, rounds=0)
