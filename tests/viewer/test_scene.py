"""Scenes, undo, scene files, and what can be done to a scene."""

import gc
import json
import weakref
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from inface.errors import FormatError, InfaceError
from inface.mesh import Mesh
from inface.models import LinearRegressor
from inface.transforms import Similarity, procrustes
from inface.viewer.editor import MODEL, Partner, SceneEditor
from inface.viewer.heat import heat
from inface.viewer.scene import MAX_OPENED, Blend, History, Look, Opened, Scene
from inface.viewer.scene_file import from_json, to_json


@pytest.fixture(params=["linear_model", "network_model"])
def editor(request) -> SceneEditor:
    return SceneEditor(request.getfixturevalue(request.param))


@pytest.fixture
def linear(linear_model) -> SceneEditor:
    return SceneEditor(linear_model)


def latent(scene: Scene) -> np.ndarray:
    return scene.shape.latent


# --- sliders


def test_a_slider_moves_its_entry_and_no_other(editor):
    start = editor.start()
    moved = editor.set_deviation(start, 3, 1.5)
    assert editor.deviation(moved, 3) == pytest.approx(1.5)
    assert np.flatnonzero(latent(moved) != latent(start)).tolist() == [3]
    assert editor.deviation(start, 3) == pytest.approx(0), "the scene before is untouched"


def test_months_are_what_the_model_says(editor):
    older = editor.set_months(editor.start(), 24)
    block = editor.model.blocks["age"]
    assert editor.model.age_calibration.to_months(
        editor.model.age_calibration.code(latent(older)[block])
    ) == pytest.approx(24)
    assert editor.months(older) == pytest.approx(24)
    assert np.array_equal(np.delete(latent(older), block.start), np.delete(latent(editor.start()), block.start))


def test_blend_goes_from_one_expression_to_another(editor):
    block = editor.model.blocks["expression"]
    smiling, crying = (editor.model.expressions[n] for n in ("smiling", "crying"))
    half = editor.set_blend(editor.start(), Blend("smiling", "crying", 0.25))
    assert np.allclose(latent(half)[block], 0.75 * smiling + 0.25 * crying)
    assert np.allclose(latent(editor.neutralise(half))[block], editor.model.neutral_code())
    with pytest.raises(ValueError, match="expected one of neutral, smiling, crying"):
        editor.set_blend(half, Blend(end="sleeping"))


def test_random_child_keeps_age_and_expression(editor):
    scene = editor.set_months(editor.set_blend(editor.start(), Blend(end="smiling")), 12)
    child, again, other = (editor.random_child(scene, seed) for seed in (5, 5, 6))
    assert np.array_equal(latent(child), latent(again)) and not np.array_equal(latent(child), latent(other))
    identity = editor.model.blocks["identity"]
    assert np.array_equal(latent(child)[identity.stop :], latent(scene)[identity.stop :])
    deviations = [editor.deviation(child, k) for k in range(identity.stop)]
    assert 0.1 < np.abs(deviations).max() <= 3 + 1e-9


def test_reset_one_group_or_all(editor):
    scene = editor.set_months(editor.random_child(editor.start(), 1), 30)
    part = editor.reset(scene, "identity")
    assert np.allclose(latent(part)[editor.model.blocks["identity"]], editor.model.latent_mean[:10])
    assert editor.months(part) == pytest.approx(30)
    assert np.allclose(latent(editor.reset(scene)), editor.model.latent_mean)


# --- undo


def test_undo_and_redo_walk_the_same_way(linear):
    history = History(linear.start())
    for index in range(3):
        history = history.to(linear.set_deviation(history.present, index, 1.0))
    made = latent(history.present)
    back = history.undo().undo()
    assert [linear.deviation(back.present, k) for k in range(3)] == pytest.approx([1, 0, 0])
    assert np.array_equal(latent(back.redo().redo().present), made)
    assert back.undo().undo().undo().present.shape is not None, "undoing too far stops at the start"
    branched = back.to(linear.set_deviation(back.present, 5, 2.0))
    assert branched.redo().present is branched.present, "a new act forgets what was undone"


def test_a_drag_is_one_step_and_the_look_is_none(linear):
    history = History(linear.start())
    for value in np.linspace(0, 1, 30):
        history = history.to(linear.set_deviation(history.present, 0, value), key="Identity 1")
    history = history.to(history.present.with_look(wireframe=True))
    assert len(history.past) == 1
    undone = history.undo().present
    assert linear.deviation(undone, 0) == 0 and undone.look.wireframe


