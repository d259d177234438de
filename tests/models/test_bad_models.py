"""Damaged and foreign model files, and arrays that make no model: one clear sentence each."""

import h5py
import numpy as np
import pytest

import inface
from inface.testing import check_model


def spoilt(ref, tmp_path, kind, change):
    tree = ref.pca() if kind == "pca" else ref.ae((4, 6, 1) if kind == "disentangled" else (5,))
    change(tree)
    return ref.write(tmp_path / "spoilt.h5", tree)


def put(*path, value):
    def change(tree):
        for key in path[:-1]:
            tree = tree[key]
        old = tree[path[-1]]
        tree[path[-1]] = value(old) if callable(value) else value

    return change


def drop(key):
    return lambda tree: tree.pop(key)


def poke(number):
    def change(array):
        array = array.copy()
        array.reshape(-1)[0] = number
        return array

    return change


def reverse(array):
    return array[::-1]


BAD = [
    ("pca", drop("mean_vertices"), "lacks mean_vertices"),
    ("pca", put("components", value=lambda a: a[:, :-3]), "components: expected shape"),
    ("pca", put("components", value=lambda a: a[:-1]), "components: expected shape"),
    ("pca", put("components", value=lambda a: 2 * a), "orthonormal"),
    ("pca", put("components", value=poke(np.nan)), "components: expected finite"),
    ("pca", put("components", value=poke(np.inf)), "components: expected finite"),
    ("pca", put("eigenvalues", value=poke(-1.0)), "eigenvalues: expected variances of zero or more"),
    ("pca", put("eigenvalues", value=poke(np.nan)), "eigenvalues: expected finite"),
    ("pca", put("mean_vertices", value=poke(np.nan)), "mean_vertices: expected finite"),
    (
        "pca",
        put("mean_vertices", value=lambda a: a.reshape(-1)),
        r"mean_vertices: expected shape \(V, 3\), got \(216,\)",
    ),
    ("pca", put("triangles", value=poke(72)), "index 72 outside"),
    ("pca", put("triangles", value=poke(-1)), "index -1 outside"),
    ("pca", put("triangles", value=lambda a: np.where(np.arange(3) < 2, a[:, :1], a)), "repeat a vertex"),
    ("plain", drop("latent_std"), "lacks latent_std"),
    ("plain", put("latent_std", value=lambda a: a[:-1]), "latent_std"),
    ("plain", put("latent_mean", value=poke(np.inf)), "latent_mean: expected finite"),
    ("plain", put("decoder", "matrix_mults", value=reverse), "layer 0|layer 1"),
    ("plain", put("decoder", "biases", 0, value=poke(np.nan)), "bias of layer 0: expected finite"),
    ("plain", put("decoder", "matrix_mults", 1, value=lambda a: a[:-3]), "layer 1"),
    ("plain", lambda tree: tree["decoder"]["biases"].pop(), "as many biases as weight matrices"),
    ("plain", lambda tree: tree["decoder"].update(relu_factor=np.array([0.1, 0.2])), "one finite number as the slope"),
    ("plain", lambda tree: tree["decoder"].update(relu_factor=np.nan), "one finite number as the slope"),
    ("pca", lambda tree: tree.update(indices=np.arange(3)), "'indices' should be a group of named vertex lists"),
    ("disentangled", drop("age_encoder"), "lacks age_encoder"),
    ("disentangled", put("latent_mean", value=lambda a: a[:-1]), "latent_std|latent"),
]


@pytest.mark.parametrize(("kind", "change", "sentence"), BAD, ids=[f"{k}: {s}" for k, _, s in BAD])
def test_spoilt_files(ref, tmp_path, kind, change, sentence):
    path = spoilt(ref, tmp_path, kind, change)
    with pytest.raises(inface.FormatError, match=sentence) as caught:
        inface.load_model(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        put("encoder", "matrix_mults", 0, value=poke(np.nan)),
        put("encoder", "matrix_mults", 0, value=lambda a: a[:, :-3]),
    ],
)
def test_a_spoilt_encoder_is_told_when_it_is_first_used(ref, tmp_path, change):
    model = inface.load_model(spoilt(ref, tmp_path, "plain", change))
    vertices = model.decode(model.latent_mean)
    for _ in range(2):
        with pytest.raises(inface.FormatError, match="encoder"):
            model.encode(vertices, check=False)


def test_files_that_are_no_models(tmp_path):
    empty, text, foreign = (tmp_path / name for name in ("empty.h5", "text.h5", "foreign.h5"))
    empty.write_bytes(b"")
    text.write_text("a face")
    with h5py.File(foreign, "w") as file:
        file["weather"] = np.zeros(3)
    for path, sentence in ((empty, "empty"), (text, "no HDF5"), (foreign, "weather")):
        with pytest.raises(inface.FormatError, match=sentence):
            inface.load_model(path)
    with pytest.raises(FileNotFoundError, match=r"nowhere\.h5"):
        inface.load_model(tmp_path / "nowhere.h5")


