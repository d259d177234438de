"""Python manners: short reprs, a head in a notebook, a clean `dir`, readable help, types that ship."""

import base64
import html
import inspect
import json
import pydoc
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import inface
from inface import LandmarkSet, Mesh, Population, Template

TRIANGLE = Mesh(np.eye(3) * 90, [[0, 1, 2]], np.full((3, 3), 0.5), {"n": [30.0, 30, 30]})


def test_reprs_are_short():
    model = inface.load_default_model("pca")
    child = model.sample_meshes(1, seed=0)[0]
    result = model.reconstruct(child, unknown_vertex_mask=model.template.regions["nose"])
    shapes = Population(model.template, np.stack([child.vertices] * 2), age_months=np.array([3.0, 7.0]))
    for value, words in [
        (TRIANGLE, "Mesh(3 vertices, 1 triangles, colours, 1 landmarks)"),
        (Mesh(np.full((2, 3), np.nan), []), "Mesh(2 vertices (2 unknown), 0 triangles)"),
        (LandmarkSet(("n", "prn"), [[1, 2, 3], [np.nan] * 3]), "LandmarkSet(2 points, 1 undefined: n, prn)"),
        (model.template, "Template(12839 vertices"),
        (result, "Reconstruction("),
        (shapes, "Population(2 shapes of 12839 vertices"),
    ]:
        assert repr(value).startswith(words), repr(value)
        assert len(repr(value)) < 200 and "array(" not in repr(value) and "\n" not in repr(value)


def test_repr_of_a_registration():
    from inface.registration.result import Registration

    told = repr(Registration("failed", ("no pose of the model meets the scan",)))
    assert told == "Registration(failed: no pose of the model meets the scan)"


def picture(text):
    """The page in the frame, and the data in the page."""
    frame = html.unescape(re.search(r'srcdoc="(.*)"></iframe>', text, re.S)[1])
    return frame, json.loads(re.search(r"const data=(\{.*?\}), canvas", frame, re.S)[1])


def test_a_mesh_turns_in_a_notebook_and_the_page_needs_nothing():
    frame, data = picture(TRIANGLE._repr_html_())
    assert not re.search(r"https?:|src=|href=|@import", frame)
    places = np.frombuffer(base64.b64decode(data["places"]), "<u2").reshape(-1, 3) / 65535
    shape = places * data["size"]
    edges = np.linalg.norm(shape - np.roll(shape, 1, 0), axis=1)
    assert np.allclose(edges, edges[0], rtol=1e-4)
    assert np.frombuffer(base64.b64decode(data["colors"]), "u1").tolist() == [128] * 9
    assert data["text"] == repr(TRIANGLE)


def test_a_head_of_any_kind_is_small_enough():
    model = inface.load_default_model("disentangled")
    for value in (model, model.template, model.reconstruct(model.template.mesh)):
        text = value._repr_html_()
        assert "<iframe" in text and len(text) < 1_200_000
    unknown = Mesh(np.full((3, 3), np.nan), [[0, 1, 2]])
    assert unknown._repr_html_() == f"<p>{unknown!r}</p>"


def test_unknown_vertices_are_left_out_and_names_are_escaped():
    from inface.codecs.mesh_html import turning_html

    mesh = Mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0], [np.nan] * 3], [[0, 1, 2], [1, 2, 3]])
    frame, data = picture(turning_html(mesh, "</script><b>\"x'"))
    assert len(base64.b64decode(data["corners"])) == 12
    assert data["text"] == "</script><b>\"x'" and "</script><b>" not in frame


@pytest.mark.browser
def test_the_head_is_drawn(tmp_path):
    """In a headless browser: the canvas shows the head, and it turns."""
    selenium = pytest.importorskip("selenium.webdriver")
    import io
    import time

    from PIL import Image

    options = selenium.ChromeOptions()
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--use-gl=angle",
        "--use-angle=swiftshader",
        "--enable-unsafe-swiftshader",
    ):
        options.add_argument(flag)
    try:
        browser = selenium.Chrome(options=options)
    except Exception as error:
        pytest.skip(f"no headless Chromium: {str(error).splitlines()[0]}")
    try:
        (tmp_path / "a.html").write_text(
            inface.load_default_model("pca").get_average_mesh()._repr_html_(), encoding="utf-8"
        )
        browser.get((tmp_path / "a.html").as_uri())
        shots = []
        end = time.monotonic() + 40  # a software renderer on a busy machine
        while time.monotonic() < end:
            time.sleep(0.5)
            shot = np.asarray(Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB"), int)
            if shot[20:300, 50:600].std() > 20:  # not an empty canvas
                shots.append(shot)
            if len(shots) > 1 and np.abs(shots[0] - shots[-1]).max() > 30:  # it turned
                break
        assert len(shots) > 1 and np.abs(shots[0] - shots[-1]).max() > 30
    finally:
        browser.quit()


def test_dir_holds_the_public_names_and_no_more():
    names = {name for name in dir(inface) if not name.startswith("_")}
    assert names == set(inface.__all__) - {"__version__"}
    done = subprocess.run(
        [sys.executable, "-c", "import inface; print(*dir(inface)); inface.Mesh; print(*dir(inface))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    before, after = done.stdout.splitlines()
    assert before == after and "import_module" not in before and "Any" not in before.split()


CALLS = [
    inface.load_model, inface.MorphableModel.encode, inface.PCAMorphableModel.decode, inface.MorphableModel.reconstruct,
    inface.MorphableModel.sample_meshes, inface.Mesh.load, inface.Mesh.export, inface.LandmarkSet.load, inface.register,
    inface.MorphableModel.neutralize,
]  # fmt: skip


@pytest.mark.parametrize("call", CALLS, ids=lambda c: c.__qualname__)
def test_help_is_readable(call):
    text = pydoc.plain(pydoc.render_doc(call))
    assert "ndarray[tuple" not in text and "numpy.dtype" not in text, text[:600]
    assert max(len(line) for line in text.splitlines()) < 1000
    assert ">>> " in text, "an example"
    assert inspect.signature(call) is not None


def test_types_ship():
    assert (Path(inface.__file__).parent / "py.typed").is_file()
    assert isinstance(Template.__annotations__, dict)
