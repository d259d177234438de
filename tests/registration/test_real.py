"""A raw scan of an adult (hat, collar, noise) with a face model of real heads; skipped where the data are absent."""

import numpy as np
import pytest

from inface.codecs.landmark_files import IBUG
from inface.geometry.proximity import SurfaceIndex
from inface.mesh import Mesh
from inface.models.pca import PCAMorphableModel
from inface.registration import register
from inface.registration.prior import prior_of
from inface.template import Template


@pytest.fixture(scope="module")
def face(shared_data):
    data = shared_data("ict_face_light.npz")
    rng = np.random.default_rng(0)
    on = (rng.random((120, 53)) < 0.08) * rng.uniform(0, 1, (120, 53))
    shapes = data["mean"] + np.tensordot(rng.normal(size=(120, 100)), data["identity"], 1)
    shapes = shapes + np.tensordot(on, data["expression"], 1)
    mean = shapes.mean(0)
    _, s, vt = np.linalg.svd((shapes - mean).reshape(120, -1), full_matrices=False)
    marks = {name: int(i) for name, i in zip(IBUG, data["landmarks68"], strict=True)}
    template = Template(Mesh(mean, data["triangles"]), marks)
    return PCAMorphableModel(components=vt[:50], eigenvalues=s[:50] ** 2 / 119, mean_vertices=mean, template=template)


def test_a_face_patch_is_found_in_a_raw_scan_without_landmarks(face, shared_data):
    raw = shared_data("scan_menpo3d_james.npz")
    scan = Mesh(raw["vertices"], raw["triangles"])
    places = raw["landmarks68"]
    told = register(scan, face, dict(zip(IBUG[17:], places[17:], strict=True)))
    free = register(scan, face)
    assert prior_of(face).patch and told.verdict == "ok" and free.verdict == "ok"
    # a smaller model than in the benchmark, which has 0.69, 2.9 and 3.9
    assert np.linalg.norm(told.mesh.vertices - free.mesh.vertices, axis=1).mean() < 0.9
    ids = list(face.template.landmarks.values())
    given, guessed = (np.linalg.norm(d.mesh.vertices[ids][17:] - places[17:], axis=1).mean() for d in (told, free))
    assert given < 3.6 and guessed < 4.5  # 3.2 when implausible shapes were let pass
    hit = SurfaceIndex(free.mesh.vertices, free.mesh.triangles).closest(scan.vertices)
    rim = prior_of(face).border[face.triangles[hit.triangle]].any(1)
    assert hit.distance[~rim & (hit.distance < 10)].mean() < 0.55


@pytest.mark.slow
def test_an_infants_model_refuses_the_adult(face, shared_data, model):
    raw = shared_data("scan_menpo3d_james.npz")
    assert register(Mesh(raw["vertices"], raw["triangles"]), model).verdict != "ok"
