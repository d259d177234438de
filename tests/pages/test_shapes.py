"""The self-contained page: what is written, and what a browser shows of it."""

import base64
import json
import re
import time
import zlib

import numpy as np
import pytest

from inface.mesh import Mesh
from inface.pages import Panel, write_page
from inface.pictures.colours import Legend
from inface.synthetic import template as synthetic_template

TETRAHEDRON = Mesh([[0, 0, 0], [10, 0, 0], [0, 10, 0], [0, 0, 10]], [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])


def stored(path):
    text = path.read_text()
    data = json.loads(re.search(r'id="inface-data">(.*?)</script>', text, re.S)[1])
    blob = zlib.decompress(base64.b64decode(re.search(r'id="inface-bytes">(.*?)</script>', text, re.S)[1]))
    return data, blob


def positions(mesh, blob):
    if "floats" in mesh["positions"]:
        offset, count, _ = mesh["positions"]["floats"]
        return np.frombuffer(blob, "<f4", count, offset).reshape(-1, 3)
    offset, count, _ = mesh["positions"]["steps"]
    steps = np.frombuffer(blob, "<u2", count, offset).reshape(-1, 3)
    return np.array(mesh["positions"]["low"]) + steps * np.array(mesh["positions"]["step"])


def test_positions_keep_their_order_and_place(tmp_path):
    mesh = synthetic_template().mesh
    write_page(tmp_path / "a.html", [Panel("One", "A head.", {"head": mesh})])
    data, blob = stored(tmp_path / "a.html")
    back = positions(data["panels"][0]["meshes"][0], blob)
    assert np.abs(back - mesh.vertices).max() < 0.005


def test_big_coordinates_are_stored_as_floats(tmp_path):
    write_page(tmp_path / "a.html", [Panel("One", "", {"big": TETRAHEDRON.with_vertices(TETRAHEDRON.vertices * 1e4)})])
    data, blob = stored(tmp_path / "a.html")
    assert np.allclose(positions(data["panels"][0]["meshes"][0], blob), TETRAHEDRON.vertices * 1e4)


def test_shared_triangles_are_stored_once(tmp_path):
    other = Mesh(TETRAHEDRON.vertices, TETRAHEDRON.triangles[:3])
    panels = [Panel("A", "", {"1": TETRAHEDRON, "2": TETRAHEDRON}), Panel("B", "", {"3": TETRAHEDRON, "4": other})]
    write_page(tmp_path / "a.html", panels)
    data, _ = stored(tmp_path / "a.html")
    assert len(data["topologies"]) == 2
    assert [m["topology"] for p in data["panels"] for m in p["meshes"]] == [0, 0, 0, 1]


def test_names_cannot_break_out_of_the_page(tmp_path):
    evil = "</script><script>alert(1)</script>"
    write_page(tmp_path / "a.html", [Panel(evil, evil, {evil: TETRAHEDRON})], title=evil)
    assert "<script>alert" not in (tmp_path / "a.html").read_text()
    assert stored(tmp_path / "a.html")[0]["panels"][0]["title"] == evil


def test_unknown_vertices_are_left_out_and_an_empty_mesh_is_refused(tmp_path):
    holed = TETRAHEDRON.vertices.copy()
    holed[3] = np.nan
    write_page(tmp_path / "a.html", [Panel("A", "", {"holed": TETRAHEDRON.with_vertices(holed)})])
    data, _ = stored(tmp_path / "a.html")
    assert data["topologies"][0]["triangles"][1] == 3
    with pytest.raises(ValueError, match="no vertex is known"):
        write_page(tmp_path / "b.html", [Panel("A", "", {"x": TETRAHEDRON.with_vertices(np.full((4, 3), np.nan))})])
    assert not (tmp_path / "b.html").exists()


def test_legend_fits_its_numbers():
    legend = Legend.of(np.array([0.0, 1.2, 3.7, np.nan]), "mm")
    assert (legend.low, legend.high, legend.signed) == (0, 4, False)
    assert Legend.of(np.array([-2.0, 1.0]), "mm").low == -2
    assert np.allclose(legend.colors([np.nan])[0], 0.55)
    colors = legend.colors([0.0, 4.0, 9.0])
    assert np.allclose(colors[1], colors[2]) and not np.allclose(colors[0], colors[1])
    with pytest.raises(ValueError, match="low below high"):
        Legend("mm", 1, 1)


@pytest.mark.browser
def test_page_in_a_browser(tmp_path, chromium):
    mesh = synthetic_template().mesh
    wide = mesh.with_vertices(mesh.vertices * [1.3, 1, 1])
    heat = np.linalg.norm(wide.vertices - mesh.vertices, axis=1)
    legend = Legend.of(heat, "distance, mm")
    panels = [
        Panel("Two", "Two heads.", {"first": mesh, "wide": wide}),
        Panel("Heat", "Distance.", {"wide": wide.with_colors(legend.colors(heat))}, legend),
    ]
    write_page(tmp_path / "a.html", panels, title="Test page")
    with chromium() as browser:
        browser.open((tmp_path / "a.html").as_uri())
        time.sleep(0.5)
        run = browser.run
        shown = run("return Array.from(window.inface.page.bodies[1].positions)")
        assert np.abs(np.reshape(shown, (-1, 3)) - wide.vertices).max() < 0.005
        picture = {}
        picture["side by side"] = browser.picture()
        for name, action in {
            "turned": "window.inface.page.surface.focus()",
            "wire": "window.inface.page.buttons.wire.click()",
            "dark": "window.inface.page.themeButton.click()",
            "heat": "window.inface.page.tabs.children[1].click()",
        }.items():
            run(action)
            if name == "turned":
                browser.driver.switch_to.active_element.send_keys("\ue012")  # left arrow
            time.sleep(0.3)
            picture[name] = browser.picture()
        assert len(set(picture.values())) == len(picture), "every control must change what is seen"
        assert run("return document.querySelector('.legend .ticks').textContent").startswith(legend.ticks[0])
        assert run("return document.querySelector('[role=tab][aria-selected=true]').textContent") == "2Heat"
        assert run("return document.documentElement.scrollHeight <= innerHeight"), "all fits into 1280 x 720"
        assert browser.console_errors() == []
        assert browser.foreign_requests() == []
