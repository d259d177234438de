"""Landmarks, regions and mirror pairs for a model of another topology."""

import numpy as np
import pytest
import trimesh
from scipy.spatial import cKDTree
from typer.testing import CliRunner

from inface import annotate, load_model
from inface.cli import build_app
from inface.errors import ConvergenceError
from inface.models import PCAMorphableModel


@pytest.fixture(scope="module")
def theirs(model):
    """The toy head's mean in another topology, its vertices in another order, and a mode or two."""
    fine = trimesh.Trimesh(model.mean_vertices, model.triangles, process=False).subdivide()
    order = np.random.default_rng(0).permutation(len(fine.vertices))
    points, triangles = np.asarray(fine.vertices)[order], np.argsort(order)[fine.faces]
    modes = np.linalg.qr(np.random.default_rng(1).normal(size=(points.size, 2)))[0].T
    return PCAMorphableModel(
        components=modes, eigenvalues=[4.0, 1.0], mean_vertices=points.astype(np.float32), triangles=triangles
    )


@pytest.fixture(scope="module")
def known(theirs, model):
    return annotate(theirs, model)


def test_landmarks_regions_and_pairs_are_carried_to_another_topology(known, theirs, model):
    mean = known.mean_vertices
    assert set(known.template.landmarks) == set(model.template.landmarks)
    for name, vertex in known.template.landmarks.items():
        place = model.mean_vertices[model.template.landmarks[name]]
        assert np.linalg.norm(mean[vertex] - place) < 1.5
    for name, ids in model.template.regions.items():
        here = cKDTree(mean[known.template.regions[name]])
        there = cKDTree(model.mean_vertices[ids])
        assert there.query(mean[known.template.regions[name]])[0].max() < 8  # an edge of the coarse mesh
        # the same vertices are in the other mesh: all but those at open ends, which no scan is followed at
        assert (here.query(model.mean_vertices[ids])[0] < 0.1).mean() > 0.8
    mirror = known.template.mirror
    off = np.linalg.norm(mean[mirror] - mean * [-1, 1, 1], axis=1)
    assert np.median(off) < 1.5 and (off < 5).mean() > 0.95
    assert theirs.template.landmarks == {} and theirs.template.mirror is None  # the model itself is as it was


def test_what_the_model_has_already_is_kept(theirs, model):
    tip = int(theirs.mean_vertices[:, 2].argmax())
    named = theirs.with_extras(landmarks={"prn": 5, "own": tip}, regions={"face": np.arange(4)})
    again = annotate(named, model)
    assert again.template.landmarks["prn"] == 5 and again.template.landmarks["own"] == tip
    assert list(again.template.regions["face"]) == [0, 1, 2, 3] and "scalp" in again.template.regions


def test_another_frame_another_unit_and_no_head_are_refused(theirs, model):
    extras = dict(components=theirs.components, eigenvalues=theirs.eigenvalues, triangles=theirs.triangles)
    lying = theirs.mean_vertices[:, [0, 2, 1]] * [1, -1, 1]
    with pytest.raises(ValueError, match="turned by 90 degrees"):
        annotate(PCAMorphableModel(mean_vertices=lying, **extras), model)
    with pytest.raises(ValueError, match="in m; bring the model to millimetres"):
        annotate(PCAMorphableModel(mean_vertices=theirs.mean_vertices / 1000, **extras), model)
    with pytest.raises(ConvergenceError, match=r"does not lie on the model's mean: .* no head in mm"):
        annotate(PCAMorphableModel(mean_vertices=theirs.mean_vertices / 100, **extras), model)


@pytest.mark.slow
def test_the_verb_writes_an_annotated_model_of_real_adult_faces(shared_data, tmp_path):
    """From a file of a model with no landmarks of ours to one with them: the 68 points tell how near they come."""
    data = shared_data("ict_head_light_f16.npz")
    modes, spread = np.linalg.svd(data["identity"].astype(float).reshape(100, -1), full_matrices=False)[2], np.ones(100)
    base = PCAMorphableModel(
        components=modes[:5], eigenvalues=spread[:5] * 100, mean_vertices=data["mean"], triangles=data["triangles"]
    )
    base.save(tmp_path / "theirs.h5")
    out = CliRunner().invoke(
        build_app(), ["annotate", str(tmp_path / "theirs.h5"), "--out", str(tmp_path / "known.h5")]
    )
    assert out.exit_code == 0, out.output
    known = load_model(tmp_path / "known.h5")
    mean, marks = known.mean_vertices, known.template.landmarks
    truth = {f"ibug_{k:02d}": mean[int(i)] for k, i in enumerate(data["landmarks68"])}
    off = [np.linalg.norm(mean[marks[n]] - truth[n]) for n in truth if n in marks and int(n[5:]) >= 27]
    assert len(off) > 30 and np.mean(off) < 9  # an adult's face by an infant's model
    assert {"nose", "lips", "face"} <= set(known.template.regions)
