"""The browser viewer in a real browser, and its server."""

import json
import socket
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
from viewer_pages import changed, enter, picture_of_the_shape, press, slider, tab, until, upload

from inface.errors import MissingDependencyError
from inface.mesh import Mesh
from inface.viewer import show, view
from inface.viewer.editor import MODEL
from inface.viewer.scene_file import from_json

pytest.importorskip("viser", reason="viser is not installed")


@pytest.fixture
def window(linear_model):
    made = view(linear_model, port=0, open_browser=False, block=False, model_name="test")
    yield made
    made.stop()


@pytest.mark.browser
def test_shape_is_made_in_the_page(window, chromium, tmp_path):
    editor = window.editor
    with chromium(str(tmp_path)) as browser:
        session = enter(browser, window)
        first = browser.picture()
        start = session.drawing.bodies[0].vertices

        # the age slider by keyboard: the geometry the server holds, and the pixels
        handle = slider(browser, "Age, months")
        handle.send_keys("\ue014" * 15)  # right arrow
        until(lambda: editor.months(session.scene) > 7, "an older child")
        older = session.drawing.bodies[0].vertices
        assert np.abs(older - start).max() > 0.2
        aged = changed(browser, first)

        # a preset
        press(browser, "smiling")
        block = editor.model.blocks["expression"]
        wanted = editor.model.expressions["smiling"]
        until(lambda: np.allclose(session.scene.shape.latent[block], wanted), "the smile")
        changed(browser, aged)

        # undo goes back by one act, the whole drag is one more
        press(browser, "Undo")
        until(lambda: np.allclose(session.scene.shape.latent[block], editor.model.neutral_code()), "undo")
        press(browser, "Undo")
        until(lambda: abs(editor.months(session.scene) - 6) < 0.01, "undo of the drag")
        press(browser, "Redo")
        until(lambda: editor.months(session.scene) > 7, "redo")

        # a number can be typed
        press(browser, "Random child")
        until(lambda: session.scene.shape.seed == 1, "a random child")

        # save: mesh, latent, scene
        tab(browser, "Save")
        for button, name in (("Save mesh", "shape.ply"), ("Save latent", "latent.json"), ("Save scene", "scene.json")):
            press(browser, button)
            until(lambda n=name: (tmp_path / n).exists() and (tmp_path / n).stat().st_size > 0, name)
        press(browser, "Save picture")
        until(lambda: (tmp_path / "picture.png").exists(), "picture.png")
        saved = Mesh.load(tmp_path / "shape.ply")
        assert np.abs(saved.vertices - editor.vertices(session.scene)).max() < 1e-3
        assert np.allclose(json.loads((tmp_path / "latent.json").read_text())["latent"], session.scene.shape.latent)
        scene, name, _ = from_json((tmp_path / "scene.json").read_bytes())
        assert name == "test" and np.allclose(scene.shape.latent, session.scene.shape.latent, atol=1e-5)

        assert browser.console_errors() == []
        assert browser.foreign_requests() == []
    until(lambda: not window.sessions, "the closed browser's state to go")


@pytest.mark.browser
def test_meshes_are_opened_compared_and_completed_in_the_page(window, chromium, tmp_path):
    editor = window.editor
    code = editor.model.sample_latents(1, seed=7)[0]
    child = editor.model.decode_mesh(code)
    child.export(tmp_path / "child.ply")
    Mesh([[0, 0, 0], [40, 0, 0], [0, 40, 0]], [[0, 1, 2]]).export(tmp_path / "foreign.ply")
    (tmp_path / "broken.ply").write_bytes(b"ply\nformat ascii 1.0\nelement vertex 99999999999\n")
    with chromium() as browser:
        session = enter(browser, window)
        tab(browser, "Meshes")
        before = browser.picture()
        upload(browser, tmp_path / "child.ply")
        until(lambda: session.scene.opened, "the upload")
        assert np.allclose(session.scene.shape.latent, code, atol=1e-2)
        until(lambda: {b.name for b in session.drawing.bodies} == {MODEL, "child"}, "the overlay")
        changed(browser, before)

        # a mesh of other topology, then a malformed file: told in the page, the server lives
        upload(browser, tmp_path / "foreign.ply")
        until(lambda: "not encoded" in browser.run("return document.body.textContent"), "a message")
        assert session.scene.opened_as("foreign").latent is None
        upload(browser, tmp_path / "broken.ply")
        until(lambda: "broken.ply" in browser.run("return document.body.textContent"), "a message on the broken file")
        assert [one.name for one in session.scene.opened] == ["child", "foreign"]

        # heat map with its legend
        session.act(lambda s: editor.set_months(editor.close(s, "foreign"), 36))
        plain = browser.picture()
        session.act(lambda s: s.with_look(colours="distance"))
        until(lambda: "distance to child, mm" in browser.run("return document.body.textContent"), "the legend")
        changed(browser, plain)

        # complete a region by its name
        session.act(lambda s: editor.mark_region(editor.start_from(s, "child"), "nose"))
        press(browser, "Complete")
        until(lambda: session.scene.shape.std is not None, "the completion")
        until(lambda: "uncertainty" in browser.run("return document.body.textContent"), "its legend")
        assert browser.console_errors() == []
        assert browser.foreign_requests() == []


