"""HDF5 model files: the reference's layouts, laziness, and every kind of damage."""

import h5py
import numpy as np
import pytest

from inface.codecs import open_model_file, read_model, write_model
from inface.errors import FormatError

RNG = np.random.default_rng(0)
COMMON = {"mean_vertices": RNG.normal(size=(4, 3)), "triangles": np.array([[0, 1, 2], [0, 2, 3]])}


def pca():
    return {**COMMON, "components": RNG.normal(size=(2, 12)).astype("f4"), "eigenvalues": np.array([2.0, 1.0])}


def network(widths):
    pairs = list(zip(widths[1:], widths[:-1], strict=True))
    return {
        "matrix_mults": [np.full((o, i), n, np.float32) for n, (o, i) in enumerate(pairs)],
        "biases": [np.full(o, n, np.float32) for n, (o, _) in enumerate(pairs)],
        "relu_factor": 0.2,
    }


def autoencoder():
    deep = [12] + [3] * 11 + [2]  # 12 layers: item_10 after item_9
    return {**COMMON, "latent_mean": np.zeros(2), "latent_std": np.ones(2), "encoder": network(deep),
            "decoder": network(deep[::-1])}  # fmt: skip


def disentangled():
    encoders = {f"{name}_encoder": network([12, 2]) for name in ("id", "exp", "age")}
    return {**COMMON, "latent_mean": np.zeros(6), "latent_std": np.ones(6), **encoders, "decoder": network([6, 12])}


MODELS = {"pca": pca, "autoencoder": autoencoder, "disentangled autoencoder": disentangled}


def reference_reader(group):
    """How the reference reads a model file, written from the description of the layout."""
    out = {}
    for key, item in group.items():
        if not isinstance(item, h5py.Group):
            out[key] = item[()]
        elif all(name.startswith("item_") for name in item):
            out[key] = [item[f"item_{i}"][:] for i in range(len(item))]
        else:
            out[key] = reference_reader(item)
    return out


def same(a, b):
    if isinstance(a, dict):
        return set(a) == set(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return np.asarray(a).dtype == np.asarray(b).dtype and np.array_equal(a, b)


@pytest.mark.parametrize("layout", MODELS)
def test_written_then_read_is_exact_here_and_in_the_reference(tmp_path, layout):
    contents = MODELS[layout]()
    contents["indices"] = {"lips": np.array([1, 2]), "pairs": np.array([[0, 1], [2, 3]])}
    contents["colors"] = RNG.uniform(size=(4, 3))
    contents["inface"] = {"mirror": np.array([1, 0, 3, 2]), "note": "mm — älter", "empty": {}}
    path = tmp_path / "model.h5"
    write_model(path, contents, {"format": "inface", "format_version": 1, "noise": 0.5})
    back, attributes = read_model(path)
    contents["inface"].pop("empty")
    assert same(back, contents)
    assert attributes == {"format": "inface", "format_version": 1, "noise": 0.5}
    with h5py.File(path) as file:
        theirs = reference_reader(file)
    assert theirs["inface"].pop("note").decode() == contents["inface"].pop("note")
    assert same(theirs, contents)
    with open_model_file(path) as file:
        assert file.layout == layout


def test_lists_are_ordered_by_number(tmp_path):
    write_model(tmp_path / "a.h5", autoencoder())
    matrices = read_model(tmp_path / "a.h5")[0]["encoder"]["matrix_mults"]
    assert [int(m[0, 0]) for m in matrices] == list(range(12))


def test_arrays_are_read_only_when_asked_for(tmp_path, monkeypatch):
    write_model(tmp_path / "a.h5", disentangled())
    read, real = [], h5py.Dataset.__getitem__

    def noting(self, key, **keywords):
        read.append(self.name)
        return real(self, key, **keywords)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", noting)
    opened = []
    monkeypatch.setattr(h5py, "File", lambda *a, _real=h5py.File, **k: opened.append(a) or _real(*a, **k))
    with open_model_file(tmp_path / "a.h5") as file:
        assert file.shapes["id_encoder/biases/item_0"] == (2,)
        assert file.layout == "disentangled autoencoder" and "exp_encoder" in file and len(file) == 8
        assert read == []
        file["decoder"]
        file["mean_vertices"]
    assert {name.split("/")[1] for name in read} == {"decoder", "mean_vertices"}
    assert len(opened) == 1


def test_closed_and_missing(tmp_path):
    write_model(tmp_path / "a.h5", pca())
    with open_model_file(tmp_path / "a.h5") as file:
        kept = file["triangles"]
        with pytest.raises(KeyError, match=r"no 'decoder' in the model file; it has components, eigenvalues"):
            file["decoder"]
    np.testing.assert_array_equal(kept, COMMON["triangles"])
    with pytest.raises(ValueError, match="closed"):
        file["triangles"]
    with pytest.raises(FileNotFoundError, match="there is no model file"):
        open_model_file(tmp_path / "b.h5")


def test_a_file_in_use_can_be_replaced(tmp_path):
    write_model(tmp_path / "a.h5", pca())
    with open_model_file(tmp_path / "a.h5") as old:
        write_model(tmp_path / "a.h5", autoencoder())
        assert old["eigenvalues"].tolist() == [2.0, 1.0]
    assert read_model(tmp_path / "a.h5")[0].keys() == autoencoder().keys()


def test_every_truncation_is_named(tmp_path):
    write_model(tmp_path / "whole.h5", autoencoder())
    whole = (tmp_path / "whole.h5").read_bytes()
    path = tmp_path / "a.h5"
    for cut in [0, 1, 7, 8, 100, *np.random.default_rng(0).integers(0, len(whole), 60), len(whole) - 1]:
        path.write_bytes(whole[:cut])
        with pytest.raises(FormatError) as caught:
            read_model(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_noise_raises_nothing_but_format_errors(tmp_path):
    write_model(tmp_path / "whole.h5", pca())
    whole = np.frombuffer((tmp_path / "whole.h5").read_bytes(), np.uint8)
    rng, refused = np.random.default_rng(2), 0
    for _ in range(150):
        noisy = whole.copy()
        noisy[rng.integers(0, len(whole), 8)] = rng.integers(0, 256, 8)
        (tmp_path / "a.h5").write_bytes(noisy.tobytes())
        try:
            read_model(tmp_path / "a.h5")
        except FormatError:
            refused += 1
    assert refused


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "the file is empty"), (b"ply\n", "this is no HDF5"), (b"\x89HDF\r\n\x1a\n" + b"\0" * 9, "cut short")],
)
def test_not_hdf5(tmp_path, content, words):
    (tmp_path / "a.h5").write_bytes(content)
    with pytest.raises(FormatError, match=words):
        open_model_file(tmp_path / "a.h5")


