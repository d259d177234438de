"""Expressions: they move the face enough, combine, follow the head they sit on, and break nothing."""

import numpy as np
import pytest

from inface.synthetic import PRESETS, UNITS, cohort, expression_weights, head, shapes_for
from inface.synthetic.eyelids import globe
from inface.transforms import procrustes


@pytest.fixture(scope="module")
def mean(maker):
    return shapes_for(np.zeros(maker.identity.size), 6)[0].astype(float)


def posed(maker, age=6, identity=None, **weights):
    vector = np.zeros(maker.identity.size) if identity is None else identity
    return shapes_for(vector, age, None, expression_weights(weights))[0].astype(float)


def test_strength_zero_is_the_neutral_head(maker, mean):
    np.testing.assert_array_equal(posed(maker, **{unit: 0.0 for unit in UNITS}), mean)


def test_the_cohorts_expressive_scans_move_the_face_by_two_millimetres(infant):
    made = cohort(30, 3, seed=3)
    calm = shapes_for(made.factors["identity"], made.age_months, made.sex, None, made.factors["deformity"])
    moved = np.linalg.norm(made.shapes - calm, axis=2)[:, infant.regions["face"]].mean(1)
    assert moved[~made.neutral].mean() > 2
    assert (moved[made.neutral] == 0).all()


@pytest.mark.parametrize("unit", UNITS)
def test_no_face_turns_under_a_unit_at_full_strength(faces, maker, mean, unit):
    one = posed(maker, **{unit: 1.0})
    assert np.linalg.norm(one - mean, axis=1).max() > 2
    assert not (faces.turned(mean, one) & ~faces.apart).any()
    assert faces.areas(one)[~faces.apart].min() > 1e-2


@pytest.mark.slow
def test_no_face_turns_in_two_hundred_drawn_mixes(faces):
    made = cohort(80, 4, seed=21, neutral_share=0.2)
    calm = shapes_for(made.factors["identity"], made.age_months, made.sex, None, made.factors["deformity"])
    active = np.flatnonzero(~made.neutral)[:200]
    assert len(active) == 200
    for i in active:
        before, after = calm[i].astype(float), made.shapes[i].astype(float)
        assert not (faces.turned(before, after) & ~faces.apart).any()


def test_the_jaw_truly_turns(infant, maker, mean):
    """The chin keeps its distance from the axis, and moves as a rigid piece by the angle asked for."""
    chin = infant.regions["chin"]
    share = maker.expressions.jaw_share
    rigid = chin[share[chin] > 0.99999]
    assert len(rigid) > 20
    moved = posed(maker, jaw_open=1.0)
    fit = procrustes(mean[rigid], moved[rigid])
    assert np.abs(fit.apply(mean[rigid]) - moved[rigid]).max() < 0.01
    assert fit.angle == pytest.approx(22, abs=0.05)
    half = procrustes(mean[rigid], posed(maker, jaw_open=0.5)[rigid])
    assert half.angle == pytest.approx(11, abs=0.05)


def test_an_open_jaw_parts_the_lips_and_shows_the_mouth(infant, maker):
    opened = posed(maker, jaw_open=1.0)
    marks = infant.landmarks
    gap = opened[marks["sto"], 1] - opened[marks["sto_lower"], 1]
    assert gap > 12
    inside = opened[infant.regions["mouth_inside"]]
    between = (inside[:, 1] < opened[marks["sto"], 1]) & (inside[:, 1] > opened[marks["sto_lower"], 1])
    assert (inside[between, 2] < opened[marks["sto"], 2] - 5).any()


def test_closed_eyes_cover_the_globe(infant, maker, mean):
    asleep = posed(maker, eyes_closed=1.0)
    upper, lower = (infant.regions[f"lid_edge_{side}_l"] for side in ("upper", "lower"))
    for vertex in upper:
        gap = np.linalg.norm(asleep[lower] - asleep[vertex], axis=1).min()
        assert gap < 1.2  # the spacing of the edge's own points
    inner = np.setdiff1d(infant.regions["eye_l"], infant.regions.get("lid_margin_upper_l", []))
    centre, radius = globe(mean[inner])
    lids = np.setdiff1d(infant.regions["lid_upper_l"], np.concatenate([infant.regions["lid_margins"], inner]))
    covering = lids[np.linalg.norm(asleep[lids] - mean[lids], axis=1) > 2]
    assert len(covering) > 10
    assert (np.linalg.norm(asleep[covering] - centre, axis=1) > radius).all()


def test_expressions_scale_and_turn_with_the_face(infant, maker):
    """A smile at three years moves more than at birth, and is not one and the same displacement field."""
    smiles = {age: posed(maker, age, smile=1.0) - posed(maker, age) for age in (0, 36)}
    corner = infant.landmarks["ch_l"]
    young, old = (np.linalg.norm(smiles[age][corner]) for age in (0, 36))
    assert 1.2 < old / young < 1.9
    vector = np.random.default_rng(1).standard_normal(maker.identity.size)
    own = posed(maker, identity=vector, smile=1.0) - posed(maker, identity=vector)
    mean = posed(maker, smile=1.0) - posed(maker)
    assert np.linalg.norm(own - mean, axis=1).max() > 0.3


def test_units_combine(maker, mean):
    """Units of different parts of the face add up; a unit in another's company is not lost."""
    smile, brows = posed(maker, smile=1.0) - mean, posed(maker, brow_raise=1.0) - mean
    both = posed(maker, smile=1.0, brow_raise=1.0) - mean
    np.testing.assert_allclose(both, smile + brows, atol=2e-3)
    crying = posed(maker, **PRESETS["crying"]) - mean
    assert np.linalg.norm(crying, axis=1).max() > np.linalg.norm(posed(maker, cry=1.0) - mean, axis=1).max()


def test_expressions_of_the_mean_are_mirror_images(infant, maker):
    for name in PRESETS:
        one = posed(maker, **PRESETS[name])
        assert np.abs(one[infant.mirror] * [-1, 1, 1] - one).max() < 1e-3, name


def test_the_ears_and_the_vault_stay(infant, maker, mean):
    for name in PRESETS:
        moved = np.linalg.norm(posed(maker, **PRESETS[name]) - mean, axis=1)
        assert moved[infant.regions["ears"]].max() < 0.5, name
        assert moved[infant.landmarks["v"]] == 0, name


def test_bad_expressions_are_refused():
    with pytest.raises(ValueError, match="no expression 'grin'; there are the presets neutral, crying"):
        head(expression="grin")
    with pytest.raises(ValueError, match="no expression unit 'grin'; there are: jaw_open"):
        head(expression={"grin": 1.0})
    with pytest.raises(ValueError, match=r"'smile': expected a strength from 0 to 1, got 1\.5"):
        head(expression={"smile": 1.5})
