"""What no distance shows: bends, features in their places, parts, caps, sizes; and the record of it all."""

import time
from dataclasses import fields, replace

import numpy as np
import pytest
from toy_head import PLAIN, errors
from typer.testing import CliRunner

from inface.cli import build_app
from inface.embedded import load_default_model
from inface.errors import FormatError
from inface.geometry.adjacency import adjacency
from inface.geometry.rotations import random_rotation
from inface.mesh import Mesh
from inface.registration import Registration, Settings, register
from inface.registration.clean import clean
from inface.registration.features import BendMap, blocks_of, find_features
from inface.registration.likeness import Looks
from inface.registration.parts import look_at_parts
from inface.registration.prior import prior_of
from inface.registration.quality import measure_quality
from inface.registration.target import Target
from inface.registration.verdict import Limits
from inface.synthetic.scanner import simulate_scan
from inface.transforms import Similarity


@pytest.fixture(scope="module")
def pca():
    return load_default_model("pca")


@pytest.fixture(scope="module")
def skin(pca):
    """The outer skin of a child of the shipped model, whose place is known, as a scan."""
    vertices = pca.decode(pca.latent_std * np.random.default_rng(5).normal(0, 0.8, len(pca.latent_std)))
    inside = pca.template.regions["mouth_inside"]
    keep = ~np.isin(pca.triangles, inside).any(1)
    return Mesh(vertices.astype(float), pca.triangles[keep])


@pytest.fixture(scope="module")
def seen(pca, skin):
    """Prior, target, looks, and the true vertices in the working frame."""
    prior = prior_of(pca).bare()
    target = Target.of_scan(clean(skin), "mm", 1.0)
    return prior, target, Looks(prior, target), target.frame.apply(skin.vertices)


def test_bends_tell_a_right_face_from_one_that_slid_or_is_turned_round(pca, seen):
    _, target, looks, truth = seen
    up, forth = target.frame.rotation[:, 1], target.frame.rotation[:, 2]
    right = looks.face(truth)
    assert right.value > 0.95 and right.shown > 0.8 and 0.8 < right.relief < 1.2
    assert looks.slip(truth, up) == 0
    low = truth - 20 * up
    assert looks.face(low).value < 0.65 and looks.slip(low, up) == -20
    middle = truth.mean(0)
    turn = np.outer(up, up) * 2 - np.eye(3)  # half a turn about the head's axis
    assert looks.face((truth - middle) @ turn + middle + 0 * forth).value < 0.5


def test_features_are_found_where_they_are(pca, seen):
    prior, target, looks, truth = seen
    blocks = blocks_of(prior)
    assert len(blocks) >= 18
    shifted = truth + target.frame.rotation @ [1.0, 7.0, 0.0]
    found = find_features(BendMap(looks), looks, shifted, blocks, 12.0)
    off = {vertex: np.linalg.norm(place - truth[vertex]) for vertex, place in found.items()}
    assert len(off) >= 10 and np.median(list(off.values())) < 2.5
    assert find_features(BendMap(looks), looks, shifted + 1e4, blocks, 12.0) == {}  # nothing there, nothing found


def test_an_ear_that_is_a_blur_is_extrapolated_and_one_elsewhere_is_doubtful(pca, skin, seen):
    prior, _, looks, truth = seen
    limits = Limits().parts

    def states(shape, scan=None):
        if scan is not None:
            target = Target.of_scan(clean(scan), "mm", 1.0)
            look, fit = Looks(prior, target), target.frame.apply(shape)
        else:
            target, look, fit = looks.target, looks, shape
        quality = measure_quality(prior, target, fit)
        return {name: part.state for name, part in look_at_parts(prior, look, fit, quality, limits).items()}

    right = states(truth)
    assert {right[p] for p in ("eyes", "nose", "mouth", "left ear", "right ear", "vault", "forehead")} == {"seen"}
    ear = pca.template.regions["ear_l"]
    blur = skin.vertices.copy()
    near = adjacency(skin.triangles, len(blur))
    for _ in range(400):
        blur[ear] = (near @ blur / np.maximum(near.sum(1), 1)[:, None])[ear]
    assert states(skin.vertices, Mesh(blur, skin.triangles))["left ear"] == "extrapolated"
    moved = truth.copy()
    moved[ear] += looks.target.frame.rotation @ [0.0, 17.0, 0.0]
    assert states(moved)["left ear"] == "doubtful" and states(moved)["right ear"] == "seen"


def test_a_turned_and_shifted_scan_comes_to_the_same_numbers(scan, model):
    one = register(scan.mesh, model)
    for seed in range(2):
        rng = np.random.default_rng(seed)
        motion = Similarity(random_rotation(rng), rng.uniform(-1, 1, 3))
        other = register(Mesh(motion.apply(scan.mesh.vertices), scan.mesh.triangles), model)
        assert other.verdict == one.verdict
        back = motion.inverse().apply(other.mesh.vertices)
        assert np.abs(back - one.mesh.vertices).max() / scan.pose.scale < 1e-3  # mm


