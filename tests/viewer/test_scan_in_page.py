"""From a raw scan dropped on the page to its measures saved, on a head that our generator did not draw."""

import csv
import threading
import time

import numpy as np
import pytest
from viewer_pages import enter, failing_work, press, says, slow_work, tab, until, upload

from inface.embedded import load_default_model
from inface.mesh import Mesh
from inface.transforms import Similarity
from inface.viewer import view
from inface.viewer.editor import MODEL, SceneEditor
from inface.viewer.jobs import Cancelled, Job, in_process
from inface.viewer.scans import framed_scan, in_file_frame

pytest.importorskip("viser", reason="viser is not installed")

TURN = Similarity(np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0.0]]), np.array([0.4, -0.2, 1.1]), 0.001)


@pytest.mark.parametrize("factor, unit", [(1.0, "mm"), (0.1, "cm"), (0.001, "m")])
def test_a_scan_is_framed_in_mm_and_leaves_in_its_own_frame(linear_model, factor, unit):
    mesh = linear_model.decode_mesh(linear_model.latent_mean)
    raw = mesh.with_vertices(mesh.vertices * factor + [3, 4, 5])
    framed, to_file, words = framed_scan(raw, np.array([1.0, 2, 3]))
    assert f"taken as {unit}" in words
    assert np.ptp(framed.vertices, axis=0) == pytest.approx(np.ptp(mesh.vertices, axis=0))
    assert np.allclose(in_file_frame(framed, to_file).vertices, raw.vertices, atol=1e-9)
    _, _, words = framed_scan(Mesh(mesh.vertices * 1e-6, mesh.triangles), np.zeros(3))
    assert "look at its unit" in words


# --- jobs


def run(work) -> tuple[list, list]:
    made, said, ended = [], [], threading.Event()

    def end(job, text):
        said.append(text)
        ended.set()

    job = Job("Working", work, made.append, end)
    job.start()
    return made, said, ended, job


def test_work_in_a_process_gives_its_result_or_its_reason():
    made, said, ended, _ = run(lambda job: in_process(job, slow_work, 0.01))
    assert ended.wait(60) and made == ["done"] and said == [""]
    made, said, ended, _ = run(lambda job: in_process(job, failing_work))
    assert ended.wait(60) and made == [] and said == ["Working: no luck"]


def test_a_stopped_job_takes_its_process_down_and_changes_nothing():
    made, said, ended, job = run(lambda job: in_process(job, slow_work, 600))
    time.sleep(0.5)
    began = time.monotonic()
    job.cancel()
    assert ended.wait(20) and time.monotonic() - began < 10
    assert made == [] and said == ["Working: stopped; nothing was changed."]
    with pytest.raises(Cancelled):
        job.wait(0)


# --- in the page


@pytest.mark.slow
@pytest.mark.browser
def test_from_scan_to_saved_measures(shared_data, chromium, tmp_path):
    data = shared_data("kit_infant_means.npz")
    head = Mesh(TURN.apply(data["sagittal"].astype(float)), data["triangles"])  # metres, lying on its side
    head.export(tmp_path / "<img src=x onerror=alert(1)>.ply")
    state = tmp_path / "state"
    state.mkdir()
    model = load_default_model("pca")
    window = view(model, port=0, open_browser=False, block=False, model_name="pca", state=state)
    try:
        with chromium(str(tmp_path)) as browser:
            session = enter(browser, window)
            upload(browser, next(tmp_path.glob("*.ply")))
            until(lambda: session.scene.opened, "the scan")
            name = session.scene.opened[0].name
            until(lambda: says(browser, "taken as m"), "its unit and size in words")
            assert session.scene.look.arrangement == "side by side"
            tab(browser, "Meshes")
            press(browser, "Measure")
            until(lambda: says(browser, "register it first"), "a refusal in words")
            press(browser, "Register")
            until(lambda: says(browser, "Registering"), "that it is being done")
            # the page is alive meanwhile, and the work can be stopped
            session.act(lambda s: window.editor.set_deviation(s, 0, 1.0))
            assert window.editor.deviation(session.scene, 0) == pytest.approx(1)
            press(browser, "Cancel")
            until(lambda: says(browser, "nothing was changed"), "that it was stopped")
            assert len(session.scene.opened) == 1
            press(browser, "Register")
            end = time.monotonic() + 600  # a registration takes about a minute of a free core
            while len(session.scene.opened) < 2 and time.monotonic() < end:
                time.sleep(1.0)
            fit = session.scene.opened[1]
            assert fit.verdict in ("ok", "partial") and says(browser, fit.verdict)
            drawing = session.drawing
            assert drawing.legend is not None and "grey" in drawing.legend.label
            assert {b.name for b in drawing.bodies} == {MODEL, name}, "side by side: the fit and the scan"
            assert fit.distance[fit.support].mean() < 1.5

            age = browser.driver.find_element("css selector", "input[aria-label='Age at the visit, months']")
            age.send_keys("7")
            press(browser, "Measure")
            until(lambda: says(browser, "measures of"), "the measures")
            press(browser, "CSV")
            until(lambda: (tmp_path / "measures.csv").exists(), "measures.csv")
            press(browser, "Page")
            until(lambda: (tmp_path / "measures.html").exists(), "measures.html")
            until(lambda: not session.unsaved, "the session to be written")
            browser.driver.refresh()
            until(lambda: list(window.sessions.values()) == [session], "the session after a reload")
            assert browser.run("return document.querySelectorAll('img[src=x]').length") == 0
            assert browser.console_errors() == [] and browser.foreign_requests() == []
    finally:
        window.stop()
    rows = {r["id"]: r for r in csv.DictReader((tmp_path / "measures.csv").open())}
    index = float(rows["ci.go"]["value"])
    assert index == pytest.approx(72, abs=4), "72 on the head's own mesh, by another way of measuring"
    page = (tmp_path / "measures.html").read_text()
    assert "<img src=x" not in page and "Not a medical device" in page


def test_a_registered_scan_stands_in_the_models_frame(linear_model):
    """The act alone, with a registration made by hand: scan and fit lie on each other, and leave in the file's own."""
    from inface.registration import Registration

    editor = SceneEditor(linear_model)
    child = linear_model.sample_meshes(1, seed=3)[0]
    scan = Mesh(TURN.apply(child.vertices)[::-1], len(child.vertices) - 1 - child.triangles[:, ::-1])
    scene, said = editor.open(editor.start(), "scan", scan)
    assert "Register it" in said and scene.opened[0].latent is None
    support = child.vertices[:, 2] > 0
    result = Registration(
        "partial", ("the back is not on the scan",), mesh=child.with_vertices(TURN.apply(child.vertices)),
        model_mesh=child, transform=TURN, unit="m", support=support, distance=np.full(len(support), 0.2),
    )  # fmt: skip
    made = editor.registered(scene, "scan", result)
    placed, fit = made.opened
    assert np.allclose(placed.mesh.vertices[::-1], child.vertices, atol=1e-6)
    assert (
        fit.scan == "scan"
        and fit.verdict == "partial"
        and np.allclose(editor.vertices(made), child.vertices, atol=1e-3)
    )
    assert np.allclose(in_file_frame(placed.mesh, placed.to_file).vertices, scan.vertices, atol=1e-9)
    failed = editor.registered(scene, "scan", Registration("failed", ("no pose",)))
    assert len(failed.opened) == 1 and failed.opened[0].verdict == "failed"
