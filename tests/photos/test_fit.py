"""Laws of the fit and its oracles."""

import numpy as np
import pytest

import inface
from inface.errors import MissingBlockError
from inface.photos import PhotoSettings
from inface.photos.camera import Camera
from inface.photos.drawings import camera_at
from inface.photos.lengths import gradient, lengths_of
from inface.photos.solve import normal_equations
from inface.transforms import procrustes

SIZE = (512, 512)


def off(fit, truth, face, scale=True):
    found = fit.mesh.vertices[face]
    return np.linalg.norm(procrustes(found, truth[face], scale=scale).apply(found) - truth[face], axis=1).mean()


@pytest.fixture(scope="module")
def face(pca):
    return pca.template.regions["face"]


@pytest.fixture(scope="module")
def fit(pca, scenes):
    scene = scenes[0]
    return inface.fit_photos(
        [scene.photo(y, seed=y + 90) for y in (-40, 0, 40)], pca, months=scene.months, noise_px=2.0
    )


def test_projection_is_that_of_computer_vision():
    camera = camera_at(30, 5, 3)
    points = np.random.default_rng(0).normal(0, 40, (20, 3))
    seen = (camera.K @ (camera.R @ points.T + camera.t[:, None])).T
    np.testing.assert_allclose(camera.project(points), seen[:, :2] / seen[:, 2:], atol=1e-9)
    # a child who looks into the camera: its left is at the right of the picture, up is up
    u, v = camera_at(0).project(np.array([[30.0, 0, 50], [0, 30, 50], [0, 0, 50]])).T
    assert u[0] > u[2] and v[1] < v[2]


def test_derivatives_of_the_camera_are_those_of_differences():
    camera, points = camera_at(20, 4, -3), np.random.default_rng(1).normal(0, 40, (5, 3))
    _, by_point, by_camera = camera.derivatives(points)
    for k in range(7):
        step = np.zeros(7)
        step[k] = 1e-5
        change = (camera.moved(step).project(points) - camera.moved(-step).project(points)) / 2e-5
        np.testing.assert_allclose(by_camera[:, :, k], change, rtol=1e-6, atol=1e-5)
    for k in range(3):
        step = 1e-4 * np.eye(3)[k]
        change = (camera.project(points + step) - camera.project(points - step)) / 2e-4
        np.testing.assert_allclose(by_point[:, :, k], change, rtol=1e-6, atol=1e-6)


def test_gradient_of_all_unknowns_is_that_of_differences(pca, scenes, fit):
    """The side of the normal equations is minus half the gradient of the sum of squares, robust weights held."""
    problem, state = fit.problem, fit.state
    rng = np.random.default_rng(3)
    way = np.concatenate([rng.normal(0, 1e-4, problem.shapes), rng.normal(0, 1e-5, 7 * len(problem.views))])

    def residuals(state):
        rows = normal_equations(problem, state, robust=False).landmarks
        return np.concatenate([(r.residuals * np.sqrt(r.weights)[:, None]).ravel() for r in rows])

    ahead, behind = (residuals(state.moved(problem, sign * way)) for sign in (1, -1))
    change = (ahead - behind) / 2
    bare = normal_equations(problem, state, robust=False)
    z, count = problem.latents, problem.shapes
    data = bare.matrix.copy()
    data[:z, :z] -= problem.prior.precision
    data[range(z, count), range(z, count)] -= 1
    for i in range(len(problem.views)):
        data[count + 7 * i + 6, count + 7 * i + 6] -= 1 / problem.views[i].focal_spread ** 2
    assert np.isclose(way @ data @ way, change @ change, rtol=1e-3)


def test_exact_points_of_a_model_shape_give_it_back(pca, face):
    """No noise, next to no prior, no misfit: the shape's visible part and the pose are the truth."""
    small = inface.PCAMorphableModel(
        components=pca.components[:12], eigenvalues=pca.eigenvalues[:12], mean_vertices=pca.mean_vertices,
        template=pca.template,
    )  # fmt: skip
    truth = np.asarray(small.decode(small.sample_latents(1, 0.8, seed=4)[0]), float)
    marks = [n for n in small.template.landmarks if n.startswith("ibug") and int(n[5:]) > 16]
    marks += ["n", "prn", "gn", "g", "t_l", "ft_l", "ft_r", "zy_l", "go_l", "pg", "cheek_l", "cheek_r"]
    cameras = [camera_at(y, 5, 4) for y in (-35, 0, 35)]
    photos = [
        inface.Photo(SIZE, {n: c.project(truth[[small.template.landmarks[n]]])[0] for n in marks}, visible=marks)
        for c in cameras
    ]
    settings = PhotoSettings(steps=40, misfit_mm=0.0, prior=1e-9, robust_at=1e6, floor_mm=1e-3)
    ends = [truth[small.template.landmarks[name]] for name in ("n", "gn")]
    known = {"n-gn": (np.linalg.norm(ends[0] - ends[1]), 1e-4)}
    found = inface.fit_photos(photos, small, known=known, noise_px=0.01, settings=settings)
    assert off(found, truth, face) < 0.05
    for camera, there in zip(found.cameras, cameras, strict=True):
        angle = np.degrees(np.arccos(np.clip((np.trace(camera.R.T @ there.R) - 1) / 2, -1, 1)))
        assert angle < 0.1
        assert abs(camera.focal / there.focal - 1) < 0.01


