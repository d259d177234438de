"""Each stage used alone."""

from dataclasses import replace

import numpy as np
import pytest
import trimesh
from toy_head import PLAIN

from inface.geometry.rotations import from_vectors
from inface.mesh import Mesh
from inface.pictures.shade import png_bytes, shade, view_rotation
from inface.registration import Curve, register
from inface.registration import clean as clean_module
from inface.registration.clean import clean
from inface.registration.landmark_check import pull
from inface.registration.model_fit import Start, Weighing, fit_model
from inface.registration.pose import Pose, angle_between, even_rotations, find_poses, pose_from_landmarks
from inface.registration.prior import ShapePrior, prior_of, rms_radius
from inface.registration.quality import measure_quality
from inface.registration.refine import HARD, Anchors, Elastic, refine, stiffness_matrix, unfold
from inface.registration.search import units_that_fit
from inface.registration.target import Target
from inface.registration.transfer import colors_to_model, landmarks_to_model, landmarks_to_scan
from inface.synthetic.scanner import simulate_scan
from inface.transforms import procrustes


@pytest.fixture(scope="module")
def cleaned(scan):
    return clean(scan.mesh)


@pytest.fixture(scope="module")
def target(cleaned):
    return Target.of_scan(cleaned, "m", 1000.0)


@pytest.fixture(scope="module")
def true_pose(scan, cleaned):
    placed = cleaned.to_mm(1000.0).compose(scan.pose)
    return Pose(placed.rotation, placed.translation)


