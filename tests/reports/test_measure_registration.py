"""What `inface.measure` makes of a registration: errors, caps, doubts, failures."""

from types import SimpleNamespace

import numpy as np
import pytest

import inface
from inface.measurement.uncertainty import ErrorRule, posterior_offsets, spreads
from inface.transforms import Similarity


@pytest.fixture(scope="module")
def model():
    return inface.load_default_model("pca")


def registration(model, **changes):
    """A record such as `register` gives, on a head of the model, turned and in metres."""
    latent = model.sample_latents(1, 0.5, seed=3)[0].astype(float)
    head = np.asarray(model.decode(latent), float)
    pose = Similarity(np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]), np.array([1.0, 2, 3]), 0.001)
    std = np.asarray(model.latent_std, float)
    told = {
        "verdict": "ok", "reasons": (), "latent": latent, "model_mesh": inface.Mesh(head, model.triangles),
        "mesh": inface.Mesh(pose.apply(head), model.triangles), "transform": pose, "unit": "m",
        "support": np.ones(len(head), bool), "covariance": np.diag((0.05 * std) ** 2), "model_hash": model.hash,
        "measures": {"cloth": 0.0}, "parts": {}, "cap": None,
    }  # fmt: skip
    return SimpleNamespace(**(told | changes))


@pytest.fixture(scope="module")
def plain(model):
    return inface.measure(registration(model), age_days=183, sex="female", samples=20)


def test_a_registration_has_errors_that_are_the_spread_of_its_posterior(model, plain):
    circumference = plain["circ.ml"]
    assert circumference.std > 0.1 and circumference.low < circumference.value < circumference.high
    assert circumference.high - circumference.low == pytest.approx(2 * 1.959964 * circumference.std)
    assert circumference.z is not None and plain.verdict == "ok"
    done = registration(model)
    from inface.measurement.anatomy import anatomy_of
    from inface.measurement.head import Head

    head = Head(anatomy_of(model.template), done.model_mesh.vertices)
    offsets = posterior_offsets(model, done.latent, done.covariance, 20)
    raw = spreads(head, offsets, ["n-gn"])["n-gn"]
    linear = np.asarray(model.components, float).reshape(len(model.latent), -1, 3)
    n, gn = (model.template.landmarks[k] for k in ("n", "gn"))
    across = head.vertices[n] - head.vertices[gn]
    gradient = (linear[:, n] - linear[:, gn]) @ (across / np.linalg.norm(across))
    wanted = np.sqrt(gradient**2 @ np.diag(done.covariance))
    assert raw == pytest.approx(wanted, rel=0.35)  # twenty samples


@pytest.mark.slow
def test_twice_the_posterior_is_about_twice_the_error(model, plain):
    wide = registration(model)
    wide.covariance = 16 * wide.covariance
    found = inface.measure(wide, samples=20)
    for id in ("circ.ml", "ci.go", "n-gn"):
        assert found[id].std > 2 * plain[id].std, id
    again = inface.measure(registration(model), samples=20)
    assert again["circ.ml"].std == plain["circ.ml"].std  # one seed, one result


def test_values_do_not_depend_on_the_scans_pose_and_unit_and_lines_lie_on_the_scan(model, plain):
    mesh = inface.measure(registration(model).model_mesh)
    for id, m in mesh.items():
        if m.value is not None and plain[id].value is not None:
            assert plain[id].value == pytest.approx(m.value, abs=1e-9)
    diagonal = plain.lines["diagonal.l"]
    assert 1000 * np.linalg.norm(diagonal[1] - diagonal[0]) == pytest.approx(plain["diagonal.l"].value)
    done = registration(model)
    assert np.abs(done.transform.inverse().apply(diagonal)).max() < 200


def test_an_adult_is_measured_in_the_size_of_the_scan(model, plain):
    done = registration(model, size=1.25)
    done.transform = Similarity(done.transform.rotation, done.transform.translation, 1.25 * done.transform.scale)
    done.mesh = inface.Mesh(done.transform.apply(done.model_mesh.vertices), model.triangles)
    found = inface.measure(done, samples=0)
    assert found["circ.go"].value == pytest.approx(1.25 * plain["circ.go"].value, abs=1e-6)
    a, b = found.lines["diagonal.l"]
    assert 1000 * np.linalg.norm(b - a) == pytest.approx(found["diagonal.l"].value)


