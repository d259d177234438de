"""The reference's names, each against what it stands for or against an oracle of its own."""

import json

import numpy as np
import pytest
import trimesh

import inface
from inface import LandmarkSet, LinearRegressor, Mesh
from inface.compat import MeshNames, ModelNames, RegressorNames
from inface.compat.models import names_of

TESTED = set()


@pytest.fixture(scope="module")
def pca():
    rng = np.random.default_rng(0)
    ball = trimesh.creation.icosphere(subdivisions=2, radius=70)
    basis = np.linalg.qr(rng.normal(size=(ball.vertices.size, 6)))[0].T
    return inface.PCAMorphableModel(
        components=basis, eigenvalues=np.linspace(900, 100, 6), mean_vertices=ball.vertices, triangles=ball.faces,
        colors=np.full(ball.vertices.shape, 0.5), regions={"nasion": [3], "ears": [1, 2, 3], "lines": [[1, 2], [2, 3]]},
    )  # fmt: skip


@pytest.fixture(scope="module")
def disentangled():
    return inface.load_default_model("disentangled")


@pytest.fixture
def box():
    made = trimesh.creation.box(extents=(20, 30, 40))
    return Mesh(made.vertices, made.faces, np.full((8, 3), 0.25), LandmarkSet(("n",), [[10.0, 0, 0]]))


def uses(*names):
    """Marks a test as the one of these names."""
    TESTED.update(names)
    return lambda test: test


@uses("sample", "sample_multiple")
def test_sampling(pca):
    assert np.array_equal(pca.sample(2, seed=3), pca.decode(pca.sample_latents(1, 2, seed=3)[0]))
    many = pca.sample_multiple(3, deviation_factor=0.5, seed=1)
    assert len(many) == 3 and np.array_equal(many[2], pca.decode(pca.sample_latents(3, 0.5, seed=1))[2])
    assert not np.array_equal(pca.sample(), pca.sample())


def test_num_samples(pca):
    assert len(pca.sample_meshes(num_samples=4)) == 4
    assert np.array_equal(
        pca.sample_meshes(num_samples=2, seed=1)[1].vertices, pca.sample_meshes(2, seed=1)[1].vertices
    )
    for wrong in ({}, {"n": 1, "num_samples": 2}):
        with pytest.raises(TypeError, match="once"):
            pca.sample_meshes(**wrong)


@uses("get_average_mesh", "get_mesh_from_vertices")
def test_meshes_of_a_model(pca):
    assert np.array_equal(pca.get_average_mesh().vertices, pca.decode(pca.latent_mean))
    assert pca.get_average_mesh().colors is not None
    assert pca.get_average_mesh(include_colors_if_available=False).colors is None
    moved = pca.get_mesh_from_vertices(pca.mean_vertices + 1)
    assert np.array_equal(moved.vertices, pca.mean_vertices + 1) and np.array_equal(moved.triangles, pca.triangles)
    assert pca.get_mesh_from_vertices(pca.mean_vertices, False).colors is None


@uses("normalize_weights", "unnormalize_weights", "full_code")
def test_weights(pca):
    code = pca.sample_latents(2, seed=0)
    assert np.allclose(pca.normalize_weights(code), pca.latent.standardise(code))
    assert np.allclose(pca.unnormalize_weights(pca.normalize_weights(code)), code)
    assert np.allclose(pca.normalize_weights(code[:, :3]), pca.normalize_weights(code)[:, :3])
    with pytest.raises(ValueError, match="at most 6 entries, got 7"):
        pca.normalize_weights(np.zeros(7))
    assert np.array_equal(pca.full_code(code[:, :2]), np.concatenate([code[:, :2], np.zeros((2, 4))], 1))


@uses("get_number_of_components", "get_number_of_vertices", "is_disentangled", "dims_per_encoder", "get_exp_dims")
def test_what_a_model_is(pca, disentangled):
    assert pca.get_number_of_components() == 6 and pca.get_number_of_vertices() == len(pca.mean_vertices)
    assert (pca.is_disentangled, disentangled.is_disentangled) == (False, True)
    assert pca.dims_per_encoder == [6] and disentangled.dims_per_encoder == [32, 64, 1]
    assert disentangled.get_exp_dims() == (32, 96)
    with pytest.raises(AttributeError, match="no block 'expression'"):
        pca.get_exp_dims()


