"""From a user's files to the report that is taken away, by the verb; visits; the children's table."""

import csv
import json
import re

import numpy as np
import pytest

import inface
from inface.cli import run as run_cli
from inface.measurement import Child
from inface.reports.children import visits_of, with_table
from inface.synthetic import shapes_for
from inface.synthetic.head import head_maker


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A boy at 7 and 12 months whose back is flat on the right, in correspondence; file names that name him."""
    place = tmp_path_factory.mktemp("boy")
    identity = np.random.default_rng(5).normal(size=(1, head_maker().identity.size))
    shapes = shapes_for(identity, [7.0, 12.0], ["male"] * 2, None, np.array([[-11.0, 0, 0, 0], [-8.0, 0, 0, 0]]))
    triangles = inface.load_default_model("pca").template.mesh.triangles
    for shape, name in zip(shapes, ("anton_7.ply", "anton_12.ply"), strict=True):
        inface.Mesh(shape, triangles).export(place / name)
    return place


def verb(*arguments):
    """Exit code of `inface measure ...`."""
    try:
        run_cli(["measure", *map(str, arguments)])
    except SystemExit as end:
        return end.code or 0
    return 0


def test_two_visits_give_a_page_with_sides_units_curves_and_no_name(folder, tmp_path, capsys):
    first, second = tmp_path / "first", tmp_path / "second"
    assert verb(folder / "anton_7.ply", "--age", "7m", "--sex", "male", "--id", "A17", "-o", first) == 0
    earlier = first / "report.json"
    assert verb(folder / "anton_12.ply", "--age", "1y", "--sex", "male", "--id", "A17", "--compare", earlier,
                "-o", second) == 0  # fmt: skip
    page = (second / "report.html").read_text()
    for words in ("LEFT", "RIGHT", "FRONT (nose)", "grade 3 of 5, flatter back right", "WHO curves of boys", "2 visits",
                  "by WHO +", "No diagnosis", "WHO Child Growth Standards", "-8.0 %", "circ.ml"):  # fmt: skip
        assert words in page, words
    assert "http" not in re.sub(r"http-equiv", "", page) and "<script" not in page
    for file in second.iterdir():
        assert "anton" not in file.read_text().lower()
    table = list(csv.DictReader((tmp_path / "second.labels.csv").open()))
    assert table[0]["label"] == "A17" and "anton_12" in table[0]["file"]
    report = json.loads((second / "report.json").read_text())
    assert report["schema_version"] == 1 and report["children"][0]["measures"]["circ.ml"]["z"] is not None
    rows = list(csv.DictReader((second / "report.csv").open()))
    assert float(next(r for r in rows if r["id"] == "cvai.30.short")["value"]) == pytest.approx(-8, abs=0.06)
    assert "1 of 1 measured" in capsys.readouterr().out


def test_visits_in_the_wrong_order_and_of_other_children_are_refused(folder, tmp_path, capsys):
    assert verb(folder / "anton_12.ply", "--age", "12", "--id", "A", "-o", tmp_path / "old") == 0
    late = tmp_path / "old" / "report.json"
    assert verb(folder / "anton_7.ply", "--age", "7", "--id", "A", "--compare", late, "-o", tmp_path / "new") == 1
    assert "give the earlier one first" in capsys.readouterr().err
    names = [folder / "anton_7.ply", folder / "anton_12.ply"]
    assert verb(*names, "--id", "B", "--compare", late, "-o", tmp_path / "new") == 1
    assert "none is one of B-1, B-2" in capsys.readouterr().err


def test_one_broken_file_is_in_the_way_of_none(folder, tmp_path, capsys):
    broken = tmp_path / "broken.ply"
    broken.write_bytes((folder / "anton_7.ply").read_bytes()[:500])
    assert verb(folder, broken, "--age", "200d", "-o", tmp_path / "all") == 1
    told = capsys.readouterr()
    assert "2 of 3 measured" in told.out and "broken.ply" in told.err
    page = (tmp_path / "all" / "report.html").read_text()
    assert "Head measurements of 3 files" in page and "child-2" in page and "sex is not given" in page
    assert len(json.loads((tmp_path / "all" / "report.json").read_text())["children"]) == 2


@pytest.mark.parametrize("options,words", [(("--age", "-3"), "zero or more"), (("--sex", "x"), "male or female"),
                                           (("-o", "a.html"), "name a folder")])  # fmt: skip
def test_wrong_options_are_one_sentence(folder, tmp_path, monkeypatch, capsys, options, words):
    monkeypatch.chdir(tmp_path)
    assert verb(folder / "anton_7.ply", *options) == 1
    assert words in capsys.readouterr().err


def test_a_table_of_children_with_decimal_commas(tmp_path):
    table = tmp_path / "children.csv"
    table.write_text("file;label;age;sex;gestation\na.ply;K1;6,5;f;31,5\nb;K2;1y;m;\n")
    visits = with_table(visits_of([tmp_path / "a.ply", tmp_path / "b.ply", tmp_path / "c.ply"], Child()), table)
    assert [v.label for v in visits] == ["K1", "K2", "child-3"]
    assert visits[0].child == Child(6.5 * 30.4375, "female", 31.5) and visits[1].child.age_days == 365.25
    table.write_text("file,age\na.ply,6,5\n")
    with pytest.raises(inface.FormatError, match="line 2: 3 cells under 2 headings; with decimal commas"):
        with_table(visits, table)
    table.write_text("file;age\na.ply;-2\n")
    with pytest.raises(inface.FormatError, match="line 2: age: expected an age of zero or more"):
        with_table(visits, table)
    table.write_text("name;age\na.ply;2\n")
    with pytest.raises(inface.FormatError, match="expected a header with 'file'"):
        with_table(visits, table)


def test_changes_are_held_against_the_repeat_error_and_who_growth():
    mesh = inface.load_default_model("pca").template.mesh
    one = inface.measure(mesh, age_days=100, sex="female")
    two = inface.measure(inface.Mesh(mesh.vertices * 1.02, mesh.triangles), age_days=130, sex="female")
    from dataclasses import replace

    sure = {id: replace(m, repeat_std=0.2) for id, m in two.items()}
    found = inface.compare([one, replace(two, measures=sure)])
    change = found.changes["circ.ml"]
    assert change.change == pytest.approx(0.02 * one["circ.ml"].value)
    assert change.std == pytest.approx(0.2 * np.sqrt(2)) and change.beyond_error is True
    assert found.changes["cvai.30.short"].beyond_error is False
    assert 5 < change.expected < 12 and found.changes["ci.ml"].expected is None
    assert "beyond error" in found.table()
    with pytest.raises(ValueError, match="two or more"):
        inface.compare([one])
    with pytest.raises(ValueError, match="one child"):
        inface.compare([one, inface.measure(mesh, age_days=130, sex="male")])
    other = replace(two, versions={"topology": "another"})
    with pytest.raises(inface.CorrespondenceError, match="two topologies"):
        inface.compare([one, other])


def test_the_page_as_a_pdf(folder, tmp_path):
    pytest.importorskip("weasyprint", reason="the extra 'pdf' is not installed")
    assert verb(folder / "anton_7.ply", "--pdf", "-o", tmp_path / "r") == 0
    assert (tmp_path / "r" / "report.pdf").read_bytes()[:5] == b"%PDF-"


def test_without_the_extra_the_pdf_is_refused_with_the_command_that_installs_it(folder, tmp_path, monkeypatch, capsys):
    import sys

    monkeypatch.setitem(sys.modules, "weasyprint", None)
    assert verb(folder / "anton_7.ply", "--pdf", "-o", tmp_path / "r") == 1
    assert "pip install 'inface[pdf]'" in capsys.readouterr().err
    assert (tmp_path / "r" / "report.html").exists()


def test_ages_with_units_stand_in_a_cohorts_table_and_on_the_command_line(folder, tmp_path):
    from inface.population.manifest import read_manifest

    for name in ("anton_7.ply", "anton_12.ply"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "manifest.csv").write_text("file,age_months\nanton_7.ply,213d\nanton_12.ply,12\n")
    assert read_manifest(tmp_path).columns["age_months"] == pytest.approx([213 / 30.4375, 12])
    (tmp_path / "manifest.csv").write_text("file,age_months\nanton_7.ply,old\nanton_12.ply,12\n")
    with pytest.raises(inface.FormatError, match="line 2, age_months: expected a number"):
        read_manifest(tmp_path)
