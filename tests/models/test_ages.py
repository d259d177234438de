"""The map between age code and months."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inface.models.ages import AgeCalibration, ExtrapolationWarning

RISING = st.lists(st.floats(0.1, 10), min_size=2, max_size=8).map(np.cumsum)


@given(codes=RISING, months=RISING, part=st.floats(0, 1))
@settings(deadline=None)
def test_there_and_back(codes, months, part):
    n = min(len(codes), len(months))
    calibration = AgeCalibration([2.0], codes[:n], months[:n])
    age = months[0] + part * (months[n - 1] - months[0])
    assert calibration.to_months(calibration.to_code(age)) == pytest.approx(age, rel=1e-9)
    assert calibration.months_range == (months[0], months[n - 1])


def test_plus_means_older_in_whatever_direction_the_block_runs():
    calibration = AgeCalibration([0.0, -3.0], [-2, 0, 1], [0, 6, 36])
    block = np.array([5.0, 1.0])
    assert calibration.code(block) == -1
    moved = calibration.moved(block, 2.0)
    assert moved.tolist() == [5.0, -1.0]
    assert calibration.to_months(float(calibration.code(moved))) == 36


def test_a_little_beyond_is_an_extrapolation_far_beyond_is_refused():
    calibration = AgeCalibration([1.0], [0, 1, 2], [0, 10, 30])
    with pytest.warns(ExtrapolationWarning, match="0 to 30 months"):
        assert calibration.to_months(2.25) == pytest.approx(35)
    with pytest.warns(ExtrapolationWarning):
        assert calibration.to_months(-0.5) == 0  # nobody is younger
    for code in (3.3, -1.3, np.nan):
        with pytest.raises(ValueError, match="far outside"):
            calibration.to_months(code)


def test_knots_that_do_not_rise():
    for codes, months in (([0, 0], [0, 1]), ([0, 1], [1, 0]), ([0], [1]), ([0, 1], [0, np.nan])):
        with pytest.raises(ValueError, match=r"rising strictly|expected finite"):
            AgeCalibration([1.0], codes, months)
    with pytest.raises(ValueError, match="non-zero"):
        AgeCalibration([0.0], [0, 1], [0, 1])


def test_fit_finds_a_hidden_direction_and_curve():
    rng = np.random.default_rng(0)
    months = rng.uniform(0, 36, 600)
    direction = np.array([0.6, -0.8, 0.0])
    blocks = 2 * np.log(months + 2)[:, None] * direction + rng.normal(size=(600, 3)) * [0.02, 0.02, 1.0]
    calibration = AgeCalibration.fit(blocks, months)
    assert calibration.direction @ direction > 0.999
    found = np.array(
        [
            calibration.to_months(float(c))
            for c in np.clip(calibration.code(blocks), calibration.codes[0], calibration.codes[-1])
        ]
    )
    assert np.abs(found - months).mean() < 0.8
    with pytest.raises(ValueError, match="different ages"):
        AgeCalibration.fit(blocks, np.full(600, 3.0))
    with pytest.raises(ValueError, match="do not"):
        AgeCalibration.fit(np.zeros((600, 3)), months)


def test_the_ends_of_the_range_are_inside_it_whatever_the_rounding():
    made = AgeCalibration(np.ones(1), np.array([-1.0, 0.1, 1.0]), np.array([1e-7, 9.0, 36 - 1e-14]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert made.to_code(0) == pytest.approx(-1)
        assert made.to_code(36) == pytest.approx(1)