@uses("get_projected_vertices")
def test_projection(pca):
    meshes = pca.sample_meshes(3, seed=5)
    codes = pca.get_projected_vertices(*meshes)
    assert np.allclose(codes, np.stack([pca.encode(m) for m in meshes]))
    assert np.allclose(pca.get_projected_vertices(*meshes, normalize_projection=True), codes / pca.latent_std)


@uses("back_match_data")
@pytest.mark.parametrize("form", ["mask", "indices"])
def test_back_matching_is_harmonic(pca, form):
    """Known vertices exact; elsewhere the offset has zero uniform Laplacian."""
    original = pca.sample(seed=1)
    shape = pca.sample(seed=2)
    unknown = original[:, 1] > 20
    out = pca.back_match_data(original, shape, unknown if form == "mask" else np.flatnonzero(unknown))
    assert np.array_equal(out[~unknown], original[~unknown])
    offset = out - shape
    adjacency = pca.template.mesh.get_adjacency_matrix().toarray()
    laplacian = offset - adjacency @ offset / adjacency.sum(1, keepdims=True)
    assert np.abs(laplacian[unknown]).max() < 1e-8
    assert np.abs(offset[unknown]).max() > 0.1


@uses("get_covariance_matrix")
def test_what_is_called_covariance_is_the_precision(pca, disentangled):
    precision = pca.get_covariance_matrix()
    covariance = (pca.components.T * pca.eigenvalues) @ pca.components
    projection = pca.components.T @ pca.components
    assert np.allclose(precision @ covariance, projection, atol=1e-8)
    with pytest.raises(ValueError, match="the matrix would take 12 GB"):
        inface.load_default_model("pca").get_covariance_matrix()


@uses("load_params_from_hdf5_to_dict", "parameters_of")
def test_parameters_of_a_file(pca, tmp_path):
    pca.save(tmp_path / "a.h5")
    for who in (inface.MorphableModel, pca):
        params = who.load_params_from_hdf5_to_dict(str(tmp_path / "a.h5"))
        assert np.array_equal(params["components"], pca.components) and "indices" in params


@uses("convert_mesh_with_linear_regressor")
def test_from_model_to_model(pca, tmp_path):
    regressor = LinearRegressor(np.random.default_rng(1).normal(size=(6, 6)), np.arange(6.0))
    regressor.save(tmp_path / "r.json")
    mesh = pca.sample_meshes(1, seed=0)[0]
    wanted = regressor(pca.encode(mesh))
    for given in (regressor, tmp_path / "r.json", str(tmp_path / "r.json")):
        assert np.allclose(pca.convert_mesh_with_linear_regressor(given, mesh), wanted)
        assert np.allclose(pca.convert_mesh_with_linear_regressor(given, mesh, pca).vertices, pca.decode(wanted))
    mask = np.arange(len(mesh.vertices)) < 20
    half = pca.convert_mesh_with_linear_regressor(regressor, mesh, unknown_vertex_mask=mask)
    assert np.allclose(half, regressor(pca.encode(mesh, mask)))


@uses("has_index", "get_indices")
def test_named_vertices(pca):
    assert pca.has_index("ears") and not pca.has_index("nose")
    assert pca.get_indices("ears", "nasion").tolist() == [1, 2, 3]
    assert pca.get_indices("nasion", "ears", "nose", make_unique=False).tolist() == [3, 1, 2, 3]
    assert [rows.tolist() for rows in pca.get_indices("nasion", "ears", join_indices=False)] == [[3], [1, 2, 3]]
    assert pca.get_indices("nasion", join_indices=False).tolist() == [3]
    assert pca.get_indices("lines").shape == (2, 2)
    assert set(pca.get_indices()) == {"nasion", "ears", "lines"}


@uses("fit_to_landmarks")
def test_fit_to_landmarks(pca):
    mesh = pca.sample_meshes(1, seed=4)[0]
    rows = np.array([5, 60, 100, 31, 7, 90, 44])
    points = mesh.vertices[rows]
    fitted, code = pca.fit_to_landmarks(points, rows)
    assert np.allclose(fitted.vertices[rows], points, atol=1e-6)
    assert np.allclose(code, pca.encode(mesh), atol=1e-4)
    named, _ = pca.fit_to_landmarks(LandmarkSet(tuple("abcdefg"), points), rows)
    assert np.allclose(named.vertices, fitted.vertices)
    with pytest.raises(ValueError, match="a mask keeps no order"):
        pca.fit_to_landmarks(points, np.ones(len(mesh.vertices), bool))
    with pytest.raises(ValueError, match="a vertex stands twice"):
        pca.fit_to_landmarks(points, np.zeros(7, int))


