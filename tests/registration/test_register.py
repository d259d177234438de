"""`register` on scans whose true correspondence is known: laws, hostile scans, verdicts."""

import numpy as np
import pytest
import trimesh
from toy_head import PLAIN, errors

from inface.mesh import Mesh
from inface.registration import Limits, RegistrationError, Settings, register
from inface.registration.pose import even_rotations
from inface.synthetic.scanner import simulate_scan
from inface.transforms import Similarity

# for what is decided before the refinement, from a given pose
SHORT = Settings(check_pose=False, refine=False)


@pytest.fixture(scope="module")
def done(scan, model):
    return register(scan.mesh, model)


def test_a_scan_in_any_pose_and_unit_is_registered_without_landmarks(done, scan, model, child):
    assert done.verdict == "ok" and done.reasons == ()
    assert done.unit == "m"
    assert errors(done, scan)[scan.seen].mean() < 0.6
    np.testing.assert_allclose(done.transform.apply(done.model_mesh.vertices), done.mesh.vertices, atol=1e-12)
    np.testing.assert_allclose(model.decode(done.latent), done.fitted, atol=1e-3)
    assert done.distance[done.support].mean() < 0.3
    assert [s.name for s in done.stages] == ["clean", "pose", "model fit", "refine", "report"]


def test_support_tells_seen_from_extrapolated_and_std_grows_there(model, child):
    front = simulate_scan(child, 4, views="front", unit="mm", template=model.template, **PLAIN)
    done = register(front.mesh, model, settings=Settings(limits=Limits(gap=0.03)))  # an egg tells its pose less
    assert done.verdict in ("ok", "partial")
    assert (done.support == front.seen).mean() > 0.8
    assert done.vertex_std[~front.seen].mean() > 1.15 * done.vertex_std[front.seen].mean()
    assert errors(done, front)[front.seen].mean() < 0.6


def test_a_sample_of_the_model_comes_back(model, child):
    low = register(child, model, settings=Settings(noise=0.01, correlation=1.0, smooth_normals=0))
    assert (
        np.linalg.norm(low.mesh.vertices - child.vertices, axis=1).mean() < 0.08
    )  # a coarse mesh of flat triangles; 0.05 on the real template
    usual = register(child, model)
    assert np.linalg.norm(usual.mesh.vertices - child.vertices, axis=1).mean() < 0.2


def test_rotation_translation_and_order_do_not_matter(done, scan, model):
    motion = Similarity(even_rotations(7)[3], [0.4, -3.0, 0.2])
    order = np.random.default_rng(0).permutation(len(scan.mesh.vertices))
    moved = Mesh(motion.apply(scan.mesh.vertices)[order], np.argsort(order)[scan.mesh.triangles])
    other = register(moved, model)
    gap = np.linalg.norm(motion.inverse().apply(other.mesh.vertices) - done.mesh.vertices, axis=1) / scan.pose.scale
    assert gap.mean() < 0.2


def test_another_triangulation_gives_the_same_child(done, scan, child, model):
    again = simulate_scan(
        child, 3, views="full", unit="m", pose=Similarity(), template=model.template, **(PLAIN | {"vertices": 9000})
    )
    other = register(again.mesh, model)
    gap = np.linalg.norm(other.model_mesh.vertices - done.model_mesh.vertices, axis=1)
    assert gap.mean() < 0.2


def test_a_mirrored_scan_gives_the_mirrored_result(done, scan, model):
    flip = np.array([-1.0, 1, 1])
    other = register(Mesh(scan.mesh.vertices * flip, scan.mesh.triangles[:, ::-1]), model)
    assert other.verdict == done.verdict
    mirrored = done.mesh.vertices[model.template.mirror] * flip
    assert np.linalg.norm(other.mesh.vertices - mirrored, axis=1).mean() / scan.pose.scale < 0.4


def test_an_inside_out_scan_is_repaired_and_said_so(done, scan, model):
    other = register(Mesh(scan.mesh.vertices, scan.mesh.triangles[:, ::-1]), model)
    assert other.verdict == "ok" and any("inside out" in note for note in other.notes)
    np.testing.assert_allclose(other.mesh.vertices, done.mesh.vertices, atol=2e-4)


def test_a_point_cloud_is_registered(scan, model):
    cloud = register(Mesh(scan.mesh.vertices, []), model)
    assert cloud.verdict == "ok" and errors(cloud, scan)[scan.seen].mean() < 1.0


def test_landmarks_give_the_pose_and_twice_is_once(scan, model):
    names = ["prn", "ex_l", "ex_r", "ch_l", "ch_r", "t_l"]
    pairs = [(name, scan.truth[model.template.landmarks[name]]) for name in names]
    once = register(scan.mesh, model, dict(pairs), settings=Settings(check_pose=False))
    twice = register(scan.mesh, model, pairs + pairs, settings=Settings(check_pose=False))
    assert once.verdict == "ok" and errors(once, scan)[scan.seen].mean() < 0.6
    np.testing.assert_array_equal(once.mesh.vertices, twice.mesh.vertices)


