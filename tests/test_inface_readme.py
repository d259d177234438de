"""The code blocks of the README that INFACE publishes, as they stand there, on files in its layout.

Only the paths and the import line differ, and windows are replaced by a record of what would be shown.
"""

# ruff: noqa: B905, RUF059, SIM401, UP015

import itertools
import json
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest

import inface
from inface import AEMorphableModel, Mesh, MorphableModel, get_measurement_corrected_meshes

ROWS, COLUMNS = 9, 8
IDENTITY, EXPRESSION, AGE = 32, 64, 1


def write(path, tree):
    with h5py.File(path, "w") as file:
        for key, value in tree.items():
            file[key] = value


def network(rng, name, *sizes):
    tree = {}
    for i, (a, b) in enumerate(itertools.pairwise(sizes)):
        tree[f"{name}/matrix_mults/item_{i}"] = (rng.normal(size=(b, a)) / np.sqrt(a)).astype(np.float32)
        tree[f"{name}/biases/item_{i}"] = np.zeros(b, np.float32)
    return tree


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with model files, a scan, a mask, expression codes and attributes of made-up numbers."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    y, x = np.meshgrid(np.linspace(60, -60, ROWS), np.linspace(-50, 50, COLUMNS), indexing="ij")
    mean = np.stack([x, y, 30 - (x**2 + 0.7 * y**2) / 100], -1).reshape(-1, 3)
    a = (np.arange(ROWS - 1)[:, None] * COLUMNS + np.arange(COLUMNS - 1)).reshape(-1)
    triangles = np.concatenate([np.stack([a, a + 8, a + 1], 1), np.stack([a + 1, a + 8, a + 9], 1)])
    common = {"mean_vertices": mean, "triangles": triangles}
    components = np.linalg.qr(rng.normal(size=(mean.size, 8)))[0].T
    write("pca_model.h5", {"components": components, "eigenvalues": np.arange(8, 0, -1) * 20.0, **common})
    write(
        "ae_disentangled_model.h5",
        {
            **network(rng, "id_encoder", mean.size, 24, IDENTITY),
            **network(rng, "exp_encoder", mean.size, 24, EXPRESSION),
            **network(rng, "age_encoder", mean.size, 24, AGE),
            **network(rng, "decoder", IDENTITY + EXPRESSION + AGE, 24, mean.size),
            "latent_mean": rng.normal(size=97) * 0.1,
            "latent_std": np.full(97, 0.5),
            **common,
        },
    )
    Mesh(mean + rng.normal(size=mean.shape), triangles).export("scan.ply")
    np.save("mask.npy", np.arange(len(mean)) % 8 < 3)
    os.mkdir("sample_expressions")
    for name in ("crying", "smiling", "surprised", "whining"):
        np.save(f"sample_expressions/{name}_expression.npy", rng.normal(size=EXPRESSION))
    attributes = {n: [rng.normal(size=8).tolist(), 1.0, 0.1, n] for n in ("FI", "CI", "TRx", "age", "v_tot")}
    with open("attributes.json", "w") as file:
        json.dump(attributes, file)
    return tmp_path


@pytest.fixture
def shown(monkeypatch):
    """The meshes that would have been shown."""
    from inface import viewer

    windows = []
    monkeypatch.setattr(viewer, "show", lambda meshes, **options: windows.append(meshes), raising=False)
    return windows


def test_partial_reconstruction(folder, shown):
    mesh = Mesh.load("scan.ply")
    unknown_vertex_mask = np.load("mask.npy")
    model = MorphableModel.load_correct_morphable_model("pca_model.h5")
    reconstructed_mesh = model.reconstruct_mesh(
        mesh, unknown_vertex_mask=unknown_vertex_mask, back_match_known_vertices=True
    )
    reconstructed_mesh.show_multiple_meshes(mesh, reconstructed_mesh)
    reconstructed_mesh.export("reconstructed.ply")

    written = Mesh.load("reconstructed.ply")
    assert len(shown) == 1
    known = ~unknown_vertex_mask
    assert np.array_equal(reconstructed_mesh.vertices[known], mesh.vertices[known])
    flat = np.repeat(known, 3)
    least = np.linalg.lstsq(model.components.T[flat], (mesh.vertices - model.mean_vertices).reshape(-1)[flat])[0]
    inside = (least @ model.components).reshape(-1, 3) + model.mean_vertices
    assert np.abs(reconstructed_mesh.vertices - inside)[~known].max() < 3  # the fill of noise of 1 mm
    assert np.abs(written.vertices - reconstructed_mesh.vertices).max() < 1e-4


def test_expression_neutralization(folder, shown):
    mesh = Mesh.load("scan.ply")
    disentangled_model = AEMorphableModel("ae_disentangled_model.h5")
    mesh_exp_neutralized = disentangled_model.set_expression(mesh, disentangled_model.latent_mean)
    mesh_exp_neutralized.show()
    mesh_exp_neutralized.export("neutral.ply")

    latent = disentangled_model.encode(mesh)
    latent[32:96] = disentangled_model.latent_mean[32:96]
    assert np.abs(Mesh.load("neutral.ply").vertices - disentangled_model.decode(latent)).max() < 1e-4
    assert len(shown) == 1


def test_mesh_sampling(folder):
    model = MorphableModel.load_correct_morphable_model("pca_model.h5")
    rand_face_meshes = model.sample_meshes(5)
    for num_mesh, mesh in enumerate(rand_face_meshes):
        mesh.export(f"mesh{num_mesh}.ply")

    shapes = np.stack([Mesh.load(f"mesh{i}.ply").vertices for i in range(5)])
    assert shapes.std(0).max() > 0.1
    assert np.abs(shapes[3] - rand_face_meshes[3].vertices).max() < 1e-4