def without(contents, *path):
    inner = contents
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return contents


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        ({"weights": np.zeros(3), "model": {"a": np.zeros(2)}}, "holds no INFACE model; its keys are: model, weights"),
        ({}, "its keys are: none"),
        (dict(COMMON), "holds no INFACE model; its keys are: mean_vertices, triangles"),
        (without(pca(), "eigenvalues"), "nearest to those of a model of kind pca, but it lacks eigenvalues"),
        (without(pca(), "triangles"), "kind pca, but it lacks triangles"),
        (without(autoencoder(), "decoder"), "kind autoencoder, but it lacks decoder"),
        (without(disentangled(), "age_encoder"), "kind disentangled autoencoder, but it lacks age_encoder"),
        (pca() | {"texture": np.zeros(2)}, "has the unknown texture"),
        (autoencoder() | {"id_encoder": network([12, 2])}, "has the unknown id_encoder"),
        (without(autoencoder(), "encoder", "biases"), "'encoder' lacks its list 'biases'"),
        (autoencoder() | {"decoder": np.zeros(3)}, "'decoder' should be a group"),
        (pca() | {"components": {"a": np.zeros(2)}}, "'components' should be an array"),
    ],
)
def test_missing_surplus_and_foreign_keys(tmp_path, contents, words):
    path = tmp_path / "a.h5"

    def put(group, tree):
        for key, value in tree.items():
            if isinstance(value, dict):
                put(group.create_group(key), value)
            elif isinstance(value, list):
                put(group.create_group(key), {f"item_{i}": item for i, item in enumerate(value)})
            else:
                group[key] = value

    with h5py.File(path, "w") as file:
        put(file, contents)
    with pytest.raises(FormatError, match=words) as caught:
        open_model_file(path)
    assert str(path) in str(caught.value)


def test_a_list_with_a_gap(tmp_path):
    write_model(tmp_path / "a.h5", autoencoder())
    with h5py.File(tmp_path / "a.h5", "a") as file:
        del file["encoder/matrix_mults/item_10"]
    with pytest.raises(FormatError, match="list 'encoder/matrix_mults' lacks 'item_10'"):
        open_model_file(tmp_path / "a.h5")


def test_no_file_of_an_unknown_layout_is_written(tmp_path):
    with pytest.raises(FormatError, match="has the unknown texture"):
        write_model(tmp_path / "a.h5", pca() | {"texture": np.zeros(2)})
    assert list(tmp_path.iterdir()) == []
