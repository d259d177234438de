"""The tables themselves: cited numbers verbatim, curves that behave."""

import numpy as np
import pytest

from inface.synthetic import anthropometry
from inface.synthetic.identity import FACTORS, measure_loadings
from inface.synthetic.targets import MEASURES


@pytest.mark.parametrize(
    "age, sex, median, spread",
    [
        (0, "male", 344.618, 12.7),
        (6, "female", 422.079, 13.0),
        (12, "male", 460.637, 12.9),
        (36, "female", 485.106, 14.1),
    ],
)
def test_circumference_is_the_who_standard(age, sex, median, spread):
    got = anthropometry.circumference(age, sex)
    assert got[0] == pytest.approx(median, abs=0.06)
    assert got[1] == pytest.approx(spread, abs=0.06)


def test_curves_are_monotone_between_their_ages():
    ages = np.linspace(0, 36, 400)
    for sex in ("male", "female", None):
        assert (np.diff(anthropometry.circumference(ages, sex)[0]) > 0).all()
    for name, row in anthropometry.ROWS.items():
        if list(row.means) == sorted(row.means):
            assert (np.diff(anthropometry.size(name, ages)) >= 0).all(), name


def test_boys_are_larger_than_girls():
    for name in ("zy-zy", "n-gn", "t-t"):
        assert anthropometry.size(name, 12, "male") == pytest.approx(
            1.03 * anthropometry.size(name, 12, "female"), rel=1e-3
        )


def test_every_row_says_where_it_comes_from():
    for name, row in anthropometry.ROWS.items():
        assert row.status in ("cited", "derived", "working value"), name
        assert len(row.source) > 10 and len(row.means) == len(anthropometry.FACE_AGES), name
        assert row.spread > 0, name


def test_loadings_make_standardised_measures():
    loadings = measure_loadings()
    np.testing.assert_allclose((loadings**2).sum(1), 1)
    correlation = loadings @ loadings.T
    pick = [MEASURES.index(name) for name in ("circumference", "zy-zy", "t-n", "t-sn")]
    assert 0.2 < correlation[pick[0], pick[1]] < 0.7
    assert correlation[pick[2], pick[3]] > 0.8
    assert {name for factor in FACTORS.values() for name in factor} <= set(MEASURES)


@pytest.mark.parametrize("age", [-0.1, 36.5, np.nan])
def test_ages_outside_birth_to_three_years_are_refused(age):
    with pytest.raises(ValueError, match="age: expected"):
        anthropometry.circumference(age)


def test_unknown_sex_is_refused():
    with pytest.raises(ValueError, match="expected 'male', 'female' or None, got 'boy'"):
        anthropometry.check_sex("boy")
