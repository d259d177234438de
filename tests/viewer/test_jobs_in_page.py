"""Jobs done in a real page from the user's file to the user's result."""

import json
import os
import time

import numpy as np
import pytest
from PIL import Image
from viewer_pages import (
    changed,
    click_at,
    client_of,
    drag,
    enter,
    pixel,
    press,
    says,
    slider,
    tab,
    until,
    upload,
)

from inface.geometry.proximity import surface_distance
from inface.landmarks import LandmarkSet
from inface.models import LinearRegressor, load_model
from inface.viewer import view
from inface.viewer.editor import MODEL, Partner
from inface.viewer.scene_file import from_json

pytest.importorskip("viser", reason="viser is not installed")
pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def window(linear_model):
    made = view(linear_model, port=0, open_browser=False, block=False, model_name="test")
    yield made
    made.stop()


def choose(browser, label: str, option: str) -> None:
    """Choose an option of the menu with this label."""
    script = """
      const label = [...document.querySelectorAll('label')].filter((l) => l.offsetParent)
        .find((l) => l.textContent.trim() === arguments[0]);
      for (let box = label; box; box = box.parentElement) {
        const found = box.querySelector('input:not([type=hidden])');
        if (found) return found;
      }"""
    until(lambda: browser.run(script, label), f"the menu '{label}'").click()
    find = """return [...document.querySelectorAll('[role=option]')].filter((o) => o.offsetParent)
      .find((o) => o.textContent.trim() === arguments[0])"""
    until(lambda: browser.run(find, option), f"the option '{option}'").click()


def test_three_landmarks_are_clicked_dragged_and_found_in_the_file(window, chromium, tmp_path):
    """The child's file is turned and in metres: the landmarks come out in its frame, on its surface."""
    model = window.editor.model
    child = model.decode_mesh(model.sample_latents(1, seed=7)[0])
    child.export(tmp_path / "child.ply")
    wanted = {n: child.vertices[model.template.landmarks[n]] for n in ("prn", "n", "ch_l")}
    with chromium(str(tmp_path)) as browser:
        session = enter(browser, window)
        upload(browser, tmp_path / "child.ply")
        until(lambda: session.scene.opened, "the child")
        session.act(lambda s: s.with_look(hidden=frozenset({MODEL})))
        tab(browser, "Points")
        choose(browser, "A click does", "Set the landmark chosen below")
        for name, text in (("prn", "pronasale"), ("n", "nasion"), ("ch_l", "cheilion")):
            search = browser.driver.find_element("css selector", "input[aria-label='Search']")
            search.clear()
            search.send_keys(text)
            until(
                lambda n=name: (
                    f"· {n}"
                    in browser.run("return [...document.querySelectorAll('input')].map((i) => i.value).join('|')")
                ),
                f"{name} in the menu",
            )
            click_at(browser, window, session, wanted[name])
            until(lambda n=name: n in {m.name for m in session.scene.marks.landmarks}, f"the landmark {name}")
        assert says(browser, "cheilion"), "the list names them in full"

        # the tip of the nose is dragged a little and taken back
        start = pixel(browser, window, session, wanted["prn"])
        before = session.scene.marks
        drag(browser, start, (start[0] + 25, start[1] - 15))
        until(lambda: session.scene.marks is not before, "the dragged dot")
        time.sleep(1.0)
        assert len(session.history.past) >= 4
        session.undo()
        assert session.scene.marks.landmarks == before.landmarks, "a drag is one step of undo"

        press(browser, "Save landmarks")
        path = tmp_path / "child_landmarks.csv"
        until(lambda: path.exists() and path.stat().st_size, "the landmark file")
        assert browser.console_errors() == [] and browser.foreign_requests() == []
    found = dict(LandmarkSet.load(path).items())
    assert set(found) == set(wanted)
    for name, point in found.items():
        assert np.linalg.norm(point - wanted[name]) < 2.0, f"{name} is where it was clicked, within a pixel or two"
    off = surface_distance(np.array(list(found.values())), child.vertices, child.triangles)
    assert off.max() < 0.5


