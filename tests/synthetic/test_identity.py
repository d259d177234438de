"""Identity: the drawn children have the published measures, differ as children do, and stay themselves."""

import re
from pathlib import Path

import numpy as np
import pytest

from inface.geometry.adjacency import triangle_normals
from inface.measurement import cranial_measures, landmark_distances
from inface.synthetic import SECOND_SETTING, anthropometry, head, shapes_for, template
from inface.synthetic.anthropometry import ROWS
from inface.synthetic.identity import Identity, Variation
from inface.synthetic.statistics import HELD_SIZES, drawn_measures, measure_table, target
from inface.synthetic.targets import CEPHALIC_INDEX, CIRCUMFERENCE
from inface.transforms import procrustes

TEMPLATE = template()
DOCS = Path(__file__).parents[2] / "docs" / "infant_population.md"
TABLE_START, TABLE_END = "<!-- measures -->", "<!-- end of measures -->"
SPREADS = ("ex-ex", "en-en", "ch-ch", "al-al")


def children(maker, count, seed):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, maker.identity.size)), np.where(np.arange(count) % 2, "male", "female")


@pytest.fixture(scope="module")
def sixty(maker):
    vectors, sexes = children(maker, 60, 1)
    return vectors, sexes, shapes_for(vectors, 6, sexes).astype(float)


@pytest.mark.parametrize("age", [0, 3, 6, 12, 24, 36])
def test_measures_of_two_thousand_children(maker, age):
    """On the control points and the ring of the circumference, which the next test ties to the surface."""
    drawn = drawn_measures(age, seed=2 + age)
    for name in ("circumference, boys", "circumference, girls"):
        mean, spread = target(name, age)
        assert np.median(drawn[name]) == pytest.approx(mean, rel=0.01)
        assert drawn[name].std() == pytest.approx(spread, rel=0.10)
    mean, spread = target("cephalic index", age)
    assert drawn["cephalic index"].mean() == pytest.approx(mean, abs=0.5)
    assert drawn["cephalic index"].std() == pytest.approx(spread, rel=0.10)
    for name in SPREADS:
        mean, spread = target(name, age)
        assert drawn[name].mean() == pytest.approx(mean, rel=0.02)
        assert drawn[name].std() == pytest.approx(spread, rel=0.15), name


def test_the_table_in_the_docs_is_true():
    """Every number of the table stands within rounding of what is drawn now (2 % of the mean, 12 % of the spread)."""
    text = DOCS.read_text(encoding="utf-8").split(TABLE_START)[1].split(TABLE_END)[0]
    now = measure_table()
    old, new = (re.findall(r"^\| ([^|]+) \|(.*)\|([^|]+)\|$", t, re.M)[1:] for t in (text, now))
    assert [row[0] for row in old] == [row[0] for row in new] and len(old) == 3 + len(HELD_SIZES)
    for (name, before, source), (_, after, source_now) in zip(old, new, strict=True):
        assert source == source_now, name
        numbers = [np.array(re.findall(r"[\d.]+", cells), float).reshape(6, 4) for cells in (before, after)]
        np.testing.assert_allclose(numbers[0][:, ::2], numbers[1][:, ::2], rtol=0.02, err_msg=name)
        np.testing.assert_allclose(numbers[0][:, 1::2], numbers[1][:, 1::2], rtol=0.12, err_msg=name)


def test_the_surface_has_the_measures_that_were_drawn(infant, maker, sixty):
    vectors, sexes, heads = sixty
    got = cranial_measures(infant, heads)
    scores = maker.identity.scores(vectors)
    for sex in ("male", "female"):
        one = sexes == sex
        median, spread = anthropometry.circumference(6, sex)
        error = got.circumference[one] - (median + spread * scores[one, CIRCUMFERENCE])
        assert np.abs(error).mean() < 1.0 and np.abs(error).max() < 5
    mean, spread = anthropometry.cephalic_index(6)
    assert np.abs(got.cephalic_index - mean - spread * scores[:, CEPHALIC_INDEX]).mean() < 0.6
    assert 0.05 < np.abs(got.cvai).mean() < 3.5  # naturally, not wholly symmetric


@pytest.mark.slow
@pytest.mark.parametrize("age", [0, 6, 36])
def test_two_thousand_heads_measured_on_the_surface(infant, maker, age):
    vectors, sexes = children(maker, 2000, 40 + age)
    values, distances = [], []
    for start in range(0, 2000, 200):
        part = slice(start, start + 200)
        heads = shapes_for(vectors[part], age, sexes[part]).astype(float)
        got = cranial_measures(infant, heads)
        values.append(np.stack([got.circumference, got.cephalic_index], 1))
        distances.append(np.stack(list(landmark_distances(heads, infant.landmarks, SPREADS).values()), 1))
    table, sizes = np.concatenate(values), np.concatenate(distances)
    for sex in ("male", "female"):
        median, spread = anthropometry.circumference(age, sex)
        assert np.median(table[sexes == sex, 0]) == pytest.approx(median, rel=0.01)
        assert table[sexes == sex, 0].std() == pytest.approx(spread, rel=0.10)
    assert table[:, 1].std() == pytest.approx(anthropometry.cephalic_index(age)[1], rel=0.10)
    for k, name in enumerate(SPREADS):
        assert sizes[:, k].std() / sizes[:, k].mean() == pytest.approx(ROWS[name].spread, rel=0.15)