@pytest.mark.slow
def test_unseen_children_are_nearer_than_the_mean_of_their_age(pca, scenes, face):
    """A second setting of the generator, three photographs at 2 pixels; the mean of the age is the plain answer."""
    from inface.photos.age_prior import age_prior_of

    errors, plain, held = [], [], []
    for k, scene in enumerate(scenes):
        photos = [scene.photo(y, seed=10 * k + y + 90) for y in (-40, 0, 40)]
        found = inface.fit_photos(photos, pca, months=scene.months, noise_px=2.0)
        errors.append(off(found, scene.vertices, face))
        mean = pca.decode(age_prior_of(pca).mean(scene.months) * pca.latent_std)[face]
        moved = procrustes(mean, scene.vertices[face], scale=True).apply(mean)
        plain.append(np.linalg.norm(moved - scene.vertices[face], axis=1).mean())
        distances = found.measures()
        marks = pca.template.landmarks
        for name, (a, b) in {"en-en": ("en_l", "en_r"), "ex-ex": ("ex_l", "ex_r"), "ch-ch": ("ch_l", "ch_r"),
                             "n-sn": ("n", "sn"), "n-gn": ("n", "gn"), "al-al": ("al_l", "al_r")}.items():  # fmt: skip
            true = np.linalg.norm(scene.vertices[marks[a]] - scene.vertices[marks[b]])
            held.append(distances[name].low <= true <= distances[name].high)
        assert found.verdict == "ok", str(found)
    assert np.mean(errors) < 2.0
    assert np.mean(errors) < 0.5 * np.mean(plain)
    assert np.mean(held) >= 0.8  # 36 distances; the curve over many heads is in docs/photos.md


def test_turning_shifting_and_cropping_the_photograph_change_nothing(pca, scenes, fit):
    scene = scenes[0]
    photos = [scene.photo(y, seed=y + 90) for y in (-40, 0, 40)]
    turned = [inface.Photo(SIZE, {n: (p[1], 511 - p[0]) for n, p in photo.landmarks.items()}) for photo in photos]
    cropped = [
        inface.Photo((400, 430), {n: np.array(p) - [60, 40] for n, p in photo.landmarks.items()}, centre=(195.5, 215.5))
        for photo in photos
    ]
    for others in (turned, cropped):
        other = inface.fit_photos(others, pca, months=scene.months, noise_px=2.0)
        assert np.abs(other.mesh.vertices - fit.mesh.vertices).max() < 0.02


def test_doubling_image_points_and_noise_changes_nothing(pca, scenes, fit):
    scene = scenes[0]
    photos = [scene.photo(y, seed=y + 90) for y in (-40, 0, 40)]
    twice = [
        inface.Photo((1024, 1024), {n: 2 * (np.array(p) + 0.5) - 0.5 for n, p in x.landmarks.items()}) for x in photos
    ]
    other = inface.fit_photos(twice, pca, months=scene.months, noise_px=4.0)
    assert np.abs(other.mesh.vertices - fit.mesh.vertices).max() < 1e-3


def test_order_of_photographs_does_not_matter(pca, scenes, fit):
    scene = scenes[0]
    photos = [scene.photo(y, seed=y + 90) for y in (40, -40, 0)]
    other = inface.fit_photos(photos, pca, months=scene.months, noise_px=2.0)
    assert np.abs(other.mesh.vertices - fit.mesh.vertices).max() < 1e-4


def test_two_copies_count_as_one_with_less_noise(pca, scenes):
    scene = scenes[1]
    exact = {"focal_px": camera_at(20).focal}
    settings = PhotoSettings(misfit_mm=0.5, focal_spread=1e-6, floor_mm=0.01, robust_at=1e6)
    twice = inface.fit_photos([scene.photo(20, **exact)] * 2, pca, scene.months, noise_px=2.0, settings=settings)
    once = inface.fit_photos([scene.photo(20, **exact)], pca, scene.months, noise_px=2 / np.sqrt(2), settings=settings)
    assert np.abs(twice.mesh.vertices - once.mesh.vertices).max() < 0.02
    np.testing.assert_allclose(twice.vertex_std, once.vertex_std, rtol=1e-3)


