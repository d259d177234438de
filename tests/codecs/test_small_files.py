"""Masks, latents, landmarks, regressors, attributes, transforms."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inface._validate import vertex_mask
from inface.codecs.landmark_files import read_landmark_file as read_landmarks
from inface.codecs.landmark_files import write_landmark_file as write_landmarks
from inface.codecs.latents import read_latent, write_latent
from inface.codecs.masks import read_mask, write_mask
from inface.codecs.regression_json import (
    AttributeData,
    LabelMap,
    read_attributes,
    read_linear_regressor,
    write_attributes,
    write_linear_regressor,
)
from inface.codecs.transform_txt import read_transform, write_transform
from inface.errors import FormatError

few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("suffix", [".npy", ".txt", ".NPY"])
@few
@given(mask=st.lists(st.booleans(), min_size=1) | st.lists(st.integers(0, 10**6)))
def test_masks_come_back(tmp_path, suffix, mask):
    array = np.array(mask, bool if mask and isinstance(mask[0], bool) else np.int64)
    write_mask(tmp_path / f"m{suffix}", array)
    back = read_mask(tmp_path / f"m{suffix}")
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,4,2", [1, 4, 2]),
        ("1\n4\n2\n", [1, 4, 2]),
        ("1, 4,\n2", [1, 4, 2]),
        ("\ufeff0\r\n1\r\n", [0, 1]),
        ("True,FALSE\ntrue", [True, False, True]),
        ("", []),
    ],
)
def test_mask_texts(tmp_path, text, expected):
    (tmp_path / "m.txt").write_bytes(text.encode())
    np.testing.assert_array_equal(read_mask(tmp_path / "m.txt"), expected)


def test_masks_of_whole_floats_as_numpy_writes_them(tmp_path):
    np.save(tmp_path / "m.npy", np.array([0.0, 1, 1]))
    np.savetxt(tmp_path / "m.txt", np.array([0.0, 1, 1]))
    for name in ("m.npy", "m.txt"):
        mask = read_mask(tmp_path / name)
        assert mask.dtype == np.int64
        np.testing.assert_array_equal(mask, [0, 1, 1])


def test_zeros_and_255_are_neither_mask_nor_indices():
    picture = np.zeros(300, np.uint8)
    picture[5:40] = 255
    with pytest.raises(ValueError, match="each 0 or 255, are neither a mask of 0 and 1 nor a list"):
        vertex_mask("mask", picture, 300)
    with pytest.raises(ValueError, match="300 numbers, each 0 or 255, are a mask for another mesh: this one has 301"):
        vertex_mask("mask", picture, 301)
    np.testing.assert_array_equal(np.flatnonzero(vertex_mask("mask", [0, 255], 301)), [0, 255])


def test_zeros_and_ones_of_full_length_are_a_mask(tmp_path):
    (tmp_path / "m.txt").write_text("0,1,1,0")
    mask = read_mask(tmp_path / "m.txt")
    np.testing.assert_array_equal(vertex_mask("mask", mask, 4), [False, True, True, False])
    for wrong in (mask, mask.astype(np.uint8), mask * 0, mask.astype(float), [0, 1]):
        with pytest.raises(ValueError, match=f"{len(wrong)} numbers, each 0 or 1, are a mask .* 5 vertices"):
            vertex_mask("mask", wrong, 5)


@pytest.mark.parametrize("text", ["1.5", "1,yes", "1;2", "true,1", "9" * 40])
def test_bad_mask_texts(tmp_path, text):
    (tmp_path / "m.txt").write_text(text)
    with pytest.raises(FormatError, match="expected whole numbers or true/false words"):
        read_mask(tmp_path / "m.txt")


class Trap:
    """Sets `sprung` when it is unpickled."""

    sprung = False

    def __reduce__(self):
        return (_spring, ())


def _spring():
    Trap.sprung = True


@pytest.mark.parametrize("read", [read_mask, read_latent])
def test_npy_with_objects_is_never_unpickled(tmp_path, read):
    Trap.sprung = False
    np.save(tmp_path / "m.npy", np.array([Trap()], object), allow_pickle=True)
    with pytest.raises(FormatError, match="not loaded"):
        read(tmp_path / "m.npy")
    assert not Trap.sprung
    np.load(tmp_path / "m.npy", allow_pickle=True)  # the trap is a real one
    assert Trap.sprung


@pytest.mark.parametrize("read", [read_mask, read_latent])
def test_truncated_npy(tmp_path, read):
    np.save(tmp_path / "m.npy", np.arange(20))
    whole = (tmp_path / "m.npy").read_bytes()
    for cut in range(len(whole)):
        (tmp_path / "m.npy").write_bytes(whole[:cut])
        with pytest.raises(FormatError):
            read(tmp_path / "m.npy")


def test_mask_of_floats_and_archives(tmp_path):
    np.save(tmp_path / "m.npy", np.full(3, 0.5))
    with pytest.raises(FormatError, match="booleans or whole numbers, got float64"):
        read_mask(tmp_path / "m.npy")
    np.savez(tmp_path / "m.npz", a=np.zeros(3))
    (tmp_path / "m.npz").rename(tmp_path / "m.npy")
    with pytest.raises(FormatError, match="archive"):
        read_mask(tmp_path / "m.npy")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_mask(tmp_path / "none.txt")


@pytest.mark.parametrize("name", ["z.npy", "z.json", "z.JSON"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_latents_come_back(tmp_path, name, dtype):
    code = np.random.default_rng(0).normal(size=7).astype(dtype)
    write_latent(tmp_path / name, code)
    back = read_latent(tmp_path / name)
    np.testing.assert_array_equal(back, code)
    assert back.dtype == (dtype if name.endswith("npy") else "f8")


@pytest.mark.parametrize("text", ['{"code": [1]}', "[[1, 2]]", "[1, null]", "3", '["a"]', "[1, 2", "[NaN]"])
def test_bad_latents(tmp_path, text):
    (tmp_path / "z.json").write_text(text)
    with pytest.raises(FormatError):
        read_latent(tmp_path / "z.json")


def test_latent_suffix(tmp_path):
    with pytest.raises(FormatError, match=r"unknown latent suffix '\.pkl'; known are \.json, \.npy"):
        read_latent(tmp_path / "z.pkl")


def test_landmarks_come_back(tmp_path):
    points = {"nasion": np.array([1 / 3, -2e-300, 5.0]), 'a, "b"': np.full(3, np.nan), "ü": np.zeros(3)}
    write_landmarks(tmp_path / "l.csv", points)
    back = read_landmarks(tmp_path / "l.csv")
    assert list(back) == list(points)
    for name in points:
        np.testing.assert_array_equal(back[name], points[name])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-3.5e+01,9,3\n1,2,3\n", {"0": [-35, 9, 3], "1": [1, 2, 3]}),
        ("x,y,z,name\n1,2,3,nasion\nnan,NaN,,ear_l\n", {"nasion": [1, 2, 3], "ear_l": [np.nan] * 3}),
        ("name,x,y,z\nnasion,1,2,3\r\n\r\n", {"nasion": [1, 2, 3]}),
        ("1,2,3,nasion\n4,5,6,\n", {"nasion": [1, 2, 3], "1": [4, 5, 6]}),
        ("", {}),
    ],
)
def test_landmark_dialects(tmp_path, text, expected):
    (tmp_path / "l.csv").write_text(text)
    back = read_landmarks(tmp_path / "l.csv")
    assert list(back) == list(expected)
    for name, point in expected.items():
        np.testing.assert_array_equal(back[name], point)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,2\n", "expected x,y,z"),
        ("a,b,c\n", "expected x,y,z"),
        ("1,2,inf\n", "expected x,y,z"),
        ("1,2,3,a,b\n", "expected x,y,z"),
        ("1,2,3,a\n4,5,6,a\n", "'a' stands more than once"),
    ],
)
def test_bad_landmarks(tmp_path, text, words):
    (tmp_path / "l.csv").write_text(text)
    with pytest.raises(FormatError, match=words):
        read_landmarks(tmp_path / "l.csv")


def test_regressors_come_back(tmp_path):
    matrix, intercept = np.random.default_rng(0).normal(size=(2, 3)), np.array([1 / 3, 2])
    write_linear_regressor(tmp_path / "r.json", matrix, intercept)
    back = read_linear_regressor(tmp_path / "r.json")
    np.testing.assert_array_equal(back[0], matrix)
    np.testing.assert_array_equal(back[1], intercept)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"matrix": [[1, 2]]}', "'matrix' and 'intercept'"),
        ('{"matrix": [[1, 2]], "intercept": [1, 2]}', r"intercept: expected shape \(..., 1\), got \(2,\)"),
        ('{"matrix": [[1, 2], [3]], "intercept": [1, 2]}', "matrix: expected numbers"),
        ('{"matrix": [[1, NaN]], "intercept": [1]}', "matrix: expected finite"),
        ('{"matrix": [[[1]]], "intercept": [1]}', "expected a matrix and a vector"),
        ("[]", "JSON object"),
        ('{"matrix": [[1', "damaged or cut short"),
    ],
)
def test_bad_regressors(tmp_path, text, words):
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(FormatError, match=words):
        read_linear_regressor(tmp_path / "r.json")


def test_attributes_come_back(tmp_path):
    attributes = {
        "CI": AttributeData(np.array([0.1, 1 / 3]), 80.0, 5.5, "cephalic index", LabelMap("power", 3.0, 80.0, 5.5)),
        "age": AttributeData(np.array([1.0, 2]), 7.0, 0.0),
    }
    write_attributes(tmp_path / "a.json", attributes)
    back = read_attributes(tmp_path / "a.json")
    assert list(back) == ["CI", "age"]
    for name, a in attributes.items():
        b = back[name]
        np.testing.assert_array_equal(a.weights, b.weights)
        assert (a.mean, a.std, a.description, str(a.mapping)) == (b.mean, b.std, b.description, str(b.mapping))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "JSON object of attributes"),
        ('{"CI": [[1, 2]]}', "attribute 'CI' should be a list"),
        ('{"CI": [[1, 2], "a", 1, ""]}', "attribute 'CI': mean: expected numbers"),
        ('{"CI": [[1, 2], 1, -1, ""]}', "a std of 0 or more"),
        ('{"CI": [[1, 2], 1, 1, ""], "TR": [[1], 1, 1, ""]}', r"attribute 'TR': weights: expected shape \(..., 2\)"),
    ],
)
def test_bad_attributes(tmp_path, text, words):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(FormatError, match=words):
        read_attributes(tmp_path / "a.json")


def test_transforms(tmp_path):
    matrix = np.vstack([np.random.default_rng(0).normal(size=(3, 4)), [0, 0, 0, 1]])
    write_transform(tmp_path / "t.txt", matrix)
    np.testing.assert_array_equal(read_transform(tmp_path / "t.txt"), matrix)
    assert (tmp_path / "t.txt").read_text().count(",") == 15


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,2,3", "16 comma-separated"),
        (",".join("a" * 16), "16 comma-separated"),
        (",".join("1" * 16), "last row"),
        ("nan," + ",".join("1" * 15), "16 comma-separated"),
    ],
)
def test_bad_transforms(tmp_path, text, words):
    (tmp_path / "t.txt").write_text(text)
    with pytest.raises(FormatError, match=words):
        read_transform(tmp_path / "t.txt")
