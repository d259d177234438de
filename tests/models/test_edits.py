"""Expression and age: block by block, with and without the child's own detail, in its own frame."""

import warnings

import numpy as np
import pytest

import inface
from inface.models.ages import ExtrapolationWarning
from inface.transforms import Similarity


@pytest.fixture
def mesh(faces):
    """A mesh with colours, landmarks on vertices, and detail the model cannot express."""
    mesh = faces.sample_meshes(1, deviation_factor=0.5, seed=3)[0]
    bumps = 0.3 * np.sin(np.arange(mesh.vertices.size)).reshape(-1, 3)
    colors = np.linspace(0, 1, mesh.vertices.size).reshape(-1, 3)
    return mesh.with_vertices(mesh.vertices + bumps).with_colors(colors)


def test_set_expression_as_in_the_reference(faces, mesh, ref, tmp_path):
    faces.save(tmp_path / "m.h5")
    tree = ref.read(tmp_path / "m.h5")
    code = np.linspace(-1, 1, 6)
    latent = ref.encode(tree, mesh.vertices)
    latent[4:10] = code
    expected = ref.decode(tree, latent)
    full = np.concatenate([np.full(4, 9.0), code, [9.0]])
    for given in (code, full, code.tolist()):
        assert np.abs(faces.set_expression(mesh, given).vertices - expected).max() < 1e-3


def test_transfer_and_age_as_in_the_reference(faces, mesh, ref, tmp_path):
    faces.save(tmp_path / "m.h5")
    tree = ref.read(tmp_path / "m.h5")
    source = faces.sample_meshes(1, seed=9)[0]
    latent = ref.encode(tree, mesh.vertices)
    latent[4:10] = ref.encode(tree, source.vertices)[4:10]
    assert np.abs(faces.transfer_expression(source, mesh).vertices - ref.decode(tree, latent)).max() < 1e-3
    latent = ref.encode(tree, mesh.vertices)
    latent[-1] = 1.5
    for value in (1.5, np.float32(1.5), [1.5]):
        assert np.abs(faces.adjust_age(mesh, value).vertices - ref.decode(tree, latent)).max() < 1e-3


def test_expressions_by_name_and_strength(faces, mesh):
    smile, neutral = faces.expressions["smiling"], faces.expressions["neutral"]
    named = faces.set_expression(mesh, "smiling").vertices
    assert np.array_equal(named, faces.set_expression(mesh, smile).vertices)
    half = faces.set_expression(mesh, "smiling", strength=0.5).vertices
    assert np.array_equal(half, faces.set_expression(mesh, neutral + 0.5 * (smile - neutral)).vertices)
    assert np.array_equal(faces.set_expression(mesh, "smiling", 0).vertices, faces.neutralize(mesh).vertices)
    with pytest.raises(ValueError, match="not stored in the model; it has: smiling, neutral"):
        faces.set_expression(mesh, "frowning")


def test_neutral_is_the_stored_code_or_else_the_latent_mean(faces, mesh):
    assert np.array_equal(faces.neutral_code(), faces.expressions["neutral"])
    bare = faces.with_extras(expressions={})
    assert np.array_equal(bare.neutralize(mesh).vertices, bare.set_expression(mesh, bare.latent_mean).vertices)


def test_colours_stay_and_landmarks_follow(faces, mesh):
    for keep in (False, True):
        edited = faces.set_expression(mesh, "smiling", keep_detail=keep)
        assert np.array_equal(edited.colors, mesh.colors)
        assert edited.landmarks.names == mesh.landmarks.names
        assert np.abs(edited.landmarks["nose_tip"] - edited.vertices[35]).max() < 1e-6
        assert np.abs(edited.landmarks["nose_tip"] - mesh.landmarks["nose_tip"]).max() > 0.3


def test_keep_detail_adds_the_models_change_to_the_scan(faces, mesh):
    own = faces.encode(mesh)
    edited = own.copy()
    edited[4:10] = 1.0
    expected = mesh.vertices + faces.decode(edited).astype(float) - faces.decode(own)
    assert np.abs(faces.set_expression(mesh, np.ones(6), keep_detail=True).vertices - expected).max() < 1e-4
    plain = faces.set_expression(mesh, np.ones(6))
    assert np.abs(plain.vertices - expected).max() > 0.1


EDITS = {
    "set_expression": lambda m, mesh, **o: m.set_expression(mesh, "smiling", **o),
    "transfer_expression": lambda m, mesh, **o: m.transfer_expression(mesh, mesh, **o),
    "neutralize": lambda m, mesh, **o: m.neutralize(mesh, **o),
    "adjust_age": lambda m, mesh, **o: m.adjust_age(mesh, 0.2, **o),
    "set_age": lambda m, mesh, **o: m.set_age(mesh, months=12, **o),
    "set_age from a known age": lambda m, mesh, **o: m.set_age(mesh, months=12, current_months=8, **o),
}


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.parametrize("keep_detail", [False, True])
def test_every_edit_aligns_and_returns_in_the_meshs_own_frame(faces, mesh, name, keep_detail):
    angle = np.radians(70)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    pose = Similarity(turn, np.array([100.0, 20.0, -300.0]))
    away = mesh.with_vertices(pose.apply(mesh.vertices))
    edit = EDITS[name]
    still = edit(faces, mesh, align=True, keep_detail=keep_detail)
    moved = edit(faces, away, align=True, keep_detail=keep_detail)
    assert np.abs(moved.vertices - pose.apply(still.vertices)).max() < 1e-2
    with pytest.raises(inface.CorrespondenceError, match="align=True"):
        edit(faces, away, keep_detail=keep_detail)
    edit(faces, away, check=False, keep_detail=keep_detail)


