"""Measures of an ellipsoid and a sheared one against their formulas, and the laws every measure must keep."""

import numpy as np
import pytest
from bodies_of_measuring import ellipsoid, sheared
from scipy.spatial.transform import Rotation

import inface
from inface.measurement.anatomy import anatomy_of
from inface.measurement.catalogue import CATALOGUE, REFERENCE_NAMES
from inface.measurement.head import Head
from inface.measurement.measuring import values_of
from inface.measurement.volumes import octants
from inface.synthetic import shapes_for
from inface.synthetic.head import head_maker

AMOUNTS = {
    "plain": [0, 0, 0, 0], "right 8": [-8, 0, 0, 0], "left 14": [14, 0, 0, 0], "broad": [0, 11, 0, 0],
    "long": [0, 0, 11, 0], "keel": [0, 0, 0, 1],
}  # fmt: skip


@pytest.fixture(scope="module")
def heads():
    """The mean head of a girl of 6 months, plain and deformed."""
    identity = np.zeros((1, head_maker().identity.size))
    count = len(AMOUNTS)
    shapes = shapes_for(identity, [6.0] * count, ["female"] * count, None, np.array(list(AMOUNTS.values()), float))
    return dict(zip(AMOUNTS, np.asarray(shapes, float), strict=True))


@pytest.fixture(scope="module")
def template():
    return inface.load_default_model("pca").template


def measured(template, vertices):
    found = inface.measure(inface.Mesh(vertices, template.mesh.triangles), model=template, unit="mm")
    return {id: m.value for id, m in found.items()}


def test_an_ellipsoid_measures_as_its_formulas_say():
    body = ellipsoid()
    got = measured(body, body.mesh.vertices)
    wanted = {
        "circ.go": 415.5475, "circ.ml": 415.5475, "length.go": 144.0, "length.dyn": 144.0, "width.go": 120.0,
        "diagonal.l": 136.6788, "diagonal.r": 136.6788, "height": 65.0,
    }  # fmt: skip
    for id, value in wanted.items():
        assert got[id] == pytest.approx(value, abs=0.1), id
    assert got["ci.go"] == pytest.approx(83.3333, rel=5e-4)
    assert got["v.tot"] == pytest.approx(588.1061, rel=1e-3)
    for quarter in ("v.fl", "v.fr", "v.bl", "v.br"):
        assert got[quarter] == pytest.approx(147.0265, rel=1e-3)
    assert abs(got["cvai.30.short"]) < 1e-9 and abs(got["ear.shift"]) < 1e-9


def test_a_sheared_ellipsoid_has_the_left_side_forward_and_its_index_is_over_the_shorter_diagonal():
    body = ellipsoid()
    # the ears stay: the quarters are parted along the tragion line
    tragia = {"t_l": [60.0, 0, 0], "t_r": [-60.0, 0, 0]}
    got = {id: m.value for id, m in inface.measure(sheared(body), model=body, landmarks=tragia).items()}
    assert got["circ.go"] == pytest.approx(415.9581, abs=0.1)
    assert got["width.go"] == pytest.approx(119.7342, abs=0.1)
    assert got["ci.go"] == pytest.approx(83.1488, rel=5e-4)
    assert got["diagonal.l"] == pytest.approx(141.0465, abs=0.1)
    assert got["diagonal.r"] == pytest.approx(132.5132, abs=0.1)
    assert got["cva.30"] == pytest.approx(8.5333, abs=0.02)
    assert got["cvai.30.short"] == pytest.approx(6.4396, abs=0.01)
    assert got["cvai.30.long"] == pytest.approx(6.05, abs=0.01)
    assert got["cvai.40.short"] != pytest.approx(6.4396, abs=0.2)
    for more in ("v.fl", "v.br"):
        assert got[more] == pytest.approx(153.2573, rel=1e-3)
    for less in ("v.bl", "v.fr"):
        assert got[less] == pytest.approx(140.7958, rel=1e-3)


