"""The tab of measures on a panel without a browser: it follows the shape, draws, saves, sets attributes."""

import time
from types import SimpleNamespace

import numpy as np
import pytest

import inface
from inface.viewer.bindings import Bindings
from inface.viewer.editor import SceneEditor
from inface.viewer.session import Session
from inface.viewer.tabs import measures


class Handle(SimpleNamespace):
    """An input of a page that is not there."""

    def on_update(self, action):
        self.changed = action

    def on_click(self, action):
        self.clicked = action

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False


class Gui:
    """Makes such inputs and keeps them by their label."""

    def __init__(self):
        self.made = {}

    def __getattr__(self, name):
        if not name.startswith("add_"):
            raise AttributeError(name)

        def add(label, *values, **options):
            value = values[3] if name == "add_slider" else values[0] if values else options.get("initial_value")
            value = value[0] if isinstance(value, tuple) else value
            low, high = (values[0], values[1]) if name == "add_slider" else (None, None)
            handle = Handle(value=value, content=label, label=label, min=low, max=high, visible=True)
            self.made[label or name] = handle
            return handle

        return add


@pytest.fixture
def tab(monkeypatch):
    """The tab of the shipped model, its session and what it drew and sent."""
    monkeypatch.setattr(measures, "PAUSE", 0.0)
    editor = SceneEditor(inface.load_default_model("pca"))
    session = Session(editor, editor.start())
    sent, drawn = [], []
    scene = SimpleNamespace(
        add_line_segments=lambda name, points, colours, line_width: (
            drawn.append((name, points)) or Handle(remove=lambda: 0)
        )
    )
    client = SimpleNamespace(
        gui=Gui(), scene=scene, send_file_download=lambda name, content, **_: sent.append((name, content))
    )
    panel = Bindings(client, session)
    measures.build(panel)
    return SimpleNamespace(panel=panel, session=session, gui=client.gui, sent=sent, drawn=drawn, editor=editor)


def wait_for(check):
    for _ in range(200):
        if check():
            return
        time.sleep(0.05)
    raise AssertionError("the tab did not follow")


def test_the_table_follows_the_shape_and_attributes_go_to_their_optimum(tab):
    table = tab.gui.made["add_html"]
    tab.panel.sync()
    wait_for(lambda: "largest circumference" in table.content)
    first = table.content
    tab.gui.made["CI"].changed(SimpleNamespace(client_id=1, target=SimpleNamespace(value=90.0)))
    tab.panel.sync()
    wait_for(lambda: table.content != first)
    assert tab.gui.made["CI"].value == pytest.approx(90, abs=0.1)
    tab.gui.made["Set to optimum"].clicked(None)
    tab.panel.sync()
    assert tab.gui.made["CI"].value == pytest.approx(80, abs=0.1)
    assert tab.gui.made["CVAI_signed"].value == pytest.approx(0, abs=0.1)
    second = inface.measure(tab.editor.mesh(tab.session.scene), model=tab.editor.known_model)
    wait_for(lambda: second["ci.ml"].text() in table.content)


def test_the_page_is_saved_with_the_score_of_age_and_sex(tab):
    tab.gui.made["Age"].value, tab.gui.made["Sex"].value = "183d", "female"
    tab.gui.made["Save page"].clicked(None)
    name, page = tab.sent[0]
    assert name == "measures.html" and b"girls of 183 days" in page and b"LEFT" in page


def test_a_topology_that_cannot_be_measured_says_so_in_the_tab(tab):
    found = inface.measure(tab.editor.mesh(tab.session.scene), model=tab.editor.known_model)
    assert "No diagnosis" in measures.table(found)
    assert measures.attributes_for(tab.editor.known_model) is not None
    assert np.isfinite(found["circ.ml"].value)