def test_distances_are_measured_between_clicks_and_saved(window, chromium, tmp_path):
    with chromium(str(tmp_path)) as browser:
        session = enter(browser, window)
        shape = session.drawing.bodies[0].vertices
        eyes = [shape[window.editor.model.template.landmarks[n]] for n in ("ex_r", "ex_l")]
        client_of(window, session)
        tab(browser, "Points")
        window.controls(session).look_from(0, 0)
        time.sleep(1.0)
        for kind in ("Measure straight from click to click", "Measure along the surface from click to click"):
            choose(browser, "A click does", kind)
            count = len(session.scene.marks.measurements)
            for k, point in enumerate(eyes):
                click_at(browser, window, session, point)
                until(
                    lambda k=k, c=count: (
                        len(session.scene.marks.measurements) > c
                        and len(session.scene.marks.measurements[-1].points) > k
                    ),
                    "a point of the measurement",
                )
        until(lambda: len(session.drawing.lines) == 2, "two lines")
        press(browser, "CSV")
        until(lambda: (tmp_path / "measurements.csv").exists(), "the table")
        assert browser.console_errors() == []
    rows = [line.split(",") for line in (tmp_path / "measurements.csv").read_text().splitlines()[1:]]
    straight, along = (float(row[2]) for row in rows)
    assert straight == pytest.approx(np.linalg.norm(eyes[0] - eyes[1]), abs=3)
    assert along > straight + 2


def test_the_model_is_pulled_by_a_dot(window, chromium):
    with chromium() as browser:
        session = enter(browser, window)
        tab(browser, "Points")
        choose(browser, "A click does", "Pull the model: click a place, then drag its dot")
        tip = window.editor.model.template.landmarks["prn"]
        click_at(browser, window, session, session.drawing.bodies[0].vertices[tip])
        until(lambda: session.scene.marks.pulls, "a dot")
        time.sleep(1.0)
        ((vertex, _),) = session.scene.marks.pulls
        before = session.drawing.bodies[0].vertices
        start = pixel(browser, window, session, before[vertex])
        drag(browser, start, (start[0] - 12, start[1] + 6))
        until(lambda: np.abs(session.drawing.bodies[0].vertices - before).max() > 0.5, "the model to follow")
        time.sleep(1.0)
        after = session.drawing.bodies[0].vertices
        end = pixel(browser, window, session, after[vertex])
        assert np.hypot(end[0] - start[0] + 12, end[1] - start[1] - 6) < 8, "the dot follows the pointer"
        assert (np.linalg.norm(after - before, axis=1) > 0.01).mean() > 0.5
        session.undo()
        assert np.abs(session.drawing.bodies[0].vertices - before).max() < 1e-9
        assert browser.console_errors() == []


def test_a_session_survives_reload_and_restart_and_can_be_forgotten(linear_model, chromium, tmp_path):
    folder = tmp_path / "state"
    folder.mkdir()
    child = linear_model.decode_mesh(linear_model.sample_latents(1, seed=7)[0])
    child.export(tmp_path / "child.ply")

    def start(port: int):
        made = view(linear_model, port=port, open_browser=False, block=False, model_name="test", state=folder)
        return made, made.port

    window, port = start(0)
    with chromium() as browser:
        session = enter(browser, window)
        upload(browser, tmp_path / "child.ply")
        until(lambda: session.scene.opened, "the child")
        session.act(lambda s: window.editor.set_months(s, 30).with_look(dark=True, wireframe=True))
        address = browser.driver.current_url
        wanted = np.array(session.scene.shape.latent)

        browser.driver.refresh()
        until(lambda: list(window.sessions.values()) == [session], "the same session after a reload")
        files = until(lambda: list(folder.glob("inface-session-*.json")), "the state file")
        if os.name == "posix":
            assert oct(files[0].stat().st_mode & 0o777) == "0o600"
        until(lambda: not session.unsaved, "everything to be written")
        assert from_json(files[0].read_bytes())[0].look.dark

        # the server is stopped under the open page and started again
        window.stop()
        time.sleep(1.0)
        window, again = start(port)
        assert again == port
        session = until(lambda: next(iter(window.sessions.values()), None), "the page to come back by itself")
        until(lambda: session.drawing and len(session.drawing.bodies) == 2, "its drawing")
        assert np.allclose(session.scene.shape.latent, wanted, atol=1e-5)
        assert session.scene.look.wireframe and session.scene.opened[0].name == "child"

        # a new page of the same folder takes up the latest session when no page has it
        browser.open("about:blank")
        until(lambda: not window.sessions, "the page to be gone")
        browser.open(window.url)
        until(lambda: window.sessions, "a page again")
        assert browser.driver.current_url == address

        until(lambda: browser.run("return document.querySelectorAll('[role=tab]').length") > 3, "the tabs")
        tab(browser, "Save")
        press(browser, "Forget this session")
        session = next(iter(window.sessions.values()))
        until(lambda: not session.scene.opened and not list(folder.glob("*.json")), "everything to be forgotten")
        assert browser.console_errors() == []
    window.stop()
    assert not list(folder.iterdir())