def test_expression_transfer(folder):
    source_mesh = Mesh.load("scan.ply")
    disentangled_model = AEMorphableModel("ae_disentangled_model.h5")

    rand_face_meshes = disentangled_model.sample_meshes(5)
    for num_mesh, mesh in enumerate(rand_face_meshes):
        mesh_expression_transferred = disentangled_model.transfer_expression(source_mesh, mesh)
        mesh_expression_transferred.export(f"mesh{num_mesh}.ply")

    latent = disentangled_model.encode(rand_face_meshes[4])
    latent[32:96] = disentangled_model.encode(source_mesh)[32:96]
    assert np.abs(Mesh.load("mesh4.ply").vertices - disentangled_model.decode(latent)).max() < 1e-4


# fmt: off
def test_expressions_and_ages(folder):
    disentangled_model = AEMorphableModel("ae_disentangled_model.h5")
    expressions = ["crying", "smiling", "surprised", "whining"]
    sampled_meshes = disentangled_model.sample_meshes(5)
    age_direction = -1
    age_mean, age_std = disentangled_model.latent_mean[-1], disentangled_model.latent_std[-1]
    for num_sample, sampled_mesh in enumerate(sampled_meshes):
        for expression in expressions:
            expression_latent = np.load(f"sample_expressions/{expression}_expression.npy")
            mesh_transferred_expression = disentangled_model.set_expression(sampled_mesh, expression_latent)
            mesh_transferred_expression_young = disentangled_model.adjust_age(
                mesh_transferred_expression, age_mean - 2*age_direction*age_std)
            mesh_transferred_expression_old = disentangled_model.adjust_age(
                mesh_transferred_expression, age_mean + 2*age_direction*age_std)
            mesh_transferred_expression_young.export(f"rand_sample{num_sample}_young_{expression}.ply")
            mesh_transferred_expression_old.export(f"rand_sample{num_sample}_old_{expression}.ply")

    assert len(list(folder.glob("rand_sample*_*_*.ply"))) == 40
    latent = disentangled_model.encode(mesh_transferred_expression)
    latent[-1] = age_mean - 2 * age_std
    assert np.abs(Mesh.load("rand_sample4_old_whining.ply").vertices - disentangled_model.decode(latent)).max() < 1e-4

# fmt: on


def test_attribute_correction(folder, shown):
    model = MorphableModel.load_correct_morphable_model("pca_model.h5")
    sample_meshes = model.sample_meshes(5)
    with open("attributes.json", "r") as f:
        shape_factor_function = json.load(f)

    measurements_to_use = ["FI", "CI", "TRx"]
    measurement_optima = {"CI": 1.2, "TRx": 1}
    measurement_optima_arg = [
        measurement_optima[measurement_kind] if measurement_kind in measurement_optima else None
        for measurement_kind in measurements_to_use]  # fmt: skip

    corrected_meshes, measurements_estimated, measurement_optima = get_measurement_corrected_meshes(
            registered_meshes=sample_meshes, model=model, shape_factor_function=shape_factor_function,
            measurement_kinds=measurements_to_use, measurement_optima=measurement_optima_arg,
            fix_age=True, fix_total_volume=True)  # fmt: skip

    for sample_mesh, corrected_mesh in zip(sample_meshes, corrected_meshes):
        sample_mesh.show_multiple_meshes(sample_mesh, corrected_mesh)

    assert len(shown) == 5
    regressor = inface.AttributeRegressor.load("attributes.json")
    after = regressor.estimate(model, np.stack([model.encode(mesh) for mesh in corrected_meshes]))
    assert after["CI"] == pytest.approx(np.full(5, 1.2))
    assert after["FI"] == pytest.approx(np.full(5, 1.0))


def test_showing_meshes(folder, shown):
    scan = Mesh.load("scan.ply")
    vertex_np_array, triangle_np_array = scan.vertices, scan.triangles
    my_mesh = Mesh(vertex_np_array, triangle_np_array)
    my_mesh.show()
    Mesh.show_multiple_meshes(my_mesh, scan)
    assert [len(meshes) for meshes in shown] == [1, 2]


SCRIPT = """
import numpy as np
from inface import AEMorphableModel, Mesh, MorphableModel

mesh = Mesh.load("scan.ply")
unknown_vertex_mask = np.load("mask.npy")
model = MorphableModel.load_correct_morphable_model("pca_model.h5")
reconstructed_mesh = model.reconstruct_mesh(
    mesh, unknown_vertex_mask=unknown_vertex_mask, back_match_known_vertices=True
)
reconstructed_mesh.show_multiple_meshes(mesh, reconstructed_mesh)
reconstructed_mesh.export("reconstructed.ply")
disentangled_model = AEMorphableModel("ae_disentangled_model.h5")
mesh_exp_neutralized = disentangled_model.set_expression(mesh, disentangled_model.latent_mean)
mesh_exp_neutralized.show()
mesh_exp_neutralized.export("neutral.ply")
"""


def test_a_published_script_runs_to_its_end_as_a_process(folder):
    """Without a window here; `tests/viewer` opens and closes the page of `.show()` in a browser."""
    (folder / "script.py").write_text(SCRIPT, encoding="utf-8")
    environment = {
        **os.environ,
        "INFACE_NO_WINDOW": "1",
        "PYTHONPATH": os.path.dirname(os.path.dirname(inface.__file__)),
    }
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=folder, env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert (folder / "neutral.ply").is_file() and (folder / "reconstructed.ply").is_file()