def test_encode_with_sigma_and_num_components(pca, disentangled):
    mesh = pca.sample_meshes(1, seed=4)[0]
    whole = pca.encode(mesh)
    short = pca.encode(mesh, num_components=3)
    assert short.shape == (3,) and np.allclose(short, whole[:3])
    assert np.allclose(pca.decode(short), pca.decode(np.concatenate([short, np.zeros(3)])))
    assert np.allclose(pca.encode(mesh, sigma=2.0), whole / 5)  # C C^T = 1, so the code over 1 + sigma^2
    mask = mesh.vertices[:, 1] > 0
    rows = np.repeat(~mask, 3)
    part = pca.components[:4, rows]
    oracle = np.linalg.solve(
        part @ part.T + 9 * np.eye(4), part @ (mesh.vertices - pca.mean_vertices).reshape(-1)[rows]
    )
    assert np.allclose(pca.encode(mesh, mask, sigma=3, num_components=4), oracle)
    for wrong in ({"num_components": 7}, {"num_components": 0}, {"sigma": -1}):
        with pytest.raises(ValueError, match="expected"):
            pca.encode(mesh, **wrong)
    with pytest.raises(ValueError, match="only PCA models"):
        disentangled.encode(disentangled.template.mesh, num_components=3)


@uses("from_json", "save_to_json", "regressor_matrix", "intercept_vector", "translate_latent_code")
def test_regressor(tmp_path):
    regressor = LinearRegressor([[1.0, 2], [3, 4], [5, 6]], [1.0, 0, -1])
    regressor.save_to_json(tmp_path / "a.json")
    back = LinearRegressor.from_json(tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text())["intercept"] == [1, 0, -1]
    assert np.array_equal(back.regressor_matrix, regressor.matrix)
    assert np.array_equal(back.intercept_vector, regressor.intercept)
    assert np.array_equal(back.translate_latent_code([1, 1]), [4, 7, 10])


@uses("get_vertices", "get_triangles", "get_faces", "get_colors", "has_colors", "get_copy",
      "get_number_of_vertices", "get_number_of_triangles", "get_num_vertices", "get_num_triangles")  # fmt: skip
def test_parts_of_a_mesh(box):
    box.get_vertices()[0] = 99  # a copy
    assert box.vertices.max() < 99 and np.array_equal(box.get_vertices(copy=False), box.vertices)
    assert np.array_equal(box.get_triangles(), box.triangles) and np.array_equal(box.get_faces(True), box.triangles)
    assert box.has_colors() and np.array_equal(box.get_colors(copy=True), box.colors)
    assert box.with_colors(None).get_colors() is None
    assert (box.get_number_of_vertices(), box.get_number_of_triangles()) == (8, 12)
    assert (box.get_num_vertices(), box.get_num_triangles()) == (8, 12)
    assert np.array_equal(box.get_copy().vertices, box.vertices)


@uses("get_edges_unique", "get_adjacency_matrix", "get_volume", "get_trimesh_mesh", "get_from_trimesh_mesh")
def test_against_trimesh(box):
    other = box.get_trimesh_mesh()
    assert np.array_equal(np.asarray(other.vertices), box.vertices)
    assert np.array_equal(box.get_edges_unique(), np.unique(np.sort(other.edges_unique, 1), axis=0))
    matrix = box.get_adjacency_matrix()
    assert (matrix != matrix.T).nnz == 0 and matrix.nnz == 2 * len(box.get_edges_unique())
    assert box.get_volume() == pytest.approx(other.volume) == pytest.approx(24000)
    back = Mesh.get_from_trimesh_mesh(other)
    assert np.array_equal(back.vertices, box.vertices) and np.array_equal(back.triangles, box.triangles)


