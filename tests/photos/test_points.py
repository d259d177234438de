"""Landmark files of photographs: every kind, and every refusal."""

import json

import numpy as np
import pytest

from inface.errors import FormatError
from inface.photos.points import IBUG, WFLW, find_points, read_points

PLACES = np.arange(136, dtype=float).reshape(68, 2) + 100.25


def same(found, expected=PLACES):
    assert tuple(found) == IBUG
    np.testing.assert_allclose(np.array(list(found.values())), expected, atol=1e-9)


def test_pts_counts_from_one(tmp_path):
    body = "\n".join(f"{u} {v}" for u, v in PLACES)
    (tmp_path / "a.pts").write_text(f"version: 1\nn_points: 68\n{{\n{body}\n}}\n")
    same(read_points(tmp_path / "a.pts"), PLACES - 1)


@pytest.mark.parametrize("mark", [" ", "\t", ",", ", ", ";"])
def test_rows_in_order(tmp_path, mark):
    (tmp_path / "a.txt").write_text("\n".join(f"{u}{mark}{v}" for u, v in PLACES))
    same(read_points(tmp_path / "a.txt"))


def test_decimal_commas_between_semicolons(tmp_path):
    text = "name;u;v\nprn;12,5;30,25\nsn;13;40\n"
    (tmp_path / "a.csv").write_text(text)
    found = read_points(tmp_path / "a.csv")
    np.testing.assert_allclose(found["prn"], [12.5, 30.25])


def test_names_first_or_last_with_or_without_a_header_and_hidden_points(tmp_path):
    for text in ("name,u,v\nprn,1,2\nsn,,\n", "u,v,name\n1,2,prn\nnan,nan,sn\n", "prn,1,2\nsn,nan,nan\n"):
        (tmp_path / "a.csv").write_text(text)
        found = read_points(tmp_path / "a.csv")
        assert list(found) == ["prn", "sn"]
        np.testing.assert_array_equal(found["prn"], [1, 2])
        assert np.isnan(found["sn"]).all()


@pytest.mark.parametrize(
    "content",
    [
        {"prn": [1, 2], "sn": None},
        {"landmarks": {"prn": {"x": 1, "y": 2}, "sn": [None, None]}},
        [{"name": "prn", "x": 1, "y": 2}, {"id": "sn", "u": None, "v": None}],
        [{"id": "prn", "coordinates": [1, 2, 0]}, {"id": "sn", "coordinates": [None, None]}],
    ],
)
def test_json(tmp_path, content):
    (tmp_path / "a.json").write_text(json.dumps(content))
    found = read_points(tmp_path / "a.json")
    np.testing.assert_array_equal(found["prn"], [1, 2])
    assert np.isnan(found["sn"]).all()


def test_wflw_by_its_published_correspondence(tmp_path):
    rows = np.arange(196, dtype=float).reshape(98, 2)
    (tmp_path / "a.txt").write_text("\n".join(f"{u} {v}" for u, v in rows))
    same(read_points(tmp_path / "a.txt"), rows[list(WFLW)])
    assert len(set(WFLW)) == 68
    # chin, tip of the nose's bridge, outer corners of both eyes, corners of the mouth
    assert [WFLW[i] for i in (8, 30, 36, 45, 48, 54)] == [16, 54, 60, 72, 76, 82]


def test_mediapipe_shares_need_the_size(tmp_path):
    shares = np.random.default_rng(0).random((478, 3))
    (tmp_path / "a.json").write_text(json.dumps(shares.tolist()))
    with pytest.raises(FormatError, match="size"):
        read_points(tmp_path / "a.json")
    found = read_points(tmp_path / "a.json", (200, 100))
    np.testing.assert_allclose(found["mp_477"], shares[477, :2] * [200, 100] - 0.5)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.txt", "1 2\n3 4\n", "68"),
        ("a.csv", "prn,1,2\nprn,3,4\n", "more than once"),
        ("a.csv", "prn,1,2\n3,4\n", "some rows have names"),
        ("a.csv", "prn,1,2\nsn,x,y\n", "row 2"),
        ("a.json", "{", "no JSON"),
        ("a.json", '{"prn": "here"}', "pixel"),
        ("a.json", "3", "names with pixels"),
        ("a.doc", "", "suffixes"),
        ("a.txt", "", "found none"),
        ("a.csv", "prn,inf,2\n", "row"),
    ],
)
def test_refusals_are_one_sentence(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(FormatError, match=words) as caught:
        read_points(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_the_file_beside_a_photograph_has_exactly_its_stem(tmp_path):
    photo = tmp_path / "anna.jpg"
    for name in ("anna.jpg", "anna_2.pts"):
        (tmp_path / name).touch()
    assert find_points(photo) is None
    (tmp_path / "anna.csv").touch()
    assert find_points(photo) == tmp_path / "anna.csv"
    (tmp_path / "anna.pts").touch()
    with pytest.raises(FormatError, match="two landmark files"):
        find_points(photo)
