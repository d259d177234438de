"""Item: a scan's texture or colours through register, measure, edits and share."""

import numpy as np
import pytest
from PIL import Image

import inface
from inface import Mesh
from inface.errors import FileWarning


@pytest.fixture(scope="module")
def model():
    return inface.load_default_model("disentangled")


def textured_obj(folder, mesh):
    """The head as a scanner writes it: OBJ with a texture whose colour goes with height, no colours at the vertices."""
    low, high = mesh.vertices[:, 1].min(), mesh.vertices[:, 1].max()
    v = (mesh.vertices[:, 1] - low) / (high - low)
    ramp = np.linspace(255, 0, 256).astype(np.uint8)
    Image.fromarray(np.stack([ramp, 255 - ramp, np.full(256, 40, np.uint8)], 1)[:, None].repeat(4, 1)).save(
        folder / "skin.png"
    )
    (folder / "scan.mtl").write_text("newmtl skin\nmap_Kd skin.png\n", encoding="utf-8")
    lines = ["mtllib scan.mtl"]
    lines += [f"v {x!r} {y!r} {z!r}" for x, y, z in mesh.vertices.tolist()]
    lines += [f"vt 0.5 {t!r}" for t in v.tolist()]
    lines += ["usemtl skin"] + [f"f {a}/{a} {b}/{b} {c}/{c}" for a, b, c in (mesh.triangles + 1).tolist()]
    (folder / "scan.obj").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "scan.obj", np.stack([v, 1 - v, np.full(len(v), 40 / 255)], 1)


def test_a_textured_scan_keeps_its_colours_through_an_edit(tmp_path, model):
    path, colours = textured_obj(tmp_path, model.sample_meshes(1, seed=2)[0])
    mesh = Mesh.load(path)
    np.testing.assert_allclose(mesh.colors, colours, atol=0.01)
    calm = model.neutralize(mesh, keep_detail=True)
    older = model.set_age(calm, months=20)
    older.export(tmp_path / "older.glb")
    np.testing.assert_allclose(Mesh.load(tmp_path / "older.glb").colors, mesh.colors, atol=1e-5)
    part = model.reconstruct(mesh, unknown_vertex_mask=model.template.regions["nose"])
    np.testing.assert_array_equal(part.mesh.colors, mesh.colors)


def test_a_registered_scan_carries_the_scans_colours(tmp_path, model):
    from inface.registration.result import Registration
    from inface.registration.transfer import with_scan_colors

    child = model.sample_meshes(1, seed=2)[0]
    path, colours = textured_obj(tmp_path, child)
    plain = child.with_colors(None)
    found = Registration("ok", (), mesh=plain, model_mesh=plain, support=np.ones(len(child.vertices), bool))
    shown = with_scan_colors(found, Mesh.load(path))
    np.testing.assert_allclose(shown.mesh.colors, colours, atol=0.02)
    np.testing.assert_array_equal(shown.model_mesh.colors, shown.mesh.colors)
    assert with_scan_colors(found, plain) is found
    failed = Registration("failed", ("nothing",))
    assert with_scan_colors(failed, Mesh.load(path)) is failed


def test_a_lost_texture_is_said(tmp_path, model):
    path, _ = textured_obj(tmp_path, model.template.mesh)
    (tmp_path / "skin.png").unlink()
    with pytest.warns(FileWarning, match=r"skin.png' is not beside it, so its colours are lost"):
        assert Mesh.load(path).colors is None
