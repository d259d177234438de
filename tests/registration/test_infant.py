"""What the toy head is too plain for: a small head without its back, shoulders, a wide yawn, on the infant template."""

import numpy as np
import pytest

from inface.models import PCAMorphableModel
from inface.population import Population
from inface.registration import pipeline, pose
from inface.registration.clean import clean
from inface.registration.model_fit import Target
from inface.registration.prior import prior_of
from inface.synthetic import cohort, head, simulate_scan
from inface.training.pca import fit_pca
from inface.transforms import generalised_procrustes, procrustes


@pytest.fixture(scope="module")
def infants() -> PCAMorphableModel:
    population = cohort(60, 2, seed=1)
    aligned = generalised_procrustes(population.shapes).astype(np.float32)
    return fit_pca(Population(population.template, aligned, subject=population.subject), 0.995)


def found_at(infants, scan, turns: int) -> list[int]:
    """At which rank the right pose comes when the scan lies in each of some rotations; 99: nowhere."""
    prior, cleaned = prior_of(infants), clean(scan.mesh)
    true = procrustes(prior.mean, scan.truth - cleaned.centre)
    ranks = []
    for turn in pose.even_rotations(turns):
        right = pose.Pose(turn @ true.rotation, turn @ true.translation)
        cloud = (cleaned.points @ turn.T, cleaned.normals @ turn.T, cleaned.border, cleaned.weights)
        found = pose.find_poses(prior, *cloud)
        near = [not pose.distinct(p, right, prior.mean.mean(0), 25.0) for p in found]
        ranks.append(near.index(True) if any(near) else 99)
    return ranks


@pytest.mark.parametrize("age, shoulders", [(0.5, False), (30, True)])
def test_a_head_without_its_back_is_found_in_any_rotation(infants, age, shoulders):
    scan = simulate_scan(
        head(age, identity=5), 7, views="no_back", unit="mm", cap=False, shoulders=shoulders, islands=0
    )
    assert max(found_at(infants, scan, 5)) < 4


def test_the_gape_opens_the_mouth_and_leaves_the_rest(infants):
    prior = prior_of(infants)
    moved = prior.basis @ prior.gape
    lower, upper = (moved[prior.regions[name]].mean(0) for name in ("lower_lip", "upper_lip"))
    assert lower[1] < -1 and lower[1] < upper[1] - 0.5
    assert np.linalg.norm(moved[prior.regions["scalp"]], axis=1).max() < 0.5 * abs(lower[1])


def test_a_wide_yawn_is_followed(infants, monkeypatch):
    scan = simulate_scan(
        head(8, identity=6, expression={"yawn": 0.8, "cry": 0.5}), 8,
        views="front", unit="mm", cap=False, collar=False, islands=0,
    )  # fmt: skip
    cleaned = clean(scan.mesh)
    target = Target.of(cleaned.points, cleaned.normals, cleaned.border, cleaned.weights)
    prior = prior_of(infants)
    truth = scan.truth - cleaned.centre
    start = procrustes(prior.mean, truth)
    lips = prior.regions["lips"]

    def error(gapes):
        monkeypatch.setattr(pipeline, "GAPES", gapes)
        run = pipeline._Run(prior, pipeline.Settings(), None, "mm")
        checked = pipeline.CheckedLandmarks({}, None, (), ())
        quick = run.quick("mm", target, pose.Pose(start.rotation, start.translation), checked)
        return np.linalg.norm(run.full(quick, checked).vertices - truth, axis=1)[lips].mean()

    both = error(pipeline.GAPES)
    closed = error((0.0,))
    print(both, closed)
    assert both < 3
