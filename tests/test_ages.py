"""Ages as people write them."""

import pytest

from inface.ages import days_of, months_of


@pytest.mark.parametrize(
    "text,days",
    [("183d", 183), ("26w", 182), ("6m", 182.625), ("6mo", 182.625), ("1y", 365.25), ("6", 182.625), ("1y6m", 547.875),
     (" 1Y 2d ", 367.25), ("0d", 0), ("0,5", 15.21875), ("6,5m", 197.84375), (6.5, 197.84375)],
)  # fmt: skip
def test_ages_are_read(text, days):
    assert days_of(text) == pytest.approx(days)
    assert months_of(text) == pytest.approx(days / 30.4375)


@pytest.mark.parametrize("text", ["", "six", "6q", "6m later", "1e400", "nan", None, [3], "6m-2d"])
def test_what_is_no_age_is_refused_with_examples(text):
    with pytest.raises(ValueError, match="expected something like 183d"):
        days_of(text)


@pytest.mark.parametrize("text", ["-3", "-3m", -0.1, "-10d"])
def test_a_negative_age_is_refused(text):
    with pytest.raises(ValueError, match="birth: expected an age of zero or more"):
        days_of(text, "birth")
