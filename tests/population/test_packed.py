"""Populations on disk: what is packed is what was there, and what is damaged is said."""

import json
import pickle
import shutil

import numpy as np
import pytest

from inface.codecs.shape_store import damaged_parts, part_file, read_store
from inface.errors import FormatError
from inface.population import load_population
from inface.synthetic import CohortPlan, cohort
from inface.synthetic.cohort_packed import pack_cohort
from inface.training import fit_linear, fit_pca

PLAN = CohortPlan(72, 4, seed=4)


@pytest.fixture(scope="module")
def heads():
    return cohort(72, 4, seed=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return pack_cohort(PLAN, tmp_path_factory.mktemp("packed") / "heads.shapes")


@pytest.fixture(scope="module")
def packed(folder):
    return load_population(folder)


def test_a_packed_cohort_is_the_cohort(packed, heads):
    assert len(packed) == 288 and packed.shapes.shape == heads.shapes.shape
    np.testing.assert_array_equal(packed.shapes[:], heads.shapes)
    for name, column in heads.columns.items():
        if name != "name":
            np.testing.assert_array_equal(packed.columns[name], column, err_msg=name)
    for name, truth in heads.factors.items():
        np.testing.assert_array_equal(packed.factors[name], truth)
    own, back = heads.template, packed.template
    assert back.hash == own.hash and back.landmarks == own.landmarks and set(back.regions) == set(own.regions)
    np.testing.assert_array_equal(back.mirror, own.mirror)
    np.testing.assert_array_equal(back.mesh.colors, own.mesh.colors)


@pytest.mark.parametrize(
    "key",
    [3, -1, slice(250, 262), slice(None, None, 50), [287, 0, 255, 256], (slice(254, 258), [0, 7]), (5, 3), (4, 2, 1)],
    ids=str,
)
def test_mapped_shapes_are_indexed_like_an_array(packed, heads, key):
    np.testing.assert_array_equal(packed.shapes[key], heads.shapes[key])


def test_a_subset_stays_on_disk_and_travels_as_names(packed, heads):
    test = packed.subset(packed.split == "test")
    assert not isinstance(test.shapes, np.ndarray)
    np.testing.assert_array_equal(np.asarray(test.shapes), heads.shapes[heads.split == "test"])
    again = pickle.loads(pickle.dumps(test.shapes))
    np.testing.assert_array_equal(again[2], test.shapes[2])
    assert len(pickle.dumps(test.shapes)) < 10_000


def test_models_of_a_packed_population_are_those_of_the_population_in_memory(packed, heads):
    one, two = fit_pca(packed, 12), fit_pca(heads, 12)
    np.testing.assert_array_equal(one.eigenvalues, two.eigenvalues)
    np.testing.assert_array_equal(one.components, two.components)
    blocks = {"identity": 6, "expression": 6, "age": 1}
    one, two = (fit_linear(p, blocks, span=30) for p in (packed, heads))
    for a, b in zip(one.decoder.weights, two.decoder.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_stopped_run_goes_on_and_gives_the_same_bytes(tmp_path, folder):
    def stop(counts):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack_cohort(PLAN, tmp_path / "again.shapes", progress=stop)
    with pytest.raises(FormatError, match="the packing was stopped"):
        load_population(tmp_path / "again.shapes")
    seen = []
    pack_cohort(PLAN, tmp_path / "again.shapes", progress=seen.append)
    assert seen[-1].kept == 1 and seen[-1].done == 1
    assert part_file(folder, 1).read_bytes() == part_file(tmp_path / "again.shapes", 1).read_bytes()
    assert (folder / "store.json").read_text() == (tmp_path / "again.shapes" / "store.json").read_text()


def test_what_is_damaged_is_said(tmp_path, folder):
    copy = tmp_path / "copy.shapes"
    shutil.copytree(folder, copy)
    assert damaged_parts(copy) == []
    part = part_file(copy, 1)
    content = bytearray(part.read_bytes())
    content[5000] ^= 1
    part.write_bytes(content)
    assert damaged_parts(copy) == [part]
    part.write_bytes(content[:-8])
    with pytest.raises(FormatError, match=r"00001.npy': the part has \d+ bytes, not \d+"):
        load_population(copy)
    part.unlink()
    with pytest.raises(FormatError, match=r"00001.npy': the part is missing"):
        load_population(copy)
    shutil.rmtree(copy)
    shutil.copytree(folder, copy)
    table = (copy / "manifest.csv").read_text().splitlines()
    (copy / "manifest.csv").write_text("\n".join(table[:-1]))
    with pytest.raises(FormatError, match="287 rows for 288 shapes"):
        load_population(copy)
    notes = json.loads((copy / "store.json").read_text())
    for change, words in (({"format": 9}, "format 1, found 9"), ({"parts": []}, "damaged")):
        (copy / "store.json").write_text(json.dumps(notes | change))
        with pytest.raises(FormatError, match=words):
            read_store(copy)


def test_the_command_line_packs_heads_as_it_makes_them(tmp_path):
    from inface.cli import run

    with pytest.raises(SystemExit) as ended:
        run(["synth", "cohort", "--subjects", "2", "--scans", "2", "--seed", "4", "--out", str(tmp_path / "h.shapes")])
    assert not ended.value.code
    heads = load_population(tmp_path / "h.shapes")
    np.testing.assert_array_equal(heads.shapes[:], cohort(2, 2, seed=4).shapes)