def test_leaving_asks_only_when_there_is_unsaved_work(window, chromium, tmp_path):
    asks = "const e = new Event('beforeunload', { cancelable: true }); dispatchEvent(e); return e.defaultPrevented"
    with chromium(str(tmp_path)) as browser:
        session = enter(browser, window)
        assert not browser.run(asks)
        session.act(lambda s: window.editor.set_months(s, 30))
        until(lambda: browser.run(asks), "the question before leaving")
        tab(browser, "Save")
        press(browser, "Save scene")
        until(lambda: not browser.run(asks), "no question after saving")
        assert json.loads((tmp_path / "scene.json").read_text())["format"] == "inface-scene"


def test_two_drags_of_one_slider_are_two_steps_of_undo(window, chromium):
    with chromium() as browser:
        session = enter(browser, window)
        handle = slider(browser, "Age, months")
        handle.send_keys("\ue014" * 5)
        until(lambda: window.editor.months(session.scene) > 6.3, "the first drag")
        time.sleep(2.5)
        middle = window.editor.months(session.scene)
        handle.send_keys("\ue014" * 5)
        until(lambda: window.editor.months(session.scene) > middle + 0.3, "the second drag")
        session.undo()
        assert window.editor.months(session.scene) == pytest.approx(middle)
        handle.send_keys("\ue010")  # End
        until(lambda: window.editor.months(session.scene) == pytest.approx(36), "the end of the slider")
        numbers = "return [...document.querySelectorAll('input')].map((i) => i.value).filter((v) => /^3[56]/.test(v))"
        until(lambda: browser.run(numbers) == ["36"], "36, not 35.99999999999999")


@pytest.mark.parametrize("width, height", [(390, 844), (600, 800)])
def test_the_panel_stands_below_the_head_in_a_narrow_window(window, chromium, width, height):
    boxes = """const box = (s) => { const r = document.querySelector(s).getBoundingClientRect();
      return [r.left, r.top, r.right, r.bottom]; };
      return [box('[data-inface=canvas]'), box('[data-inface=panel]'), document.documentElement.scrollWidth];"""
    with chromium() as browser:
        browser.resize(width, height, mobile=True)
        session = enter(browser, window)
        canvas, panel, wide = browser.run(boxes)
        assert wide <= width
        assert canvas[3] <= panel[1] + 1 and canvas[3] - canvas[1] > 0.35 * height
        assert panel[0] <= 1 and panel[2] >= width - 1 and panel[3] <= height + 1
        # the whole head is in its picture
        shape = session.drawing.bodies[0].vertices
        for point in (shape[shape[:, 1].argmin()], shape[shape[:, 1].argmax()], shape[shape[:, 0].argmax()]):
            x, y = pixel(browser, window, session, point)
            assert canvas[0] < x < canvas[2] and canvas[1] < y < canvas[3]
        # a finger turns it
        before = np.array(client_of(window, session).camera.position)
        x, y = (canvas[0] + canvas[2]) / 2, (canvas[1] + canvas[3]) / 2
        touch = lambda kind, points: browser.driver.execute_cdp_cmd(  # noqa: E731
            "Input.dispatchTouchEvent", {"type": kind, "touchPoints": points}
        )
        touch("touchStart", [{"x": x, "y": y}])
        for k in range(1, 6):
            touch("touchMove", [{"x": x + 12 * k, "y": y}])
            time.sleep(0.05)
        touch("touchEnd", [])
        until(lambda: np.linalg.norm(np.array(client_of(window, session).camera.position) - before) > 20, "the turn")
        assert browser.console_errors() == []