def test_a_size_that_is_no_heads_is_said_first_and_alone(scan, model):
    own = scan.pose.inverse().apply(scan.mesh.vertices) / 100  # decimetres
    start = time.process_time()
    done = register(Mesh(own, scan.mesh.triangles), model)
    assert time.process_time() - start < 2
    assert done.verdict == "failed" and len(done.reasons) == 1 and done.because[0].kind == "unit"
    assert "no head in mm, cm, m or inch; give unit= or scale=" in done.reasons[0]
    told = register(Mesh(own, scan.mesh.triangles), model, scale=100.0)
    assert told.verdict == "ok" and told.unit == ""
    truth = scan.pose.inverse().apply(scan.truth) / 100
    assert np.linalg.norm(told.mesh.vertices - truth, axis=1)[scan.seen].mean() * 100 < 0.6
    wrong = register(Mesh(own, scan.mesh.triangles), model, unit="m")
    assert wrong.because[0].kind == "unit" and "with the unit or scale given" in wrong.reasons[0]
    with pytest.raises(ValueError, match="then no unit"):
        register(scan.mesh, model, unit="m", scale=1.0)


def test_pinholes_are_no_end_of_the_surface(scan, model):
    vertices = scan.mesh.vertices.copy()
    vertices[np.random.default_rng(0).random(len(vertices)) < 0.02] = np.nan
    holed, whole = clean(Mesh(vertices, scan.mesh.triangles)), clean(scan.mesh)
    assert holed.cloud.border.mean() < whole.cloud.border.mean() + 0.05
    assert any("pinholes" in note for note in holed.notes)
    done = register(Mesh(vertices, scan.mesh.triangles), model)
    assert done.verdict == "ok" and errors(done, scan)[scan.seen].mean() < 0.6


@pytest.mark.slow
def test_a_cap_is_told_from_a_bare_head_and_the_user_has_the_last_word(child, model):
    options = PLAIN | {"noise": 0.2}
    capped = simulate_scan(child, 9, views="full", template=model.template, **(options | {"cap": True}))
    bare = simulate_scan(child, 9, views="full", template=model.template, **options)
    one, two = register(capped.mesh, model), register(bare.mesh, model)
    assert one.cap.worn and not one.cap.given and "cloth" in one.cap.why
    assert not two.cap.worn and not two.cap.given
    scalp = model.template.regions["scalp"]
    said = register(capped.mesh, model, cap=False)
    assert said.cap.given and not said.cap.worn
    off = {name: errors(done, capped)[scalp].mean() for name, done in (("found", one), ("said bare", said))}
    assert off["found"] < off["said bare"]  # cloth is followed where the head is said to be bare
    assert register(bare.mesh, model, cap=True).cap.worn
    with pytest.raises(ValueError, match="scope: expected one of"):
        Settings(scope="foot")


@pytest.fixture(scope="module")
def stored(tmp_path_factory, scan, model):
    """`inface register` from files to files, with every new option."""
    home = tmp_path_factory.mktemp("stored")
    scan.mesh.export(home / "anna.ply")
    model.save(home / "model.h5")
    arguments = ["register", str(home / "anna.ply"), "--model", str(home / "model.h5"), "--out", str(home / "out")]
    result = CliRunner().invoke(build_app(), [*arguments, "--bare", "--scope", "head", "--scale", "1000"])
    assert result.exit_code == 0, result.output
    return home / "out"


def test_what_register_writes_is_read_back_whole(stored, scan, model):
    done = Registration.load(stored / "anna.npz")
    again = register(Mesh.load(stored.parent / "anna.ply"), model, scale=1000.0, cap=False, scope="head")
    for name in (f.name for f in fields(done)):
        mine, theirs = getattr(done, name), getattr(again, name)
        if name in ("stages", "model_hash"):
            continue
        if isinstance(mine, np.ndarray):
            np.testing.assert_allclose(mine, theirs, atol=1e-5)
        elif name in ("mesh", "model_mesh"):
            np.testing.assert_allclose(mine.vertices, theirs.vertices, atol=1e-5)
        elif name in ("verdict", "reasons", "because", "scope", "unit", "notes"):
            assert mine == theirs, name
    assert done.cap.given and not done.cap.worn and done.scope == "head"
    count = len(model.latent_std)
    assert done.covariance.shape == (count, count) and done.pose_covariance.shape == (6, 6)
    assert (np.linalg.eigvalsh(done.covariance) > 0).all() and (np.linalg.eigvalsh(done.pose_covariance) > 0).all()
    assert (np.diag(done.covariance) <= model.latent_std**2 * 1.001).all()  # never less sure than the model itself
    page = (stored / "index.html").read_text()
    assert "shows a: head" in page and "cap: bare" in page


def test_a_record_is_the_same_bytes_twice_and_anything_else_is_refused(tmp_path, stored):
    done = Registration.load(stored / "anna.npz")
    done.save(tmp_path / "a.npz")
    done.save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    replace(done, mesh=None, model_mesh=None, transform=None).save(tmp_path / "none.npz")
    assert Registration.load(tmp_path / "none.npz").mesh is None
    np.savez(tmp_path / "other.npz", a=np.arange(3))
    (tmp_path / "text.npz").write_text("no archive")
    for name in ("other.npz", "text.npz"):
        with pytest.raises(FormatError, match="expected the record of a registration"):
            Registration.load(tmp_path / name)