def test_a_thousand_uploads_leave_a_bounded_number_of_meshes(linear):
    made, history = [], History(linear.start())
    for i in range(1000):
        mesh = Mesh([[0, 0, 0], [40 + i, 0, 0], [0, 40, 0]], [[0, 1, 2]])
        made.append(weakref.ref(mesh))
        opened = replace(history.present, opened=(Opened(f"mesh {i}", mesh),))
        history = history.to(opened)
        del mesh, opened
    gc.collect()
    alive = sum(ref() is not None for ref in made)
    assert 30 <= alive <= 45
    assert history.undo().present.opened[0].name == "mesh 998"


def test_no_more_meshes_than_can_be_handled_are_open_at_once(linear):
    mesh = linear.model.decode_mesh(linear.model.latent_mean)
    scene = replace(linear.start(), opened=tuple(Opened(f"{i}", mesh) for i in range(MAX_OPENED)))
    with pytest.raises(InfaceError, match="close some first"):
        linear.open(scene, "one more", mesh)


def test_unknown_look_is_refused():
    with pytest.raises(ValueError, match="expected one of colour"):
        Look(colours="rainbow")


# --- meshes


def test_an_opened_mesh_gives_its_latent(linear):
    code = linear.model.sample_latents(1, seed=3)[0]
    scene, said = linear.open(linear.start(), "child", linear.model.decode_mesh(code))
    assert said == "child encoded."
    assert np.allclose(latent(scene), code, atol=1e-2)
    assert scene.shape.source == "child"


def test_a_mesh_out_of_frame_is_brought_in(linear):
    mesh = linear.model.decode_mesh(linear.model.sample_latents(1, seed=3)[0])
    angle = np.radians(40)
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    moved = mesh.with_vertices(Similarity(turn, np.array([80.0, 0, 50])).apply(mesh.vertices))
    scene, said = linear.open(linear.start(), "child", moved)
    assert "bringing it into the model's frame" in said
    back = procrustes(scene.opened[0].mesh.vertices, mesh.vertices)
    assert back.angle < 5 and np.linalg.norm(back.translation) < 5
    assert np.abs(back.apply(scene.opened[0].mesh.vertices) - mesh.vertices).max() < 1e-3


