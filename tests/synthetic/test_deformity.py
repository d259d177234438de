"""Deformities are graded by what the measurement finds."""

import numpy as np
import pytest

from inface.measurement import cranial_measures
from inface.synthetic import DEFORMITIES, Deformity, head, shapes_for
from inface.synthetic.deformity import deformity_amounts


def measured(infant, deformity, identity=4, age=5):
    return cranial_measures(infant, head(age, None, identity, deformity=deformity).vertices)


@pytest.mark.parametrize("severity", [3.5, 9.0, 14.0])
@pytest.mark.parametrize("side, sign", [("left", 1), ("right", -1)])
def test_plagiocephaly_has_the_index_and_the_side_asked_for(infant, severity, side, sign):
    got = measured(infant, Deformity("plagiocephaly", severity, side))
    assert got.cvai == pytest.approx(sign * severity, abs=0.1)


def test_the_ear_and_forehead_of_the_flattened_side_come_forward(infant):
    plain, flat = (head(6, None, None, deformity=d).vertices for d in (None, Deformity("plagiocephaly", 10.0, "right")))
    moved = flat[:, 2] - plain[:, 2]
    marks = infant.landmarks
    assert moved[marks["t_r"]] > moved[marks["t_l"]] + 1
    assert moved[marks["ft_r"]] > moved[marks["ft_l"]] + 1


def test_broad_and_long_heads_change_the_cephalic_index_as_asked(infant):
    plain = measured(infant, None)
    assert measured(infant, {"brachycephaly": 9}).cephalic_index - plain.cephalic_index == pytest.approx(9, abs=0.1)
    assert measured(infant, {"scaphocephaly": 8}).cephalic_index - plain.cephalic_index == pytest.approx(-8, abs=0.1)


def test_trigonocephaly_narrows_the_forehead_and_the_eyes(infant):
    plain, keel = (head(6, None, None, deformity=d).vertices for d in (None, {"trigonocephaly": 1.0}))
    marks = infant.landmarks
    for name in ("ft", "en"):
        width = [v[marks[name + "_l"], 0] - v[marks[name + "_r"], 0] for v in (plain, keel)]
        assert width[1] < width[0] - 1.5


def test_severities_grade_smoothly_and_zero_is_none(infant):
    sizes = [
        np.linalg.norm(
            head(6, None, 2, deformity={"brachycephaly": s}).vertices - head(6, None, 2).vertices, axis=1
        ).max()
        for s in (0, 3, 6, 12)
    ]
    assert sizes[0] == 0 and (np.diff(sizes) > 0).all()


@pytest.mark.parametrize("name", DEFORMITIES)
def test_no_face_turns_at_the_usual_severity(faces, maker, name):
    vectors = np.random.default_rng(5).standard_normal((4, maker.identity.size))
    amounts = deformity_amounts(name)
    before = shapes_for(vectors, [0, 4, 12, 30]).astype(float)
    after = shapes_for(vectors, [0, 4, 12, 30], None, None, amounts).astype(float)
    for a, b in zip(before, after, strict=True):
        assert not faces.turned(a, b).any()


def test_bad_deformities_are_refused():
    with pytest.raises(ValueError, match="no deformity 'cubic'; there are: plagiocephaly"):
        head(deformity="cubic")
    with pytest.raises(ValueError, match="expected a severity from 0 to 20"):
        Deformity("plagiocephaly", 45)
    with pytest.raises(ValueError, match="expected a severity from 0 to 1"):
        head(deformity={"trigonocephaly": -0.5})
    with pytest.raises(ValueError, match="side: expected 'left' or 'right'"):
        Deformity("plagiocephaly", 5, "back")
