"""Places set by clicking: exactly on the surface, in the file's own frame, moved with the shape, undone, compared."""

import time

import numpy as np
import pytest

from inface.errors import InfaceError
from inface.landmarks import LandmarkSet
from inface.transforms import Similarity
from inface.viewer import tools
from inface.viewer.conditioning import posterior_mean
from inface.viewer.drawing import Body, draw_scene
from inface.viewer.editor import MODEL, SceneEditor
from inface.viewer.landmark_names import full_name, label, of_label
from inface.viewer.landmark_picture import landmark_picture
from inface.viewer.marks_drawing import with_marks
from inface.viewer.picking import pick, place_of
from inface.viewer.points_layer import Eye
from inface.viewer.scene import History, Opened, SurfacePoint
from inface.viewer.scene_file import from_json, to_json
from inface.viewer.tabs.points import comparison


@pytest.fixture
def editor(linear_model) -> SceneEditor:
    return SceneEditor(linear_model)


def bodies(editor, scene):
    return draw_scene(editor, scene).bodies


def front(x=0.0, y=0.0):
    return np.array([x, y, 800.0]), np.array([0, 0, -1.0])


def test_a_ray_meets_the_surface_where_a_triangle_is():
    square = Body(
        "square", np.array([[0, 0, 5], [40, 0, 5], [40, 40, 5], [0, 40, 5.0]]), np.array([[0, 1, 2], [0, 2, 3]])
    )
    behind = Body("behind", square.vertices - [0, 0, 20], square.triangles)
    hit = pick([behind, square], *front(10, 7))
    assert hit.place.body == "square" and np.allclose(hit.point, [10, 7, 5])
    assert np.allclose(place_of(square, hit.place), [10, 7, 5])
    assert pick([behind, square], *front(10, 7), "behind").place.body == "behind"
    assert (
        pick([square], *front(50, 7)) is None and pick([square], np.array([10, 7, 9.0]), np.array([0, 0, 1.0])) is None
    )


def test_a_body_that_stands_aside_is_met_where_it_stands(editor):
    body = bodies(editor, editor.start())[0]
    moved = Body("moved", body.vertices, body.triangles, offset=(200.0, 0, 0))
    here, there = pick([body], *front()), pick([moved], *front(200))
    assert np.allclose(here.point, there.point) and pick([moved], *front()) is None


def test_picking_on_a_hundred_thousand_triangles_answers_in_a_tenth_of_a_second():
    n = 225
    x, y = np.meshgrid(np.linspace(-80, 80, n), np.linspace(-80, 80, n))
    grid = np.stack([x, y, 10 * np.cos(x / 20)], -1).reshape(-1, 3)
    a = (np.arange(n - 1)[:, None] * n + np.arange(n - 1)).ravel()
    body = Body("big", grid, np.concatenate([np.stack([a, a + 1, a + n], 1), np.stack([a + 1, a + n + 1, a + n], 1)]))
    assert len(body.triangles) > 100_000
    pick([body], *front(3, 3))
    took = []
    for k in range(5):
        began = time.process_time()
        hit = pick([body], *front(3 + k, 3))
        took.append(time.process_time() - began)
        assert abs(hit.point[2] - 10 * np.cos((3 + k) / 20)) < 0.05
    assert np.median(took) < 0.1


def test_a_landmark_moves_with_the_shape_and_is_one_step_of_undo(editor):
    scene = editor.start()
    hit = pick(bodies(editor, scene), *front())
    history = History(scene).to(tools.set_landmark(scene, "prn", hit.place, MODEL))
    older = editor.set_months(history.present, 36)
    here, there = (place_of(bodies(editor, s)[0], hit.place) for s in (scene, older))
    assert np.linalg.norm(here - there) > 1
    assert history.undo().present.marks.landmarks == ()
    assert len(history.redo().present.marks.landmarks) == 1