@uses("get_open3d_mesh", "get_from_open3d_mesh")
def test_bridge_to_open3d(box, monkeypatch):
    """Against a stand-in with Open3D's names, since Open3D itself is large and not for every Python."""
    import types

    class TriangleMesh:
        def __init__(self, vertices=(), triangles=()):
            self.vertices, self.triangles, self.vertex_colors, self.normals = vertices, triangles, [], False

        def compute_vertex_normals(self):
            self.normals = True

    module = types.ModuleType("open3d")
    module.geometry = types.SimpleNamespace(TriangleMesh=TriangleMesh)
    module.utility = types.SimpleNamespace(Vector3dVector=np.array, Vector3iVector=np.array)
    monkeypatch.setitem(__import__("sys").modules, "open3d", module)
    other = box.get_open3d_mesh(compute_normals=True)
    assert other.normals and np.array_equal(other.vertices, box.vertices)
    back = Mesh.get_from_open3d_mesh(other)
    assert np.array_equal(back.triangles, box.triangles) and np.array_equal(back.colors, box.colors)
    monkeypatch.setitem(__import__("sys").modules, "open3d", None)
    with pytest.raises(ImportError, match="pip install open3d"):
        box.get_open3d_mesh()


@uses("smooth_laplacian")
def test_smoothing(pca):
    mesh = pca.sample_meshes(1, seed=0)[0]
    slow = mesh.vertices.copy()
    neighbours = [np.flatnonzero(row) for row in mesh.get_adjacency_matrix().toarray()]
    for _ in range(3):
        slow = np.stack([v + 0.4 * (slow[n].mean(0) - v) for v, n in zip(slow, neighbours, strict=True)])
    assert np.allclose(mesh.smooth_laplacian(3, 0.4).vertices, slow)
    some = mesh.smooth_laplacian(2, indices=[0, 5])
    moved = np.abs(some.vertices - mesh.vertices).max(1) > 0
    assert np.flatnonzero(moved).tolist() == [0, 5]
    with pytest.raises(ValueError, match="lambda_fact"):
        mesh.smooth_laplacian(1, 1.5)


@uses("remove_vertices")
def test_removing_vertices(box):
    mask = np.arange(8) == 2
    for gone in ([2], mask):
        left = box.remove_vertices(gone)
        assert np.array_equal(left.vertices, np.delete(box.vertices, 2, 0)) and len(left.colors) == 7
        kept = box.triangles[~(box.triangles == 2).any(1)]
        assert np.array_equal(left.vertices[left.triangles], box.vertices[kept])
        assert left.landmarks is not None


@uses("transform")
def test_transform(box):
    mirror = np.diag([-1.0, 1, 1, 1])
    mirror[:3, 3] = 1, 2, 3
    moved = box.transform(mirror)
    assert np.allclose(moved.vertices, box.vertices * [-1, 1, 1] + [1, 2, 3])
    assert moved.get_volume() == pytest.approx(box.get_volume())  # normals still point out
    assert np.allclose(moved.landmarks["n"], [-9, 2, 3])
    assert np.allclose(moved.transform(mirror, invert=True).vertices, box.vertices)
    with pytest.raises(ValueError, match="a mesh is frozen here"):
        box.transform(mirror, in_place=True)
    with pytest.raises(ValueError, match=r"\(3, 3\) or \(4, 4\)"):
        box.transform(np.eye(2))


@uses("align_procrustes")
def test_alignment(box):
    turn = trimesh.transformations.rotation_matrix(1.0, [1, 2, 3], [4, 5, 6])
    moved = box.transform(turn)
    assert np.allclose(moved.align_procrustes(box).vertices, box.vertices)
    assert np.allclose(moved.align_procrustes(box.vertices[[0, 3, 5, 6]], indices=[0, 3, 5, 6]).vertices, box.vertices)
    bigger = box.transform(np.diag([2.0, 2, 2]))
    assert np.allclose(bigger.align_procrustes(box, scale=True).vertices, box.vertices)
    assert bigger.align_procrustes(box).get_volume() == pytest.approx(8 * box.get_volume())
    mirrored = box.vertices * [-1, 1, 1] + np.arange(24).reshape(8, 3) * 0.3
    assert box.align_procrustes(mirrored).get_volume() > 0  # never a mirror image


def test_every_name_of_the_module_is_tested():
    names = {name for mixin in (MeshNames, ModelNames, RegressorNames) for name in names_of(mixin)}
    assert names - TESTED == set()
