"""Cohorts: every factor kept, the same bytes again, and a folder that training can read."""

import csv
import json
import time

import numpy as np
import pytest

from inface.codecs import read_mesh
from inface.synthetic import DEFORMITIES, UNITS, Variation, cohort, head, shapes_for, write_cohort


@pytest.fixture(scope="module")
def made():
    return cohort(24, 3, seed=5)


def test_a_cohort_keeps_every_factor(infant, made):
    assert made.shapes.shape == (72, len(infant.mesh.vertices), 3)
    assert len(set(made.subject)) == 24 and set(made.sex) == {"male", "female"}
    assert made.factors["expression_weights"].shape == (72, len(UNITS))
    assert made.factors["deformity"].shape == (72, len(DEFORMITIES))
    assert (made.age_months >= 0).all() and (made.age_months <= 36).all()
    for child in set(made.subject):
        rows = made.subject == child
        assert len(np.unique(made.factors["identity"][rows], axis=0)) == 1
        assert len(set(made.sex[rows])) == len(set(made.split[rows])) == 1
    again = shapes_for(
        made.factors["identity"],
        made.age_months,
        made.sex,
        made.factors["expression_weights"],
        made.factors["deformity"],
    )
    np.testing.assert_array_equal(again, made.shapes)


def test_two_workers_give_the_same_bytes(made):
    np.testing.assert_array_equal(cohort(24, 3, seed=5, workers=2).shapes, made.shapes)
    assert not np.array_equal(cohort(2, 3, seed=6).shapes, made.shapes[:6])


def test_a_child_does_not_depend_on_how_many_follow(made):
    few = cohort(4, 3, seed=5)
    np.testing.assert_array_equal(few.factors["identity"], made.factors["identity"][:12])
    np.testing.assert_array_equal(few.shapes, made.shapes[:12])
    # nor on which others are made beside it
    rows = np.array([40, 3, 40, 71])
    one_by_one = shapes_for(
        made.factors["identity"][rows],
        made.age_months[rows],
        made.sex[rows],
        made.factors["expression_weights"][rows],
        made.factors["deformity"][rows],
    )
    np.testing.assert_array_equal(one_by_one, made.shapes[rows])


def test_a_seed_gives_the_same_head():
    np.testing.assert_array_equal(head(9, "male", 3).vertices, head(9, "male", 3).vertices)
    assert not np.array_equal(head(9, "male", 3).vertices, head(9, "male", 4).vertices)


def test_head_takes_a_vector_and_carries_landmarks_and_colours(infant, maker):
    vector = np.zeros(maker.identity.size)
    mean = head(6, None, None)
    np.testing.assert_array_equal(head(6, None, vector).vertices, mean.vertices)
    assert mean.colors is not None and set(mean.landmarks) == set(infant.landmarks)
    np.testing.assert_array_equal(mean.landmarks["prn"], mean.vertices[infant.landmarks["prn"]])
    with pytest.raises(ValueError, match=f"identity: expected a seed .* {len(vector)} numbers"):
        head(6, None, vector[:-1])
    with pytest.raises(ValueError, match="a seed of 0 or more"):
        head(6, None, -1)
    with pytest.raises(ValueError, match="age: expected months from 0 to 36, got 40"):
        head(40)


def test_shares_are_shares():
    none = cohort(6, 2, plagiocephaly_share=0, brachycephaly_share=0, neutral_share=1.0, test_share=0)
    assert none.neutral.all() and (none.factors["deformity"] == 0).all() and set(none.split) == {"train"}
    flat = cohort(6, 1, plagiocephaly_share=1.0, brachycephaly_share=0, ages=(4, 5))
    assert (np.abs(flat.factors["deformity"][:, 0]) >= 3.5).all()
    assert (flat.age_months >= 4).all() and (flat.age_months <= 5).all()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"subjects": 0}, "subjects: expected a whole number"),
        ({"ages": (5, 2)}, "expected \\(youngest, oldest\\)"),
        ({"ages": (0, 50)}, "from 0 to 36, got 50"),
        ({"neutral_share": 1.5}, "neutral_share: expected a share"),
        ({"expressions": {"grin": 1}}, "no expression 'grin'"),
        ({"workers": 0}, "workers: expected a whole number of 1"),
        ({"plagiocephaly_share": 0.8, "brachycephaly_share": 0.4}, "a sum of at most 1"),
    ],
)
def test_impossible_plans_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        cohort(**{"subjects": 2, **options})


