"""Kinds of landmark files that other programs write; every input is made here.

The points are n (0.5, 40.25, 80.125), prn (1.5, 20, 100), sn (0, 10, 90).
"""

import json
import unicodedata

import numpy as np
import pytest

from inface.codecs.landmark_files import (
    SUFFIXES,
    find_landmark_file,
    is_landmark_file,
    read_landmark_data,
    read_landmark_file,
    write_landmark_file,
)
from inface.errors import FormatError

POINTS = {"n": (0.5, 40.25, 80.125), "prn": (1.5, 20.0, 100.0), "sn": (0.0, 10.0, 90.0)}
TURNED = {name: (-x, -y, z) for name, (x, y, z) in POINTS.items()}


def read(tmp_path, name, text, encoding="utf-8"):
    (tmp_path / name).write_bytes(text.encode(encoding))
    return read_landmark_data(tmp_path / name)


def are(data, points, names=None):
    names = list(points) if names is None else names
    assert list(data.points) == names
    np.testing.assert_allclose(list(data.points.values()), list(points.values()), atol=1e-12)


def rows(pattern, points=POINTS, **more):
    return "".join(
        pattern.format(i=i, name=name, x=x, y=y, z=z, **more) + "\n"
        for i, (name, (x, y, z)) in enumerate(points.items(), 1)
    )


# --- K2: columns by the header

HEADERS = [
    ("name,x,y,z", "{name},{x},{y},{z}"),
    ("x,y,z,name", "{x},{y},{z},{name}"),
    ("z,Name,y,X", "{z},{name},{y},{x}"),
    ("id,x,y,z,name", "{i},{x},{y},{z},{name}"),
    ("label,description,x,y,z,selected", "{name},a point,{x},{y},{z},1"),
    ("x,y,z,confidence,name", "{x},{y},{z},0.9,{name}"),
    ('"x","y","z","name"', '{x},{y},{z},"{name}"'),
    ("Landmark Name, X (mm), Y (mm), Z (mm)", "{name}, {x}, {y}, {z}"),
    ("pos_x\tpos_y\tpos_z\tname", "{x}\t{y}\t{z}\t{name}"),
    ("name x y z", "{name} {x} {y} {z}"),
    ("Points:0,Points:1,Points:2,name", "{x},{y},{z},{name}"),
    ("# x,y,z,name", "{x},{y},{z},{name}"),
    ("sep=;\nname;x;y;z", "{name};{x};{y};{z}"),
]