def test_children_of_one_age_differ_by_four_to_six_millimetres(sixty):
    heads = sixty[2]
    distances = []
    for a, b in zip(heads[::2], heads[1::2], strict=True):
        distances.append(np.linalg.norm(procrustes(a, b).apply(a) - b, axis=1).mean())
    assert 4 < np.mean(distances) < 6


def test_the_vault_spans_long_and_flat_backs(infant, maker):
    """Three standard deviations reach cephalic indices below 70 and above 100."""
    direction = np.zeros((2, maker.identity.size))
    row = maker.identity.loadings[CEPHALIC_INDEX]
    direction[:, : len(row)] = np.outer([-2.6, 2.6], row)
    got = cranial_measures(infant, shapes_for(direction, 6).astype(float)).cephalic_index
    assert got[0] < 70 and got[1] > 100


def test_the_same_child_at_another_age_is_the_same_child(maker):
    vectors, _ = children(maker, 20, 9)
    mean = shapes_for(np.zeros((1, maker.identity.size)), [6, 24]).astype(float)
    young, old = (shapes_for(vectors, age).astype(float) - mean[k] for k, age in enumerate((6, 24)))
    old = old - old.mean(0)
    young = young - young.mean(0)
    for i, child in enumerate(young):
        alike = (old * child).sum((1, 2)) / np.linalg.norm(old.reshape(20, -1), axis=1)
        assert alike.argmax() == i


def test_no_face_turns_in_random_children(faces, maker):
    vectors, sexes = children(maker, 40, 11)
    ages = np.linspace(0, 36, 40)
    heads = shapes_for(vectors, ages, sexes).astype(float)
    means = shapes_for(np.zeros((1, maker.identity.size)), ages).astype(float)
    for mean, one in zip(means, heads, strict=True):
        assert not faces.turned(mean, one).any()
        assert faces.areas(one).min() > 1e-3


@pytest.mark.slow
def test_no_face_turns_in_five_hundred_children(faces, maker):
    vectors, sexes = children(maker, 500, 12)
    ages = np.random.default_rng(12).uniform(0, 36, 500)
    for start in range(0, 500, 100):
        part = slice(start, start + 100)
        heads = shapes_for(vectors[part], ages[part], sexes[part]).astype(float)
        means = shapes_for(np.zeros((1, maker.identity.size)), ages[part]).astype(float)
        for mean, one in zip(means, heads, strict=True):
            assert not faces.turned(mean, one).any()
            assert faces.areas(one).min() > 1e-3


def test_the_check_of_turned_faces_sees_one(faces):
    crumpled = faces.rest.copy()
    a, b, c = faces.triangles[~faces.apart][1000]
    crumpled[a] = crumpled[[b, c]].mean(0) + 1.5 * (crumpled[[b, c]].mean(0) - crumpled[a])
    assert faces.turned(faces.rest, crumpled).any()
    angle = 0.8
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    assert not faces.turned(faces.rest, faces.rest @ turn.T).any()


def test_kernels_and_asymmetry_are_arguments(maker):
    even = Identity(maker.growth, Variation(asymmetry=0.0, skew=0.0))
    rough = Identity(maker.growth, Variation(kernels=((3.0, 60.0),)))
    vector = np.random.default_rng(0).standard_normal((1, even.size))
    mirror = maker.template.mirror
    smooth = (even.detail @ even.detail_weights(vector))[0]
    np.testing.assert_allclose(smooth[mirror] * [-1, 1, 1], smooth, atol=1e-9)
    assert (rough.detail**2).sum() > 2 * (even.detail**2).sum()


def test_natural_asymmetry_of_the_vault_stays_below_the_clinics_grades_in_most(maker):
    heads = maker.shapes(np.random.default_rng(5).standard_normal((150, maker.identity.size)), 6.0)
    cvai = cranial_measures(maker.template, heads).cvai
    assert 1.5 < np.abs(cvai).mean() < 2.5
    assert 0.05 < (np.abs(cvai) > 3.5).mean() < 0.28
    assert abs(cvai.mean()) < 0.6


def test_the_second_setting_moves_everyone_outward_where_it_says():
    plain = head(6, identity=None).vertices
    moved = head(6, identity=None, variation={"shift": [("cheek_l", 2.0, 12.0)]}).vertices - plain
    far = np.linalg.norm(plain - plain[TEMPLATE.landmarks["cheek_l"]], axis=1) > 60
    at = moved[TEMPLATE.landmarks["cheek_l"]]
    assert np.linalg.norm(at) == pytest.approx(2.0, abs=0.05) and at[2] > 0
    assert np.abs(moved[far]).max() < 0.01


def test_the_second_setting_is_wider_and_turns_no_triangle_over():
    usual, second = (
        np.array([head(6, identity=i, variation=v).vertices for i in range(12)]) for v in (None, SECOND_SETTING)
    )
    assert second.std(0).mean() > 1.15 * usual.std(0).mean()
    triangles = TEMPLATE.mesh.triangles
    inside = np.concatenate([TEMPLATE.regions[name] for name in ("mouth_inside", "lids")])
    skin = ~np.isin(triangles, inside).any(1)
    at_rest = triangle_normals(TEMPLATE.mesh.vertices, triangles)
    for one in second:
        turned = (triangle_normals(one, triangles) * at_rest).sum(1)
        assert (turned[skin] > 0).all()


def test_a_shift_at_no_landmark_is_refused():
    with pytest.raises(ValueError, match="names no landmark of the template: 'nowhere'"):
        head(6, variation={"shift": [("nowhere", 1, 10)]})
    with pytest.raises(ValueError, match="radius above 0"):
        head(6, variation={"shift": [("g", 1, 0)]})
