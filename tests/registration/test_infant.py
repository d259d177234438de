"""What the toy head is too plain for: heads without a back, shoulders, a wide yawn, on the infant template."""

from dataclasses import replace

import numpy as np
import pytest

from inface.models import PCAMorphableModel
from inface.population import Population
from inface.registration import fits, pose
from inface.registration.clean import clean
from inface.registration.prior import prior_of
from inface.registration.target import Target
from inface.synthetic import cohort, head, simulate_scan
from inface.training.pca import fit_pca
from inface.transforms import generalised_procrustes, procrustes


@pytest.fixture(scope="module")
def infants() -> PCAMorphableModel:
    population = cohort(60, 2, seed=1)
    aligned = generalised_procrustes(population.shapes).astype(np.float32)
    return fit_pca(Population(population.template, aligned, subject=population.subject), 0.995)


@pytest.mark.parametrize("age, shoulders", [(0.5, False), (30, True)])
@pytest.mark.slow
def test_a_head_without_its_back_is_found_in_any_rotation(infants, age, shoulders):
    """Shoulders are a third of the second scan: drawn onto the model they blew it up and hid the right pose."""
    scan = simulate_scan(
        head(age, identity=5), 7, views="no_back", unit="mm", cap=False, shoulders=shoulders, islands=0
    )
    prior, cleaned = prior_of(infants), clean(scan.mesh)
    target = Target.of_scan(cleaned, "mm", 1.0)
    true = procrustes(prior.mean, target.frame.apply(scan.truth))
    for turn in pose.even_rotations(5):
        right = pose.Pose(turn @ true.rotation, turn @ true.translation)
        found = pose.find_poses(
            prior, Target.of(target.points @ turn.T, target.normals @ turn.T, target.border, target.weights)
        )
        assert any(not pose.distinct(p, right, prior.mean.mean(0), 25.0) for p in found)


def test_the_gape_opens_the_mouth_and_leaves_the_rest(infants):
    prior = prior_of(infants)
    moved = prior.basis @ prior.gape
    lower, upper = (moved[prior.regions[name]].mean(0) for name in ("lower_lip", "upper_lip"))
    assert lower[1] < -1 and lower[1] < upper[1] - 0.5
    assert np.linalg.norm(moved[prior.regions["scalp"]], axis=1).max() < 0.5 * abs(lower[1])


def test_of_several_starts_of_the_mouth_the_likeliest_goes_on(infants, monkeypatch):
    """The closest points of a wide open mouth are those of a closed one: one start alone may end in the wrong one."""
    yawning = head(8, identity=6, expression={"yawn": 0.8, "cry": 0.5})
    scan = simulate_scan(yawning, 8, views="front", unit="mm", cap=False, collar=False, islands=0)
    cleaned, prior = clean(scan.mesh), prior_of(infants)
    target = Target.of_scan(cleaned, "mm", 1.0)
    truth = target.frame.apply(scan.truth)
    start = procrustes(prior.mean, truth)
    run = fits.Fitter(prior)
    quick = run.coarse_fit(target, pose.Pose(start.rotation, start.translation))
    shut = np.pad(quick.fit.b, (0, prior.basis.shape[2] - len(quick.fit.b))) - 40 * prior.gape
    quick = replace(quick, fit=replace(quick.fit, b=shut))

    def error(*gapes: float) -> float:
        monkeypatch.setattr(fits, "GAPES", gapes)
        return float(np.linalg.norm(run.refit(quick).fit.vertices - truth, axis=1)[prior.regions["lips"]].mean())

    alone, both = error(0.0), error(0.0, 40.0)
    assert both < 2 and alone > 1.3 * both
