"""`inface.measure` at the door: units, poses, holes, landmarks, topologies; what it writes is read again."""

import csv
import io
import json

import numpy as np
import pytest

import inface
from inface.measurement.catalogue import CATALOGUE


@pytest.fixture(scope="module")
def child():
    return inface.load_default_model("pca").template.mesh


@pytest.fixture(scope="module")
def found(child):
    return inface.measure(child, age_months="6m", sex="female", label="7")


@pytest.mark.parametrize("unit", ["mm", "cm", "m"])
def test_any_unit_gives_millimetres(child, found, unit):
    factor = {"mm": 1, "cm": 10, "m": 1000}[unit]
    other = inface.measure(inface.Mesh(child.vertices / factor, child.triangles))
    for id, m in other.items():
        if m.value is not None:
            assert m.value == pytest.approx(found[id].value, rel=1e-9, abs=1e-9)
    line = other.lines["diagonal.l"]
    assert np.linalg.norm(line[1] - line[0]) * factor == pytest.approx(found["diagonal.l"].value)
    assert other.lines["circumference"].shape[1] == 3


def test_a_hole_at_the_back_takes_the_measures_of_the_back_and_leaves_the_face(child, found):
    points = np.array(child.vertices)
    points[points[:, 2] < -20] = np.nan
    holed = inface.measure(inface.Mesh(points, child.triangles))
    for id in ("circ.go", "circ.ml", "ci.go", "ci.ml", "ci.dyn", "cvai.30.short", "length.dyn", "v.tot", "psr.zero"):
        assert holed[id].value is None and "not seen" in holed[id].flags[0], id
    for id in ("n-gn", "en-en", "al-al", "nfa", "asym.face"):
        assert holed[id].value == pytest.approx(found[id].value, abs=1e-6), id


def test_a_face_without_a_vault_measures_as_a_face():
    """A topology of the face alone: no tragia, no back."""
    template = inface.load_default_model("pca").template
    keep = np.zeros(len(template.mesh.vertices), bool)
    keep[template.regions["face"]] = True
    number = np.cumsum(keep) - 1
    triangles = number[template.mesh.triangles[keep[template.mesh.triangles].all(1)]]
    marks = {name: int(number[i]) for name, i in template.landmarks.items() if keep[i]}
    face = inface.Template(inface.Mesh(template.mesh.vertices[keep], triangles), marks)
    got = inface.measure(face.mesh, model=face)
    assert got["n-gn"].value is not None and got["en-en"].value is not None
    for id in ("circ.ml", "ci.go", "v.tot", "height"):
        assert got[id].value is None and "landmark 't_l' is not known" in got[id].flags[0]


def test_an_open_vault_has_no_volume_but_a_circumference(child):
    template = inface.load_default_model("pca").template
    cut = child.triangles[(child.vertices[child.triangles][:, :, 1] < 95).all(1)]
    opened = inface.Template(inface.Mesh(child.vertices, cut), template.landmarks, template.regions, template.mirror)
    got = inface.measure(opened.mesh, model=opened)
    assert got["v.tot"].value is None and "vault is open" in got["v.tot"].flags[0]
    assert got["circ.go"].value == pytest.approx(428.6, abs=1)


def test_given_landmarks_measure_clefts_and_move_measures(child, found):
    v, marks = child.vertices, inface.load_default_model("pca").template.landmarks
    names = ("sbal_l", "sbal_r", "cph_l", "cph_r", "al_l", "al_r", "ch_l", "ch_r", "sn")
    points = {name: v[marks[name]] for name in names} | {"c": v[marks["sn"]] + [3.0, 3.0 * np.sqrt(3), 0]}
    points |= {"gap_sill_medial": v[marks["sn"]], "gap_sill_lateral": v[marks["sn"]] + [0, 0, 4.0]}
    points["sbal_l"] = v[marks["sbal_l"]] + [3.0, 0, 0]
    got = inface.measure(child, landmarks=points)
    assert got["cleft.columella"].value == pytest.approx(30, abs=0.5)
    assert got["cleft.nostril"].value > 1.2 and got["cleft.gap.sill"].value == pytest.approx(4)
    assert found["cleft.nostril"].value is None and "only from given landmarks" in found["cleft.nostril"].flags[0]
    by_id = inface.measure(child, landmarks={"op": int(marks["v"])})
    assert by_id["length.go"].value != pytest.approx(found["length.go"].value, abs=1)


@pytest.mark.parametrize(
    "change,words",
    [
        ({"landmarks": {"n": [1, 2]}}, "a point of 3 numbers or a vertex id"),
        ({"landmarks": {"n": 10**6}}, "outside"),
        ({"landmarks": "flame"}, "'incran'"),
        ({"age_days": 3, "age_months": 2}, "not both"),
        ({"age_days": -3}, "zero or more"),
        ({"sex": "f"}, "'male' or 'female'"),
        ({"unit": "m"}, "check the unit"),
        ({"unit": "yard"}, "expected one of"),
    ],
)
def test_wrong_arguments_are_one_sentence(child, change, words):
    with pytest.raises(ValueError, match=words):
        inface.measure(child, **change)


def test_meshes_of_other_topologies_are_refused(child):
    ball = inface.Mesh(np.eye(3), [[0, 1, 2]])
    with pytest.raises(inface.CorrespondenceError, match="in correspondence with no model known here: register it"):
        inface.measure(ball)
    with pytest.raises(inface.CorrespondenceError, match="reversed winding"):
        inface.measure(inface.Mesh(child.vertices, child.triangles[:, ::-1]))
    with pytest.raises(inface.CorrespondenceError, match="register it first"):
        inface.measure(ball, model="pca")
    with pytest.raises(ValueError, match="expected a Mesh, a Registration or a PhotoFit"):
        inface.measure(child.vertices)


def test_json_and_csv_hold_every_measure(found, tmp_path):
    found.save(tmp_path / "7.json")
    again = inface.Measurements.load(tmp_path / "7.json")
    assert dict(again) == dict(found) and again.child == found.child and again.label == "7"
    data = json.loads((tmp_path / "7.json").read_text())
    assert data["schema_version"] == 1 and data["versions"]["topology"]
    rows = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert [row["id"] for row in rows] == list(CATALOGUE)
    assert float(rows[0]["value"]) == pytest.approx(found["circ.go"].value, rel=1e-5)
    data["schema_version"] = 99
    with pytest.raises(inface.FormatError, match="schema version 99"):
        inface.Measurements.from_dict(data)
    with pytest.raises(inface.FormatError, match="expected a JSON object of schema"):
        inface.Measurements.from_dict({"a": 1})


def test_the_table_is_for_people(found):
    text = found.table()
    assert "circ.ml" in text and "431.7 mm" in text and "largest circumference" in text