def test_rotations_are_rotations_and_even():
    rotations = even_rotations(72)
    np.testing.assert_allclose(rotations @ np.swapaxes(rotations, 1, 2), np.tile(np.eye(3), (72, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(rotations), 1)
    apart = angle_between(rotations[:, None], rotations[None]) + 360 * np.eye(72)
    assert apart.min(1).min() > 30 and apart.min(1).max() < 75
    vector = np.array([0.3, -0.2, 0.5])
    turned = from_vectors(vector)
    assert angle_between(turned, np.eye(3)) == pytest.approx(np.degrees(np.linalg.norm(vector)))


@pytest.mark.parametrize("unit, factor", [("mm", 1), ("cm", 10), ("m", 1000), ("inch", 25.4)])
def test_the_unit_is_found_from_the_size(scan, model, unit, factor):
    own = scan.pose.inverse().apply(scan.mesh.vertices) / factor
    cloud = clean(Mesh(own, scan.mesh.triangles)).cloud
    found = units_that_fit(rms_radius(cloud.points, cloud.weights), prior_of(model).radius)
    assert next(iter(found.items())) == (unit, factor)


def test_pieces_are_dropped_and_borders_found(child):
    ball = trimesh.creation.icosphere(subdivisions=2, radius=4)
    both = np.vstack([child.vertices, ball.vertices + [0, 0, 150]])
    mesh = Mesh(both, np.vstack([child.triangles, ball.faces + len(child.vertices)]))
    result = clean(mesh)
    assert "1 small pieces were dropped" in result.notes
    assert len(result.vertices) == len(child.vertices) and result.source.max() < len(child.vertices)
    np.testing.assert_allclose(result.home.apply(result.vertices), child.vertices[result.source], atol=1e-9)
    rim = result.home.apply(result.cloud.points[result.cloud.border])
    assert result.cloud.border.any() and rim[:, 1].max() < child.vertices[:, 1].min() + 30


def test_a_dense_scan_is_thinned_and_keeps_its_border(child, monkeypatch):
    fine = trimesh.Trimesh(child.vertices, child.triangles, process=False).subdivide().subdivide()
    monkeypatch.setattr(clean_module, "DENSE", 4000)
    thin = clean(Mesh(fine.vertices, fine.faces))
    assert 2000 < len(thin.vertices) < 8000 < len(fine.vertices)
    assert f"a dense scan of {len(fine.vertices)} vertices was thinned to" in thin.notes[0]
    cell = np.sqrt(1.5 * fine.area / 4000)
    away = np.linalg.norm(thin.home.apply(thin.vertices) - fine.vertices[thin.source], axis=1)
    assert away.max() < 2 * cell  # each stands for a vertex of its own cell
    points = thin.home.apply(thin.cloud.points)
    rim = points[thin.cloud.border]
    assert thin.cloud.border.any() and rim[:, 1].max() < child.vertices[:, 1].min() + 20
    normals = thin.cloud.normals @ thin.home.rotation.T
    assert (np.einsum("ij,ij->i", points, normals) > 0).mean() > 0.98


def test_winding_is_made_to_agree_piece_by_piece(child):
    turned = child.triangles.copy()
    turned[::3] = turned[::3, ::-1]
    result = clean(Mesh(child.vertices, turned))
    whole = clean(child)
    key = lambda t: {tuple(np.roll(row, -row.argmin())) for row in t}  # noqa: E731
    assert key(result.triangles) == key(whole.triangles)


def test_the_first_pose_is_the_right_one(model, target, true_pose):
    prior = prior_of(model)
    poses = find_poses(prior, target)
    assert angle_between(poses[0].rotation, true_pose.rotation) < 25  # a start for the fit
    centre = prior.mean.mean(0)
    assert np.linalg.norm(poses[0].apply(centre) - true_pose.apply(centre)) < 15
    assert poses[0].cost < poses[1].cost


def test_landmark_pose_ignores_one_gross_error():
    rng = np.random.default_rng(0)
    source = rng.normal(size=(9, 3)) * 40
    pose = Pose(even_rotations(5)[2], np.array([3.0, 4, 5]))
    goal = pose.apply(source) + rng.normal(0, 0.1, source.shape)
    goal[0] += 80
    found, residual = pose_from_landmarks(source, goal)
    assert angle_between(found.rotation, pose.rotation) < 1
    assert residual[0] > 60 and residual[1:].max() < 2
    assert angle_between(procrustes(source, goal).rotation, pose.rotation) > 5  # plain least squares does not


def test_the_fit_is_the_posterior(model, target, true_pose, scan):
    prior = prior_of(model)
    fit = fit_model(prior, target, Start(true_pose))
    truth = target.frame.apply(scan.truth)
    error = np.linalg.norm(fit.vertices - fit.vertices.mean(0) - truth + truth.mean(0), axis=1)
    assert error[scan.seen].mean() < 0.6
    assert (np.linalg.eigvalsh(fit.covariance) > 0).all() and (np.diag(fit.covariance) < 1).all()
    loose = fit_model(prior, target, Start(true_pose), weighing=Weighing(noise=5.0))
    assert np.trace(loose.covariance) > 3 * np.trace(fit.covariance)
    assert np.linalg.norm(loose.b) < np.linalg.norm(fit.b)  # nearer to the mean the less the data say


def test_a_coarse_scan_says_less_than_its_points_are_many(model, target, true_pose):
    """Points taken from the triangles of a coarse mesh are no new measurements: the fit is less sure of itself."""
    prior = prior_of(model)
    coarse = replace(target, density=0.2 * prior.usable.sum() / prior.area.sum())
    sure, unsure = (fit_model(prior, t, Start(true_pose), schedule=((None, 10.0, 3),)) for t in (target, coarse))
    assert np.trace(unsure.covariance) > 2 * np.trace(sure.covariance)
    dense = replace(target, density=5 * prior.usable.sum() / prior.area.sum())
    same = fit_model(prior, dense, Start(true_pose), schedule=((None, 10.0, 3),))
    np.testing.assert_array_equal(same.b, sure.b)


def test_landmarks_draw_the_skin_along_as_far_as_their_noise_deserves():
    x = np.stack(np.meshgrid(np.arange(-50, 51, 5.0), np.arange(-50, 51, 5.0), [0.0]), -1).reshape(-1, 3)
    at = int(np.linalg.norm(x, axis=1).argmin())
    told = {at: x[at] + [1.0, 0, 0]}
    moved = pull(x, told, noise=1.0, spread=1.0, reach=10.0) - x
    assert 0.4 < moved[at, 0] < 0.5 and (moved[:, 1:] == 0).all()  # equal trust in model and landmark; a little robust
    apart = np.linalg.norm(x - x[at], axis=1)
    assert moved[apart == 10, 0] == pytest.approx(moved[at, 0] * np.exp(-0.5)) and moved[apart > 40, 0].max() < 1e-3
    exact = pull(x, told, noise=0.01, spread=1.0, reach=10.0)
    far = pull(x, {at: x[at] + [30.0, 0, 0]}, noise=1.0, spread=1.0, reach=10.0) - x
    assert 0.85 < exact[at, 0] < 1.0 and far[at, 0] < 0.02 * 30  # what lies far off is believed less
    assert pull(x, told, 1.0, 0.0, 10.0) is x


def test_a_fit_starts_from_a_scale_by_its_size_mode(model, target, true_pose):
    prior = prior_of(model)
    start = Start(Pose(true_pose.rotation, true_pose.translation, 1.1))
    fit = fit_model(prior, target, start, schedule=((10, 30.0, 0),))
    assert rms_radius(fit.shape) / rms_radius(prior.mean) == pytest.approx(1.1, abs=0.03)


def test_a_linear_network_is_told_and_a_bent_one_is_linearised(model):
    class Bent:
        latent_mean, latent_std, triangles, template = np.zeros(2), np.ones(2), model.triangles, model.template

        def __init__(self, bend):
            self.bend = bend

        def decode(self, z):
            z = np.asarray(z, float)
            z = z + self.bend * z**2
            return (z @ model.components[:2] * 50).reshape(*z.shape[:-1], -1, 3) + model.mean_vertices

    assert ShapePrior(Bent(0.0)).linear
    prior = ShapePrior(Bent(0.2))
    assert not prior.linear
    b = np.array([1.0, -0.5])
    near = prior.at(b)
    np.testing.assert_allclose(near.shape(b), Bent(0.2).decode(b), atol=1e-6)
    np.testing.assert_allclose(near.shape(b + 0.01), Bent(0.2).decode(b + 0.01), atol=0.05)


def test_an_autoencoder_is_fitted_by_its_latent(model, scan):
    class Network:
        """The toy model behind a decoder that is not linear, without components."""

        latent_mean, latent_std = np.zeros(6), np.ones(6)
        triangles, template, hash = model.triangles, model.template, "x"

        def decode(self, z):
            z = np.asarray(z, float)
            return model.decode((z + 0.02 * z**2) @ (np.eye(12)[:6] * model.latent_std))

    latent = np.array([1.0, -1, 0.5, 0, 1, -0.5])
    mesh = Mesh(Network().decode(latent), model.triangles)
    done = register(mesh, Network())
    assert done.verdict == "ok"
    np.testing.assert_allclose(done.latent, latent, atol=0.1)
    assert np.linalg.norm(done.fitted - mesh.vertices, axis=1).mean() < 0.2


def test_refinement_reaches_what_the_model_cannot_say(model, child):
    """A bump outside the model's space is followed; where the scan shows nothing the displacement fades."""
    bump = 3.0 * np.exp(-((child.vertices - [0, 60, 40]) ** 2).sum(1) / (2 * 18**2))
    normals = child.vertices / np.linalg.norm(child.vertices, axis=1, keepdims=True)
    bumped = Mesh(child.vertices - bump[:, None] * normals, child.triangles)
    cloud = clean(bumped)
    to = replace(Target.of_scan(cloud, "mm", 1.0), points=cloud.home.apply(cloud.cloud.points))
    to = Target.of(to.points, cloud.cloud.normals @ cloud.home.rotation.T, to.border, to.weights)
    before = np.linalg.norm(child.vertices - bumped.vertices, axis=1)
    after = np.linalg.norm(refine(child.vertices, child.triangles, to) - bumped.vertices, axis=1)
    assert after[before > 1.5].mean() < 0.35 * before[before > 1.5].mean()
    stiff = np.where(bump > 0.3, 100.0, 1.0)
    held = refine(child.vertices, child.triangles, to, Elastic(stiffness=stiff))
    assert np.linalg.norm(held - bumped.vertices, axis=1)[before > 1.5].mean() > 1.5 * after[before > 1.5].mean()
    blind = refine(child.vertices, child.triangles, to, Elastic(usable=np.zeros(len(before), bool)))
    np.testing.assert_allclose(blind, child.vertices, atol=1e-9)


def test_landmarks_and_curves_pull(child):
    nothing = Target.of(
        child.vertices + 1e4,
        np.ones_like(child.vertices),
        np.zeros(len(child.vertices), bool),
        np.ones(len(child.vertices)),
    )
    tip = int(child.vertices[:, 2].argmax())
    goal = child.vertices[tip] + [0, 0, 4.0]
    hard = refine(child.vertices, child.triangles, nothing, anchors=Anchors({tip: goal}, HARD))
    np.testing.assert_allclose(hard[tip], goal, atol=0.05)
    line = np.flatnonzero(np.abs(child.vertices[:, 1] - 40) < 4)
    path = np.array([[x, 44.0, z] for x, z in [(-90, -90), (90, -90), (90, 90), (-90, 90), (-90, -90)]])
    curve = Curve(np.array([tip]), np.array([goal + [-5, 0, 0], goal + [5, 0, 0]]))
    pulled = refine(child.vertices, child.triangles, nothing, anchors=Anchors(curves=[curve], curve_weight=1e4))
    np.testing.assert_allclose(pulled[tip], goal, atol=0.1)
    assert len(line) and len(path)


def test_stiffness_knows_no_constant_and_unfolding_leaves_no_fold(child):
    matrix, mass = stiffness_matrix(child.vertices, child.triangles)
    np.testing.assert_allclose(matrix @ np.ones(len(mass)), 0, atol=1e-6)
    assert abs(matrix - matrix.T).max() < 1e-9
    rng = np.random.default_rng(0)
    folded = child.vertices + rng.normal(0, 3, child.vertices.shape)
    fixed = unfold(child.vertices, folded, child.triangles)
    from inface.geometry.adjacency import triangle_normals

    before = triangle_normals(child.vertices, child.triangles)
    assert (np.einsum("ij,ij->i", before, triangle_normals(folded, child.triangles)) < 0).any()
    assert (np.einsum("ij,ij->i", before, triangle_normals(fixed, child.triangles)) > 0).all()


def test_quality_falls_with_the_pose(model, target, true_pose, child):
    prior = prior_of(model)
    right = measure_quality(prior, target, true_pose.apply(child.vertices))
    wrong = measure_quality(prior, target, true_pose.apply(child.vertices @ even_rotations(9)[4]))
    assert right.score < 0.2 < wrong.score and right.explained > 0.9 > wrong.explained
    assert right.face_coverage > 0.8


def test_a_part_of_the_face_that_the_fit_misses_is_named(model, child):
    """The refinement lays the skin on the scan everywhere; what the model missed below it is said all the same."""
    chin = child.vertices[model.template.regions["chin"]].mean(0)
    bump = 16.0 * np.exp(-((child.vertices - chin) ** 2).sum(1) / (2 * 12**2))
    away = child.vertices / np.linalg.norm(child.vertices, axis=1, keepdims=True)
    done = register(Mesh(child.vertices + bump[:, None] * away, child.triangles), model)
    assert done.verdict == "partial" and done.parts["mouth"].state == "doubtful"
    assert done.because[0].kind == "part" and "doubtful at the mouth" in done.reasons[0]
    assert done.measures["mean_distance"] < 0.3 < 1.0 < done.measures["worst_part"]
    usual = register(child, model)
    assert usual.verdict == "ok" and usual.measures["worst_part"] < 0.2


def test_colours_and_landmarks_are_carried_both_ways(model, child):
    painted = child.with_colors((child.vertices - child.vertices.min(0)) / np.ptp(child.vertices, axis=0))
    scan = simulate_scan(painted, 5, views="front", template=model.template, **PLAIN)
    done = register(scan.mesh, model)
    colors = colors_to_model(done, scan.mesh)
    assert np.abs(colors - painted.colors)[scan.seen & done.support].mean() < 0.02
    assert np.isfinite(colors).all()
    places = landmarks_to_scan(done, model.template.landmarks)
    assert np.linalg.norm(places["prn"] - scan.truth[model.template.landmarks["prn"]]) / scan.pose.scale < 2
    back = landmarks_to_model(done, places)
    np.testing.assert_allclose(back["prn"], done.model_mesh.vertices[model.template.landmarks["prn"]], atol=1e-6)
    other = landmarks_to_model(done, {**places, "gone": np.full(3, np.nan)}, model.mean_vertices)
    np.testing.assert_allclose(other["n"], model.mean_vertices[model.template.landmarks["n"]], atol=1e-6)
    assert "gone" not in other
    with pytest.raises(ValueError, match="expected colours"):
        colors_to_model(done, Mesh(scan.mesh.vertices, scan.mesh.triangles))


def test_pictures_show_the_nearer_surface():
    square = np.array([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
    both = np.vstack([square, square * 0.5 + [0, 0, 1]])
    triangles = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    colors = np.repeat([[1.0, 0, 0], [0, 0, 1.0]], 4, axis=0)
    image = shade(both, triangles, colors=colors, half_width=1.5, pixels=60)
    assert image[30, 30, 2] > image[30, 30, 0] and image[30, 13, 0] > image[30, 13, 2]
    assert (image[2, 2] == 255).all()
    np.testing.assert_allclose(view_rotation(90) @ [1, 0, 0], [0, 0, 1], atol=1e-12)  # from the left, left is near
    assert png_bytes(image).startswith(b"\x89PNG\r\n")