def test_given_landmarks_are_points_of_the_scan(model, plain):
    done = registration(model)
    at = done.transform.apply(done.model_mesh.vertices[model.template.landmarks["v"]])
    found = inface.measure(done, landmarks={"op": at}, samples=0)
    wanted = inface.measure(done.model_mesh, landmarks={"op": int(model.template.landmarks["v"])})
    assert found["length.go"].value == pytest.approx(wanted["length.go"].value, abs=1e-6)


def test_a_failed_registration_gives_no_values(model):
    found = inface.measure(registration(model, verdict="failed", reasons=("the fit does not lie on the scan",)))
    assert not found.values_by_id()
    assert all("the registration failed: the fit does not lie" in m.flags[0] for m in found.values())


def test_unseen_parts_are_refused_and_flagged(model):
    done = registration(model)
    support = np.ones(len(done.support), bool)
    support[done.model_mesh.vertices[:, 2] < -20] = False
    found = inface.measure(registration(model, support=support), samples=0)
    assert found["circ.ml"].value is None and "not seen" in found["circ.ml"].flags[0]
    assert found["n-gn"].value is not None and found["n-gn"].seen == 1


def test_single_hidden_vertices_among_seen_ones_refuse_nothing(model):
    """Folds, lashes and nostrils: half of the vertices of a scan of the whole head are not matched one by one."""
    support = np.random.default_rng(0).random(len(model.template.mesh.vertices)) < 0.5
    found = inface.measure(registration(model, support=support), samples=0)
    for id in ("en-en", "ch-ch", "al-al", "sa-sba", "height", "circ.ml"):
        assert found[id].value is not None and found[id].seen > 0.9, id


def test_a_cap_is_a_flag_and_an_error(model, plain):
    over = inface.measure(registration(model), cap=True, samples=20)
    assert "over a cap, reads high" in over["circ.ml"].flags and over["n-gn"].flags == ()
    assert over["circ.ml"].std > 5 > plain["circ.ml"].std and over["n-gn"].std == plain["n-gn"].std
    assert any("over it" in note for note in over.notes)
    clothed = inface.measure(registration(model, measures={"cloth": 0.2}), samples=0)
    assert "over a cap, reads high" in clothed["circ.ml"].flags and "is a cap worn?" in clothed.notes[0]
    bare = inface.measure(registration(model, measures={"cloth": 0.2}), cap=False, samples=0)
    assert bare["circ.go"].flags == () and not bare.notes
    worn = SimpleNamespace(worn=True, given=False, why="60% of the cranium stands out")
    under = inface.measure(registration(model, cap=worn), samples=0)
    assert "under a cap, from the model" in under["circ.ml"].flags


def test_doubt_takes_angles_and_what_is_read_there(model):
    partial = inface.measure(registration(model, verdict="partial", reasons=("odd",)), samples=0)
    assert partial["nfa"].value is None and "partial" in partial["nfa"].flags[0]
    assert partial["circ.ml"].value is not None and "odd" in partial.notes
    mouth = {"mouth": SimpleNamespace(state="doubtful"), "nose": SimpleNamespace(state="seen")}
    found = inface.measure(registration(model, parts=mouth), samples=0)
    assert found["ch-ch"].value is None and "in doubt at: mouth" in found["ch-ch"].flags[0]
    assert found["al-al"].value is not None
    far = registration(model)
    far.latent = far.latent + 5 * np.eye(len(far.latent))[3] * model.latent_std[3]
    assert "far from what the model knows" in inface.measure(far, samples=0)["nla"].flags[0]


def test_a_registration_of_an_unknown_model_must_bring_it(model):
    with pytest.raises(inface.CorrespondenceError, match="give it: model="):
        inface.measure(registration(model, model_hash="0123"))
    assert inface.measure(registration(model, model_hash="0123"), model=model, samples=0)["circ.ml"].value is not None


def test_a_rule_widens_by_factor_and_floor():
    assert ErrorRule(2.0, 3.0).std(2.0) == pytest.approx(5.0)
