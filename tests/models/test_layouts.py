"""Files in every layout of the reference, against dense numpy oracles; and ours, read by a reader like its own."""

import numpy as np
import pytest

import inface
from inface.testing import check_model, tolerance

LAYOUTS = {
    "pca": ("pca", {}),
    "pca float64 with indices and colours": ("pca", {"dtype": np.float64, "extras": True}),
    "plain": ("ae", {}),
    "plain float64": ("ae", {"dtype": np.float64, "extras": True}),
    "disentangled": ("ae", {"widths": (4, 6, 1), "slope": 0.1}),
    "twelve layers": ("ae", {"widths": (4, 6, 1), "hidden": tuple(range(20, 9, -1))}),
    "one layer": ("ae", {"hidden": ()}),
    "linear, INCRAN": ("ae", {"widths": (8, 32, 16), "slope": 1.0, "extras": True}),
}


@pytest.fixture(params=LAYOUTS)
def layout(request, ref, tmp_path):
    kind, options = LAYOUTS[request.param]
    tree = getattr(ref, kind)(**options)
    return tree, ref.write(tmp_path / "model.h5", tree)


def test_encodes_and_decodes_as_the_oracle(layout, ref):
    tree, path = layout
    model = inface.load_model(path)
    rng = np.random.default_rng(3)
    limit = tolerance(model)
    for latent in rng.normal(size=(3, len(model.latent))) * np.asarray(model.latent_std, float):
        shape = model.decode(latent)
        assert shape.dtype == tree["mean_vertices"].dtype
        assert np.abs(shape - ref.decode(tree, latent)).max() < limit
        vertices = ref.decode(tree, latent)
        code = model.encode(vertices, check=False)
        assert code.dtype == tree["mean_vertices"].dtype
        expected = ref.encode(tree, vertices)
        assert np.abs(code - expected).max() < limit * max(1, np.abs(expected).max())


def test_keeps_the_contract(layout):
    check_model(inface.load_model(layout[1]))


def test_what_the_file_says(layout):
    tree, path = layout
    model = inface.load_model(path)
    assert isinstance(model, inface.PCAMorphableModel if "components" in tree else inface.AEMorphableModel)
    assert isinstance(model, inface.MorphableModel)
    assert np.array_equal(model.triangles, tree["triangles"])
    assert np.array_equal(model.mean_vertices, tree["mean_vertices"])
    if "components" in tree:
        assert not model.latent_mean.any()
        assert np.allclose(model.latent_std**2, tree["eigenvalues"])
    else:
        assert np.array_equal(model.latent_mean, tree["latent_mean"])
        assert np.array_equal(model.latent_std, tree["latent_std"])
    assert set(model.template.regions) == set(tree.get("indices", {}))
    for name, ids in tree.get("indices", {}).items():
        assert np.array_equal(model.template.regions[name], ids)
    assert (model.colors is None) == ("colors" not in tree)
    again = type(model)(path)
    assert again.hash == model.hash
    assert inface.MorphableModel.load_correct_morphable_model(str(path)).hash == model.hash


@pytest.mark.parametrize(("widths", "blocks"), [((4, 6, 1), (4, 10, 11)), ((8, 32, 16), (8, 40, 56))])
def test_blocks_follow_the_encoders_widths(ref, tmp_path, widths, blocks):
    model = inface.load_model(ref.write(tmp_path / "m.h5", ref.ae(widths)))
    assert list(model.blocks) == ["identity", "expression", "age"]
    assert [b.stop for b in model.blocks.values()] == list(blocks)


def test_plain_models_have_no_blocks(ref, tmp_path, pca):
    assert dict(pca.blocks) == {}
    assert dict(inface.load_model(ref.write(tmp_path / "m.h5", ref.ae())).blocks) == {}


