"""Real shapes by the verb: mean heads of infants with synostosis, in another frame, never seen by a generator."""

import json

import numpy as np
import pytest

import inface
from inface.cli import run as run_cli

# cephalic index of the meshes themselves, section of largest perimeter (shared data, README)
OWN = {"sagittal": 72.0, "metopic": 82.0}


@pytest.mark.slow
@pytest.mark.parametrize("kind", OWN)
def test_the_cephalic_index_of_a_real_mean_head_is_that_of_its_own_mesh(kind, shared_data, tmp_path):
    data = shared_data("kit_infant_means.npz")
    inface.Mesh(data[kind], data["triangles"], correspondence=False).export(tmp_path / "head.ply")
    try:
        run_cli(["measure", str(tmp_path / "head.ply"), "--bare", "--samples", "10", "-o", str(tmp_path / "r")])
    except SystemExit as end:
        assert not end.code, "the registration failed"
    child = json.loads((tmp_path / "r" / "report.json").read_text())["children"][0]
    assert child["measures"]["ci.ml"]["value"] == pytest.approx(OWN[kind], abs=1.5)
    assert child["measures"]["ci.ml"]["std"] > 0
    assert child["verdict"] in ("ok", "partial")


@pytest.mark.slow
def test_a_scan_of_the_second_setting_by_the_verb_lies_within_its_errors(tmp_path):
    """A simulated scan, in any pose and unit, of a head that no model was trained on."""
    from inface.synthetic import SECOND_SETTING, head, simulate_scan

    child = head(9, "male", identity=4, variation=SECOND_SETTING, deformity={"plagiocephaly": -8})
    made = simulate_scan(child, 11, views="full", cap=False)
    made.mesh.export(tmp_path / "scan.ply")
    try:
        run_cli(["measure", str(tmp_path / "scan.ply"), "--age", "9m", "--sex", "male", "-o", str(tmp_path / "r")])
    except SystemExit as end:
        assert not end.code
    found = json.loads((tmp_path / "r" / "report.json").read_text())["children"][0]["measures"]
    truth = inface.measure(child)
    for id in ("circ.ml", "ci.ml", "cvai.30.short", "v.tot", "n-gn", "en-en"):
        off = abs(found[id]["value"] - truth[id].value)
        assert off < 3.5 * found[id]["std"], id
    assert found["cvai.30.short"]["value"] < -6
    assert np.isfinite(found["circ.ml"]["z"])