@pytest.mark.parametrize("id,wanted", [("circ.go", 415.547472), ("v.tot", 588.106143)])
def test_finer_meshes_come_nearer_by_the_square_of_their_edges(id, wanted):
    off = [measured(ellipsoid(turns=n, rings=n // 2), ellipsoid(turns=n, rings=n // 2).mesh.vertices)[id] - wanted
           for n in (40, 80, 160)]  # fmt: skip
    assert off[0] / off[1] == pytest.approx(4, abs=0.4) and off[1] / off[2] == pytest.approx(4, abs=0.4)


def test_octants_sum_to_the_volume_of_a_closed_mesh():
    body = ellipsoid(turns=48, rings=24)
    corners = sheared(body).vertices[body.mesh.triangles] + [5.0, -7.0, 11.0]
    whole = np.einsum("ti,ti->t", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6
    axes = Rotation.from_euler("xyz", [20, 30, 40], degrees=True).as_matrix()
    parts = octants(corners, axes)
    assert len(parts) == 8 and min(parts.values()) > 0
    assert sum(parts.values()) == pytest.approx(whole, rel=1e-9)


def test_the_mean_girl_of_six_months_and_her_deformities_measure_as_found_by_hand(template, heads):
    got = {name: measured(template, head) for name, head in heads.items()}
    plain, right, left = got["plain"], got["right 8"], got["left 14"]
    assert plain["ci.go"] == pytest.approx(85.0, abs=0.05)
    assert plain["circ.go"] == pytest.approx(422.1, abs=0.1) and plain["circ.ml"] == pytest.approx(426.9, abs=0.1)
    assert abs(plain["cvai.30.short"]) < 0.01
    assert right["cvai.30.short"] == pytest.approx(-8, abs=0.06)
    assert right["cvai.30.long"] == pytest.approx(-7.4, abs=0.06) and right["cva.30"] == pytest.approx(-10.7, abs=0.1)
    assert right["psr.zero"] == pytest.approx(84.9, abs=0.1) and right["ear.shift"] == pytest.approx(-1.4, abs=0.1)
    assert left["cvai.30.short"] == pytest.approx(14, abs=0.06) and left["cvai.30.long"] == pytest.approx(12.3, abs=0.1)
    assert left["cva.30"] == pytest.approx(18.0, abs=0.1) and left["psr.zero"] == pytest.approx(76, abs=0.1)
    assert got["broad"]["ci.go"] == pytest.approx(96, abs=0.06) and got["long"]["ci.go"] == pytest.approx(74, abs=0.06)
    assert plain["frontal.ft"] == pytest.approx(138.4, abs=0.1) and plain["ifa.g"] == pytest.approx(162.8, abs=0.1)
    assert got["keel"]["frontal.ft"] == pytest.approx(114.3, abs=0.1)
    assert got["keel"]["ifa.g"] == pytest.approx(140.6, abs=0.1)


def skewed(heads):
    """A head that is even in nothing."""
    rng = np.random.default_rng(3)
    head = heads["left 14"]
    return head + 1.5 * np.sin(head @ rng.normal(size=(3, 3)) / 25)


def test_a_rigid_motion_changes_nothing(template, heads):
    anatomy, head = anatomy_of(template), skewed(heads)
    still = values_of(Head(anatomy, head), CATALOGUE)
    assert len(still) > 110
    for k in range(3):
        turn = Rotation.random(random_state=k).as_matrix()
        moved = values_of(Head(anatomy, head @ turn.T + [300.0, -20.0, 77.0]), CATALOGUE)
        for id, value in still.items():
            assert moved[id] == pytest.approx(value, abs=1e-9), id


def test_a_mirrored_head_measures_as_its_definition_says(template, heads):
    anatomy, head = anatomy_of(template), skewed(heads)
    own = values_of(Head(anatomy, head), CATALOGUE)
    image = values_of(Head(anatomy, head[template.mirror] * [-1, 1, 1]), CATALOGUE)
    assert abs(own["cvai.30.short"]) > 5 and abs(own["ear.shift"]) > 1
    other = {"v.fl": "v.fr", "v.bl": "v.br", "vr.left-fb": "vr.right-fb", "diagonal.l": "diagonal.r"}
    other |= {b: a for a, b in other.items()}
    for id, value in own.items():
        law = CATALOGUE[id].mirrored
        if law == "side":
            partner = other.get(id) or id[:-1] + ("r" if id.endswith("l") else "l")
            assert image[id] == pytest.approx(own[partner], abs=1e-9), id
        else:
            wanted = {"same": value, "sign": -value, "inverse": 1 / value}[law]
            assert image[id] == pytest.approx(wanted, abs=1e-9), id


def test_swapped_tragia_and_mirrored_meshes_are_refused(template, heads):
    marks = template.landmarks
    swapped = {"t_l": marks["t_r"], "t_r": marks["t_l"]}
    found = inface.measure(inface.Mesh(heads["left 14"], template.mesh.triangles), landmarks=swapped)
    assert found["cvai.30.short"].value is None and "left and right are swapped" in found["cvai.30.short"].flags[0]
    assert found["en-en"].value is not None
    flipped = inface.Mesh(heads["left 14"] * [-1, 1, 1], template.mesh.triangles)
    assert inface.measure(flipped)["circ.ml"].value is None


def test_ears_do_not_count(template, heads):
    head = np.array(heads["plain"])
    ears = template.regions["ears"]
    outer = ears[np.abs(head[ears, 0]) > 55]
    pulled = head.copy()
    pulled[outer, 0] *= 1.3
    before, after = measured(template, head), measured(template, pulled)
    for id in ("circ.go", "circ.ml", "width.go", "width.ml", "v.tot"):
        assert after[id] == pytest.approx(before[id], abs=0.02), id
    assert before["v.tot"] < 1100


def test_every_name_of_the_reference_leads_to_a_measure(template):
    found = inface.measure(template.mesh)
    assert set(REFERENCE_NAMES.values()) <= set(CATALOGUE)
    for name in REFERENCE_NAMES:
        assert found[name].id == REFERENCE_NAMES[name]
    assert found["VR_back_left_right_side-adjusted"].id == "vr.back-lr.adj"
    with pytest.raises(KeyError, match="no measure 'CVAI_signed_side-adjusted'"):
        found["CVAI_signed_side-adjusted"]