def test_landmarks_leave_in_the_frame_and_unit_of_the_file(editor, linear_model):
    """A scan in metres, turned: what is saved lies on the file's own surface."""
    mesh = linear_model.sample_meshes(1, seed=2)[0]
    turn = Similarity(np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]]), np.array([0.3, 0.1, -0.2]), 0.001)
    scene = editor.start()
    scene = type(scene)(scene.shape, (Opened("scan", mesh, None, turn),), scene.look)
    drawn = {b.name: b for b in bodies(editor, scene)}
    hit = pick(list(drawn.values()), *front(), "scan")
    scene = tools.set_landmark(tools.set_landmark(scene, "prn", hit.place, "scan"), "n", None, "scan")
    found = tools.landmark_points(scene, drawn, "scan")
    assert list(found) == ["prn"], "a skipped one is not in the file"
    assert np.allclose(found["prn"], turn.apply(hit.point))
    with pytest.raises(InfaceError, match="no landmark is set on 'Model'"):
        tools.landmark_points(scene, drawn, MODEL)


def test_the_next_name_is_the_first_that_is_neither_set_nor_skipped(editor):
    names, scene = ("a", "b", "c"), editor.start()
    assert tools.next_name(scene, names, MODEL, "") == "a"
    scene = tools.set_landmark(scene, "b", None, MODEL)
    assert tools.next_name(scene, names, MODEL, "a") == "c"
    assert tools.next_name(scene, names, "other", "a") == "b"


def test_measurements_straight_along_and_angle(editor):
    ball = editor.start()
    body = bodies(editor, ball)[0]
    left, right, top = (pick([body], *front(x, y)).place for x, y in ((-30, 0), (30, 0), (0, 40)))
    scene = ball
    for kind, places in (("straight", (left, right)), ("surface", (left, right)), ("angle", (left, top, right))):
        for place in places:
            scene = tools.click_measurement(scene, kind, place)
    numbers = [tools.value(m, tools.way(body, m)) for m in scene.marks.measurements]
    a, b, c = (place_of(body, p) for p in (left, right, top))
    assert numbers[0][0] == pytest.approx(np.linalg.norm(a - b))
    assert numbers[1][0] > numbers[0][0] + 1, "over the nose is longer"
    cosine = (a - c) @ (b - c) / np.linalg.norm(a - c) / np.linalg.norm(b - c)
    assert numbers[2] == (pytest.approx(np.degrees(np.arccos(cosine))), "°")
    drawing = with_marks(draw_scene(editor, scene), scene)
    assert len(drawing.lines) == 3 and len(drawing.dots) == 7
    half = tools.click_measurement(scene, "straight", left)
    assert len(tools.click_measurement(half, "angle", left).marks.measurements) == 4, "a half one makes way"


@pytest.mark.parametrize("name", ["linear_model", "network_model"])
def test_a_pulled_vertex_goes_where_it_is_pulled_and_the_rest_follows(name, request):
    editor = SceneEditor(request.getfixturevalue(name))
    child = editor.random_child(editor.start(), 3)
    scene = tools.start_pull(editor, child, pick(bodies(editor, child), *front()))
    ((vertex, place),) = scene.marks.pulls
    before = editor.vertices(scene)
    target = np.array(place) + [0, 0, 3.0]
    for _ in range(6):
        scene = tools.pull(editor, scene, vertex, target)
    after = editor.vertices(scene)
    assert np.linalg.norm(after[vertex] - target) < 0.35
    moved = np.linalg.norm(after - before, axis=1)
    assert (moved > 0.01).mean() > 0.5, "parts far away follow"
    back = tools.pull(editor, scene, vertex, np.array(place))
    for _ in range(6):
        back = tools.pull(editor, back, vertex, np.array(place))
    assert np.abs(editor.vertices(back) - before).max() < 0.1, "pulled back, the child is the one before"


