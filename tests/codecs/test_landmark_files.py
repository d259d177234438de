"""Landmark files of other programs: ours come back, theirs are understood as those programs write them."""

import json

import numpy as np
import pytest

from inface.codecs.landmark_files import IBUG, find_landmark_file, read_landmark_file, write_landmark_file
from inface.errors import FormatError

POINTS = {"n": np.array([1.25, -2e-3, 1 / 3]), 'ch_l "x", <&>': np.array([4.0, 5, 6]), "gone": np.full(3, np.nan)}


@pytest.mark.parametrize("suffix", [".csv", ".pp", ".fcsv", ".mrk.json", ".json"])
def test_what_is_written_comes_back(tmp_path, suffix):
    write_landmark_file(tmp_path / f"a{suffix}", POINTS)
    back = read_landmark_file(tmp_path / f"a{suffix}")
    for name in ("n", 'ch_l "x", <&>'):
        np.testing.assert_array_equal(back[name], POINTS[name])
    assert "gone" not in back or np.isnan(back["gone"]).all()


def test_ibug_order_with_and_without_header(tmp_path):
    rows = np.arange(204.0).reshape(68, 3)
    write_landmark_file(tmp_path / "a.pts", dict(zip(IBUG, rows, strict=True)))
    np.testing.assert_array_equal(read_landmark_file(tmp_path / "a.pts")["ibug_08"], rows[8])
    np.savetxt(tmp_path / "plain.csv", rows, delimiter=",")
    np.testing.assert_array_equal(read_landmark_file(tmp_path / "plain.csv")["ibug_67"], rows[67])
    write_landmark_file(tmp_path / "b.pts", {"n": rows[0]})  # other names: the list of IDAV Landmark
    np.testing.assert_array_equal(read_landmark_file(tmp_path / "b.pts")["n"], rows[0])


def test_slicer_in_ras_is_turned_to_lps(tmp_path):
    (tmp_path / "old.fcsv").write_text(
        "# Markups fiducial file version = 4.10\n# CoordinateSystem = 0\n"
        "# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID\n"
        "vtkMRMLMarkupsFiducialNode_0,1,2,3,0,0,0,1,1,1,0,nasion,,\n"
    )
    np.testing.assert_array_equal(read_landmark_file(tmp_path / "old.fcsv")["nasion"], [-1, -2, 3])
    markup = {
        "coordinateSystem": "RAS",
        "controlPoints": [
            {"id": "1", "label": "n", "position": [1, 2, 3], "positionStatus": "defined"},
            {"id": "2", "label": "prn", "positionStatus": "undefined"},
        ],
    }
    (tmp_path / "a.mrk.json").write_text(json.dumps({"markups": [markup]}))
    back = read_landmark_file(tmp_path / "a.mrk.json")
    np.testing.assert_array_equal(back["n"], [-1, -2, 3])
    assert np.isnan(back["prn"]).all()


def test_meshlab_as_it_writes_it(tmp_path):
    (tmp_path / "a.pp").write_text(
        '<!DOCTYPE PickedPoints>\n<PickedPoints>\n <DocumentData><DataFileName name="a.ply"/></DocumentData>\n'
        ' <point x="1.5" y="2" z="-3" active="1" name="n"/>\n <point x="0" y="0" z="0" active="0" name="gn"/>\n'
        "</PickedPoints>\n"
    )
    back = read_landmark_file(tmp_path / "a.pp")
    np.testing.assert_array_equal(back["n"], [1.5, 2, -3])
    assert np.isnan(back["gn"]).all()


@pytest.mark.parametrize(
    "name, text, words",
    [
        ("a.pp", "<PickedPoints>", "no MeshLab"),
        ("a.pp", "<Other/>", "expected <PickedPoints>"),
        ("a.json", "[1]", "'id' and 'coordinates'"),
        ("a.json", "{", "JSON"),
        ("a.mrk.json", "{}", "markups"),
        ("a.fcsv", "# CoordinateSystem = XYZ\n", "LPS or RAS"),
        ("a.pts", "1 2 3\n", "68 points"),
        ("a.json", '[{"id":"n","coordinates":[1,2]}]', "3 coordinates"),
        ("a.json", '[{"id":"n","coordinates":[1,2,3]},{"id":"n","coordinates":[1,2,4]}]', "more than once"),
        ("a.doc", "", "suffixes"),
    ],
)
def test_damaged_files_are_refused_in_words(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(FormatError, match=words):
        read_landmark_file(tmp_path / name)


def test_a_meshs_landmarks_are_found_by_its_exact_name(tmp_path):
    assert find_landmark_file(tmp_path / "anna.ply") is None
    (tmp_path / "anna_2.csv").write_text("")
    assert find_landmark_file(tmp_path / "anna.ply") is None
    (tmp_path / "anna.mrk.json").write_text("")
    assert find_landmark_file(tmp_path / "anna.ply") == tmp_path / "anna.mrk.json"
    (tmp_path / "anna.pp").write_text("")
    with pytest.raises(FormatError, match="two landmark files"):
        find_landmark_file(tmp_path / "anna.ply")
