"""WHO scores against the published values, and what is refused."""

import numpy as np
import pytest

import inface
from inface.measurement.norms import (
    Child,
    asymmetry_text,
    cephalic_references,
    circumference_curve,
    circumference_score,
    percentile_text,
)

# WHO tables: sex, day, M (cm), S
CHECKS = [
    ("male", 0, 34.4618, 0.03686), ("male", 183, 43.3393, 0.02817), ("male", 365, 46.0637, 0.02789),
    ("male", 730, 48.2494, 0.02821), ("male", 1096, 49.4619, 0.02871), ("female", 0, 33.8787, 0.03496),
    ("female", 183, 42.2079, 0.03087), ("female", 365, 44.8940, 0.03027), ("female", 730, 47.1799, 0.02958),
    ("female", 1096, 48.5106, 0.02912),
]  # fmt: skip


@pytest.mark.parametrize("sex,day,median,spread", CHECKS)
def test_scores_are_those_of_the_tables_by_day(sex, day, median, spread):
    child = Child(day, sex)
    score = circumference_score(10 * median, child)
    assert score.z == pytest.approx(0, abs=1e-9) and score.percentile == pytest.approx(50)
    for z in (-2.0, 1.0):
        assert circumference_score(10 * median * (1 + z * spread), child).z == pytest.approx(z, abs=1e-9)
    assert "WHO Child Growth Standards" in score.reference
    assert circumference_curve(sex, np.array([day]), 2.0)[0] == pytest.approx(10 * median * (1 + 2 * spread))


def test_days_count_and_months_are_not_rounded():
    at_730 = circumference_score(482.494, Child(730, "male")).z
    at_731 = circumference_score(482.536, Child(731, "male")).z
    assert at_730 == pytest.approx(0, abs=1e-9) and at_731 == pytest.approx(0, abs=1e-6)
    assert circumference_score(482.494, Child(731, "male")).z < -1e-3


def test_the_whole_table_is_the_one_in_the_shared_data():
    from conftest import SHARED_DATA

    path = SHARED_DATA / "who_head_circumference_by_day.csv"
    if not path.exists():
        pytest.skip(f"no '{path.name}' in {SHARED_DATA}")
    table = np.genfromtxt(path, delimiter=",", names=True)
    for sex, name in (("male", "boys"), ("female", "girls")):
        np.testing.assert_allclose(circumference_curve(sex, table["day"]), 10 * table[f"{name}_M_cm"], atol=1e-9)
        ones = circumference_curve(sex, table["day"], 1.0) / circumference_curve(sex, table["day"]) - 1
        np.testing.assert_allclose(ones, table[f"{name}_S"], atol=1e-12)


@pytest.mark.parametrize(
    "child,words",
    [(Child(), "age is not given"), (Child(100), "sex is not given"), (Child(1857, "male"), "day 0 to 1856"),
     (Child(10, "male", 30.0), "before the term date")],
)  # fmt: skip
def test_without_age_or_sex_or_outside_the_standard_there_is_no_score_and_the_reason(child, words):
    score = circumference_score(430.0, child)
    assert score.z is None and score.percentile is None and words in score.flags[0]


def test_early_birth_corrects_the_age_until_two_years():
    early = Child(183, "female", 32.0)
    assert early.norm_days == 183 - 56 and early.corrected
    assert circumference_score(400.0, early).z > circumference_score(400.0, Child(183, "female")).z
    assert "corrected" in circumference_score(400.0, early).flags[0]
    assert not Child(183, "female", 38.0).corrected and not Child(800, "female", 32.0).corrected


def test_far_out_values_show_no_centile_and_the_error_of_z_is_that_of_the_value():
    score = circumference_score(370.0, Child(183, "female"), std=0.5)
    assert score.z < -3 and percentile_text(score.percentile) == "<0.1 %" and "beyond 3 SD" in score.flags[0]
    assert score.z_std == pytest.approx(0.5 / (422.079 * 0.03087))
    assert circumference_score(422.079, Child(183, "female"), offset=2.0).z == pytest.approx(2 / (422.079 * 0.03087))


def test_wrong_children_are_refused():
    for bad in ({"age_days": -1}, {"sex": "boy"}, {"gestation_weeks": 60}):
        with pytest.raises(ValueError, match="expected"):
            Child(**bad)


def test_cephalic_index_stands_beside_three_populations_and_asymmetry_has_grades():
    assert len(cephalic_references(Child(183, "female"))) == 3
    assert "grade 1 of 5" in asymmetry_text(-3.49) and "grade 2 of 5" in asymmetry_text(3.5)
    assert "grade 5 of 5" in asymmetry_text(-11.0)


def test_measures_carry_their_norms_or_say_there_is_none():
    found = inface.measure(inface.load_default_model("pca").template.mesh, age_days=183, sex="female")
    assert found["circ.ml"].z == pytest.approx((found["circ.ml"].value / 422.079 - 1) / 0.03087)
    assert found["ci.go"].percentile is None and found["ci.go"].reference.count("CT") == 3
    assert "no norm" in found["n-gn"].reference and "inside the bone" in found["v.tot"].reference
    assert all(m.reference for m in found.values() if m.value is not None)
