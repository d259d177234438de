"""Folders of registered meshes: what is read, what is noticed, what is refused."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from toy_population import ToyWorld

from inface.errors import CorrespondenceError, FileAccessError, FormatError
from inface.mesh import Mesh
from inface.population import (
    PopulationWarning,
    empty_stack,
    inspect,
    limits,
    load_population,
    mirrored,
    split_by_subject,
)
from inface.population.align import align_in_place
from inface.population.subjects import MIRRORED
from inface.transforms import procrustes


@pytest.fixture
def world():
    return ToyWorld()


def write(folder, world, population, rows=None, suffix="ply", **changes):
    """Mesh files and a manifest of the population; `rows` replaces the manifest's rows."""
    folder.mkdir(exist_ok=True)
    made = []
    for i, shape in enumerate(population.shapes):
        name = f"scan{i:02d}.{suffix}"
        Mesh(shape, world.triangles, colors=np.full((len(shape), 3), 0.2 + 0.1 * (i % 2))).export(folder / name)
        made.append(
            {
                "file": name,
                "subject": population.subject[i],
                "age_months": f"{population.age_months[i]:.3f}",
                "neutral": "yes" if population.neutral[i] else "no",
                "split": "train",
            }
            | changes
        )
    rows = made if rows is None else rows(made)
    if rows:
        with open(folder / "manifest.csv", "w", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return folder


def test_a_folder_is_read_with_its_manifest(tmp_path, world):
    made = world.population(subjects=5, scans=2)
    got = load_population(write(tmp_path, world, made), align=False)
    np.testing.assert_allclose(got.shapes, made.shapes, atol=1e-4)
    assert got.subject.tolist() == made.subject.tolist()
    np.testing.assert_allclose(got.age_months, made.age_months, atol=1e-3)
    assert got.neutral.tolist() == made.neutral.tolist() and got.sex is None
    np.testing.assert_allclose(got.template.mesh.colors, 0.25, atol=0.01)


def test_poses_are_taken_out_and_sizes_kept(world):
    made = world.population(subjects=6, scans=2)
    random = np.random.default_rng(0)
    moved = np.empty(made.shapes.shape)
    for i, shape in enumerate(made.shapes):
        turn = np.linalg.qr(random.standard_normal((3, 3)))[0]
        turn *= np.sign(np.linalg.det(turn))
        moved[i] = shape @ turn.T + 100 * random.standard_normal(3)
    again, still = moved.copy(), made.shapes.astype(float)
    align_in_place(again, world.mean)
    align_in_place(still, world.mean)
    assert np.abs(again - still).max() < 0.05
    size = [np.linalg.norm(s - s.mean(0)) for s in (moved[3], again[3])]
    assert size[0] == pytest.approx(size[1], rel=1e-6)


def test_a_stack_larger_than_the_limit_is_streamed_from_disk(tmp_path, world):
    folder = write(tmp_path, world, world.population(subjects=5, scans=2))
    streamed = load_population(folder, memory_limit=1000)
    assert isinstance(streamed.shapes, np.memmap)
    np.testing.assert_array_equal(streamed.shapes, load_population(folder).shapes)


def test_without_a_manifest_all_meshes_are_taken_by_name(tmp_path, world):
    made = world.population(subjects=3, scans=1)
    got = load_population(write(tmp_path, world, made, rows=lambda rows: []), align=False)
    assert got.name.tolist() == ["scan00.ply", "scan01.ply", "scan02.ply"] and got.subject is None


def test_other_units_are_named_and_converted(tmp_path, world):
    made = world.population(subjects=3, scans=2)
    metres = replace(made, shapes=made.shapes / 1000)
    folder = write(tmp_path, world, metres)
    with pytest.raises(FormatError, match="look like m: give unit"):
        load_population(folder)
    np.testing.assert_allclose(load_population(folder, unit="m", align=False).shapes, made.shapes, atol=1e-3)


def test_duplicates_and_outliers_are_named(tmp_path, world):
    made = world.population(subjects=10, scans=2)
    shapes = made.shapes.copy()
    shapes[4] = shapes[2]
    shapes[7] += 30 * np.random.default_rng(0).standard_normal(shapes[7].shape)
    folder = write(tmp_path, world, replace(made, shapes=shapes))
    with pytest.warns(PopulationWarning) as caught:
        got = load_population(folder, align=False)
    said = " ".join(str(w.message) for w in caught)
    assert "scan02.ply, scan04.ply" in said and "scan07.ply" in said and len(got) == 20
    found = inspect(made)
    assert not found.duplicates and not found.outliers


def test_mirror_images_are_other_children_and_stay_on_their_side_of_a_split(world):
    made = world.population(subjects=8, scans=2)
    both = mirrored(made)
    assert len(both) == 32 and both.subject[16] == made.subject[0] + MIRRORED
    np.testing.assert_allclose(both.shapes[16][world.mirror] * [-1, 1, 1], made.shapes[0], atol=1e-5)
    split = split_by_subject(both, 0.25, seed=1).split
    np.testing.assert_array_equal(split[:16], split[16:])
    assert (split == "test").sum() == 8
    with pytest.raises(ValueError, match="mirror pairs"):
        mirrored(replace(made, template=replace(made.template, mirror=None)))


def test_another_topology_is_named(tmp_path, world):
    made = world.population(subjects=3, scans=2)
    folder = write(tmp_path / "count", world, made)
    Mesh(made.shapes[0][:-1], world.triangles[:-1]).export(folder / "scan03.ply")
    with pytest.raises(CorrespondenceError, match=r"'scan03.ply': 41 vertices where scan00.ply has 42"):
        load_population(folder)
    folder = write(tmp_path / "other", world, made)
    Mesh(made.shapes[0], world.triangles[:, ::-1]).export(folder / "scan04.ply")
    with pytest.raises(CorrespondenceError, match=r"'scan04.ply'.*inside out"):
        load_population(folder)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (lambda r: [{**row, "file": "gone.ply"} if i == 1 else row for i, row in enumerate(r)], "'gone.ply'"),
        (lambda r: [*r, r[0]], "'scan00.ply' stands more than once"),
        (
            lambda r: [{**row, "age_months": "six"} for row in r],
            "line 2, age_months: expected a number, or",
        ),
        (lambda r: [{**row, "neutral": "perhaps"} for row in r], "neutral: expected one of yes"),
        (lambda r: [{"path": row["file"]} for row in r], "expected a column 'file'"),
        (lambda r: [{"file": row["file"], "age_days": "30"} for row in r], "'age_days' is not read"),
        (lambda r: [{**row, "subject": ""} for row in r], "have no subject"),
        (lambda r: [{**row, "split": "test" if i else "train"} for i, row in enumerate(r)], "is in both splits"),
        (lambda r: r[:1], "at least 2 meshes"),
        (lambda r: [{**row, "file": row["file"].upper()} for row in r], "'SCAN00.PLY'; the folder has 'scan00.ply'"),
        (lambda r: [{**row, "file": row["file"][:-4]} for row in r], "'scan00'; the folder has 'scan00.ply'"),
        (lambda r: [{**row, "file": ""} if i else row for i, row in enumerate(r)], "3 rows name no file"),
        (lambda r: [{**row, "age_months": "inf"} for row in r], "line 2, age_months: expected a number"),
        (lambda r: [{**row, "weight": "-1"} for row in r], "line 2, weight: expected zero or more, got -1"),
    ],
)
def test_tables_that_cannot_be_read_are_refused(tmp_path, world, rows, sentence):
    folder = write(tmp_path, world, world.population(subjects=2, scans=2), rows=rows)
    with pytest.raises(FormatError, match=sentence):
        load_population(folder)