def test_inputs_have_names_for_screen_readers_and_show_what_is_chosen(window, chromium):
    with chromium() as browser:
        session = enter(browser, window)
        time.sleep(0.5)
        names = browser.run("return [...document.querySelectorAll('[role=slider]')].map((s) => s.ariaLabel)")
        assert "Age, months" in names and "Identity 1" in names and all(names)
        pressed = "return [...document.querySelectorAll('button[aria-pressed=true]')].map((b) => b.textContent.trim())"
        assert browser.run(pressed) == ["neutral"]
        press(browser, "smiling")
        until(lambda: browser.run(pressed) == ["smiling"], "the active preset")
        session.act(lambda s: window.editor.set_deviation(s, 0, -1.5))
        bar = """const t = [...document.querySelectorAll('[role=slider]')].find((s) => s.ariaLabel === 'Identity 1');
          const s = t.parentElement.querySelector('.mantine-Slider-bar').style;
          return [s.getPropertyValue('--slider-bar-offset'), s.getPropertyValue('--slider-bar-width')]"""
        until(lambda: browser.run(bar) == ["25.00%", "25.00%"], "a bar from zero")
        assert browser.driver.title == "inface viewer"


def test_one_slider_moves_two_coupled_models(linear_model, network_model, chromium, tmp_path):
    """Head and a second model that follows through a regressor, both from files; the head is seen through."""
    rng = np.random.default_rng(0)
    linear_model.save(tmp_path / "head.h5")
    network_model.save(tmp_path / "skull.h5")
    LinearRegressor(rng.normal(size=(15, 15)) / 5, np.zeros(15)).save(tmp_path / "way.json")
    partner = Partner(load_model(tmp_path / "skull.h5"), LinearRegressor.load(tmp_path / "way.json"), "skull <b>")
    window = view(load_model(tmp_path / "head.h5"), partner=partner, port=0, open_browser=False, block=False)
    try:
        with chromium() as browser:
            session = enter(browser, window)
            before = {b.name: b.vertices for b in session.drawing.bodies}
            assert set(before) == {MODEL, "skull <b>"}
            slider(browser, "Identity 1").send_keys("\ue014" * 20)
            until(lambda: window.editor.deviation(session.scene, 0) > 0.5, "the slider")
            time.sleep(1.0)
            after = {b.name: b.vertices for b in session.drawing.bodies}
            for name, vertices in after.items():
                assert np.abs(vertices - before[name]).max() > 0.3, name
            seen = browser.picture()
            session.act(lambda s: s.with_look(model_opacity=0.4))
            changed(browser, seen)
            assert session.drawing.bodies[0].opacity == 0.4
            session.act(lambda s: s.with_look(arrangement="side by side"))
            assert session.drawing.bodies[1].offset[0] > 50
            assert browser.run("return document.querySelectorAll('b').length") == 0, "names are text, not HTML"
            assert browser.console_errors() == []
    finally:
        window.stop()


def test_pictures_turntable_and_shared_page_are_saved_and_a_persons_face_only_with_a_word(window, chromium, tmp_path):
    child = window.editor.model.decode_mesh(window.editor.model.sample_latents(1, seed=7)[0])
    child.export(tmp_path / "child.ply")
    with chromium(str(tmp_path)) as browser:
        session = enter(browser, window)
        session.act(lambda s: window.editor.set_months(s, 36).with_look(colours="change"))
        tab(browser, "Save")
        press(browser, "Save picture")
        until(lambda: (tmp_path / "picture.png").exists(), "the picture")
        press(browser, "Save shared page")
        until(lambda: (tmp_path / "page.html").exists(), "the page")
        page = (tmp_path / "page.html").read_text()
        assert "Synthetic: drawn by a shape model" in page and len(page) < 3e6
        upload(browser, tmp_path / "child.ply")
        until(lambda: session.scene.opened, "the child")
        (tmp_path / "page.html").unlink()
        press(browser, "Save shared page")
        until(lambda: says(browser, "may show a person"), "a refusal in words")
        assert not (tmp_path / "page.html").exists()
        browser.run("[...document.querySelectorAll('label')].find(l => l.textContent.includes('I may share')).click()")
        time.sleep(0.5)
        press(browser, "Save shared page")
        until(lambda: (tmp_path / "page.html").exists(), "the page")
        assert "A scan of a person" in (tmp_path / "page.html").read_text()
        assert browser.console_errors() == []
    picture = Image.open(tmp_path / "picture.png")
    assert picture.size[0] >= 2000, "twice the view"
    top = np.array(session_legend_top(picture))
    assert top.any(), "the legend is on the picture"


def session_legend_top(picture) -> np.ndarray:
    """Where the picture has the darkest colour of the map of sizes."""
    return (np.abs(np.asarray(picture.convert("RGB")).astype(int) - [82, 6, 61]).max(-1) < 14).ravel()
