"""Pictures and animations without a screen."""

import io
from dataclasses import replace

import numpy as np
import pytest

from inface.errors import FormatError, InfaceError
from inface.mesh import Mesh
from inface.models import modes
from inface.models.modes import sliders
from inface.pictures.animations import animate
from inface.pictures.colours import Legend
from inface.pictures.offscreen import Frame, OffscreenRenderer, draw
from inface.pictures.rendering import VIEWS, distances, render
from inface.pictures.storyboard import KeyFrame, Storyboard, read_storyboard, teaser, timeline
from inface.synthetic import template as synthetic_template


@pytest.fixture(scope="module", autouse=True)
def _renderer():
    pytest.importorskip("pyvista", reason="pyvista is not installed")
    try:
        triangle = Mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])
        drawn = draw(triangle, (32, 32), (0, 0), frame=Frame.around([triangle]))
    except Exception as error:
        pytest.skip(f"no renderer without a screen: {error}")
    assert drawn.shape == (32, 32, 4)


@pytest.fixture(scope="module")
def head() -> Mesh:
    return synthetic_template().mesh


def test_the_same_picture_twice(head, tmp_path):
    size = (240, 160)
    first = render({"a": head, "b": head}, tmp_path / "a.png", size=size, views=("front", "left"))
    assert np.array_equal(first, render({"a": head, "b": head}, size=size, views=("front", "left")))
    from PIL import Image

    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), first)
    assert first.shape == (160, 240, 4)


def test_a_renderer_used_again_draws_what_a_new_one_draws(head):
    wide = head.with_vertices(head.vertices * [1.2, 1, 1])
    frame = Frame.around([head, wide])
    with OffscreenRenderer((120, 120), frame) as renderer:
        renderer.draw(head, (0, 0))
        again = renderer.draw(wide, (30, 5))
    assert np.array_equal(again, draw(wide, (120, 120), (30, 5), frame=frame))


def test_left_is_the_subjects_left(head):
    """Seen from its left, the head looks to the picture's left: the nose side is nearer to that edge."""
    nose = head.with_colors(np.where((head.vertices[:, 2:] > 60), [[1.0, 0, 0]], [[0, 0, 1.0]]))
    for view, nearer in (("left", 0), ("right", 1)):
        drawn = draw(nose, (120, 120), VIEWS[view], frame=Frame.around([nose])).astype(int)
        red = np.argwhere((drawn[..., 0] > drawn[..., 2] + 60) & (drawn[..., 3] > 200))[:, 1].mean()
        blue = np.argwhere((drawn[..., 2] > drawn[..., 0] + 60) & (drawn[..., 3] > 200))[:, 1].mean()
        assert (red < blue) == (nearer == 0)


def test_transparent_clay_and_wireframe_differ(head):
    size = (120, 120)
    plain = render(head, size=size)
    clear = render(head, size=size, transparent=True)
    assert plain[0, 0, 3] == 255 and clear[0, 0, 3] == 0
    seen = [render(head, size=size, **options) for options in ({"style": "clay"}, {"wireframe": True})]
    assert not np.array_equal(seen[0], plain) and not np.array_equal(seen[1], plain)


def test_heat_map_has_a_legend_in_mm(head):
    values = np.where(head.vertices[:, 1] > 0, 4.0, 0.0)
    drawn = render(head, size=(300, 200), heat=values, legend=Legend("distance, mm", 0, 4))
    top = Legend("x", 0, 4).colors(np.array([4.0]))[0]
    bar = drawn[:, 220:236, :3].reshape(-1, 3) / 255
    assert (np.abs(bar - top).max(1) < 0.02).any(), "the bar holds the colour of the highest value"
    assert not np.array_equal(drawn, render(head, size=(300, 200)))
    with pytest.raises(ValueError, match="heat of 'mesh'"):
        render(head, heat=values[:5])


def test_modes_of_a_model_fill_a_sheet(linear_model):
    meshes = modes.mode_meshes(linear_model, modes=1)
    assert list(meshes)[:3] == ["Identity 1, -3 SD", "Identity 1, mean", "Identity 1, +3 SD"]
    assert len(meshes) == 9
    assert len(modes.mode_meshes(linear_model, modes=2, group="expression")) == 6
    with pytest.raises(ValueError, match="the model has identity, expression, age"):
        modes.mode_meshes(linear_model, group="pose")


def test_bad_input_is_named(head):
    for options, reason in (
        ({"size": (5, 5)}, "16 to 16384"),
        ({"style": "gold"}, "colour, clay"),
        ({"views": "below"}, "front, three-quarter"),
        ({"heat": {"other": np.zeros(3)}}, "no mesh 'other'"),
    ):
        with pytest.raises(ValueError, match=reason):
            render(head, **options)
    with pytest.raises(ValueError, match="at least one mesh"):
        render({}, size=(64, 64))