def test_folders_without_usable_meshes_are_refused(tmp_path, world):
    with pytest.raises(FormatError, match="no such folder"):
        load_population(tmp_path / "nowhere")
    with pytest.raises(FormatError, match="found neither"):
        load_population(tmp_path)
    made = world.population(subjects=2, scans=2)
    write(tmp_path, world, made, rows=lambda rows: [], suffix="ply")
    (tmp_path / "scan01.ply").write_bytes(b"")
    with pytest.raises(FormatError, match=r"scan01\.ply"):
        load_population(tmp_path)


def encoded(folder, change):
    """Rewrites the bytes of the manifest."""
    path = folder / "manifest.csv"
    path.write_bytes(change(path.read_text()))


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.replace(",", ";").replace(".", ",").replace(",ply", ".ply").encode(),
        lambda t: t.replace(",", "\t").encode(),
        lambda t: b"\xef\xbb\xbf" + t.replace("\n", "\r\n").encode(),
        lambda t: t.replace("\n", "\r").encode(),
        lambda t: t.encode("utf-16"),
        lambda t: t.replace("file,subject,age_months", " File , Subject,Age months").encode(),
        lambda t: t.replace("\n", "\n\n,,,,,\n").encode(),
        lambda t: t.replace("neutral,split\n", "neutral,split,notes\n").replace("train", 'train,"a, b"').encode(),
    ],
    ids=["semicolons", "tabs", "windows", "old-mac", "utf-16", "header", "blank", "extra"],
)
def test_tables_as_spreadsheets_write_them(tmp_path, world, change):
    made = world.population(subjects=3, scans=2)
    folder = write(tmp_path, world, made)
    encoded(folder, lambda text: change(text.replace("\r\n", "\n")))
    got = load_population(folder, align=False)
    assert got.subject.tolist() == made.subject.tolist() and set(got.split) == {"train"}
    np.testing.assert_allclose(got.age_months, made.age_months, atol=1e-3)
    np.testing.assert_allclose(got.shapes, made.shapes, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: t.replace("s000", "Kind\xe9").encode("latin-1"), "not UTF-8; save the table as CSV"),
        (lambda t: t.replace("train\n", "train,one,two\n", 1).encode(), "line 2 has 7 cells, the header 5"),
        (lambda t: t.replace("neutral", "subject").encode(), "'subject' stands more than once"),
        (lambda t: b"", "it is empty; known columns"),
    ],
)
def test_damaged_tables_are_refused(tmp_path, world, change, sentence):
    folder = write(tmp_path, world, world.population(subjects=2, scans=2))
    encoded(folder, lambda text: change(text.replace("\r\n", "\n")))
    with pytest.raises(FormatError, match=sentence):
        load_population(folder)