def test_a_foreign_mesh_is_shown_and_the_shape_stays(linear):
    tetrahedron = Mesh([[0, 0, 0], [9, 0, 0], [0, 9, 0], [0, 0, 9]], [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    start = linear.start()
    scene, said = linear.open(start, "scan", tetrahedron)
    assert "shown but not encoded" in said
    assert scene.shape is start.shape and scene.opened[0].latent is None
    for act in (linear.start_from, linear.transfer):
        with pytest.raises(InfaceError, match="does not correspond"):
            act(scene, "scan")
    values, label = heat(linear, scene.with_look(colours="distance"), linear.vertices(scene))
    assert label == "distance to scan, mm" and values.shape == (len(linear.model.mean_vertices),)


def test_names_stay_unique(linear):
    mesh = linear.model.decode_mesh(linear.model.latent_mean)
    scene = linear.start()
    for name in ("a", "a", MODEL):
        scene, _ = linear.open(scene, name, mesh)
    assert [one.name for one in scene.opened] == ["a", "a (2)", f"{MODEL} (2)"]
    assert [one.name for one in linear.close(scene, "a").opened] == ["a (2)", f"{MODEL} (2)"]


def test_own_detail_comes_back(linear):
    rng = np.random.default_rng(0)
    mesh = linear.model.decode_mesh(linear.model.latent_mean)
    bumpy = mesh.with_vertices(mesh.vertices + rng.normal(0, 0.5, mesh.vertices.shape))
    scene, _ = linear.open(linear.start(), "child", bumpy)
    assert np.abs(linear.vertices(scene) - bumpy.vertices).max() > 0.5
    kept = scene.with_shape(keep_detail=True)
    assert np.abs(linear.vertices(kept) - bumpy.vertices).max() < 1e-3


def test_transfer_takes_only_the_expression(linear):
    donor = linear.set_blend(linear.random_child(linear.start(), 8), Blend(end="crying"))
    scene, _ = linear.open(linear.start(), "donor", linear.mesh(donor))
    scene = linear.transfer(linear.reset(scene), "donor")
    block = linear.model.blocks["expression"]
    assert np.allclose(latent(scene)[block], linear.model.expressions["crying"], atol=1e-2)
    assert np.allclose(latent(scene)[: block.start], 0)


# --- completion


def test_completion_keeps_the_known_and_says_how_sure_it_is(linear):
    child = linear.model.decode_mesh(linear.model.sample_latents(1, seed=4)[0])
    broken = np.array(child.vertices)
    broken[linear.regions["nose"]] += 30
    scene, _ = linear.open(linear.start(), "child", child.with_vertices(broken))
    with pytest.raises(InfaceError, match="nothing is marked"):
        linear.complete(scene)
    scene = linear.complete(linear.mark_region(scene, "nose"))
    nose = np.zeros(len(broken), bool)
    nose[linear.regions["nose"]] = True
    made = linear.vertices(scene)
    assert np.abs(made[~nose] - broken[~nose]).max() < 1e-3
    assert np.linalg.norm(made[nose] - child.vertices[nose], axis=1).mean() < 1
    assert (scene.shape.std[nose] > 0).all() and (scene.shape.std[~nose] == 0).all()


def test_completion_does_not_depend_on_how_the_mesh_lay(linear):
    """Inside what is opened without being moved, 20 degrees and 30 mm, the pose is found with the shape."""
    child = linear.model.decode_mesh(linear.model.sample_latents(1, seed=4)[0])
    motion = Similarity(Rotation.from_rotvec([0.06, -0.1, 0.05]).as_matrix(), np.array([4.0, -7.0, 5.0]))
    made = []
    for mesh in (child, child.with_vertices(motion.apply(child.vertices))):
        scene, words = linear.open(linear.start(), "child", mesh)
        assert "bringing it" not in words
        made.append(linear.vertices(linear.complete(linear.mark_region(scene, "nose"))))
    assert np.abs(motion.apply(made[0]) - made[1]).max() < 0.01


def test_nan_vertices_come_in_as_unknown(linear):
    child = linear.model.decode_mesh(linear.model.sample_latents(1, seed=4)[0])
    holed = np.array(child.vertices)
    holed[linear.regions["chin"]] = np.nan
    scene, _ = linear.open(linear.start(), "child", child.with_vertices(holed))
    assert np.array_equal(scene.shape.unknown, np.sort(linear.regions["chin"]))
    assert np.isfinite(linear.vertices(linear.complete(scene))).all()


def test_brush_marks_a_disc_and_takes_it_back(linear):
    scene = linear.start()
    tip = linear.vertices(scene)[linear.model.template.landmarks["prn"]]
    near = linear.near(scene, tip, 8.0)
    assert 5 < len(near) < 2000
    marked = linear.mark(scene, near)
    assert np.array_equal(marked.shape.unknown, near)
    assert linear.mark(marked, near, unknown=False).shape.unknown is None


# --- two models


def test_a_second_model_follows(linear_model, network_model):
    rng = np.random.default_rng(0)
    regressor = LinearRegressor(rng.normal(size=(15, 15)) / 50, np.zeros(15))
    editor = SceneEditor(linear_model, Partner(network_model, regressor, "skull"))
    scene = editor.set_deviation(editor.start(), 0, 2.0)
    wanted = network_model.decode(regressor(latent(scene)))
    assert np.array_equal(editor.partner_vertices(scene), wanted)
    with pytest.raises(InfaceError, match="the regressor turns 4 numbers into 15"):
        SceneEditor(linear_model, Partner(network_model, LinearRegressor(np.zeros((15, 4)), np.zeros(15))))


# --- scene files


def test_a_scene_file_brings_everything_back(linear):
    child = linear.model.decode_mesh(linear.model.sample_latents(1, seed=4)[0])
    holed = np.array(child.vertices)
    holed[:5] = np.nan
    scene, _ = linear.open(linear.start(), "child", child.with_vertices(holed))
    scene = linear.complete(linear.mark_region(scene, "nose")).with_look(colours="uncertainty", hidden=frozenset({"x"}))
    back, name, hashed = from_json(to_json(scene, "m", linear.model.hash))
    back = linear.restore(back)
    assert (name, hashed) == ("m", linear.model.hash)
    assert np.abs(linear.vertices(back) - linear.vertices(scene)).max() < 1e-3
    assert back.look == scene.look and back.shape.blend == scene.shape.blend
    assert np.array_equal(back.shape.unknown, scene.shape.unknown)
    assert np.array_equal(np.isnan(back.opened[0].mesh.vertices), np.isnan(scene.opened[0].mesh.vertices))


def test_bad_scene_files_are_named(linear, network_model):
    good = json.loads(to_json(linear.start()))
    for broken, reason in (
        ("nonsense", "damaged"),
        ("[]", "damaged"),
        (json.dumps(good | {"format": "other"}), "expected a scene file"),
        (json.dumps(good | {"format_version": 9}), "version 1"),
        (json.dumps(good | {"look": {"colours": 1}}), "damaged"),
    ):
        with pytest.raises(FormatError, match=reason):
            from_json(broken)
    short = from_json(json.dumps(good | {"shape": good["shape"] | {"latent": [0.0] * 3}}))[0]
    with pytest.raises(InfaceError, match="another model"):
        linear.restore(short)
    with pytest.raises(InfaceError, match="one has a model"):
        SceneEditor().restore(linear.start())