def test_one_more_photograph_never_widens_the_errors(pca, scenes):
    scene = scenes[2]
    settings = PhotoSettings(misfit_mm=0.5)
    few = inface.fit_photos([scene.photo(-30)], pca, scene.months, noise_px=2.0, settings=settings)
    many = inface.fit_photos([scene.photo(-30), scene.photo(30)], pca, scene.months, noise_px=2.0, settings=settings)
    assert (many.vertex_std <= few.vertex_std * 1.02).mean() > 0.99  # each is linear about its own end
    assert many.size_sd <= few.size_sd * 1.02


def test_a_known_length_is_met(pca, scenes):
    scene, marks = scenes[3], pca.template.landmarks
    true = float(np.linalg.norm(scene.vertices[marks["ex_l"]] - scene.vertices[marks["ex_r"]]))
    found = inface.fit_photos([scene.photo(0), scene.photo(35)], pca, known={"ex_l-ex_r": true}, noise_px=2.0)
    assert abs(found.measures()["ex-ex"].value - true) < 0.5
    alone = inface.fit_photos([scene.photo(0), scene.photo(35)], pca, noise_px=2.0)
    assert found.size_sd < 0.5 * alone.size_sd
    assert [r.kind for r in alone.reasons] == ["size"] and alone.verdict == "partial"


def test_a_known_circumference_is_met_and_its_gradient_is_that_of_differences(pca, scenes):
    from inface.measurement import cranial_measures

    scene = scenes[4]
    (length,) = lengths_of({"circumference": 400.0}, pca.template, 1.0)
    value, ids, by = gradient(length, scene.vertices, pca.template)
    true = float(cranial_measures(pca.template, scene.vertices).circumference)
    assert abs(value - true) < 1e-6
    field = np.random.default_rng(0).normal(0, 1, 3) * np.sin(scene.vertices / 40)
    ahead, behind = (
        float(cranial_measures(pca.template, scene.vertices + s * field).circumference) for s in (1e-3, -1e-3)
    )
    assert np.isclose((by * field[ids]).sum(), (ahead - behind) / 2e-3, rtol=0.03, atol=0.03)
    found = inface.fit_photos([scene.photo(0)], pca, scene.months, known={"circumference": (true, 2.0)}, noise_px=2.0)
    assert abs(found.measures()["circumference"].value - true) < 4


@pytest.mark.slow
def test_a_silhouette_mends_the_skull(pca, scenes):
    from inface.photos.drawings import drawing_of

    scene, everything = scenes[0], np.arange(len(pca.mean_vertices))
    photos, masked = [], []
    for yaw in (-40, 0, 40):
        drawing = drawing_of(scene.vertices, pca.template, camera_at(yaw))
        marked = scene.marked(camera_at(yaw), 2.0, yaw + 90)
        photos.append(inface.Photo(SIZE, marked))
        masked.append(inface.Photo(SIZE, marked, mask=drawing.mask))
    plain = inface.fit_photos(photos, pca, scene.months, noise_px=2.0)
    better = inface.fit_photos(masked, pca, scene.months, noise_px=2.0)
    assert off(better, scene.vertices, everything) < 0.9 * off(plain, scene.vertices, everything)


def test_outliers_are_believed_less(pca, scenes, face):
    scene = scenes[0]
    marked = scene.marked(camera_at(30), 2.0, 5)
    rng = np.random.default_rng(1)
    for name in rng.choice(sorted(marked), 7, replace=False):
        marked[name] = marked[name] + 20 * np.array([np.cos(a := rng.uniform(0, 6.3)), np.sin(a)])
    bad = inface.Photo(SIZE, marked)
    robust = inface.fit_photos([bad], pca, scene.months, noise_px=2.0)
    trusting = inface.fit_photos([bad], pca, scene.months, noise_px=2.0, settings=PhotoSettings(robust_at=1e6))
    assert off(robust, scene.vertices, face) < off(trusting, scene.vertices, face)


@pytest.mark.parametrize("name", ["autoencoder", "disentangled"])
def test_networks_by_their_tangent(name, scenes, face):
    model, scene = inface.load_default_model(name), scenes[0]
    found = inface.fit_photos([scene.photo(y) for y in (-35, 35)], model, scene.months, noise_px=2.0)
    assert off(found, scene.vertices, face) < 2.8
    decoded = np.asarray(model.decode(found.latent), float)
    beside = np.abs(found.mesh.vertices - decoded)  # the tangent's error and the misfit alone
    assert np.median(beside) < 1.0