def test_wrong_landmarks_are_found_and_named(scan, model):
    truth = {name: scan.truth[i] for name, i in model.template.landmarks.items()}
    swap = {"ex_l": "ex_r", "ex_r": "ex_l", "ch_l": "ch_r", "ch_r": "ch_l", "t_l": "t_r", "t_r": "t_l"}
    exchanged = register(scan.mesh, model, {name: truth[swap.get(name, name)] for name in truth}, settings=SHORT)
    assert exchanged.verdict == "partial" and "left and right are exchanged in all" in exchanged.reasons[0]
    assert errors(exchanged, scan)[scan.seen].mean() < 0.6
    one = register(scan.mesh, model, truth | {"ch_l": truth["ch_r"], "ch_r": truth["ch_l"]}, settings=SHORT)
    assert any("'ch'" in reason for reason in one.reasons)
    off = register(scan.mesh, model, truth | {"prn": truth["prn"] + 0.08}, settings=SHORT)
    assert any("'prn'" in reason and "off the scan" in reason for reason in off.reasons)
    assert errors(off, scan)[scan.seen].mean() < 0.6
    astray = register(scan.mesh, model, truth | {"n": truth["v"]}, settings=SHORT)
    assert any("'n'" in reason for reason in astray.reasons)


def test_a_given_start_is_used_and_a_wrong_one_is_not_ok(scan, model):
    near = scan.pose.compose(Similarity(even_rotations(1)[0] @ np.eye(3), [0, 0, 0]))
    good = register(scan.mesh, model, start=scan.pose.compose(Similarity(np.eye(3), [5.0, -4, 6])))
    assert good.verdict == "ok" and errors(good, scan)[scan.seen].mean() < 0.6
    turned = Similarity([[-1, 0, 0], [0, 1, 0], [0, 0, -1]])
    assert register(scan.mesh, model, start=scan.pose.compose(turned)).verdict == "failed"
    assert near.scale == scan.pose.scale


@pytest.mark.parametrize(
    "bad, words",
    [
        (Mesh([], []), "at least 100"),
        (Mesh(np.eye(3), [[0, 1, 2]]), "at least 100"),
        (Mesh(np.ones((500, 3)), []), "one place"),
        (Mesh(np.full((500, 3), np.nan), []), "0 points"),
        pytest.param(Mesh(np.random.default_rng(0).normal(size=(3000, 3)), []), "", marks=pytest.mark.slow),
    ],
)
def test_what_is_no_scan_fails_in_words_and_raises_only_when_asked(bad, words, model):
    done = register(bad, model)
    assert done.verdict == "failed" and words in " ".join(done.reasons)
    with pytest.raises(RegistrationError, match="the registration failed"):
        register(bad, model, on_failure="raise")


@pytest.mark.slow
def test_balls_and_boxes_fail(model):
    for shape in (trimesh.creation.icosphere(subdivisions=4, radius=80), trimesh.creation.box((120, 170, 140))):
        shape = shape if len(shape.vertices) > 100 else shape.subdivide().subdivide().subdivide().subdivide()
        assert register(Mesh(shape.vertices, shape.faces), model, unit="mm").verdict == "failed"


def test_a_dirty_scan_is_cleaned(scan, model):
    rng = np.random.default_rng(1)
    vertices, triangles = scan.mesh.vertices + 1e6, scan.mesh.triangles
    soup = vertices[triangles].reshape(-1, 3)  # every corner a vertex of its own
    faces = np.arange(len(soup)).reshape(-1, 3)
    flat = np.stack([faces[:50, 0], faces[:50, 0], faces[:50, 1]], 1)
    turned = rng.random(len(faces)) < 0.1
    faces[turned] = faces[turned][:, ::-1]
    fan = np.array([[0, 4, 100], [0, 4, 200], [0, 4, 300]])  # a non-manifold edge
    nan = np.vstack([soup, np.full((5, 3), np.nan)])
    loose = Settings(limits=Limits(gap=0.03))
    done = register(Mesh(nan, np.concatenate([faces, flat, fan])), model, settings=loose)
    assert done.verdict == "ok", done.reasons
    assert np.linalg.norm(done.mesh.vertices - scan.truth - 1e6, axis=1)[scan.seen].mean() / scan.pose.scale < 0.7
    said = " ".join(done.notes)
    assert "welded" in said and "without area" in said and "not finite" in said and "wound against" in said


def test_ignored_regions_match_nothing(child, model):
    cap = simulate_scan(child, 9, views="full", template=model.template, **(PLAIN | {"cap": True}))
    done = register(cap.mesh, model, ignore=["scalp"])
    assert not done.support[model.template.regions["scalp"]].any()
    with pytest.raises(ValueError, match="no region 'hat'; it has face, scalp"):
        register(cap.mesh, model, ignore=["hat"])


def test_arguments_that_make_no_sense_are_refused(scan, model):
    with pytest.raises(ValueError, match="mm, cm, m, inch"):
        register(scan.mesh, model, unit="yard")
    with pytest.raises(ValueError, match="two places"):
        register(scan.mesh, model, [("prn", [0, 0, 0]), ("prn", [1, 0, 0])])
    with pytest.raises(ValueError, match="on_failure"):
        register(scan.mesh, model, on_failure="cry")
