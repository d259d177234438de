"""One browser's state: what reaches the screen, and that a dragged slider never queues up."""

import struct
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from inface.codecs import read_mesh
from inface.errors import InfaceError
from inface.viewer.busy import Busy
from inface.viewer.drawing import draw_scene
from inface.viewer.editor import MODEL, SceneEditor
from inface.viewer.glb import SurfaceGlb
from inface.viewer.picking import near_ray
from inface.viewer.session import Session


class Recorder:
    """A screen that keeps what it was given, as slowly as it is told to."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.drawings, self.said, self.seconds = [], [], seconds

    def draw(self, drawing) -> bool:
        time.sleep(self.seconds)
        self.drawings.append(drawing)
        return False

    def tell(self, text, *, wrong=False) -> None:
        self.said.append((text, wrong))


@pytest.fixture
def session(linear_model) -> Session:
    editor = SceneEditor(linear_model)
    made = Session(editor, editor.start())
    made.screen = Recorder()
    return made


def test_an_act_reaches_the_screen(session):
    assert session.act(lambda s: session.editor.set_months(s, 30))
    drawn = session.screen.drawings[-1].bodies[0]
    assert drawn.name == MODEL
    assert np.array_equal(drawn.vertices, session.editor.model.decode(session.scene.shape.latent))
    session.undo()
    assert np.allclose(session.screen.drawings[-1].bodies[0].vertices, session.editor.model.mean_vertices)


def test_a_refusal_is_told_and_changes_nothing(session):
    before = session.scene
    assert not session.act(session.editor.complete)
    assert session.scene is before
    assert session.screen.said == [("nothing is marked as unknown; mark a region or paint one first", True)]


def test_acts_coalesce_and_the_last_one_wins(session):
    session.screen = Recorder(0.05)
    editor = session.editor
    threads = [
        threading.Thread(target=session.act, args=(lambda s, v=v: editor.set_deviation(s, 0, v), "Identity 1"))
        for v in np.linspace(-2, 2, 40)
    ]
    began = time.monotonic()
    for thread in threads:
        thread.start()
        time.sleep(0.002)
    for thread in threads:
        thread.join()
    assert time.monotonic() - began < 1.0, "forty drawings one after the other would take two seconds"
    assert len(session.screen.drawings) < 20
    shown = session.screen.drawings[-1].bodies[0].vertices
    assert np.array_equal(shown, editor.vertices(session.scene))
    assert len(session.history.past) == 1


def test_playing_moves_until_paused(session):
    session.play(0)
    time.sleep(0.4)
    assert session.playing
    session.pause()
    count = len(session.screen.drawings)
    assert count >= 3
    time.sleep(0.2)
    assert len(session.screen.drawings) <= count + 1
    session.undo()
    assert session.editor.deviation(session.scene, 0) == 0, "playing is one step of undo"


def test_a_closed_session_lets_go(session):
    session.act(lambda s: session.editor.set_months(s, 30))
    session.play(0)
    session.close()
    assert session.screen is None and session.drawing is None and session.scene.shape is None and not session.playing


def test_drawing_shows_marks_heat_and_measure(linear_model):
    editor = SceneEditor(linear_model)
    scene = editor.set_months(editor.start(), 36).with_look(colours="change", landmarks=True, measure=("en_l", "en_r"))
    drawing = draw_scene(editor, scene)
    assert drawing.legend.label == "distance from the mean, mm"
    points = dict(drawing.labels)
    assert drawing.measured[2] == pytest.approx(np.linalg.norm(points["en_l"] - points["en_r"]))
    marked = draw_scene(editor, editor.mark_region(editor.start().with_look(colours="clay"), "nose")).bodies[0].colors
    nose = np.isin(np.arange(len(marked)), editor.regions["nose"])
    assert len(np.unique(marked[nose], axis=0)) == 1 and (marked[nose][0] != marked[~nose][0]).any()


def test_hidden_and_side_by_side(linear_model):
    editor = SceneEditor(linear_model)
    scene, _ = editor.open(editor.start(), "a", linear_model.decode_mesh(linear_model.latent_mean))
    assert [b.name for b in draw_scene(editor, scene).bodies] == [MODEL, "a"]
    assert draw_scene(editor, scene).bodies[1].opacity < 1
    assert [b.name for b in draw_scene(editor, scene.with_look(hidden=frozenset({MODEL}))).bodies] == ["a"]
    apart = draw_scene(editor, scene.with_look(arrangement="side by side")).bodies
    assert apart[1].offset[0] > np.ptp(apart[0].vertices[:, 0]) and apart[1].opacity == 1


def test_coloured_glb_is_read_back(linear_model, tmp_path):
    editor = SceneEditor(linear_model)
    body = draw_scene(editor, editor.start()).bodies[0]
    writer = SurfaceGlb(body.triangles, len(body.vertices))
    writer.write(body.vertices * 2, body.colors * 0.5)
    content = writer.write(body.vertices, body.colors)
    assert struct.unpack("<I", content[8:12])[0] == len(content)
    (tmp_path / "a.glb").write_bytes(content)
    back = read_mesh(tmp_path / "a.glb")
    assert np.allclose(back.vertices / 1000, body.vertices), "the page's own unit is mm, a glTF reader takes metres"
    assert np.array_equal(back.triangles, body.triangles)
    assert np.abs(back.colors - body.colors).max() < 0.06, "2.2 stands for the sRGB curve"


def test_a_ray_touches_the_near_side(linear_model):
    vertices = linear_model.mean_vertices
    vertex = near_ray(vertices, np.array([0, 0, 800.0]), np.array([0, 0, -1.0]))
    assert vertices[vertex][2] > 40
    assert near_ray(vertices, np.array([0, 0, 800.0]), np.array([0, 0, 1.0])) is None


class Gui:
    """Handles that remember what they were set to."""

    def __init__(self) -> None:
        self.made = []

    def _add(self, *_, **options):
        handle = SimpleNamespace(content="", visible=options.get("visible", True), on_click=lambda act: None)
        self.made.append(handle)
        return handle

    add_markdown = add_progress_bar = add_button = _add


def test_work_goes_on_when_the_page_is_loaded_again_and_is_shown_there(session):
    go, shown = threading.Event(), []
    first, second = Gui(), Gui()
    busy = Busy(first, session)
    busy.run("Working <img src=x>", lambda job: go.wait(20), shown.append)
    with pytest.raises(InfaceError, match="'Working <img src=x>' is still being done"):
        busy.run("More", lambda job: None, shown.append)
    wait_for(lambda: first.made[0].visible, "the row to be shown")
    assert "Working" in first.made[0].content and "<img" not in first.made[0].content
    busy.leave()
    again = Busy(second, session)
    wait_for(lambda: second.made[0].visible, "the row on the new page")
    go.set()
    wait_for(lambda: session.job is None and not second.made[0].visible, "the end")
    assert shown == [True] and session.screen.said == []
    again.run("Short", lambda job: "made", shown.append)
    wait_for(lambda: shown == [True, "made"], "the short one")
    assert not second.made[0].visible, "what is done at once is not shown"


def wait_for(condition, what: str) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)