def test_distances_by_vertex_and_by_surface(head):
    moved = head.with_vertices(head.vertices + [0, 0, 2.0])
    assert np.allclose(distances({"a": moved}, head)["a"], 2)
    loose = Mesh(moved.vertices[:200], np.zeros((0, 3), int))
    assert (distances({"a": loose}, head)["a"] < 2 + 1e-9).all()


# --- animations


def board(**changes) -> Storyboard:
    frames = (KeyFrame(seed=1, hold=0.2), KeyFrame(expression="smiling", seconds=0.3, hold=0.1), KeyFrame(age=30))
    return Storyboard(frames, **({"size": (64, 64), "fps": 10, "loop": False} | changes))


def test_timeline_starts_ends_and_rests_where_it_should(linear_model):
    moments = list(timeline(linear_model, board()))
    assert len(moments) == 2 + 3 + 1 + 8 + 3
    latents = np.array([latent for latent, _ in moments])
    expression = linear_model.blocks["expression"]
    assert np.allclose(latents[4][expression], linear_model.expressions["smiling"])
    assert np.array_equal(latents[4], latents[5])
    calibration = linear_model.age_calibration
    assert calibration.to_months(calibration.code(latents[-1][linear_model.blocks["age"]])) == pytest.approx(30)
    steps = np.abs(np.diff(latents, axis=0)).max(1)
    assert steps[6] < steps[9], "the way begins gently"
    looped = list(timeline(linear_model, board(loop=True)))
    assert np.allclose(looped[-1][0], looped[0][0])


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".mp4"])
def test_animation_files_hold_moving_pictures(linear_model, tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    count = animate(linear_model, path, board())
    if suffix == ".mp4":
        import imageio_ffmpeg

        frames, seconds = imageio_ffmpeg.count_frames_and_secs(path)
        assert frames == count and seconds == pytest.approx(count / 10, abs=0.05)
        return
    from PIL import Image

    film = Image.open(io.BytesIO(path.read_bytes()))
    first = np.asarray(film.convert("RGB")).astype(int)
    film.seek(film.n_frames - 1)
    assert film.n_frames > 8
    assert np.abs(np.asarray(film.convert("RGB")) - first).mean() > 2
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_storyboard_file(tmp_path, linear_model):
    path = tmp_path / "story.yaml"
    path.write_text(
        "size: [64, 48]\nfps: 5\nframes:\n"
        "  - {seed: 3, view: front}\n  - {expression: crying, strength: 0.5, seconds: 0.4}\n"
        "  - {sliders: {Identity 1: 2.5}, view: [90, 0]}\n"
    )
    story = read_storyboard(path)
    assert story.size == (64, 48) and story.frames[1].strength == 0.5
    last_latent, last_view = list(timeline(linear_model, replace(story, loop=False)))[-1]
    assert last_view == (90, 0)
    strongest = next(s for s in sliders(linear_model) if s.label == "Identity 1")
    assert last_latent[strongest.index] == pytest.approx(2.5 * linear_model.latent_std[strongest.index])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("frames: 3", "a list under 'frames'"),
        ("frames: [{sed: 3}]", "frame 1: unknown 'sed'"),
        ("frames: [{seconds: -1}]", "zero or more"),
        ("frames: []", "at least one frame"),
        ("fps: 100\nframes: [{seed: 1}]", "1 to 60"),
        ("{", "not a YAML file"),
    ],
)
def test_bad_storyboards_are_named(tmp_path, text, reason):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(FormatError, match=reason):
        read_storyboard(tmp_path / "a.yaml")


def test_storyboard_asks_only_what_the_model_can(linear_model, tmp_path):
    for frame, reason in (
        (KeyFrame(expression="asleep"), "frame 1.*neutral, smiling"),
        (KeyFrame(age=400), "0 to 36 months"),
        (KeyFrame(sliders={"Nose": 1}), "slider 'Nose'"),
        (KeyFrame(seconds=0, hold=1e6), "at most 5000"),
    ):
        with pytest.raises(InfaceError, match=reason):
            animate(linear_model, tmp_path / "a.gif", Storyboard((frame,)))
    with pytest.raises(InfaceError, match=r"\.gif, \.webp, \.mp4"):
        animate(linear_model, tmp_path / "a.avi")
    assert not list(tmp_path.iterdir())


def test_teaser_shows_every_expression_and_age(linear_model):
    story = teaser(linear_model, children=2)
    assert {f.expression for f in story.frames} >= {"smiling", "crying", "neutral"}
    assert {f.age for f in story.frames} >= {0.0, 36.0}