def test_truncated_files(ref, tmp_path):
    path = ref.write(tmp_path / "m.h5", ref.pca())
    content = path.read_bytes()
    for part in (0.3, 0.9):
        path.write_bytes(content[: int(part * len(content))])
        with pytest.raises(inface.FormatError):
            inface.load_model(path)


def test_the_wrong_class_for_a_file(ref, tmp_path):
    pca, plain = ref.write(tmp_path / "p.h5", ref.pca()), ref.write(tmp_path / "a.h5", ref.ae())
    with pytest.raises(inface.FormatError, match="kind pca"):
        inface.AEMorphableModel(pca)
    with pytest.raises(inface.FormatError, match="kind autoencoder"):
        inface.PCAMorphableModel(plain)


def test_files_of_a_later_version(pca, tmp_path):
    pca.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "a") as file:
        file.attrs["format_version"] = 99
    with pytest.raises(inface.FormatError, match="version 99"):
        inface.load_model(tmp_path / "m.h5")


def test_eigenvalues_of_round_off_are_clipped(ref):
    tree = ref.pca(k=3)
    tree["eigenvalues"] = np.array([100.0, 1.0, -9e-5])
    model = inface.PCAMorphableModel(**tree)
    assert model.eigenvalues.tolist() == [100, 1, 0]
    check_model(model)
    with pytest.raises(ValueError, match="eigenvalues"):
        inface.PCAMorphableModel(**{**tree, "eigenvalues": np.array([100.0, 1.0, -2e-4])})


def test_latents_of_the_wrong_length(pca, faces):
    for model in (pca, faces):
        k = len(model.latent)
        short = [] if model.kind == "pca" else [np.zeros(k - 1)]
        for wrong in (np.zeros(k + 1), *short, np.zeros((2, k + 1)), np.zeros((k, 0)), 3.0):
            with pytest.raises(ValueError, match="latent: expected shape"):
                model.decode(wrong)
        for wrong in (np.full(k, np.nan), np.full(k, np.inf)):
            with pytest.raises(ValueError, match="latent: expected finite"):
                model.decode(wrong)
        with pytest.raises(ValueError, match="expected one code"):
            model.decode_mesh(np.zeros((2, k)))


def test_bad_samples(pca):
    for arguments in ({"n": -1}, {"n": 1.5}, {"n": 1, "deviation_factor": -1}, {"n": 1, "deviation_factor": np.nan}):
        with pytest.raises(ValueError, match="expected"):
            pca.sample_meshes(**arguments)


def test_bad_extras(pca, faces):
    bad = [
        (faces, {"noise_std": -1}, "noise_std"),
        (faces, {"unit": "inch"}, "unit"),
        (faces, {"landmarks": {"tip": 72}}, "outside"),
        (faces, {"regions": {"nose": [1.5]}}, "vertex indices"),
        (faces, {"regions": {"nose": [99]}}, "outside"),
        (faces, {"mirror": np.arange(3)}, "mirror"),
        (faces, {"colors": np.zeros((3, 3))}, "colors"),
        (faces, {"expressions": {"odd": np.zeros(5)}}, "expression 'odd'"),
        (faces, {"age_calibration": inface.AgeCalibration([1.0, 0.0], [0, 1], [0, 1])}, "width 1"),
        (faces, {"card": {"data": "x" * 70_000}}, "card"),
    ]
    for model, extras, sentence in bad:
        with pytest.raises(ValueError, match=sentence):
            model.with_extras(**extras)
    with pytest.raises(inface.MissingBlockError):
        pca.with_extras(expressions={"smiling": np.zeros(6)})
    with pytest.raises(TypeError, match="colour"):
        pca.with_extras(colour=1)


def test_arrays_that_make_no_autoencoder(ref):
    tree = ref.ae((4, 6, 1))
    net = {k: inface.Network(tree[k]["matrix_mults"], tree[k]["biases"]) for k in tree if k.endswith("coder")}
    names = {"identity": "id_encoder", "expression": "exp_encoder", "age": "age_encoder"}
    good = {
        "encoders": {block: net[name] for block, name in names.items()},
        "decoder": net["decoder"],
        "latent": inface.LatentSpace(tree["latent_mean"], tree["latent_std"]),
        "mean_vertices": tree["mean_vertices"],
        "triangles": tree["triangles"],
    }
    check_model(inface.AEMorphableModel(**good))
    two = {"identity": net["id_encoder"], "age": net["age_encoder"]}
    with pytest.raises(ValueError, match="expected one under the name ''"):
        inface.AEMorphableModel(**{**good, "encoders": two})
    with pytest.raises(ValueError, match="the encoders give 4 numbers"):
        inface.AEMorphableModel(**{**good, "encoders": {"": net["id_encoder"]}})
    with pytest.raises(ValueError, match="decoder: expected 213 numbers"):
        inface.AEMorphableModel(**{**good, "mean_vertices": tree["mean_vertices"][:-1]})
    with pytest.raises(TypeError, match="give a path"):
        inface.AEMorphableModel()
    with pytest.raises(TypeError, match="give a path"):
        inface.PCAMorphableModel()