def test_ages_in_months(faces, mesh):
    code = float(faces.encode(mesh)[-1])
    # direction -1: the code's sign is turned, so that plus means older
    assert faces.age(mesh) == pytest.approx(np.interp(-code, [-3, 0, 3], [1, 10, 30]), rel=1e-5)
    assert np.array_equal(faces.set_age(mesh, months=20).vertices, faces.adjust_age(mesh, -1.5).vertices)
    older = faces.set_age(mesh, months=20, current_months=10)
    assert np.abs(older.vertices - faces.adjust_age(mesh, code - 1.5).vertices).max() < 1e-3
    own, now, then = (faces.encode(mesh) for _ in range(3))
    now[-1], then[-1] = 0, -1.5
    kept = faces.set_age(mesh, months=20, current_months=10, keep_detail=True)
    expected = mesh.vertices + faces.decode(then).astype(float) - faces.decode(now)
    assert np.abs(kept.vertices - expected).max() < 1e-4
    assert own[-1] not in (0, -1.5)


def test_ages_outside_the_calibration(faces, mesh):
    with pytest.warns(ExtrapolationWarning, match="1 to 30 months"):
        faces.set_age(mesh, months=33)
    with pytest.raises(ValueError, match="far outside what the model is calibrated for"):
        faces.set_age(mesh, months=400)
    with pytest.raises(ValueError, match="zero or more"):
        faces.set_age(mesh, months=-3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        faces.set_age(mesh, months=30)


def test_a_wide_age_block_takes_a_vector_and_no_number(ref, tmp_path):
    model = inface.load_model(ref.write(tmp_path / "m.h5", ref.ae((8, 32, 16), slope=1.0)))
    mesh = model.sample_meshes(1, 0.3, seed=0)[0]
    code = np.arange(16) / 16
    latent = model.encode(mesh)
    latent[40:] = code
    assert np.array_equal(model.adjust_age(mesh, code).vertices, model.decode(latent))
    for wrong in (0.5, np.zeros(15), np.zeros(56)):
        with pytest.raises(ValueError, match="a vector of 16 numbers"):
            model.adjust_age(mesh, wrong)
    calibrated = model.with_extras(age_calibration=inface.AgeCalibration(np.eye(16)[2] * 5, [-9.0, 9.0], [0.0, 36.0]))
    own, aged = model.encode(mesh), calibrated.encode(calibrated.set_age(mesh, 18), check=False)
    expected = own.copy()
    expected[42] = 0
    assert np.abs(calibrated.set_age(mesh, 18).vertices - model.decode(expected)).max() < 1e-3
    assert aged.shape == own.shape


def test_missing_blocks_are_named(pca, faces, mesh, ref, tmp_path):
    with pytest.raises(inface.MissingBlockError, match="not disentangled"):
        pca.neutralize(mesh)
    with pytest.raises(inface.MissingBlockError, match="age code"):
        faces.with_extras(age_calibration=None).set_age(mesh, months=3)
    tree = ref.pca(k=6)
    std = np.sqrt(tree["eigenvalues"])
    half = inface.PCAMorphableModel(**tree, latent=inface.LatentSpace(std * 0, std, {"identity": slice(0, 4)}))
    with pytest.raises(inface.MissingBlockError, match=r"no block 'age'; its blocks are 'identity' \(4\)"):
        half.adjust_age(mesh, 0)


def test_plausibility_is_the_mahalanobis_distance_of_each_block(faces):
    latent = faces.latent_mean.astype(float)
    distances = faces.plausibility(faces.decode_mesh(latent))
    assert set(distances) == {"identity", "expression", "age", "overall"}
    mesh = faces.sample_meshes(1, seed=2)[0]
    z = (faces.encode(mesh).astype(float) - faces.latent_mean) / faces.latent_std
    found = faces.plausibility(mesh)
    assert found["expression"] == pytest.approx(np.sqrt((z[4:10] ** 2).sum()))
    assert found["overall"] == pytest.approx(np.sqrt(sum(found[b] ** 2 for b in faces.blocks)))


def test_unreadable_codes(faces, mesh):
    for wrong in (np.zeros(5), np.zeros(12), np.full(6, np.nan), np.zeros((2, 6))):
        with pytest.raises(ValueError, match="expression code"):
            faces.set_expression(mesh, wrong)
    with pytest.raises(ValueError, match="age code: expected a number"):
        faces.adjust_age(mesh, [1, 2])


def test_every_child_that_a_model_draws_has_an_age_and_the_same_one_in_any_pose():
    model = inface.load_default_model("disentangled")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExtrapolationWarning)
        children = model.sample_meshes(20, seed=1)
        ages = [model.age(child) for child in children]
        assert min(ages) >= 0 and max(ages) < 120  # extrapolated, which the warning says
        for child, age in zip(children[:2], ages[:2], strict=True):
            assert model.age(child, align=True) == pytest.approx(age, abs=1.5)


def test_an_edit_of_a_mesh_that_the_model_cannot_explain_says_so_with_the_number(faces, mesh):
    far = mesh.with_vertices(mesh.vertices[:, [2, 0, 1]] + 300)
    with pytest.warns(UserWarning, match=r"lies \d+ standard deviations from the model's mean"):
        faces.neutralize(far, check=False)
