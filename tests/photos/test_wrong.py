"""Wrong inputs are told and named; right ones are not."""

import numpy as np
import pytest

import inface
from inface.photos.drawings import camera_at
from inface.photos.points import IBUG
from inface.photos.wrong import MIRRORED, other_side

SIZE = (512, 512)


def exchanged(points):
    return {name: points[other_side(name)] for name in points}


def upside(points):
    return {name: (p[0], 511 - p[1]) for name, p in points.items()}


def mirrored(points):
    return {name: (511 - p[0], p[1]) for name, p in points.items()}


def shifted(points):
    return dict(zip(IBUG[:-1], list(points.values())[1:], strict=True))


def shuffled(points):
    order = np.random.default_rng(0).permutation(68)
    return {name: list(points.values())[k] for name, k in zip(points, order, strict=True)}


def two_faces(points):
    return {name: np.array(p) + (180 if i % 2 else 0) for i, (name, p) in enumerate(points.items())}


WRONG = {"exchanged": exchanged, "y_up": upside, "mirrored": mirrored, "shifted": shifted, "shuffled": shuffled,
         "two_faces": two_faces}  # fmt: skip
KINDS = {"mirrored": "exchanged", "shuffled": "not_a_face", "two_faces": "not_a_face"}


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("yaw", [0, 35])
def test_wrong_landmarks_fail_and_are_named(what, yaw, scenes, pca):
    scene = scenes[0]
    points = WRONG[what](scene.marked(camera_at(yaw), 2.0, 3))
    fit = inface.fit_photos([inface.Photo(SIZE, points)], pca, scene.months, noise_px=2.0)
    assert fit.verdict == "failed"
    assert KINDS.get(what, what) in [reason.kind for reason in fit.reasons], str(fit)
    first = fit.reasons[0]
    assert first.value > 4 and first.limit > 0 and "\n" not in str(first)


def test_right_ones_are_ok(scenes, pca):
    for k, scene in enumerate(scenes[:4]):
        fit = inface.fit_photos([scene.photo(15 * k, seed=k)], pca, scene.months, noise_px=2.0)
        assert fit.verdict == "ok", str(fit)


def test_a_squeezed_photograph_is_partial(scenes, pca):
    scene = scenes[1]
    points = {n: (1.33 * p[0], p[1]) for n, p in scene.marked(camera_at(10), 1.0, 3).items()}
    fit = inface.fit_photos([inface.Photo((681, 512), points)], pca, scene.months, noise_px=1.0)
    assert fit.verdict != "ok"
    assert {"squeezed", "unusual", "misfit"} & {reason.kind for reason in fit.reasons}, str(fit)


def test_what_makes_a_fit_partial_is_named(scenes, pca):
    scene = scenes[2]
    kinds = lambda *a, **k: [r.kind for r in inface.fit_photos(*a, noise_px=2.0, **k).reasons]  # noqa: E731
    assert "size" in kinds([scene.photo(0)], pca)
    assert "profile" in kinds([scene.photo(75)], pca, months=scene.months)
    assert "age" in kinds([scene.photo(0)], pca, months=60)
    assert "length" in kinds([scene.photo(0), scene.photo(30)], pca, months=scene.months, known={"ex_l-ex_r": 140})
    jaw = {n: p for n, p in scene.marked(camera_at(0), 2.0).items() if n < "ibug_20"}
    assert "jaw_only" in kinds([inface.Photo(SIZE, jaw)], pca, months=scene.months)


def test_an_adult_is_told(shared_data, pca):
    """Heads of another model, 68 points of its own, one photograph: never ok."""
    data = shared_data("ict_face_light.npz")
    rng = np.random.default_rng(11)
    for yaw in (0, 30):
        head = data["mean"] + np.tensordot(rng.standard_normal(100), data["identity"], 1)
        marks = head[data["landmarks68"]].astype(float)
        marks = marks - marks[27:36].mean(0) + [0, 0, 45]
        points = dict(zip(IBUG, camera_at(yaw, distance=700).project(marks), strict=True))
        fit = inface.fit_photos([inface.Photo(SIZE, points)], pca, 9, noise_px=2.0)
        assert fit.verdict != "ok", str(fit)


def test_the_other_side_is_its_own_other_side():
    assert sorted(MIRRORED) == list(range(68))
    assert all(MIRRORED[MIRRORED[i]] == i for i in range(68))
    assert other_side("en_l") == "en_r" and other_side("prn") == "prn" and other_side("ibug_36") == "ibug_45"


def test_the_other_side_is_the_templates(pca):
    for name in (*IBUG, "en_l", "ch_r"):
        marks, mirror = pca.template.landmarks, pca.template.mirror
        near = pca.template.mesh.vertices[mirror[marks[name]]] - pca.template.mesh.vertices[marks[other_side(name)]]
        assert np.linalg.norm(near) < 1.0