@pytest.mark.browser
def test_two_browsers_do_not_disturb_each_other(window, chromium):
    with chromium() as one, chromium() as two:
        first, second = enter(one, window), enter(two, window)
        assert first is not second and len(window.sessions) == 2
        quiet = picture_of_the_shape(two)
        first.act(lambda s: window.editor.set_months(s, 36))
        time.sleep(0.5)
        assert window.editor.months(second.scene) == pytest.approx(6)
        assert picture_of_the_shape(two) == quiet
        one.driver.quit()
        until(lambda: list(window.sessions.values()) == [second], "the killed browser's state to go")
        second.act(lambda s: window.editor.set_months(s, 12))
        assert window.editor.months(second.scene) == pytest.approx(12)
    until(lambda: not window.sessions, "no state left")
    assert not window._controls


@pytest.mark.browser
def test_several_meshes_without_a_model(linear_model, chromium):
    meshes = {f"child {i}": m for i, m in enumerate(linear_model.sample_meshes(3, seed=1))}
    window = show(meshes, port=0, open_browser=False, block=False)
    try:
        with chromium() as browser:
            browser.open(window.url)
            session = until(lambda: next(iter(window.sessions.values()), None), "a session")
            until(lambda: session.drawing and len(session.drawing.bodies) == 3, "three bodies")
            session.act(lambda s: s.with_look(arrangement="side by side"))
            tab(browser, "View")
            apart = browser.picture()
            browser.run("[...document.querySelectorAll('label')].find(l => l.textContent.trim() === 'child 1').click()")
            until(lambda: "child 1" in session.scene.look.hidden, "the switch")
            changed(browser, apart)
            assert browser.console_errors() == []
    finally:
        window.stop()


# --- the server


def test_a_port_in_use_is_said_and_the_next_taken(linear_model, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        window = view(linear_model, port=port, open_browser=False, block=False)
        try:
            assert window.port > port
            assert f"port {port} is in use; taking {window.port} instead" in capsys.readouterr().err
        finally:
            window.stop()


def test_it_listens_on_this_machine_only(window):
    sockets = [s.getsockname() for s in _listening(window.port)]
    assert sockets and all(address == "127.0.0.1" for address, _ in sockets)


def _listening(port: int) -> list:
    psutil = pytest.importorskip("psutil", reason="psutil is not installed")

    class Row:
        def __init__(self, address) -> None:
            self.address = address

        def getsockname(self):
            return tuple(self.address)

    found = psutil.Process().net_connections("inet")
    return [Row(c.laddr) for c in found if c.status == "LISTEN" and c.laddr.port == port]


@pytest.mark.parametrize(
    "path", ["/../../../../etc/passwd", "/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "/..%5c..%5cetc%5cpasswd"]
)
def test_no_file_outside_its_folder_is_served(window, path):
    with socket.create_connection(("127.0.0.1", window.port)) as wire:
        wire.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        answer = wire.recv(4096)
    assert b" 404 " in answer.split(b"\r\n")[0] and b"root:" not in answer


def test_the_page_is_served_and_gone_after_stop(linear_model):
    window = view(linear_model, port=0, open_browser=False, block=False)
    address = f"http://127.0.0.1:{window.port}/"
    with urllib.request.urlopen(address, timeout=5) as answer:
        assert answer.status == 200 and b"<html" in answer.read(2000).lower()
    window.stop()
    with pytest.raises((urllib.error.URLError, ConnectionError)):
        urllib.request.urlopen(address, timeout=2)


def test_nobody_can_ask_for_a_public_tunnel(window):
    assert window._server.request_share_url() is None


def test_models_and_meshes_open_it(linear_model, monkeypatch):
    opened = []
    monkeypatch.setattr("inface.viewer.app.view", lambda *given, **options: opened.append((given, options)))
    linear_model.visualize(port=0)
    mesh = linear_model.decode_mesh(linear_model.latent_mean)
    mesh.show()
    assert opened[0] == ((linear_model,), {"port": 0}) and opened[1][0][0] is None


def test_without_the_extra_it_says_what_to_install(linear_model, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "viser", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'inface\[viewer\]'"):
        view(linear_model, open_browser=False)