def test_the_posterior_of_a_linear_model_is_that_of_the_textbook(linear_model):
    """Against Gaussian conditioning on vertex coordinates, written out with the covariance of the shape."""
    rng = np.random.default_rng(0)
    at = [100, 4000]
    rows = np.array([3 * v + k for v in at for k in range(3)])
    std = np.asarray(linear_model.latent_std, float)
    slope = (linear_model.components[:, rows].astype(float)).T
    targets = linear_model.mean_vertices[at] + rng.normal(0, 2, (2, 3))
    found = posterior_mean(
        linear_model, np.zeros(len(std)), np.zeros(len(std)), dict(zip(at, targets, strict=True)), noise=0.5
    )
    gain = (slope * std**2).T @ np.linalg.inv((slope * std**2) @ slope.T + 0.25 * np.eye(6))
    wanted = gain @ (targets - linear_model.mean_vertices[at]).ravel()
    assert np.allclose(found, wanted, atol=2e-3 * np.abs(wanted).max())


def test_marks_come_back_from_a_scene_file_and_bad_ones_are_left_out(editor):
    scene = editor.start()
    hit = pick(bodies(editor, scene), *front())
    scene = tools.start_pull(editor, tools.set_landmark(scene, "prn", hit.place, MODEL, 0.4), hit)
    scene = tools.click_measurement(scene, "straight", hit.place)
    back = editor.restore(from_json(to_json(scene, "m", "h"))[0])
    assert back.marks.landmarks == scene.marks.landmarks
    assert back.marks.measurements == scene.marks.measurements
    assert np.allclose(back.marks.pull_base, scene.marks.pull_base)
    beyond = SurfacePoint(MODEL, (0, 1, 10**7), (0.2, 0.3, 0.5))
    other = SurfacePoint("gone", (0, 1, 2), (0.2, 0.3, 0.5))
    wrong = tools.set_landmark(tools.set_landmark(scene, "a", beyond, MODEL), "b", other, "gone")
    kept = editor.restore(from_json(to_json(wrong, "m", "h"))[0]).marks.landmarks
    assert [m.name for m in kept] == ["prn"]


def test_two_observers_are_compared_in_mm():
    mine = LandmarkSet.of({"n": [0, 0, 0], "prn": [0, 0, 0.01], "mine": [1, 1, 1]})
    theirs = LandmarkSet.of({"n": [0.003, 0, 0], "prn": [0, 0.001, 0.01], "their <b>": [0, 0, 0]})
    text = comparison(mine, theirs, 1000.0, "<img src=x>.csv")
    assert "2 landmarks in both, mean 2.00 mm, SD 1.41 mm, most 3.00 mm" in text and "<img" not in text
    with pytest.raises(InfaceError, match="none of its landmarks"):
        comparison(mine, LandmarkSet.of({"x": [0, 0, 0]}), 1.0, "other.csv")


def test_names_are_full_and_found_by_their_abbreviation(linear_model):
    names = [n for n in linear_model.template.landmarks if not n.startswith("ibug_")]
    assert all(full_name(n) != n for n in names), "every landmark of the template has a name in full"
    assert [of_label(label(n)) for n in names] == names
    assert label("my own") == "my own"


def test_labels_behind_the_head_are_hidden(editor):
    vertices = editor.model.mean_vertices
    eye = Eye((0, 0, 600.0), (0, 0, 0), (0, 1, 0), 720, 0.45)
    landmarks = editor.model.template.landmarks
    points = vertices[[landmarks["prn"], landmarks["op"]]]
    x, y, depth = eye.see(points)
    assert eye.covered(x, y, depth, [vertices]).tolist() == [False, True]
    right = eye.see(np.array([[10.0, 0, 0], [0, 10, 0]]))
    assert right[0][0] > 0 and right[1][1] < 0


def test_the_picture_of_a_landmark_has_its_dot_where_it_is_seen(editor):
    template = editor.model.template
    pictures = {name: landmark_picture(template, name) for name in ("prn", "t_l", "t_r", "op", "v")}
    for name, drawn in pictures.items():
        red = np.argwhere((np.abs(drawn.astype(int) - (194, 24, 12)) < 3).all(-1))
        assert len(red) > 60, name
        around = red.mean(0).astype(int)
        skin = drawn[max(around[0] - 14, 0) : around[0] + 14, max(around[1] - 14, 0) : around[1] + 14].reshape(-1, 3)
        assert ((skin != 255).any(-1)).mean() > 0.4, f"{name} lies on the head"
    assert not np.array_equal(pictures["t_l"], pictures["t_r"])