def test_a_folder_of_a_cohort_and_its_restart(tmp_path, infant):
    options = {"subjects": 13, "scans_per_subject": 3, "seed": 2}

    class Stop(Exception):
        pass

    def stop(done, total):
        raise Stop

    with pytest.raises(Stop):
        write_cohort(tmp_path / "stopped", **options, progress=stop)
    assert not (tmp_path / "stopped" / "manifest.csv").exists()
    kept = sorted((tmp_path / "stopped").glob("*.ply"))
    assert 0 < len(kept) < 39
    (tmp_path / "stopped" / kept[0].name).unlink()
    stamp = kept[1].stat().st_mtime_ns
    calls = []
    manifest = write_cohort(tmp_path / "stopped", **options, progress=lambda *c: calls.append(c))
    assert calls[-1] == (39, 39)
    assert kept[1].stat().st_mtime_ns == stamp  # what stood was not written again
    write_cohort(tmp_path / "whole", **options)
    for file in (tmp_path / "whole").iterdir():
        assert file.read_bytes() == (tmp_path / "stopped" / file.name).read_bytes(), file.name

    made = cohort(13, 3, 2)
    with open(manifest, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["subject"] for row in rows] == list(made.subject)
    assert [float(row["age_months"]) for row in rows] == list(made.age_months)
    assert [row["neutral"] == "yes" for row in rows] == list(made.neutral)
    mesh = read_mesh(tmp_path / "whole" / rows[5]["file"])
    np.testing.assert_allclose(mesh.vertices, made.shapes[5], atol=1e-4)
    np.testing.assert_array_equal(mesh.triangles, infant.mesh.triangles)
    factors = json.loads((tmp_path / "whole" / "factors.json").read_text())
    assert factors["units"] == list(UNITS)
    np.testing.assert_array_equal(factors["identity"][rows[5]["subject"]], made.factors["identity"][5])
    with pytest.raises(ValueError, match="made with other options"):
        write_cohort(tmp_path / "whole", **{**options, "seed": 3})


def test_sixty_heads_a_second_on_one_core(made):
    start = time.process_time()
    cohort(32, 3, seed=8)
    assert 96 / (time.process_time() - start) > 60


def test_kernels_and_amplitudes_are_arguments_of_head_cohort_and_shapes_for(infant):
    level = {"asymmetry": 0.0, "skew": 0.0}
    alike = head(9, "male", 4, variation=level).vertices
    np.testing.assert_allclose(alike[infant.mirror] * [-1, 1, 1], alike, atol=2e-4)
    made = cohort(2, 2, seed=3, neutral_share=1, variation=level, plagiocephaly_share=0)
    np.testing.assert_allclose(made.shapes[:, infant.mirror] * [-1, 1, 1], made.shapes, atol=2e-4)
    again = shapes_for(made.factors["identity"], made.age_months, made.sex, None, variation=Variation(**level))
    np.testing.assert_array_equal(again, made.shapes)
    same = Variation(measures=0, kernels=((0, 1),), face_kernel=(0, 1), asymmetry=0, skew=0)
    one, other = (head(9, "male", seed, variation=same).vertices for seed in (1, 2))
    np.testing.assert_allclose(one, other, atol=1e-3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: head([1, 2]), "one age"),
        (lambda: head(6, "boy"), "'male', 'female' or None"),
        (lambda: head(6, None, True), "a seed"),
        (lambda: head(6, None, np.zeros(5)), "a seed"),
        (lambda: head(6, None, "bob"), "a seed"),
        (lambda: head(6, expression=["smile"]), "a name or a mapping"),
        (lambda: head(6, expression="smle"), "jaw_open"),
        (lambda: head(6, expression={"smile": "much"}), "0 to 1"),
        (lambda: head(6, deformity=3), "a name, a Deformity"),
        (lambda: head(6, deformity={"plagiocephaly": "mild"}), "0 to 20"),
        (lambda: head(6, variation={"kernel": ()}), "face_kernel"),
        (lambda: head(6, variation={"kernels": ((1, 0),)}), "length above 0"),
        (lambda: head(6, variation={"skew": -1}), "skew"),
        (lambda: cohort(1, 1, -1), "seed"),
        (lambda: cohort(1, 1, 0, sujects=3), "plagiocephaly_share"),
        (lambda: cohort(1, 1, 0, ages=3), "youngest"),
        (lambda: shapes_for(np.zeros(404), 6, None, np.zeros(3)), "expression weights"),
        (lambda: shapes_for(np.zeros(404), 6, None, None, [99, 0, 0, 0]), "plagiocephaly"),
    ],
)
def test_bad_input_gets_one_sentence(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_units_name_is_that_unit_at_full_strength():
    np.testing.assert_array_equal(head(6, expression="pout").vertices, head(6, expression={"pout": 1}).vertices)