def test_alignment_of_many_is_that_of_each(world):
    shapes = world.population(subjects=7, scans=3).shapes.astype(np.float64)
    random = np.random.default_rng(0)
    turns = np.linalg.qr(random.standard_normal((21, 3, 3)))[0]  # some of them mirror
    turned = shapes @ turns + 5
    mean = shapes.mean(0)
    expected = np.stack([procrustes(s, mean).apply(s) for s in turned])
    align_in_place(turned, mean, rounds=1)
    np.testing.assert_allclose(turned, expected, atol=1e-9)


def test_unknown_cells_are_unknown(tmp_path, world):
    def holes(rows):
        rows[0]["age_months"], rows[1]["age_months"] = "NA", "nan"
        return rows

    got = load_population(write(tmp_path, world, world.population(subjects=2, scans=2), rows=holes))
    assert np.isnan(got.age_months).tolist() == [True, True, False, False]


def test_other_tables_and_files_beside_the_meshes(tmp_path, world):
    folder = write(tmp_path, world, world.population(subjects=2, scans=2))
    (folder / "manifest.csv").rename(folder / "Manifest.CSV")
    (folder / "settings.json").write_text("{}")
    (folder / "._scan00.ply").write_bytes(b"Mac OS X")
    assert load_population(folder).subject is not None
    (folder / "Manifest.CSV").unlink()
    assert len(load_population(folder)) == 4
    (folder / "manifest.xlsx").write_bytes(b"PK")
    with pytest.raises(FormatError, match=r"manifest\.xlsx': only manifest\.csv is read"):
        load_population(folder)


def test_file_names_with_spaces_capitals_and_folders(tmp_path, world):
    folder = write(tmp_path, world, world.population(subjects=2, scans=2))
    (folder / "my scans").mkdir()
    (folder / "scan00.ply").rename(folder / "my scans" / "a b.PLY")
    encoded(folder, lambda t: t.replace("scan00.ply", "my scans\\a b.PLY").encode())
    assert load_population(folder).name[0] == "a b.PLY"


def test_meshes_in_no_row_and_ages_in_days_are_said(tmp_path, world):
    folder = write(tmp_path, world, world.population(subjects=4, scans=2), rows=lambda r: r[:-1])
    with pytest.warns(PopulationWarning, match=r"1 meshes .* not read: scan07.ply"):
        assert len(load_population(folder)) == 7
    days = write(
        tmp_path, world, world.population(subjects=4, scans=2), rows=lambda r: [x | {"age_months": "300"} for x in r]
    )
    with pytest.warns(PopulationWarning, match="looks like days"):
        load_population(days)


def test_mirror_images_and_unknown_meshes_are_named(tmp_path, world):
    made = world.population(subjects=4, scans=2)
    folder = write(tmp_path, world, made)
    Mesh(made.shapes[5] * [-1, 1, 1] + 7, world.triangles).export(folder / "scan05.ply")
    with pytest.raises(CorrespondenceError, match=r"'scan05.ply': it is a mirror image of scan00.ply"):
        load_population(folder)
    Mesh(made.shapes[5] * np.nan, world.triangles).export(folder / "scan05.ply")
    with pytest.raises(FormatError, match=r"'scan05.ply': no vertex is known"):
        load_population(folder)


def test_limits_say_what_is_missing(world):
    made = world.population(subjects=4, scans=2)
    assert limits(made) == ()
    words = " ".join(limits(replace(made, age_months=None, neutral=None, expression=None)))
    assert "no ages" in words and "no neutral" in words and "no named expressions" in words


def test_chosen_shapes_of_a_memory_map_stay_on_disk(tmp_path, world, monkeypatch):
    made = world.population(subjects=4, scans=2)
    np.save(tmp_path / "shapes.npy", made.shapes)
    mapped = replace(made, shapes=np.load(tmp_path / "shapes.npy", mmap_mode="r"))
    assert not isinstance(mapped.subset(mapped.neutral).shapes, np.memmap)
    monkeypatch.setattr("inface.population.stack.MEMORY_LIMIT", 100)
    chosen = mapped.subset(np.arange(8) % 2 == 1)
    assert isinstance(chosen.shapes, np.memmap)
    np.testing.assert_array_equal(chosen.shapes, made.shapes[1::2])


def test_a_full_temporary_folder_is_said(monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(FileAccessError, match="set TMPDIR"):
        empty_stack((10, 10, 3), limit=100)