@pytest.mark.parametrize("header, pattern", HEADERS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_columns_go_by_the_header(tmp_path, header, pattern, encoding):
    are(read(tmp_path, "a.csv", header + "\n" + rows(pattern), encoding), POINTS)


@pytest.mark.parametrize(
    "header, pattern",
    [("name,x,y,z", "{i},{x},{y},{z}"), ("x,y,z,name", "{x},{y},{z},{i}"), ("id,z,y,x", "{i},{z},{y},{x}")],
)
def test_names_that_are_numbers(tmp_path, header, pattern):
    are(read(tmp_path, "a.csv", header + "\n" + rows(pattern)), POINTS, ["1", "2", "3"])


@pytest.mark.parametrize("start", [0, 1, 7])
def test_four_bare_numbers(tmp_path, start):
    text = "".join(f"{start + i},{x},{y},{z}\n" for i, (x, y, z) in enumerate(POINTS.values()))
    are(read(tmp_path, "a.csv", text), POINTS, [str(start + i) for i in range(3)])
    text = "".join(f"{x},{y},{z},{start + i}\n" for i, (x, y, z) in enumerate(POINTS.values()))
    are(read(tmp_path, "a.csv", text), POINTS, [str(start + i) for i in range(3)])


@pytest.mark.parametrize(
    "text",
    [
        "5,0.5,40.25,80.125\n2,1.5,20,100\n",  # no count
        "1,0.5,40.25,80.125\n",  # one row counts nothing
        "1,5,6,1\n2,7,8,2\n",  # two columns count
        "0.5,40.25,80.125,0.9,n\n",
        "a,b,c\n1,2,3\n",
        "x,y,z,x\n1,2,3,4\n",
        "x,y,z,r,a,s\n1,2,3,-1,-2,3\n",
        "x,y,z\n1,2\n",
        "name,x,y\nn,1,2\n",
        "x (mm),y (cm),z\n1,2,3\n",
        "n,1.234.5,2,3\n",
        "n,inf,2,3\n",
    ],
)
def test_a_table_that_can_be_read_two_ways_is_refused(tmp_path, text):
    with pytest.raises(FormatError) as caught:
        read(tmp_path, "a.csv", text)
    assert "a.csv" in str(caught.value) and "\n" not in str(caught.value)


def test_confidence_and_flags(tmp_path):
    text = "x,y,z,confidence,name\n1,2,3,0,a\n4,5,6,1.4,b\n7,8,9,0.1,c\n,,,0.5,d\nNA,NA,NA,1,e\n"
    points = read(tmp_path, "a.csv", text).points
    assert [name for name, p in points.items() if np.isfinite(p).all()] == ["b", "c"]
    table = "label,l,p,s,defined,selected,visible,locked,description\nn,1,2,3,1,1,1,0,\nprn,4,5,6,0,1,1,0,\n"
    data = read(tmp_path, "b.csv", table)
    assert data.frame == "LPS" and np.isnan(data.points["prn"]).all()
    np.testing.assert_array_equal(data.points["n"], [1, 2, 3])


# --- K7: decimal commas, blanks, names that repeat


@pytest.mark.parametrize(
    "header, pattern",
    [
        ("name;x;y;z\n", "{name};{x};{y};{z}"),
        ("name\tx\ty\tz\n", "{name}\t{x}\t{y}\t{z}"),
        ("name,x,y,z\n", '{name},"{x}","{y}","{z}"'),
        ("", "{name} {x} {y} {z}"),
        ("", "{x};{y};{z};{name}"),
    ],
)
def test_decimal_commas(tmp_path, header, pattern):
    are(read(tmp_path, "a.csv", header + rows(pattern).replace(".", ",")), POINTS)


@pytest.mark.parametrize("name", ["a.txt", "a.csv"])
@pytest.mark.parametrize("pattern", ["{x} {y} {z}", "  {x}\t{y}\t{z}", "{x}, {y}, {z}", "{x},{y},{z},"])
def test_bare_points(tmp_path, name, pattern):
    are(read(tmp_path, name, rows(pattern)), POINTS, ["0", "1", "2"])


def test_a_file_of_excel_in_the_windows_code_page(tmp_path):
    are(read(tmp_path, "a.csv", "name;x;y;z\nÄuß;1,5;2;3\n", "cp1252"), {"Äuß": (1.5, 2, 3)})


@pytest.mark.parametrize("name", ["new point", "Point", "F", "seven"])
def test_default_names_that_repeat_are_numbered(tmp_path, name):
    body = rows('<point x="{x}" y="{y}" z="{z}" active="1" name="{who}"/>', who=name)
    data = read(tmp_path, "a.pp", f"<!DOCTYPE PickedPoints>\n<PickedPoints>\n{body}</PickedPoints>\n")
    are(data, POINTS, [f"{name} {i}" for i in (1, 2, 3)])


def test_a_real_name_that_stands_twice_is_refused(tmp_path):
    with pytest.raises(FormatError, match="'ch_l' stands more than once"):
        read(tmp_path, "a.csv", "name,x,y,z\nch_l,1,2,3\nn,1,1,1\nch_l,4,5,6\n")


# --- K8, K20: frames and units

FCSV = "# columns = label,x,y,z,sel,vis\n"


@pytest.mark.parametrize(
    "head, points",
    [
        ("# Fiducial List file /x.fcsv\n# name = L\n" + FCSV, TURNED),
        ("# Markups fiducial file version = 4.6\n" + FCSV, TURNED),
        ("# CoordinateSystem = 0\n" + FCSV, TURNED),
        ("# CoordinateSystem = RAS\n" + FCSV, TURNED),
        ("# Markups fiducial file version = 4.11\n# CoordinateSystem = LPS\n" + FCSV, POINTS),
        ("#CoordinateSystem=1\n" + FCSV, POINTS),
        ("", TURNED),
    ],
)
def test_the_frame_of_a_fcsv(tmp_path, head, points):
    data = read(tmp_path, "a.fcsv", head + rows("{name},{x},{y},{z},1,1"))
    are(data, points)
    assert (data.frame, data.unit) == ("LPS", "mm")


def test_a_fcsv_in_voxels_is_refused(tmp_path):
    with pytest.raises(FormatError, match="expected the frame LPS or RAS"):
        read(tmp_path, "a.fcsv", "# CoordinateSystem = IJK\n" + FCSV + rows("{name},{x},{y},{z},1,1"))


@pytest.mark.parametrize("axes, points", [("r,a,s", TURNED), ("R,A,S", TURNED), ("l,p,s", POINTS)])
def test_the_frame_of_a_csv(tmp_path, axes, points):
    data = read(tmp_path, "a.csv", f"name,{axes}\n" + rows("{name},{x},{y},{z}"))
    are(data, points)
    assert data.frame == "LPS"
    assert read(tmp_path, "b.csv", "name,x,y,z\n" + rows("{name},{x},{y},{z}")).frame == ""


@pytest.mark.parametrize("unit, factor", [("m", 1e-3), ("cm", 0.1), ("mm", 1), ("um", 1e3), ("[in_i]", 1 / 25.4)])
def test_the_unit_of_markups_and_tables(tmp_path, unit, factor):
    small = {name: tuple(c * factor for c in p) for name, p in POINTS.items()}
    for stated in (unit, {"codeValue": unit}, [unit] * 3):
        controls = [{"id": "1", "label": n, "position": p, "positionStatus": "defined"} for n, p in small.items()]
        markup = {"type": "Fiducial", "coordinateSystem": "LPS", "coordinateUnits": stated, "controlPoints": controls}
        data = read(tmp_path, "a.mrk.json", json.dumps({"markups": [markup]}))
        are(data, POINTS)
        assert data.unit == "mm"
    if unit != "[in_i]":
        data = read(tmp_path, "a.csv", f"name,x_{unit},y_{unit},z_{unit}\n" + rows("{name},{x!r},{y!r},{z!r}", small))
        are(data, POINTS)
        assert data.unit == "mm"


def test_an_unknown_unit_is_refused(tmp_path):
    markup = {"coordinateUnits": "furlong", "controlPoints": []}
    with pytest.raises(FormatError, match="the unit 'furlong', which is unknown"):
        read(tmp_path, "a.mrk.json", json.dumps({"markups": [markup]}))


# --- TPS, IDAV Landmark, NTsys


def test_tps(tmp_path):
    are(
        read(tmp_path, "a.tps", "LM3=3\n" + rows("{x} {y} {z}") + "IMAGE=a.jpg\nID=7\nSCALE=1\n"),
        POINTS,
        ["0", "1", "2"],
    )
    tenth = {n: tuple(c * 10 for c in p) for n, p in POINTS.items()}
    text = "LM3=3\n" + rows("{x} {y} {z}", tenth) + "ID=7\nSCALE=0.1\n"
    are(read(tmp_path, "a.tps", text), POINTS, ["0", "1", "2"])
    assert np.isnan(read(tmp_path, "a.tps", "LM3=2\n1 2 3\nNA NA NA\n").points["1"]).all()
    for bad, words in [
        ("LM3=4\n" + rows("{x} {y} {z}"), "3 are there|expected 3 coordinates"),
        ("LM=1\n1 2\n", "expected 3 coordinates"),
        (("LM3=1\n1 2 3\nID=1\n") * 2, "several specimens"),
        ("LM3=1\n1 2 3\n4 5 6\n", "more rows than the 1"),
        ("ID=3\n", "cut short"),
    ]:
        with pytest.raises(FormatError, match=words):
            read(tmp_path, "a.tps", bad)


def test_idav_landmark_and_ntsys(tmp_path):
    text = "Version 1.0\n4\n" + rows("S00{i} {x} {y} {z}") + "S004 9999 9999 9999\n"
    data = read(tmp_path, "a.pts", text)
    assert list(data.points) == ["S001", "S002", "S003", "S004"]
    np.testing.assert_allclose([data.points[f"S00{i}"] for i in (1, 2, 3)], list(POINTS.values()))
    assert np.isnan(data.points["S004"]).all()
    with pytest.raises(FormatError, match="cut short: 5 points"):
        read(tmp_path, "a.pts", text.replace("\n4\n", "\n5\n"))
    body = rows("{x} {y} {z}") + "9999 9999 9999\n"
    for head in ("1 1L 12 1 9999 DIM=3\nanna\n", "'a comment\n1 1L 12 1 9999  Dim=3\nanna\n", "1 1 12 1 9999 DIM=3\n"):
        points = read(tmp_path, "a.dta", head + body).points
        np.testing.assert_allclose(list(points.values())[:3], list(POINTS.values()))
        assert np.isnan(points["3"]).all()
    with pytest.raises(FormatError, match="expected one specimen in 3 dimensions, got 2 in 3"):
        read(tmp_path, "a.nts", "1 2L 9 0 DIM=3\n")


# --- all formats both ways


def test_every_format_to_every_format(tmp_path):
    """What a format can't hold is what `docs/files.md` says: names of NTsys, undefined points of two."""
    points = {"n": np.array([1.25, -2e-3, 1 / 3]), "prn": np.array([4.0, 5, 6]), "gone": np.full(3, np.nan)}
    for first in SUFFIXES:
        for second in SUFFIXES:
            write_landmark_file(tmp_path / f"a{first}", points)
            write_landmark_file(tmp_path / f"b{second}", read_landmark_file(tmp_path / f"a{first}"))
            back = read_landmark_file(tmp_path / f"b{second}")
            kept = [p for p in points.values() if np.isfinite(p).all()]
            assert [p.tolist() for p in back.values() if np.isfinite(p).all()] == [p.tolist() for p in kept]
            if not {first, second} & {".dta", ".nts"}:
                assert [n for n, p in back.items() if np.isfinite(p).all()] == ["n", "prn"]
            if not {first, second} & {".fcsv", ".json"}:
                assert len(back) == 3


# --- K12: names as macOS writes them; files that are no landmarks


def test_names_are_compared_in_one_normal_form(tmp_path):
    composed, apart = (unicodedata.normalize(form, "Zoë_é") for form in ("NFC", "NFD"))
    (tmp_path / f"{apart}.CSV").write_text("x,y,z\n1,2,3\n")
    assert find_landmark_file(tmp_path / f"{composed}.ply") == tmp_path / f"{apart}.CSV"
    assert find_landmark_file(tmp_path / f"{apart}.ply") == tmp_path / f"{apart}.CSV"
    assert find_landmark_file(tmp_path / "Zoe_e.ply") is None


def test_a_json_that_holds_no_landmarks_is_passed_over(tmp_path):
    (tmp_path / "anna.json").write_text('{"verdict": "ok"}')
    assert find_landmark_file(tmp_path / "anna.ply") is None
    (tmp_path / "anna.csv").write_text("x,y,z\n1,2,3\n")
    assert find_landmark_file(tmp_path / "anna.ply") == tmp_path / "anna.csv"
    assert is_landmark_file(tmp_path / "anna.csv") and not is_landmark_file(tmp_path / "anna.json")
    (tmp_path / "b.json").write_text('[{"id": "n", "coordinates": [1, 2, 3]}]')
    assert find_landmark_file(tmp_path / "b.ply") == tmp_path / "b.json"