def test_one_identity_with_an_expression_in_each_photograph(scenes, face):
    model = inface.load_default_model("disentangled")
    from inface.synthetic import head

    calm, crying = (head(9, "female", 77, e).vertices for e in ("neutral", "crying"))

    photos = []
    for shape, yaw in ((calm, -25), (crying, 25)):
        photos.append(type(scenes[0])(model, shape, 9.0).photo(yaw, seed=yaw + 90))
    found = inface.fit_photos(photos, model, 9.0, noise_px=2.0, share="identity")
    block = model.blocks["identity"]
    np.testing.assert_array_equal(found.latents[0, block], found.latents[1, block])
    errors = [
        np.linalg.norm(
            procrustes(m := found.mesh_of(i).vertices[face], t[face], scale=True).apply(m) - t[face], axis=1
        ).mean()
        for i, t in enumerate((calm, crying))
    ]
    both = inface.fit_photos(photos, model, 9.0, noise_px=2.0)
    mixed = [
        np.linalg.norm(procrustes(m := both.mesh.vertices[face], t[face], scale=True).apply(m) - t[face], axis=1).mean()
        for t in (calm, crying)
    ]
    assert np.mean(errors) < np.mean(mixed)


def test_a_model_without_blocks_shares_no_identity(pca, scenes):
    with pytest.raises(MissingBlockError, match="share='all'"):
        inface.fit_photos([scenes[0].photo(0)] * 2, pca, share="identity")


def test_measures_of_a_fit_through_the_public_call(fit):
    found = inface.measure(fit, age_months=9, sex="female")
    assert found["n-gn"].value == pytest.approx(fit.measures()["n-gn"].value, abs=1e-6)
    assert found["n-gn"].std > 0.5 * fit.measures()["n-gn"].std


def test_the_same_call_gives_the_same_numbers(pca, scenes, fit):
    scene = scenes[0]
    again = inface.fit_photos(
        [scene.photo(y, seed=y + 90) for y in (-40, 0, 40)], pca, months=scene.months, noise_px=2.0
    )
    assert np.array_equal(again.mesh.vertices, fit.mesh.vertices)


def test_draws_have_the_spread_that_is_told(fit):
    draws = fit.offsets(400)
    ids = fit.problem.modes.model.template.regions["nose"][::40]
    np.testing.assert_allclose(draws[:, ids].std(0), fit.vertex_std[ids], rtol=0.25)


def test_a_camera_has_the_names_of_opencv(fit):
    camera = fit.cameras[0]
    assert (
        isinstance(camera, Camera) and camera.K.shape == (3, 3) and camera.R.shape == (3, 3) and camera.t.shape == (3,)
    )
    assert abs(camera.yaw + 40) < 6


BAD = [
    (lambda s, m: inface.fit_photos([], m), "one or more"),
    (lambda s, m: inface.fit_photos([inface.Photo(SIZE, {"prn": (1, 2)})], m), "at least 6"),
    (lambda s, m: inface.Photo(SIZE, {f"ibug_{i:02d}": (np.nan, 3) for i in range(68)}), "all are NaN"),
    (lambda s, m: inface.Photo(SIZE, {"prn": (5000, 2)}), "outside the photograph"),
    (lambda s, m: inface.Photo((0, 5), {"prn": (1, 2)}), "size"),
    (lambda s, m: inface.Photo(np.zeros((4, 4, 3), np.uint16), {"prn": (1, 2)}), "8 bits"),
    (lambda s, m: inface.Photo(SIZE, {"prn": (1, 2)}, focal_px=0), "focal_px"),
    (lambda s, m: inface.Photo(SIZE, {"prn": (1, 2)}, mask=np.ones((3, 3))), "mask"),
    (lambda s, m: inface.fit_photos([s.photo(0)], m, months=-1), "zero or more"),
    (lambda s, m: inface.fit_photos([s.photo(0)], m, known={"ex_l-ex_r": -3}), "more than 0"),
    (lambda s, m: inface.fit_photos([s.photo(0)], m, known={"ex_l-nose": 3}), "two landmarks"),
    (lambda s, m: inface.fit_photos([s.photo(0)], m, noise_px=-1), "noise_px"),
    (lambda s, m: inface.fit_photos([s.photo(0)], m, share="some"), "share"),
    (lambda s, m: inface.fit_photos([s.photo(0, mask=np.zeros((512, 512), bool))], m), "nothing or everything"),
    (lambda s, m: inface.fit_photos(["a.jpg"], m), "inface.Photo"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_bad_input_gets_a_sentence(case, scenes, pca):
    call, words = BAD[case]
    with pytest.raises(ValueError, match=words) as caught:
        call(scenes[0], pca)
    assert "\n" not in str(caught.value)


def test_points_of_one_plane_are_refused(pca):
    names = ["en_l", "en_r", "ex_l", "ex_r", "ps_l", "ps_r", "pi_l"]
    marks = pca.template.landmarks
    flat = {n: camera_at(0).project(np.asarray(pca.mean_vertices, float)[[marks[n]]])[0] for n in names[:4]}
    with pytest.raises(ValueError, match=r"at least 6|one plane"):
        inface.fit_photos([inface.Photo(SIZE, flat)], pca)