def test_what_we_save_the_reference_reads(layout, ref, tmp_path):
    tree, path = layout
    model = inface.load_model(path)
    model.save(tmp_path / "ours.h5")
    seen = ref.read(tmp_path / "ours.h5")
    latent = model.sample_latents(1, seed=1)[0]
    vertices = model.decode(latent)
    assert np.abs(ref.decode(seen, latent) - vertices).max() < tolerance(model)
    assert ref.encode(seen, vertices) == pytest.approx(ref.encode(tree, vertices), rel=1e-9)
    assert seen["triangles"].shape == tree["triangles"].shape
    assert ("eigenvalues" in seen) == ("eigenvalues" in tree)


def test_extras_travel(faces, ref, tmp_path):
    faces.save(tmp_path / "ours.h5")
    loaded = inface.load_model(tmp_path / "ours.h5")
    assert loaded.hash == faces.hash
    assert dict(loaded.card) == dict(faces.card)
    assert loaded.noise_std == 0.7
    assert loaded.template.landmarks == {"nose_tip": 35, "mouth_l": 50}
    assert list(loaded.expressions) == ["smiling", "neutral"]
    assert np.array_equal(loaded.expressions["smiling"], faces.expressions["smiling"])
    assert np.array_equal(loaded.age_calibration.codes, faces.age_calibration.codes)
    assert loaded.decode_mesh(loaded.latent_mean).landmarks["nose_tip"] == pytest.approx(
        loaded.decode(loaded.latent_mean)[35]
    )
    attributes = inface.codecs.open_model_file(tmp_path / "ours.h5").attributes
    assert attributes["format"] == "inface" and attributes["kind"] == "autoencoder"
    assert attributes["template_hash"] == faces.template.hash


def test_encoders_are_read_when_they_are_used(faces, ref, tmp_path):
    path = ref.write(tmp_path / "m.h5", ref.ae((4, 6, 1)))
    model = inface.load_model(path)
    model.decode(model.latent_mean)
    a, b = model.sample_meshes(2, seed=0)
    assert not model.encoders._loaded
    model.set_expression(a, model.latent_mean)
    assert set(model.encoders._loaded) == {"identity", "age"}
    model = inface.load_model(path)
    path.unlink()  # the open file stays whole
    model.transfer_expression(a, b)
    assert set(model.encoders._loaded) == {"identity", "expression", "age"}


def test_models_travel_to_other_processes(faces):
    import pickle

    there = pickle.loads(pickle.dumps(faces))
    assert there.hash == faces.hash
    mesh = faces.sample_meshes(1, seed=1)[0]
    assert np.array_equal(there.encode(mesh), faces.encode(mesh))


def test_blocks_of_a_pca_model_and_of_a_plain_autoencoder_are_saved(ref, tmp_path):
    tree = ref.pca(k=6)
    blocks = {"identity": slice(0, 3), "expression": slice(3, 5), "age": slice(5, 6)}
    std = np.sqrt(tree["eigenvalues"])
    model = inface.PCAMorphableModel(**tree_arguments(tree), latent=inface.LatentSpace(std * 0, std, blocks))
    check_model(model)
    model.save(tmp_path / "m.h5")
    assert dict(inface.load_model(tmp_path / "m.h5").blocks) == blocks


def tree_arguments(tree):
    return {key: tree[key] for key in ("components", "eigenvalues", "mean_vertices", "triangles")}


def test_a_shape_sampled_twice_with_one_seed_is_the_same(pca):
    a, b = (pca.sample_meshes(4, deviation_factor=2, seed=7) for _ in range(2))
    assert all(np.array_equal(x.vertices, y.vertices) for x, y in zip(a, b, strict=True))
    codes = pca.sample_latents(20_000, deviation_factor=2, seed=0)
    assert codes.std(0) == pytest.approx(2 * pca.latent_std, rel=0.03)


def test_modes_add_up_in_linear_models(pca, faces, ref, tmp_path):
    assert pca.is_linear and not faces.is_linear
    offsets = pca.mode_offsets(3, deviations=2)
    expected = 2 * pca.latent_std[1] * pca.components[1].reshape(-1, 3)
    assert np.abs(offsets[1] - expected).max() < 1e-3
    assert inface.load_model(ref.write(tmp_path / "m.h5", ref.ae((8, 32, 16), slope=1.0))).is_linear
